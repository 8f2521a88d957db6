/* Names are looked up for every command of a stream: in a hash table, made once. */
#include "schema/redis/command.h"

#include <pthread.h>
#include <string.h>

#include "core/buffer.h"
#include "core/cursor.h"
#include "schema/redis/command_table.h"

/* --- by name --- */

enum { SLOTS = 1024, NAME_MAX_BYTES = 24 };

static uint16_t name_slots[SLOTS]; /* row + 1, 0: empty; open addressing; written once */
static pthread_once_t name_once = PTHREAD_ONCE_INIT;

static uint32_t name_hash(const char *name, size_t len)
{
    uint32_t h = 2166136261U; /* FNV-1a */
    for (size_t i = 0; i < len; i++) {
        h = (h ^ (uint8_t)name[i]) * 16777619U;
    }
    return (h ^ h >> 15) % SLOTS;
}

static void fill_slots(void)
{
    for (uint32_t row = 0; row < cdc_redis_table_rows; row++) {
        const char *name = cdc_redis_table[row].name;
        uint32_t at = name_hash(name, strlen(name));
        while (name_slots[at] != 0) {
            at = (at + 1) % SLOTS;
        }
        name_slots[at] = (uint16_t)(row + 1);
    }
}

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

const cdc_redis_command *cdc_redis_command_find(const char *name, size_t len)
{
    char folded[NAME_MAX_BYTES];
    if (len == 0 || len > sizeof folded) {
        return NULL;
    }
    for (size_t i = 0; i < len; i++) {
        folded[i] = upper(name[i]);
    }
    (void)pthread_once(&name_once, fill_slots);
    for (uint32_t at = name_hash(folded, len); name_slots[at] != 0; at = (at + 1) % SLOTS) {
        const cdc_redis_command *cmd = &cdc_redis_table[name_slots[at] - 1];
        if (strlen(cmd->name) == len && memcmp(cmd->name, folded, len) == 0) {
            return cmd;
        }
    }
    return NULL;
}

const char *cdc_redis_command_name(const cdc_redis_command *cmd)
{
    return cmd->name;
}

uint32_t cdc_redis_command_flags(const cdc_redis_command *cmd)
{
    return cmd->flags;
}

bool cdc_redis_word(const cdc_value *argv, uint32_t at, const char *word)
{
    size_t len = strlen(word);
    if (argv[at].len != len) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (upper(argv[at].p[i]) != word[i]) {
            return false;
        }
    }
    return true;
}

bool cdc_redis_number(const cdc_value *v, int64_t *n)
{
    if (v->len == 0 || v->len > 19) {
        return false;
    }
    uint64_t sum = 0; /* 19 digits fit */
    for (uint32_t i = 0; i < v->len; i++) {
        if (v->p[i] < '0' || v->p[i] > '9') {
            return false;
        }
        sum = sum * 10 + (uint64_t)(v->p[i] - '0');
    }
    *n = (int64_t)sum;
    return sum <= INT64_MAX;
}

/* --- keys --- */

static bool add_run(cdc_redis_keys *keys, cdc_redis_run run)
{
    keys->runs[keys->nruns++] = run;
    keys->count += run.count;
    return true;
}

static bool range_keys(const cdc_redis_command *cmd, uint32_t argc, cdc_redis_keys *keys)
{
    uint32_t first = cmd->first, step = cmd->step;
    int64_t last = cmd->last < 0 ? (int64_t)argc + cmd->last : cmd->last;
    if (last < first || last >= argc) {
        return false;
    }
    uint32_t span = (uint32_t)last - first + 1;
    uint32_t count = (span + step - 1) / step;
    if (cmd->last < 0 && span % step != 0) {
        return false;
    }
    if (cmd->writes == CDC_WRITES_ALL || count == 1) {
        return add_run(keys, (cdc_redis_run){first, count, step, true});
    }
    bool head = cmd->writes == CDC_WRITES_FIRST;
    (void)add_run(keys, (cdc_redis_run){first, 1, 1, head});
    return add_run(keys, (cdc_redis_run){first + 1, count - 1, 1, !head});
}

/* Keys behind their number in argument `at`. */
static bool counted_keys(const cdc_value *argv, uint32_t argc, cdc_redis_run run,
                         cdc_redis_keys *keys)
{
    int64_t count = 0;
    uint32_t at = run.first - 1;
    if (at >= argc || !cdc_redis_number(&argv[at], &count) ||
        count > (argc - run.first) / run.step) {
        return false;
    }
    run.count = (uint32_t)count;
    return count == 0 || add_run(keys, run);
}

static bool dest_keys(const cdc_value *argv, uint32_t argc, cdc_redis_keys *keys)
{
    if (argc < 3) {
        return false;
    }
    (void)add_run(keys, (cdc_redis_run){1, 1, 1, true});
    return counted_keys(argv, argc, (cdc_redis_run){3, 0, 1, false}, keys);
}

