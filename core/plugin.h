/* The three interfaces that a database or a format fills in: source, codec, sink.
 *
 * Each is a const struct of functions. A handle belongs to one thread at a time, named at the
 * function. Option tables live in a file of their own in each plug-in's folder (options.c), free of
 * the database's client library, so that every program can validate every task file. One contract
 * test (tests/component/contract_*.c) runs on every plug-in of a kind. */
#ifndef CDC_PLUGIN_H
#define CDC_PLUGIN_H

#include "buffer.h"
#include "checklist.h"
#include "config.h"
#include "error.h"
#include "event.h"
#include "limits.h"
#include "metrics.h"
#include "selection.h"
#include "task.h"

/* What the loops give to a plug-in. All outlive the handle. */
typedef struct cdc_env {
    const cdc_task *task;
    const cdc_selection *selection;
    cdc_metrics *metrics;
    cdc_limits limits; /* rates; a re-read task file changes them while the plug-in runs */
} cdc_env;

/* --- source: reads a database's change log (producers/<db>/) --- */

typedef struct cdc_source {
    const char *name; /* "mysql" */

    /* Connects, and checks that the server can be captured (binlog on, ROW, FULL...). RETRY: not
     * reachable now; FATAL with exit 3: the server or the account is not fit, err says what mends
     * it. */
    cdc_rc (*open)(void **src, const cdc_env *env, cdc_error *err);

    /* Before start: the first rows of this transaction, which comes behind the token, were handed
     * on already. Where its log is another than then, the source gives it before all others. NULL
     * if that cannot be. */
    void (*resume)(void *src, const char *txn);

    /* Positions the source. token NULL: as source.start says (full copy, now, earliest, a
     * position). Otherwise a token that a batch of this source carried: continue right behind it.
     * FATAL if the log no longer holds it. */
    cdc_rc (*start)(void *src, const char *token, size_t len, cdc_error *err);

    /* Appends events to an empty batch: waits up to timeout_ms for the first, then takes what is
     * there without waiting, up to its own limits of rows and bytes, or batch->want_rows and
     * want_bytes. Transactions may span batches.
     * Events of a transaction are in log order, then one CDC_OP_COMMIT. Every event has op, phase,
     * txn, gtid, pos, source_ms, capture_ms, server_id set. Rows of tables that the selection
     * leaves out never appear; a transaction without any selected row gives no row events, but its
     * COMMIT may appear and the token moves on. A table's rows have exactly table->ncols values.
     *
     * Commands (Redis): those of a MULTI block come in one run, with tx_seq from 1 and `last` on
     * the last; a single command is `last` too. A COMMIT does not follow each of them: it stands
     * where the token is valid, at the end of every batch that does not end inside of a block. The
     * publisher ends Kafka transactions only there, so no restart has commands to skip: the token
     * of the full copy's batches begins the copy anew, with another marker CDC_COMMAND_FULLSYNC.
     * What may be grouped into a record are commands of one redis_db, phase and shard. source_ms is
     * when the command was read. SELECT, MULTI and EXEC are no events.
     *
     * OK: the batch has events or a token; AGAIN: nothing came (also a heartbeat). RETRY:
     * connection lost; close, open, start from the last token that is safe. EOF: phases end with
     * the full copy and it is complete. Thread: the reader's. Returns within timeout_ms + 1 s. */
    cdc_rc (*poll)(void *src, cdc_batch *batch, int timeout_ms, cdc_error *err);

    /* Everything up to this token is safe in Kafka. For sources that tell their server. Publisher's
     * thread, may be called while poll runs: only store it. NULL if not needed. */
    void (*ack)(void *src, const char *token, size_t len);

    /* Drops the connection at once and frees the handle; src may be NULL. Any state. */
    void (*close)(void *src);

    /* Adds to the list whether the task could start and would run well, and describes the selected
     * tables in the list's catalog. Changes nothing at the server; needs no handle. What open and
     * start would refuse is a FAIL here, by the same code. Not OK: the check itself broke down. */
    cdc_rc (*precheck)(const cdc_env *env, cdc_checklist *list, cdc_error *err);
} cdc_source;

/* --- codec: events to bytes and back (schema/<format>/) --- */

typedef struct cdc_bytes {
    const char *p; /* NULL: Kafka null */
    size_t len;
} cdc_bytes;

/* Appends the name of the topic that a table's messages go to; database NULL: statements, "" when
 * those go to their tables' topics. */
typedef cdc_rc (*cdc_topic_of)(const cdc_task *task, const char *database, const char *table,
                               cdc_buffer *out, cdc_error *err);

