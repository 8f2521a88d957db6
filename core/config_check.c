/* The tree against the option tables: which options apply, are all names known, all values of their
 * types. */
#include <errno.h>
#include <string.h>

#include "config_node.h"
#include "selection.h"

/* The options that choose a plug-in; see config.h. */
static const char *const selectors[] = {"source.type", "target.type"};
#define NSELECTORS (sizeof selectors / sizeof selectors[0])

/* --- which settings apply --- */

static const cdc_option *cdc_table_option(const cdc_option *table, const char *path)
{
    for (const cdc_option *opt = table; opt->path != NULL; opt++) {
        if (strcmp(opt->path, path) == 0) {
            return opt;
        }
    }
    return NULL;
}

/* Is the table a plug-in's; and does the file choose another plug-in in its place? */
static bool cdc_table_plugin(const cdc_config *cfg, const cdc_option *table, bool *chosen)
{
    *chosen = true;
    for (size_t i = 0; i < NSELECTORS; i++) {
        const cdc_option *own = cdc_table_option(table, selectors[i]);
        if (own != NULL) {
            const cdc_node *node = cfg->root != NULL ? cdc_config_find(cfg, selectors[i]) : NULL;
            *chosen = node == NULL || node->kind != CDC_NODE_SCALAR ||
                      cdc_config_choice(own->choices, node->text, false) == 1;
            return true;
        }
    }
    return false;
}

static bool cdc_is_selector(const char *path)
{
    for (size_t i = 0; i < NSELECTORS; i++) {
        if (strcmp(path, selectors[i]) == 0) {
            return true;
        }
    }
    return false;
}

static cdc_rc cdc_settings_memory(cdc_config *cfg, cdc_error *err)
{
    return cdc_config_fault(cfg, NULL, err, "out of memory");
}

/* All choices of a selector, over all tables. */
static cdc_rc cdc_settings_join(cdc_config *cfg, cdc_setting *set, const char *more, cdc_error *err)
{
    cdc_buffer out;
    cdc_buffer_init(&out, 4096);
    if (set->choices != NULL) {
        cdc_buffer_addf(&out, "%s|", set->choices);
    }
    cdc_buffer_add_str(&out, more);
    set->choices = cdc_arena_strndup(&cfg->arena, cdc_buffer_cstr(&out), out.len);
    cdc_buffer_fini(&out);
    return set->choices != NULL ? CDC_OK : cdc_settings_memory(cfg, err);
}

static cdc_node *cdc_default_scalar(cdc_config *cfg, const char *text, size_t len)
{
    cdc_node *node = cdc_arena_zalloc(&cfg->arena, sizeof *node);
    if (node != NULL) {
        node->kind = CDC_NODE_SCALAR;
        node->text = cdc_arena_strndup(&cfg->arena, text, len);
    }
    return node != NULL && node->text != NULL ? node : NULL;
}

static cdc_rc cdc_settings_default(cdc_config *cfg, cdc_setting *set, cdc_error *err)
{
    const char *def = set->opt->def;
    bool list = set->opt->type == CDC_OPTION_STRINGS || set->opt->type == CDC_OPTION_ENUMS;
    if (def == NULL) {
        return CDC_OK;
    }
    if (!list) {
        set->def = cdc_default_scalar(cfg, def, strlen(def));
        return set->def != NULL ? CDC_OK : cdc_settings_memory(cfg, err);
    }
    cdc_node *node = cdc_arena_zalloc(&cfg->arena, sizeof *node);
    cdc_node **tail = node != NULL ? &node->first : NULL;
    if (node == NULL) {
        return cdc_settings_memory(cfg, err);
    }
    node->kind = CDC_NODE_LIST;
    while (*def != '\0') {
        size_t len = strcspn(def, ",");
        *tail = cdc_default_scalar(cfg, def, len);
        if (*tail == NULL) {
            return cdc_settings_memory(cfg, err);
        }
        tail = &(*tail)->next;
        node->count++;
        def += len + (def[len] == ',' ? 1 : 0);
    }
    set->def = node;
    return CDC_OK;
}

