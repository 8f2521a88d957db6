#include "server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HOUR_S = 3600 };

/* A line "name:value" of the text. */
typedef struct line {
    const char *name;
    size_t nname;
    const char *value;
    size_t nvalue;
} line;

/* The next line with a colon; false at the end. */
static bool next_line(const char **at, const char *end, line *out)
{
    while (*at < end) {
        const char *from = *at;
        const char *stop = memchr(from, '\n', (size_t)(end - from));
        stop = stop != NULL ? stop : end;
        *at = stop < end ? stop + 1 : end;
        if (stop > from && stop[-1] == '\r') {
            stop--;
        }
        const char *colon = memchr(from, ':', (size_t)(stop - from));
        if (colon != NULL && from[0] != '#') {
            *out = (line){from, (size_t)(colon - from), colon + 1, (size_t)(stop - colon - 1)};
            return true;
        }
    }
    return false;
}

static bool is(const line *l, const char *name)
{
    return strlen(name) == l->nname && memcmp(name, l->name, l->nname) == 0;
}

static bool value_is(const line *l, const char *value)
{
    return strlen(value) == l->nvalue && memcmp(value, l->value, l->nvalue) == 0;
}

static void copy(char *out, size_t size, const line *l)
{
    snprintf(out, size, "%.*s", (int)(l->nvalue < size ? l->nvalue : size), l->value);
}

/* Digits from p on, 0 if there are none; a number that is too large is cut to the largest. */
static int64_t number(const char *p, const char *end)
{
    char digits[24];
    size_t n = 0;
    while (p + n < end && n + 1 < sizeof digits && (p[n] == '-' || (p[n] >= '0' && p[n] <= '9'))) {
        n++;
    }
    memcpy(digits, p, n);
    digits[n] = '\0';
    return strtoll(digits, NULL, 10);
}

static int64_t value_number(const line *l)
{
    return number(l->value, l->value + l->nvalue);
}

/* "7.0.15" is 70015 */
static int32_t version_number(const line *l)
{
    const char *p = l->value;
    const char *end = p + l->nvalue;
    int32_t version = 0;
    for (int part = 0; part < 3; part++) {
        int64_t n = number(p, end);
        version = version * 100 + (int32_t)(n >= 0 && n <= 99 ? n : 0);
        const char *dot = p < end ? memchr(p, '.', (size_t)(end - p)) : NULL;
        p = dot != NULL ? dot + 1 : end;
    }
    return version;
}

static bool read_number(cdc_redis_server *sv, const line *l)
{
    const struct {
        const char *name;
        int64_t *to;
    } numbers[] = {
        {"master_repl_offset", &sv->offset},
        {"repl_backlog_size", &sv->backlog_bytes},
        {"uptime_in_seconds", &sv->uptime_s},
        {"used_memory", &sv->used_bytes},
        {"used_memory_dataset", &sv->dataset_bytes},
        {"maxmemory", &sv->max_bytes},
        {"total_system_memory", &sv->system_bytes},
        {"second_repl_offset", &sv->offset2},
        {"repl_backlog_histlen", &sv->backlog_held},
        {"repl_backlog_first_byte_offset", &sv->backlog_first},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (is(l, numbers[i].name)) {
            *numbers[i].to = value_number(l);
            return true;
        }
    }
    return false;
}

static bool read_server(cdc_redis_server *sv, const line *l)
{
    if (is(l, "redis_version")) {
        sv->compatible = version_number(l);
        if (!sv->is_valkey) {
            sv->version = sv->compatible;
            copy(sv->version_text, sizeof sv->version_text, l);
        }
    } else if (is(l, "valkey_version")) {
        sv->is_valkey = true;
        sv->version = version_number(l);
        copy(sv->version_text, sizeof sv->version_text, l);
    } else if (is(l, "redis_mode") || is(l, "server_mode")) {
        sv->mode = value_is(l, "cluster")    ? CDC_REDIS_CLUSTER
                   : value_is(l, "sentinel") ? CDC_REDIS_SENTINEL
                                             : CDC_REDIS_STANDALONE;
    } else {
        return false;
    }
    return true;
}

