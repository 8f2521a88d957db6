#include "checks.h"

#include <stddef.h>

const cdc_check sink_redis_checks[] = {
    {"target_connect", "fail, warn",
     "Every server of `target.hosts` can be reached and lets the account in; a warning while "
     "another one can.",
     "the reason stands in the line: name (DNS), port, TLS, user, password"},
    {"target_tls", "warn", "The connection is encrypted, unless the server is on this host.",
     "`target.tls: {mode: verify-identity, ca: FILE}`"},
    {"target_version", "fail, warn",
     "The server is Redis 6.2 or later, or Valkey, and no Sentinel; a warning when it is older "
     "than the source, or of the other kind and later than what both have in common (7.2).",
     "a newer server, of the source's kind"},
    {"target_read_only", "fail, warn",
     "The server is a master; a warning for a replica while another server of `target.hosts` is "
     "one.",
     "REPLICAOF NO ONE; another server in `target.hosts`"},
    {"target_cluster", "fail",
     "Every slot of a cluster has a master, and each master can be reached.",
     "redis-cli --cluster fix"},
    {"target_privileges", "fail, warn",
     "The account may run every command that a source can send, on every key that it can send, and "
     "what the applier needs for itself (found without running any); a warning for commands of "
     "modules, and of vector sets.",
     "the ACL SETUSER of the line"},
    {"target_eviction", "fail, warn",
     "`maxmemory-policy` is noeviction: another drops keys without a word when `maxmemory` is "
     "reached. A warning while there is no `maxmemory`, and with `target.map`.",
     "CONFIG SET maxmemory-policy noeviction"},
    {"target_memory", "fail, warn",
     "There is memory for the source's data: a failure when not even half of it fits, since the "
     "applier stops when a command is refused (OOM).",
     "CONFIG SET maxmemory; a larger host"},
    {"target_databases", "fail",
     "The server has every database that `objects` and `target.databases` lead to; a cluster has "
     "the database 0 alone.",
     "`target.databases`; databases in the server's configuration"},
    {"target_data", "fail, warn",
     "The databases that the full copy will fill have no keys (of `objects.key_prefixes`), unless "
     "the task has already begun; a warning when `target.conflict` is not report. Not asked with "
     "`target.map`, which sets its keys whatever is there.",
     "the command of the line, or `target.conflict`"},
    {"target_map", "fail, warn",
     "The tables of `target.map` are captured, have the columns of their keys, NOT NULL, and the "
     "primary key's among them; no other table is captured.",
     "`target.map`, `objects.include`, `objects.exclude`"},
    {"target_modules", "warn",
     "The server has the modules of the source: values of a module's types are refused without it.",
     "MODULE LOAD"},
    {"target_persistence", "warn",
     "The server keeps its data over a restart (`appendonly` or `save`): otherwise it comes back "
     "empty, and with it the place where the applier was.",
     "CONFIG SET appendonly yes"},
    {"target_settings", "warn", "The account may read the server's settings.",
     "the ACL SETUSER of the line"},
    {"target_clock", "warn", "The server's clock is within 5 seconds of ours: keys expire by it.",
     "NTP"},
    {NULL, NULL, NULL, NULL},
};
