/* The Redis sink on a real cluster of three masters: SLUICE_TEST_REDIS_CLUSTER=host:port of one of
 * them; it may be emptied, and slots move about. Without the variable every test is skipped. */
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "schema/redis/cluster.h"
#include "sink_redis_kit.h"

#define NODES 3U
#define WORD(text)                                                                                 \
    {                                                                                              \
        .kind = CDC_BYTES, .len = sizeof(text) - 1, .p = (text)                                    \
    }

static cdc_redis_cluster map;
static cdc_redis *nodes[NODES]; /* as in map */
static cdc_redis *entry;        /* what main has connected */

/* --- the cluster, looked at from beside --- */

static void look(void)
{
    const cdc_redis_login login = {.option = "target"};
    admin = entry;
    for (uint32_t i = 0; i < NODES; i++) {
        cdc_redis_close(nodes[i]);
        nodes[i] = NULL;
    }
    if (cdc_redis_cluster_load(&map, admin, &admin_err) != CDC_OK || map.nmasters != NODES) {
        fail_msg("%u masters: %s", map.nmasters, admin_err.text);
    }
    for (uint32_t i = 0; i < NODES; i++) {
        if (cdc_redis_open(&nodes[i], map.masters[i].host, map.masters[i].port, &login,
                           &admin_err) != CDC_OK) {
            fail_msg("%s", admin_err.text);
        }
    }
}

static uint32_t slot_of(const char *key)
{
    return cdc_redis_slot(key, strlen(key));
}

static redisReply *ask_node(uint32_t i, size_t n, const cdc_redis_arg *args)
{
    redisReply *reply = NULL;
    if (cdc_redis_ask_args(nodes[i], args[0].p, n, args, &reply, &admin_err) != CDC_OK) {
        fail_msg("%s", admin_err.text);
    }
    return reply;
}

/* At the node that has the key. */
static const char *ask_key(const char *key, const char *words)
{
    cdc_redis *kept = admin;
    admin = nodes[map.owner[slot_of(key)]];
    ask(words);
    admin = kept;
    return answer;
}

static long long ask_all(const char *words)
{
    cdc_redis *kept = admin;
    long long sum = 0;
    for (uint32_t i = 0; i < NODES; i++) {
        admin = nodes[i];
        sum += strtoll(ask(words), NULL, 10);
    }
    admin = kept;
    return sum;
}

static void set_slot(uint32_t at, uint32_t slot, const char *state, uint32_t of)
{
    char words[160];
    redisReply *reply = NULL;
    snprintf(words, sizeof words, "CLUSTER SETSLOT %u %s %s", slot, state, map.masters[of].id);
    if (cdc_redis_ask(nodes[at], words, &reply, &admin_err) != CDC_OK) {
        fail_msg("%s", admin_err.text);
    }
    freeReplyObject(reply);
}

static void begin_move(uint32_t slot, uint32_t to)
{
    set_slot(to, slot, "IMPORTING", map.owner[slot]);
    set_slot(map.owner[slot], slot, "MIGRATING", to);
}

/* Up to `most` keys. */
static size_t move_keys(uint32_t slot, uint32_t to, const char *most)
{
    char number[8];
    char port[8];
    cdc_redis_arg args[128] = {CDC_REDIS_ARG("MIGRATE")};
    const char *host = map.masters[to].host;
    const cdc_redis_arg list[] = {CDC_REDIS_ARG("CLUSTER"),
                                  CDC_REDIS_ARG("GETKEYSINSLOT"),
                                  {number, (size_t)snprintf(number, sizeof number, "%u", slot)},
                                  {most, strlen(most)}};
    redisReply *keys = ask_node(map.owner[slot], 4, list);
    size_t n = keys->elements;
    args[1] = (cdc_redis_arg){host, strlen(host)};
    args[2] =
        (cdc_redis_arg){port, (size_t)snprintf(port, sizeof port, "%u", map.masters[to].port)};
    args[3] = CDC_REDIS_ARG("");
    args[4] = CDC_REDIS_ARG("0");
    args[5] = CDC_REDIS_ARG("10000");
    args[6] = CDC_REDIS_ARG("KEYS");
    for (size_t i = 0; i < n; i++) {
        args[7 + i] = (cdc_redis_arg){keys->element[i]->str, (size_t)keys->element[i]->len};
    }
    if (n > 0) {
        freeReplyObject(ask_node(map.owner[slot], 7 + n, args));
    }
    freeReplyObject(keys);
    return n;
}

