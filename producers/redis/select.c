#include "select.h"

#include <stdlib.h>

#include "core/log.h"
#include "schema/redis/reserved.h"

typedef enum select_flush { FLUSH_CARRY, FLUSH_REFUSE, FLUSH_SKIP } select_flush;

enum { KEY_SHOWN = 64 };

struct src_redis_select {
    const cdc_config *cfg;
    bool databases[CDC_DATABASES_MAX];
    uint32_t ndatabases;
    size_t nprefixes;
    select_flush flush;
    bool skip; /* what cannot be split */
    cdc_metric *unsplittable, *flushes;
    /* what next gives */
    src_redis_selected taken;
    bool each_database; /* taken, once in each database from taken.db on */
    bool any;
    cdc_buffer argv; /* cdc_value each, of a part */
    cdc_buffer take; /* bool each */
    char count[CDC_REDIS_COUNT_MAX];
};

/* --- life --- */

static void read_databases(src_redis_select *sel, const cdc_selection *selection)
{
    for (int i = 0; i < CDC_DATABASES_MAX; i++) {
        char text[8];
        text[cdc_format_u64(text, (uint64_t)i)] = '\0';
        sel->databases[i] = cdc_selection_database(selection, text);
        sel->ndatabases += sel->databases[i];
    }
}

cdc_rc src_redis_select_new(src_redis_select **out, const cdc_env *env, cdc_error *err)
{
    src_redis_select *sel = calloc(1, sizeof *sel);
    if (sel == NULL) {
        return cdc_error_set(err, CDC_FATAL, "memory", "out of memory for the selection");
    }
    const char *flush = cdc_config_str(env->task->cfg, "source.flush");
    sel->cfg = env->task->cfg;
    sel->nprefixes = cdc_config_count(sel->cfg, "objects.key_prefixes");
    sel->flush = strcmp(flush, "refuse") == 0 ? FLUSH_REFUSE
                 : strcmp(flush, "skip") == 0 ? FLUSH_SKIP
                                              : FLUSH_CARRY;
    sel->skip = strcmp(cdc_config_str(sel->cfg, "source.unsplittable"), "skip") == 0;
    sel->unsplittable =
        cdc_metrics_number(env->metrics, CDC_COUNTER, "sluice_commands_unsplittable_total", "",
                           "commands left out because they touch selected and other keys");
    sel->flushes = cdc_metrics_number(env->metrics, CDC_COUNTER, "sluice_flushes_skipped_total", "",
                                      "FLUSHALL and FLUSHDB left out by source.flush");
    cdc_buffer_init(&sel->argv, (size_t)1 << 30);
    cdc_buffer_init(&sel->take, (size_t)1 << 30);
    read_databases(sel, env->selection);
    *out = sel;
    return CDC_OK;
}

void src_redis_select_free(src_redis_select *sel)
{
    if (sel != NULL) {
        cdc_buffer_fini(&sel->argv);
        cdc_buffer_fini(&sel->take);
        free(sel);
    }
}

bool src_redis_select_whole(const src_redis_select *sel)
{
    return sel->nprefixes == 0 && sel->ndatabases == CDC_DATABASES_MAX;
}

/* --- keys --- */

static bool has_prefix(const src_redis_select *sel, const char *key, size_t len)
{
    for (size_t i = 0; i < sel->nprefixes; i++) {
        const char *prefix = cdc_config_item(sel->cfg, "objects.key_prefixes", i);
        size_t n = strlen(prefix);
        if (len >= n && memcmp(key, prefix, n) == 0) {
            return true;
        }
    }
    return sel->nprefixes == 0;
}

bool src_redis_select_key(const src_redis_select *sel, int32_t db, const char *key, size_t len)
{
    return db >= 0 && db < CDC_DATABASES_MAX && sel->databases[db] && has_prefix(sel, key, len) &&
           !cdc_redis_reserved(key, len);
}

/* Are all keys of the database taken? */
static bool all_of(const src_redis_select *sel, int64_t db)
{
    return sel->nprefixes == 0 && db >= 0 && db < CDC_DATABASES_MAX && sel->databases[db];
}

static bool none_of(const src_redis_select *sel, int64_t db)
{
    return db < 0 || db >= CDC_DATABASES_MAX || !sel->databases[db];
}

/* --- what is taken --- */

