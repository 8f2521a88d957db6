/* The Redis sink on a real server: SLUICE_TEST_REDIS_TARGET=host:port, a standalone without a
 * password that may be emptied. Without the variable every test is skipped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "consumers/redis/options.h"
#include "core/clock.h"
#include "core/plugin.h"
#include "core/stop.h"
#include "schema/redis/client.h"

extern const cdc_sink sink_redis;

#define TOPIC "sink-test"
#define OWN "sluice:{0}:sink-test:"

static const char *server;
static cdc_redis *admin;
static cdc_error admin_err;
static char answer[4096];

/* --- the server, looked at from beside --- */

static void describe(const redisReply *reply, char *to, size_t size)
{
    switch (reply->type) {
    case REDIS_REPLY_INTEGER:
        snprintf(to, size, "%lld", reply->integer);
        break;
    case REDIS_REPLY_NIL:
        snprintf(to, size, "nil");
        break;
    case REDIS_REPLY_ARRAY:
        to[0] = '\0';
        for (size_t i = 0; i < reply->elements; i++) {
            size_t at = strlen(to);
            at += (size_t)snprintf(to + at, size - at, i > 0 ? "," : "");
            describe(reply->element[i], to + at, size - at);
        }
        break;
    default:
        snprintf(to, size, "%s", reply->str);
    }
}

static const char *ask(const char *words)
{
    redisReply *reply = NULL;
    if (cdc_redis_ask(admin, words, &reply, &admin_err) != CDC_OK) {
        fail_msg("%s: %s", words, admin_err.text);
    }
    describe(reply, answer, sizeof answer);
    freeReplyObject(reply);
    return answer;
}

/* In another database. */
static const char *ask_in(int database, const char *words)
{
    char select[32];
    snprintf(select, sizeof select, "SELECT %d", database);
    ask(select);
    ask(words);
    char kept[sizeof answer];
    memcpy(kept, answer, sizeof kept);
    ask("SELECT 0");
    memcpy(answer, kept, sizeof kept);
    return answer;
}

/* --- a task and its sink --- */

typedef struct bed {
    cdc_task task;
    cdc_env env;
    cdc_selection *selection;
    void *sink;
    cdc_error err;
    int64_t next;
    int64_t source_ms; /* of the events; 0: now */
    int32_t db;
    cdc_phase phase;
} bed;

