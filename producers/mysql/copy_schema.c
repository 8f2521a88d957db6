#include "copy_schema.h"

#include "copy_tables.h"
#include "core/clock.h"
#include "names.h"
#include "schema_objects.h"

#define SQL_MAX (16U << 20)
#define OBJECTS_SENT "*" /* a token's table, done: the views and the others were sent */

struct src_mysql_copy_schema {
    const cdc_env *env;
    const src_mysql_server *server;
    src_mysql_connection *conn;
    src_mysql_copy_tables tables;
    size_t next;       /* the first table of the next database */
    bool objects_sent; /* views, routines, triggers, events */
    src_mysql_position pos;
    cdc_buffer sql, token;
    int64_t now_ms;
    cdc_batch *batch;
    const char *txn; /* in the batch's arena */
};

cdc_rc src_mysql_copy_schema_open(src_mysql_copy_schema **out, const cdc_env *env,
                                  const src_mysql_server *server, src_mysql_connection *conn,
                                  const src_mysql_position *from, cdc_error *err)
{
    src_mysql_copy_schema *schema = calloc(1, sizeof(*schema));
    *out = schema;
    if (schema == NULL) {
        return cdc_error_set(err, CDC_FATAL, "memory", "out of memory for the phase schema");
    }
    schema->env = env;
    schema->server = server;
    schema->conn = conn;
    schema->pos = *from;
    schema->pos.stage = SRC_MYSQL_SCHEMA;
    cdc_buffer_init(&schema->sql, SQL_MAX);
    cdc_buffer_init(&schema->token, SQL_MAX);
    cdc_rc rc = src_mysql_copy_tables_session(conn, err);
    if (rc == CDC_OK) {
        rc = src_mysql_copy_tables_load(&schema->tables, conn, env->selection, err);
    }
    while (rc == CDC_OK && schema->next < schema->tables.n &&
           strcmp(schema->tables.items[schema->next].database, from->database) <= 0) {
        schema->next++;
    }
    schema->objects_sent = from->table_done;
    if (rc != CDC_OK) {
        src_mysql_copy_schema_close(schema);
        *out = NULL;
    }
    return rc;
}

void src_mysql_copy_schema_close(src_mysql_copy_schema *schema)
{
    if (schema == NULL) {
        return;
    }
    src_mysql_copy_tables_fini(&schema->tables);
    cdc_buffer_fini(&schema->sql);
    cdc_buffer_fini(&schema->token);
    free(schema);
}

static cdc_rc batch_full(const src_mysql_copy_schema *schema, cdc_error *err)
{
    return cdc_error_set(err, CDC_FATAL, "mysql_too_large",
                         "the definitions of database %s do not fit into the memory of a batch",
                         schema->pos.database);
}

static cdc_event *add_event(src_mysql_copy_schema *schema, cdc_op op)
{
    cdc_arena *ar = &schema->batch->arena;
    const char *file = cdc_arena_strndup(ar, schema->pos.at.file, strlen(schema->pos.at.file));
    cdc_event *out = file != NULL ? cdc_batch_add(schema->batch) : NULL;
    if (out != NULL) {
        out->op = (uint8_t)op;
        out->phase = CDC_PHASE_SNAPSHOT;
        out->server_id = schema->server->server_id;
        out->source_ms = out->capture_ms = schema->now_ms;
        out->txn = schema->txn;
        out->pos_file = file;
        out->pos = schema->pos.at.pos;
    }
    return out;
}

static cdc_rc add_ddl(src_mysql_copy_schema *schema, cdc_ddl type, const char *table,
                      const char *sql, size_t n, cdc_error *err)
{
    cdc_arena *ar = &schema->batch->arena;
    cdc_event *out = add_event(schema, CDC_OP_DDL);
    if (out == NULL) {
        return batch_full(schema, err);
    }
    out->ddl = (uint8_t)type;
    out->ddl_database = cdc_arena_strndup(ar, schema->pos.database, strlen(schema->pos.database));
    out->ddl_table = cdc_arena_strndup(ar, table, strlen(table));
    out->ddl_default = out->ddl_database;
    out->sql = cdc_arena_strndup(ar, sql, n);
    out->sql_len = (uint32_t)n;
    if (out->ddl_database == NULL || out->ddl_table == NULL || out->sql == NULL) {
        return batch_full(schema, err);
    }
    return CDC_OK;
}

static cdc_rc add_database(src_mysql_copy_schema *schema, cdc_error *err)
{
    cdc_buffer_reset(&schema->sql);
    cdc_buffer_add_str(&schema->sql, "SHOW CREATE DATABASE ");
    src_mysql_add_name(&schema->sql, schema->pos.database);
    MYSQL_RES *res;
    cdc_rc rc = src_mysql_select(schema->conn, cdc_buffer_cstr(&schema->sql), &res, err);
    if (rc != CDC_OK) {
        return rc;
    }
    static const char head[] = "CREATE DATABASE ";
    MYSQL_ROW row = mysql_fetch_row(res);
    if (row != NULL && row[1] != NULL && strncmp(row[1], head, strlen(head)) == 0) {
        cdc_buffer_reset(&schema->sql);
        cdc_buffer_add_str(&schema->sql, "CREATE DATABASE IF NOT EXISTS ");
        cdc_buffer_add_str(&schema->sql, row[1] + strlen(head));
        rc = add_ddl(schema, CDC_DDL_QUERY, "", schema->sql.data, schema->sql.len, err);
    }
    mysql_free_result(res);
    return rc;
}

