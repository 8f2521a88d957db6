#include "checks.h"

#include <stddef.h>

const cdc_check src_mysql_checks[] = {
    {"source_connect", "fail, warn",
     "Every server of `source.hosts` can be reached and lets the account in; a warning while "
     "another "
     "one can.",
     "the reason stands in the line: name (DNS), port, TLS, user, password"},
    {"source_tls", "warn", "The connection is encrypted, unless the server is on this host.",
     "`source.tls: {mode: verify-identity, ca: FILE}`"},
    {"source_version", "fail", "The server is MySQL 8.0.1 or later, or MariaDB 10.5 or later.",
     "a newer server"},
    {"source_log_bin", "fail", "The binary log is on.",
     "`log_bin` in the server's configuration, and a restart"},
    {"source_binlog_format", "fail", "`binlog_format` is ROW.", "SET GLOBAL, SET PERSIST"},
    {"source_row_image", "fail", "`binlog_row_image` is FULL.", "SET GLOBAL, SET PERSIST"},
    {"source_row_metadata", "warn",
     "`binlog_row_metadata` is FULL; with MINIMAL the task stops when a table was altered before "
     "its "
     "definition could be read.",
     "SET GLOBAL, SET PERSIST"},
    {"source_binlog_filter", "fail", "No `binlog_do_db` or `binlog_ignore_db` hides changes.",
     "take the option out of the server's configuration, and restart it"},
    {"source_log_retention", "warn",
     "The binary log is kept for 24 hours or more: a task that stands still for longer must begin "
     "anew.",
     "SET GLOBAL, SET PERSIST binlog_expire_logs_seconds"},
    {"source_replica", "fail, warn",
     "If the server is itself a replica, it logs what it replicates (`log_replica_updates`); a "
     "warning when MariaDB only tells that it has replicated (the account lacks SLAVE MONITOR).",
     "the option in the server's configuration, and a restart"},
    {"source_gtid_mode", "fail, warn",
     "GTIDs are on, for the full copy; without it, a warning when there are several servers in "
     "`source.hosts`. MariaDB always has them.",
     "SET GLOBAL, in the order of the line"},
    {"source_server_id", "fail", "`source.server_id` is free.", "another one, or 0"},
    {"source_privileges", "fail",
     "The account has REPLICATION SLAVE and REPLICATION CLIENT, and SELECT on what "
     "`objects.include` names.",
     "the GRANT of the line"},
    {"source_objects", "fail",
     "The account sees the views, routines, triggers and events that `schema.objects` names, with "
     "their texts: what it does not see, the phase schema cannot carry.",
     "the GRANT of the line"},
    {"source_cascades", "warn",
     "A server that does not log what foreign keys delete or change (MariaDB, MySQL before 9.6): "
     "parent and child are both captured, or both not.",
     "the other table in `objects.include`"},
    {"source_tables", "fail, warn", "`objects` takes at least one table, and at most 1,000.",
     "other patterns; several tasks"},
    {"source_key", "warn",
     "Every table has a primary key: without one a table is copied in one chunk, and a changed row "
     "is found by all its columns.",
     "ALTER TABLE ... ADD PRIMARY KEY"},
    {"source_engine", "warn",
     "Every table has the engine InnoDB: others have no snapshot, and no rollback.",
     "ALTER TABLE ... ENGINE=InnoDB"},
    {"source_types", "fail", "The type and charset of every column can be decoded.",
     "leave the table out (`objects.exclude`)"},
    {"source_row_size", "warn",
     "No row can become larger than `message.max_bytes` allows, or `message.oversize` says what to "
     "do with one.",
     "raise `message.max_bytes` and the topic's max.message.bytes"},
    {"source_clock", "warn",
     "The server's clock is within 5 seconds of ours: lags are counted by "
     "both.",
     "NTP"},
    {NULL, NULL, NULL, NULL},
};