#define OK(call)                                                                                   \
    do {                                                                                           \
        if ((call) != CDC_OK) {                                                                    \
            fail_msg("%s: %s", #call, bd->err.text);                                               \
        }                                                                                          \
    } while (0)

#define FAILS(call, want_rc, want_code, want_text)                                                 \
    do {                                                                                           \
        cdc_error_clear(&bd->err);                                                                 \
        assert_int_equal((call), want_rc);                                                         \
        assert_string_equal(bd->err.code, want_code);                                              \
        if (strstr(bd->err.text, want_text) == NULL) {                                             \
            fail_msg("no '%s' in: %s", want_text, bd->err.text);                                   \
        }                                                                                          \
    } while (0)

/* target: more of its options; rest: more of the file. */
static void bed_make(bed *bd, const char *target, const char *rest)
{
    static const cdc_option source[] = {
        {.path = "source.type", .type = CDC_OPTION_ENUM, .choices = "redis"}, {.path = NULL}};
    static const cdc_option *const tables[] = {cdc_task_options, source, sink_redis_options, NULL};
    char text[2048];
    int n = snprintf(text, sizeof text,
                     "name: sink-test\nkafka: {bootstrap.servers: none}\nsource: {type: redis}\n"
                     "target: {type: redis, hosts: [%s]%s}\n%s\n",
                     server, target, rest);
    *bd = (bed){.phase = CDC_PHASE_INCR};
    cdc_error_clear(&bd->err);
    OK(cdc_task_parse(&bd->task, "test", text, (size_t)n, tables, &bd->err));
    OK(cdc_selection_new(&bd->selection, bd->task.cfg, &bd->err));
    bd->env = (cdc_env){.task = &bd->task,
                        .selection = bd->selection,
                        .metrics = cdc_metrics_new("test", "sink-test")};
}

static void bed_start(bed *bd)
{
    OK(sink_redis.open(&bd->sink, &bd->env, &bd->err));
    OK(sink_redis.applied(bd->sink, TOPIC, 0, &bd->next, &bd->err));
    OK(sink_redis.begin(bd->sink, &bd->err));
}

static void bed_open(bed *bd, const char *target, const char *rest)
{
    bed_make(bd, target, rest);
    bed_start(bd);
}

static void bed_free(bed *bd)
{
    sink_redis.close(bd->sink);
    cdc_metrics_free(bd->env.metrics);
    cdc_selection_free(bd->selection);
    cdc_task_fini(&bd->task);
}

static void bed_restart(bed *bd)
{
    sink_redis.close(bd->sink);
    bd->sink = NULL;
    bed_start(bd);
}

static cdc_rc bed_commit(bed *bd)
{
    cdc_offset at = {.topic = TOPIC, .partition = 0, .next = (bd->next < 0 ? 0 : bd->next) + 1};
    cdc_rc rc = sink_redis.commit(bd->sink, &at, 1, &bd->err);
    if (rc == CDC_OK) {
        bd->next = at.next;
        rc = sink_redis.begin(bd->sink, &bd->err);
    }
    return rc;
}

/* One command, words separated by single spaces; key: index of its key. */
static cdc_rc put_key(bed *bd, const char *words, int32_t key)
{
    cdc_value argv[16];
    uint32_t n = 0;
    for (const char *p = words; n < 16; n++) {
        const char *end = strchrnul(p, ' ');
        argv[n] = (cdc_value){.kind = CDC_BYTES, .p = p, .len = (uint32_t)(end - p)};
        p = end + 1;
        if (*end == '\0') {
            n++;
            break;
        }
    }
    cdc_event ev = {.op = CDC_OP_COMMAND,
                    .phase = (uint8_t)bd->phase,
                    .last = true,
                    .after = argv,
                    .nargs = n,
                    .key_arg = n > 1 ? key : -1,
                    .redis_db = bd->db,
                    .expire_at_ms = -1,
                    .topic = TOPIC,
                    .partition = 0,
                    .offset = bd->next,
                    .txn = "abc:7",
                    .source_ms = bd->source_ms > 0 ? bd->source_ms : cdc_clock_wall_ms()};
    return sink_redis.apply(bd->sink, &ev, &bd->err);
}

static cdc_rc put(bed *bd, const char *words)
{
    return put_key(bd, words, 1);
}

static int64_t count(const bed *bd, const char *name, const char *labels)
{
    return cdc_metric_get(cdc_metrics_number(bd->env.metrics, CDC_COUNTER, name, labels, ""));
}

static int clean(void **state)
{
    (void)state;
    if (server != NULL) {
        ask("FLUSHALL");
    }
    return 0;
}

/* --- tests --- */

static void test_once(void **state)
{
    (void)state;
    bed b;
    bed *bd = &b;
    if (server == NULL) {
        skip();
    }
    bed_open(bd, "", "");
    assert_int_equal(bd->next, -1);
    for (int i = 0; i < 20000; i++) {
        OK(put(bd, "INCR n"));
        OK(put(bd, "RPUSH l x"));
    }
    assert_string_equal(ask("EXISTS n l"), "0");
    OK(bed_commit(bd));
    assert_string_equal(ask("GET n"), "20000");
    assert_string_equal(ask("LLEN l"), "20000");
    assert_string_equal(ask("GET " OWN TOPIC ":0"), "1");
    assert_int_equal(count(bd, "sluice_applied_rows_total", "op=\"command\""), 40000);

    OK(put(bd, "INCR n")); /* never committed */
    bed_restart(bd);
    assert_int_equal(bd->next, 1);
    OK(bed_commit(bd)); /* an offset alone */
    assert_string_equal(ask("GET n"), "20000");
    assert_string_equal(ask("GET " OWN TOPIC ":0"), "2");
    bed_free(bd);
}

static void test_fence(void **state)
{
    (void)state;
    bed b;
    bed c;
    bed *bd = &b;
    if (server == NULL) {
        skip();
    }
    bed_open(bd, "", "");
    OK(put(bd, "INCR n"));
    OK(bed_commit(bd));
    bed_open(&c, "", "");
    OK(put(bd, "INCR n"));
    FAILS(bed_commit(bd), CDC_FATAL, "applier_fenced", "another applier of task sink-test");
    assert_string_equal(ask("GET n"), "1");
    assert_string_equal(ask("GET " OWN TOPIC ":0"), "1");
    bd = &c;
    OK(put(bd, "INCR n"));
    OK(bed_commit(bd));
    assert_string_equal(ask("GET n"), "2");

    ask("FLUSHALL");
    FAILS(bed_commit(bd), CDC_FATAL, "target_emptied", "begin the task anew");
    bed_free(&b);
    bed_free(&c);
}

static void test_refused(void **state)
{
    (void)state;
    bed b;
    bed *bd = &b;
    if (server == NULL) {
        skip();
    }
    bed_open(bd, "", "");
    OK(put(bd, "SET a 1"));
    OK(put(bd, "NOSUCH \x01key x"));
    OK(put(bd, "SET b 1"));
    FAILS(bed_commit(bd), CDC_FATAL, "redis_err", "NOSUCH, key \\x01key: ERR unknown command");
    assert_string_equal(ask("EXISTS a b " OWN TOPIC ":0"), "0");
    bed_free(bd);

    ask("CONFIG SET maxmemory 1");
    bed_make(bd, "", "");
    FAILS(sink_redis.open(&bd->sink, &bd->env, &bd->err), CDC_FATAL, "redis_oom", "maxmemory");
    ask("CONFIG SET maxmemory 0");
    bed_start(bd);
    ask("CONFIG SET maxmemory 1");
    OK(put(bd, "DEL x"));
    OK(put(bd, "SET secret-key secret-value"));
    cdc_rc rc = bed_commit(bd);
    ask("CONFIG SET maxmemory 0");
    assert_int_equal(rc, CDC_FATAL);
    assert_string_equal(bd->err.code, "redis_oom");
    if (strstr(bd->err.text, "DEL, key x: OOM") == NULL) {
        fail_msg("%s", bd->err.text);
    }
    assert_null(strstr(bd->err.text, "secret-value"));
    assert_string_equal(ask("EXISTS secret-key"), "0");
    bed_free(bd);
}

static void test_partial(void **state)
{
    (void)state;
    bed b;
    bed *bd = &b;
    if (server == NULL) {
        skip();
    }
    bed_open(bd, "", "");
    ask("SET k text");
    OK(put(bd, "SET a 1"));
    OK(put(bd, "LPUSH k x"));
    OK(put(bd, "SET b 1"));
    FAILS(bed_commit(bd), CDC_FATAL, "target_partial", "LPUSH, key k: WRONGTYPE");
    assert_string_equal(ask("EXISTS a b"), "2");
    sink_redis.close(bd->sink);
    bd->sink = NULL;
    FAILS(sink_redis.open(&bd->sink, &bd->env, &bd->err), CDC_FATAL, "target_failed_before",
          "DEL " OWN "failed: ");
    assert_non_null(strstr(bd->err.text, "LPUSH, key k: WRONGTYPE"));
    ask("DEL " OWN "failed");
    bed_start(bd);
    assert_int_equal(bd->next, 1);
    bed_free(bd);

    bed_open(bd, ", conflict: keep", "");
    OK(put(bd, "LPUSH k x"));
    OK(put(bd, "SET c 1"));
    OK(bed_commit(bd));
    OK(put(bd, "SET d 1"));
    OK(bed_commit(bd));
    assert_string_equal(ask("EXISTS c d"), "2");
    assert_string_equal(ask("GET k"), "text");
    assert_int_equal(count(bd, "sluice_conflicts_total", "op=\"command\""), 1);
    bed_free(bd);
}

static void test_replica(void **state)
{
    (void)state;
    bed b;
    bed *bd = &b;
    if (server == NULL) {
        skip();
    }
    bed_open(bd, "", "");
    ask("REPLICAOF 127.0.0.1 1");
    OK(put(bd, "SET a 1"));
    cdc_rc rc = bed_commit(bd);
    sink_redis.close(bd->sink);
    bd->sink = NULL;
    cdc_error_clear(&bd->err);
    cdc_rc reopened = sink_redis.open(&bd->sink, &bd->env, &bd->err);
    ask("REPLICAOF NO ONE");
    assert_int_equal(rc, CDC_RETRY);
    assert_int_equal(reopened, CDC_RETRY);
    assert_string_equal(bd->err.code, "redis_readonly");
    bed_start(bd);
    assert_int_equal(bd->next, -1);
    bed_free(bd);
}

static void test_databases(void **state)
{
    (void)state;
    bed b;
    bed *bd = &b;
    if (server == NULL) {
        skip();
    }
    bed_open(bd, ", databases: {0: 3, 3: 4, 200: 5, 6: 7}", "");
    OK(put(bd, "SET a 1"));
    OK(put(bd, "MOVE a 3"));
    OK(put(bd, "SET b 1"));
    OK(put(bd, "COPY b c DB 1"));
    bd->db = 200;
    OK(put(bd, "SET d 1"));
    OK(bed_commit(bd));
    assert_string_equal(ask_in(3, "EXISTS b"), "1");
    assert_string_equal(ask_in(4, "EXISTS a"), "1");
    assert_string_equal(ask_in(1, "EXISTS c"), "1");
    assert_string_equal(ask_in(5, "EXISTS d"), "1");

    bd->db = 0;
    OK(put(bd, "FLUSHALL")); /* not the target's 0 and 6, where nothing goes */
    ask_in(6, "SET stays 1");
    ask("SET stays 1");
    OK(bed_commit(bd));
    assert_string_equal(ask_in(3, "DBSIZE"), "0");
    assert_string_equal(ask_in(5, "DBSIZE"), "0");
    assert_string_equal(ask_in(6, "GET stays"), "1");
    assert_string_equal(ask("GET stays"), "1");

    FAILS(put_key(bd, "SWAPDB 6 7", -1), CDC_FATAL, "databases_merged", "SWAPDB");
    bd->db = 7;
    FAILS(put(bd, "FLUSHDB"), CDC_FATAL, "databases_merged", "FLUSHDB");
    bd->db = 99;
    FAILS(put(bd, "SET a 1"), CDC_FATAL, "target_databases", "command SET, key a: database 99");
    bed_free(bd);
}

static void test_own_keys_stay(void **state)
{
    (void)state;
    static const char *const ends[] = {"FLUSHALL", "FLUSHDB", "FLUSHALL ASYNC", "SWAPDB 0 1",
                                       "SWAPDB 1 0"};
    bed b;
    bed *bd = &b;
    if (server == NULL) {
        skip();
    }
    bed_open(bd, "", "");
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        OK(put(bd, "SET a 1"));
        OK(put_key(bd, ends[i], -1));
        OK(put(bd, "SET b 1"));
        OK(bed_commit(bd));
        assert_string_equal(ask("EXISTS " OWN "epoch " OWN TOPIC ":0"), "2");
        assert_string_equal(ask_in(1, "EXISTS " OWN "epoch " OWN TOPIC ":0"), "0");
        assert_string_equal(ask("EXISTS b"), "1");
    }
    bed_restart(bd);
    assert_int_equal(bd->next, 5);
    bed_free(bd);
}

