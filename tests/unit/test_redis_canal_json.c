/* Commands as canal-json messages and back: any bytes, blocks, several in a message, what others
 * may write and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "schema/canal_json/canal.h"

#define GOLDEN SLUICE_GOLDEN "/canal_json/"
#define REPLID "8371b4fb1155b71f4a04d3e1bc3e18c4a990aeeb"

enum { COMMANDS_MAX = 60, MEMORY = 32 << 20 };

static cdc_canal_options options = {.max_bytes = MEMORY};
static cdc_canal_encoder *enc;
static cdc_canal_decoder *dec;
static cdc_batch *made, *read_back;
static cdc_buffer key, value;
static cdc_error err;

static int setup(void **state)
{
    (void)state;
    enc = cdc_canal_encoder_new(&options);
    dec = cdc_canal_decoder_new(&options);
    made = cdc_batch_new(MEMORY);
    read_back = cdc_batch_new(MEMORY);
    cdc_buffer_init(&key, MEMORY);
    cdc_buffer_init(&value, MEMORY);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    cdc_canal_encoder_free(enc);
    cdc_canal_decoder_free(dec);
    cdc_batch_free(made);
    cdc_batch_free(read_back);
    cdc_buffer_fini(&key);
    cdc_buffer_fini(&value);
    return 0;
}

/* --- making commands --- */

static cdc_event *begin(int32_t database)
{
    cdc_event *ev = cdc_batch_add(made);
    ev->op = CDC_OP_COMMAND;
    ev->phase = CDC_PHASE_INCR;
    ev->last = true;
    ev->redis_db = database;
    ev->id = 7;
    ev->source_ms = 1709210096000;
    ev->capture_ms = 1709210096004;
    ev->txn = REPLID ":1000";
    return ev;
}

static void argument(cdc_event *ev, const void *p, size_t n)
{
    cdc_value *values = cdc_arena_zalloc(&made->arena, (ev->nargs + 1) * sizeof *values);
    if (ev->nargs > 0) {
        memcpy(values, ev->after, ev->nargs * sizeof *values);
    }
    values[ev->nargs] = (cdc_value){
        .kind = CDC_BYTES, .len = (uint32_t)n, .p = cdc_arena_strndup(&made->arena, p, n)};
    ev->after = values;
    ev->nargs++;
}

/* Words separated by spaces. */
static cdc_event *command(int32_t database, const char *words, int32_t key_arg)
{
    cdc_event *ev = begin(database);
    while (*words != '\0') {
        size_t n = strcspn(words, " ");
        argument(ev, words, n);
        words += n + (words[n] == ' ' ? 1 : 0);
    }
    ev->key_arg = key_arg;
    return ev;
}

static void block(cdc_event *ev, uint32_t seq, bool last)
{
    ev->txn = REPLID ":2000";
    ev->tx_seq = seq;
    ev->last = last;
}

/* --- there and back --- */

static void encode(const cdc_batch *batch)
{
    cdc_buffer_reset(&key);
    cdc_buffer_reset(&value);
    cdc_error_clear(&err);
    if (cdc_canal_encode(enc, batch->events, batch->nevents, &key, &value, &err) != CDC_OK) {
        fail_msg("encode: %s", err.text);
    }
}

/* Decodes from memory that ends where the message ends, so that the sanitizer sees every step too
 * far. */
static cdc_rc decode(const char *text, size_t n)
{
    char *exact = malloc(n);
    memcpy(exact, text, n);
    cdc_batch_reset(read_back);
    cdc_error_clear(&err);
    cdc_rc rc = cdc_canal_decode(dec, (cdc_bytes){exact, n}, read_back, &err);
    free(exact);
    return rc;
}

static void assert_same(const cdc_event *a, const cdc_event *b)
{
    assert_int_equal(b->op, CDC_OP_COMMAND);
    assert_int_equal(a->phase, b->phase);
    assert_int_equal(a->redis_db, b->redis_db);
    assert_int_equal(a->expire_at_ms, b->expire_at_ms);
    assert_int_equal(a->tx_seq, b->tx_seq);
    assert_int_equal(a->last, b->last);
    assert_int_equal(a->source_ms, b->source_ms);
    assert_int_equal(a->capture_ms, b->capture_ms);
    assert_int_equal(b->id, made->events[0].id);
    assert_string_equal(a->tx_seq > 0 ? a->txn : "", b->txn);
    assert_int_equal(a->nargs, b->nargs);
    for (uint32_t i = 0; i < a->nargs; i++) {
        assert_true(cdc_value_equal(&a->after[i], &b->after[i]));
    }
    assert_int_equal(a->key_arg < 0, b->key_arg < 0);
    if (a->key_arg >= 0) {
        assert_true(cdc_value_equal(&a->after[a->key_arg], &b->after[b->key_arg]));
    }
    assert_null(b->table);
}

