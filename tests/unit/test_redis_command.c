/* The table of Redis' commands against what servers say of theirs (tests/golden/redis_commands,
 * made by make.py there from running servers); parts, expiries, slots. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/buffer.h"
#include "schema/redis/command.h"
#include "schema/redis/slot.h"

enum { WORDS = 32 };

typedef struct words {
    char text[512];
    cdc_value argv[WORDS];
    uint32_t argc;
} words;

/* Splits at blanks; "" stands for an argument without bytes. */
static void split(words *w, const char *line)
{
    assert_true(strlen(line) < sizeof w->text);
    memcpy(w->text, line, strlen(line) + 1);
    w->argc = 0;
    char *rest = NULL;
    for (char *p = strtok_r(w->text, " \n", &rest); p != NULL; p = strtok_r(NULL, " \n", &rest)) {
        uint32_t len = strcmp(p, "\"\"") == 0 ? 0 : (uint32_t)strlen(p);
        assert_true(w->argc < WORDS);
        w->argv[w->argc++] = (cdc_value){.kind = CDC_BYTES, .p = p, .len = len};
    }
}

static const cdc_redis_command *command_of(const words *w)
{
    return cdc_redis_command_find(w->argv[0].p, w->argv[0].len);
}

static void join(const cdc_value *argv, uint32_t argc, cdc_buffer *out)
{
    cdc_buffer_reset(out);
    for (uint32_t i = 0; i < argc; i++) {
        cdc_buffer_addf(out, "%s%.*s", i > 0 ? " " : "", (int)argv[i].len, argv[i].p);
    }
}

/* --- the servers' answers --- */

/* "1w,3r" as the table has it; "1,3" when the server doesn't say what is written. */
static void our_keys(const words *w, bool letters, cdc_buffer *out)
{
    cdc_redis_keys keys;
    cdc_buffer_reset(out);
    if (!cdc_redis_keys_of(command_of(w), w->argv, w->argc, &keys)) {
        cdc_buffer_add_str(out, "?");
    }
    for (uint32_t i = 0; i < keys.count; i++) {
        bool written;
        uint32_t at = cdc_redis_key_at(&keys, i, &written);
        cdc_buffer_addf(out, "%s%u%s", i > 0 ? "," : "", at, !letters ? "" : written ? "w" : "r");
    }
    if (out->len == 0) {
        cdc_buffer_add_str(out, "-");
    }
}

