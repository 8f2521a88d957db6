/* What MariaDB's log does not say about a table is asked of the server: which BINARY columns are
 * UUID, INET6 or INET4, how many digits old temporal columns have, which columns carry system
 * versioning, and whether it is a sequence.
 *
 * The answer is that of now, the event is of then. It is taken only when nothing can have changed
 * it in between: the event is younger than the table's definition (CREATE_TIME, with a margin for
 * clocks that differ), or the log from the event to its end holds no statement that could have.
 * Otherwise the task stops: nothing is guessed (docs/adr/0010-what-the-log-does-not-tell.md). */
#include <stdlib.h>
#include <strings.h>

#include "stream_state.h"
#include "table_spec.h"

#define SQL_MAX (64U << 10)
#define CLOCK_MARGIN_S 60 /* a replica's events have the times of their first server's clock */

/* --- the definition of now --- */

/* 'text'; the session's sql_mode is empty. */
static void add_literal(cdc_buffer *out, const char *s)
{
    cdc_buffer_add_char(out, '\'');
    for (; *s != '\0'; s++) {
        if (*s == '\'' || *s == '\\') {
            cdc_buffer_add_char(out, *s);
        }
        cdc_buffer_add_char(out, *s);
    }
    cdc_buffer_add_char(out, '\'');
}

static cdc_rc select_of(src_mysql_stream *st, const char *head, const src_mysql_table_map *map,
                        MYSQL_RES **res, cdc_error *err)
{
    cdc_buffer sql;
    cdc_buffer_init(&sql, SQL_MAX);
    cdc_buffer_add_str(&sql, head);
    cdc_buffer_add_str(&sql, " WHERE TABLE_SCHEMA = ");
    add_literal(&sql, map->database);
    cdc_buffer_add_str(&sql, " AND TABLE_NAME = ");
    add_literal(&sql, map->name);
    cdc_rc rc = src_mysql_select(&st->ahead.conn, cdc_buffer_cstr(&sql), res, err);
    cdc_buffer_fini(&sql);
    return rc;
}

void src_mysql_resolve_fini(src_mysql_resolve *re)
{
    if (re->cols != NULL) {
        mysql_free_result(re->cols);
    }
    re->cols = NULL;
    re->asked = false;
}

static cdc_rc prepare(src_mysql_stream *st, cdc_error *err)
{
    cdc_rc rc = src_mysql_lookahead_connect(st, err);
    return rc == CDC_OK ? src_mysql_execute(&st->ahead.conn,
                                            "SET SESSION sql_mode = '', time_zone = '+00:00'", err)
                        : rc;
}

/* The columns first: a definition that is changed in between is younger then than they are. Then
 * the log's end: all that can have changed it stands before. */
static cdc_rc ask(src_mysql_stream *st, const src_mysql_table_map *map, cdc_error *err)
{
    static const char columns[] = "SELECT COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, DATETIME_PRECISION, "
                                  "GENERATION_EXPRESSION FROM information_schema.COLUMNS";
    static const char table[] = "SELECT TABLE_TYPE, UNIX_TIMESTAMP(CREATE_TIME) FROM "
                                "information_schema.TABLES";
    src_mysql_resolve *re = &st->resolve;
    MYSQL_RES *res = NULL;
    src_mysql_resolve_fini(re);
    cdc_rc rc = select_of(st, columns, map, &re->cols, err);
    if (rc == CDC_OK) {
        rc = select_of(st, table, map, &res, err);
    }
    if (rc == CDC_OK) {
        rc = src_mysql_server_log_end(&st->ahead.conn, st->server, &st->ahead.end, err);
    }
    MYSQL_ROW row = rc == CDC_OK ? mysql_fetch_row(res) : NULL;
    re->exists = row != NULL && row[0] != NULL;
    re->versioned = re->exists && strcmp(row[0], "SYSTEM VERSIONED") == 0;
    re->sequence = re->exists && strcmp(row[0], "SEQUENCE") == 0;
    re->created_s = re->exists && row[1] != NULL ? strtoll(row[1], NULL, 10) : (int64_t)UINT32_MAX;
    re->asked = rc == CDC_OK;
    if (res != NULL) {
        mysql_free_result(res);
    }
    return rc;
}

/* A connection that lay idle may be gone: it is opened anew once. */
static cdc_rc ask_twice(src_mysql_stream *st, const src_mysql_table_map *map, cdc_error *err)
{
    bool was_open = st->ahead.conn.mysql != NULL;
    cdc_rc rc = prepare(st, err);
    if (rc == CDC_RETRY && was_open) {
        src_mysql_disconnect(&st->ahead.conn);
        cdc_error_clear(err);
        rc = prepare(st, err);
    }
    if (rc == CDC_OK) {
        rc = ask(st, map, err);
    }
    if (rc != CDC_OK) {
        src_mysql_disconnect(&st->ahead.conn);
    }
    return rc;
}

/* --- does it fit the event? --- */

static MYSQL_ROW find_column(const src_mysql_resolve *re, const char *name)
{
    mysql_data_seek(re->cols, 0);
    MYSQL_ROW row = mysql_fetch_row(re->cols);
    while (row != NULL && strcmp(row[0], name) != 0) {
        row = mysql_fetch_row(re->cols);
    }
    return row;
}

