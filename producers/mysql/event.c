#include "producers/mysql/event.h"

#include <stdio.h>
#include <string.h>

static const char *const event_names[] = {
    "UNKNOWN",
    "START_V3",
    "QUERY",
    "STOP",
    "ROTATE",
    "INTVAR",
    "LOAD",
    "SLAVE",
    "CREATE_FILE",
    "APPEND_BLOCK",
    "EXEC_LOAD",
    "DELETE_FILE",
    "NEW_LOAD",
    "RAND",
    "USER_VAR",
    "FORMAT_DESCRIPTION",
    "XID",
    "BEGIN_LOAD_QUERY",
    "EXECUTE_LOAD_QUERY",
    "TABLE_MAP",
    "WRITE_ROWS_V0",
    "UPDATE_ROWS_V0",
    "DELETE_ROWS_V0",
    "WRITE_ROWS_V1",
    "UPDATE_ROWS_V1",
    "DELETE_ROWS_V1",
    "INCIDENT",
    "HEARTBEAT",
    "IGNORABLE",
    "ROWS_QUERY",
    "WRITE_ROWS",
    "UPDATE_ROWS",
    "DELETE_ROWS",
    "GTID",
    "ANONYMOUS_GTID",
    "PREVIOUS_GTIDS",
    "TRANSACTION_CONTEXT",
    "VIEW_CHANGE",
    "XA_PREPARE",
    "PARTIAL_UPDATE_ROWS",
    "TRANSACTION_PAYLOAD",
    "HEARTBEAT_V2",
    "GTID_TAGGED",
};

static const char *const mariadb_event_names[] = {
    "ANNOTATE_ROWS",
    "BINLOG_CHECKPOINT",
    "MARIADB_GTID",
    "GTID_LIST",
    "START_ENCRYPTION",
    "QUERY_COMPRESSED",
    "WRITE_ROWS_COMPRESSED_V1",
    "UPDATE_ROWS_COMPRESSED_V1",
    "DELETE_ROWS_COMPRESSED_V1",
    "WRITE_ROWS_COMPRESSED",
    "UPDATE_ROWS_COMPRESSED",
    "DELETE_ROWS_COMPRESSED",
};

#define COUNT_OF(a) (sizeof(a) / sizeof(a)[0])

const char *src_mysql_event_type_name(uint8_t type)
{
    if (type < COUNT_OF(event_names)) {
        return event_names[type];
    }
    if (type >= 160 && type < 160 + COUNT_OF(mariadb_event_names)) {
        return mariadb_event_names[type - 160];
    }
    return "UNKNOWN";
}

static cdc_rc event_malformed(const src_mysql_event *ev, cdc_error *err)
{
    return cdc_error_set(
        err, CDC_FATAL, "mysql_event_malformed",
        "malformed %s event (type %u, %u bytes, ends at %u); the binlog is damaged or of "
        "an unknown version: check it with mysqlbinlog",
        src_mysql_event_type_name(ev->type), ev->type, ev->length, ev->end_pos);
}

static cdc_rc event_verify(const src_mysql_event *ev, const uint8_t *p, size_t n, cdc_error *err)
{
    cdc_cursor tail = cdc_cursor_of(p + n - SRC_MYSQL_EVENT_CHECKSUM, SRC_MYSQL_EVENT_CHECKSUM);
    uint32_t said = cdc_cursor_u32(&tail);
    uint32_t is = src_mysql_crc32(p, n - SRC_MYSQL_EVENT_CHECKSUM);
    if (said == is) {
        return CDC_OK;
    }
    return cdc_error_set(
        err, CDC_FATAL, "mysql_event_checksum",
        "wrong checksum in %s event that ends at %u (%08x, should be %08x); the binlog "
        "is damaged: check it with mysqlbinlog --verify-binlog-checksum",
        src_mysql_event_type_name(ev->type), ev->end_pos, is, said);
}

cdc_rc src_mysql_event_parse(const uint8_t *p, size_t n, src_mysql_checksum checksum,
                             src_mysql_event *out, cdc_error *err)
{
    size_t tail = checksum == SRC_MYSQL_CHECKSUM_NONE ? 0 : SRC_MYSQL_EVENT_CHECKSUM;
    if (n < SRC_MYSQL_EVENT_HEADER + tail) {
        return cdc_error_set(err, CDC_FATAL, "mysql_event_malformed",
                             "binlog event of %zu bytes is shorter than its header", n);
    }
    cdc_cursor c = cdc_cursor_of(p, n);
    out->timestamp = cdc_cursor_u32(&c);
    out->type = cdc_cursor_u8(&c);
    out->server_id = cdc_cursor_u32(&c);
    out->length = cdc_cursor_u32(&c);
    out->end_pos = cdc_cursor_u32(&c);
    out->flags = cdc_cursor_u16(&c);
    out->body = c;
    out->body.end -= tail;
    if (out->length != n) {
        return event_malformed(out, err);
    }
    if (checksum == SRC_MYSQL_CHECKSUM_VERIFY) {
        return event_verify(out, p, n, err);
    }
    return CDC_OK;
}

