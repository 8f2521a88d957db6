#include "rows.h"

#include <stdlib.h>

#include "core/key_map.h"
#include "core/log.h"
#include "row_text.h"
#include "schema/mysql_sql/statement.h"

enum { COMMANDS_OF_ROW = 5, TABLES_KEPT = 64 };

/* What is known of a version of a table. */
typedef struct rows_table {
    uint32_t uid;
    const cdc_key_rule *rule; /* NULL: not in the map */
    uint16_t *columns;        /* of the rule's parts; owned */
} rows_table;

struct sink_redis_rows {
    cdc_key_map map;
    rows_table tables[TABLES_KEPT];
    uint32_t ntables;
    cdc_arena arena; /* of the row at hand */
    cdc_buffer text; /* of the value at hand */
    cdc_event commands[COMMANDS_OF_ROW];
    uint32_t ncommands, given;
    bool skip; /* target.on_ddl_error */
    cdc_metric *unmapped;
};

/* The row at hand. */
typedef struct rows_row {
    sink_redis_rows *rows;
    const cdc_event *ev;
    const rows_table *tbl;
    cdc_error *err;
} rows_row;

/* --- life --- */

cdc_rc sink_redis_rows_new(sink_redis_rows **out, const cdc_env *env, cdc_error *err)
{
    *out = NULL;
    sink_redis_rows *rows = calloc(1, sizeof *rows);
    if (rows == NULL) {
        return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for target.map");
    }
    cdc_arena_init(&rows->arena, 64 * (size_t)1024, 4 * CDC_MESSAGE_BYTES_MAX);
    cdc_buffer_init(&rows->text, 2 * CDC_MESSAGE_BYTES_MAX);
    cdc_rc rc = cdc_key_map_init(&rows->map, env->task->cfg, err);
    if (rc != CDC_OK || rows->map.nrules == 0) {
        sink_redis_rows_free(rows);
        return rc;
    }
    rows->unmapped = cdc_metrics_number(env->metrics, CDC_COUNTER, "sluice_rows_unmapped_total", "",
                                        "Rows of tables that target.map has not");
    rows->skip = strcmp(cdc_config_str(env->task->cfg, "target.on_ddl_error"), "skip") == 0;
    *out = rows;
    return CDC_OK;
}

static void forget_tables(sink_redis_rows *rows)
{
    for (uint32_t i = 0; i < rows->ntables; i++) {
        free(rows->tables[i].columns);
    }
    rows->ntables = 0;
}

void sink_redis_rows_free(sink_redis_rows *rows)
{
    if (rows != NULL) {
        forget_tables(rows);
        cdc_arena_fini(&rows->arena);
        cdc_buffer_fini(&rows->text);
        cdc_key_map_fini(&rows->map);
        free(rows);
    }
}

/* --- tables --- */

static cdc_rc no_memory(cdc_error *err)
{
    return cdc_error_set(err, CDC_FATAL, "no_memory",
                         "out of memory for a row, or it is too large");
}

static cdc_rc find_columns(rows_table *known, const cdc_table *tbl, cdc_error *err)
{
    const cdc_key_rule *rule = known->rule;
    known->columns = calloc(rule->nparts, sizeof *known->columns);
    if (known->columns == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < rule->nparts; i++) {
        int at = rule->parts[i].column ? cdc_table_find_column(tbl, rule->parts[i].text) : 0;
        if (at < 0) {
            free(known->columns);
            return cdc_error_set(err, CDC_FATAL, "map_column",
                                 "table %s.%s has no column %s, which the key '%s' of target.map "
                                 "needs; mend the key, or capture that column",
                                 tbl->database, tbl->name, rule->parts[i].text, rule->key);
        }
        known->columns[i] = (uint16_t)at;
    }
    return CDC_OK;
}

static cdc_rc table_of(sink_redis_rows *rows, const cdc_table *tbl, const rows_table **out,
                       cdc_error *err)
{
    for (uint32_t i = 0; i < rows->ntables; i++) {
        if (rows->tables[i].uid == tbl->uid) {
            *out = &rows->tables[i];
            return CDC_OK;
        }
    }
    if (rows->ntables == TABLES_KEPT) {
        forget_tables(rows);
    }
    rows_table *known = &rows->tables[rows->ntables];
    *known = (rows_table){.uid = tbl->uid,
                          .rule = cdc_key_map_find(&rows->map, tbl->database, tbl->name)};
    cdc_rc rc = known->rule != NULL ? find_columns(known, tbl, err) : CDC_OK;
    if (rc == CDC_OK) {
        rows->ntables++;
        *out = known;
    }
    return rc;
}

