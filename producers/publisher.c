#include "publisher.h"

#include <stdlib.h>

#include "core/clock.h"
#include "core/log.h"
#include "filter.h"
#include "group.h"
#include "ledger.h"
#include "schema/canal_json/text.h"
#include "topics/header.h"
#include "topics/split.h"

enum {
    TOKEN_BYTES_MAX = 16 * 1024 * 1024,
    HEADER_BYTES_MAX = 64 * 1024,
    VALUE_KEEP_BYTES = 2 * 1024 * 1024,
    GROUP_BYTES_MAX = 64 * 1024, /* of commands in one record */
    GROUP_GROWS_MAX = 8,         /* a message has at most so many times the bytes of its commands */
    SIDE_BEHIND_MAX = 256 * 1024 * 1024, /* see cdc_publisher_side */
};

typedef struct cdc_record {
    bool ddl; /* held: no commit until the next event tells whether the statement goes on */
    uint64_t id;
    uint32_t table; /* the ledger's */
    cdc_route route;
    cdc_buffer key, value;
    cdc_buffer header, header_last; /* inside of its transaction, and as the last of it */
} cdc_record;

/* A record that waits to learn whether it is the last of its transaction. */
typedef struct cdc_held {
    bool full;
    bool half; /* the other record of its row is in Kafka already */
    cdc_record record;
    size_t side_bytes; /* sent to the side topic since */
} cdc_held;

struct cdc_publisher {
    const cdc_env *env;
    const cdc_codec *codec;
    void *codec_handle;
    cdc_producer *producer;
    cdc_router *router;
    cdc_canal_text *texts; /* of what the router hashes */
    cdc_counts *counts;
    uint32_t prepared; /* uid of the table that the router has last been asked for */
    cdc_filter *filter;
    cdc_ledger *ledger;   /* NULL: topics.transactions is not given */
    const char *instance; /* borrowed: outlives the publisher */
    cdc_record made;      /* of the newest row */
    size_t max_bytes;     /* message.max_bytes */
    cdc_held held;
    /* What has been sent. */
    cdc_buffer token;
    uint64_t id;
    uint64_t ddl;               /* id of the newest DDL message made; 0 = none */
    uint64_t txn_rows;          /* source rows of the open transaction seen, sent or held */
    uint64_t txn_seq;           /* records of the open transaction made */
    uint64_t skip_rows;         /* rows still to be dropped after a restart */
    char txn[CDC_TXN_TEXT_MAX]; /* the open transaction; while rows are dropped, theirs; "": any */
    uint64_t held_rows; /* rows from the held record's on: its own, and those dropped since */
    uint64_t block_seq; /* records of the open MULTI block sent */
    bool atomic;        /* the open transaction must not be split */
    bool token_moved;
    bool ddl_sent; /* the last record sent was a DDL message */
    int64_t source_ms;
    char position[320];
    cdc_metric *rows[CDC_OP_COMMAND + 1];
    int64_t dropped[CDC_OP_DDL + 1]; /* by the filter, of the batch in hand */
    cdc_metric *records, *bytes, *commits, *split, *side, *filtered;
};

static void cdc_publisher_metrics(cdc_publisher *pub)
{
    cdc_metrics *mx = pub->env->metrics;
    const char *help = "Source rows published, by operation";
    pub->rows[CDC_OP_INSERT] =
        cdc_metrics_number(mx, CDC_COUNTER, "sluice_rows_total", "op=\"insert\"", help);
    pub->rows[CDC_OP_UPDATE] =
        cdc_metrics_number(mx, CDC_COUNTER, "sluice_rows_total", "op=\"update\"", help);
    pub->rows[CDC_OP_DELETE] =
        cdc_metrics_number(mx, CDC_COUNTER, "sluice_rows_total", "op=\"delete\"", help);
    pub->rows[CDC_OP_DDL] =
        cdc_metrics_number(mx, CDC_COUNTER, "sluice_rows_total", "op=\"ddl\"", help);
    pub->rows[CDC_OP_COMMAND] =
        cdc_metrics_number(mx, CDC_COUNTER, "sluice_rows_total", "op=\"command\"", help);
    pub->filtered = cdc_metrics_number(mx, CDC_COUNTER, "sluice_filtered_rows_total", "",
                                       "Source rows that the task's rules left out");
    pub->records =
        cdc_metrics_number(mx, CDC_COUNTER, "sluice_records_total", "", "Records handed to Kafka");
    pub->bytes = cdc_metrics_number(mx, CDC_COUNTER, "sluice_record_bytes_total", "",
                                    "Bytes of keys and values handed to Kafka, before compression");
    help = "Messages larger than message.max_bytes, by what was done with them";
    pub->split =
        cdc_metrics_number(mx, CDC_COUNTER, "sluice_oversize_total", "how=\"split\"", help);
    pub->side =
        cdc_metrics_number(mx, CDC_COUNTER, "sluice_oversize_total", "how=\"side-topic\"", help);
    pub->commits = cdc_metrics_number(mx, CDC_COUNTER, "sluice_commits_total", "",
                                      "Checkpoints made durable (Kafka transactions)");
}

