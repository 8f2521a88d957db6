#include "ddl_feed.h"

#include <stdlib.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/stop.h"
#include "intake.h"
#include "topics/consumer.h"

enum {
    BATCH_BYTES_MAX = 64 * 1024 * 1024,
    KEEP_BYTES = 64 * 1024,
    LINE_MAX = 256,               /* definitions that wait, of one topic... */
    LINE_BYTES = 8 * 1024 * 1024, /* ...and their bytes */
    LOOK_MS = 500,                /* for a topic that does not exist yet */
    HIDDEN_MS = 90000,            /* longer than the timeout after which Kafka ends a transaction */
    POLL_MS = 50,
};

typedef struct cdc_ddl_line {
    const char *topic;
    bool exists;
    bool passed_over; /* records came for which there was no room: they are read again */
    int64_t next;     /* behind what waits here */
    int64_t applied;  /* behind what is applied */
    int64_t end;      /* where the topic ended at the start */
    cdc_definition *first, *last;
    uint32_t n;
    size_t bytes;
} cdc_ddl_line;

struct cdc_ddl_feed {
    const cdc_env *env;
    const cdc_codec *codec;
    void *codec_handle;
    cdc_consumer *consumer;
    cdc_ends *ends;
    cdc_batch *batch;
    cdc_ddl_line *lines;
    size_t nlines;
    int64_t looked_ms;
};

/* --- life --- */

cdc_rc cdc_ddl_feed_new(cdc_ddl_feed **out, const cdc_env *env, const cdc_codec *codec,
                        cdc_ends *ends, cdc_error *err)
{
    cdc_ddl_feed *df = calloc(1, sizeof *df);
    *out = NULL;
    if (df == NULL) {
        return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for the DDL topics");
    }
    *df = (cdc_ddl_feed){.env = env, .codec = codec, .ends = ends};
    df->batch = cdc_batch_new(BATCH_BYTES_MAX);
    cdc_rc rc = df->batch != NULL ? codec->open(&df->codec_handle, env, err)
                                  : cdc_error_set(err, CDC_FATAL, "no_memory",
                                                  "out of memory for the DDL topics");
    if (rc == CDC_OK) {
        rc = cdc_consumer_new(&df->consumer, env, err);
    }
    if (rc != CDC_OK) {
        cdc_ddl_feed_free(df);
        return rc;
    }
    *out = df;
    return CDC_OK;
}

static void cdc_ddl_line_clear(cdc_ddl_line *line)
{
    while (line->first != NULL) {
        cdc_definition *def = line->first;
        line->first = def->next;
        cdc_definition_free(def);
    }
}

void cdc_ddl_feed_free(cdc_ddl_feed *df)
{
    if (df == NULL) {
        return;
    }
    cdc_consumer_free(df->consumer);
    if (df->codec_handle != NULL) {
        df->codec->close(df->codec_handle);
    }
    for (size_t i = 0; i < df->nlines; i++) {
        cdc_ddl_line_clear(&df->lines[i]);
    }
    free(df->lines);
    cdc_batch_free(df->batch);
    free(df);
}

/* --- assignment --- */

static cdc_rc cdc_ddl_feed_assign(cdc_ddl_feed *df, cdc_error *err)
{
    cdc_offset *at = calloc(df->nlines, sizeof *at);
    uint32_t n = 0;
    if (at == NULL) {
        return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for the DDL topics");
    }
    for (size_t i = 0; i < df->nlines; i++) {
        if (df->lines[i].exists) {
            at[n++] = (cdc_offset){.topic = df->lines[i].topic, .next = df->lines[i].next};
        }
    }
    cdc_rc rc = cdc_consumer_assign(df->consumer, at, n, err);
    free(at);
    return rc;
}

/* *found: it does exist now. */
static cdc_rc cdc_ddl_line_look(cdc_ddl_feed *df, cdc_ddl_line *line, bool *found, cdc_error *err)
{
    int32_t partitions = 0;
    cdc_rc rc = cdc_consumer_partitions(df->consumer, line->topic, &partitions, err);
    if (rc == CDC_EOF) {
        return CDC_OK;
    }
    line->exists = rc == CDC_OK;
    *found = *found || line->exists;
    return rc;
}

/* Topics that have been made since. */
static cdc_rc cdc_ddl_feed_look(cdc_ddl_feed *df, cdc_error *err)
{
    bool found = false;
    cdc_rc rc = CDC_OK;
    df->looked_ms = cdc_clock_mono_ms();
    for (size_t i = 0; i < df->nlines && rc == CDC_OK; i++) {
        if (!df->lines[i].exists) {
            rc = cdc_ddl_line_look(df, &df->lines[i], &found, err);
        }
    }
    return rc == CDC_OK && found ? cdc_ddl_feed_assign(df, err) : rc;
}