/* --- values --- */

static cdc_rc bad_value(const rows_row *row, uint32_t column, const char *fault)
{
    const cdc_table *tbl = row->ev->table;
    if (fault == NULL) {
        return no_memory(row->err);
    }
    return cdc_error_set(row->err, CDC_FATAL, "value", "table %s.%s: column %s: %s", tbl->database,
                         tbl->name, tbl->cols[column].name, fault);
}

/* Makes what rows->text holds an argument. */
static cdc_rc keep_text(const rows_row *row, cdc_value *out)
{
    const cdc_buffer *text = &row->rows->text;
    char *copy = text->failed || text->len > UINT32_MAX
                     ? NULL
                     : cdc_arena_alloc(&row->rows->arena, text->len);
    if (copy == NULL) {
        return no_memory(row->err);
    }
    if (text->len > 0) {
        memcpy(copy, text->data, text->len);
    }
    *out = (cdc_value){.kind = CDC_BYTES, .p = copy, .len = (uint32_t)text->len};
    return CDC_OK;
}

static cdc_value constant(const char *text)
{
    return (cdc_value){.kind = CDC_BYTES, .p = text, .len = (uint32_t)strlen(text)};
}

static cdc_rc make_key(const rows_row *row, const cdc_value *values, cdc_value *key)
{
    const cdc_key_rule *rule = row->tbl->rule;
    cdc_buffer *text = &row->rows->text;
    cdc_buffer_reset(text);
    for (size_t i = 0; i < rule->nparts; i++) {
        uint32_t at = row->tbl->columns[i];
        const char *fault = NULL;
        if (!rule->parts[i].column) {
            cdc_buffer_add_str(text, rule->parts[i].text);
        } else if (values[at].kind == CDC_NULL) {
            return bad_value(row, at,
                             "the row's key in target.map needs it, and it is NULL; use columns "
                             "that are NOT NULL");
        } else if (values[at].kind == CDC_ABSENT) {
            return bad_value(row, at,
                             "the row's key in target.map needs it, and the source did not log "
                             "it; set binlog_row_image to FULL there");
        } else if (!sink_redis_row_text(text, &row->ev->table->cols[at], &values[at], &fault)) {
            return bad_value(row, at, fault);
        }
    }
    return keep_text(row, key);
}

/* --- commands --- */

static cdc_rc add_command(const rows_row *row, const cdc_value *argv, uint32_t argc)
{
    sink_redis_rows *rows = row->rows;
    cdc_value *copy = cdc_arena_memdup(&rows->arena, argv, argc * sizeof *argv);
    if (copy == NULL) {
        return no_memory(row->err);
    }
    cdc_event *command = &rows->commands[rows->ncommands++];
    *command = *row->ev;
    command->op = CDC_OP_COMMAND;
    command->table = NULL;
    command->before = NULL;
    command->after = copy;
    command->nargs = argc;
    command->key_arg = 1;
    command->redis_db = row->tbl->rule->redis_db;
    command->expire_at_ms = -1;
    return CDC_OK;
}

static cdc_rc delete_key(const rows_row *row, const cdc_value *key)
{
    return add_command(row, (cdc_value[]){constant("DEL"), *key}, 2);
}

static cdc_rc keep_milliseconds(const rows_row *row, cdc_value *out)
{
    cdc_buffer_reset(&row->rows->text);
    cdc_buffer_add_i64(&row->rows->text, row->tbl->rule->expire_ms);
    return keep_text(row, out);
}

/* Appends name and value of a column that has one. */
static cdc_rc add_field(const rows_row *row, uint32_t column, cdc_value *argv, uint32_t *argc)
{
    const cdc_column *col = &row->ev->table->cols[column];
    const char *fault;
    cdc_buffer_reset(&row->rows->text);
    if (!sink_redis_row_text(&row->rows->text, col, &row->ev->after[column], &fault)) {
        return bad_value(row, column, fault);
    }
    argv[*argc] = constant(col->name);
    *argc += 2;
    return keep_text(row, &argv[*argc - 1]);
}

