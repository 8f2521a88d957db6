/* RDB files, of a real server and made by hand, as commands: in one piece and byte by byte, cut,
 * damaged, and with commands of few elements. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/buffer.h"
#include "producers/redis/rdb.h"
#include "producers/redis/rdb_crc64.h"

#define GOLDEN SLUICE_GOLDEN "/redis_rdb/"

static const char *const files[] = {"redis6_small", "redis6_large",   "redis7_small",
                                    "redis7_large", "valkey91_small", "valkey91_large",
                                    "old",          "redis74",        "valkey9"};
enum { FILES = sizeof files / sizeof files[0], MEMORY = 64 << 20 };

static const src_redis_rdb_options usual = {.max_bytes = (size_t)1 << 20};

static cdc_buffer input, text;
static cdc_error err;

static int setup(void **state)
{
    (void)state;
    cdc_buffer_init(&input, MEMORY);
    cdc_buffer_init(&text, MEMORY);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    cdc_buffer_fini(&input);
    cdc_buffer_fini(&text);
    return 0;
}

static void read_golden(const char *name, const char *suffix, cdc_buffer *to)
{
    char path[512];
    (void)snprintf(path, sizeof path, GOLDEN "%s%s", name, suffix);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    cdc_buffer_reset(to);
    for (int c = fgetc(f); c != EOF; c = fgetc(f)) {
        cdc_buffer_add_char(to, (char)c);
    }
    (void)fclose(f);
}

/* A line per command: database, expiry, '*' if it is the first of its key, key as arg number. */
static void print_command(const src_redis_rdb_command *cmd)
{
    cdc_buffer_addf(&text, "%d %lld %s%d", cmd->db, (long long)cmd->expire_at_ms,
                    cmd->first ? "*" : "", cmd->key_arg);
    for (uint32_t i = 0; i < cmd->argc; i++) {
        cdc_buffer_add_str(&text, " \"");
        for (size_t k = 0; k < cmd->argv[i].n; k++) {
            char c = cmd->argv[i].p[k];
            if (c >= ' ' && c <= '~' && c != '"' && c != '\\') {
                cdc_buffer_add_char(&text, c);
            } else {
                cdc_buffer_addf(&text, "\\x%02x", (uint8_t)c);
            }
        }
        cdc_buffer_add_char(&text, '"');
    }
    cdc_buffer_add_char(&text, '\n');
}

/* Feeds input in pieces; text becomes what comes out. EOF, AGAIN (more is wanted) or FATAL. */
static cdc_rc run(const src_redis_rdb_options *options, size_t piece)
{
    src_redis_rdb *rdb = src_redis_rdb_new(options);
    src_redis_rdb_command cmd;
    cdc_rc rc = CDC_AGAIN;
    assert_non_null(rdb);
    cdc_buffer_reset(&text);
    cdc_error_clear(&err);
    for (size_t at = 0; at < input.len && rc == CDC_AGAIN; at += piece) {
        size_t n = input.len - at < piece ? input.len - at : piece;
        assert_true(src_redis_rdb_feed(rdb, input.data + at, n));
        while ((rc = src_redis_rdb_next(rdb, &cmd, &err)) == CDC_OK) {
            print_command(&cmd);
        }
    }
    if (rc == CDC_FATAL) {
        assert_true(err.rc == CDC_FATAL && strstr(err.text, "RDB at byte ") != NULL);
    }
    src_redis_rdb_free(rdb);
    return rc;
}

static void assert_golden(const char *name, const char *suffix)
{
    cdc_buffer expected;
    cdc_buffer_init(&expected, MEMORY);
    read_golden(name, suffix, &expected);
    if (expected.len != text.len || memcmp(expected.data, text.data, text.len) != 0) {
        (void)fprintf(stderr, "%s%s should be:\n%s", name, suffix, cdc_buffer_cstr(&text));
        fail_msg("%s%s differs", name, suffix);
    }
    cdc_buffer_fini(&expected);
}

static void golden_files_give_their_commands(void **state)
{
    (void)state;
    static const size_t pieces[] = {MEMORY, 1, 7, 64};
    for (unsigned i = 0; i < FILES; i++) {
        for (unsigned k = 0; k < sizeof pieces / sizeof pieces[0]; k++) {
            read_golden(files[i], ".rdb", &input);
            if (run(&usual, pieces[k]) != CDC_EOF) {
                fail_msg("%s in pieces of %zu: %s", files[i], pieces[k], err.text);
            }
            assert_golden(files[i], ".txt");
        }
    }
}