static cdc_rc cdc_settings_add(cdc_config *cfg, const cdc_option *opt, bool plugin, bool chosen,
                               cdc_error *err)
{
    cdc_setting *set = NULL;
    bool selector = cdc_is_selector(opt->path);
    for (size_t i = 0; i < cfg->nsettings; i++) {
        if (strcmp(cfg->settings[i].opt->path, opt->path) == 0) {
            set = &cfg->settings[i];
        }
    }
    if (!chosen && !selector) {
        return CDC_OK;
    }
    if (set == NULL) {
        set = &cfg->settings[cfg->nsettings++];
        *set = (cdc_setting){.opt = opt, .plugin = plugin};
    } else if (plugin && !set->plugin) {
        set->opt = opt;
        set->plugin = true;
    }
    if (selector) {
        return cdc_settings_join(cfg, set, opt->choices, err);
    }
    set->choices = set->opt->choices;
    return CDC_OK;
}

cdc_rc cdc_config_settings(cdc_config *cfg, const cdc_option *const *tables, cdc_error *err)
{
    size_t n = 0;
    cdc_rc rc = CDC_OK;
    for (size_t t = 0; tables[t] != NULL; t++) {
        for (const cdc_option *opt = tables[t]; opt->path != NULL; opt++) {
            n++;
        }
    }
    cfg->settings = cdc_arena_zalloc(&cfg->arena, (n + 1) * sizeof *cfg->settings);
    if (cfg->settings == NULL) {
        return cdc_settings_memory(cfg, err);
    }
    for (size_t t = 0; tables[t] != NULL; t++) {
        bool chosen;
        bool plugin = cdc_table_plugin(cfg, tables[t], &chosen);
        for (const cdc_option *opt = tables[t]; opt->path != NULL && rc == CDC_OK; opt++) {
            rc = cdc_settings_add(cfg, opt, plugin, chosen, err);
        }
    }
    for (size_t i = 0; i < cfg->nsettings && rc == CDC_OK; i++) {
        rc = cdc_settings_default(cfg, &cfg->settings[i], err);
    }
    return rc;
}

/* --- names --- */

size_t cdc_config_distance(const char *a, const char *b)
{
    /* optimal string alignment over three rows */
    enum { MAX = 63 };
    size_t rows[3][MAX + 1];
    size_t na = strnlen(a, MAX);
    size_t nb = strnlen(b, MAX);
    size_t *before = rows[0];
    size_t *last = rows[1];
    size_t *now = rows[2];
    for (size_t j = 0; j <= nb; j++) {
        last[j] = j;
        before[j] = j;
    }
    for (size_t i = 1; i <= na; i++) {
        now[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            size_t best = last[j - 1] + (a[i - 1] != b[j - 1]);
            best = last[j] + 1 < best ? last[j] + 1 : best;
            best = now[j - 1] + 1 < best ? now[j - 1] + 1 : best;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                before[j - 2] + 1 < best) {
                best = before[j - 2] + 1;
            }
            now[j] = best;
        }
        size_t *spare = before;
        before = last;
        last = now;
        now = spare;
    }
    return last[nb];
}

/* "prefix.name" or "name" at the top; cut when it is longer than any option's path. */
static void cdc_path_join(char *out, size_t size, const char *prefix, const char *name)
{
    if (snprintf(out, size, "%s%s%s", prefix, prefix[0] != '\0' ? "." : "", name) < 0) {
        out[0] = '\0';
    }
}

/* Does some option's path begin with this one and go on below it? */
static bool cdc_is_section(const cdc_config *cfg, const char *path)
{
    size_t n = strlen(path);
    for (size_t i = 0; i < cfg->nsettings; i++) {
        const char *known = cfg->settings[i].opt->path;
        if (strncmp(known, path, n) == 0 && known[n] == '.') {
            return true;
        }
    }
    return false;
}