static bool fill_binary(src_mysql_column_spec *spec, const char *data_type, const char *column_type)
{
    if (strcmp(data_type, "uuid") == 0 && spec->length == 16) {
        spec->special = SRC_MYSQL_SPECIAL_UUID;
    } else if (strcmp(data_type, "inet6") == 0 && spec->length == 16) {
        spec->special = SRC_MYSQL_SPECIAL_INET6;
    } else if (strcmp(data_type, "inet4") == 0 && spec->length == 4) {
        spec->special = SRC_MYSQL_SPECIAL_INET4;
    } else {
        char plain[24];
        snprintf(plain, sizeof(plain), "binary(%u)", spec->length);
        return strcmp(column_type, plain) == 0;
    }
    return true;
}

static bool fill_old_temporal(src_mysql_column_spec *spec, const char *data_type,
                              const char *column_type, const char *digits)
{
    const char *want = spec->type == SRC_MYSQL_TYPE_TIME       ? "time"
                       : spec->type == SRC_MYSQL_TYPE_DATETIME ? "datetime"
                                                               : "timestamp";
    if (strcmp(data_type, want) != 0 || strstr(column_type, "mariadb-5.3") == NULL) {
        return false;
    }
    spec->unsupported = NULL;
    spec->digits = digits != NULL ? (uint8_t)strtoul(digits, NULL, 10) : 0;
    return true;
}

/* The columns that hold a row's time: named in the definition, or added without a word. */
static void fill_versioning(src_mysql_column_spec *spec, MYSQL_ROW row)
{
    const char *how = row != NULL && row[4] != NULL ? row[4] : "";
    spec->row_end =
        row == NULL ? strcmp(spec->name, "row_end") == 0 : strcasecmp(how, "ROW END") == 0;
    spec->hidden = spec->row_end || (row == NULL ? strcmp(spec->name, "row_start") == 0
                                                 : strcasecmp(how, "ROW START") == 0);
}

/* False: one of the columns that are asked for is another one now. */
static bool fill(const src_mysql_resolve *re, const src_mysql_table_map *map,
                 src_mysql_column_spec *specs)
{
    unsigned hidden = 0;
    for (uint32_t i = 0; i < map->ncols; i++) {
        src_mysql_column_spec *spec = &specs[i];
        MYSQL_ROW row = find_column(re, spec->name);
        bool ok = true;
        if (re->versioned) {
            fill_versioning(spec, row);
            hidden += spec->hidden ? 1 : 0;
        }
        if (src_mysql_spec_is_binary(spec)) {
            ok = row != NULL && fill_binary(spec, row[1], row[2]);
        } else if (src_mysql_spec_is_old_temporal(spec)) {
            ok = row != NULL && fill_old_temporal(spec, row[1], row[2], row[3]);
        }
        if (!ok) {
            return false;
        }
    }
    return !re->versioned || hidden == 2;
}

/* --- has it changed since? --- */

bool src_mysql_resolve_may_change(const char *sql, size_t len)
{
    /* Of types (also CHAR(16) BYTE), of versioning, and of names that change places. */
    static const char *const words[] = {"uuid",    "inet",   "binary", "byte",
                                        "version", "period", "time",   "rename"};
    for (size_t i = 0; i + 4 <= len; i++) {
        for (size_t k = 0; k < sizeof(words) / sizeof(words[0]); k++) {
            size_t n = strlen(words[k]);
            if (n <= len - i && strncasecmp(sql + i, words[k], n) == 0) {
                return true;
            }
        }
    }
    return false;
}

static cdc_rc uncertain(const src_mysql_stream *st, const src_mysql_table_map *map,
                        const src_mysql_log_pos *changed_at, cdc_error *err)
{
    char why[SRC_MYSQL_FILE_MAX + 120] =
        "its definition does not fit, or the account may not see it (GRANT SELECT)";
    if (changed_at != NULL) {
        snprintf(why, sizeof(why), "it was changed after that, at %s:%llu", changed_at->file,
                 (unsigned long long)changed_at->pos);
    }
    return cdc_error_set(
        err, CDC_FATAL, "mysql_definition",
        "the log does not say which columns of table %s.%s are UUID, INET6, INET4, old times or of "
        "system versioning, and server %s cannot be asked about the time of this event: %s; start "
        "behind that change with a full copy under a new name, or leave the table out "
        "(objects.exclude)",
        map->database, map->name, st->feed.conn.name, why);
}

/* Has the answer held since the event? */
static cdc_rc check_since(src_mysql_stream *st, const src_mysql_table_map *map, bool fits,
                          cdc_error *err)
{
    if (fits && (int64_t)st->resolve.event_s > st->resolve.created_s + CLOCK_MARGIN_S) {
        return CDC_OK;
    }
    cdc_rc rc = src_mysql_lookahead_reach(st, err);
    if (rc != CDC_OK) {
        return rc;
    }
    const src_mysql_change *change = src_mysql_lookahead_change(st, map->database, map->name);
    bool changed = change != NULL && src_mysql_log_pos_compare(&change->kind, &st->at) > 0;
    return fits && !changed ? CDC_OK : uncertain(st, map, changed ? &change->kind : NULL, err);
}

cdc_rc src_mysql_stream_resolve(void *ctx, const src_mysql_table_map *map,
                                src_mysql_column_spec *specs, cdc_error *err)
{
    src_mysql_stream *st = ctx;
    src_mysql_resolve *re = &st->resolve;
    cdc_rc rc = re->asked ? CDC_OK : ask_twice(st, map, err);
    if (rc != CDC_OK) {
        return rc;
    }
    bool is_sequence = src_mysql_specs_are_sequence(specs, map->ncols);
    if (is_sequence && (re->sequence || !re->exists)) {
        rc = CDC_SKIP;
    } else {
        rc = check_since(st, map, re->exists && fill(re, map, specs), err);
    }
    if (rc != CDC_AGAIN) {
        src_mysql_resolve_fini(re);
    }
    return rc;
}