static bool read_replication(cdc_redis_server *sv, const line *l)
{
    size_t n = strlen(sv->master);
    if (is(l, "role")) {
        sv->is_replica = value_is(l, "slave");
    } else if (is(l, "master_link_status")) {
        sv->link_up = value_is(l, "up");
    } else if (is(l, "master_host")) {
        copy(sv->master, sizeof sv->master, l);
    } else if (is(l, "master_port")) { /* comes behind the host */
        snprintf(sv->master + n, sizeof sv->master - n, ":%lld", (long long)value_number(l));
    } else if (is(l, "master_replid")) {
        copy(sv->replid, sizeof sv->replid, l);
    } else if (is(l, "master_replid2")) {
        copy(sv->replid2, sizeof sv->replid2, l);
        if (sv->replid2[strspn(sv->replid2, "0")] == '\0') {
            sv->replid2[0] = '\0';
        }
    } else if (is(l, "repl_backlog_active")) {
        sv->has_backlog = value_number(l) != 0;
    } else {
        return false;
    }
    return true;
}

static void read_other(cdc_redis_server *sv, const line *l)
{
    if (is(l, "maxmemory_policy")) {
        copy(sv->policy, sizeof sv->policy, l);
    } else if (is(l, "loading")) {
        sv->is_loading = value_number(l) != 0;
    } else if (is(l, "aof_enabled")) {
        sv->has_aof = value_number(l) != 0;
    } else if (is(l, "rdb_last_bgsave_status")) {
        sv->save_failed = !value_is(l, "ok");
    } else if (is(l, "instantaneous_input_kbps")) {
        sv->input_bytes_per_s = value_number(l) * 1024;
    }
}

/* "db12:keys=3,expires=0,..." */
static bool read_keys(cdc_redis_server *sv, const line *l)
{
    static const char keys[] = "keys=";
    if (l->nname < 3 || memcmp(l->name, "db", 2) != 0 || l->nvalue < sizeof keys ||
        memcmp(l->value, keys, sizeof keys - 1) != 0) {
        return false;
    }
    int64_t db = number(l->name + 2, l->name + l->nname);
    if (db >= 0 && db < CDC_DATABASES_MAX) {
        sv->keys[db] = number(l->value + sizeof keys - 1, l->value + l->nvalue);
    }
    return true;
}

void cdc_redis_server_parse(cdc_redis_server *sv, const char *text, size_t len)
{
    const char *at = text;
    line l;
    memset(sv, 0, sizeof *sv);
    while (next_line(&at, text + len, &l)) {
        if (!read_server(sv, &l) && !read_replication(sv, &l) && !read_number(sv, &l) &&
            !read_keys(sv, &l)) {
            read_other(sv, &l);
        }
    }
}

const char *cdc_redis_server_flavour(const cdc_redis_server *sv)
{
    return sv->is_valkey ? "Valkey" : "Redis";
}

int64_t cdc_redis_server_keys(const cdc_redis_server *sv)
{
    int64_t sum = 0;
    for (int db = 0; db < CDC_DATABASES_MAX; db++) {
        sum += sv->keys[db];
    }
    return sum;
}

int64_t cdc_redis_server_rate(const cdc_redis_server *sv)
{
    int64_t life_s = sv->uptime_s > HOUR_S ? sv->uptime_s : HOUR_S;
    int64_t mean = sv->has_backlog ? sv->offset / life_s : 0;
    return mean > sv->input_bytes_per_s ? mean : sv->input_bytes_per_s;
}

void cdc_redis_server_modules(const char *text, size_t len,
                              void (*each)(void *arg, const char *name, size_t n), void *arg)
{
    static const char name[] = "name=";
    const char *at = text;
    line l;
    while (next_line(&at, text + len, &l)) {
        if (!is(&l, "module") || l.nvalue < sizeof name ||
            memcmp(l.value, name, sizeof name - 1) != 0) {
            continue;
        }
        const char *from = l.value + sizeof name - 1;
        size_t left = l.nvalue - (sizeof name - 1);
        const char *comma = memchr(from, ',', left);
        size_t n = comma != NULL ? (size_t)(comma - from) : left;
        if (n != 3 || memcmp(from, "lua", 3) != 0) {
            each(arg, from, n);
        }
    }
}
