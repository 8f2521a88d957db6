#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_node.h"

#define FILE_BYTES_MAX (1024 * 1024)
#define ARENA_BYTES_MAX (64 * 1024 * 1024)

cdc_rc cdc_config_fault(const cdc_config *cfg, const cdc_node *node, cdc_error *err,
                        const char *fmt, ...)
{
    char text[CDC_ERROR_TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (node != NULL && node->line > 0) {
        cdc_error_set(err, CDC_FATAL, "config", "%s:%d:%d: %s", cfg->file, node->line, node->column,
                      text);
    } else {
        cdc_error_set(err, CDC_FATAL, "config", "%s: %s", cfg->file, text);
    }
    err->exit = CDC_EXIT_USAGE;
    return CDC_FATAL;
}

/* --- load --- */

cdc_rc cdc_config_parse(cdc_config **out, const char *name, const char *text, size_t len,
                        const cdc_option *const *tables, cdc_error *err)
{
    *out = NULL;
    cdc_config *cfg = calloc(1, sizeof *cfg);
    if (cfg == NULL) {
        return cdc_error_set(err, CDC_FATAL, "memory", "out of memory");
    }
    cdc_arena_init(&cfg->arena, 16 * 1024, ARENA_BYTES_MAX);
    cfg->file = cdc_arena_strndup(&cfg->arena, name, strlen(name));
    if (cfg->file == NULL) {
        cfg->file = "";
    }
    cdc_rc rc = cdc_config_read(cfg, text, len, err);
    if (rc == CDC_OK) {
        rc = cdc_config_settings(cfg, tables, err);
    }
    if (rc == CDC_OK) {
        rc = cdc_config_check(cfg, err);
    }
    if (rc != CDC_OK) {
        cdc_config_free(cfg);
        return rc;
    }
    *out = cfg;
    return CDC_OK;
}

cdc_rc cdc_config_load(cdc_config **out, const char *path, const cdc_option *const *tables,
                       cdc_error *err)
{
    cdc_config nameless = {.file = path};
    cdc_buffer text;
    cdc_rc rc;
    *out = NULL;
    errno = 0;
    FILE *f = fopen(path, "r");
    if (f == NULL) {
        return cdc_config_fault(&nameless, NULL, err, "the task file cannot be read: %s",
                                strerror(errno));
    }
    cdc_buffer_init(&text, FILE_BYTES_MAX);
    for (size_t got = 1; got > 0;) {
        char *to = cdc_buffer_reserve(&text, 4096);
        got = to != NULL ? fread(to, 1, 4096, f) : 0;
        text.len += got;
    }
    if (ferror(f) != 0) {
        rc = cdc_config_fault(&nameless, NULL, err, "the task file cannot be read: %s",
                              strerror(errno));
    } else if (text.failed) {
        rc = cdc_config_fault(&nameless, NULL, err, "the task file is larger than 1 MiB");
    } else {
        rc = cdc_config_parse(out, path, text.data, text.len, tables, err);
    }
    fclose(f);
    cdc_buffer_fini(&text);
    return rc;
}

void cdc_config_free(cdc_config *cfg)
{
    if (cfg != NULL) {
        cdc_arena_fini(&cfg->arena);
        free(cfg);
    }
}

/* --- paths --- */

const cdc_node *cdc_node_member(const cdc_node *map, const char *name, size_t len)
{
    for (const cdc_node *node = map->first; node != NULL; node = node->next) {
        if (node->name != NULL && strncmp(node->name, name, len) == 0 && node->name[len] == '\0') {
            return node;
        }
    }
    return NULL;
}

static const cdc_node *cdc_config_element(const cdc_node *list, size_t i)
{
    if (list->kind != CDC_NODE_LIST) {
        return i == 0 ? list : NULL; /* a single value stands for a list of one */
    }
    const cdc_node *node = list->first;
    while (node != NULL && i-- > 0) {
        node = node->next;
    }
    return node;
}

const cdc_node *cdc_config_find(const cdc_config *cfg, const char *path)
{
    const cdc_node *node = cfg->root;
    while (node != NULL && *path != '\0') {
        size_t len = strcspn(path, ".[");
        if (node->kind != CDC_NODE_MAP) {
            return NULL;
        }
        node = cdc_node_member(node, path, len);
        path += len;
        while (node != NULL && *path == '[') {
            char *end;
            node = cdc_config_element(node, (size_t)strtoul(path + 1, &end, 10));
            path = *end == ']' ? end + 1 : end;
        }
        path += *path == '.' ? 1 : 0;
    }
    return node;
}

const cdc_setting *cdc_config_setting(const cdc_config *cfg, const char *path)
{
    char plain[CDC_CONFIG_PATH_MAX];
    size_t n = 0;
    for (const char *p = path; *p != '\0' && n + 1 < sizeof plain; p++) {
        if (*p < '0' || *p > '9' || n == 0 || plain[n - 1] != '[') {
            plain[n++] = *p;
        } else {
            p += strspn(p, "0123456789") - 1; /* the number between [ and ] */
        }
    }
    plain[n] = '\0';
    for (size_t i = 0; i < cfg->nsettings; i++) {
        if (strcmp(cfg->settings[i].opt->path, plain) == 0) {
            return &cfg->settings[i];
        }
    }
    return NULL;
}

bool cdc_config_has(const cdc_config *cfg, const char *path)
{
    return cdc_config_find(cfg, path) != NULL;
}

const char *cdc_config_where(const cdc_config *cfg, const char *path)
{
    cdc_config *mutable_cfg = (cdc_config *)(uintptr_t)cfg; /* only its where buffer */
    const cdc_node *node = path[0] != '\0' ? cdc_config_find(cfg, path) : NULL;
    if (node != NULL) {
        snprintf(mutable_cfg->where, sizeof cfg->where, "%s:%d:%d", cfg->file, node->line,
                 node->column);
    } else {
        snprintf(mutable_cfg->where, sizeof cfg->where, "%s", cfg->file);
    }
    return cfg->where;
}

/* --- values --- */

static const cdc_node *cdc_config_get(const cdc_config *cfg, const char *path, unsigned types)
{
    const cdc_setting *set = cdc_config_setting(cfg, path);
    if (set == NULL || (types & 1U << set->opt->type) == 0) {
        fprintf(stderr, "sluice: bug: option %s is not in the tables, or of another type\n", path);
        abort();
    }
    const cdc_node *node = cdc_config_find(cfg, path);
    return node != NULL ? node : set->def;
}

const char *cdc_config_str(const cdc_config *cfg, const char *path)
{
    const cdc_node *node =
        cdc_config_get(cfg, path, 1U << CDC_OPTION_STRING | 1U << CDC_OPTION_ENUM);
    return node != NULL ? node->text : NULL;
}

const char *cdc_config_secret(const cdc_config *cfg, const char *path)
{
    const cdc_node *node = cdc_config_get(cfg, path, 1U << CDC_OPTION_SECRET);
    return node != NULL ? node->text : NULL;
}

int64_t cdc_config_int(const cdc_config *cfg, const char *path)
{
    const cdc_node *node = cdc_config_get(cfg, path, 1U << CDC_OPTION_INT);
    return node != NULL ? strtoll(node->text, NULL, 10) : 0;
}

bool cdc_config_bool(const cdc_config *cfg, const char *path)
{
    const cdc_node *node = cdc_config_get(cfg, path, 1U << CDC_OPTION_BOOL);
    return node != NULL && strcmp(node->text, "true") == 0;
}

size_t cdc_config_count(const cdc_config *cfg, const char *path)
{
    const cdc_node *node =
        cdc_config_get(cfg, path,
                       1U << CDC_OPTION_STRINGS | 1U << CDC_OPTION_ENUMS | 1U << CDC_OPTION_LIST |
                           1U << CDC_OPTION_MAP | 1U << CDC_OPTION_MAP2);
    if (node == NULL) {
        return 0;
    }
    return node->kind == CDC_NODE_SCALAR ? 1 : node->count;
}

const char *cdc_config_item(const cdc_config *cfg, const char *path, size_t i)
{
    const cdc_node *node =
        cdc_config_get(cfg, path, 1U << CDC_OPTION_STRINGS | 1U << CDC_OPTION_ENUMS);
    node = node != NULL ? cdc_config_element(node, i) : NULL;
    return node != NULL ? node->text : NULL;
}

/* Member i of a map. */
static const cdc_node *cdc_config_child(const cdc_node *map, size_t i)
{
    const cdc_node *node = map != NULL && map->kind != CDC_NODE_SCALAR ? map->first : NULL;
    while (node != NULL && i-- > 0) {
        node = node->next;
    }
    return node;
}

void cdc_config_entry(const cdc_config *cfg, const char *path, size_t i, const char **name,
                      const char **value)
{
    const cdc_node *node = cdc_config_get(cfg, path, 1U << CDC_OPTION_MAP | 1U << CDC_OPTION_MAP2);
    node = cdc_config_child(node, i);
    *name = node != NULL ? node->name : NULL;
    *value = node != NULL ? node->text : NULL;
}

void cdc_config_entry2(const cdc_config *cfg, const char *path, size_t i, size_t j,
                       const char **name, const char **value)
{
    const cdc_node *node = cdc_config_get(cfg, path, 1U << CDC_OPTION_MAP2);
    node = cdc_config_child(cdc_config_child(node, i), j);
    *name = node != NULL ? node->name : NULL;
    *value = node != NULL ? node->text : NULL;
}

const char *cdc_config_lookup(const cdc_config *cfg, const char *path, const char *name)
{
    const cdc_node *node = cdc_config_get(cfg, path, 1U << CDC_OPTION_MAP);
    node = node != NULL ? cdc_node_member(node, name, strlen(name)) : NULL;
    return node != NULL ? node->text : NULL;
}

const char *cdc_config_lookup2(const cdc_config *cfg, const char *path, const char *a,
                               const char *b)
{
    const cdc_node *node = cdc_config_get(cfg, path, 1U << CDC_OPTION_MAP2);
    node = node != NULL ? cdc_node_member(node, a, strlen(a)) : NULL;
    node = node != NULL ? cdc_node_member(node, b, strlen(b)) : NULL;
    return node != NULL ? node->text : NULL;
}

/* --- differences --- */

static bool cdc_node_equal(const cdc_node *a, const cdc_node *b);

static bool cdc_children_equal(const cdc_node *a, const cdc_node *b)
{
    const cdc_node *y = b->first;
    if (a->count != b->count) {
        return false;
    }
    for (const cdc_node *x = a->first; x != NULL; x = x->next, y = y->next) {
        bool named = a->kind == CDC_NODE_MAP; /* members may stand in another order */
        const cdc_node *other = named ? cdc_node_member(b, x->name, strlen(x->name)) : y;
        if (!cdc_node_equal(x, other)) {
            return false;
        }
    }
    return true;
}

/* As the options are meant: a single value is a list of one, and an empty list or map is none. */
static bool cdc_node_equal(const cdc_node *a, const cdc_node *b)
{
    if (a == NULL || b == NULL) {
        const cdc_node *some = a != NULL ? a : b;
        return some == NULL || (some->kind != CDC_NODE_SCALAR && some->count == 0);
    }
    if (a->kind != b->kind) {
        const cdc_node *list = a->kind == CDC_NODE_LIST ? a : b;
        return list->kind == CDC_NODE_LIST && list->count == 1 &&
               cdc_node_equal(list->first, list == a ? b : a);
    }
    return a->kind == CDC_NODE_SCALAR ? strcmp(a->text, b->text) == 0 : cdc_children_equal(a, b);
}

static const cdc_node *cdc_config_effective(const cdc_config *cfg, const cdc_option *opt)
{
    const cdc_setting *set = cdc_config_setting(cfg, opt->path);
    const cdc_node *node = cdc_config_find(cfg, opt->path);
    return node != NULL || set == NULL ? node : set->def;
}

void cdc_config_changes(const cdc_config *a, const cdc_config *b,
                        void (*each)(void *arg, const char *path), void *arg)
{
    const cdc_config *const both[] = {a, b};
    for (size_t side = 0; side < 2; side++) {
        for (size_t i = 0; i < both[side]->nsettings; i++) {
            const cdc_option *opt = both[side]->settings[i].opt;
            bool told = side == 1 && cdc_config_setting(a, opt->path) != NULL;
            if (!told && strchr(opt->path, '[') == NULL &&
                !cdc_node_equal(cdc_config_effective(a, opt), cdc_config_effective(b, opt))) {
                each(arg, opt->path);
            }
        }
    }
}