/* The known path nearest to prefix.name: a name of the same section that is a few edits away, or
 * the same name elsewhere. False: nothing is near. */
static bool cdc_nearest(const cdc_config *cfg, const char *prefix, const char *name, char *out,
                        size_t size)
{
    size_t limit = strlen(name) / 3 + 1;
    size_t np = strlen(prefix);
    size_t best = limit + 1;
    for (size_t i = 0; i < cfg->nsettings; i++) {
        char part[CDC_CONFIG_PATH_MAX];
        const char *known = cfg->settings[i].opt->path;
        const char *dot = strrchr(known, '.');
        if (np == 0 || (strncmp(known, prefix, np) == 0 && known[np] == '.')) {
            const char *rest = known + np + (np > 0 ? 1 : 0);
            snprintf(part, sizeof part, "%.*s", (int)strcspn(rest, ".["), rest);
            size_t distance = cdc_config_distance(name, part);
            if (distance < best) {
                best = distance;
                cdc_path_join(out, size, prefix, part);
            }
        }
        if (best > 1 && dot != NULL && strcmp(dot + 1, name) == 0 && strchr(known, '[') == NULL) {
            best = 1;
            snprintf(out, size, "%s", known);
        }
    }
    return best <= limit && best < strlen(name);
}

static cdc_rc cdc_check_unknown(const cdc_config *cfg, const cdc_node *node, const char *prefix,
                                const char *path, cdc_error *err)
{
    char near[CDC_CONFIG_PATH_MAX];
    if (cdc_nearest(cfg, prefix, node->name, near, sizeof near)) {
        return cdc_config_fault(cfg, node, err, "unknown option '%s'; did you mean '%s'?", path,
                                near);
    }
    return cdc_config_fault(cfg, node, err, "unknown option '%s'; remove it", path);
}

/* --- values --- */

int cdc_config_choice(const char *choices, const char *s, bool patterns)
{
    char one[CDC_CONFIG_PATH_MAX];
    while (*choices != '\0') {
        size_t len = strcspn(choices, "|");
        bool reserved = len > 0 && choices[len - 1] == '!';
        snprintf(one, sizeof one, "%.*s", (int)(reserved ? len - 1 : len), choices);
        if (patterns ? cdc_glob(one, s) : strcmp(one, s) == 0) {
            return reserved ? -1 : 1;
        }
        choices += len + (choices[len] == '|' ? 1 : 0);
    }
    return 0;
}

/* "a, b or c", without those that are not carried out. */
static void cdc_choices_text(const char *choices, char *out, size_t size)
{
    cdc_buffer buf;
    const char *last = NULL;
    for (const char *p = choices; *p != '\0';) {
        size_t len = strcspn(p, "|");
        last = p[len - 1] != '!' ? p : last;
        p += len + (p[len] == '|' ? 1 : 0);
    }
    cdc_buffer_init(&buf, size - 1);
    for (const char *p = choices; *p != '\0';) {
        size_t len = strcspn(p, "|");
        if (p[len - 1] != '!') {
            const char *joint = buf.len == 0 ? "" : p == last ? " or " : ", ";
            cdc_buffer_addf(&buf, "%s%.*s", joint, (int)len, p);
        }
        p += len + (p[len] == '|' ? 1 : 0);
    }
    snprintf(out, size, "%s", cdc_buffer_cstr(&buf));
    cdc_buffer_fini(&buf);
}

static bool cdc_is_null(const cdc_node *node)
{
    const char *s = node->text;
    return node->kind == CDC_NODE_SCALAR && !node->quoted && !node->foreign &&
           (*s == '\0' || strcmp(s, "~") == 0 || strcmp(s, "null") == 0);
}

static const char *cdc_node_word(const cdc_node *node)
{
    if (node->kind == CDC_NODE_LIST) {
        return "a list";
    }
    return node->kind == CDC_NODE_MAP ? "a map" : "a single value";
}