/* What we know better, or mean otherwise. */
static const char *known_better(const char *sample)
{
    static const char *const table[][2] = {
        /* it changes no key, and nobody propagates it */
        {"touch k1 k2", "1w,2w"},
        /* the servers count the groups in a stream as no part of the key */
        {"xreadgroup group g c streams k1 >", "5w"},
        {"xreadgroup GROUP STREAMS c COUNT 1 NOACK STREAMS k1 k2 > 0", "8w,9w"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (strcmp(table[i][0], sample) == 0) {
            return table[i][1];
        }
    }
    return NULL;
}

static void check_keys(const char *numbers, const char *sample, cdc_buffer *out)
{
    static words w;
    split(&w, sample);
    if (command_of(&w) == NULL) {
        fail_msg("not in the table: %s", sample);
    }
    bool letters = strpbrk(numbers, "wr") != NULL;
    const char *want = known_better(sample);
    our_keys(&w, letters || want != NULL, out);
    if (strcmp(cdc_buffer_cstr(out), want != NULL ? want : numbers) != 0) {
        fail_msg("%s: server %s, table %s", sample, numbers, cdc_buffer_cstr(out));
    }
}

static bool sampled(FILE *f, const char *name)
{
    char line[512], want[512];
    rewind(f);
    (void)snprintf(want, sizeof want, "%s", name);
    char *bar = strchr(want, '|');
    if (bar != NULL) {
        *bar = ' ';
    }
    while (fgets(line, sizeof line, f) != NULL) {
        const char *sample = strncmp(line, "keys ", 5) == 0 ? strchr(line + 5, ' ') : NULL;
        size_t n = strlen(want);
        if (sample != NULL && strncasecmp(sample + 1, want, n) == 0 &&
            (sample[1 + n] == ' ' || sample[1 + n] == '\n')) {
            return true;
        }
    }
    return false;
}

static void check_command(FILE *f, const char *name)
{
    const cdc_redis_command *cmd = cdc_redis_command_find(name, strcspn(name, "|"));
    long at = ftell(f);
    if (cmd == NULL || !sampled(f, name)) {
        fail_msg("%s: %s", name, cmd == NULL ? "not in the table" : "has no sample in make.py");
    }
    assert_int_equal(cdc_redis_command_flags(cmd) == 0, 0);
    assert_int_equal(fseek(f, at, SEEK_SET), 0);
}

static void test_servers(void **state)
{
    (void)state;
    static const char *const servers[] = {"redis-6.2", "redis-7.0",  "redis-8.0",
                                          "redis-8.2", "valkey-8.0", "valkey-9.1"};
    cdc_buffer out;
    cdc_buffer_init(&out, 1024);
    for (size_t i = 0; i < sizeof servers / sizeof servers[0]; i++) {
        char path[512], line[512];
        unsigned commands = 0, samples = 0;
        (void)snprintf(path, sizeof path, "%s/redis_commands/%s.txt", SLUICE_GOLDEN, servers[i]);
        FILE *f = fopen(path, "r");
        assert_non_null(f);
        while (fgets(line, sizeof line, f) != NULL) {
            line[strcspn(line, "\n")] = '\0';
            char *sample = strchr(line + 5, ' ');
            if (strncmp(line, "command ", 8) == 0) {
                check_command(f, line + 8);
                commands++;
            } else {
                assert_non_null(sample);
                *sample = '\0';
                check_keys(line + 5, sample + 1, &out);
                samples++;
            }
        }
        assert_true(commands > 90 && samples > 100);
        (void)fclose(f);
    }
    cdc_buffer_fini(&out);
}

/* --- ours --- */

static void test_find(void **state)
{
    (void)state;
    assert_string_equal(cdc_redis_command_name(cdc_redis_command_find("zUnionStore", 11)),
                        "ZUNIONSTORE");
    assert_null(cdc_redis_command_find("GET", 3));
    assert_null(cdc_redis_command_find("", 0));
    assert_null(cdc_redis_command_find("SE", 2));
    assert_null(cdc_redis_command_find("SETXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX", 36));
    assert_int_equal(cdc_redis_command_flags(cdc_redis_command_find("flushall", 8)),
                     CDC_REDIS_WHOLE);
    assert_int_equal(cdc_redis_command_flags(cdc_redis_command_find("PUBLISH", 7)), CDC_REDIS_TALK);
}

static void test_bad_arguments(void **state)
{
    (void)state;
    static const char *const bad[] = {"SET",
                                      "MSET",
                                      "MSET k1",
                                      "MSET k1 v k2",
                                      "MSETEX 2 k1 v k2",
                                      "MSETEX x k1 v",
                                      "MSETEX -1 k1 v",
                                      "MSETEX 18446744073709551617 k1 v",
                                      "EVAL script",
                                      "EVAL script 4294967297 k1",
                                      "ZUNIONSTORE k1",
                                      "ZUNIONSTORE k1 2 k2",
                                      "ZUNIONSTORE k1 \"\" k2",
                                      "XREADGROUP GROUP g c COUNT 1 k1 0",
                                      "XREADGROUP GROUP g c STREAMS k1",
                                      "XREADGROUP GROUP g c STREAMS",
                                      "MIGRATE host 1 \"\" 0 5",
                                      "MIGRATE host 1 \"\" 0 5 KEYS",
                                      "BLPOP k1",
                                      "RENAME k1",
                                      "BITOP NOT"};
    static words w;
    cdc_redis_keys keys;
    cdc_redis_expiry x;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        split(&w, bad[i]);
        if (cdc_redis_keys_of(command_of(&w), w.argv, w.argc, &keys)) {
            fail_msg("keys of: %s", bad[i]);
        }
        (void)cdc_redis_expiry_of(command_of(&w), w.argv, w.argc, &x);
    }
}