static void test_first_copy(void **state)
{
    (void)state;
    bed b;
    bed *bd = &b;
    if (server == NULL) {
        skip();
    }
    ask_in(2, "SET there 1");
    bed_open(bd, "", "");
    FAILS(put_key(bd, "SLUICE.FULLSYNC BEGIN", -1), CDC_FATAL, "target_data",
          "database 2 has keys already (key there)");
    assert_int_equal(bd->err.exit, CDC_EXIT_REFUSED);
    bed_free(bd);

    bed_open(bd, ", conflict: overwrite", "objects: {include: [0, 2], key_prefixes: [\"t\", u]}");
    ask_in(2, "SET other 1");
    ask_in(3, "SET there 1");
    OK(put_key(bd, "SLUICE.FULLSYNC BEGIN", -1));
    assert_string_equal(ask_in(2, "EXISTS there other"), "1");
    assert_string_equal(ask_in(3, "EXISTS there"), "1");
    bd->phase = CDC_PHASE_SNAPSHOT;
    OK(put(bd, "SET t1 1"));
    OK(put_key(bd, "SLUICE.FULLSYNC END", -1));
    OK(bed_commit(bd));
    assert_string_equal(ask("GET t1"), "1");

    /* Once more: what vanished at the source meanwhile is gone. */
    OK(put_key(bd, "SLUICE.FULLSYNC BEGIN", -1));
    OK(put(bd, "SET t2 1"));
    OK(bed_commit(bd));
    assert_string_equal(ask("EXISTS t1"), "0");
    assert_string_equal(ask("EXISTS t2"), "1");
    assert_string_equal(ask("EXISTS " OWN "epoch " OWN TOPIC ":0"), "2");
    OK(put(bd, "SET t3 1"));
    FAILS(put_key(bd, "SLUICE.FULLSYNC BEGIN", -1), CDC_RETRY, "fullsync_amid", "");
    bed_free(bd);
}