/* What to show of a value in an error: never what came from a secret's place. */
static const char *cdc_node_shown(const cdc_node *node)
{
    return node->foreign || strlen(node->text) > 100 ? "the value" : node->text;
}

static cdc_rc cdc_check_int(const cdc_config *cfg, const cdc_setting *set, const cdc_node *node,
                            const char *path, cdc_error *err)
{
    char *end;
    errno = 0;
    long long v = strtoll(node->text, &end, 10);
    bool digits = (node->text[0] >= '0' && node->text[0] <= '9') || node->text[0] == '-';
    if (!digits || *end != '\0' || (node->quoted && !node->foreign)) {
        return cdc_config_fault(cfg, node, err, "%s must be a whole number, not '%s'", path,
                                cdc_node_shown(node));
    }
    if (errno == ERANGE || v < set->opt->min || v > set->opt->max) {
        return cdc_config_fault(cfg, node, err, "%s must be from %lld to %lld, not %s", path,
                                (long long)set->opt->min, (long long)set->opt->max,
                                cdc_node_shown(node));
    }
    return CDC_OK;
}

static cdc_rc cdc_check_choice(const cdc_config *cfg, const cdc_setting *set, const cdc_node *node,
                               const char *path, cdc_error *err)
{
    char text[512];
    int found = cdc_config_choice(set->choices, node->text, set->opt->type == CDC_OPTION_STRING);
    if (found > 0) {
        return CDC_OK;
    }
    cdc_choices_text(set->choices, text, sizeof text);
    if (found < 0) {
        return cdc_config_fault(cfg, node, err,
                                "%s %s is not carried out by this version of sluice; use %s", path,
                                cdc_node_shown(node), text);
    }
    return cdc_config_fault(cfg, node, err, "%s must be %s, not '%s'", path, text,
                            cdc_node_shown(node));
}

static cdc_rc cdc_check_scalar(const cdc_config *cfg, const cdc_setting *set, const cdc_node *node,
                               const char *path, cdc_error *err)
{
    if (node->kind != CDC_NODE_SCALAR) {
        return cdc_config_fault(cfg, node, err, "%s must be a single value, not %s", path,
                                cdc_node_word(node));
    }
    if (cdc_is_null(node)) {
        return cdc_config_fault(cfg, node, err, "%s has no value; give one or remove the line",
                                path);
    }
    switch (set->opt->type) {
    case CDC_OPTION_BOOL:
        if (strcmp(node->text, "true") != 0 && strcmp(node->text, "false") != 0) {
            return cdc_config_fault(cfg, node, err, "%s must be true or false, not '%s'", path,
                                    cdc_node_shown(node));
        }
        return CDC_OK;
    case CDC_OPTION_INT:
        return cdc_check_int(cfg, set, node, path, err);
    default:
        return set->choices != NULL ? cdc_check_choice(cfg, set, node, path, err) : CDC_OK;
    }
}

static cdc_rc cdc_check_items(const cdc_config *cfg, const cdc_setting *set, const cdc_node *node,
                              const char *path, cdc_error *err)
{
    if (node->kind == CDC_NODE_SCALAR) {
        return cdc_check_scalar(cfg, set, node, path, err);
    }
    if (node->kind != CDC_NODE_LIST) {
        return cdc_config_fault(cfg, node, err, "%s must be a list, not a map", path);
    }
    if (node->count == 0 && (set->opt->flags & CDC_OPTION_REQUIRED) != 0) {
        return cdc_config_fault(cfg, node, err, "%s is empty; give at least one", path);
    }
    for (const cdc_node *item = node->first; item != NULL; item = item->next) {
        cdc_rc rc = cdc_check_scalar(cfg, set, item, path, err);
        if (rc != CDC_OK) {
            return rc;
        }
        for (const cdc_node *other = node->first; other != item; other = other->next) {
            if (set->opt->type == CDC_OPTION_ENUMS && strcmp(other->text, item->text) == 0) {
                return cdc_config_fault(cfg, item, err, "%s has %s twice", path, item->text);
            }
        }
    }
    return CDC_OK;
}