static long long epoch_of(uint32_t node)
{
    redisReply *reply = NULL;
    if (cdc_redis_ask(nodes[node], "CLUSTER INFO", &reply, &admin_err) != CDC_OK) {
        fail_msg("%s", admin_err.text);
    }
    const char *found = strstr(reply->str, "cluster_current_epoch:");
    long long epoch = found != NULL ? strtoll(strchr(found, ':') + 1, NULL, 10) : -1;
    freeReplyObject(reply);
    return epoch;
}

/* Until every node has heard of the newest epoch. A slot that moves on before can get two owners of
 * one epoch, and the nodes never agree again. */
static void await_epoch(void)
{
    int64_t until = cdc_clock_mono_ms() + 10000;
    for (;;) {
        long long first = epoch_of(0);
        bool same = true;
        for (uint32_t i = 1; i < NODES; i++) {
            same = epoch_of(i) == first && same;
        }
        if (same) {
            return;
        }
        if (cdc_clock_mono_ms() > until) {
            fail_msg("the nodes do not agree on their epoch");
        }
        cdc_clock_sleep_ms(1);
    }
}

static void end_move(uint32_t slot, uint32_t to)
{
    while (move_keys(slot, to, "100") > 0) {
    }
    set_slot(to, slot, "NODE", to);
    for (uint32_t i = 0; i < NODES; i++) {
        set_slot(i, slot, "NODE", to);
    }
    await_epoch();
    map.owner[slot] = (uint16_t)to;
}

static void move_slot(uint32_t slot, uint32_t to)
{
    if (map.owner[slot] != to) {
        begin_move(slot, to);
        end_move(slot, to);
    }
}

/* As start-redis-cluster.sh has made it; no test counts on which node is which. */
static void move_home(void)
{
    for (uint32_t s = 0; s < CDC_REDIS_SLOTS; s++) {
        uint32_t at = s < 5461 ? 100 : s < 10923 ? 6000 : 12000;
        move_slot(s, map.owner[at]);
    }
}

static bool has_functions(void)
{
    return strncmp(ask("COMMAND INFO FUNCTION"), "nil", 3) != 0;
}

static int clean(void **state)
{
    (void)state;
    if (server != NULL) {
        look();
        move_home();
        ask_all("CONFIG SET maxmemory 0");
        ask_all("FLUSHALL");
        if (has_functions()) {
            ask_all("FUNCTION FLUSH");
        }
    }
    return 0;
}

/* The value of a mark somewhere; counts them. */
static long long count_own(const char *pattern)
{
    char words[128];
    snprintf(words, sizeof words, "EVAL return(#redis.call('keys','%s')) 0", pattern);
    return ask_all(words);
}

/* --- tests --- */

/* k0 to k29 have slots of all nodes. */
static void put_all(bed *bd, const char *head, const char *tail)
{
    for (int i = 0; i < 30; i++) {
        char words[64];
        snprintf(words, sizeof words, "%s%d%s", head, i, tail);
        OK(put(bd, words));
    }
}

static long long sum_all(void)
{
    long long sum = 0;
    for (int i = 0; i < 30; i++) {
        char key[16];
        char words[32];
        snprintf(key, sizeof key, "k%d", i);
        snprintf(words, sizeof words, "GET k%d", i);
        sum += strtoll(ask_key(key, words), NULL, 10);
    }
    return sum;
}

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
    for (int i = 0; i < 100; i++) {
        put_all(bd, "INCR k", "");
    }
    assert_int_equal(ask_all("DBSIZE"), 7); /* own: an epoch, and for each node epoch and mark */
    OK(bed_commit(bd));
    assert_int_equal(sum_all(), 3000);
    assert_int_equal(count(bd, "sluice_applied_rows_total", "op=\"command\""), 3000);
    put_all(bd, "INCR k", ""); /* never committed */
    bed_restart(bd);
    assert_int_equal(bd->next, 1);
    OK(bed_commit(bd));
    assert_int_equal(sum_all(), 3000);
    assert_int_equal(bd->next, 2);
    bed_free(bd);
}