static void commands_of_few_elements(void **state)
{
    (void)state;
    const src_redis_rdb_options few = {.items = 2, .piece_bytes = 40, .max_bytes = 1 << 20};
    for (unsigned i = 0; i < FILES; i++) {
        read_golden(files[i], ".rdb", &input);
        assert_int_equal(run(&few, 3), CDC_EOF);
        assert_golden(files[i], ".few.txt");
    }
}

/* RESTORE's payload ends in the version and a checksum of all before it. */
static void check_payload(const src_redis_slice *payload)
{
    uint64_t crc = 0;
    assert_true(payload->n > 10);
    for (unsigned i = 0; i < 8; i++) {
        crc |= (uint64_t)(uint8_t)payload->p[payload->n - 8 + i] << (8 * i);
    }
    assert_true(crc == src_redis_crc64(0, payload->p, payload->n - 8));
    assert_int_equal((uint8_t)payload->p[payload->n - 10], 10);
}

static void restore_has_the_servers_bytes(void **state)
{
    (void)state;
    const src_redis_rdb_options restore = {.restore = true};
    src_redis_rdb_command cmd;
    unsigned commands = 0;
    read_golden("redis7_large", ".rdb", &input);
    src_redis_rdb *rdb = src_redis_rdb_new(&restore);
    assert_true(src_redis_rdb_feed(rdb, input.data, input.len));
    cdc_rc rc;
    while ((rc = src_redis_rdb_next(rdb, &cmd, &err)) == CDC_OK) {
        if (cmd.key_arg >= 0) {
            assert_memory_equal(cmd.argv[0].p, "RESTORE", 7);
            assert_true(cmd.first);
            assert_int_equal(cmd.argc, cmd.expire_at_ms >= 0 ? 6 : 5);
            check_payload(&cmd.argv[3]);
            commands++;
        }
    }
    assert_int_equal(rc, CDC_EOF);
    assert_int_equal(commands, 23);
    src_redis_rdb_free(rdb);
}

/* Reads a file that is small enough to be tried once for each of its bytes. */
static bool read_small(unsigned i)
{
    read_golden(files[i], ".rdb", &input);
    return input.len < 2000;
}

static void every_cut_asks_for_more(void **state)
{
    (void)state;
    for (unsigned i = 0; i < FILES; i++) {
        if (!read_small(i)) {
            continue;
        }
        for (size_t n = input.len - 1; n > 0; n--) {
            input.len = n;
            assert_int_equal(run(&usual, MEMORY), CDC_AGAIN);
        }
    }
}

static void every_changed_byte_is_found(void **state)
{
    (void)state;
    for (unsigned i = 0; i < FILES; i++) {
        if (!read_small(i)) {
            continue;
        }
        for (size_t at = 0; at < input.len; at++) {
            uint8_t was = (uint8_t)input.data[at];
            for (unsigned bits = 0x01; bits < 0x100; bits = bits << 2 | 3) {
                input.data[at] = (char)(was ^ bits);
                assert_int_not_equal(run(&usual, MEMORY), CDC_EOF);
            }
            input.data[at] = (char)was;
        }
    }
}

static void changed_bytes_without_a_checksum(void **state)
{
    (void)state;
    for (unsigned i = 0; i < FILES; i++) {
        if (!read_small(i)) {
            continue;
        }
        memset(input.data + input.len - 8, 0, 8);
        assert_int_equal(run(&usual, MEMORY), CDC_EOF);
        for (size_t at = 0; at < input.len - 8; at++) {
            uint8_t was = (uint8_t)input.data[at];
            input.data[at] = (char)(was ^ 0xff);
            (void)run(&usual, MEMORY); /* ends, whatever it finds; FATAL is explained */
            input.data[at] = (char)was;
        }
    }
}

static void what_follows_the_end_is_left(void **state)
{
    (void)state;
    src_redis_rdb_command cmd;
    read_golden("redis7_small", ".rdb", &input);
    size_t n = input.len;
    cdc_buffer_add_str(&input, "*1\r\n$4\r\nPING\r\n");
    src_redis_rdb *rdb = src_redis_rdb_new(&usual);
    assert_true(src_redis_rdb_feed(rdb, input.data, input.len));
    cdc_rc rc;
    while ((rc = src_redis_rdb_next(rdb, &cmd, &err)) == CDC_OK) {
    }
    assert_int_equal(rc, CDC_EOF);
    assert_true(src_redis_rdb_offset(rdb) == n);
    src_redis_slice rest = src_redis_rdb_rest(rdb);
    assert_int_equal(rest.n, 14);
    assert_memory_equal(rest.p, "*1\r\n$4\r\nPING\r\n", 14);
    assert_int_equal(src_redis_rdb_stream_db(rdb), -1);
    src_redis_rdb_free(rdb);
}