static void test_slots(void **state)
{
    (void)state;
    bed b;
    bed *bd = &b;
    if (server == NULL) {
        skip();
    }
    ask("MSET a 1 b 1 c 1"); /* slots 15495, 3300, 7365 */
    bed_open(bd, ", conflict: overwrite", "");
    OK(put_key(bd, "SLUICE.FULLSYNC BEGIN 3300,15490-16383", -1));
    assert_string_equal(ask("EXISTS a b"), "0");
    assert_string_equal(ask("EXISTS c"), "1");
    FAILS(put_key(bd, "SLUICE.FULLSYNC BEGIN 5-16384", -1), CDC_FATAL, "fullsync_slots", "");
    FAILS(put_key(bd, "SLUICE.FULLSYNC BEGIN 5-", -1), CDC_FATAL, "fullsync_slots", "");
    bed_free(bd);
}

static void test_keep(void **state)
{
    (void)state;
    bed b;
    bed *bd = &b;
    if (server == NULL) {
        skip();
    }
    ask("SET there 1");
    bed_open(bd, ", conflict: keep", "");
    OK(put_key(bd, "SLUICE.FULLSYNC BEGIN", -1));
    bd->phase = CDC_PHASE_SNAPSHOT;
    OK(put(bd, "SET there 2"));
    OK(put(bd, "SET new 2"));
    OK(bed_commit(bd));
    bed_restart(bd);
    OK(put(bd, "SET there 3"));
    bd->phase = CDC_PHASE_INCR;
    OK(put(bd, "APPEND there x"));
    OK(bed_commit(bd));
    assert_string_equal(ask("GET there"), "1x");
    assert_string_equal(ask("GET new"), "2");
    assert_int_equal(count(bd, "sluice_conflicts_total", "op=\"command\""), 2);

    OK(put_key(bd, "SLUICE.FULLSYNC BEGIN", -1));
    assert_string_equal(ask("EXISTS there new"), "1");
    OK(bed_commit(bd));
    bed_free(bd);
}

