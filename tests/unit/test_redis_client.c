/* schema/redis/client.h against a server that says what the test wants. */
#include "net_kit.h"

#include "core/stop.h"
#include "schema/redis/client.h"

/* What the server hears and says, in turns; a turn of NULL ends the connection. */
typedef struct turn {
    const char *hear, *say;
} turn;

static void play(net_kit_peer *peer, void *arg)
{
    char buf[4096];
    for (const turn *tn = arg; tn->hear != NULL; tn++) {
        size_t want = strlen(tn->hear);
        size_t at = 0;
        while (at < want) {
            size_t got = net_kit_read(peer, buf + at, want - at);
            if (got == 0) {
                return;
            }
            at += got;
        }
        /* What is not as expected is told to the test as an answer that it does not know. */
        const char *say = memcmp(buf, tn->hear, want) == 0 ? tn->say : "-UNHEARD of\r\n";
        net_kit_write(peer, say, strlen(say));
    }
}

#define PING "*1\r\n$4\r\nPING\r\n"
#define HELLO                                                                                      \
    {                                                                                              \
        PING, "+PONG\r\n"                                                                          \
    }

typedef struct bed {
    net_kit kit;
    cdc_redis *rd;
    cdc_error err;
} bed;

static cdc_rc bed_open(bed *bd, const turn *turns, const char *user, const char *password)
{
    cdc_redis_login login = {
        .user = user, .password = password, .tls = {.option = "target.tls"}, .option = "target"};
    memset(bd, 0, sizeof *bd);
    net_kit_start(&bd->kit, play, (void *)(uintptr_t)turns, NULL);
    return cdc_redis_open(&bd->rd, "127.0.0.1", bd->kit.port, &login, &bd->err);
}

static void bed_free(bed *bd)
{
    cdc_redis_close(bd->rd);
    net_kit_stop(&bd->kit);
}

