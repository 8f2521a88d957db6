/* The Redis sink on a real server: SLUICE_TEST_REDIS_TARGET=host:port, a standalone without a
 * password that may be emptied. Without the variable every test is skipped. */
#include "sink_redis_kit.h"

#define OWN "sluice:{0}:sink-test:"

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

/* They become MSETs, and nothing else changes its place among them. */
static void test_sets_in_a_row(void **state)
{
    (void)state;
    char words[64];
    bed b;
    bed *bd = &b;
    if (server == NULL) {
        skip();
    }
    bed_open(bd, "", "");
    ask("CONFIG RESETSTAT");
    for (int i = 0; i < 600; i++) {
        snprintf(words, sizeof words, "SET k%d %d", i % 500, i);
        OK(put(bd, words));
    }
    OK(put(bd, "INCR k7")); /* 507 */
    OK(put(bd, "SET k7 x EX 1000"));
    OK(put(bd, "SET k8 1"));
    OK(put(bd, "DEL k8"));
    OK(put(bd, "SET k9 last"));
    bd->db = 1;
    OK(put(bd, "SET k9 other"));
    OK(bed_commit(bd));
    const char *stats = ask("INFO commandstats");
    assert_non_null(strstr(stats, "cmdstat_mset:calls=3,")); /* 256, 256, 88 */
    assert_non_null(strstr(stats, "cmdstat_set:calls=5,"));  /* with that of the offset */
    assert_string_equal(ask("MGET k0 k99 k100 k499 k7 k9"), "500,599,100,499,x,last");
    assert_string_equal(ask("EXISTS k8"), "0");
    assert_string_equal(ask("TTL k7"), "1000");
    assert_string_equal(ask_in(1, "GET k9"), "other");
    assert_string_equal(ask("DBSIZE"), "501"); /* 499, epoch and offset */

    OK(put(bd, "SET k1 never"));
    bed_restart(bd);
    bd->db = 0;
    OK(bed_commit(bd));
    assert_string_equal(ask("GET k1"), "501");
    bed_free(bd);
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
    if (strtoll(ask("CONFIG GET databases") + strlen("databases,"), NULL, 10) <= 99) {
        bd->db = 99;
        FAILS(put(bd, "SET a 1"), CDC_FATAL, "target_databases", "command SET, key a: database 99");
    }
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
    OK(put_time(bd, "SET more 1 PXAT", now - 50000));
    char words[64];
    snprintf(words, sizeof words, "PEXPIREAT more %lld GT", (long long)now + 600000);
    OK(put(bd, words)); /* greater than the true one, not than the one held off */
    OK(bed_commit(bd));
    assert_string_equal(ask("EXISTS renewed expired soon far"), "4");
    assert_true(is_near(expires("more"), now + 600000));
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
    cdc_stop_install();
    if (!connect_admin("SLUICE_TEST_REDIS_TARGET")) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_once, clean),
        cmocka_unit_test_setup(test_fence, clean),
        cmocka_unit_test_setup(test_sets_in_a_row, clean),
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