/* take: a digit for each key, 1 taken. */
static void check_subset(const char *line, const char *take, const char *want)
{
    static words w;
    cdc_value out[WORDS];
    bool taken[WORDS] = {false};
    char count[CDC_REDIS_COUNT_MAX];
    cdc_buffer text;
    cdc_buffer_init(&text, 1024);
    split(&w, line);
    for (size_t i = 0; take[i] != '\0'; i++) {
        taken[i] = take[i] == '1';
    }
    assert_true((cdc_redis_command_flags(command_of(&w)) & CDC_REDIS_SPLIT) != 0);
    uint32_t n = cdc_redis_subset(command_of(&w), w.argv, w.argc, taken, out, count);
    join(out, n, &text);
    assert_string_equal(cdc_buffer_cstr(&text), want);
    cdc_buffer_fini(&text);
}

static void test_subset(void **state)
{
    (void)state;
    check_subset("mset a 1 b 2 c 3", "101", "mset a 1 c 3");
    check_subset("DEL a b c", "010", "DEL b");
    check_subset("UNLINK a b", "11", "UNLINK a b");
    check_subset("JSON.MSET a . 1 b . 2", "01", "JSON.MSET b . 2");
    check_subset("MSETEX 3 a 1 b 2 c 3 PXAT 5", "110", "MSETEX 2 a 1 b 2 PXAT 5");
    check_subset("MSETEX 1 a 1 KEEPTTL", "1", "MSETEX 1 a 1 KEEPTTL");
}

/* want: "at option relative seconds fields conditions", "-" for none. */
static void check_expiry(const char *line, const char *want)
{
    static words w;
    cdc_redis_expiry x;
    char have[64] = "-";
    split(&w, line);
    if (cdc_redis_expiry_of(command_of(&w), w.argv, w.argc, &x)) {
        int n = snprintf(have, sizeof have, "%u %u%s%s%s", x.at, x.option, x.relative ? " rel" : "",
                         x.seconds ? " s" : "", x.fields ? " fields" : "");
        if (x.conditions > 0) {
            (void)snprintf(have + n, sizeof have - (size_t)n, " %u conditions", x.conditions);
        }
    }
    if (strcmp(have, want) != 0) {
        fail_msg("%s: %s, not %s", line, have, want);
    }
}