static bool stream_keys(const cdc_value *argv, uint32_t argc, cdc_redis_keys *keys)
{
    for (uint32_t at = 4; at < argc; at++) {
        if (cdc_redis_word(argv, at, "STREAMS")) {
            uint32_t left = argc - at - 1;
            return left > 0 && left % 2 == 0 &&
                   add_run(keys, (cdc_redis_run){at + 1, left / 2, 1, true});
        }
    }
    return false;
}

/* Arguments of an option of SORT behind it. */
static uint32_t sort_option_args(const cdc_value *argv, uint32_t at)
{
    if (cdc_redis_word(argv, at, "LIMIT")) {
        return 2;
    }
    return cdc_redis_word(argv, at, "BY") || cdc_redis_word(argv, at, "GET") ? 1 : 0;
}

/* The last STORE counts, as in the server. */
static bool sort_keys(const cdc_value *argv, uint32_t argc, cdc_redis_keys *keys)
{
    uint32_t store = 0;
    for (uint32_t at = 2; at < argc; at++) {
        if (cdc_redis_word(argv, at, "STORE") && at + 1 < argc) {
            store = ++at;
        } else {
            at += sort_option_args(argv, at);
        }
    }
    (void)add_run(keys, (cdc_redis_run){1, 1, 1, false});
    return store == 0 || add_run(keys, (cdc_redis_run){store, 1, 1, true});
}

static bool geo_keys(const cdc_redis_command *cmd, const cdc_value *argv, uint32_t argc,
                     cdc_redis_keys *keys)
{
    uint32_t store = 0;
    for (uint32_t at = cmd->first; at + 1 < argc; at++) {
        if (cdc_redis_word(argv, at, "STORE") || cdc_redis_word(argv, at, "STOREDIST")) {
            store = ++at;
        }
    }
    (void)add_run(keys, (cdc_redis_run){1, 1, 1, false});
    return store == 0 || add_run(keys, (cdc_redis_run){store, 1, 1, true});
}

static bool migrate_keys(const cdc_value *argv, uint32_t argc, cdc_redis_keys *keys)
{
    if (argc < 6) {
        return false;
    }
    if (argv[3].len > 0) {
        return add_run(keys, (cdc_redis_run){3, 1, 1, true});
    }
    for (uint32_t at = 6; at < argc; at++) {
        if (cdc_redis_word(argv, at, "KEYS")) {
            return at + 1 < argc && add_run(keys, (cdc_redis_run){at + 1, argc - at - 1, 1, true});
        }
        /* what could be taken for KEYS: passwords and users */
        at += cdc_redis_word(argv, at, "AUTH") ? 1 : cdc_redis_word(argv, at, "AUTH2") ? 2 : 0;
    }
    return false;
}

bool cdc_redis_keys_of(const cdc_redis_command *cmd, const cdc_value *argv, uint32_t argc,
                       cdc_redis_keys *keys)
{
    *keys = (cdc_redis_keys){0};
    if (cmd->rule != CDC_RULE_NONE && argc < 2) {
        return false;
    }
    switch ((cdc_redis_rule)cmd->rule) {
    case CDC_RULE_NONE:
        return true;
    case CDC_RULE_RANGE:
        return range_keys(cmd, argc, keys);
    case CDC_RULE_COUNTED:
        return counted_keys(argv, argc, (cdc_redis_run){cmd->first + 1, 0, cmd->step, true}, keys);
    case CDC_RULE_DEST:
        return dest_keys(argv, argc, keys);
    case CDC_RULE_STREAMS:
        return stream_keys(argv, argc, keys);
    case CDC_RULE_SORT:
        return sort_keys(argv, argc, keys);
    case CDC_RULE_GEO:
        return geo_keys(cmd, argv, argc, keys);
    case CDC_RULE_MIGRATE:
        return migrate_keys(argv, argc, keys);
    case CDC_RULE_SUB:
        return argc < 3 || add_run(keys, (cdc_redis_run){2, 1, 1, true});
    }
    return false;
}

/* --- parts --- */

uint32_t cdc_redis_subset(const cdc_redis_command *cmd, const cdc_value *argv, uint32_t argc,
                          const bool *take, cdc_value *out, char count[CDC_REDIS_COUNT_MAX])
{
    cdc_redis_keys keys;
    uint32_t n = 0, taken = 0;
    if (!cdc_redis_keys_of(cmd, argv, argc, &keys) || keys.nruns != 1) {
        return 0;
    }
    const cdc_redis_run *run = &keys.runs[0];
    for (; n < run->first; n++) {
        out[n] = argv[n];
    }
    for (uint32_t i = 0; i < run->count; i++) {
        if (take[i]) {
            memcpy(&out[n], &argv[run->first + i * run->step], run->step * sizeof *out);
            n += run->step;
            taken++;
        }
    }
    for (uint32_t at = run->first + run->count * run->step; at < argc; at++) {
        out[n++] = argv[at]; /* options behind the keys */
    }
    if (cmd->rule == CDC_RULE_COUNTED) {
        cdc_value *v = &out[cmd->first];
        v->len = (uint32_t)cdc_format_u64(count, taken);
        v->p = count;
    }
    return n;
}