static void test_split(void **state)
{
    (void)state;
    bed b;
    bed *bd = &b;
    if (server == NULL) {
        skip();
    }
    bed_open(bd, "", "");
    OK(put(bd, "MSET k0 a k1 b k2 c k3 d k4 e k5 f"));
    OK(put(bd, "SADD {t}a x y"));
    OK(put(bd, "SUNIONSTORE {t}b {t}a {t}c"));
    OK(put(bd, "DEL k1 k2 none"));
    OK(put(bd, "UNLINK k3 k4"));
    OK(bed_commit(bd));
    assert_string_equal(ask_key("k0", "GET k0"), "a");
    assert_string_equal(ask_key("k5", "GET k5"), "f");
    for (int i = 1; i < 5; i++) {
        char key[16];
        char words[32];
        snprintf(key, sizeof key, "k%d", i);
        snprintf(words, sizeof words, "EXISTS k%d", i);
        assert_string_equal(ask_key(key, words), "0");
    }
    assert_string_equal(ask_key("{t}", "SCARD {t}b"), "2");
    FAILS(put(bd, "RENAME k0 k9"), CDC_FATAL, "cross_slot",
          "command RENAME, key k0 and key k9: the keys are in different slots");
    FAILS(put(bd, "NOSUCH"), CDC_FATAL, "no_slot", "command NOSUCH");
    bd->db = 3;
    FAILS(put(bd, "SET a 1"), CDC_FATAL, "target_databases", "a cluster, which has 0 alone");
    bed_free(bd);

    bed_open(bd, ", databases: {3: 0}", "");
    bd->db = 3;
    OK(put(bd, "SET a 1"));
    OK(bed_commit(bd));
    assert_string_equal(ask_key("a", "GET a"), "1");
    bed_free(bd);
}

static void test_large(void **state)
{
    (void)state;
    static cdc_value argv[20002];
    static char text[20002][8];
    bed b;
    bed *bd = &b;
    if (server == NULL) {
        skip();
    }
    bed_open(bd, "", "");
    argv[0] = (cdc_value){.kind = CDC_BYTES, .p = "RPUSH", .len = 5};
    argv[1] = (cdc_value){.kind = CDC_BYTES, .p = "l", .len = 1};
    for (uint32_t i = 2; i < 20002; i++) {
        argv[i] = (cdc_value){.kind = CDC_BYTES, .p = text[i]};
        argv[i].len = (uint32_t)snprintf(text[i], sizeof text[i], "%u", i);
    }
    cdc_event ev = {.op = CDC_OP_COMMAND,
                    .phase = CDC_PHASE_INCR,
                    .last = true,
                    .after = argv,
                    .nargs = 20002,
                    .key_arg = 1,
                    .expire_at_ms = -1,
                    .topic = TOPIC,
                    .offset = 0,
                    .txn = "abc:7"};
    OK(sink_redis.apply(bd->sink, &ev, &bd->err));
    OK(bed_commit(bd));
    assert_string_equal(ask_key("l", "LLEN l"), "20000");
    assert_string_equal(ask_key("l", "LINDEX l 12345"), "12347");
    argv[0] = (cdc_value){.kind = CDC_BYTES, .p = "GEOADD", .len = 6};
    ev.offset = 1;
    FAILS(sink_redis.apply(bd->sink, &ev, &bd->err), CDC_FATAL, "command_too_large",
          "command GEOADD, key l has 20002 arguments");
    bed_free(bd);
}

static void test_whole(void **state)
{
    (void)state;
    bed b;
    bed *bd = &b;
    if (server == NULL) {
        skip();
    }
    static const cdc_value load[] = {
        WORD("FUNCTION"), WORD("LOAD"),
        WORD("#!lua name=lib\nredis.register_function('f', function() return 1 end)")};
    cdc_event ev = {.op = CDC_OP_COMMAND,
                    .phase = CDC_PHASE_INCR,
                    .last = true,
                    .after = (cdc_value *)(uintptr_t)load,
                    .nargs = 3,
                    .key_arg = -1,
                    .expire_at_ms = -1,
                    .topic = TOPIC,
                    .offset = 0,
                    .txn = "abc:7"};
    bed_open(bd, "", "");
    if (has_functions()) {
        OK(sink_redis.apply(bd->sink, &ev, &bd->err));
        OK(sink_redis.apply(bd->sink, &ev, &bd->err)); /* as after a crash */
        OK(bed_commit(bd));
        assert_int_equal(ask_all("FCALL f 0"), 3);
        OK(put_key(bd, "FUNCTION FLUSH", -1));
        OK(bed_commit(bd));
        for (uint32_t i = 0; i < NODES; i++) {
            admin = nodes[i];
            assert_string_equal(ask("FUNCTION LIST"), "");
        }
        admin = entry;
    }
    put_all(bd, "SET k", " 1");
    OK(bed_commit(bd));
    put_all(bd, "SET other", " 1");
    OK(put_key(bd, "FLUSHALL", -1));
    put_all(bd, "SET k", " 2");
    OK(bed_commit(bd));
    assert_int_equal(sum_all(), 60);
    assert_int_equal(ask_all("DBSIZE"), 30 + 6); /* the epoch of tag 0 is a node's no more */
    int64_t next = bd->next;
    bed_restart(bd);
    assert_int_equal(bd->next, next);
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
    put_all(bd, "INCR k", "");
    OK(bed_commit(bd));
    bed_open(&c, "", "");
    put_all(bd, "INCR k", "");
    FAILS(bed_commit(bd), CDC_FATAL, "applier_fenced", "another applier of task sink-test");
    assert_int_equal(sum_all(), 30);
    bd = &c;
    put_all(bd, "INCR k", "");
    OK(bed_commit(bd));
    assert_int_equal(sum_all(), 60);
    ask_all("FLUSHALL");
    FAILS(bed_commit(bd), CDC_FATAL, "target_emptied", "begin the task anew");
    bed_free(&b);
    bed_free(&c);
}