static void test_expiry(void **state)
{
    (void)state;
    check_expiry("SET k v", "-");
    check_expiry("SET EX PX", "-");
    check_expiry("SET k PX EX 10", "4 3 rel s");
    check_expiry("SET k v NX GET px 10", "6 5 rel");
    check_expiry("SET k v IFEQ EX PXAT 10", "6 5");
    check_expiry("SET k v EXAT 10 XX", "4 3 s");
    check_expiry("SET k v KEEPTTL", "-");
    check_expiry("SETEX k 10 v", "2 0 rel s");
    check_expiry("PSETEX k 10 v", "2 0 rel");
    check_expiry("EXPIRE k 10 GT", "2 0 rel s 1 conditions");
    check_expiry("PEXPIREAT k 10 xx GT", "2 0 2 conditions");
    check_expiry("PSETEX k 10 NX", "2 0 rel");
    check_expiry("HPEXPIREAT k 10 FIELDS 1 NX", "2 0 fields");
    check_expiry("PEXPIRE k 10", "2 0 rel");
    check_expiry("EXPIREAT k 10", "2 0 s");
    check_expiry("PEXPIREAT k 10", "2 0");
    check_expiry("GETEX k PXAT 10", "3 2");
    check_expiry("GETEX k PERSIST", "-");
    check_expiry("HPEXPIREAT k 10 FIELDS 1 f", "2 0 fields");
    check_expiry("HEXPIRE k 10 NX FIELDS 1 f", "2 0 rel s fields");
    check_expiry("HSETEX k FNX EX 10 FIELDS 1 EX v", "4 3 rel s fields");
    check_expiry("HSETEX k FIELDS 1 EX 10", "-");
    check_expiry("HGETEX k PX 10 FIELDS 1 f", "3 2 rel fields");
    check_expiry("MSETEX 2 EX 1 PX 2 EX 10", "7 6 rel s");
    check_expiry("MSETEX 2 EX 1", "-");
    check_expiry("RESTORE k 10 payload", "2 0 rel");
    check_expiry("RESTORE k 10 payload IDLETIME ABSTTL FREQ 5", "2 0 rel");
    check_expiry("RESTORE k 10 payload REPLACE absttl", "2 0");
    check_expiry("RESTORE k 0 payload REPLACE ABSTTL", "-");
    check_expiry("DEL k", "-");
}

static void check_databases(const char *line, uint32_t n, uint32_t first)
{
    static words w;
    uint32_t at[2] = {0, 0};
    split(&w, line);
    assert_int_equal(cdc_redis_databases_of(command_of(&w), w.argv, w.argc, at), n);
    assert_int_equal(at[0], first);
}

static void test_databases(void **state)
{
    (void)state;
    check_databases("SWAPDB 1 2", 2, 1);
    check_databases("MOVE DB 2", 1, 2);
    check_databases("COPY DB DB", 0, 0);
    check_databases("COPY a b REPLACE DB 4", 1, 5);
    check_databases("SET DB 4", 0, 0);
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool good;
        int64_t want;
    } cases[] = {{"0", true, 0},
                 {"9223372036854775807", true, INT64_MAX},
                 {"9223372036854775808", false, 0},
                 {"99999999999999999999", false, 0},
                 {"", false, 0},
                 {"-1", false, 0},
                 {"1 ", false, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cdc_value v = {
            .kind = CDC_BYTES, .p = cases[i].text, .len = (uint32_t)strlen(cases[i].text)};
        int64_t n = 0;
        assert_int_equal(cdc_redis_number(&v, &n), cases[i].good);
        assert_true(!cases[i].good || n == cases[i].want);
    }
}

static void test_slots(void **state)
{
    (void)state;
    /* CLUSTER KEYSLOT of a real server */
    static const struct {
        const char *key;
        uint32_t slot;
    } cases[] = {
        {"", 0},
        {"foo", 12182},
        {"123456789", 12739},
        {"{user1000}.following", 3443},
        {"foo{}{bar}", 8363},
        {"foo{{bar}}zap", 4015},
        {"foo{bar}{zap}", 5061},
        {"{bar", 4015},
        {"a}b{c}", 7365},
        {"{}x", 10595},
        {"{", 4092},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(cdc_redis_slot(cases[i].key, strlen(cases[i].key)), cases[i].slot);
    }
    for (uint32_t slot = 0; slot < CDC_REDIS_SLOTS; slot += 1111) {
        char tag[CDC_REDIS_TAG_MAX], key[64];
        cdc_redis_slot_tag(slot, tag);
        int n = snprintf(key, sizeof key, "sluice:{%s}:task", tag);
        assert_int_equal(cdc_redis_slot(key, (size_t)n), slot);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_servers), cmocka_unit_test(test_find),
        cmocka_unit_test(test_subset),  cmocka_unit_test(test_bad_arguments),
        cmocka_unit_test(test_expiry),  cmocka_unit_test(test_databases),
        cmocka_unit_test(test_numbers), cmocka_unit_test(test_slots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
