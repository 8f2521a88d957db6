#include "checks.h"

#include <stddef.h>

const cdc_check src_redis_checks[] = {
    {"source_connect", "fail, warn",
     "Every server of `source.hosts` can be reached and lets the account in; a warning while "
     "another one can.",
     "the reason stands in the line: name (DNS), port, TLS, user, password"},
    {"source_tls", "warn", "The connection is encrypted, unless the server is on this host.",
     "`source.tls: {mode: verify-identity, ca: FILE}`"},
    {"source_version", "fail, warn",
     "The server is Redis 6.2 or later, or Valkey, and no Sentinel; a warning above Redis 8.2 and "
     "Valkey 9.1, whose files are not tested.",
     "a newer server; the servers that the Sentinel watches"},
    {"source_privileges", "fail", "The account may speak the replication protocol.",
     "the ACL SETUSER of the line"},
    {"source_heartbeat", "warn",
     "The account may write the key SLUICE_HEARTBEAT:TASK, and the server takes writes: otherwise "
     "the lag is known only while others write.",
     "the ACL SETUSER of the line; `source.heartbeat_seconds: 0`"},
    {"source_settings", "warn", "The account may read the server's settings.",
     "the ACL SETUSER of the line"},
    {"source_replica", "fail, warn",
     "The server is a master, or a replica that is connected to its master; a warning for a "
     "replica, which comes later than its master.",
     "REPLICAOF; the master's name in `source.hosts`"},
    {"source_hosts", "fail",
     "All servers of `source.hosts` have the same data: they are a master and its replicas, or "
     "nodes of one cluster.",
     "leave the other one out"},
    {"source_cluster", "fail, warn",
     "Every slot of a cluster has a master; a warning where `topics.partitions` is below the "
     "number "
     "of masters.",
     "redis-cli --cluster fix; `topics.partitions`"},
    {"source_databases", "fail", "The databases that `objects` names by number exist.",
     "other numbers in `objects.include`"},
    {"source_backlog", "warn",
     "The backlog of the replication holds 10 minutes of the server's writes, and at least 64 MB: "
     "a capture that is away for longer copies everything again.",
     "CONFIG SET repl-backlog-size"},
    {"source_backlog_ttl", "warn",
     "The backlog stays for 24 hours or more while nobody is connected to it.",
     "CONFIG SET repl-backlog-ttl"},
    {"source_output_buffer", "warn",
     "The server's output buffer for replicas is unlimited or holds 256 MB (64 MB for 60 s), and "
     "what is written while its data is copied at 40 MB/s: otherwise it breaks the copy off.",
     "CONFIG SET client-output-buffer-limit"},
    {"source_repl_timeout", "warn", "`repl-timeout` is 60 seconds or more.",
     "CONFIG SET repl-timeout"},
    {"source_save", "warn",
     "For a full copy: the server could write its last RDB, or sends it without a file.",
     "CONFIG SET repl-diskless-sync yes"},
    {"source_flush", "warn",
     "FLUSHALL and FLUSHDB stop the task (`source.flush: refuse`); otherwise one of them empties "
     "the target too, or (`skip`) leaves it with keys that the source no longer has.",
     "`source.flush: refuse`; or --ignore source_flush"},
    {"source_clock", "warn",
     "The server's clock is within 5 seconds of ours: lags are counted by both, and keys expire "
     "by it.",
     "NTP"},
    {NULL, NULL, NULL, NULL},
};