static void cdc_record_init(cdc_record *rec, size_t room)
{
    cdc_buffer_init(&rec->key, room);
    cdc_buffer_init(&rec->value, room);
    cdc_buffer_init(&rec->header, HEADER_BYTES_MAX);
    cdc_buffer_init(&rec->header_last, HEADER_BYTES_MAX);
}

static void cdc_record_fini(cdc_record *rec)
{
    cdc_buffer_fini(&rec->key);
    cdc_buffer_fini(&rec->value);
    cdc_buffer_fini(&rec->header);
    cdc_buffer_fini(&rec->header_last);
}

static void cdc_publisher_buffers(cdc_publisher *pub)
{
    pub->max_bytes = (size_t)cdc_config_int(pub->env->task->cfg, "message.max_bytes");
    /* Room above the limit, so that a message over it is reported with its size. */
    size_t room = pub->env->task->oversize == CDC_OVERSIZE_FAIL
                      ? 4 * pub->max_bytes + 1024 * 1024
                      : CDC_MESSAGE_BYTES_MAX + 1024 * 1024;
    cdc_record_init(&pub->made, room);
    cdc_record_init(&pub->held.record, room);
    cdc_buffer_init(&pub->token, TOKEN_BYTES_MAX);
}

static cdc_rc cdc_publisher_text(void *arg, const cdc_column *col, const cdc_value *v,
                                 cdc_buffer *out, cdc_error *err)
{
    return cdc_canal_text_add(arg, col, v, out, err);
}

static cdc_rc cdc_publisher_key(void *arg, const cdc_event *ev, cdc_buffer *out, cdc_error *err)
{
    return cdc_canal_text_key(arg, ev, out, err);
}

static cdc_rc cdc_publisher_router(cdc_publisher *pub, const char *partitions, cdc_error *err)
{
    cdc_rc rc = cdc_router_new(&pub->router, pub->env, pub->producer, err);
    if (rc == CDC_OK) {
        rc = cdc_counts_new(&pub->counts, partitions, err);
    }
    if (rc == CDC_OK) {
        rc = cdc_canal_text_new(&pub->texts, pub->env, err);
    }
    if (rc == CDC_OK) {
        cdc_router_set_counts(pub->router, pub->counts);
        cdc_router_set_text(pub->router, cdc_publisher_text, pub->texts);
        if (pub->codec->key_changes) {
            cdc_router_set_key(pub->router, cdc_publisher_key, pub->texts);
        }
    }
    return rc;
}

