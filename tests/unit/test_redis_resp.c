/* The replication stream's commands, received in pieces of any size, and what is none; and the
 * source's tokens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "producers/redis/resp.h"
#include "producers/redis/token.h"

static cdc_error err;

static void add_arg(cdc_buffer *out, const void *p, size_t n)
{
    cdc_buffer_addf(out, "$%zu\r\n", n);
    cdc_buffer_add(out, p, n);
    cdc_buffer_add_str(out, "\r\n");
}

static void receive(src_redis_resp *resp, const char *p, size_t n)
{
    while (n > 0) {
        size_t room = 0;
        char *to = src_redis_resp_room(resp, &room);
        assert_non_null(to);
        size_t k = n < room ? n : room;
        memcpy(to, p, k);
        src_redis_resp_received(resp, k);
        p += k;
        n -= k;
    }
}

/* Prints what the stream has, received in pieces of this size. */
static cdc_rc read_all(const cdc_buffer *stream, size_t piece, size_t max_bytes, cdc_buffer *out)
{
    src_redis_resp resp;
    src_redis_resp_command cmd;
    size_t behind = 0;
    cdc_rc rc = CDC_AGAIN;
    src_redis_resp_init(&resp, max_bytes);
    cdc_buffer_reset(out);
    for (size_t at = 0; rc == CDC_AGAIN && at < stream->len; at += piece) {
        receive(&resp, stream->data + at, piece < stream->len - at ? piece : stream->len - at);
        for (rc = src_redis_resp_next(&resp, &cmd, &err); rc == CDC_OK;
             rc = src_redis_resp_next(&resp, &cmd, &err)) {
            behind += cmd.bytes;
            cdc_buffer_addf(out, "%zu:", behind);
            for (uint32_t i = 0; i < cmd.argc; i++) {
                cdc_buffer_add(out, cmd.argv[i].p, cmd.argv[i].len);
                cdc_buffer_add_char(out, '|');
            }
        }
    }
    if (rc == CDC_AGAIN) {
        assert_int_equal(behind + src_redis_resp_rest(&resp).n, stream->len);
    }
    src_redis_resp_fini(&resp);
    return rc;
}

static void test_pieces(void **state)
{
    (void)state;
    cdc_buffer stream, whole, pieces;
    cdc_buffer_init(&stream, 1 << 20);
    cdc_buffer_init(&whole, 1 << 20);
    cdc_buffer_init(&pieces, 1 << 20);
    cdc_buffer_add_str(&stream, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n");
    cdc_buffer_add_str(&stream, "*1\r\n$4\r\nPING\r\n*2\r\n$6\r\nSELECT\r\n$2\r\n11\r\n");
    cdc_buffer_add_str(&stream, "*300\r\n");
    for (int i = 0; i < 300; i++) {
        char text[40] = "\r\n$5\r\n*1";
        add_arg(&stream, text, (size_t)i % sizeof text);
    }
    cdc_buffer_add_str(&stream, "*1\r\n$4\r\nEXEC\r\n*1\r\n$4\r\nhal");
    assert_int_equal(read_all(&stream, stream.len, 1 << 20, &whole), CDC_AGAIN);
    assert_memory_equal(whole.data, "26:SET|k||40:PING|64:SELECT|11|", 31);
    for (size_t piece = 1; piece < 60; piece++) {
        assert_int_equal(read_all(&stream, piece, 1 << 20, &pieces), CDC_AGAIN);
        assert_int_equal(pieces.len, whole.len);
        assert_memory_equal(pieces.data, whole.data, whole.len);
    }
    cdc_buffer_fini(&stream);
    cdc_buffer_fini(&whole);
    cdc_buffer_fini(&pieces);
}

/* Many commands of random sizes, also larger than what is read at once. */
static void test_many(void **state)
{
    (void)state;
    enum { COMMANDS = 3000, MAX = 40 << 20 };
    cdc_buffer stream, expected, args, out;
    cdc_buffer_init(&stream, MAX);
    cdc_buffer_init(&args, MAX);
    cdc_buffer_init(&expected, MAX);
    cdc_buffer_init(&out, MAX);
    char *value = calloc(1, 1 << 20);
    assert_non_null(value);
    srand(7);
    for (int i = 0; i < COMMANDS; i++) {
        int n = 1 + rand() % 5;
        cdc_buffer_addf(&stream, "*%d\r\n", n);
        for (int k = 0; k < n; k++) {
            size_t bytes = (size_t)rand() % (i % 500 == 0 ? 1 << 20 : 200);
            memset(value, 'a' + i % 26, bytes);
            add_arg(&stream, value, bytes);
            cdc_buffer_add(&args, value, bytes);
            cdc_buffer_add_char(&args, '|');
        }
        cdc_buffer_addf(&expected, "%zu:", stream.len);
        cdc_buffer_add(&expected, args.data, args.len);
        cdc_buffer_reset(&args);
    }
    assert_int_equal(read_all(&stream, 100000, 8 << 20, &out), CDC_AGAIN);
    assert_int_equal(out.len, expected.len);
    assert_memory_equal(out.data, expected.data, out.len);
    free(value);
    cdc_buffer_fini(&stream);
    cdc_buffer_fini(&expected);
    cdc_buffer_fini(&args);
    cdc_buffer_fini(&out);
}

static void expect_fatal(const char *text, size_t max_bytes, const char *code, const char *words)
{
    cdc_buffer stream, out;
    cdc_buffer_init(&stream, 1 << 20);
    cdc_buffer_init(&out, 1 << 20);
    cdc_buffer_add_str(&stream, text);
    for (size_t piece = 1; piece <= stream.len; piece++) {
        cdc_error_clear(&err);
        assert_int_equal(read_all(&stream, piece, max_bytes, &out), CDC_FATAL);
        assert_string_equal(err.code, code);
        if (strstr(err.text, words) == NULL) {
            fail_msg("%s: %s", text, err.text);
        }
    }
    cdc_buffer_fini(&stream);
    cdc_buffer_fini(&out);
}

static void test_malformed(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"PING\r\n", "byte 0 of the next command is not the head"},
        {"*0\r\n", "byte 0 of"},
        {"*-1\r\n", "byte 0 of"},
        {"*1x\r\n", "byte 0 of"},
        {"*1\r$4\r\n", "byte 0 of"},
        {"*9999999999\r\n", "byte 0 of"},
        {"*1\r\n:123\r\n", "byte 4 of the next command is not the length"},
        {"*1\r\n$-1\r\n", "byte 4 of"},
        {"*1\r\n$\r\n\r\n", "byte 4 of"},
        {"*1\r\n$2\r\nabcd\r\n", "byte 10 of the next command is not the end"},
        {"*2\r\n$2\r\nab\r\n*1\r\n", "byte 12 of"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        expect_fatal(cases[i].text, 1 << 20, "redis_stream_malformed", cases[i].words);
    }
    expect_fatal("*2\r\n$3\r\nSET\r\n$512000000\r\n", 1 << 20, "redis_command_too_large",
                 "has 512000027 bytes or more, over the limit of 1048576");
}