static cdc_rc take(src_redis_select *sel, const cdc_redis_command *cmd, int32_t db,
                   const cdc_value *argv, uint32_t argc, int32_t key_arg)
{
    sel->taken = (src_redis_selected){.command = cmd,
                                      .argv = argv,
                                      .argc = argc,
                                      .key_arg = key_arg,
                                      .db = db,
                                      .expire_at_ms = -1};
    sel->any = true;
    return CDC_OK;
}

/* The same with the name of another command that is made of constants; n arguments. */
static cdc_rc take_made(src_redis_select *sel, int32_t db, const char *name, const cdc_value *key,
                        cdc_error *err)
{
    uint32_t argc = key != NULL ? 2 : 1;
    cdc_buffer_reset(&sel->argv);
    cdc_value *made = (cdc_value *)(void *)cdc_buffer_reserve(&sel->argv, 2 * sizeof *made);
    if (made == NULL) {
        return cdc_error_set(err, CDC_FATAL, "memory", "out of memory for a command");
    }
    made[0] = (cdc_value){.kind = CDC_BYTES, .p = name, .len = (uint32_t)strlen(name)};
    if (key != NULL) {
        made[1] = *key;
    }
    return take(sel, cdc_redis_command_find(name, strlen(name)), db, made, argc,
                key != NULL ? 1 : -1);
}

/* A key for a message: printable, cut. */
static void show_key(const cdc_value *key, char *out, size_t size)
{
    static const char hex[] = "0123456789abcdef";
    size_t n = 0, i = 0;
    for (; i < key->len && i < KEY_SHOWN && n + 8 < size; i++) {
        uint8_t c = (uint8_t)key->p[i];
        if (c >= ' ' && c < 0x7f && c != '\\' && c != '\'') {
            out[n++] = (char)c;
        } else {
            out[n++] = '\\';
            out[n++] = 'x';
            out[n++] = hex[c >> 4];
            out[n++] = hex[c & 15];
        }
    }
    (void)snprintf(out + n, size - n, "%s", i < key->len ? "..." : "");
}

/* It cannot be taken in part: `why` says what of it is in the way. */
static cdc_rc cannot_split(src_redis_select *sel, int32_t db, const cdc_value *name,
                           const char *why, cdc_error *err)
{
    char shown[5 * KEY_SHOWN];
    show_key(name, shown, sizeof shown);
    if (!sel->skip) {
        return cdc_error_set(err, CDC_FATAL, "redis_unsplittable",
                             "the command %s in database %d cannot be carried in part: %s; select "
                             "all of what it touches, or leave such commands out by "
                             "source.unsplittable: skip (the target then differs)",
                             shown, db, why);
    }
    cdc_metric_add(sel->unsplittable, 1);
    CDC_LOG(CDC_LOG_WARN, "command_left_out", CDC_STR("command", shown), CDC_NUM("database", db),
            CDC_STR("reason", why));
    return CDC_OK;
}

/* --- commands that speak of databases --- */

static cdc_rc select_flush_command(src_redis_select *sel, const cdc_redis_command *cmd, int32_t db,
                                   const cdc_value *argv, uint32_t argc, cdc_error *err)
{
    bool all = strcmp(cdc_redis_command_name(cmd), "FLUSHALL") == 0;
    if (!all && none_of(sel, db)) {
        return CDC_OK;
    }
    if (sel->flush == FLUSH_REFUSE) {
        return cdc_error_set(err, CDC_FATAL, "redis_flush",
                             "the source executed %s in database %d, and source.flush is refuse; "
                             "set it to carry to empty the target too, or to skip to leave it out",
                             cdc_redis_command_name(cmd), db);
    }
    if (sel->flush == FLUSH_SKIP) {
        cdc_metric_add(sel->flushes, 1);
        CDC_LOG(CDC_LOG_WARN, "flush_left_out", CDC_STR("command", cdc_redis_command_name(cmd)),
                CDC_NUM("database", db));
        return CDC_OK;
    }
    if (sel->nprefixes > 0) {
        return cannot_split(sel, db, &argv[0], "objects.key_prefixes takes some of the keys only",
                            err);
    }
    if (all && !src_redis_select_whole(sel)) {
        sel->each_database = true;
        return take_made(sel, 0, "FLUSHDB", NULL, err);
    }
    return take(sel, cmd, db, argv, argc, -1);
}