/* Printed again, each takes six characters, and YAML has no key of more than 1024. */
static cdc_rc cdc_check_name(const cdc_config *cfg, const cdc_node *member, const char *path,
                             cdc_error *err)
{
    for (const char *c = member->name; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7F) {
            return cdc_config_fault(cfg, member, err,
                                    "%s has a name with a control character; remove it", path);
        }
    }
    return CDC_OK;
}

static cdc_rc cdc_check_map(const cdc_config *cfg, const cdc_node *node, const char *path,
                            unsigned levels, cdc_error *err)
{
    char below[2 * CDC_CONFIG_PATH_MAX];
    if (node->kind != CDC_NODE_MAP) {
        return cdc_config_fault(cfg, node, err, "%s must be a map (name: value), not %s", path,
                                cdc_node_word(node));
    }
    for (const cdc_node *member = node->first; member != NULL; member = member->next) {
        cdc_rc rc = cdc_check_name(cfg, member, path, err);
        cdc_path_join(below, sizeof below, path, member->name);
        if (rc != CDC_OK) {
            return rc;
        }
        if (levels > 1) {
            rc = cdc_check_map(cfg, member, below, levels - 1, err);
        } else if (member->kind != CDC_NODE_SCALAR) {
            rc = cdc_config_fault(cfg, member, err, "%s must be a single value, not %s", below,
                                  cdc_node_word(member));
        } else if (cdc_is_null(member)) {
            rc = cdc_config_fault(cfg, member, err, "%s has no value; give one or remove the line",
                                  below);
        }
        if (rc != CDC_OK) {
            return rc;
        }
    }
    return CDC_OK;
}

static bool cdc_node_holds(const cdc_node *list, const cdc_node *value)
{
    for (const cdc_node *item = list->first; item != NULL; item = item->next) {
        if (item->kind == CDC_NODE_SCALAR && strcmp(item->text, value->text) == 0) {
            return true;
        }
    }
    return false;
}

/* Is the value the default? Lists: in any order; a single value is a list of one. */
static bool cdc_node_default(const cdc_node *node, const cdc_node *def)
{
    if (def == NULL) {
        return node->kind != CDC_NODE_SCALAR && node->count == 0;
    }
    if (def->kind == CDC_NODE_SCALAR) {
        return node->kind == CDC_NODE_SCALAR && strcmp(node->text, def->text) == 0;
    }
    if (node->kind == CDC_NODE_SCALAR) {
        return def->count == 1 && cdc_node_holds(def, node);
    }
    bool same = node->count == def->count;
    for (const cdc_node *item = def->first; item != NULL; item = item->next) {
        same = same && cdc_node_holds(node, item);
    }
    return same;
}

static cdc_rc cdc_check_members(const cdc_config *cfg, const cdc_node *map, const char *prefix,
                                cdc_error *err);

static cdc_rc cdc_check_option(const cdc_config *cfg, const cdc_setting *set, const cdc_node *node,
                               cdc_error *err)
{
    const char *path = set->opt->path;
    char element[CDC_CONFIG_PATH_MAX];
    cdc_rc rc = CDC_OK;
    switch (set->opt->type) {
    case CDC_OPTION_STRINGS:
    case CDC_OPTION_ENUMS:
        rc = cdc_check_items(cfg, set, node, path, err);
        break;
    case CDC_OPTION_MAP:
        rc = cdc_check_map(cfg, node, path, 1, err);
        break;
    case CDC_OPTION_MAP2:
        rc = cdc_check_map(cfg, node, path, 2, err);
        break;
    case CDC_OPTION_LIST:
        snprintf(element, sizeof element, "%s[]", path);
        if (node->kind != CDC_NODE_LIST) {
            return cdc_config_fault(cfg, node, err, "%s must be a list of maps, not %s", path,
                                    cdc_node_word(node));
        }
        for (const cdc_node *item = node->first; item != NULL && rc == CDC_OK; item = item->next) {
            rc = cdc_check_members(cfg, item, element, err);
        }
        break;
    default:
        rc = cdc_check_scalar(cfg, set, node, path, err);
        break;
    }
    if (rc == CDC_OK && (set->opt->flags & CDC_OPTION_RESERVED) != 0 &&
        !cdc_node_default(node, set->def)) {
        return cdc_config_fault(cfg, node, err,
                                "%s is not carried out by this version of sluice; remove it", path);
    }
    return rc;
}

