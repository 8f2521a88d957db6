#include "checks.h"

#include <stddef.h>

const cdc_check sink_mysql_checks[] = {
    {"target_connect", "fail, warn",
     "Every server of `target.hosts` can be reached and lets the account in; a warning while "
     "another "
     "one can.",
     "the reason stands in the line: name (DNS), port, TLS, user, password"},
    {"target_tls", "warn", "The connection is encrypted, unless the server is on this host.",
     "`target.tls: {mode: verify-identity, ca: FILE}`"},
    {"target_version", "warn",
     "The target is of the source's kind (MySQL, MariaDB) and not older than it.",
     "a newer server; between the kinds, a look at types and collations"},
    {"target_read_only", "fail", "The server takes writes.", "SET GLOBAL read_only = OFF"},
    {"target_privileges", "fail",
     "The account may write rows and definitions in the target databases, and keep its offsets in "
     "database `sluice`.",
     "the GRANT of the line"},
    {"target_objects", "fail",
     "The account may make the views, routines, triggers and events that the source has and "
     "`schema.objects` names; `log_bin_trust_function_creators` is on where the target logs.",
     "the GRANT of the line; SET GLOBAL log_bin_trust_function_creators = 1"},
    {"target_offsets", "fail",
     "Tables `sluice.applied`, `sluice.appliers` and `sluice.ddl`, if they are there, "
     "have transactions.",
     "ALTER TABLE ... ENGINE=InnoDB"},
    {"target_max_packet", "warn",
     "`max_allowed_packet` is not below the source's, nor below `message.max_bytes`.",
     "SET GLOBAL, SET PERSIST max_allowed_packet"},
    {"target_collation", "fail, warn",
     "The target knows every collation of the source's columns, or has one that stands in for it; "
     "without the phase schema, a warning.",
     "ALTER TABLE at the source; or create the table at the target with another collation"},
    {"target_name_case", "fail, warn",
     "`lower_case_table_names` is the same at both ends; a failure when two names would become "
     "one.",
     "a target with the same setting (it is fixed when a server is initialized)"},
    {"target_tables", "fail",
     "Every table is there, or will be made by the phase `schema`; none is a view or without "
     "transactions.",
     "the CREATE TABLE or ALTER TABLE of the line"},
    {"target_columns", "fail, warn",
     "Every column is there and can hold the source's values; no other column must be given. A "
     "warning for another type that may hold them.",
     "the ALTER TABLE of the line"},
    {"target_key", "fail, warn",
     "The target's primary key is the source's; a warning when it has none.",
     "the ALTER TABLE of the line"},
    {"target_data", "fail, warn",
     "Tables that the full copy will fill are empty, unless the task has already begun; a warning "
     "when `target.conflict` is not report.",
     "TRUNCATE TABLE, or `target.conflict`"},
    {"target_foreign_keys", "warn", "No foreign key leads to a table that the task does not fill.",
     "ALTER TABLE ... DROP FOREIGN KEY"},
    {"target_triggers", "warn",
     "No trigger stands at the task's tables: what a trigger did at the source comes as rows, and "
     "would be done twice.",
     "DROP TRIGGER"},
    {"target_space", "warn",
     "The disk has room for the source's rows, where the server can tell (MariaDB with the plug-in "
     "DISKS).",
     "a larger disk"},
    {"target_clock", "warn", "The server's clock is within 5 seconds of ours.", "NTP"},
    {NULL, NULL, NULL, NULL},
};