/* One node that lost its data while nobody looked. */
static void test_emptied(void **state)
{
    (void)state;
    bed b;
    bed *bd = &b;
    if (server == NULL) {
        skip();
    }
    bed_open(bd, "", "");
    OK(put(bd, "SET a 1"));
    OK(bed_commit(bd));
    freeReplyObject(ask_node(1, 1, (const cdc_redis_arg[]){CDC_REDIS_ARG("FLUSHALL")}));
    sink_redis.close(bd->sink);
    OK(sink_redis.open(&bd->sink, &bd->env, &bd->err));
    FAILS(sink_redis.applied(bd->sink, TOPIC, 0, &bd->next, &bd->err), CDC_FATAL, "target_emptied",
          "5462 slots (5461 and others) are gone");
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
    ask_key("k7", "SET k7 text");
    put_all(bd, "INCR k", "");
    FAILS(bed_commit(bd), CDC_FATAL, "target_partial", "INCR, key k7: ERR value is not an integer");
    assert_int_equal(sum_all(), 29);
    sink_redis.close(bd->sink);
    bd->sink = NULL;
    FAILS(sink_redis.open(&bd->sink, &bd->env, &bd->err), CDC_FATAL, "target_failed_before",
          "INCR, key k7");
    ask_key("0", "DEL sluice:{0}:sink-test:failed");
    bed_start(bd);
    assert_int_equal(bd->next, 1);
    bed_free(bd);

    bed_open(bd, ", conflict: keep", "");
    put_all(bd, "INCR k", "");
    OK(bed_commit(bd));
    assert_int_equal(sum_all(), 58);
    assert_int_equal(count(bd, "sluice_conflicts_total", "op=\"command\""), 1);
    bed_free(bd);
}

/* The slot of a key of put_all that this node has. */
static uint32_t slot_at(uint32_t node)
{
    uint32_t slot = 0;
    for (int i = 29; i >= 0; i--) {
        char key[16];
        snprintf(key, sizeof key, "k%d", i);
        slot = map.owner[slot_of(key)] == node ? slot_of(key) : slot;
    }
    return slot;
}

/* A node refuses what the others have done: after that each gets what it lacks. */
static void test_uneven(void **state)
{
    (void)state;
    bed b;
    bed *bd = &b;
    if (server == NULL) {
        skip();
    }
    bed_open(bd, "", "");
    put_all(bd, "INCR k", "");
    OK(bed_commit(bd));
    freeReplyObject(
        ask_node(1, 4,
                 (const cdc_redis_arg[]){CDC_REDIS_ARG("CONFIG"), CDC_REDIS_ARG("SET"),
                                         CDC_REDIS_ARG("maxmemory"), CDC_REDIS_ARG("1")}));
    put_all(bd, "INCR k", "");
    OK(put(bd, "MSET k0 10 k1 10 k2 10 k3 10 k4 10 k5 10"));
    cdc_rc rc = bed_commit(bd);
    ask_all("CONFIG SET maxmemory 0");
    assert_int_equal(rc, CDC_FATAL);
    assert_string_equal(bd->err.code, "redis_oom");
    assert_true(sum_all() > 30 && sum_all() < 108);
    bed_restart(bd);
    assert_int_equal(bd->next, 1);
    uint32_t has = slot_at(0); /* to a node that has not, and back */
    uint32_t lacks = slot_at(1);
    move_slot(has, 1);
    move_slot(lacks, 0);
    put_all(bd, "INCR k", "");
    OK(put(bd, "MSET k0 10 k1 10 k2 10 k3 10 k4 10 k5 10"));
    bd->next = 1;
    OK(bed_commit(bd));
    bed_restart(bd);
    assert_int_equal(bd->next, 2);
    assert_int_equal(sum_all(), 108); /* 24 with 2, 6 with 10 */
    put_all(bd, "INCR k", "");
    OK(bed_commit(bd));
    assert_int_equal(sum_all(), 138);
    bed_free(bd);
}

static cdc_rc commit_at(bed *bd, int64_t next)
{
    const cdc_offset at = {.topic = TOPIC, .next = next};
    cdc_rc rc = sink_redis.commit(bd->sink, &at, 1, &bd->err);
    return rc == CDC_OK ? sink_redis.begin(bd->sink, &bd->err) : rc;
}

