/* src_mysql_event: one binlog event: header, checksum, and the bodies of fixed form.
 *
 * Input is the event as the dump stream carries it, without the packet's status byte. What a parser
 * returns points into the event's bytes. Any thread. Pages: MySQL source documentation, "Binlog
 * Event" (libs/mysql/binlog/event); MariaDB knowledge base, "2-Binlog Event Header" and the pages
 * after it. */
#ifndef SRC_MYSQL_EVENT_H
#define SRC_MYSQL_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/cursor.h"
#include "core/error.h"

#define SRC_MYSQL_EVENT_HEADER 19U
#define SRC_MYSQL_EVENT_CHECKSUM 4U
#define SRC_MYSQL_EVENT_MAX                                                                        \
    (((size_t)1 << 30) + ((size_t)1 << 20)) /* the servers' limit, and their headers */

typedef enum src_mysql_event_type {
    SRC_MYSQL_QUERY_EVENT = 2,
    SRC_MYSQL_STOP_EVENT = 3,
    SRC_MYSQL_ROTATE_EVENT = 4,
    SRC_MYSQL_INTVAR_EVENT = 5,
    SRC_MYSQL_RAND_EVENT = 13,
    SRC_MYSQL_USER_VAR_EVENT = 14,
    SRC_MYSQL_FORMAT_DESCRIPTION_EVENT = 15,
    SRC_MYSQL_XID_EVENT = 16,
    SRC_MYSQL_BEGIN_LOAD_QUERY_EVENT = 17,
    SRC_MYSQL_EXECUTE_LOAD_QUERY_EVENT = 18,
    SRC_MYSQL_TABLE_MAP_EVENT = 19,
    SRC_MYSQL_WRITE_ROWS_V1_EVENT = 23,
    SRC_MYSQL_UPDATE_ROWS_V1_EVENT = 24,
    SRC_MYSQL_DELETE_ROWS_V1_EVENT = 25,
    SRC_MYSQL_INCIDENT_EVENT = 26,
    SRC_MYSQL_HEARTBEAT_EVENT = 27,
    SRC_MYSQL_IGNORABLE_EVENT = 28,
    SRC_MYSQL_ROWS_QUERY_EVENT = 29,
    SRC_MYSQL_WRITE_ROWS_EVENT = 30,
    SRC_MYSQL_UPDATE_ROWS_EVENT = 31,
    SRC_MYSQL_DELETE_ROWS_EVENT = 32,
    SRC_MYSQL_GTID_EVENT = 33,
    SRC_MYSQL_ANONYMOUS_GTID_EVENT = 34,
    SRC_MYSQL_PREVIOUS_GTIDS_EVENT = 35,
    SRC_MYSQL_TRANSACTION_CONTEXT_EVENT = 36,
    SRC_MYSQL_VIEW_CHANGE_EVENT = 37,
    SRC_MYSQL_XA_PREPARE_EVENT = 38,
    SRC_MYSQL_PARTIAL_UPDATE_ROWS_EVENT = 39,
    SRC_MYSQL_TRANSACTION_PAYLOAD_EVENT = 40,
    SRC_MYSQL_HEARTBEAT_V2_EVENT = 41,
    SRC_MYSQL_GTID_TAGGED_EVENT = 42,
    SRC_MYSQL_MARIADB_ANNOTATE_ROWS_EVENT = 160,
    SRC_MYSQL_MARIADB_BINLOG_CHECKPOINT_EVENT = 161,
    SRC_MYSQL_MARIADB_GTID_EVENT = 162,
    SRC_MYSQL_MARIADB_GTID_LIST_EVENT = 163,
    SRC_MYSQL_MARIADB_START_ENCRYPTION_EVENT = 164,
    SRC_MYSQL_MARIADB_QUERY_COMPRESSED_EVENT = 165,
    SRC_MYSQL_MARIADB_WRITE_ROWS_COMPRESSED_V1_EVENT = 166,
    SRC_MYSQL_MARIADB_UPDATE_ROWS_COMPRESSED_V1_EVENT = 167,
    SRC_MYSQL_MARIADB_DELETE_ROWS_COMPRESSED_V1_EVENT = 168,
    SRC_MYSQL_MARIADB_WRITE_ROWS_COMPRESSED_EVENT = 169,
    SRC_MYSQL_MARIADB_UPDATE_ROWS_COMPRESSED_EVENT = 170,
    SRC_MYSQL_MARIADB_DELETE_ROWS_COMPRESSED_EVENT = 171,
} src_mysql_event_type;