/* HSET of the columns that have a value; HDEL of those that are NULL, if the key may be there. */
static cdc_rc set_fields(const rows_row *row, const cdc_value *key, bool anew)
{
    const cdc_table *tbl = row->ev->table;
    size_t room = (2 * (size_t)tbl->ncols + 2) * sizeof(cdc_value);
    cdc_value *set = cdc_arena_alloc(&row->rows->arena, room);
    cdc_value *drop = cdc_arena_alloc(&row->rows->arena, room);
    uint32_t nset = 2, ndrop = 2;
    cdc_rc rc = set != NULL && drop != NULL ? CDC_OK : no_memory(row->err);
    if (rc != CDC_OK) {
        return rc;
    }
    set[0] = constant("HSET");
    drop[0] = constant("HDEL");
    set[1] = drop[1] = *key;
    for (uint32_t i = 0; i < tbl->ncols && rc == CDC_OK; i++) {
        const cdc_value *v = &row->ev->after[i];
        if (v->kind == CDC_NULL) {
            drop[ndrop++] = constant(tbl->cols[i].name);
        } else if (v->kind != CDC_ABSENT) {
            rc = add_field(row, i, set, &nset);
        }
    }
    rc = rc == CDC_OK ? add_command(row, set, nset) : rc;
    return rc == CDC_OK && ndrop > 2 && !anew ? add_command(row, drop, ndrop) : rc;
}

static cdc_rc set_hash(const rows_row *row, const cdc_value *key, bool anew)
{
    cdc_value ms;
    cdc_rc rc = anew ? delete_key(row, key) : CDC_OK;
    if (rc == CDC_OK) {
        rc = set_fields(row, key, anew);
    }
    if (rc == CDC_OK && row->tbl->rule->expire_ms > 0) {
        rc = keep_milliseconds(row, &ms);
        if (rc == CDC_OK) {
            rc = add_command(row, (cdc_value[]){constant("PEXPIRE"), *key, ms}, 3);
        }
    }
    return rc;
}

static cdc_rc make_object(const rows_row *row, cdc_value *object)
{
    const cdc_table *tbl = row->ev->table;
    cdc_buffer *text = &row->rows->text;
    cdc_buffer_reset(text);
    for (uint32_t i = 0; i < tbl->ncols; i++) {
        const char *fault = "the source did not log it; set binlog_row_image to FULL there";
        const cdc_value *v = &row->ev->after[i];
        cdc_buffer_add_char(text, i == 0 ? '{' : ',');
        if (!sink_redis_row_string(text, tbl->cols[i].name, strlen(tbl->cols[i].name))) {
            return no_memory(row->err);
        }
        cdc_buffer_add_char(text, ':');
        if (v->kind == CDC_ABSENT || !sink_redis_row_json(text, &tbl->cols[i], v, &fault)) {
            return bad_value(row, i, fault);
        }
    }
    cdc_buffer_add_char(text, '}');
    return keep_text(row, object);
}

static cdc_rc set_json(const rows_row *row, const cdc_value *key)
{
    cdc_value argv[5] = {constant("SET"), *key, {0}, constant("PX"), {0}};
    bool expires = row->tbl->rule->expire_ms > 0;
    cdc_rc rc = make_object(row, &argv[2]);
    if (rc == CDC_OK && expires) {
        rc = keep_milliseconds(row, &argv[4]);
    }
    return rc == CDC_OK ? add_command(row, argv, expires ? 5 : 3) : rc;
}

/* The key of an UPDATE's old row, if it is another. */
static cdc_rc delete_old(const rows_row *row, const cdc_value *key, bool *changed)
{
    cdc_value old;
    cdc_rc rc = make_key(row, row->ev->before, &old);
    if (rc != CDC_OK) {
        return rc;
    }
    *changed = old.len != key->len || memcmp(old.p, key->p, key->len) != 0;
    return *changed ? delete_key(row, &old) : CDC_OK;
}

static cdc_rc make_commands(const rows_row *row)
{
    const cdc_event *ev = row->ev;
    cdc_value key;
    bool changed = false;
    cdc_rc rc = make_key(row, ev->op == CDC_OP_DELETE ? ev->before : ev->after, &key);
    if (rc != CDC_OK || ev->op == CDC_OP_DELETE) {
        return rc == CDC_OK ? delete_key(row, &key) : rc;
    }
    if (ev->op == CDC_OP_UPDATE) {
        rc = delete_old(row, &key, &changed);
    }
    if (rc != CDC_OK) {
        return rc;
    }
    return row->tbl->rule->form == CDC_KEY_JSON
               ? set_json(row, &key)
               : set_hash(row, &key, changed || ev->op == CDC_OP_INSERT);
}