cdc_rc cdc_publisher_new(cdc_publisher **out, const cdc_env *env, const cdc_codec *codec,
                         cdc_producer *pr, const cdc_checkpoint *start, cdc_error *err)
{
    cdc_publisher *pub = calloc(1, sizeof *pub);
    *out = pub;
    if (pub == NULL) {
        return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for the publisher");
    }
    pub->env = env;
    pub->codec = codec;
    pub->producer = pr;
    pub->instance = start->instance;
    cdc_publisher_buffers(pub);
    cdc_publisher_metrics(pub);
    cdc_buffer_add(&pub->token, start->token.p, start->token.len);
    pub->id = start->id;
    pub->ddl = start->ddl;
    pub->txn_seq = start->seq;
    pub->skip_rows = start->skip_rows;
    snprintf(pub->txn, sizeof pub->txn, "%s", start->txn != NULL ? start->txn : "");
    pub->source_ms = start->source_ms;
    cdc_rc rc = codec->open(&pub->codec_handle, env, err);
    if (rc == CDC_OK) {
        rc = cdc_publisher_router(pub, start->partitions, err);
    }
    if (rc == CDC_OK) {
        rc = cdc_filter_new(&pub->filter, env, err);
    }
    if (rc == CDC_OK) {
        rc = cdc_ledger_new(&pub->ledger, env, pub->router, pr, start, err);
    }
    if (rc != CDC_OK) {
        cdc_publisher_free(pub);
        *out = NULL;
    }
    return rc;
}

void cdc_publisher_free(cdc_publisher *pub)
{
    if (pub == NULL) {
        return;
    }
    cdc_router_free(pub->router);
    cdc_canal_text_free(pub->texts);
    cdc_counts_free(pub->counts);
    cdc_filter_free(pub->filter);
    cdc_ledger_free(pub->ledger);
    if (pub->codec_handle != NULL) {
        pub->codec->close(pub->codec_handle);
    }
    cdc_record_fini(&pub->made);
    cdc_record_fini(&pub->held.record);
    cdc_buffer_fini(&pub->token);
    free(pub);
}

static cdc_bytes cdc_bytes_of(const cdc_buffer *buf)
{
    return (cdc_bytes){buf->data, buf->len};
}

static const char *cdc_event_table_name(const cdc_event *ev)
{
    return ev->table != NULL ? ev->table->name : ev->ddl_table;
}

static const char *cdc_event_database_name(const cdc_event *ev)
{
    return ev->table != NULL ? ev->table->database : ev->ddl_database;
}

static cdc_rc cdc_publisher_where(const cdc_event *ev, cdc_error *err)
{
    if (ev->op == CDC_OP_COMMAND) {
        return cdc_error_context(err, "%s:%llu (transaction %s)", ev->pos_file,
                                 (unsigned long long)ev->pos, ev->txn);
    }
    return cdc_error_context(err, "%s.%s at %s:%llu (transaction %s)", cdc_event_database_name(ev),
                             cdc_event_table_name(ev), ev->pos_file, (unsigned long long)ev->pos,
                             ev->txn);
}

/* An applier finds a definition change's place among the rows by where the partitions end: neither
 * may a row before it be under way still, nor may a row behind it be seen first. */
static cdc_rc cdc_publisher_turn(cdc_publisher *pub, bool ddl, cdc_error *err)
{
    cdc_rc rc = ddl || pub->ddl_sent ? cdc_producer_order(pub->producer, err) : CDC_OK;
    pub->ddl_sent = ddl;
    return rc;
}

static bool cdc_publisher_is_large(const cdc_publisher *pub, const cdc_record *rec)
{
    return rec->key.len + rec->value.len > pub->max_bytes;
}

/* Sends the record, in parts when it has more than max_bytes. */
static cdc_rc cdc_publisher_send(cdc_publisher *pub, cdc_record *rec, bool last, size_t max_bytes,
                                 cdc_error *err)
{
    uint32_t parts = 0;
    cdc_split split = {.topic = rec->route.topic,
                       .partition = rec->route.partition,
                       .key = cdc_bytes_of(&rec->key),
                       .value = cdc_bytes_of(&rec->value),
                       .header = cdc_bytes_of(&rec->header),
                       .header_last = cdc_bytes_of(last ? &rec->header_last : &rec->header),
                       .max_bytes = max_bytes};
    cdc_rc rc = cdc_publisher_turn(pub, rec->ddl, err);
    if (rc == CDC_OK) {
        rc = cdc_split_send(pub->producer, &split, &parts, err);
    }
    if (rc == CDC_OK) {
        rc = cdc_ledger_add(pub->ledger, rec->table, &rec->route, rec->id, err);
    }
    cdc_metric_add(pub->records, parts);
    cdc_metric_add(pub->bytes, (int64_t)(rec->key.len + rec->value.len));
    if (cdc_publisher_is_large(pub, rec)) {
        CDC_LOG(CDC_LOG_INFO, "oversize", CDC_STR("topic", cdc_topic_name(split.topic)),
                CDC_NUM("bytes", rec->key.len + rec->value.len), CDC_NUM("parts", parts),
                CDC_NUM("id", pub->id));
    }
    if (rec->value.cap > VALUE_KEEP_BYTES) {
        cdc_buffer_fini(&rec->value); /* a large message costs memory only while it is sent */
    }
    return rc;
}