/* Header flags. */
#define SRC_MYSQL_EVENT_ARTIFICIAL 0x20U /* made by the dump thread, not in the log */
#define SRC_MYSQL_EVENT_IGNORABLE 0x80U  /* readers that do not know the type may skip it */

typedef struct src_mysql_event {
    uint32_t timestamp; /* seconds since 1970 */
    uint8_t type;       /* src_mysql_event_type, or one that we do not know */
    uint32_t server_id;
    uint32_t length;  /* of the whole event, header and checksum included */
    uint32_t end_pos; /* 0 in artificial events */
    uint16_t flags;
    cdc_cursor body; /* behind the header, without the checksum */
} src_mysql_event;

typedef enum src_mysql_checksum {
    SRC_MYSQL_CHECKSUM_NONE = 0, /* events end with their body */
    SRC_MYSQL_CHECKSUM_SKIP,     /* events end with 4 checksum bytes, which are not looked at */
    SRC_MYSQL_CHECKSUM_VERIFY,   /* the same, and the CRC32 must match */
} src_mysql_checksum;

/* FATAL: shorter than its header says, or the checksum is wrong (the text says which type and
 * position). */
cdc_rc src_mysql_event_parse(const uint8_t *p, size_t n, src_mysql_checksum checksum,
                             src_mysql_event *out, cdc_error *err) CDC_MUST_CHECK;

/* "WRITE_ROWS"; "event type 77" is "UNKNOWN". Static text. */
const char *src_mysql_event_type_name(uint8_t type);

/* Does the type begin a transaction, in either server's log? */
bool src_mysql_event_is_gtid(uint8_t type);

/* Does the header say where in the log it ends? Not in those that the dump thread makes, nor in
 * those inside of others. */
bool src_mysql_event_has_end(const src_mysql_event *ev);

/* An event that the caller has no use for: OK if its writer marked it as ignorable, FATAL otherwise
 * and for INCIDENT; err names type and position. */
cdc_rc src_mysql_event_unhandled(const src_mysql_event *ev, cdc_error *err) CDC_MUST_CHECK;

typedef struct src_mysql_format {
    uint16_t binlog_version; /* 4 */
    char server_version[51];
    uint8_t header_length; /* 19 */
    bool checksum;         /* events of this log carry a CRC32 */
    cdc_cursor post_header_lengths;
    bool mariadb; /* from the version text */
} src_mysql_format;

/* To be given an event that was parsed with SRC_MYSQL_CHECKSUM_NONE: this event tells itself
 * whether it has a checksum. */
cdc_rc src_mysql_event_format(const src_mysql_event *ev, src_mysql_format *out,
                              cdc_error *err) CDC_MUST_CHECK;

typedef struct src_mysql_rotate {
    uint64_t position;
    const char *file; /* not terminated */
    size_t file_len;
} src_mysql_rotate;

cdc_rc src_mysql_event_rotate(const src_mysql_event *ev, src_mysql_rotate *out,
                              cdc_error *err) CDC_MUST_CHECK;

/* Bits of sql_mode, the same for both servers. */
#define SRC_MYSQL_MODE_ANSI_QUOTES 0x4U
#define SRC_MYSQL_MODE_NO_BACKSLASH_ESCAPES 0x100000U