/* Options that must be given are those whose path is this section's and one name more. */
static cdc_rc cdc_check_required(const cdc_config *cfg, const cdc_node *map, const char *prefix,
                                 cdc_error *err)
{
    size_t np = strlen(prefix);
    for (size_t i = 0; i < cfg->nsettings; i++) {
        const cdc_option *opt = cfg->settings[i].opt;
        const char *name = opt->path + np + (np > 0 ? 1 : 0);
        if ((opt->flags & CDC_OPTION_REQUIRED) == 0 || strncmp(opt->path, prefix, np) != 0 ||
            (np > 0 && opt->path[np] != '.') || strpbrk(name, ".[") != NULL) {
            continue;
        }
        if (cdc_node_member(map, name, strlen(name)) == NULL) {
            return cdc_config_fault(cfg, np > 0 ? map : NULL, err, "%s is missing: %s", opt->path,
                                    opt->help);
        }
    }
    return CDC_OK;
}

static cdc_rc cdc_check_members(const cdc_config *cfg, const cdc_node *map, const char *prefix,
                                cdc_error *err)
{
    char path[2 * CDC_CONFIG_PATH_MAX];
    if (map->kind != CDC_NODE_MAP) {
        return cdc_config_fault(cfg, map, err, "%s must be a map of options, not %s", prefix,
                                cdc_is_null(map) ? "empty" : cdc_node_word(map));
    }
    for (const cdc_node *node = map->first; node != NULL; node = node->next) {
        cdc_rc rc;
        cdc_path_join(path, sizeof path, prefix, node->name);
        const cdc_setting *set = cdc_config_setting(cfg, path);
        if (set != NULL && strcmp(set->opt->path, path) == 0) {
            rc = cdc_check_option(cfg, set, node, err);
        } else if (cdc_is_section(cfg, path)) {
            rc = cdc_check_members(cfg, node, path, err);
        } else {
            rc = cdc_check_unknown(cfg, node, prefix, path, err);
        }
        if (rc != CDC_OK) {
            return rc;
        }
    }
    return cdc_check_required(cfg, map, prefix, err);
}

/* First of all, because every other option of a plug-in depends on it. */
static cdc_rc cdc_check_selectors(const cdc_config *cfg, cdc_error *err)
{
    for (size_t i = 0; i < NSELECTORS; i++) {
        const cdc_setting *set = cdc_config_setting(cfg, selectors[i]);
        size_t section_len = strcspn(selectors[i], ".");
        const cdc_node *section = cdc_node_member(cfg->root, selectors[i], section_len);
        if (set == NULL || section == NULL || section->kind != CDC_NODE_MAP) {
            continue;
        }
        const cdc_node *node = cdc_config_find(cfg, selectors[i]);
        if (node == NULL) {
            return cdc_config_fault(cfg, section, err, "%s is missing: %s", selectors[i],
                                    set->opt->help);
        }
        cdc_rc rc = cdc_check_option(cfg, set, node, err);
        if (rc != CDC_OK) {
            return rc;
        }
    }
    return CDC_OK;
}

cdc_rc cdc_config_check(cdc_config *cfg, cdc_error *err)
{
    cdc_rc rc = cdc_check_selectors(cfg, err);
    return rc == CDC_OK ? cdc_check_members(cfg, cfg->root, "", err) : rc;
}
