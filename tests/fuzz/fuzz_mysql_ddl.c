/* Statements of a binlog: any bytes are read, names lie inside of the statement and in their order,
 * and plain text reads the same as what it was made from. */
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
    }
    cdc_arena_fini(&ar);
    return 0;
}
