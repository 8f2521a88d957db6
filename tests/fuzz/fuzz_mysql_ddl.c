/* Statements of a binlog: any bytes are read, names lie inside of the statement and in their order,
 * plain text reads the same as what it was made from, and what is rewritten for a target still does
 * the same to the same kind of object. */
#include "consumers/mysql/rewrite.h"
#include "core/task.h"
#include "schema/mysql_sql/plain.h"
#include "schema/mysql_sql/statement.h"

static void check_names(const cdc_sql_statement *stmt, size_t len)
{
    size_t end = 0;
    for (uint32_t i = 0; i < stmt->nnames; i++) {
        if (stmt->names[i].at < end || stmt->names[i].len > len - stmt->names[i].at) {
            abort();
        }
        end = stmt->names[i].at + stmt->names[i].len;
    }
    if (stmt->kind == CDC_SQL_DDL && stmt->ntargets == 0) {
        abort();
    }
}

static void check_same(const cdc_sql_statement *a, const cdc_sql_statement *b)
{
    bool same = a->kind == b->kind && a->verb == b->verb && a->object == b->object &&
                a->ntargets == b->ntargets && a->nnames == b->nnames;
    for (uint32_t i = 0; same && i < a->ntargets; i++) {
        same = a->targets[i].type == b->targets[i].type &&
               strcmp(a->targets[i].database, b->targets[i].database) == 0 &&
               strcmp(a->targets[i].table, b->targets[i].table) == 0;
    }
    if (!same) {
        abort();
    }
}

static bool knows_collation(void *context, const char *name, size_t len)
{
    (void)context;
    return len % 2 == 0 && name[0] == 'u';
}

extern const cdc_option *const cdc_all_options[];

static const cdc_rename *the_rename(void)
{
    static const char text[] =
        "{name: t, source: {type: mysql, hosts: h, user: u}, objects: {include: '*.*'}, kafka: "
        "{bootstrap.servers: h}, target: {type: mysql, hosts: h, user: u, case: upper, rename: "
        "{databases: {s: dr}, tables: {s.t: x.y}, columns: {s.t: {id: i, c: d}, def.t: {a: b}}}}}";
    static cdc_task task;
    static cdc_rename *rename;
    cdc_error err;
    cdc_error_clear(&err);
    if (rename == NULL &&
        (cdc_task_parse(&task, "t", text, sizeof(text) - 1, cdc_all_options, &err) != CDC_OK ||
         cdc_rename_new(&rename, task.cfg, &err) != CDC_OK)) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
    return rename;
}

static void check_rewritten(const char *sql, size_t len, const cdc_sql_statement *stmt,
                            bool to_maria, cdc_arena *ar)
{
    const sink_mysql_rewrite how = {the_rename(), to_maria, knows_collation, NULL};
    const cdc_event ev = {.op = CDC_OP_DDL,
                          .gtid = len % 2 == 0 ? "0-1-5" : "",
                          .ddl_database = stmt->targets[0].database,
                          .ddl_table = stmt->targets[0].table,
                          .ddl_default = "def",
                          .sql = sql,
                          .sql_len = (uint32_t)len};
    const cdc_event *events[] = {&ev};
    sink_mysql_rewritten rw;
    cdc_sql_statement again;
    cdc_error err;
    cdc_error_clear(&err);
    sink_mysql_rewritten_init(&rw);
    cdc_rc rc = sink_mysql_rewrite_statement(&how, events, 1, &rw, &err);
    if (rc == CDC_OK && rw.replay == SINK_MYSQL_REPLAY) {
        bool same = cdc_sql_statement_parse(rw.sql.data, rw.sql.len, 0, "def", ar, &again) &&
                    again.verb == stmt->verb && again.object == stmt->object;
        if (!same) {
            fprintf(stderr, "%.*s\n", (int)rw.sql.len, rw.sql.data);
            abort();
        }
    }
    sink_mysql_rewritten_fini(&rw);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    unsigned mode = data[0] & 7U;
    const char *sql = (const char *)data;
    size_t len = size;
    cdc_arena ar;
    cdc_sql_statement stmt;
    cdc_sql_statement plain;
    cdc_arena_init(&ar, 4096, 64 * 1024 * 1024);
    if (cdc_sql_statement_parse(sql, len, mode, "def", &ar, &stmt)) {
        check_names(&stmt, len);
        if (!cdc_sql_plain(&sql, &len, mode, &ar) ||
            !cdc_sql_statement_parse(sql, len, mode & CDC_SQL_MYSQL, "def", &ar, &plain)) {
            abort();
        }
        check_same(&stmt, &plain);
        if (stmt.kind == CDC_SQL_DDL && cdc_sql_statement_parse(sql, len, 0, "def", &ar, &stmt) &&
            stmt.kind == CDC_SQL_DDL) {
            check_rewritten(sql, len, &stmt, false, &ar);
            check_rewritten(sql, len, &stmt, true, &ar);
        }
    }
    cdc_arena_fini(&ar);
    return 0;
}