/* A node that is ahead stays so while the others catch up, and through a crash amid that. */
static void test_ahead(void **state)
{
    (void)state;
    bed b;
    bed *bd = &b;
    if (server == NULL) {
        skip();
    }
    bed_open(bd, "", "");
    for (bd->next = 0; bd->next < 10; bd->next++) {
        put_all(bd, "INCR k", "");
    }
    freeReplyObject(
        ask_node(1, 4,
                 (const cdc_redis_arg[]){CDC_REDIS_ARG("CONFIG"), CDC_REDIS_ARG("SET"),
                                         CDC_REDIS_ARG("maxmemory"), CDC_REDIS_ARG("1")}));
    cdc_rc rc = commit_at(bd, 10);
    ask_all("CONFIG SET maxmemory 0");
    assert_int_equal(rc, CDC_FATAL);
    long long ahead = sum_all();
    assert_true(ahead > 0 && ahead < 300 && ahead % 10 == 0);
    bed_restart(bd);
    assert_int_equal(bd->next, -1);
    for (int64_t i = 0; i < 10; i++) {
        bd->next = i;
        put_all(bd, "INCR k", "");
        OK(commit_at(bd, i + 1));
        assert_int_equal(sum_all(), ahead + (i + 1) * (300 - ahead) / 10);
        bed_restart(bd);
        assert_int_equal(bd->next, i + 1);
    }
    bed_free(bd);
}

/* FLUSHALL that one node lacks, and a slot that has it and comes there. */
static void test_uneven_flush(void **state)
{
    (void)state;
    bed b;
    bed *bd = &b;
    uint32_t slot = slot_of("k0");
    if (server == NULL) {
        skip();
    }
    uint32_t from = map.owner[slot];
    uint32_t to = (from + 1) % NODES;
    bed_open(bd, "", "");
    put_all(bd, "SET k", " 1");
    OK(bed_commit(bd));
    char refuses[] = "min-replicas-to-write";
    freeReplyObject(ask_node(to, 4,
                             (const cdc_redis_arg[]){CDC_REDIS_ARG("CONFIG"),
                                                     CDC_REDIS_ARG("SET"),
                                                     {refuses, strlen(refuses)},
                                                     CDC_REDIS_ARG("1")}));
    OK(put_key(bd, "FLUSHALL", -1));
    OK(put(bd, "SET k0 7"));
    cdc_rc rc = bed_commit(bd);
    ask_all("CONFIG SET min-replicas-to-write 0");
    assert_int_equal(rc, CDC_RETRY);
    assert_string_equal(ask_key("k0", "GET k0"), "7");
    move_slot(slot, to);
    bed_restart(bd);
    assert_int_equal(bd->next, 1);
    OK(put_key(bd, "FLUSHALL", -1));
    OK(put(bd, "SET k0 8")); /* is not applied once more: the slot has it */
    OK(bed_commit(bd));
    assert_int_equal(sum_all(), 7);
    bed_free(bd);
}

/* --- slots on their way --- */

/* Ends the move of a slot after a while, beside us. */
static pid_t end_move_later(uint32_t slot, uint32_t to)
{
    pid_t pid = fork();
    if (pid == 0) {
        look();
        cdc_clock_sleep_ms(300);
        end_move(slot, to);
        _exit(0);
    }
    return pid;
}

