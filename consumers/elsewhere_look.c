#include "elsewhere.h"

#include "core/clock.h"
#include "core/log.h"
#include "intake.h"
#include "topics/ends.h"

enum {
    LOOK_MS = 5000,  /* then it is looked whether the DELETE can still come */
    READ_MS = 10000, /* for that look */
    POLL_MS = 50,
    BATCH_BYTES_MAX = 1100 * 1024 * 1024, /* for one giant record */
};

/* --- what never comes --- */

static cdc_rc cdc_elsewhere_id(const cdc_elsewhere_asker *as, const cdc_message *msg, uint64_t *id,
                               cdc_error *err)
{
    void *codec = NULL;
    cdc_batch *batch = cdc_batch_new(BATCH_BYTES_MAX);
    cdc_rc rc = batch != NULL ? as->codec->open(&codec, as->env, err)
                              : cdc_error_set(err, CDC_FATAL, "no_memory",
                                              "out of memory for rows that move");
    if (rc == CDC_OK) {
        rc = cdc_intake_decode(as->codec, codec, msg, batch, err);
        as->codec->close(codec);
    }
    *id = rc == CDC_OK && batch->nevents > 0 ? batch->events[0].id : 0;
    cdc_batch_free(batch);
    return rc == CDC_SKIP ? CDC_OK : rc;
}

/* Id of the first record from this offset up to the end, or the highest number: there is none. */
static cdc_rc cdc_elsewhere_first(const cdc_elsewhere_asker *as, cdc_consumer *cs,
                                  const cdc_offset *at, int64_t end, uint64_t *id, cdc_error *err)
{
    int64_t until = cdc_clock_mono_ms() + READ_MS;
    cdc_message msg;
    cdc_rc rc = cdc_consumer_assign(cs, at, 1, err);
    *id = UINT64_MAX;
    while (rc == CDC_OK && cdc_consumer_position(cs, at->topic, at->partition) < end) {
        rc = cdc_consumer_poll(cs, &msg, POLL_MS, err);
        if (rc == CDC_OK) {
            rc = cdc_elsewhere_id(as, &msg, id, err);
            cdc_consumer_release(&msg);
            return rc;
        }
        bool late = cdc_clock_mono_ms() > until; /* an open transaction hides the rest */
        rc = rc == CDC_AGAIN && !late ? CDC_OK : rc;
    }
    return rc;
}

/* The lowest id that can still come in the partition. AGAIN: not known now. */
static cdc_rc cdc_elsewhere_next_id(const cdc_elsewhere_asker *as, const cdc_elsewhere_part *part,
                                    uint64_t *id, cdc_error *err)
{
    cdc_offset at = {.topic = part->topic, .partition = part->partition};
    cdc_consumer *cs = NULL;
    cdc_ends *ends = NULL;
    int64_t end = 0;
    cdc_rc rc = cdc_ends_new(&ends, as->env, err);
    if (rc == CDC_OK) {
        rc = cdc_ends_ask(ends, &at, 1, &end, err);
    }
    if (rc == CDC_OK) {
        rc = as->sink->applied(as->handle, at.topic, at.partition, &at.next, err);
    }
    if (rc == CDC_OK) {
        rc = cdc_consumer_new(&cs, as->env, err);
    }
    if (rc == CDC_OK) {
        rc = cdc_elsewhere_first(as, cs, &at, end, id, err);
    }
    cdc_consumer_free(cs);
    cdc_ends_free(ends);
    return rc;
}

/* --- answers --- */

static cdc_rc cdc_elsewhere_ask(const cdc_elsewhere_asker *as, cdc_elsewhere_part *part,
                                cdc_error *err)
{
    char mark[CDC_ELSEWHERE_MARK];
    int64_t id = -1;
    (void)cdc_elsewhere_mark(part->topic, mark, sizeof mark); /* cdc_share_check has looked at it */
    cdc_rc rc = as->sink->applied(as->handle, mark, part->partition, &id, err);
    if (rc != CDC_OK) {
        return rc;
    }
    part->passed = id > 0 ? (uint64_t)id : 0;
    if (part->passed >= part->wanted || cdc_clock_mono_ms() - part->since_ms < LOOK_MS) {
        return CDC_OK;
    }
    uint64_t next = 0;
    part->since_ms = cdc_clock_mono_ms();
    rc = cdc_elsewhere_next_id(as, part, &next, err);
    if (rc == CDC_OK && next > part->wanted) {
        CDC_LOG(CDC_LOG_WARN, "move_half", CDC_STR("topic", part->topic),
                CDC_NUM("partition", part->partition),
                CDC_STR("text", "the DELETE of a row that moved from here lies before the start"));
        part->passed = part->wanted;
    }
    return rc == CDC_AGAIN ? CDC_OK : rc;
}

cdc_rc cdc_elsewhere_look(cdc_elsewhere *ew, const cdc_elsewhere_asker *as, cdc_error *err)
{
    cdc_elsewhere_part part;
    size_t turn = 0;
    cdc_rc rc = CDC_OK;
    while (rc == CDC_OK && cdc_elsewhere_next(ew, &turn, &part)) {
        rc = cdc_elsewhere_ask(as, &part, err);
        cdc_elsewhere_answer(ew, &part);
    }
    return rc;
}