static cdc_rc cdc_publisher_release(cdc_publisher *pub, bool last, cdc_error *err)
{
    cdc_held *held = &pub->held;
    if (!held->full) {
        return CDC_OK;
    }
    held->full = held->half = false;
    held->side_bytes = 0;
    pub->held_rows = 0;
    if (cdc_publisher_is_large(pub, &held->record)) {
        cdc_metric_add(pub->split, 1);
    }
    return cdc_publisher_send(pub, &held->record, last, pub->max_bytes, err);
}

/* For codecs that look at the topic; the key, which says the partition, is theirs to make. */
static cdc_rc cdc_publisher_name(cdc_publisher *pub, cdc_event *ev, cdc_error *err)
{
    return pub->codec->by_topic ? cdc_router_name(pub->router, ev, &ev->topic, err) : CDC_OK;
}

static cdc_rc cdc_publisher_encode(cdc_publisher *pub, cdc_event *ev, cdc_error *err)
{
    cdc_record *rec = &pub->made;
    cdc_buffer_reset(&rec->key);
    cdc_buffer_reset(&rec->value);
    cdc_rc rc = cdc_publisher_name(pub, ev, err);
    if (rc == CDC_OK) {
        rc = pub->codec->encode(pub->codec_handle, ev, 1, &rec->key, &rec->value, err);
    }
    if (rc != CDC_OK) {
        return cdc_publisher_where(ev, err);
    }
    rc = ev->table != NULL
             ? cdc_router_row(pub->router, ev, cdc_bytes_of(&rec->key), &rec->route, err)
             : cdc_router_ddl(pub->router, ev, &rec->route, err);
    if (rc == CDC_OK) {
        rc = cdc_ledger_table(pub->ledger, ev, &rec->table, err);
    }
    return rc == CDC_OK ? rc : cdc_publisher_where(ev, err);
}

static void cdc_publisher_header(cdc_publisher *pub, cdc_event *ev, bool last)
{
    cdc_buffer *out = last ? &pub->made.header_last : &pub->made.header;
    ev->last = last;
    cdc_buffer_reset(out);
    cdc_header_encode(out, pub->env->task->name, "", ev);
    if (pub->ledger != NULL) {
        cdc_header_add_id(out, ev->id);
    }
}

typedef enum cdc_place { PLACE_INNER, PLACE_LAST, PLACE_UNKNOWN } cdc_place;

/* The encoded row goes to topics.oversize. The held record stays held: it may turn out to be the
 * last of the transaction in the data topic. Until that is known no Kafka transaction may end,
 * since the count of rows done could not tell them apart; so, when a transaction goes on and on
 * with large rows only, the held record is sent, and a reader learns the transaction's end from the
 * next one. */
static cdc_rc cdc_publisher_side(cdc_publisher *pub, cdc_event *ev, cdc_error *err)
{
    cdc_record *rec = &pub->made;
    size_t max_bytes = 0;
    size_t bytes = rec->value.len;
    cdc_rc rc = cdc_router_side(pub->router, ev, &rec->route, &max_bytes, err);
    if (rc == CDC_OK) {
        cdc_publisher_header(pub, ev, false);
        cdc_metric_add(pub->side, 1);
        rc = cdc_publisher_send(pub, rec, false, max_bytes, err);
    }
    if (rc == CDC_OK && pub->held.full) {
        pub->held.side_bytes += bytes;
        if (pub->held.side_bytes > SIDE_BEHIND_MAX) {
            rc = cdc_publisher_release(pub, false, err);
        }
    }
    return rc == CDC_OK ? rc : cdc_publisher_where(ev, err);
}