typedef struct cdc_codec {
    const char *name; /* "canal-json" */
    bool by_topic;    /* encode wants the first event's topic: where the message goes to */
    bool key_changes; /* one row's key is not the same bytes for ever (they have a schema's id):
                         the policy pk hashes canal-json's instead */

    cdc_rc (*open)(void **codec, const cdc_env *env, cdc_error *err);

    /* Appends the message's key and value for one row or DDL event, or for n consecutive commands
     * of one database and phase. RETRY: what the format needs besides (a schema registry) cannot be
     * had now. The message's id and times are those of the first event, its key too. err names
     * table and column. Key and value of more than message.max_bytes together are FATAL,
     * "message_too_large"; with message.oversize other than fail the limit is
     * CDC_MESSAGE_BYTES_MAX. */
    cdc_rc (*encode)(void *codec, const cdc_event *events, uint32_t n, cdc_buffer *key,
                     cdc_buffer *value, cdc_error *err);

    /* Appends the events of one message to the batch (one, or one per row of a grouped message):
     * op, table (a reference held by the batch), before, after, source_ms, capture_ms, id, gtid,
     * server_id, ddl and sql. before of an UPDATE has the old values of changed columns and the
     * after values of the rest. Commands: after, nargs, key_arg, redis_db, expire_at_ms, phase,
     * tx_seq, last, and txn of those in a block. The caller adds what the cdc header says. Nothing
     * of the batch points into key or value afterwards. SKIP: a message that is not ours. */
    cdc_rc (*decode)(void *codec, cdc_bytes key, cdc_bytes value, cdc_batch *batch, cdc_error *err);

    void (*close)(void *codec);

    /* Adds to the list whether what the format needs besides is there; the list's catalog has the
     * tables. Changes nothing; needs no handle. Not OK: the check itself broke down. NULL if it
     * needs nothing. */
    cdc_rc (*precheck)(const cdc_env *env, cdc_topic_of topic_of, cdc_checklist *list,
                       cdc_error *err);
} cdc_codec;

/* --- sink: writes a target database (consumers/<db>/) --- */

typedef struct cdc_sink {
    const char *name; /* "mysql" */

    /* Connects, checks the account, creates what it keeps its offsets in. RETRY / FATAL as for a
     * source. Claims the task: an older process that still writes with the same task name is
     * fenced, its next commit fails FATAL. */
    cdc_rc (*open)(void **sink, const cdc_env *env, cdc_error *err);

    /* Of an applier group (target.appliers: group), after open and before the rest: only these
     * partitions are ours, each process of the task has others; the array is in the topics' order.
     * A process that still writes for one of them is fenced: its commits fail with RETRY,
     * "partition_taken". Waits for one that is being committed. open then claims the task together
     * with the other processes of the group. NULL: this target has no groups. */
    cdc_rc (*claim)(void *sink, const cdc_offset *parts, uint32_t n, cdc_error *err);

    /* The offset to read next in that partition as the target knows it; -1: never applied. */
    cdc_rc (*applied)(void *sink, const char *topic, int32_t partition, int64_t *next,
                      cdc_error *err);

    cdc_rc (*begin)(void *sink, cdc_error *err);

    /* Adds one row or command (never DDL or COMMIT) to the open target transaction, which ends only
     * behind a whole source transaction or MULTI block. Commands come as they were published: with
     * the source's database number, names and expiry, and with the markers CDC_COMMAND_FULLSYNC,
     * which are the sink's to carry out and never sent (BEGIN is the first of a target transaction,
     * unless that stands amid a block of another partition). May be buffered, but not beyond
     * commit; what it keeps it copies, or it has executed before it returns. err names table and
     * key. RETRY: connection lost, deadlock, lock wait: the whole transaction is undone; begin
     * again from the last committed offsets. FATAL: conflict, missing table, ... */
    cdc_rc (*apply)(void *sink, const cdc_event *ev, cdc_error *err);

    /* Writes the offsets (next to read, one per partition) and commits, all in the same target
     * transaction. When the answer is lost: RETRY; after open, applied() tells whether it was done.
     */
    cdc_rc (*commit)(void *sink, const cdc_offset *offsets, uint32_t noffsets, cdc_error *err);

    /* Carries out one definition change and commits it with the offsets behind it (next to read,
     * one per partition that its messages came from). No target transaction is open before or
     * after. events: the 1 to n messages of one statement in order (RENAME of two tables: two),
     * each with the whole statement, which is executed once, as events[0] has it; the others tell
     * which objects it touches besides. A target that commits definitions by themselves keeps what
     * tells after a crash whether the statement was carried out: called again with the same
     * offsets, the sink does only what is missing. RETRY: as for apply; call again after open.
     * FATAL: the statement was refused and no offset moved; err names its head, the target's object
     * and what mends it. With target.on_ddl_error skip a refused statement is logged, counted and
     * committed as done. */
    cdc_rc (*ddl)(void *sink, const cdc_event *const *events, uint32_t n, const cdc_offset *offsets,
                  uint32_t noffsets, cdc_error *err);

    /* Nothing waits to be applied, no transaction is open: called about ten times a second then.
     * NULL if not needed. */
    cdc_rc (*idle)(void *sink, cdc_error *err);

    void (*rollback)(void *sink); /* forgets the open transaction; also after an error */
    void (*close)(void *sink);    /* NULL is fine */

    /* Rows one by one from now on (true), so that an error names the very row, or batched (false).
     */
    void (*careful)(void *sink, bool on);

    /* As for a source; the list's catalog says what the source has, when that could be asked. */
    cdc_rc (*precheck)(const cdc_env *env, cdc_checklist *list, cdc_error *err);
} cdc_sink;

#endif