static cdc_rc add_definition(src_mysql_copy_schema *schema, const src_mysql_copy_table *table,
                             cdc_error *err)
{
    cdc_buffer_reset(&schema->sql);
    cdc_buffer_add_str(&schema->sql, "SHOW CREATE TABLE ");
    src_mysql_add_table(&schema->sql, table->database, table->name);
    MYSQL_RES *res;
    cdc_rc rc = src_mysql_select(schema->conn, cdc_buffer_cstr(&schema->sql), &res, err);
    if (rc != CDC_OK) {
        /* dropped since it was listed */
        return mysql_errno(schema->conn->mysql) == 1146 ? CDC_OK : rc;
    }
    MYSQL_ROW row = mysql_fetch_row(res);
    if (row != NULL && row[1] != NULL) {
        rc = add_ddl(schema, CDC_DDL_CREATE, table->name, row[1], mysql_fetch_lengths(res)[1], err);
    }
    mysql_free_result(res);
    return rc;
}

static cdc_rc make_token(src_mysql_copy_schema *schema, cdc_error *err)
{
    cdc_buffer_reset(&schema->token);
    src_mysql_position_print(&schema->pos, &schema->token);
    char *token = schema->token.failed ? NULL
                                       : cdc_arena_strndup(&schema->batch->arena,
                                                           schema->token.data, schema->token.len);
    if (token == NULL) {
        return batch_full(schema, err);
    }
    schema->batch->token = token;
    schema->batch->token_len = (uint32_t)schema->token.len;
    return CDC_OK;
}

/* Names the batch's transaction, which is never split. */
static cdc_rc begin_batch(src_mysql_copy_schema *schema, cdc_batch *batch, const char *name,
                          cdc_error *err)
{
    size_t n = strlen(name) + 8;
    char *txn = cdc_arena_alloc(&batch->arena, n);
    schema->batch = batch;
    schema->now_ms = batch->first_ms = cdc_clock_wall_ms();
    batch->atomic = true;
    if (txn == NULL) {
        return batch_full(schema, err);
    }
    snprintf(txn, n, "schema:%s", name);
    schema->txn = txn;
    return CDC_OK;
}

static cdc_rc end_batch(src_mysql_copy_schema *schema, cdc_error *err)
{
    return schema->batch->nevents == 0 || add_event(schema, CDC_OP_COMMIT) != NULL
               ? make_token(schema, err)
               : batch_full(schema, err);
}

static cdc_rc send_tables(src_mysql_copy_schema *schema, cdc_batch *batch, cdc_error *err)
{
    bool tables = src_mysql_schema_has(schema->env->task->cfg, "tables");
    schema->pos.database = schema->tables.items[schema->next].database;
    cdc_rc rc = begin_batch(schema, batch, schema->pos.database, err);
    if (rc == CDC_OK) {
        rc = add_database(schema, err);
    }
    while (rc == CDC_OK && schema->next < schema->tables.n &&
           strcmp(schema->tables.items[schema->next].database, schema->pos.database) == 0) {
        rc = tables ? add_definition(schema, &schema->tables.items[schema->next], err) : CDC_OK;
        schema->next++;
    }
    return rc == CDC_OK ? end_batch(schema, err) : rc;
}

static cdc_rc send_objects(src_mysql_copy_schema *schema, cdc_batch *batch, cdc_error *err)
{
    src_mysql_objects objects;
    const char *last = schema->pos.database;
    cdc_rc rc = src_mysql_objects_load(&objects, schema->conn, schema->env, err);
    if (rc == CDC_OK) {
        rc = begin_batch(schema, batch, "", err);
    }
    for (size_t i = 0; rc == CDC_OK && i < objects.n; i++) {
        const src_mysql_object *object = &objects.items[i];
        schema->pos.database = object->database;
        rc = add_ddl(schema, CDC_DDL_QUERY, "", object->sql, object->sql_len, err);
    }
    schema->pos.database = last;
    schema->pos.table = OBJECTS_SENT;
    schema->pos.table_done = schema->objects_sent = true;
    if (rc == CDC_OK) {
        rc = end_batch(schema, err);
    }
    src_mysql_objects_fini(&objects);
    return rc;
}

cdc_rc src_mysql_copy_schema_poll(src_mysql_copy_schema *schema, cdc_batch *batch, cdc_error *err)
{
    if (schema->next < schema->tables.n) {
        return send_tables(schema, batch, err);
    }
    return schema->objects_sent ? CDC_EOF : send_objects(schema, batch, err);
}