static void there_and_back(void)
{
    encode(made);
    if (decode(value.data, value.len) != CDC_OK) {
        fail_msg("decode: %s\n%.*s", err.text, (int)value.len, value.data);
    }
    assert_int_equal(made->nevents, read_back->nevents);
    for (uint32_t i = 0; i < made->nevents; i++) {
        assert_same(&made->events[i], &read_back->events[i]);
    }
}

static void assert_file(const char *name, const cdc_buffer *got)
{
    char path[1024];
    static char want[65536];
    snprintf(path, sizeof path, "%s%s", GOLDEN, name);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t n = fread(want, 1, sizeof want, f);
    fclose(f);
    n -= n > 0 && want[n - 1] == '\n';
    if (got->len != n || memcmp(got->data, want, n) != 0) {
        fail_msg("%s\ngot:  %.*s\nwant: %.*s", name, (int)got->len, got->data, (int)n, want);
    }
}

static void test_golden(void **state)
{
    (void)state;
    cdc_batch_reset(made);
    cdc_event *ev = command(0, "SET user:1", 1);
    argument(ev, "caf\xc3\xa9 \"x\" \\ \n\x01/", 15);
    ev->expire_at_ms = 1709296496000;
    ev = begin(0);
    argument(ev, "APPEND", 6);
    argument(ev, "\xff\x00k", 3);
    argument(ev, "", 0);
    ev->key_arg = 1;
    command(0, "FLUSHALL", -1);
    block(command(0, "INCR a", 1), 1, false);
    block(command(0, "RPUSH list x", 1), 2, true);
    there_and_back();
    assert_file("commands.json", &value);
    assert_file("commands.key", &key);

    cdc_batch_reset(made);
    ev = begin(12);
    argument(ev, "SET", 3);
    argument(ev, "a\"b\xfe", 4);
    argument(ev, "\x80", 1);
    ev->key_arg = 1;
    ev->phase = CDC_PHASE_SNAPSHOT;
    there_and_back();
    assert_file("command_octets.json", &value);
    assert_file("command_octets.key", &key);

    cdc_batch_reset(made);
    command(3, CDC_COMMAND_FULLSYNC " " CDC_FULLSYNC_BEGIN, -1)->phase = CDC_PHASE_SNAPSHOT;
    there_and_back();
    assert_file("command_marker.json", &value);
    assert_file("command_marker.key", &key);
}

/* --- any bytes --- */

static uint32_t seed;

static uint32_t below(uint32_t n)
{
    seed = seed * 1664525U + 1013904223U;
    return (seed >> 8) % n;
}

static size_t random_bytes(char *to, size_t room)
{
    static const char *const pieces[] = {"\xc3\xa9", "\xf0\x9f\x98\x80", "\xe2\x82\xac", "\\\"",
                                         "\x7f",     "\xed\xa0\x80",     "\xc3",         "[{"};
    size_t n = below(10) == 0 ? below((uint32_t)room - 8) : below(60);
    uint32_t kind = below(5);
    for (size_t i = 0; i < n;) {
        const char *piece = pieces[below(kind < 3 ? 5 : 8)];
        bool whole = kind > 0 && below(4) == 0 && i + strlen(piece) <= n;
        if (whole) {
            memcpy(to + i, piece, strlen(piece));
            i += strlen(piece);
        } else {
            to[i++] = (char)(kind == 4 ? below(256) : kind == 2 ? below(128) : ' ' + below(95));
        }
    }
    return n;
}

static void random_command(uint32_t *open)
{
    static char bytes[20000];
    cdc_event *ev = begin(0);
    uint32_t nargs = 1 + below(6);
    for (uint32_t i = 0; i < nargs; i++) {
        argument(ev, bytes, random_bytes(bytes, sizeof bytes));
    }
    ev->key_arg = nargs > 1 && below(4) > 0 ? (int32_t)(1 + below(nargs - 1)) : -1;
    ev->expire_at_ms = below(3) == 0 ? (int64_t)below(1U << 24) << 20 : -1;
    ev->phase = made->events[0].phase;
    if (*open > 0 || below(4) == 0) {
        bool last = below(3) == 0;
        block(ev, *open + 1, last);
        *open = last ? 0 : *open + 1;
    }
}

static void test_any_bytes(void **state)
{
    (void)state;
    for (seed = 1; seed < 2000; seed = seed / 2 * 2 + 3) {
        uint32_t start = seed;
        uint32_t open = 0;
        cdc_batch_reset(made);
        uint32_t n = 1 + below(12);
        for (uint32_t i = 0; i < n; i++) {
            random_command(&open);
        }
        there_and_back();
        seed = start;
    }
}