static cdc_rc select_swap(src_redis_select *sel, const cdc_redis_command *cmd, int32_t db,
                          const cdc_value *argv, uint32_t argc, cdc_error *err)
{
    int64_t a = -1, b = -1;
    bool read = argc == 3 && cdc_redis_number(&argv[1], &a) && cdc_redis_number(&argv[2], &b);
    if (read && none_of(sel, a) && none_of(sel, b)) {
        return CDC_OK;
    }
    if (read && all_of(sel, a) && all_of(sel, b)) {
        return take(sel, cmd, db, argv, argc, -1);
    }
    return cannot_split(sel, db, &argv[0], "the task does not take both databases wholly", err);
}

/* MOVE and COPY ... DB: from a key in this database to one in another. */
static cdc_rc select_across(src_redis_select *sel, const cdc_redis_command *cmd, int32_t db,
                            const cdc_value *argv, uint32_t argc, cdc_error *err)
{
    uint32_t at[2];
    int64_t to = -1;
    bool move = strcmp(cdc_redis_command_name(cmd), "MOVE") == 0;
    (void)cdc_redis_databases_of(cmd, argv, argc, at);
    bool read = cdc_redis_number(&argv[at[0]], &to) && to < CDC_DATABASES_MAX;
    const cdc_value *dest = &argv[move ? 1 : 2];
    bool from_taken = src_redis_select_key(sel, db, argv[1].p, argv[1].len);
    bool to_taken = read && src_redis_select_key(sel, (int32_t)to, dest->p, dest->len);
    if (from_taken && to_taken) {
        return take(sel, cmd, db, argv, argc, 1);
    }
    if (to_taken) {
        return cannot_split(sel, db, &argv[0], "the key that it moves or copies is not selected",
                            err);
    }
    return move && from_taken ? take_made(sel, db, "DEL", &argv[1], err) : CDC_OK;
}

/* --- commands with keys --- */

typedef struct counted {
    uint32_t taken, written, written_taken;
} counted;

/* Which of its keys are selected; sel->take has them, in order. False: no memory. */
static bool count_keys(src_redis_select *sel, int32_t db, const cdc_value *argv,
                       const cdc_redis_keys *keys, counted *n)
{
    cdc_buffer_reset(&sel->take);
    bool *takes = (bool *)cdc_buffer_reserve(&sel->take, keys->count * sizeof *takes);
    for (uint32_t i = 0; takes != NULL && i < keys->count; i++) {
        bool written;
        const cdc_value *key = &argv[cdc_redis_key_at(keys, i, &written)];
        takes[i] = src_redis_select_key(sel, db, key->p, key->len);
        n->taken += takes[i];
        n->written += written;
        n->written_taken += takes[i] && written;
    }
    return takes != NULL;
}

static cdc_rc take_part(src_redis_select *sel, const cdc_redis_command *cmd, int32_t db,
                        const cdc_value *argv, uint32_t argc, cdc_error *err)
{
    cdc_redis_keys keys;
    cdc_buffer_reset(&sel->argv);
    cdc_value *part = (cdc_value *)(void *)cdc_buffer_reserve(&sel->argv, argc * sizeof *part);
    if (part == NULL) {
        return cdc_error_set(err, CDC_FATAL, "memory", "out of memory for a command");
    }
    uint32_t n = cdc_redis_subset(cmd, argv, argc, (const bool *)sel->take.data, part, sel->count);
    bool read = cdc_redis_keys_of(cmd, part, n, &keys);
    return take(sel, cmd, db, part, n, read ? (int32_t)keys.runs[0].first : -1);
}

/* Selected and other keys. */
static cdc_rc select_mixed(src_redis_select *sel, const cdc_redis_command *cmd, int32_t db,
                           const cdc_value *argv, const cdc_redis_keys *keys, cdc_error *err)
{
    const bool *takes = (const bool *)sel->take.data;
    const char *name = cdc_redis_command_name(cmd);
    bool rename = strcmp(name, "RENAME") == 0 || strcmp(name, "RENAMENX") == 0;
    if (rename && takes[0]) {
        return take_made(sel, db, "DEL", &argv[1], err);
    }
    uint32_t in = 0, out = 0;
    bool written;
    for (uint32_t i = 0; i < keys->count; i++) {
        *(takes[i] ? &in : &out) = cdc_redis_key_at(keys, i, &written);
    }
    char ours[5 * KEY_SHOWN], other[5 * KEY_SHOWN], why[11 * KEY_SHOWN];
    show_key(&argv[in], ours, sizeof ours);
    show_key(&argv[out], other, sizeof other);
    (void)snprintf(why, sizeof why, "its key '%s' is selected, '%s' is not", ours, other);
    return cannot_split(sel, db, &argv[0], why, err);
}

