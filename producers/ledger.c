#include "ledger.h"

#include <stdlib.h>

#include "core/clock.h"
#include "topics/header.h"
#include "topics/split.h"
#include "topics/transaction.h"

enum {
    SLOTS_MIN = 64,    /* a power of two */
    SLOTS_KEEP = 4096, /* more are given back after the transaction */
    ARENA_KEEP = 16 * 1024,
    ARENA_BYTES_MAX = 256 * 1024 * 1024,
    TEXT_BYTES_MAX = 256 * 1024 * 1024,
    TEXT_KEEP = 64 * 1024,
};

/* Numbers of tables or partitions by hash of their names: open addressing, 0 is free. */
typedef struct cdc_slots {
    uint32_t *at;
    uint32_t n, used;
} cdc_slots;

struct cdc_ledger {
    const cdc_env *env;
    cdc_router *router;
    cdc_producer *producer;
    size_t max_bytes;   /* of a record */
    cdc_arena names;    /* of the open transaction */
    cdc_transaction tx; /* its arrays are ours */
    uint32_t tables_cap, parts_cap;
    cdc_slots tables, parts;
    bool blind; /* some of the open transaction was sent before there was a ledger */
    uint32_t latest_uid, latest_table; /* the table of the last message; uid 0: none */
    cdc_topic *latest_topic;           /* ...and its partition */
    uint32_t latest_part;
    cdc_buffer text, header;
};

/* --- numbers by name --- */

static uint32_t cdc_slots_hash(const char *a, const char *b, uint32_t seed)
{
    uint32_t h = 2166136261U ^ seed;
    for (; *a != '\0'; a++) {
        h = (h ^ (unsigned char)*a) * 16777619U;
    }
    for (h *= 16777619U; *b != '\0'; b++) {
        h = (h ^ (unsigned char)*b) * 16777619U;
    }
    return h ^ h >> 15;
}

static uint32_t cdc_ledger_hash_table(const cdc_ledger *lg, uint32_t i)
{
    return cdc_slots_hash(lg->tx.tables[i].database, lg->tx.tables[i].name, 0);
}

static uint32_t cdc_ledger_hash_part(const cdc_ledger *lg, uint32_t i)
{
    return cdc_slots_hash(lg->tx.parts[i].topic, "",
                          (uint32_t)lg->tx.parts[i].partition * 2654435761U);
}

static void cdc_slots_put(cdc_slots *sl, uint32_t hash, uint32_t number)
{
    uint32_t i = hash & (sl->n - 1);
    while (sl->at[i] != 0) {
        i = (i + 1) & (sl->n - 1);
    }
    sl->at[i] = number + 1;
    sl->used++;
}

/* Room for one more; false: no memory. */
static bool cdc_slots_grow(cdc_ledger *lg, cdc_slots *sl,
                           uint32_t (*hash)(const cdc_ledger *lg, uint32_t i))
{
    if (2 * (sl->used + 1) <= sl->n) {
        return true;
    }
    cdc_slots grown = {.n = sl->n > 0 ? 2 * sl->n : SLOTS_MIN};
    grown.at = calloc(grown.n, sizeof *grown.at);
    for (uint32_t i = 0; grown.at != NULL && i < sl->used; i++) {
        cdc_slots_put(&grown, hash(lg, i), i);
    }
    if (grown.at != NULL) {
        free(sl->at);
        *sl = grown;
    }
    return grown.at != NULL;
}

static void cdc_slots_clear(cdc_slots *sl)
{
    if (sl->n > SLOTS_KEEP) {
        free(sl->at);
        *sl = (cdc_slots){.n = 0};
    } else if (sl->used > 0) {
        memset(sl->at, 0, sl->n * sizeof *sl->at);
        sl->used = 0;
    }
}

/* --- life --- */

static cdc_rc cdc_ledger_memory(cdc_error *err)
{
    return cdc_error_set(err, CDC_FATAL, "no_memory",
                         "out of memory for the record of a transaction");
}

static void cdc_ledger_reset(cdc_ledger *lg)
{
    cdc_slots_clear(&lg->tables);
    cdc_slots_clear(&lg->parts);
    cdc_arena_reset(&lg->names, ARENA_KEEP);
    lg->tx.count = lg->tx.first = lg->tx.last = 0;
    lg->tx.ntables = lg->tx.nparts = 0;
    lg->latest_uid = 0;
    lg->latest_topic = NULL;
    lg->blind = false;
    if (lg->text.cap > TEXT_KEEP) {
        cdc_buffer_fini(&lg->text);
    }
}