/* Each octet alone, at every place that the scan of many bytes at once could mistake. */
static void test_each_octet(void **state)
{
    (void)state;
    for (unsigned c = 0; c < 256; c++) {
        char text[48];
        cdc_batch_reset(made);
        for (size_t at = 0; at < sizeof text; at++) {
            memset(text, 'x', sizeof text);
            text[at] = (char)c;
            cdc_event *ev = begin(0);
            argument(ev, "SET", 3);
            argument(ev, text, sizeof text);
            ev->key_arg = 1;
        }
        there_and_back();
    }
}

/* Longer than a piece, with a character on the seam. */
static void test_long(void **state)
{
    (void)state;
    static char text[20000];
    for (size_t shift = 0; shift < 8; shift++) {
        for (int broken = 0; broken < 3; broken++) {
            memset(text, '"', sizeof text);
            for (size_t at = 8180 + shift; at + 4 < 8210; at += 4) {
                memcpy(text + at, "\xf0\x9f\x98\x80", 4);
            }
            text[broken == 1 ? 8191 : broken == 2 ? 19999 : 0] = broken > 0 ? '\xff' : 'x';
            cdc_batch_reset(made);
            cdc_event *ev = begin(0);
            argument(ev, "SET", 3);
            argument(ev, text, sizeof text);
            argument(ev, text, 8192);
            ev->key_arg = 1;
            there_and_back();
        }
    }
}

/* --- messages of others, and faults --- */

#define HEAD "{\"id\":1,\"database\":\"0\",\"table\":\"redis\",\"isDdl\":false,\"type\":\"INSERT\","
#define ARGV "\"argv\":\"[\\\"SET\\\",\\\"k\\\",\\\"v\\\"]\","
#define SOME "\"phase\":\"incr\""

static void taken(const char *text, uint32_t nargs, const char *last)
{
    if (decode(text, strlen(text)) != CDC_OK) {
        fail_msg("%s\n%s", err.text, text);
    }
    assert_int_equal(read_back->nevents, 1);
    const cdc_event *ev = &read_back->events[0];
    assert_int_equal(ev->nargs, nargs);
    assert_int_equal(ev->after[nargs - 1].len, strlen(last));
    assert_memory_equal(ev->after[nargs - 1].p, last, strlen(last));
    assert_true(ev->last);
}

static void test_others(void **state)
{
    (void)state;
    taken(HEAD "\"data\":[{" ARGV SOME "}]}", 3, "v");
    /* any order, spaces, any escape */
    taken(HEAD " \"data\" : [ { \"phase\" : \"incr\" , \"argv\": \" [ \\u0022SET\\u0022 , "
               "{ \\\"b64\\\" : \\\"\\/+8=\\\" } ] \" , \"cmd\" : null } ] }",
          2, "\xff\xef");
    taken(HEAD "\"data\":[{\"argv\":\"[\\\"A\\\",\\\"\\\\ud83d\\\\ude00\\\\u0041\\\"]\"," SOME
               "}]}",
          2,
          "\xf0\x9f\x98\x80"
          "A");
    taken(HEAD "\"data\":[{\"argv\":\"[\\\"A\\\",\\\"\\\"]\",\"key\":\"\"," SOME "}]}", 2, "");
    assert_int_equal(read_back->events[0].key_arg, 1);
    taken(HEAD "\"data\":[{" ARGV SOME ",\"key64\":\"aw==\"}]}", 3, "v");
    assert_int_equal(read_back->events[0].key_arg, 1);
}

static void refused(const char *data, const char *want)
{
    char text[2000];
    snprintf(text, sizeof text, HEAD "\"data\":%s}", data);
    assert_int_equal(decode(text, strlen(text)), CDC_FATAL);
    assert_string_equal(err.code, "message_malformed");
    if (strstr(err.text, want) == NULL) {
        fail_msg("'%s' does not hold '%s'", err.text, want);
    }
    assert_int_equal(read_back->nevents, 0);
}