cdc_rc sink_redis_rows_take(sink_redis_rows *rows, const cdc_event *ev, cdc_error *err)
{
    rows_row row = {.rows = rows, .ev = ev, .err = err};
    rows->ncommands = 0;
    rows->given = 0;
    cdc_arena_reset(&rows->arena, 64 * (size_t)1024);
    cdc_rc rc = table_of(rows, ev->table, &row.tbl, err);
    if (rc == CDC_OK && row.tbl->rule == NULL) {
        cdc_metric_add(rows->unmapped, 1);
        return CDC_OK;
    }
    return rc == CDC_OK ? make_commands(&row) : rc;
}

bool sink_redis_rows_next(sink_redis_rows *rows, cdc_event *command)
{
    if (rows->given == rows->ncommands) {
        return false;
    }
    *command = rows->commands[rows->given++];
    command->last = command->last && rows->given == rows->ncommands;
    return true;
}

/* --- definitions --- */

static bool is_of(const cdc_key_rule *rule, const char *database, const char *table)
{
    size_t n = strlen(database);
    return strncmp(rule->table, database, n) == 0 && rule->table[n] == '.' &&
           (table[0] == '\0' || strcmp(rule->table + n + 1, table) == 0);
}

/* The rows of the rule's table are gone, and their keys are not. */
static cdc_rc left_behind(const sink_redis_rows *rows, const cdc_key_rule *rule,
                          const cdc_event *ev, cdc_error *err)
{
    const char *ddl = cdc_ddl_name((cdc_ddl)ev->ddl);
    if (!rule->keep_on_truncate && !rows->skip) {
        return cdc_error_set(
            err, CDC_FATAL, "map_truncate",
            "%s of %s at the source: its keys '%s' at the target stand for rows "
            "that are gone; delete them there, then start once with "
            "target.on_ddl_error: skip, or set truncate: keep in the table's entry "
            "of target.map",
            ddl, rule->table, rule->key);
    }
    CDC_LOG(CDC_LOG_WARN, "map_keys_left", CDC_STR("table", rule->table), CDC_STR("ddl", ddl),
            CDC_STR("key", rule->key));
    return CDC_OK;
}

/* Are the rows of the table, or of all tables of the database, gone? */
static cdc_rc takes_rows(sink_redis_rows *rows, const cdc_event *ev, bool *gone, cdc_error *err)
{
    cdc_sql_statement stmt;
    cdc_arena_reset(&rows->arena, 0);
    if (!cdc_sql_statement_parse(ev->sql, ev->sql_len, 0, ev->ddl_default, &rows->arena, &stmt)) {
        return no_memory(err);
    }
    *gone = ev->ddl == CDC_DDL_TRUNCATE || ev->ddl == CDC_DDL_ERASE ||
            (stmt.object == CDC_SQL_DATABASE && stmt.verb == CDC_SQL_DROP) ||
            (stmt.or_replace && (stmt.object == CDC_SQL_DATABASE || stmt.object == CDC_SQL_TABLE));
    return CDC_OK;
}

static cdc_rc look_at(sink_redis_rows *rows, const cdc_event *ev, cdc_error *err)
{
    bool gone = false;
    cdc_rc rc = takes_rows(rows, ev, &gone, err);
    for (size_t i = 0; i < rows->map.nrules && rc == CDC_OK; i++) {
        const cdc_key_rule *rule = &rows->map.rules[i];
        if (gone && is_of(rule, ev->ddl_database, ev->ddl_table)) {
            rc = left_behind(rows, rule, ev, err);
        } else if (ev->ddl == CDC_DDL_RENAME && strcmp(rule->table, ev->ddl_was) == 0) {
            CDC_LOG(CDC_LOG_WARN, "map_table_renamed", CDC_STR("table", rule->table),
                    CDC_STR("to", ev->ddl_table), CDC_STR("key", rule->key));
        }
    }
    return rc;
}

cdc_rc sink_redis_rows_ddl(sink_redis_rows *rows, const cdc_event *const *events, uint32_t n,
                           cdc_error *err)
{
    cdc_rc rc = CDC_OK;
    for (uint32_t i = 0; i < n && rc == CDC_OK; i++) {
        rc = look_at(rows, events[i], err);
    }
    return rc;
}