static void test_tokens(void **state)
{
    (void)state;
    static const char text[] =
        "v1;stream,0123456789abcdef0123456789abcdef01234567,12345678901,3,127.0.0.1:6379"
        ";full,,0,0,";
    src_redis_place places[3];
    static uint16_t home[CDC_REDIS_SLOTS];
    uint32_t n = 0;
    cdc_buffer out;
    cdc_buffer_init(&out, 4096);
    assert_int_equal(src_redis_token_parse(text, strlen(text), places, 3, &n, home, &err), CDC_OK);
    assert_int_equal(n, 2);
    assert_true(places[0].stream && !places[1].stream);
    assert_int_equal(places[0].offset, 12345678901);
    assert_int_equal(places[0].db, 3);
    src_redis_token_print(places, n, NULL, &out);
    assert_string_equal(cdc_buffer_cstr(&out), text);
    assert_int_equal(src_redis_token_parse(text, strlen(text), places, 1, &n, home, &err),
                     CDC_FATAL);
    static const char *const bad[] = {
        "",
        "v1",
        "v2;full,,0,0,",
        "v1;fool,,0,0,",
        "v1;stream,,0,0,",
        "v1;full,,x,0,",
        "v1;full,,99999999999999999999,0,",
        "v1;full,abc,0,0,",
        "v1;full,,0,4294967296,",
        "v1;full,,0,0,h:1,16384",
        "v1;full,,0,0,h:1,1-",
        "v1;full,,0,0,h:1,-1",
        "v1;full,,0,0,h:1,1+x",
        "v1;full,,0,0,h:1,1+99999999999999999999999",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(src_redis_token_parse(bad[i], strlen(bad[i]), places, 3, &n, home, &err),
                         CDC_FATAL);
    }
    cdc_buffer_fini(&out);
}

/* Of a cluster each shard's slots stand behind its server. */
static void test_token_of_a_cluster(void **state)
{
    (void)state;
    static const char text[] =
        "v1;stream,0123456789abcdef0123456789abcdef01234567,7,0,[::1]:6379,0-5460+16383"
        ";full,,0,0,,;stream,0123456789abcdef0123456789abcdef01234568,8,0,h:1,5461-16382";
    static src_redis_moves moves;
    src_redis_place places[3];
    uint32_t n = 0;
    cdc_buffer out;
    cdc_buffer_init(&out, 4096);
    assert_int_equal(src_redis_token_parse(text, strlen(text), places, 3, &n, moves.home, &err),
                     CDC_OK);
    assert_int_equal(n, 3);
    assert_string_equal(places[0].server, "[::1]:6379");
    assert_int_equal(moves.home[0], 0);
    assert_int_equal(moves.home[5460], 0);
    assert_int_equal(moves.home[5461], 2);
    assert_int_equal(moves.home[16382], 2);
    assert_int_equal(moves.home[16383], 0);
    src_redis_token_print(places, n, &moves, &out);
    assert_string_equal(cdc_buffer_cstr(&out), text);
    cdc_buffer_reset(&out);
    moves.parts = 3;
    src_redis_moves_slots(&moves, 2, 1, ",", &out);
    assert_string_equal(cdc_buffer_cstr(&out), "5462-10922");
    cdc_buffer_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_token_of_a_cluster),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