/* The record made waits until it is known whether it is the last. */
static void cdc_publisher_hold(cdc_publisher *pub, cdc_event *ev)
{
    cdc_publisher_header(pub, ev, false);
    cdc_publisher_header(pub, ev, true);
    cdc_record made = pub->made;
    pub->made = pub->held.record;
    pub->held.record = made;
    pub->held.full = true;
}

/* One record. place: is it the last of its transaction? If that is not known yet it is held back.
 */
static cdc_rc cdc_publisher_record(cdc_publisher *pub, const cdc_event *from, cdc_place place,
                                   cdc_error *err)
{
    cdc_event ev = *from;
    ev.id = ++pub->id;
    ev.seq = ++pub->txn_seq;
    ev.after_ddl = pub->ddl;
    pub->made.ddl = ev.op == CDC_OP_DDL;
    pub->made.id = ev.id;
    cdc_rc rc = cdc_publisher_encode(pub, &ev, err);
    if (rc != CDC_OK) {
        return rc;
    }
    pub->ddl = pub->made.ddl ? ev.id : pub->ddl;
    bool side = pub->env->task->oversize == CDC_OVERSIZE_SIDE;
    bool large = cdc_publisher_is_large(pub, &pub->made);
    if (side && large && ev.table != NULL) {
        return cdc_publisher_side(pub, &ev, err);
    }
    rc = cdc_publisher_release(pub, false, err);
    if (rc != CDC_OK) {
        return rc;
    }
    /* what follows in the transaction may go to the side topic */
    if (place == PLACE_UNKNOWN || (side && place == PLACE_INNER)) {
        cdc_publisher_hold(pub, &ev);
        return CDC_OK;
    }
    if (place == PLACE_INNER || large) {
        cdc_publisher_header(pub, &ev, false);
    }
    if (place == PLACE_LAST) {
        cdc_publisher_header(pub, &ev, true);
    }
    if (large) {
        cdc_metric_add(pub->split, 1);
    }
    rc = cdc_publisher_send(pub, &pub->made, place == PLACE_LAST, pub->max_bytes, err);
    return rc == CDC_OK ? rc : cdc_publisher_where(&ev, err);
}

static bool cdc_event_moves_key(const cdc_event *ev)
{
    const cdc_table *tbl = ev->table;
    for (uint32_t i = 0; i < tbl->nkeys; i++) {
        if (!cdc_value_equal(&ev->before[tbl->keys[i]], &ev->after[tbl->keys[i]])) {
            return true;
        }
    }
    return false;
}

/* The two records of a row that moves. Each names the other's partition, which may be its own, so
 * that an applier applies the INSERT behind the DELETE, and both in one transaction. */
static cdc_rc cdc_publisher_move(cdc_publisher *pub, const cdc_event *ev, cdc_place place,
                                 cdc_error *err)
{
    cdc_event off = *ev;
    cdc_event on = *ev;
    off.op = CDC_OP_DELETE;
    off.after = NULL;
    on.op = CDC_OP_INSERT;
    on.before = NULL;
    /* a row that keeps its key must not take those that refer to it along */
    off.unchecked = on.unchecked = ev->unchecked || !cdc_event_moves_key(ev);
    cdc_rc rc = cdc_publisher_encode(pub, &off, err);
    int32_t from = pub->made.route.partition;
    if (rc == CDC_OK) {
        rc = cdc_publisher_encode(pub, &on, err);
    }
    int32_t to = pub->made.route.partition;
    off.move = to + 1;
    on.move = from + 1;
    if (rc == CDC_OK) {
        rc = cdc_publisher_record(pub, &off, PLACE_INNER, err);
    }
    if (rc == CDC_OK) {
        rc = cdc_publisher_record(pub, &on, place, err);
    }
    pub->held.half = rc == CDC_OK && pub->held.full;
    return rc;
}

/* A place in the order of definition changes, behind which the applier goes on only when all that
 * is before it is applied: a definition change of nothing, in no transaction. */