/* Where its name is known already, the number of the table. */
static cdc_rc cdc_ledger_named(cdc_ledger *lg, const char *database, const char *name,
                               uint32_t *out, cdc_error *err)
{
    cdc_transaction *tx = &lg->tx;
    if (!cdc_slots_grow(lg, &lg->tables, cdc_ledger_hash_table)) {
        return cdc_ledger_memory(err);
    }
    uint32_t hash = cdc_slots_hash(database, name, 0);
    for (uint32_t i = hash; lg->tables.at[i & (lg->tables.n - 1)] != 0; i++) {
        uint32_t number = lg->tables.at[i & (lg->tables.n - 1)] - 1;
        if (strcmp(tx->tables[number].name, name) == 0 &&
            strcmp(tx->tables[number].database, database) == 0) {
            *out = number;
            return CDC_OK;
        }
    }
    if (tx->ntables == lg->tables_cap) {
        uint32_t cap = lg->tables_cap > 0 ? 2 * lg->tables_cap : 16;
        cdc_transaction_table *tables = realloc(tx->tables, cap * sizeof *tables);
        if (tables == NULL) {
            return cdc_ledger_memory(err);
        }
        tx->tables = tables;
        lg->tables_cap = cap;
    }
    cdc_transaction_table *tbl = &tx->tables[tx->ntables];
    *tbl = (cdc_transaction_table){.database =
                                       cdc_arena_strndup(&lg->names, database, strlen(database)),
                                   .name = cdc_arena_strndup(&lg->names, name, strlen(name))};
    if (tbl->database == NULL || tbl->name == NULL) {
        return cdc_ledger_memory(err);
    }
    cdc_slots_put(&lg->tables, hash, tx->ntables);
    *out = tx->ntables++;
    return CDC_OK;
}

static cdc_rc cdc_ledger_part(cdc_ledger *lg, const char *topic, int32_t partition, uint32_t *out,
                              cdc_error *err)
{
    cdc_transaction *tx = &lg->tx;
    if (!cdc_slots_grow(lg, &lg->parts, cdc_ledger_hash_part)) {
        return cdc_ledger_memory(err);
    }
    uint32_t hash = cdc_slots_hash(topic, "", (uint32_t)partition * 2654435761U);
    for (uint32_t i = hash; lg->parts.at[i & (lg->parts.n - 1)] != 0; i++) {
        uint32_t number = lg->parts.at[i & (lg->parts.n - 1)] - 1;
        if (tx->parts[number].partition == partition &&
            strcmp(tx->parts[number].topic, topic) == 0) {
            *out = number;
            return CDC_OK;
        }
    }
    if (tx->nparts == lg->parts_cap) {
        uint32_t cap = lg->parts_cap > 0 ? 2 * lg->parts_cap : 16;
        cdc_transaction_part *parts = realloc(tx->parts, cap * sizeof *parts);
        if (parts == NULL) {
            return cdc_ledger_memory(err);
        }
        tx->parts = parts;
        lg->parts_cap = cap;
    }
    cdc_transaction_part *part = &tx->parts[tx->nparts];
    *part = (cdc_transaction_part){.topic = cdc_arena_strndup(&lg->names, topic, strlen(topic)),
                                   .partition = partition};
    if (part->topic == NULL) {
        return cdc_ledger_memory(err);
    }
    cdc_slots_put(&lg->parts, hash, tx->nparts);
    *out = tx->nparts++;
    return CDC_OK;
}

/* What an earlier process has sent of the open transaction. */
static cdc_rc cdc_ledger_restore(cdc_ledger *lg, const char *text, cdc_error *err)
{
    cdc_transaction tx;
    cdc_arena ar;
    uint32_t at = 0;
    cdc_arena_init(&ar, 16 * 1024, ARENA_BYTES_MAX);
    cdc_rc rc = cdc_transaction_parse((cdc_bytes){text, strlen(text)}, &ar, &tx, err);
    for (uint32_t i = 0; rc == CDC_OK && i < tx.ntables; i++) {
        rc = cdc_ledger_named(lg, tx.tables[i].database, tx.tables[i].name, &at, err);
        if (rc == CDC_OK) {
            lg->tx.tables[at].count += tx.tables[i].count;
        }
    }
    for (uint32_t i = 0; rc == CDC_OK && i < tx.nparts; i++) {
        rc = cdc_ledger_part(lg, tx.parts[i].topic, tx.parts[i].partition, &at, err);
        if (rc == CDC_OK) {
            lg->tx.parts[at].count += tx.parts[i].count;
            lg->tx.parts[at].first = tx.parts[i].first;
            lg->tx.parts[at].last = tx.parts[i].last;
        }
    }
    if (rc == CDC_OK) {
        lg->tx.count = tx.count;
        lg->tx.first = tx.first;
        lg->tx.last = tx.last;
    }
    cdc_arena_fini(&ar);
    return rc == CDC_OK ? rc : cdc_error_context(err, "the checkpoint's open transaction");
}

cdc_rc cdc_ledger_new(cdc_ledger **out, const cdc_env *env, cdc_router *router, cdc_producer *pr,
                      const cdc_checkpoint *start, cdc_error *err)
{
    const char *topic = cdc_config_str(env->task->cfg, "topics.transactions");
    *out = NULL;
    if (topic == NULL || topic[0] == '\0') {
        return CDC_OK;
    }
    cdc_ledger *lg = calloc(1, sizeof *lg);
    if (lg == NULL) {
        return cdc_ledger_memory(err);
    }
    lg->env = env;
    lg->router = router;
    lg->producer = pr;
    lg->max_bytes = (size_t)cdc_config_int(env->task->cfg, "message.max_bytes");
    lg->tx.task = env->task->name;
    cdc_arena_init(&lg->names, 4096, ARENA_BYTES_MAX);
    cdc_buffer_init(&lg->text, TEXT_BYTES_MAX);
    cdc_buffer_init(&lg->header, 64 * 1024);
    lg->blind = start->transaction == NULL && start->seq > 0;
    cdc_rc rc =
        start->transaction != NULL ? cdc_ledger_restore(lg, start->transaction, err) : CDC_OK;
    if (rc != CDC_OK) {
        cdc_ledger_free(lg);
        return rc;
    }
    *out = lg;
    return CDC_OK;
}

