/* Commands of any words, blanks between them: keys, parts, expiry and databases stay inside of the
 * arguments, and a part has the keys that were taken. The first two bytes choose the command. */
#include <stdlib.h>
#include <string.h>

#include "schema/redis/command_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WORDS = 64 };

static void must(bool ok)
{
    if (!ok) {
        abort();
    }
}

typedef struct words {
    cdc_value argv[WORDS];
    uint32_t argc;
} words;

static void split(words *w, const char *p, const char *end)
{
    while (p < end && w->argc < WORDS) {
        const char *blank = memchr(p, ' ', (size_t)(end - p));
        const char *stop = blank != NULL ? blank : end;
        w->argv[w->argc++] = (cdc_value){.kind = CDC_BYTES, .p = p, .len = (uint32_t)(stop - p)};
        p = stop + 1;
    }
}

/* Every other key is taken. */
static void check_part(const cdc_redis_command *cmd, const words *w, const cdc_redis_keys *keys)
{
    bool take[WORDS];
    cdc_value out[WORDS];
    char count[CDC_REDIS_COUNT_MAX];
    cdc_redis_keys left;
    for (uint32_t i = 0; i < keys->count; i++) {
        take[i] = i % 2 == 0;
    }
    uint32_t n = cdc_redis_subset(cmd, w->argv, w->argc, take, out, count);
    must(n > 0 && n <= w->argc);
    must(cdc_redis_keys_of(cmd, out, n, &left) && left.count == (keys->count + 1) / 2);
    for (uint32_t i = 0; i < left.count; i++) {
        bool written;
        const cdc_value *have = &out[cdc_redis_key_at(&left, i, &written)];
        const cdc_value *want = &w->argv[cdc_redis_key_at(keys, 2 * i, &written)];
        must(have->p == want->p && have->len == want->len);
    }
}

static void check_keys(const cdc_redis_command *cmd, const words *w)
{
    cdc_redis_keys keys;
    if (!cdc_redis_keys_of(cmd, w->argv, w->argc, &keys)) {
        return;
    }
    for (uint32_t i = 0; i < keys.count; i++) {
        bool written;
        must(cdc_redis_key_at(&keys, i, &written) < w->argc);
    }
    if (keys.count > 0 && (cdc_redis_command_flags(cmd) & CDC_REDIS_SPLIT) != 0) {
        check_part(cmd, w, &keys);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    words w = {.argc = 1};
    cdc_redis_expiry x;
    uint32_t at[2];
    if (size < 2) {
        return 0;
    }
    uint32_t row = ((uint32_t)data[0] << 8 | data[1]) % cdc_redis_table_rows;
    const cdc_redis_command *cmd = &cdc_redis_table[row];
    must(cdc_redis_command_find(cmd->name, strlen(cmd->name)) == cmd);
    w.argv[0] = (cdc_value){.kind = CDC_BYTES, .p = cmd->name, .len = (uint32_t)strlen(cmd->name)};
    split(&w, (const char *)data + 2, (const char *)data + size);
    check_keys(cmd, &w);
    if (cdc_redis_expiry_of(cmd, w.argv, w.argc, &x)) {
        must(x.at > 0 && x.at < w.argc && (x.option == 0 || x.option == x.at - 1));
    }
    uint32_t n = cdc_redis_databases_of(cmd, w.argv, w.argc, at);
    for (uint32_t i = 0; i < n; i++) {
        must(at[i] > 0 && at[i] < w.argc);
    }
    return 0;
}