static void join(pid_t pid)
{
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void test_moving(void **state)
{
    (void)state;
    bed b;
    bed *bd = &b;
    if (server == NULL) {
        skip();
    }
    bed_open(bd, "", "");
    put_all(bd, "INCR k", "");
    OK(bed_commit(bd));
    uint32_t moved = slot_at(0);
    move_slot(moved, 1);
    put_all(bd, "INCR k", "");
    OK(bed_commit(bd)); /* in one go, without another session */
    assert_int_equal(sum_all(), 60);

    uint32_t slot = slot_at(2);
    begin_move(slot, 0);
    move_keys(slot, 0, "1"); /* amid it */
    put_all(bd, "INCR k", "");
    pid_t pid = end_move_later(slot, 0);
    OK(bed_commit(bd));
    join(pid);
    look();
    assert_int_equal(map.owner[slot], 0);
    assert_int_equal(sum_all(), 90);

    begin_move(slot, 1);
    put_all(bd, "INCR k", "");
    FAILS(bed_commit(bd), CDC_RETRY, "redis_moved", "on their way between nodes still");
    end_move(slot, 1);
    bed_restart(bd);
    assert_int_equal(bd->next, 3);
    put_all(bd, "INCR k", "");
    OK(bed_commit(bd));
    assert_int_equal(sum_all(), 120);
    bed_free(bd);
}

/* The slots of the nodes' own keys. */
static void test_own_keys_move(void **state)
{
    (void)state;
    bed b;
    bed *bd = &b;
    if (server == NULL) {
        skip();
    }
    bed_open(bd, "", "");
    put_all(bd, "INCR k", "");
    OK(bed_commit(bd));
    move_slot(16383, map.owner[0]);
    put_all(bd, "INCR k", "");
    FAILS(bed_commit(bd), CDC_RETRY, "redis_moved", "slot of our own keys has moved");
    sink_redis.close(bd->sink);
    bd->sink = NULL;
    begin_move(10922, map.owner[0]); /* its keys are here and there */
    move_keys(10922, map.owner[0], "1");
    bed_start(bd);
    assert_int_equal(bd->next, 1);
    put_all(bd, "INCR k", "");
    OK(bed_commit(bd));
    end_move(10922, map.owner[0]);
    assert_int_equal(sum_all(), 60);
    bed_restart(bd);
    assert_int_equal(bd->next, 2);
    put_all(bd, "INCR k", "");
    OK(bed_commit(bd));
    assert_int_equal(sum_all(), 90);
    assert_int_equal(count_own("sluice:*:" TOPIC ":0"), 3); /* and no old marks */
    bed_free(bd);
}

static void test_expiry_moves(void **state)
{
    (void)state;
    bed b;
    bed *bd = &b;
    int64_t now = cdc_clock_wall_ms();
    if (server == NULL) {
        skip();
    }
    bed_open(bd, "", "");
    bd->source_ms = now - 60000; /* the applier lags */
    for (int i = 0; i < 30; i++) {
        char words[64];
        snprintf(words, sizeof words, "SET k%d 1 PXAT %lld", i, (long long)now - 50000);
        OK(put(bd, words));
    }
    OK(bed_commit(bd));
    assert_int_equal(sum_all(), 30);
    move_slot(slot_at(0), 1);
    move_slot(16383, map.owner[0]); /* with what node 2 keeps of its own */
    bed_restart(bd);
    bd->source_ms = now; /* past them all */
    for (int i = 0; i < 3; i++) {
        cdc_clock_sleep_ms(120); /* settling has its pace */
        OK(put(bd, "SET other 1"));
        OK(bed_commit(bd));
    }
    assert_int_equal(sum_all(), 0);
    assert_int_equal(count_own("sluice:*:held"), 0);
    bed_free(bd);
}

/* --- full copy --- */

static void test_copy(void **state)
{
    (void)state;
    bed b;
    bed *bd = &b;
    if (server == NULL) {
        skip();
    }
    ask_key("there", "SET there 1");
    bed_open(bd, "", "");
    FAILS(put_key(bd, "SLUICE.FULLSYNC BEGIN", -1), CDC_FATAL, "target_data", "(key there)");
    bed_free(bd);

    bed_open(bd, ", conflict: keep", "");
    OK(put_key(bd, "SLUICE.FULLSYNC BEGIN", -1));
    bd->phase = CDC_PHASE_SNAPSHOT;
    OK(put(bd, "SET there 2"));
    put_all(bd, "SET k", " 1");
    OK(bed_commit(bd));
    assert_string_equal(ask_key("there", "GET there"), "1");
    assert_int_equal(sum_all(), 30);
    bed_restart(bd);
    OK(put(bd, "SET there 3"));
    OK(bed_commit(bd));
    assert_string_equal(ask_key("there", "GET there"), "1");
    bed_free(bd);

    /* Once more: what vanished at the source meanwhile is gone. */
    bed_open(bd, ", conflict: overwrite", "");
    begin_move(slot_of("k0"), (map.owner[slot_of("k0")] + 1) % NODES);
    FAILS(put_key(bd, "SLUICE.FULLSYNC BEGIN", -1), CDC_RETRY, "redis_moved", "slots move");
    end_move(slot_of("k0"), (map.owner[slot_of("k0")] + 1) % NODES);
    bed_restart(bd);
    OK(put_key(bd, "SLUICE.FULLSYNC BEGIN", -1));
    OK(put(bd, "SET k0 2"));
    OK(put_key(bd, "SLUICE.FULLSYNC END", -1));
    OK(bed_commit(bd));
    assert_int_equal(sum_all(), 2);
    assert_string_equal(ask_key("there", "EXISTS there"), "0");
    bed_free(bd);
}

/* --- everything at once --- */

enum { EVENTS = 30000, KEYS = 120, KILLS = 25, TEXT_BYTES = 40000 };

typedef struct shared {
    volatile int stop; /* the mover shall end */
    volatile int moves, sessions;
} shared;

typedef struct model {
    long long n[KEYS], x[KEYS];
    char *s[KEYS], *l[KEYS]; /* APPEND; the list, newest first, each with a ',' behind it */
} model;

static unsigned key_of(int64_t i)
{
    return (unsigned)((uint64_t)i * 2654435761U % 1000003U) % KEYS;
}

/* Event i: the same each time. */
static void event_words(int64_t i, char *words, size_t size)
{
    unsigned k = key_of(i);
    switch (i % 11) {
    case 0:
    case 1:
    case 2:
    case 3:
        snprintf(words, size, "INCR n%u", k);
        break;
    case 4:
    case 5:
        snprintf(words, size, "APPEND s%u %lld,", k, (long long)i);
        break;
    case 6:
    case 7:
        snprintf(words, size, "LPUSH l%u %lld", k, (long long)i);
        break;
    case 8:
    case 9:
        snprintf(words, size, "XADD x%u %lld-1 f v", k, (long long)i);
        break;
    default:
        if (i % 3 == 0) {
            snprintf(words, size, "DEL n%u n%u n%u l%u", k, (k + 1) % KEYS, (k + 2) % KEYS,
                     (k + 3) % KEYS);
        } else {
            snprintf(words, size, "MSET n%u 5 n%u 6 n%u %lld", k, (k + 1) % KEYS, (k + 2) % KEYS,
                     (long long)i);
        }
    }
}

/* What a single server would have of it. */
static void model_event(model *md, int64_t i)
{
    unsigned k = key_of(i);
    unsigned k1 = (k + 1) % KEYS;
    unsigned k2 = (k + 2) % KEYS;
    char text[32];
    int len = snprintf(text, sizeof text, "%lld,", (long long)i);
    switch (i % 11) {
    case 4:
    case 5:
        memcpy(md->s[k] + strlen(md->s[k]), text, (size_t)len + 1);
        break;
    case 6:
    case 7:
        memmove(md->l[k] + len, md->l[k], strlen(md->l[k]) + 1);
        memcpy(md->l[k], text, (size_t)len);
        break;
    case 8:
    case 9:
        md->x[k]++;
        break;
    case 10:
        md->n[k] = i % 3 == 0 ? 0 : 5;
        md->n[k1] = i % 3 == 0 ? 0 : 6;
        md->n[k2] = i % 3 == 0 ? 0 : i;
        if (i % 3 == 0) {
            md->l[(k + 3) % KEYS][0] = '\0';
        }
        break;
    default:
        md->n[k]++;
    }
}

/* An applier as its loop is: a lost connection and the like begin a session anew. */
static void apply_all(shared *sh)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    bed b;
    bed *bd = &b;
    bed_make(bd, "", "");
    srand((unsigned)getpid());
    while (bd->next < EVENTS) {
        char words[128];
        cdc_error_clear(&bd->err);
        cdc_rc rc = sink_redis.open(&bd->sink, &bd->env, &bd->err);
        if (rc == CDC_OK) {
            rc = sink_redis.applied(bd->sink, TOPIC, 0, &bd->next, &bd->err);
            bd->next = bd->next < 0 ? 0 : bd->next;
            sh->sessions++;
        }
        while (rc == CDC_OK && bd->next < EVENTS) {
            cdc_offset at = {.topic = TOPIC, .next = bd->next + 1 + rand() % 60};
            at.next = at.next < EVENTS ? at.next : EVENTS;
            rc = sink_redis.begin(bd->sink, &bd->err);
            for (; rc == CDC_OK && bd->next < at.next; bd->next++) {
                event_words(bd->next, words, sizeof words);
                rc = put(bd, words);
            }
            rc = rc == CDC_OK ? sink_redis.commit(bd->sink, &at, 1, &bd->err) : rc;
        }
        sink_redis.close(bd->sink);
        bd->sink = NULL;
        bd->next = rc == CDC_OK ? bd->next : 0;
        if (rc != CDC_OK && rc != CDC_RETRY) {
            fprintf(stderr, "applier: %s: %s\n", bd->err.code, bd->err.text);
            _exit(1);
        }
    }
    _exit(0);
}