void cdc_ledger_free(cdc_ledger *lg)
{
    if (lg == NULL) {
        return;
    }
    cdc_arena_fini(&lg->names);
    cdc_buffer_fini(&lg->text);
    cdc_buffer_fini(&lg->header);
    free(lg->tx.tables);
    free(lg->tx.parts);
    free(lg->tables.at);
    free(lg->parts.at);
    free(lg);
}

/* --- counting --- */

cdc_rc cdc_ledger_table(cdc_ledger *lg, const cdc_event *ev, uint32_t *table, cdc_error *err)
{
    if (lg == NULL) {
        return CDC_OK;
    }
    if (ev->table == NULL) {
        return cdc_ledger_named(lg, ev->ddl_database, ev->ddl_table, table, err);
    }
    cdc_rc rc = CDC_OK;
    if (ev->table->uid != lg->latest_uid) {
        lg->latest_uid = 0;
        rc = cdc_ledger_named(lg, ev->table->database, ev->table->name, &lg->latest_table, err);
        lg->latest_uid = rc == CDC_OK ? ev->table->uid : 0;
    }
    *table = lg->latest_table;
    return rc;
}

cdc_rc cdc_ledger_add(cdc_ledger *lg, uint32_t table, const cdc_route *route, uint64_t id,
                      cdc_error *err)
{
    if (lg == NULL) {
        return CDC_OK;
    }
    if (route->topic != lg->latest_topic ||
        route->partition != lg->tx.parts[lg->latest_part].partition) {
        lg->latest_topic = NULL;
        cdc_rc rc = cdc_ledger_part(lg, cdc_topic_name(route->topic), route->partition,
                                    &lg->latest_part, err);
        if (rc != CDC_OK) {
            return rc;
        }
        lg->latest_topic = route->topic;
    }
    cdc_transaction *tx = &lg->tx;
    cdc_transaction_part *part = &tx->parts[lg->latest_part];
    part->first = part->count == 0 ? id : part->first;
    part->last = id;
    part->count++;
    /* a message of the side topic may overtake the one that is held back */
    tx->first = tx->count == 0 || id < tx->first ? id : tx->first;
    tx->last = id > tx->last ? id : tx->last;
    tx->count++;
    tx->tables[table].count++;
    return CDC_OK;
}

/* --- the record --- */

cdc_rc cdc_ledger_close(cdc_ledger *lg, const char *txn, int64_t source_ms, cdc_error *err)
{
    cdc_route route;
    uint32_t parts = 0;
    if (lg == NULL) {
        return CDC_OK;
    }
    if (lg->blind || lg->tx.count == 0) {
        cdc_ledger_reset(lg);
        return CDC_OK;
    }
    cdc_rc rc = cdc_router_transactions(lg->router, &route, err);
    lg->tx.id = txn;
    lg->tx.source_ms = source_ms;
    lg->tx.capture_ms = cdc_clock_wall_ms();
    cdc_buffer_reset(&lg->text);
    cdc_buffer_reset(&lg->header);
    cdc_transaction_encode(&lg->tx, &lg->text);
    const cdc_event head = {.phase = CDC_PHASE_INCR, .txn = txn, .seq = 1, .last = true};
    cdc_header_encode(&lg->header, lg->env->task->name, "", &head);
    if (rc == CDC_OK && (lg->text.failed || lg->header.failed)) {
        rc = cdc_ledger_memory(err);
    }
    if (rc == CDC_OK) {
        const cdc_bytes header = {lg->header.data, lg->header.len};
        const cdc_split split = {.topic = route.topic,
                                 .partition = route.partition,
                                 .key = {txn, strlen(txn)},
                                 .value = {lg->text.data, lg->text.len},
                                 .header = header,
                                 .header_last = header,
                                 .max_bytes = lg->max_bytes};
        rc = cdc_split_send(lg->producer, &split, &parts, err);
    }
    if (rc != CDC_OK) {
        return cdc_error_context(err, "the record of transaction %s", txn);
    }
    cdc_ledger_reset(lg);
    return CDC_OK;
}

const char *cdc_ledger_text(cdc_ledger *lg, const char *txn)
{
    if (lg == NULL || lg->blind || lg->tx.count == 0) {
        return NULL;
    }
    lg->tx.id = txn;
    cdc_buffer_reset(&lg->text);
    cdc_transaction_encode(&lg->tx, &lg->text);
    return cdc_buffer_cstr(&lg->text);
}
