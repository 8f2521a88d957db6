#include "schema/fault.h"

#include <stdio.h>

enum { KEY_SHOWN = 200 };

cdc_rc cdc_fault_memory(const cdc_table *tbl, cdc_error *err)
{
    return cdc_error_set(err, CDC_FATAL, "no_memory", "table %s.%s: no memory for a message",
                         tbl->database, tbl->name);
}

cdc_rc cdc_fault_ddl_memory(const cdc_event *ev, cdc_error *err)
{
    return cdc_error_set(
        err, CDC_FATAL, "no_memory", "%s of %s.%s: no memory for a message with %u bytes of SQL",
        cdc_ddl_name((cdc_ddl)ev->ddl), ev->ddl_database, ev->ddl_table, ev->sql_len);
}

cdc_rc cdc_fault_commands_memory(const cdc_event *events, uint32_t n, cdc_error *err)
{
    return cdc_error_set(err, CDC_FATAL, "no_memory",
                         "database %d: no memory for a message with %u commands",
                         (int)events[0].redis_db, (unsigned)n);
}

cdc_rc cdc_fault_value(const cdc_table *tbl, const cdc_column *col, const char *fault,
                       cdc_error *err)
{
    if (fault == NULL) {
        return cdc_fault_memory(tbl, err);
    }
    return cdc_error_set(err, CDC_FATAL, "value_refused",
                         "table %s.%s, column %s (%s): the source gave %s", tbl->database,
                         tbl->name, col->name, col->type_text, fault);
}

cdc_rc cdc_fault_absent(const cdc_table *tbl, const cdc_column *col, cdc_error *err)
{
    return cdc_error_set(
        err, CDC_FATAL, "row_image",
        "table %s.%s, column %s: the row event does not hold the column; set binlog_row_image=FULL "
        "at the source, and begin again behind this event or with a new full copy",
        tbl->database, tbl->name, col->name);
}

cdc_rc cdc_fault_key(const cdc_table *tbl, const cdc_column *col, cdc_error *err)
{
    return cdc_error_set(err, CDC_FATAL, "key_null",
                         "table %s.%s, column %s: a primary key column is NULL", tbl->database,
                         tbl->name, col->name);
}

/* "table d.t" or "database 0, command SET" */
static void name_of(const cdc_event *ev, char *out, size_t room)
{
    if (ev->op == CDC_OP_COMMAND) {
        snprintf(out, room, "database %d, command %.*s", (int)ev->redis_db, (int)ev->after[0].len,
                 ev->after[0].p);
    } else {
        snprintf(out, room, "table %s.%s",
                 ev->table != NULL ? ev->table->database : ev->ddl_database,
                 ev->table != NULL ? ev->table->name : ev->ddl_table);
    }
}

cdc_rc cdc_fault_number(const char *field, const cdc_event *ev, cdc_error *err)
{
    char name[300];
    name_of(ev, name, sizeof name);
    return cdc_error_set(err, CDC_FATAL, "number_range", "%s: the message's %s is not below 2^53",
                         name, field);
}

cdc_rc cdc_fault_images(const cdc_event *ev, cdc_error *err)
{
    const cdc_table *tbl = ev->table;
    bool need_before = ev->op != CDC_OP_INSERT;
    bool need_after = ev->op != CDC_OP_DELETE;
    if ((need_before && ev->before == NULL) || (need_after && ev->after == NULL)) {
        return cdc_error_set(err, CDC_FATAL, "row_image",
                             "table %s.%s: the row event does not hold the row's %s image; set "
                             "binlog_row_image=FULL at the source",
                             tbl->database, tbl->name,
                             need_before && ev->before == NULL ? "before" : "after");
    }
    return CDC_OK;
}

cdc_rc cdc_fault_size(uint64_t max_bytes, const cdc_event *ev, cdc_bytes key, size_t value_len,
                      cdc_error *err)
{
    char name[300];
    char size[32] = "more";
    name_of(ev, name, sizeof name);
    if (value_len > 0) {
        snprintf(size, sizeof size, "%zu", key.len + value_len);
    }
    const char *allowed = max_bytes == CDC_MESSAGE_BYTES_MAX
                              ? "which is too much even in parts: at most"
                              : "message.max_bytes allows";
    const char *cure = max_bytes == CDC_MESSAGE_BYTES_MAX ? ""
                       : ev->op == CDC_OP_COMMAND
                           ? "raise it (and max.message.bytes of the topic), set message.oversize "
                             "to split, or "
                           : "raise it (and max.message.bytes of the topic), set message.oversize "
                             "to split or side-topic, or ";
    return cdc_error_set(err, CDC_FATAL, "message_too_large",
                         "%s, key %.*s%s: the message has %s bytes, %s %llu; %sleave the %s out",
                         name, key.len < KEY_SHOWN ? (int)key.len : KEY_SHOWN, key.p,
                         key.len < KEY_SHOWN ? "" : "...", size, allowed,
                         (unsigned long long)max_bytes, cure,
                         ev->op == CDC_OP_COMMAND ? "key's prefix" : "table or the column");
}