/* Slots with keys of the test's, and those of the nodes' own keys. */
static void move_all(shared *sh)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    look();
    srand(7);
    while (!sh->stop) {
        char key[16];
        snprintf(key, sizeof key, "%c%d", "nslx"[rand() % 4], rand() % KEYS);
        uint32_t slot = slot_of(key);
        for (uint32_t s = 0, node = (uint32_t)rand() % NODES; s < CDC_REDIS_SLOTS; s++) {
            slot = sh->moves % 20 == 19 && map.owner[s] == node ? s : slot; /* its last one */
        }
        move_slot(slot, (map.owner[slot] + 1) % NODES);
        sh->moves++;
        cdc_clock_sleep_ms(rand() % 8);
    }
    _exit(0);
}

static void check_key(const char *command, char type, unsigned k, const char *tail,
                      const char *want)
{
    char key[16];
    char words[64];
    char *got = calloc(1, TEXT_BYTES);
    redisReply *reply = NULL;
    snprintf(key, sizeof key, "%c%u", type, k);
    snprintf(words, sizeof words, "%s %s%s", command, key, tail);
    if (cdc_redis_ask(nodes[map.owner[slot_of(key)]], words, &reply, &admin_err) != CDC_OK) {
        fail_msg("%s", admin_err.text);
    }
    if (reply->type == REDIS_REPLY_ARRAY) {
        size_t at = 0;
        for (size_t i = 0; i < reply->elements; i++) {
            at += (size_t)snprintf(got + at, TEXT_BYTES - at, "%s,", reply->element[i]->str);
        }
    } else if (reply->type != REDIS_REPLY_NIL) {
        describe(reply, got, TEXT_BYTES);
    }
    if (strcmp(got, want) != 0) {
        fail_msg("%s: %.200s\nshould be: %.200s", words, got, want);
    }
    freeReplyObject(reply);
    free(got);
}