#define OK(call)                                                                                   \
    do {                                                                                           \
        if ((call) != CDC_OK) {                                                                    \
            fail_msg("%s: %s", #call, bd.err.text);                                                \
        }                                                                                          \
    } while (0)

static void test_login(void **state)
{
    (void)state;
    static const turn named[] = {
        {"*3\r\n$4\r\nAUTH\r\n$3\r\nbob\r\n$6\r\nsecret\r\n", "+OK\r\n"}, HELLO, {NULL, NULL}};
    static const turn unnamed[] = {
        {"*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n", "+OK\r\n"}, HELLO, {NULL, NULL}};
    static const turn wrong[] = {{"*3\r\n$4\r\nAUTH\r\n$3\r\nbob\r\n$6\r\nsecret\r\n",
                                  "-WRONGPASS invalid username-password pair\r\n"},
                                 {NULL, NULL}};
    bed bd;
    OK(bed_open(&bd, named, "bob", "secret"));
    bed_free(&bd);
    OK(bed_open(&bd, unnamed, NULL, "secret"));
    bed_free(&bd);
    assert_int_equal(bed_open(&bd, wrong, "bob", "secret"), CDC_FATAL);
    assert_int_equal(bd.err.exit, CDC_EXIT_REFUSED);
    assert_string_equal(bd.err.code, "redis_wrongpass");
    assert_null(strstr(bd.err.text, "secret"));
    bed_free(&bd);
    assert_int_equal(bed_open(&bd, named, "bob", ""), CDC_FATAL);
    assert_string_equal(bd.err.code, "redis_password");
    bed_free(&bd);
}

static void test_first_answers(void **state)
{
    (void)state;
    static const struct {
        const char *say, *code;
        cdc_rc rc;
        bool refused;
    } cases[] = {
        {"-NOAUTH Authentication required.\r\n", "redis_noauth", CDC_FATAL, true},
        {"-LOADING Redis is loading\r\n", "redis_loading", CDC_RETRY, false},
        {"-NOPERM this user\r\n", "", CDC_OK, false}, /* PING is no right that is needed */
        {"-ERR max number of clients reached\r\n", "redis_err", CDC_RETRY, false},
        {"HTTP/1.1 400 Bad Request\r\n", "redis_protocol", CDC_FATAL, true},
        {"", "redis_turned_away", CDC_RETRY, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const turn turns[] = {{PING, cases[i].say}, {NULL, NULL}};
        bed bd;
        assert_int_equal(bed_open(&bd, turns, NULL, NULL), cases[i].rc);
        assert_string_equal(bd.err.code, cases[i].code);
        if (cases[i].rc != CDC_OK) {
            assert_int_equal(bd.err.exit == CDC_EXIT_REFUSED, cases[i].refused);
            assert_non_null(strstr(bd.err.text, "target: 127.0.0.1:"));
        }
        bed_free(&bd);
    }
}

static void test_pipeline(void **state)
{
    (void)state;
    static const turn turns[] = {
        HELLO,
        {"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\na\r\nb\r\n*2\r\n$4\r\nINCR\r\n$1\r\nk\r\n",
         "+OK\r\n-ERR value is not an integer or out of range\r\n"},
        {NULL, NULL}};
    const cdc_redis_arg args[] = {CDC_REDIS_ARG("SET"), CDC_REDIS_ARG("k"),
                                  CDC_REDIS_ARG("a\r\nb")};
    redisReply *reply = NULL;
    bed bd;
    OK(bed_open(&bd, turns, "", ""));
    cdc_redis_append(bd.rd, 3, args);
    cdc_redis_append_words(bd.rd, "INCR k");
    OK(cdc_redis_flush(bd.rd, &bd.err));
    OK(cdc_redis_reply(bd.rd, &reply, &bd.err));
    assert_int_equal(reply->type, REDIS_REPLY_STATUS);
    freeReplyObject(reply);
    OK(cdc_redis_reply(bd.rd, &reply, &bd.err));
    assert_int_equal(reply->type, REDIS_REPLY_ERROR);
    assert_int_equal(cdc_redis_refusal(bd.rd, "INCR k", reply->str, (size_t)reply->len, &bd.err),
                     CDC_FATAL);
    assert_string_equal(bd.err.code, "redis_err");
    assert_non_null(strstr(bd.err.text, "INCR k: ERR value is not an integer"));
    freeReplyObject(reply);
    assert_int_equal(cdc_redis_reply(bd.rd, &reply, &bd.err), CDC_RETRY);
    bed_free(&bd);
}

static void test_ask(void **state)
{
    (void)state;
    static const turn turns[] = {HELLO,
                                 {"*2\r\n$4\r\nINFO\r\n$6\r\nserver\r\n",
                                  "$33\r\n# Server\r\na:1\r\nredis_mode:cluster\r\n"},
                                 {"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", "-OOM command not allowed\r\n"},
                                 {NULL, NULL}};
    redisReply *reply = NULL;
    bed bd;
    OK(bed_open(&bd, turns, NULL, NULL));
    OK(cdc_redis_ask(bd.rd, "INFO server", &reply, &bd.err));
    assert_string_equal(reply->str, "# Server\r\na:1\r\nredis_mode:cluster");
    freeReplyObject(reply);
    assert_int_equal(cdc_redis_ask(bd.rd, "GET k", &reply, &bd.err), CDC_FATAL);
    assert_string_equal(bd.err.code, "redis_oom");
    assert_non_null(strstr(bd.err.text, "maxmemory"));
    assert_null(reply);
    bed_free(&bd);
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *text, *code;
        cdc_rc rc;
    } cases[] = {
        {"MOVED 5 127.0.0.1:1", "redis_moved", CDC_RETRY},
        {"READONLY You can't write", "redis_readonly", CDC_RETRY},
        {"BUSY Redis is busy", "redis_busy", CDC_RETRY},
        {"BUSYKEY Target key name already exists.", "redis_busykey", CDC_FATAL},
        {"WRONGTYPE Operation against", "redis_wrongtype", CDC_FATAL},
        {"NOPERM this user", "redis_noperm", CDC_FATAL},
        {"ERR unknown", "redis_err", CDC_FATAL},
        {"Unusual words", "redis_err", CDC_FATAL},
        {"@user_script: 1: -OOM command not allowed", "redis_oom", CDC_FATAL},
        {"ERR Error running script (call to f_1): @user_script:9: @user_script: 9: -NOREPLICAS Not",
         "redis_noreplicas", CDC_RETRY},
        {"@user_script: no error here", "redis_err", CDC_FATAL},
        {"", "redis_err", CDC_FATAL},
    };
    static const turn turns[] = {HELLO, {NULL, NULL}};
    bed bd;
    OK(bed_open(&bd, turns, NULL, NULL));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cdc_error_clear(&bd.err);
        assert_int_equal(
            cdc_redis_refusal(bd.rd, "X", cases[i].text, strlen(cases[i].text), &bd.err),
            cases[i].rc);
        assert_string_equal(bd.err.code, cases[i].code);
    }
    bed_free(&bd);
}

/* What was read behind the last reply belongs to the stream. */
static void test_take(void **state)
{
    (void)state;
    static const turn turns[] = {{PING, "+PONG\r\n+CONTI"},
                                 {"*3\r\n$5\r\nPSYNC\r\n$1\r\n?\r\n$2\r\n-1\r\n", "NUE\r\n"},
                                 {NULL, NULL}};
    const char *rest = NULL;
    size_t nrest = 0;
    char text[64];
    bed bd;
    OK(bed_open(&bd, turns, NULL, NULL));
    cdc_redis_append_words(bd.rd, "PSYNC ? -1");
    OK(cdc_redis_flush(bd.rd, &bd.err));
    cdc_net *net = cdc_redis_take_net(bd.rd, &rest, &nrest);
    memcpy(text, rest, nrest);
    while (nrest < 11) {
        size_t got = 0;
        OK(cdc_net_read(net, text + nrest, sizeof text - nrest, &got, 5000, &bd.err));
        nrest += got;
    }
    assert_memory_equal(text, "+CONTINUE\r\n", 11);
    cdc_redis_close(bd.rd);
    bd.rd = NULL;
    cdc_net_close(net);
    bed_free(&bd);
}

int main(void)
{
    cdc_stop_install(); /* no SIGPIPE */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_login),    cmocka_unit_test(test_first_answers),
        cmocka_unit_test(test_pipeline), cmocka_unit_test(test_ask),
        cmocka_unit_test(test_refusals), cmocka_unit_test(test_take),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
