#include "stmt.h"

#include "literal.h"

enum { KEY_TEXT_MAX = 200 };

static bool sink_mysql_add_field(cdc_buffer *sql, const sink_mysql_map *map, uint16_t source,
                                 uint8_t how, const cdc_value *v)
{
    return how == SINK_MYSQL_LABELS ? sink_mysql_add_labels(sql, v, &map->table->cols[source])
                                    : sink_mysql_add_value(sql, v);
}

sink_mysql_row sink_mysql_add_row(cdc_buffer *sql, const sink_mysql_map *map, const cdc_value *row,
                                  uint32_t *bad)
{
    size_t start = sql->len;
    for (uint32_t i = 0; i < map->nfields; i++) {
        const sink_mysql_field *field = &map->fields[i];
        const cdc_value *v = &row[field->source];
        if (v->kind == CDC_ABSENT) {
            sql->len = start;
            return SINK_MYSQL_ROW_PARTIAL;
        }
        cdc_buffer_add_char(sql, i == 0 ? '(' : ',');
        if (!sink_mysql_add_field(sql, map, field->source, field->write, v)) {
            *bad = field->source;
            return SINK_MYSQL_ROW_BAD;
        }
    }
    cdc_buffer_add_char(sql, ')');
    return SINK_MYSQL_ROW_OK;
}

sink_mysql_row sink_mysql_add_key(cdc_buffer *sql, const sink_mysql_map *map, const cdc_value *row,
                                  uint32_t *bad)
{
    for (uint32_t i = 0; i < map->nkeys; i++) {
        const sink_mysql_field *key = &map->keys[i];
        if (i > 0 || map->nkeys > 1) {
            cdc_buffer_add_char(sql, i == 0 ? '(' : ',');
        }
        if (!sink_mysql_add_field(sql, map, key->source, key->compare, &row[key->source])) {
            *bad = key->source;
            return SINK_MYSQL_ROW_BAD;
        }
    }
    if (map->nkeys > 1) {
        cdc_buffer_add_char(sql, ')');
    }
    return SINK_MYSQL_ROW_OK;
}

/* --- whole statements --- */

sink_mysql_row sink_mysql_add_insert(cdc_buffer *sql, const sink_mysql_map *map, const char *verb,
                                     const cdc_value *row, uint32_t *bad)
{
    const char *before = " (";
    cdc_buffer_add_str(sql, verb);
    cdc_buffer_add_str(sql, " INTO ");
    cdc_buffer_add_str(sql, map->target->quoted);
    for (uint32_t i = 0; i < map->nfields; i++) {
        if (row[map->fields[i].source].kind != CDC_ABSENT) {
            cdc_buffer_add_str(sql, before);
            cdc_buffer_add_str(sql, map->fields[i].quoted);
            before = ",";
        }
    }
    if (before[0] == ' ') {
        *bad = map->fields[0].source;
        return SINK_MYSQL_ROW_BAD;
    }
    before = ") VALUES (";
    for (uint32_t i = 0; i < map->nfields; i++) {
        const sink_mysql_field *field = &map->fields[i];
        const cdc_value *v = &row[field->source];
        if (v->kind == CDC_ABSENT) {
            continue;
        }
        cdc_buffer_add_str(sql, before);
        before = ",";
        if (!sink_mysql_add_field(sql, map, field->source, field->write, v)) {
            *bad = field->source;
            return SINK_MYSQL_ROW_BAD;
        }
    }
    cdc_buffer_add_char(sql, ')');
    return SINK_MYSQL_ROW_OK;
}

/* Text compares by the column's collation, where 'a' is 'A': a row without a key is the one that is
 * equal byte for byte. The plain comparison stays, for an index. */
static bool sink_mysql_add_exact(cdc_buffer *sql, const char *name, const cdc_value *v)
{
    cdc_buffer_add_str(sql, name);
    cdc_buffer_add_str(sql, "<=>");
    bool ok = sink_mysql_add_value(sql, v);
    cdc_buffer_add_str(sql, " AND CAST(CONVERT(");
    cdc_buffer_add_str(sql, name);
    cdc_buffer_add_str(sql, " USING utf8mb4) AS BINARY)<=>CAST(");
    ok = ok && sink_mysql_add_value(sql, v);
    cdc_buffer_add_str(sql, " AS BINARY)");
    return ok;
}

static bool sink_mysql_add_equal(cdc_buffer *sql, const sink_mysql_map *map,
                                 const sink_mysql_field *field, const cdc_value *v)
{
    bool wrapped = v->kind != CDC_NULL;
    if (field->compare == SINK_MYSQL_EXACT && wrapped) {
        return sink_mysql_add_exact(sql, field->quoted, v);
    }
    bool json = field->compare == SINK_MYSQL_JSON && wrapped;
    bool octets = field->compare == SINK_MYSQL_OCTETS;
    cdc_buffer_add_str(sql, octets ? "CAST(" : "");
    cdc_buffer_add_str(sql, field->quoted);
    cdc_buffer_add_str(sql, octets ? " AS BINARY)" : "");
    cdc_buffer_add_str(sql, map->nkeys > 0 ? "=" : "<=>");
    cdc_buffer_add_str(sql, json ? "CAST(" : "");
    bool ok = sink_mysql_add_field(sql, map, field->source, field->compare, v);
    cdc_buffer_add_str(sql, json ? " AS JSON)" : "");
    return ok;
}