/* --- expiry --- */

/* EX, PX, EXAT or PXAT from argument `at` on; the fields of a hash end the options. */
static void expiry_option(const cdc_value *argv, uint32_t argc, uint32_t at, cdc_redis_expiry *x)
{
    static const struct {
        const char *word;
        bool relative, seconds;
    } options[] = {
        {"PXAT", false, false}, {"EX", true, true}, {"PX", true, false}, {"EXAT", false, true}};
    for (; at + 1 < argc && !cdc_redis_word(argv, at, "FIELDS"); at++) {
        for (unsigned i = 0; i < sizeof options / sizeof options[0]; i++) {
            if (cdc_redis_word(argv, at, options[i].word)) {
                x->option = at;
                x->at = at + 1;
                x->relative = options[i].relative;
                x->seconds = options[i].seconds;
                return;
            }
        }
        if (cdc_redis_word(argv, at, "IFEQ") || cdc_redis_word(argv, at, "IFNE") ||
            cdc_redis_word(argv, at, "IFDEQ") || cdc_redis_word(argv, at, "IFDNE")) {
            at++; /* a value to compare with */
        }
    }
}

static void restore_expiry(const cdc_value *argv, uint32_t argc, cdc_redis_expiry *x)
{
    x->at = argc >= 4 && !(argv[2].len == 1 && argv[2].p[0] == '0') ? 2 : 0;
    x->relative = true;
    for (uint32_t at = 4; at < argc; at++) {
        if (cdc_redis_word(argv, at, "ABSTTL")) {
            x->relative = false;
        } else if (cdc_redis_word(argv, at, "IDLETIME") || cdc_redis_word(argv, at, "FREQ")) {
            at++;
        }
    }
}

static void option_expiry(const cdc_redis_command *cmd, const cdc_value *argv, uint32_t argc,
                          cdc_redis_expiry *x)
{
    uint32_t at = cmd->option;
    if (cmd->rule == CDC_RULE_COUNTED) { /* behind the keys and their values */
        cdc_redis_keys keys;
        if (!cdc_redis_keys_of(cmd, argv, argc, &keys)) {
            return;
        }
        at += keys.count * keys.runs[0].step;
    }
    expiry_option(argv, argc, at, x);
}

/* Of EXPIRE and its like. A server that gives on such a command for fields may name some of which
 * the condition is not true. */
static uint32_t expiry_conditions(const cdc_redis_command *cmd, const cdc_value *argv,
                                  uint32_t argc)
{
    uint32_t n = 0;
    bool takes = !cmd->fields && strstr(cmd->name, "EXPIRE") != NULL;
    while (takes && argc > 3 + n &&
           (cdc_redis_word(argv, argc - 1 - n, "NX") || cdc_redis_word(argv, argc - 1 - n, "XX") ||
            cdc_redis_word(argv, argc - 1 - n, "GT") || cdc_redis_word(argv, argc - 1 - n, "LT"))) {
        n++;
    }
    return n;
}

bool cdc_redis_expiry_of(const cdc_redis_command *cmd, const cdc_value *argv, uint32_t argc,
                         cdc_redis_expiry *expiry)
{
    *expiry = (cdc_redis_expiry){.fields = cmd->fields};
    switch ((cdc_redis_tells)cmd->tells) {
    case CDC_TELLS_NONE:
        return false;
    case CDC_TELLS_OPTION:
        option_expiry(cmd, argv, argc, expiry);
        break;
    case CDC_TELLS_RESTORE:
        restore_expiry(argv, argc, expiry);
        break;
    case CDC_TELLS_SECONDS:
    case CDC_TELLS_MS:
    case CDC_TELLS_SECONDS_AT:
    case CDC_TELLS_MS_AT:
        expiry->at = argc > 2 ? 2 : 0;
        expiry->conditions = expiry_conditions(cmd, argv, argc);
        expiry->relative = cmd->tells == CDC_TELLS_SECONDS || cmd->tells == CDC_TELLS_MS;
        expiry->seconds = cmd->tells == CDC_TELLS_SECONDS || cmd->tells == CDC_TELLS_SECONDS_AT;
        break;
    }
    return expiry->at != 0;
}

/* --- databases --- */

uint32_t cdc_redis_databases_of(const cdc_redis_command *cmd, const cdc_value *argv, uint32_t argc,
                                uint32_t at[2])
{
    if (argc == 3 && strcmp(cmd->name, "SWAPDB") == 0) {
        at[0] = 1;
        at[1] = 2;
        return 2;
    }
    if (argc == 3 && strcmp(cmd->name, "MOVE") == 0) {
        at[0] = 2;
        return 1;
    }
    if (strcmp(cmd->name, "COPY") == 0) {
        for (uint32_t i = 3; i + 1 < argc; i++) {
            if (cdc_redis_word(argv, i, "DB")) {
                at[0] = i + 1;
                return 1;
            }
        }
    }
    return 0;
}