static cdc_rc cdc_publisher_barrier(cdc_publisher *pub, const cdc_event *ev, const char *topic,
                                    cdc_error *err)
{
    char text[400];
    uint64_t seq = pub->txn_seq;
    cdc_event mark = *ev;
    snprintf(text, sizeof text, "/* sluice: topic %s has another number of partitions */", topic);
    mark.op = CDC_OP_DDL;
    mark.ddl = CDC_DDL_QUERY;
    mark.phase = CDC_PHASE_INCR;
    mark.barrier = true;
    mark.unchecked = false;
    mark.ddl_database = ev->table->database;
    mark.ddl_table = ev->table->name;
    mark.ddl_default = mark.ddl_was = mark.txn = mark.gtid = "";
    mark.sql = text;
    mark.sql_len = (uint32_t)strlen(text);
    mark.table = NULL;
    mark.before = mark.after = NULL;
    CDC_LOG(CDC_LOG_WARN, "repartitioned", CDC_STR("topic", topic),
            CDC_STR("text", "its number of partitions is another than before; the applier goes on "
                            "behind a barrier"));
    pub->txn_seq = 0;
    cdc_rc rc = cdc_publisher_record(pub, &mark, PLACE_LAST, err);
    pub->txn_seq = seq;
    return rc;
}

/* The table's first row of this run, or after another's. */
static cdc_rc cdc_publisher_prepare(cdc_publisher *pub, const cdc_event *ev, cdc_error *err)
{
    const char *barrier = NULL;
    cdc_rc rc = cdc_router_prepare(pub->router, ev->table, &barrier, err);
    pub->prepared = ev->table->uid;
    if (rc != CDC_OK) {
        return cdc_publisher_where(ev, err);
    }
    return barrier != NULL ? cdc_publisher_barrier(pub, ev, barrier, err) : CDC_OK;
}

/* One row: one record, or two when an UPDATE changes what the policy hashes. */
static cdc_rc cdc_publisher_row(cdc_publisher *pub, const cdc_event *ev, cdc_place place,
                                cdc_error *err)
{
    bool moves = false;
    if (ev->table != NULL && ev->table->uid != pub->prepared) {
        cdc_rc rc = cdc_publisher_prepare(pub, ev, err);
        if (rc != CDC_OK) {
            return rc;
        }
    }
    if (ev->op == CDC_OP_UPDATE) {
        cdc_rc rc = cdc_router_moves(pub->router, ev, &moves, err);
        if (rc != CDC_OK) {
            return cdc_publisher_where(ev, err);
        }
    }
    return moves ? cdc_publisher_move(pub, ev, place, err)
                 : cdc_publisher_record(pub, ev, place, err);
}

#define LOG_DIFFERS                                                                                \
    "the source's log is not the one that the checkpoint speaks of (restored server, other "       \
    "host?); "                                                                                     \
    "start the task under a new name with a new full copy"

/* Which transaction is it? The rows that are dropped must be those that were sent. */
static cdc_rc cdc_publisher_note_txn(cdc_publisher *pub, const cdc_event *ev, cdc_error *err)
{
    if (pub->skip_rows == 0) {
        snprintf(pub->txn, sizeof pub->txn, "%s", ev->txn);
    } else if (pub->txn[0] != '\0' && strcmp(pub->txn, ev->txn) != 0) {
        return cdc_error_set(
            err, CDC_FATAL, "log_differs",
            "transaction %s at %s:%llu comes where the rest of %s should, of which "
            "%llu rows were sent: " LOG_DIFFERS,
            ev->txn, ev->pos_file, (unsigned long long)ev->pos, pub->txn,
            (unsigned long long)pub->skip_rows);
    }
    return CDC_OK;
}

static cdc_rc cdc_publisher_end_of_transaction(cdc_publisher *pub, const cdc_event *ev,
                                               cdc_error *err)
{
    if (pub->skip_rows > 0) {
        return cdc_error_set(err, CDC_FATAL, "log_differs",
                             "transaction %s ends at %s:%llu, %llu rows earlier than when it was "
                             "first read: " LOG_DIFFERS,
                             ev->txn, ev->pos_file, (unsigned long long)ev->pos,
                             (unsigned long long)pub->skip_rows);
    }
    cdc_rc rc = cdc_publisher_release(pub, true, err);
    if (rc == CDC_OK) {
        rc = cdc_ledger_close(pub->ledger, pub->txn, pub->source_ms, err);
    }
    pub->txn_rows = 0;
    pub->txn_seq = 0;
    pub->atomic = false;
    return rc;
}