/* --- expiries --- */

static int64_t expires(const char *key)
{
    char words[128];
    snprintf(words, sizeof words, "PTTL %s", key);
    int64_t left = strtoll(ask(words), NULL, 10);
    return left < 0 ? left : cdc_clock_wall_ms() + left;
}

static cdc_rc put_time(bed *bd, const char *words, int64_t ms)
{
    char text[128];
    snprintf(text, sizeof text, "%s %lld", words, (long long)ms);
    return put(bd, text);
}

static bool is_near(int64_t a, int64_t b)
{
    return a > b - 1500 && a < b + 1500;
}

static void test_expiry(void **state)
{
    (void)state;
    bed b;
    bed *bd = &b;
    if (server == NULL) {
        skip();
    }
    int64_t now = cdc_clock_wall_ms();
    bed_open(bd, "", "");
    OK(put_time(bd, "SET far 1 PXAT", now + 600000));
    bd->source_ms = now - 60000; /* the applier lags */
    OK(put_time(bd, "SET renewed 1 PXAT", now - 50000));
    OK(put_time(bd, "SET expired 1 PXAT", now - 50000));
    OK(put_time(bd, "SET soon 1 EXAT", (now + 100000) / 1000));
    OK(bed_commit(bd));
    assert_string_equal(ask("EXISTS renewed expired soon far"), "4");
    assert_true(is_near(expires("far"), now + 600000));
    assert_true(expires("soon") > now + 1000000);

    bed_restart(bd); /* what is held is known */
    bd->source_ms = now - 55000;
    OK(put(bd, "APPEND renewed 2"));
    OK(put_time(bd, "PEXPIREAT renewed", now + 900000));
    OK(bed_commit(bd));
    bd->source_ms = now - 40000; /* past 50000, by more than the margin */
    cdc_clock_sleep_ms(120);     /* settling has its pace */
    OK(put(bd, "SET other 1"));
    OK(bed_commit(bd));
    assert_string_equal(ask("EXISTS expired"), "0");
    assert_string_equal(ask("GET renewed"), "12");
    assert_true(is_near(expires("renewed"), now + 900000));

    cdc_clock_sleep_ms(120);
    OK(sink_redis.idle(bd->sink, &bd->err)); /* nothing lags any more */
    assert_true(is_near(expires("soon"), (now + 100000) / 1000 * 1000));
    assert_string_equal(ask("EXISTS " OWN "held"), "0");
    bed_free(bd);
}