static void check_all(void)
{
    model *md = calloc(1, sizeof *md);
    for (unsigned k = 0; k < KEYS; k++) {
        md->s[k] = calloc(1, TEXT_BYTES);
        md->l[k] = calloc(1, TEXT_BYTES);
    }
    for (int64_t i = 0; i < EVENTS; i++) {
        model_event(md, i);
    }
    for (unsigned k = 0; k < KEYS; k++) {
        char number[32];
        bool none = md->n[k] == 0;
        snprintf(number, sizeof number, "%lld", md->n[k]);
        check_key("GET", 'n', k, "", none ? "" : number);
        snprintf(number, sizeof number, "%lld", md->x[k]);
        check_key("XLEN", 'x', k, "", number);
        check_key("GET", 's', k, "", md->s[k]);
        check_key("LRANGE", 'l', k, " 0 -1", md->l[k]);
        free(md->s[k]);
        free(md->l[k]);
    }
    free(md);
}

/* Killed at any moment while slots move about: exactly once all the same. */
static void test_kills(void **state)
{
    (void)state;
    shared *sh = mmap(NULL, sizeof *sh, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int killed = 0;
    int status = 0;
    if (server == NULL) {
        munmap(sh, sizeof *sh);
        skip();
    }
    srand((unsigned)cdc_clock_wall_ms());
    pid_t mover = fork();
    if (mover == 0) {
        move_all(sh);
    }
    for (;;) {
        pid_t applier = fork();
        if (applier == 0) {
            apply_all(sh);
        }
        if (killed < KILLS) {
            int before = sh->sessions;
            for (int i = 0; i < 1000 && sh->sessions == before; i++) {
                cdc_clock_sleep_ms(10); /* it has begun to apply */
            }
            cdc_clock_sleep_ms(rand() % 300);
            kill(applier, SIGKILL);
        } else {
            sh->stop = 1;
        }
        waitpid(applier, &status, 0);
        if (WIFEXITED(status)) {
            break;
        }
        killed++;
    }
    sh->stop = 1;
    join(mover);
    assert_int_equal(WEXITSTATUS(status), 0);
    print_message("%d kills, %d sessions, %d slots moved\n", killed, sh->sessions, sh->moves);
    munmap(sh, sizeof *sh);
    look();
    check_all();
}

int main(void)
{
    cdc_stop_install();
    if (!connect_admin("SLUICE_TEST_REDIS_CLUSTER")) {
        return 1;
    }
    entry = admin;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_once, clean),
        cmocka_unit_test_setup(test_split, clean),
        cmocka_unit_test_setup(test_large, clean),
        cmocka_unit_test_setup(test_whole, clean),
        cmocka_unit_test_setup(test_fence, clean),
        cmocka_unit_test_setup(test_emptied, clean),
        cmocka_unit_test_setup(test_partial, clean),
        cmocka_unit_test_setup(test_uneven, clean),
        cmocka_unit_test_setup(test_ahead, clean),
        cmocka_unit_test_setup(test_uneven_flush, clean),
        cmocka_unit_test_setup(test_moving, clean),
        cmocka_unit_test_setup(test_own_keys_move, clean),
        cmocka_unit_test_setup(test_expiry_moves, clean),
        cmocka_unit_test_setup(test_copy, clean),
        cmocka_unit_test_setup_teardown(test_kills, clean, clean),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    for (uint32_t i = 0; i < NODES; i++) {
        cdc_redis_close(nodes[i]);
    }
    cdc_redis_cluster_fini(&map);
    cdc_redis_close(entry);
    return failed;
}