bool src_mysql_event_is_gtid(uint8_t type)
{
    return type == SRC_MYSQL_GTID_EVENT || type == SRC_MYSQL_ANONYMOUS_GTID_EVENT ||
           type == SRC_MYSQL_GTID_TAGGED_EVENT || type == SRC_MYSQL_MARIADB_GTID_EVENT;
}

bool src_mysql_event_has_end(const src_mysql_event *ev)
{
    return (ev->flags & SRC_MYSQL_EVENT_ARTIFICIAL) == 0 && ev->end_pos != 0 &&
           ev->type != SRC_MYSQL_ROTATE_EVENT && ev->type != SRC_MYSQL_HEARTBEAT_EVENT &&
           ev->type != SRC_MYSQL_HEARTBEAT_V2_EVENT &&
           ev->type != SRC_MYSQL_FORMAT_DESCRIPTION_EVENT;
}

cdc_rc src_mysql_event_unhandled(const src_mysql_event *ev, cdc_error *err)
{
    if (ev->type == SRC_MYSQL_INCIDENT_EVENT) {
        return cdc_error_set(
            err, CDC_FATAL, "mysql_incident",
            "the server reports an incident: changes before position %u may be missing "
            "from its binlog; start the task again with a full copy under a new name",
            ev->end_pos);
    }
    if ((ev->flags & SRC_MYSQL_EVENT_IGNORABLE) != 0) {
        return CDC_OK;
    }
    return cdc_error_set(
        err, CDC_FATAL, "mysql_event_unknown",
        "event of type %u (%s) that ends at %u: this version does not know it, and it is not "
        "marked as one to be ignored; switch off the feature of the server that writes it, and "
        "start behind it",
        ev->type, src_mysql_event_type_name(ev->type), ev->end_pos);
}

cdc_rc src_mysql_event_format(const src_mysql_event *ev, src_mysql_format *out, cdc_error *err)
{
    cdc_cursor c = ev->body;
    memset(out, 0, sizeof *out);
    out->binlog_version = cdc_cursor_u16(&c);
    const uint8_t *version = cdc_cursor_bytes(&c, sizeof out->server_version - 1);
    (void)cdc_cursor_u32(&c); /* time of creation */
    out->header_length = cdc_cursor_u8(&c);
    /* Behind the post-header lengths: one byte names the checksum, and four are there even if it is
     * off. */
    if (c.failed || cdc_cursor_left(&c) < 1 + SRC_MYSQL_EVENT_CHECKSUM) {
        return event_malformed(ev, err);
    }
    memcpy(out->server_version, version, sizeof out->server_version - 1);
    out->post_header_lengths = c;
    out->post_header_lengths.end -= 1 + SRC_MYSQL_EVENT_CHECKSUM;
    uint8_t algorithm = out->post_header_lengths.end[0];
    out->checksum = algorithm == 1;
    out->mariadb = strstr(out->server_version, "MariaDB") != NULL;
    if (out->binlog_version != 4 || out->header_length != SRC_MYSQL_EVENT_HEADER || algorithm > 1) {
        return cdc_error_set(
            err, CDC_FATAL, "mysql_binlog_version",
            "binlog version %u with %u header bytes and checksum algorithm %u (server %s) "
            "is not known; version 4 with CRC32 or none is",
            out->binlog_version, out->header_length, algorithm, out->server_version);
    }
    return CDC_OK;
}

cdc_rc src_mysql_event_rotate(const src_mysql_event *ev, src_mysql_rotate *out, cdc_error *err)
{
    cdc_cursor c = ev->body;
    out->position = cdc_cursor_u64(&c);
    out->file = (const char *)c.p;
    out->file_len = cdc_cursor_left(&c);
    return c.failed || out->file_len == 0 ? event_malformed(ev, err) : CDC_OK;
}

/* Status variables of fixed length that say nothing to us: bytes by code. */
static const uint8_t query_status_bytes[] = {
    [0] = 4,  /* flags2 */
    [3] = 4,  /* auto_increment */
    [7] = 2,  /* lc_time_names */
    [8] = 2,  /* collation of the database */
    [9] = 8,  /* table map for update */
    [10] = 4, /* bytes written */
    [16] = 1, /* explicit_defaults_for_timestamp */
    [18] = 2, /* default collation for utf8mb4 */
    [19] = 1, /* sql_require_primary_key */
    [20] = 1, /* default_table_encryption */
};

/* Names of the databases touched; 254 says that there are too many to tell. */
static void query_status_databases(cdc_cursor *vars)
{
    unsigned names = cdc_cursor_u8(vars);
    for (unsigned i = 0; names != 254 && i < names && !vars->failed; i++) {
        const uint8_t *nul = memchr(vars->p, 0, cdc_cursor_left(vars));
        cdc_cursor_bytes(vars, nul == NULL ? SIZE_MAX : (size_t)(nul - vars->p) + 1);
    }
}