/* What is held off would not let GT through. */
static void test_conditions(void **state)
{
    (void)state;
    bed b;
    bed *bd = &b;
    char words[96];
    if (server == NULL) {
        skip();
    }
    int64_t now = cdc_clock_wall_ms();
    bed_open(bd, "", "");
    bd->source_ms = now - 60000;
    OK(put_time(bd, "SET held 1 PXAT", now - 50000));
    snprintf(words, sizeof words, "PEXPIREAT held %lld XX GT", (long long)now + 600000);
    OK(put(bd, words));
    OK(put_time(bd, "SET none 1 PXAT", now + 600000));
    snprintf(words, sizeof words, "PEXPIREAT none %lld NX", (long long)now + 900000);
    OK(put(bd, words));
    OK(bed_commit(bd));
    assert_true(is_near(expires("held"), now + 600000));
    assert_true(is_near(expires("none"), now + 900000));
    bed_free(bd);
}

static void test_extended(void **state)
{
    (void)state;
    bed b;
    bed *bd = &b;
    if (server == NULL) {
        skip();
    }
    int64_t now = cdc_clock_wall_ms();
    bed_open(bd, ", extend_expiry_seconds: 1000", "");
    OK(put_time(bd, "SET a 1 EXAT", now / 1000 + 100));
    OK(put_time(bd, "SET b 1 PXAT", now - 5000)); /* lives on, as is wished */
    OK(put(bd, "SET c 1"));
    OK(bed_commit(bd));
    assert_true(is_near(expires("a"), now / 1000 * 1000 + 1100000));
    assert_true(is_near(expires("b"), now + 995000));
    assert_int_equal(expires("c"), -1);
    bed_free(bd);
}

int main(void)
{
    server = getenv("SLUICE_TEST_REDIS_TARGET");
    cdc_stop_install();
    if (server != NULL) {
        char host[CDC_NET_HOST_MAX];
        unsigned port = 0;
        const cdc_redis_login login = {.option = "target"};
        if (!cdc_net_split(server, CDC_REDIS_PORT, host, sizeof host, &port) ||
            cdc_redis_open(&admin, host, port, &login, &admin_err) != CDC_OK) {
            fprintf(stderr, "%s: %s\n", server, admin_err.text);
            return 1;
        }
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_once, clean),
        cmocka_unit_test_setup(test_fence, clean),
        cmocka_unit_test_setup(test_refused, clean),
        cmocka_unit_test_setup(test_partial, clean),
        cmocka_unit_test_setup(test_replica, clean),
        cmocka_unit_test_setup(test_databases, clean),
        cmocka_unit_test_setup(test_own_keys_stay, clean),
        cmocka_unit_test_setup(test_first_copy, clean),
        cmocka_unit_test_setup(test_slots, clean),
        cmocka_unit_test_setup(test_keep, clean),
        cmocka_unit_test_setup(test_expiry, clean),
        cmocka_unit_test_setup(test_conditions, clean),
        cmocka_unit_test_setup(test_extended, clean),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    cdc_redis_close(admin);
    return failed;
}