static void assert_refused(const void *bytes, size_t n, const char *what)
{
    cdc_buffer_reset(&input);
    cdc_buffer_add(&input, bytes, n);
    assert_int_equal(run(&usual, MEMORY), CDC_FATAL);
    if (strstr(err.text, what) == NULL) {
        fail_msg("\"%s\" does not tell: %s", err.text, what);
    }
}

static void what_is_refused_is_named(void **state)
{
    (void)state;
#define REFUSED(bytes, what) assert_refused(bytes, sizeof(bytes) - 1, what)
    REFUSED("MYSQL0011", "byte 9: expected \"REDIS\"");
    REFUSED("REDIS0013", "REDIS 13 is not known");
    REFUSED("REDIS0011\xf0", "byte 10: expected a type or an opcode, found byte 240");
    REFUSED("REDIS0011\xf6", "Redis 7.0 RC");
    REFUSED("REDIS0011\x1e\x01k", "key \"k\" of database 0, type 30: ");
    REFUSED("REDIS0011\x05\x01k\x01\x01m\x01\0\0\0\0\0\xf8\x7f", "not a number");
    REFUSED("REDIS0011\x02\x01k\x01\xc4", "expected a string, found encoding 4");
    REFUSED("REDIS0011\x02\x01k\x83", "expected a length, found byte 83");
    REFUSED("REDIS0011\x02\x01k\x01\x80\x7f\xff\xff\xff", "over the limit");
    REFUSED("REDIS0011\x0b\x01k\x02zz", "no intset");
    REFUSED("REDIS0011\x00\x01k\xc3\x02\x05\x20\x09", "compressed string");
#undef REFUSED
}

/* A string of a MB, compressed to a few kB, in pieces that are put together again. */
static void long_strings_come_in_pieces(void **state)
{
    (void)state;
    enum { RUNS = 4000, SIZE = 1 + RUNS * 264 };
    cdc_buffer_reset(&input);
    cdc_buffer_add(&input, "REDIS0011\x00\x01k\xc3", 13);
    const uint32_t stored = 2 + RUNS * 3;
    const uint32_t lengths[] = {stored, SIZE};
    for (unsigned i = 0; i < 2; i++) {
        cdc_buffer_add_char(&input, (char)0x80);
        for (int shift = 24; shift >= 0; shift -= 8) {
            cdc_buffer_add_char(&input, (char)(lengths[i] >> shift));
        }
    }
    cdc_buffer_add(&input, "\x00z", 2);
    for (unsigned i = 0; i < RUNS; i++) {
        cdc_buffer_add(&input, "\xe0\xff\x00", 3);
    }
    cdc_buffer_add(&input, "\xff\0\0\0\0\0\0\0\0", 9);
    src_redis_rdb *rdb = src_redis_rdb_new(&(src_redis_rdb_options){.max_bytes = 100000});
    assert_true(src_redis_rdb_feed(rdb, input.data, input.len));
    src_redis_rdb_command cmd;
    size_t size = 0;
    cdc_rc rc;
    while ((rc = src_redis_rdb_next(rdb, &cmd, &err)) == CDC_OK) {
        assert_string_equal(size == 0 ? "SET" : "APPEND", cmd.argv[0].n == 3 ? "SET" : "APPEND");
        assert_true(cmd.argv[2].n < 70000 && cmd.argv[2].p[cmd.argv[2].n - 1] == 'z');
        size += cmd.argv[2].n;
    }
    assert_int_equal(rc, CDC_EOF);
    assert_int_equal(size, SIZE);
    src_redis_rdb_free(rdb);
}

static void checksum_is_jones(void **state)
{
    (void)state;
    assert_true(src_redis_crc64(0, "123456789", 9) == UINT64_C(0xe9c6d914c4b8d9ca));
    assert_true(src_redis_crc64(src_redis_crc64(0, "12345678", 8), "9", 1) ==
                UINT64_C(0xe9c6d914c4b8d9ca));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checksum_is_jones),
        cmocka_unit_test(golden_files_give_their_commands),
        cmocka_unit_test(commands_of_few_elements),
        cmocka_unit_test(restore_has_the_servers_bytes),
        cmocka_unit_test(every_cut_asks_for_more),
        cmocka_unit_test(every_changed_byte_is_found),
        cmocka_unit_test(changed_bytes_without_a_checksum),
        cmocka_unit_test(what_follows_the_end_is_left),
        cmocka_unit_test(what_is_refused_is_named),
        cmocka_unit_test(long_strings_come_in_pieces),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