typedef struct src_mysql_query {
    const char *database; /* default database, not terminated, "" if none */
    size_t database_len;
    const char *sql; /* not terminated, in the client's charset below */
    size_t sql_len;
    uint16_t error_code;
    uint64_t sql_mode; /* SRC_MYSQL_MODE_..., and what is of no interest */
    bool has_charset;
    uint16_t charset_client; /* collation ids of the session, if has_charset */
    uint16_t collation_connection;
    uint16_t collation_server;
    bool has_micros;
    uint32_t micros; /* fraction of the header's timestamp */
    bool has_xid;    /* MySQL: XID of an atomic DDL */
    uint64_t xid;
} src_mysql_query;

cdc_rc src_mysql_event_query(const src_mysql_event *ev, src_mysql_query *out,
                             cdc_error *err) CDC_MUST_CHECK;

cdc_rc src_mysql_event_xid(const src_mysql_event *ev, uint64_t *xid, cdc_error *err) CDC_MUST_CHECK;

#define SRC_MYSQL_GTID_TAG_MAX 32
#define SRC_MYSQL_GTID_TEXT_MAX 96

typedef struct src_mysql_gtid {
    bool anonymous;
    uint8_t sid[16];
    uint64_t gno;
    char tag[SRC_MYSQL_GTID_TAG_MAX + 1]; /* "" if none */
    bool may_have_sbr;                    /* statements may be among the changes */
    int64_t last_committed, sequence_number;
    int64_t immediate_commit_us; /* at the server we read; 0 = not said */
    int64_t original_commit_us;  /* at the server that wrote it first */
    uint64_t transaction_length; /* 0 = not said */
} src_mysql_gtid;

/* GTID, ANONYMOUS_GTID and GTID_TAGGED. */
cdc_rc src_mysql_event_gtid(const src_mysql_event *ev, src_mysql_gtid *out,
                            cdc_error *err) CDC_MUST_CHECK;
/* "uuid:gno" or "uuid:tag:gno"; "" when anonymous. Returns the length. */
size_t src_mysql_gtid_text(const src_mysql_gtid *gtid, char out[SRC_MYSQL_GTID_TEXT_MAX]);
/* Commit time in ms since 1970: the original commit's time, else the immediate one's, else the
 * header's. */
int64_t src_mysql_gtid_commit_ms(const src_mysql_gtid *gtid, const src_mysql_event *ev);

#define SRC_MYSQL_MARIADB_GTID_STANDALONE                                                          \
    0x01U /* no COMMIT follows: one event group, as for DDL                                        \
           */
#define SRC_MYSQL_MARIADB_GTID_GROUP_COMMIT_ID 0x02U
#define SRC_MYSQL_MARIADB_GTID_TRANSACTIONAL 0x04U
#define SRC_MYSQL_MARIADB_GTID_ALLOW_PARALLEL 0x08U
#define SRC_MYSQL_MARIADB_GTID_WAITED 0x10U
#define SRC_MYSQL_MARIADB_GTID_DDL 0x20U
#define SRC_MYSQL_MARIADB_GTID_PREPARED_XA 0x40U
#define SRC_MYSQL_MARIADB_GTID_COMPLETED_XA 0x80U

typedef struct src_mysql_mariadb_gtid {
    uint32_t domain;
    uint32_t server_id;
    uint64_t sequence;
    uint8_t flags;
} src_mysql_mariadb_gtid;

cdc_rc src_mysql_event_mariadb_gtid(const src_mysql_event *ev, src_mysql_mariadb_gtid *out,
                                    cdc_error *err) CDC_MUST_CHECK;
/* "domain-server-sequence". Returns the length. */
size_t src_mysql_mariadb_gtid_text(const src_mysql_mariadb_gtid *gtid,
                                   char out[SRC_MYSQL_GTID_TEXT_MAX]);

/* HEARTBEAT (file in the body, position in the header) and HEARTBEAT_V2 (both in the body). */
cdc_rc src_mysql_event_heartbeat(const src_mysql_event *ev, src_mysql_rotate *out,
                                 cdc_error *err) CDC_MUST_CHECK;

/* CRC-32 (IEEE 802.3, as zlib's) of n bytes. */
uint32_t src_mysql_crc32(const uint8_t *p, size_t n);

#endif