static cdc_rc select_keys(src_redis_select *sel, const cdc_redis_command *cmd, int32_t db,
                          const cdc_value *argv, uint32_t argc, cdc_error *err)
{
    cdc_redis_keys keys;
    counted n = {0};
    if (!cdc_redis_keys_of(cmd, argv, argc, &keys)) {
        return src_redis_select_whole(sel)
                   ? take(sel, cmd, db, argv, argc, -1)
                   : cannot_split(sel, db, &argv[0], "its arguments do not tell its keys", err);
    }
    if (!count_keys(sel, db, argv, &keys, &n)) {
        return cdc_error_set(err, CDC_FATAL, "memory", "out of memory for the keys of a command");
    }
    if (n.taken == keys.count) {
        return take(sel, cmd, db, argv, argc, keys.count > 0 ? (int32_t)keys.runs[0].first : -1);
    }
    if (n.written_taken == 0) {
        return CDC_OK;
    }
    if ((cdc_redis_command_flags(cmd) & CDC_REDIS_SPLIT) != 0) {
        return take_part(sel, cmd, db, argv, argc, err);
    }
    return select_mixed(sel, cmd, db, argv, &keys, err);
}

/* --- commands --- */

/* One that touches what it doesn't name. */
static cdc_rc select_wide(src_redis_select *sel, const cdc_redis_command *cmd, int32_t db,
                          const cdc_value *argv, uint32_t argc, cdc_error *err)
{
    const char *name = cmd != NULL ? cdc_redis_command_name(cmd) : "";
    if (strcmp(name, "FLUSHALL") == 0 || strcmp(name, "FLUSHDB") == 0) {
        return select_flush_command(sel, cmd, db, argv, argc, err);
    }
    if (strcmp(name, "SWAPDB") == 0) {
        return select_swap(sel, cmd, db, argv, argc, err);
    }
    if (src_redis_select_whole(sel)) {
        cdc_redis_keys keys;
        bool keyed = cmd != NULL && cdc_redis_keys_of(cmd, argv, argc, &keys) && keys.count > 0;
        return take(sel, cmd, db, argv, argc, keyed ? (int32_t)keys.runs[0].first : -1);
    }
    if (strcmp(name, "FUNCTION") == 0 || strcmp(name, "SCRIPT") == 0) {
        return CDC_OK;
    }
    return cannot_split(sel, db, &argv[0],
                        cmd != NULL ? "it may change what it does not name" : "it is not known",
                        err);
}

cdc_rc src_redis_select_command(src_redis_select *sel, int32_t db, const cdc_value *argv,
                                uint32_t argc, cdc_error *err)
{
    const cdc_redis_command *cmd = cdc_redis_command_find(argv[0].p, argv[0].len);
    uint32_t flags = cmd != NULL ? cdc_redis_command_flags(cmd) : CDC_REDIS_WHOLE;
    uint32_t at[2];
    sel->any = false;
    sel->each_database = false;
    if ((flags & CDC_REDIS_TALK) != 0) {
        return CDC_OK;
    }
    if ((flags & (CDC_REDIS_WHOLE | CDC_REDIS_SCRIPT)) != 0) {
        return select_wide(sel, cmd, db, argv, argc, err);
    }
    if (cdc_redis_databases_of(cmd, argv, argc, at) > 0) {
        return select_across(sel, cmd, db, argv, argc, err);
    }
    return select_keys(sel, cmd, db, argv, argc, err);
}

bool src_redis_select_next(src_redis_select *sel, src_redis_selected *taken)
{
    while (sel->any && sel->each_database && sel->taken.db < CDC_DATABASES_MAX &&
           !sel->databases[sel->taken.db]) {
        sel->taken.db++;
    }
    if (!sel->any || sel->taken.db >= CDC_DATABASES_MAX) {
        return false;
    }
    *taken = sel->taken;
    sel->any = sel->each_database;
    sel->taken.db++;
    return true;
}
