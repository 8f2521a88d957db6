/* What INFO says, of Redis and of Valkey, and of nobody. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "schema/redis/server.h"

static const char redis7[] =
    "# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\n"
    "uptime_in_seconds:7200\r\n# Memory\r\nused_memory:1148800\r\n"
    "used_memory_dataset:272376\r\ntotal_system_memory:25276510208\r\n"
    "maxmemory:5000\r\nmaxmemory_policy:allkeys-lru\r\n"
    "# Persistence\r\nloading:1\r\nrdb_last_bgsave_status:err\r\n"
    "aof_enabled:1\r\n# Stats\r\ninstantaneous_input_kbps:3.90\r\n"
    "# Replication\r\nrole:slave\r\nmaster_host:db-1\r\nmaster_port:6379\r\n"
    "master_link_status:up\r\n"
    "master_replid:9d55163c8a4fd92a4a1924eb286ab482896bff30\r\n"
    "master_replid2:0000000000000000000000000000000000000000\r\n"
    "master_repl_offset:72000000\r\nsecond_repl_offset:-1\r\nrepl_backlog_active:1\r\n"
    "repl_backlog_size:1048576\r\nrepl_backlog_first_byte_offset:400001\r\n"
    "repl_backlog_histlen:600000\r\n# Keyspace\r\n"
    "db0:keys=3,expires=0,avg_ttl=0\r\ndb15:keys=4,expires=1,avg_ttl=9\r\n"
    "db999:keys=5,expires=0,avg_ttl=0\r\n";
static const char valkey9[] = "# Server\r\nredis_version:7.2.4\r\nserver_name:valkey\r\n"
                              "valkey_version:9.1.2\r\nserver_mode:cluster\r\nrole:master\r\n"
                              "module:name=lua,ver=1,api=1\r\nmodule:name=json,ver=10002\r\n"
                              "module:name=bf\r\nmodule:other";

static void test_redis(void **state)
{
    cdc_redis_server sv;
    (void)state;
    cdc_redis_server_parse(&sv, redis7, sizeof redis7 - 1);
    assert_string_equal(cdc_redis_server_flavour(&sv), "Redis");
    assert_string_equal(sv.version_text, "7.0.15");
    assert_int_equal(sv.version, 70015);
    assert_int_equal(sv.mode, CDC_REDIS_STANDALONE);
    assert_true(sv.is_replica && sv.link_up && sv.is_loading && sv.has_aof);
    assert_true(sv.save_failed && sv.has_backlog);
    assert_string_equal(sv.master, "db-1:6379");
    assert_string_equal(sv.replid, "9d55163c8a4fd92a4a1924eb286ab482896bff30");
    assert_int_equal(sv.backlog_bytes, 1048576);
    assert_string_equal(sv.replid2, "");
    assert_int_equal(sv.offset2, -1);
    assert_int_equal(sv.backlog_first, 400001);
    assert_int_equal(sv.backlog_held, 600000);
    assert_int_equal(sv.dataset_bytes, 272376);
    assert_int_equal(sv.system_bytes, 25276510208);
    assert_int_equal(sv.max_bytes, 5000);
    assert_string_equal(sv.policy, "allkeys-lru");
    assert_int_equal(sv.keys[15], 4);
    assert_int_equal(cdc_redis_server_keys(&sv), 7);
    assert_int_equal(cdc_redis_server_rate(&sv), 10000); /* 3.9 kB now is less */
}

static void add_name(void *arg, const char *name, size_t n)
{
    char *names = arg;
    strncat(names, name, n);
    strncat(names, " ", 2);
}

static void test_valkey(void **state)
{
    cdc_redis_server sv;
    char names[64] = "";
    (void)state;
    cdc_redis_server_parse(&sv, valkey9, sizeof valkey9 - 1);
    assert_string_equal(cdc_redis_server_flavour(&sv), "Valkey");
    assert_string_equal(sv.version_text, "9.1.2");
    assert_int_equal(sv.version, 90102);
    assert_int_equal(sv.compatible, 70204);
    assert_int_equal(sv.mode, CDC_REDIS_CLUSTER);
    assert_false(sv.is_replica);
    cdc_redis_server_modules(valkey9, sizeof valkey9 - 1, add_name, names);
    assert_string_equal(names, "json bf ");
}

/* Cut at any byte, it is read to its end and no further (ASan looks on). */
static void test_cut(void **state)
{
    cdc_redis_server sv;
    (void)state;
    for (size_t n = 0; n < sizeof redis7; n++) {
        char *text = malloc(n > 0 ? n : 1);
        memcpy(text, redis7, n);
        cdc_redis_server_parse(&sv, text, n);
        cdc_redis_server_modules(text, n, add_name, (char[64]){""});
        free(text);
    }
    cdc_redis_server_parse(&sv, ":\n::\nrole:\ndb:keys=\ndbx:keys=9\nredis_version:x.y", 47);
    assert_int_equal(sv.version, 0);
    cdc_redis_server_parse(&sv, "maxmemory:99999999999999999999999999", 36);
    assert_int_equal(sv.max_bytes, INT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_redis),
        cmocka_unit_test(test_valkey),
        cmocka_unit_test(test_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