static void test_refused(void **state)
{
    (void)state;
    refused("null", "field data, byte 76: an array with commands was expected");
    refused("[]", "an object was expected");
    refused("[{}]", "a string was expected");
    refused("[{" SOME "}]", "a command without argv");
    refused("[{" ARGV SOME "," SOME "}]", "the column is there twice");
    refused("[{" ARGV SOME ",\"x\":\"1\"}]", "a column that a command does not have");
    refused("[{" ARGV SOME "},{" ARGV "\"phase\":null}]", "snapshot or incr was expected");
    refused("[{" ARGV SOME ",\"key\":\"kk\"}]", "the key is not in argv");
    refused("[{" ARGV SOME ",\"key64\":\"a\"}]", "the key is not in argv");
    refused("[{" ARGV SOME ",\"key\":\"\\ud800\"}]", "half of a surrogate pair");
    refused("[{" ARGV SOME ",\"expire_at\":\"-1\"}]", "a number was expected");
    refused("[{" ARGV SOME ",\"expire_at\":\"12x\"}]", "a number was expected");
    refused("[{" ARGV SOME ",\"tx\":\"a:1\"}]", "tx and tx_seq, from 1, belong together");
    refused("[{" ARGV SOME ",\"tx_seq\":\"1\"}]", "tx and tx_seq, from 1, belong together");
    refused("[{" ARGV SOME ",\"tx_end\":\"1\"}]", "tx and tx_seq, from 1, belong together");
    refused("[{" ARGV SOME ",\"tx\":\"a\\u0000\",\"tx_seq\":\"1\"}]", "a NUL in a name");
    static const char *const argvs[] = {"",
                                        "[]",
                                        "[1]",
                                        "[\\\"A\\\"",
                                        "[\\\"A\\\"]]",
                                        "[\\\"A\\\\ud800\\\"]",
                                        "[{\\\"b64\\\":\\\"a\\\"}]",
                                        "[{\\\"b65\\\":\\\"aa==\\\"}]",
                                        "[{\\\"b64\\\":null}]",
                                        "[[\\\"A\\\"]]"};
    for (size_t i = 0; i < sizeof argvs / sizeof argvs[0]; i++) {
        char data[200];
        snprintf(data, sizeof data, "[{\"argv\":\"%s\"," SOME "}]", argvs[i]);
        refused(data, "argv is no array of strings and of octets in base64");
    }
    static const char update[] = "{\"database\":\"0\",\"table\":\"redis\",\"type\":\"UPDATE\"}";
    assert_int_equal(decode(update, sizeof update - 1), CDC_FATAL);
    assert_non_null(strstr(err.text, "INSERT was expected, as of any command"));
    static const char *const databases[] = {"256", "", "x", "-1", "1x"};
    for (size_t i = 0; i < sizeof databases / sizeof databases[0]; i++) {
        char text[200];
        snprintf(text, sizeof text, "{\"database\":\"%s\",\"table\":\"redis\",\"type\":\"INSERT\"}",
                 databases[i]);
        assert_int_equal(decode(text, strlen(text)), CDC_FATAL);
        assert_non_null(strstr(err.text, "the number of a database was expected"));
    }
}

/* Cut at every byte, and with every byte changed: refused or taken, never read past the end. */
static void test_broken(void **state)
{
    (void)state;
    cdc_batch_reset(made);
    command(0, "SET k v", 1)->expire_at_ms = 5;
    cdc_event *ev = begin(0);
    argument(ev, "SET", 3);
    argument(ev, "\xff", 1);
    ev->key_arg = 1;
    block(ev, 1, true);
    encode(made);
    for (size_t n = 0; n < value.len; n++) {
        assert_int_equal(decode(value.data, n), CDC_FATAL);
        for (unsigned bit = 0; bit < 8; bit++) {
            value.data[n] = (char)(value.data[n] ^ 1 << bit);
            cdc_rc rc = decode(value.data, value.len);
            assert_true(rc == CDC_OK || (rc == CDC_FATAL && read_back->nevents == 0));
            value.data[n] = (char)(value.data[n] ^ 1 << bit);
        }
    }
}

static void test_too_large(void **state)
{
    (void)state;
    cdc_canal_options small = {.max_bytes = 300};
    cdc_canal_encoder *limited = cdc_canal_encoder_new(&small);
    cdc_batch_reset(made);
    command(4, "SET k:1 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 1);
    cdc_buffer_reset(&key);
    cdc_buffer_reset(&value);
    assert_int_equal(cdc_canal_encode(limited, made->events, 1, &key, &value, &err), CDC_FATAL);
    assert_string_equal(err.code, "message_too_large");
    assert_non_null(
        strstr(err.text, "database 4, command SET, key [\"4\",\"k:1\"]: the message has "));
    assert_null(strstr(err.text, "xxx"));
    assert_int_equal(key.len + value.len, 0);
    cdc_canal_encoder_free(limited);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),     cmocka_unit_test(test_any_bytes),
        cmocka_unit_test(test_each_octet), cmocka_unit_test(test_long),
        cmocka_unit_test(test_others),     cmocka_unit_test(test_refused),
        cmocka_unit_test(test_broken),     cmocka_unit_test(test_too_large),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