/* One status variable, by its code. False: unknown code, whose length nobody knows. */
static bool query_status(src_mysql_query *out, cdc_cursor *vars)
{
    uint8_t code = cdc_cursor_u8(vars);
    switch (code) {
    case 1:
        out->sql_mode = cdc_cursor_u64(vars);
        return true;
    case 2: /* catalog, with a NUL */
        cdc_cursor_bytes(vars, (size_t)cdc_cursor_u8(vars) + 1);
        return true;
    case 4:
        out->has_charset = true;
        out->charset_client = cdc_cursor_u16(vars);
        out->collation_connection = cdc_cursor_u16(vars);
        out->collation_server = cdc_cursor_u16(vars);
        return true;
    case 11: /* invoker: user, host */
        cdc_cursor_bytes(vars, cdc_cursor_u8(vars));
        cdc_cursor_bytes(vars, cdc_cursor_u8(vars));
        return true;
    case 5: /* time zone */
    case 6: /* catalog */
        cdc_cursor_bytes(vars, cdc_cursor_u8(vars));
        return true;
    case 12:
        query_status_databases(vars);
        return true;
    case 13:  /* MySQL */
    case 128: /* MariaDB */
        out->has_micros = true;
        out->micros = (uint32_t)cdc_cursor_le(vars, 3);
        return true;
    case 17:  /* MySQL */
    case 129: /* MariaDB */
        out->has_xid = true;
        out->xid = cdc_cursor_u64(vars);
        return true;
    default:
        if (code >= COUNT_OF(query_status_bytes) || query_status_bytes[code] == 0) {
            return false;
        }
        cdc_cursor_bytes(vars, query_status_bytes[code]);
        return true;
    }
}

cdc_rc src_mysql_event_query(const src_mysql_event *ev, src_mysql_query *out, cdc_error *err)
{
    cdc_cursor c = ev->body;
    memset(out, 0, sizeof *out);
    cdc_cursor_bytes(&c, 8); /* thread, execution time */
    out->database_len = cdc_cursor_u8(&c);
    out->error_code = cdc_cursor_u16(&c);
    size_t status_len = cdc_cursor_u16(&c);
    const uint8_t *status = cdc_cursor_bytes(&c, status_len);
    out->database = (const char *)cdc_cursor_bytes(&c, out->database_len);
    if (cdc_cursor_u8(&c) != 0 || c.failed) {
        return event_malformed(ev, err);
    }
    out->sql = (const char *)c.p;
    out->sql_len = cdc_cursor_left(&c);
    cdc_cursor vars = cdc_cursor_of(status, status_len);
    while (cdc_cursor_left(&vars) > 0 && query_status(out, &vars)) {
    }
    return vars.failed ? event_malformed(ev, err) : CDC_OK;
}

cdc_rc src_mysql_event_xid(const src_mysql_event *ev, uint64_t *xid, cdc_error *err)
{
    cdc_cursor c = ev->body;
    *xid = cdc_cursor_u64(&c);
    return c.failed ? event_malformed(ev, err) : CDC_OK;
}

static cdc_rc heartbeat_v2(const src_mysql_event *ev, src_mysql_rotate *out, cdc_error *err)
{
    cdc_cursor c = ev->body;
    while (cdc_cursor_left(&c) > 0) {
        uint8_t field = cdc_cursor_u8(&c);
        if (field == 0) {
            break;
        }
        size_t len = cdc_cursor_lenenc(&c);
        const uint8_t *p = cdc_cursor_bytes(&c, len);
        if (p == NULL) {
            break;
        }
        cdc_cursor value = cdc_cursor_of(p, len);
        if (field == 1) {
            out->file = (const char *)p;
            out->file_len = len;
        } else if (field == 2) {
            out->position = cdc_cursor_lenenc(&value);
        }
        c.failed = c.failed || value.failed;
    }
    return c.failed || out->file_len == 0 ? event_malformed(ev, err) : CDC_OK;
}

cdc_rc src_mysql_event_heartbeat(const src_mysql_event *ev, src_mysql_rotate *out, cdc_error *err)
{
    memset(out, 0, sizeof *out);
    if (ev->type == SRC_MYSQL_HEARTBEAT_V2_EVENT) {
        return heartbeat_v2(ev, out, err);
    }
    out->position = ev->end_pos;
    out->file = (const char *)ev->body.p;
    out->file_len = cdc_cursor_left(&ev->body);
    return out->file_len == 0 ? event_malformed(ev, err) : CDC_OK;
}

cdc_rc src_mysql_event_mariadb_gtid(const src_mysql_event *ev, src_mysql_mariadb_gtid *out,
                                    cdc_error *err)
{
    cdc_cursor c = ev->body;
    out->sequence = cdc_cursor_u64(&c);
    out->domain = cdc_cursor_u32(&c);
    out->flags = cdc_cursor_u8(&c);
    out->server_id = ev->server_id;
    return c.failed ? event_malformed(ev, err) : CDC_OK;
}

size_t src_mysql_mariadb_gtid_text(const src_mysql_mariadb_gtid *gtid,
                                   char out[SRC_MYSQL_GTID_TEXT_MAX])
{
    return (size_t)snprintf(out, SRC_MYSQL_GTID_TEXT_MAX, "%u-%u-%llu", gtid->domain,
                            gtid->server_id, (unsigned long long)gtid->sequence);
}