/* One record with n commands. */
static cdc_rc cdc_publisher_group(cdc_publisher *pub, cdc_event *events, uint32_t n, cdc_error *err)
{
    cdc_record *rec = &pub->made;
    const cdc_event *newest = &events[n - 1];
    bool inside = events[0].tx_seq > 1;
    cdc_buffer_reset(&rec->key);
    cdc_buffer_reset(&rec->value);
    events[0].id = ++pub->id;
    rec->ddl = false;
    pub->block_seq = inside ? pub->block_seq + 1 : 1;
    cdc_rc rc = cdc_publisher_name(pub, &events[0], err);
    if (rc == CDC_OK) {
        rc = pub->codec->encode(pub->codec_handle, events, n, &rec->key, &rec->value, err);
    }
    if (rc == CDC_OK) {
        rc = cdc_router_command(pub->router, &events[0], &rec->route, err);
    }
    if (rc != CDC_OK) {
        return cdc_publisher_where(&events[0], err);
    }
    cdc_event head = events[0];
    head.seq = pub->block_seq;
    head.pos_file = newest->pos_file;
    head.pos = newest->pos;
    bool large = cdc_publisher_is_large(pub, rec);
    if (large || !newest->last) {
        cdc_publisher_header(pub, &head, false);
    }
    if (newest->last) {
        cdc_publisher_header(pub, &head, true);
    }
    cdc_metric_add(pub->split, large ? 1 : 0);
    pub->source_ms = newest->source_ms;
    rc = cdc_publisher_send(pub, rec, newest->last, pub->max_bytes, err);
    return rc == CDC_OK ? rc : cdc_publisher_where(&events[0], err);
}

/* The next record of commands; *taken: how many events. Where a source puts its tokens between
 * commands is not the same the next time, so no Kafka transaction ends but at a token: there is
 * never a command to skip. */
static cdc_rc cdc_publisher_commands(cdc_publisher *pub, cdc_event *events, uint32_t left,
                                     uint32_t *taken, cdc_error *err)
{
    size_t bytes = pub->max_bytes / GROUP_GROWS_MAX;
    *taken = cdc_group_commands(events, left, pub->env->task->message_rows,
                                bytes < GROUP_BYTES_MAX ? bytes : GROUP_BYTES_MAX);
    pub->txn_rows += *taken;
    pub->atomic = true;
    return cdc_publisher_group(pub, events, *taken, err);
}

static cdc_rc cdc_publisher_event(cdc_publisher *pub, const cdc_event *ev, cdc_place place,
                                  cdc_error *err)
{
    if (ev->op == CDC_OP_COMMIT) {
        return cdc_publisher_end_of_transaction(pub, ev, err);
    }
    if (pub->txn_rows++ == 0) {
        cdc_rc rc = cdc_publisher_note_txn(pub, ev, err);
        if (rc != CDC_OK) {
            return rc;
        }
    }
    if (pub->skip_rows > 0) {
        pub->skip_rows--;
        return CDC_OK;
    }
    cdc_event filtered;
    bool taken = true;
    cdc_rc rc = CDC_OK;
    pub->source_ms = ev->source_ms;
    if (cdc_filter_active(pub->filter)) {
        filtered = *ev;
        rc = cdc_filter_event(pub->filter, &filtered, &taken, err);
        if (rc != CDC_OK) {
            return cdc_publisher_where(ev, err);
        }
        if (!taken) {
            pub->held_rows += pub->held.full ? 1 : 0; /* a restart begins at the held one */
            pub->dropped[ev->op]++;
            return CDC_OK;
        }
        ev = &filtered;
    }
    rc = cdc_publisher_row(pub, ev, place, err);
    pub->held_rows = pub->held.full ? 1 : 0;
    return rc;
}