cdc_rc cdc_ddl_feed_add(cdc_ddl_feed *df, const char *topic, int64_t next, cdc_error *err)
{
    bool found = false;
    cdc_ddl_line *lines = realloc(df->lines, (df->nlines + 1) * sizeof *lines);
    if (lines == NULL) {
        return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for the DDL topics");
    }
    df->lines = lines;
    cdc_ddl_line *line = &lines[df->nlines++];
    *line = (cdc_ddl_line){.topic = topic, .next = next, .applied = next};
    cdc_rc rc = cdc_ddl_line_look(df, line, &found, err);
    if (rc == CDC_OK && found) {
        const cdc_offset at = {.topic = topic};
        rc = cdc_ends_ask(df->ends, &at, 1, &line->end, err);
    }
    return rc == CDC_OK && found ? cdc_ddl_feed_assign(df, err) : rc;
}

/* --- reading --- */

static cdc_rc cdc_ddl_line_event(cdc_ddl_line *line, const cdc_event *ev, cdc_error *err)
{
    cdc_definition *def = line->last;
    bool more = def != NULL && !def->complete && cdc_definition_takes(def, ev);
    bool good = true;
    if (more) {
        line->bytes -= def->arena.used_bytes;
        good = cdc_definition_add(def, ev);
    } else {
        if (def != NULL) {
            def->complete = true;
        }
        def = cdc_definition_new(ev);
        good = def != NULL;
    }
    if (!good) {
        return cdc_error_set(err, CDC_FATAL, "no_memory",
                             "out of memory for a definition change: topic %s offset %lld",
                             line->topic, (long long)ev->offset);
    }
    line->bytes += def->arena.used_bytes;
    if (!more) {
        if (line->last != NULL) {
            line->last->next = def;
        } else {
            line->first = def;
        }
        line->last = def;
        line->n++;
    }
    return CDC_OK;
}

static bool cdc_ddl_line_is_full(const cdc_ddl_line *line)
{
    bool open = line->last != NULL && !line->last->complete; /* its rest must come */
    return !open && (line->n >= LINE_MAX || line->bytes >= LINE_BYTES);
}

static cdc_rc cdc_ddl_line_record(cdc_ddl_feed *df, cdc_ddl_line *line, cdc_message *msg,
                                  cdc_error *err)
{
    line->passed_over = line->passed_over || cdc_ddl_line_is_full(line);
    if (line->passed_over) {
        return CDC_OK;
    }
    msg->topic = line->topic;
    cdc_batch_reset(df->batch);
    cdc_rc rc = cdc_intake_decode(df->codec, df->codec_handle, msg, df->batch, err);
    if (rc == CDC_SKIP) {
        CDC_LOG(CDC_LOG_WARN, "record_skipped", CDC_STR("reason", err->text));
        rc = CDC_OK;
    }
    for (uint32_t i = 0; i < df->batch->nevents && rc == CDC_OK; i++) {
        const cdc_event *ev = &df->batch->events[i];
        if (ev->op != CDC_OP_DDL) {
            return cdc_error_set(
                err, CDC_FATAL, "ddl_topic_rows",
                "topic %s offset %lld: a row in a topic of definition changes: topics.ddl names "
                "another topic than the capture's",
                line->topic, (long long)msg->offset);
        }
        rc = cdc_ddl_line_event(line, ev, err);
    }
    line->next = rc == CDC_OK ? msg->offset + 1 : line->next;
    return rc;
}

static cdc_rc cdc_ddl_feed_poll(cdc_ddl_feed *df, int timeout_ms, cdc_error *err)
{
    cdc_message msg;
    cdc_rc rc = cdc_consumer_poll(df->consumer, &msg, timeout_ms, err);
    if (rc != CDC_OK) {
        return rc;
    }
    for (size_t i = 0; i < df->nlines; i++) {
        if (strcmp(df->lines[i].topic, msg.topic) == 0) {
            rc = cdc_ddl_line_record(df, &df->lines[i], &msg, err);
            break;
        }
    }
    cdc_consumer_release(&msg);
    return rc;
}

static bool cdc_ddl_feed_reached(const cdc_ddl_feed *df, const int64_t *ends)
{
    for (size_t i = 0; i < df->nlines; i++) {
        const cdc_ddl_line *line = &df->lines[i];
        if (line->exists && !line->passed_over &&
            cdc_consumer_position(df->consumer, line->topic, 0) < ends[i]) {
            return false;
        }
    }
    return true;
}

/* The ends of those that exist; 0 for the others. */
static cdc_rc cdc_ddl_feed_ask(cdc_ddl_feed *df, cdc_offset *at, int64_t *ends, cdc_error *err)
{
    uint32_t n = 0;
    for (size_t i = 0; i < df->nlines; i++) {
        if (df->lines[i].exists) {
            at[n++].topic = df->lines[i].topic;
        }
    }
    cdc_rc rc = n > 0 ? cdc_ends_ask(df->ends, at, n, ends, err) : CDC_OK;
    for (size_t i = df->nlines; rc == CDC_OK && i-- > 0;) {
        ends[i] = df->lines[i].exists ? ends[--n] : 0;
    }
    return rc;
}