/* The old row: by its key, or by all its columns and then one row only. after stands in for key
 * columns that before does not have. */
static sink_mysql_row sink_mysql_add_where(cdc_buffer *sql, const sink_mysql_map *map,
                                           const cdc_event *ev, uint32_t *bad)
{
    const sink_mysql_field *fields = map->nkeys > 0 ? map->keys : map->fields;
    uint32_t n = map->nkeys > 0 ? map->nkeys : map->nfields;
    const char *before = " WHERE ";
    for (uint32_t i = 0; i < n; i++) {
        const cdc_value *v = &ev->before[fields[i].source];
        if (v->kind == CDC_ABSENT && ev->after != NULL) {
            v = &ev->after[fields[i].source];
        }
        if (v->kind == CDC_ABSENT && map->nkeys == 0) {
            continue;
        }
        cdc_buffer_add_str(sql, before);
        before = " AND ";
        if (!sink_mysql_add_equal(sql, map, &fields[i], v)) {
            *bad = fields[i].source;
            return SINK_MYSQL_ROW_BAD;
        }
    }
    if (before[1] == 'W') {
        *bad = fields[0].source;
        return SINK_MYSQL_ROW_BAD;
    }
    cdc_buffer_add_str(sql, map->nkeys == 0 ? " LIMIT 1" : "");
    return SINK_MYSQL_ROW_OK;
}

sink_mysql_row sink_mysql_add_update(cdc_buffer *sql, const sink_mysql_map *map, const char *verb,
                                     const cdc_event *ev, uint32_t *bad)
{
    const char *before = " SET ";
    cdc_buffer_add_str(sql, verb);
    cdc_buffer_add_char(sql, ' ');
    cdc_buffer_add_str(sql, map->target->quoted);
    for (uint32_t i = 0; i < map->nfields; i++) {
        const sink_mysql_field *field = &map->fields[i];
        const cdc_value *v = &ev->after[field->source];
        if (v->kind == CDC_ABSENT) {
            continue;
        }
        cdc_buffer_add_str(sql, before);
        before = ",";
        cdc_buffer_add_str(sql, field->quoted);
        cdc_buffer_add_char(sql, '=');
        if (!sink_mysql_add_field(sql, map, field->source, field->write, v)) {
            *bad = field->source;
            return SINK_MYSQL_ROW_BAD;
        }
    }
    if (before[0] == ' ') {
        *bad = map->fields[0].source;
        return SINK_MYSQL_ROW_BAD;
    }
    return sink_mysql_add_where(sql, map, ev, bad);
}

sink_mysql_row sink_mysql_add_delete(cdc_buffer *sql, const sink_mysql_map *map,
                                     const cdc_event *ev, uint32_t *bad)
{
    cdc_buffer_add_str(sql, "DELETE FROM ");
    cdc_buffer_add_str(sql, map->target->quoted);
    return sink_mysql_add_where(sql, map, ev, bad);
}

/* --- keys --- */

bool sink_mysql_is_complete(const sink_mysql_map *map, const cdc_value *row)
{
    for (uint32_t i = 0; i < map->nfields; i++) {
        if (row[map->fields[i].source].kind == CDC_ABSENT) {
            return false;
        }
    }
    return true;
}

bool sink_mysql_has_invalid_enum(const sink_mysql_map *map, const cdc_value *row)
{
    for (uint32_t i = 0; map->enums && row != NULL && i < map->nfields; i++) {
        const cdc_value *v = &row[map->fields[i].source];
        if (v->kind == CDC_ENUM && v->u == 0) {
            return true;
        }
    }
    return false;
}

bool sink_mysql_same_key(const sink_mysql_map *map, const cdc_event *ev)
{
    for (uint32_t i = 0; i < map->nkeys; i++) {
        const cdc_value *was = &ev->before[map->keys[i].source];
        const cdc_value *is = &ev->after[map->keys[i].source];
        if (was->kind != CDC_ABSENT && is->kind != CDC_ABSENT && !cdc_value_equal(was, is)) {
            return false;
        }
    }
    return map->nkeys > 0;
}

void sink_mysql_describe_key(const cdc_event *ev, char *out, size_t size)
{
    const cdc_table *tbl = ev->table;
    const cdc_value *row = ev->before != NULL ? ev->before : ev->after;
    cdc_buffer buf;
    cdc_buffer_init(&buf, 1024);
    for (uint32_t i = 0; i < tbl->nkeys && !buf.failed; i++) {
        const cdc_value *v = &row[tbl->keys[i]];
        if (v->kind == CDC_ABSENT && ev->after != NULL) {
            v = &ev->after[tbl->keys[i]];
        }
        cdc_buffer_add_str(&buf, i > 0 ? ", " : "");
        cdc_buffer_add_str(&buf, tbl->cols[tbl->keys[i]].name);
        cdc_buffer_add_char(&buf, '=');
        if (!sink_mysql_add_value(&buf, v)) {
            cdc_buffer_add_char(&buf, '?');
        }
    }
    if (tbl->nkeys == 0) {
        cdc_buffer_add_str(&buf, "no primary key");
    }
    size_t room = size - 4 < KEY_TEXT_MAX ? size - 4 : KEY_TEXT_MAX;
    const char *dots = buf.len > room || buf.failed ? "..." : "";
    snprintf(out, size, "%.*s%s", (int)(buf.len < room ? buf.len : room),
             buf.data != NULL ? buf.data : "", dots);
    cdc_buffer_fini(&buf);
}
