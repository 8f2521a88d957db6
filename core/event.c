#include "event.h"

#include <stdlib.h>
#include <string.h>

enum { BATCH_BLOCK_BYTES = 256 * 1024, BATCH_KEEP_BYTES = 1024 * 1024, BATCH_KEEP_EVENTS = 8192 };

cdc_batch *cdc_batch_new(size_t max_bytes)
{
    cdc_batch *batch = calloc(1, sizeof *batch);
    if (batch != NULL) {
        cdc_arena_init(&batch->arena, BATCH_BLOCK_BYTES, max_bytes);
    }
    return batch;
}

static void cdc_batch_drop_tables(cdc_batch *batch)
{
    for (uint32_t i = 0; i < batch->ntables; i++) {
        cdc_table_unref(batch->tables[i]);
    }
    batch->ntables = 0;
}

void cdc_batch_free(cdc_batch *batch)
{
    if (batch == NULL) {
        return;
    }
    cdc_batch_drop_tables(batch);
    cdc_arena_fini(&batch->arena);
    free(batch->tables);
    free(batch->events);
    free(batch);
}

void cdc_batch_reset(cdc_batch *batch)
{
    cdc_batch_drop_tables(batch);
    cdc_arena_reset(&batch->arena, BATCH_KEEP_BYTES);
    if (batch->cap > BATCH_KEEP_EVENTS) {
        free(batch->events);
        batch->events = NULL;
        batch->cap = 0;
    }
    batch->next = NULL;
    batch->nevents = 0;
    batch->token = NULL;
    batch->token_len = 0;
    batch->full_done = false;
    batch->atomic = false;
    batch->caught_up = false;
    batch->question = 0;
    batch->moving = false;
    batch->want_rows = 0;
    batch->want_bytes = 0;
    batch->source_bytes = 0;
    batch->first_ms = 0;
}

void cdc_batch_swap(cdc_batch *a, cdc_batch *b)
{
    cdc_batch was = *a;
    *a = *b;
    *b = was;
    b->next = a->next;
    a->next = was.next;
}

cdc_event *cdc_batch_add(cdc_batch *batch)
{
    if (batch->nevents == batch->cap) {
        uint32_t cap = batch->cap > 0 ? batch->cap * 2 : 256;
        if (cap < batch->cap || (size_t)cap * sizeof(cdc_event) > batch->arena.max_bytes) {
            return NULL;
        }
        cdc_event *events = realloc(batch->events, cap * sizeof *events);
        if (events == NULL) {
            return NULL;
        }
        batch->events = events;
        batch->cap = cap;
    }
    cdc_event *ev = &batch->events[batch->nevents++];
    memset(ev, 0, sizeof *ev);
    ev->txn = "";
    ev->gtid = "";
    ev->pos_file = "";
    ev->ddl_database = "";
    ev->ddl_table = "";
    ev->ddl_default = "";
    ev->ddl_was = "";
    ev->sql = "";
    ev->key_arg = -1;
    ev->expire_at_ms = -1;
    return ev;
}

bool cdc_batch_hold(cdc_batch *batch, cdc_table *tbl)
{
    /* Rows of one table come in runs, and a transaction touches few tables: looking back a little
     * keeps the list short, and a second reference to a table does no harm. */
    for (uint32_t i = batch->ntables, n = 0; i > 0 && n < 16; i--, n++) {
        if (batch->tables[i - 1] == tbl) {
            return true;
        }
    }
    if (batch->ntables == batch->tables_cap) {
        uint32_t cap = batch->tables_cap > 0 ? batch->tables_cap * 2 : 16;
        cdc_table **tables = realloc(batch->tables, cap * sizeof(cdc_table *));
        if (tables == NULL) {
            return false;
        }
        batch->tables = tables;
        batch->tables_cap = cap;
    }
    batch->tables[batch->ntables++] = cdc_table_ref(tbl);
    return true;
}

static bool cdc_value_is(const cdc_value *v, const char *text)
{
    size_t n = strlen(text);
    return v->len == n && memcmp(v->p, text, n) == 0;
}

bool cdc_event_is_fullsync(const cdc_event *ev, const char *which)
{
    return ev->op == CDC_OP_COMMAND && ev->nargs > 1 &&
           cdc_value_is(&ev->after[0], CDC_COMMAND_FULLSYNC) && cdc_value_is(&ev->after[1], which);
}

const char *cdc_op_name(cdc_op op)
{
    static const char *const names[] = {"?",   "insert", "update", "delete",
                                        "ddl", "commit", "command"};
    return (unsigned)op < sizeof names / sizeof names[0] ? names[op] : "?";
}

static const char *const ddl_names[] = {"QUERY",    "CREATE", "ALTER",  "ERASE",
                                        "TRUNCATE", "RENAME", "CINDEX", "DINDEX"};

const char *cdc_ddl_name(cdc_ddl ddl)
{
    return (unsigned)ddl < sizeof ddl_names / sizeof ddl_names[0] ? ddl_names[ddl] : "QUERY";
}

cdc_ddl cdc_ddl_parse(const char *s, size_t n, bool *known)
{
    for (unsigned i = 0; i < sizeof ddl_names / sizeof ddl_names[0]; i++) {
        if (strlen(ddl_names[i]) == n && memcmp(ddl_names[i], s, n) == 0) {
            *known = true;
            return (cdc_ddl)i;
        }
    }
    *known = false;
    return CDC_DDL_QUERY;
}