static cdc_rc cdc_ddl_feed_wait(cdc_ddl_feed *df, const int64_t *ends, cdc_error *err)
{
    int64_t heard_ms = cdc_clock_mono_ms();
    cdc_rc rc = CDC_OK;
    while (rc == CDC_OK && !cdc_ddl_feed_reached(df, ends)) {
        rc = cdc_ddl_feed_poll(df, POLL_MS, err);
        if (rc == CDC_OK) {
            heard_ms = cdc_clock_mono_ms();
        } else if (rc == CDC_AGAIN) {
            rc = CDC_OK;
            if (cdc_stop_requested() || cdc_clock_mono_ms() - heard_ms > HIDDEN_MS) {
                rc = cdc_error_set(err, CDC_RETRY, "ddl_hidden",
                                   "topic %s: an open transaction hides what lies behind offset "
                                   "%lld: let the capture that wrote it run",
                                   df->lines[0].topic, (long long)df->lines[0].next);
            }
        }
    }
    return rc;
}

cdc_rc cdc_ddl_feed_catch_up(cdc_ddl_feed *df, cdc_error *err)
{
    if (df->nlines == 0) {
        return CDC_OK;
    }
    cdc_offset *at = calloc(df->nlines, sizeof *at);
    int64_t *ends = calloc(df->nlines, sizeof *ends);
    cdc_rc rc = at != NULL && ends != NULL ? cdc_ddl_feed_look(df, err)
                                           : cdc_error_set(err, CDC_FATAL, "no_memory",
                                                           "out of memory for the DDL topics");
    if (rc == CDC_OK) {
        rc = cdc_ddl_feed_ask(df, at, ends, err);
    }
    if (rc == CDC_OK) {
        rc = cdc_ddl_feed_wait(df, ends, err);
    }
    /* A statement's messages come in one Kafka transaction, so there is no more of it. */
    for (size_t i = 0; i < df->nlines && rc == CDC_OK; i++) {
        if (df->lines[i].last != NULL && !df->lines[i].passed_over) {
            df->lines[i].last->complete = true;
        }
    }
    free(at);
    free(ends);
    return rc;
}

cdc_rc cdc_ddl_feed_read(cdc_ddl_feed *df, cdc_error *err)
{
    bool open = false;
    cdc_rc rc = CDC_OK;
    if (cdc_clock_mono_ms() - df->looked_ms >= LOOK_MS) {
        rc = cdc_ddl_feed_look(df, err);
    }
    while (rc == CDC_OK) {
        rc = cdc_ddl_feed_poll(df, 0, err);
    }
    if (rc != CDC_AGAIN) {
        return rc;
    }
    for (size_t i = 0; i < df->nlines; i++) {
        open = open || (df->lines[i].last != NULL && !df->lines[i].last->complete);
    }
    return open ? cdc_ddl_feed_catch_up(df, err) : CDC_OK;
}

/* --- what waits --- */

cdc_definition *cdc_ddl_feed_head(const cdc_ddl_feed *df, size_t *turn)
{
    while (*turn < df->nlines) {
        cdc_definition *def = df->lines[(*turn)++].first;
        if (def != NULL && def->complete) {
            return def;
        }
    }
    return NULL;
}

cdc_rc cdc_ddl_feed_pop(cdc_ddl_feed *df, cdc_definition *def, cdc_error *err)
{
    cdc_ddl_line *line = df->lines;
    while (line->first != def) {
        line++;
    }
    line->applied = def->offsets[0].next;
    line->first = def->next;
    line->last = line->first == NULL ? NULL : line->last;
    line->n--;
    line->bytes -= def->arena.used_bytes;
    cdc_definition_free(def);
    if (line->passed_over && line->first == NULL) {
        line->passed_over = false;
        return cdc_ddl_feed_assign(df, err);
    }
    return CDC_OK;
}

bool cdc_ddl_feed_caught_up(const cdc_ddl_feed *df)
{
    for (size_t i = 0; i < df->nlines; i++) {
        const cdc_ddl_line *line = &df->lines[i];
        /* The last offsets may be transaction markers, which are never delivered. */
        bool passed = line->first == NULL && !line->passed_over &&
                      cdc_consumer_position(df->consumer, line->topic, 0) >= line->end;
        if (line->exists && line->applied < line->end && !passed) {
            return false;
        }
    }
    return true;
}

void cdc_ddl_feed_names(const cdc_ddl_feed *df, bool exist, char *out, size_t size)
{
    out[0] = '\0';
    for (size_t i = 0; i < df->nlines; i++) {
        size_t at = strlen(out);
        if (df->lines[i].exists == exist) {
            snprintf(out + at, size - at, "%s%s", at > 0 ? ", " : "", df->lines[i].topic);
        }
    }
}