static void cdc_publisher_count(cdc_publisher *pub, const cdc_batch *batch)
{
    int64_t n[CDC_OP_COMMAND + 1] = {0};
    for (uint32_t i = 0; i < batch->nevents; i++) {
        n[batch->events[i].op]++;
    }
    cdc_metric_add(pub->rows[CDC_OP_COMMAND], n[CDC_OP_COMMAND]);
    for (int op = CDC_OP_INSERT; op <= CDC_OP_DDL; op++) {
        cdc_metric_add(pub->rows[op], n[op] - pub->dropped[op]);
        cdc_metric_add(pub->filtered, pub->dropped[op]);
        pub->dropped[op] = 0;
    }
}

cdc_rc cdc_publisher_batch(cdc_publisher *pub, const cdc_batch *batch, cdc_error *err)
{
    /* where the filter may drop what follows, only the COMMIT tells */
    cdc_place inner = cdc_filter_active(pub->filter) ? PLACE_UNKNOWN : PLACE_INNER;
    uint32_t taken = 1;
    for (uint32_t i = 0; i < batch->nevents; i += taken) {
        if (batch->events[i].op == CDC_OP_COMMAND) {
            cdc_rc rc =
                cdc_publisher_commands(pub, &batch->events[i], batch->nevents - i, &taken, err);
            if (rc != CDC_OK) {
                return rc;
            }
            continue;
        }
        taken = 1;
        cdc_place place = i + 1 == batch->nevents                    ? PLACE_UNKNOWN
                          : batch->events[i + 1].op == CDC_OP_COMMIT ? PLACE_LAST
                                                                     : inner;
        cdc_rc rc = cdc_publisher_event(pub, &batch->events[i], place, err);
        if (rc != CDC_OK) {
            return rc;
        }
    }
    if (batch->atomic && pub->txn_rows > 0) {
        pub->atomic = true;
    }
    if (batch->token_len > 0) {
        cdc_buffer_reset(&pub->token);
        cdc_buffer_add(&pub->token, batch->token, batch->token_len);
        pub->token_moved = true;
    }
    if (batch->nevents > 0) {
        const cdc_event *newest = &batch->events[batch->nevents - 1];
        snprintf(pub->position, sizeof pub->position, "%s:%llu", newest->pos_file,
                 (unsigned long long)newest->pos);
    }
    cdc_publisher_count(pub, batch);
    return CDC_OK;
}

bool cdc_publisher_may_commit(const cdc_publisher *pub)
{
    /* Until the rows that Kafka already has are passed, the old checkpoint is the one that holds.
     * All messages of one statement come together, so a held one keeps the transaction open. */
    const cdc_held *held = &pub->held;
    return !pub->atomic && pub->skip_rows == 0 && !held->half && held->side_bytes == 0 &&
           !(held->full && held->record.ddl);
}

bool cdc_publisher_dirty(const cdc_publisher *pub)
{
    return pub->token_moved || cdc_producer_pending(pub->producer) > 0;
}

cdc_rc cdc_publisher_commit(cdc_publisher *pub, cdc_error *err)
{
    /* The held record is not in Kafka: neither its row nor its number counts as done. */
    cdc_checkpoint cp = {
        .instance = pub->instance,
        .token = cdc_bytes_of(&pub->token),
        .skip_rows = pub->txn_rows - pub->held_rows,
        .txn = pub->txn_rows > pub->held_rows ? pub->txn : "",
        .seq = pub->txn_seq - (pub->held.full ? 1 : 0),
        .id = pub->id - (pub->held.full ? 1 : 0),
        .transaction = cdc_ledger_text(pub->ledger, pub->txn),
        .ddl = pub->ddl,
        .partitions = cdc_counts_text(pub->counts),
        .wall_ms = cdc_clock_wall_ms(),
        .source_ms = pub->source_ms,
    };
    cdc_rc rc = cdc_producer_commit(pub->producer, &cp, err);
    if (rc == CDC_OK) {
        pub->token_moved = false;
        cdc_metric_add(pub->commits, 1);
    }
    return rc;
}

cdc_bytes cdc_publisher_token(const cdc_publisher *pub)
{
    return cdc_bytes_of(&pub->token);
}

int64_t cdc_publisher_source_ms(const cdc_publisher *pub)
{
    return pub->source_ms;
}

const char *cdc_publisher_position(const cdc_publisher *pub)
{
    return pub->position;
}
