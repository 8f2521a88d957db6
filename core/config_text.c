/* A configuration as text: what a file means (print), and what the options are (documentation,
 * help). */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "config_node.h"

/* --- print --- */

/* May the character stand in a plain scalar, also inside of [ ]? */
static bool cdc_text_plain_char(const char *s, size_t i)
{
    unsigned char c = (unsigned char)s[i];
    if (c < ' ' || c >= 127 || strchr("{}[],\"'", c) != NULL) {
        return false;
    }
    return (c != ':' || (s[i + 1] != ' ' && s[i + 1] != '\0')) && (c != '#' || s[i - 1] != ' ');
}

static bool cdc_text_plain(const char *s)
{
    /* true, false and numbers are left plain: they are values of such options */
    static const char *const words[] = {"null", "yes", "no", "on", "off"};
    size_t n = strlen(s);
    if (n == 0 || strchr("-?:#&*!|>%@`~ ", s[0]) != NULL || s[n - 1] == ' ') {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (!cdc_text_plain_char(s, i)) {
            return false;
        }
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcasecmp(s, words[i]) == 0) {
            return false;
        }
    }
    return true;
}

static bool cdc_text_masked(const cdc_option *opt, const cdc_node *node)
{
    static const char *const marks[] = {"password", "secret", "key.pem", "sasl.jaas"};
    if (opt->type == CDC_OPTION_SECRET || node->foreign) {
        return true;
    }
    for (size_t i = 0; node->name != NULL && i < sizeof marks / sizeof marks[0]; i++) {
        if (opt->type == CDC_OPTION_MAP && strstr(node->name, marks[i]) != NULL) {
            return true;
        }
    }
    return false;
}

/* Code point of the UTF-8 sequence at s, which is valid (libyaml has checked it), and its length.
 */
static unsigned cdc_text_char(const char *s, size_t *len)
{
    unsigned c = (unsigned char)s[0];
    *len = c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
    c &= *len == 1 ? 0x7FU : 0xFFU >> (*len + 1);
    for (size_t i = 1; i < *len; i++) {
        c = c << 6 | ((unsigned char)s[i] & 0x3FU);
    }
    return c;
}

/* A double-quoted scalar: what YAML does not print, or takes for a line break, is escaped. */
static void cdc_text_quoted(const char *s, cdc_buffer *out)
{
    size_t len;
    cdc_buffer_add_char(out, '"');
    for (; *s != '\0'; s += len) {
        unsigned c = cdc_text_char(s, &len);
        if (c == '"' || c == '\\') {
            cdc_buffer_add_char(out, '\\');
            cdc_buffer_add_char(out, *s);
        } else if (c < ' ' || (c >= 0x7F && c <= 0xA0) || c == 0x2028 || c == 0x2029 ||
                   c == 0xFEFF || c == 0xFFFE || c == 0xFFFF) {
            cdc_buffer_addf(out, "\\u%04x", c);
        } else {
            /* the text ${ itself, as it must be written */
            cdc_buffer_add_str(out, c == '$' && s[1] == '{' ? "$" : "");
            cdc_buffer_add(out, s, len);
        }
    }
    cdc_buffer_add_char(out, '"');
}

static void cdc_text_scalar(const cdc_option *opt, const cdc_node *node, cdc_buffer *out)
{
    if (cdc_text_masked(opt, node)) {
        cdc_buffer_add_str(out, "\"****\"");
    } else if (opt->type == CDC_OPTION_INT) {
        cdc_buffer_addf(out, "%lld",
                        strtoll(node->text, NULL, 10)); /* -0 and 007 would be quoted */
    } else if (cdc_text_plain(node->text)) {
        cdc_buffer_add_str(out, node->text);
    } else {
        cdc_text_quoted(node->text, out);
    }
}

static void cdc_text_value(const cdc_option *opt, const cdc_node *node, unsigned indent,
                           cdc_buffer *out)
{
    if (node->kind == CDC_NODE_SCALAR) {
        cdc_buffer_add_char(out, ' ');
        cdc_text_scalar(opt, node, out);
        cdc_buffer_add_char(out, '\n');
    } else if (node->count == 0) {
        cdc_buffer_add_str(out, node->kind == CDC_NODE_LIST ? " []\n" : " {}\n");
    } else if (node->kind == CDC_NODE_LIST && node->first->kind == CDC_NODE_SCALAR) {
        cdc_buffer_add_str(out, " [");
        for (const cdc_node *item = node->first; item != NULL; item = item->next) {
            cdc_buffer_add_str(out, item != node->first ? ", " : "");
            cdc_text_scalar(opt, item, out);
        }
        cdc_buffer_add_str(out, "]\n");
    } else {
        cdc_buffer_add_char(out, '\n');
        for (const cdc_node *item = node->first; item != NULL; item = item->next) {
            cdc_buffer_addf(out, "%*s", (int)indent * 2, "");
            if (item->name == NULL) {
                cdc_buffer_add_str(out, "-");
            } else if (cdc_text_plain(item->name)) {
                cdc_buffer_addf(out, "%s:", item->name);
            } else {
                cdc_text_quoted(item->name, out);
                cdc_buffer_add_char(out, ':');
            }
            cdc_text_value(opt, item, indent + 1, out);
        }
    }
}

/* Is the option in a section that the file leaves out, and that would need required options? Then
 * its defaults mean nothing. */
static bool cdc_text_absent(const cdc_config *cfg, const char *path)
{
    size_t n = strcspn(path, ".");
    if (path[n] == '\0' || cdc_node_member(cfg->root, path, n) != NULL) {
        return false;
    }
    for (size_t i = 0; i < cfg->nsettings; i++) {
        const cdc_option *opt = cfg->settings[i].opt;
        if ((opt->flags & CDC_OPTION_REQUIRED) != 0 && strncmp(opt->path, path, n + 1) == 0 &&
            strchr(opt->path, '[') == NULL) {
            return true;
        }
    }
    return false;
}

static const cdc_node *cdc_text_node(const cdc_config *cfg, const cdc_setting *set)
{
    const cdc_node *node = cdc_config_find(cfg, set->opt->path);
    if (node != NULL) {
        return node;
    }
    bool shown = (set->opt->flags & CDC_OPTION_RESERVED) == 0 &&
                 !cdc_text_absent(cfg, set->opt->path) && strchr(set->opt->path, '[') == NULL;
    return shown ? set->def : NULL;
}

/* Has an earlier setting the same first n bytes of its path, ending at a name's end? Then its
 * section was written with that one. */
static bool cdc_text_seen(const cdc_config *cfg, size_t i, size_t n)
{
    const char *path = cfg->settings[i].opt->path;
    for (size_t j = 0; j < i; j++) {
        const char *other = cfg->settings[j].opt->path;
        if (strncmp(other, path, n) == 0 && (other[n] == '.' || other[n] == '\0')) {
            return true;
        }
    }
    return false;
}

static void cdc_text_section(const cdc_config *cfg, const char *prefix, size_t np, unsigned depth,
                             cdc_buffer *out)
{
    for (size_t i = 0; i < cfg->nsettings; i++) {
        const char *path = cfg->settings[i].opt->path;
        if (strncmp(path, prefix, np) != 0 || strchr(path, '[') != NULL) {
            continue;
        }
        size_t n = np + strcspn(path + np, ".");
        const cdc_node *node = path[n] == '\0' ? cdc_text_node(cfg, &cfg->settings[i]) : NULL;
        if (path[n] == '.' && !cdc_text_seen(cfg, i, n)) {
            size_t start = out->len;
            cdc_buffer_addf(out, "%*s%.*s:\n", (int)depth * 2, "", (int)(n - np), path + np);
            size_t head = out->len;
            cdc_text_section(cfg, path, n + 1, depth + 1, out);
            out->len = out->len == head ? start : out->len; /* nothing in it */
        } else if (node != NULL) {
            cdc_buffer_addf(out, "%*s%s:", (int)depth * 2, "", path + np);
            cdc_text_value(cfg->settings[i].opt, node, depth + 1, out);
        }
    }
}

void cdc_config_print(const cdc_config *cfg, cdc_buffer *out)
{
    cdc_text_section(cfg, "", 0, 0, out);
}

/* --- documentation --- */

static const char *cdc_text_type(cdc_option_type type)
{
    static const char *const names[] = {"text",        "secret text",   "true or false",   "number",
                                        "choice",      "list of texts", "list of choices", "map",
                                        "map of maps", "list of maps"};
    return names[type];
}

/* The plug-in that the table belongs to, or "". */
static const char *cdc_text_owner(const cdc_option *table)
{
    for (const cdc_option *opt = table; opt->path != NULL; opt++) {
        if (strcmp(opt->path, "source.type") == 0 || strcmp(opt->path, "target.type") == 0) {
            return opt->choices;
        }
    }
    return "";
}

/* The choices, the reserved ones marked; in Markdown each as code. */
static void cdc_text_choices(const char *choices, bool markdown, cdc_buffer *out)
{
    bool first = true;
    for (const char *p = choices; *p != '\0'; first = false) {
        size_t len = strcspn(p, "|");
        bool reserved = p[len - 1] == '!';
        cdc_buffer_addf(out, markdown ? "%s`%.*s`%s" : "%s%.*s%s", first ? "" : ", ",
                        (int)(len - (reserved ? 1 : 0)), p, reserved ? " (not yet)" : "");
        p += len + (p[len] == '|' ? 1 : 0);
    }
}

static void cdc_text_values(const cdc_option *opt, bool markdown, cdc_buffer *out)
{
    if (opt->choices != NULL) {
        cdc_text_choices(opt->choices, markdown, out);
    } else if (opt->type == CDC_OPTION_INT) {
        cdc_buffer_addf(out, "%lld to %lld", (long long)opt->min, (long long)opt->max);
    } else {
        cdc_buffer_add_str(out, cdc_text_type(opt->type));
    }
}

/* Is the option, or the list that it is a member of, not carried out? */
static bool cdc_text_reserved(const cdc_option *table, const cdc_option *opt)
{
    size_t n = strcspn(opt->path, "[");
    for (const cdc_option *list = table; list->path != NULL && opt->path[n] != '\0'; list++) {
        if (strncmp(list->path, opt->path, n) == 0 && list->path[n] == '\0') {
            return (list->flags & CDC_OPTION_RESERVED) != 0;
        }
    }
    return (opt->flags & CDC_OPTION_RESERVED) != 0;
}

static void cdc_text_row(const cdc_option *table, const cdc_option *opt, cdc_buffer *out)
{
    const char *owner = cdc_text_owner(table);
    cdc_buffer_addf(out, "| `%s` | ", opt->path);
    cdc_text_values(opt, true, out);
    if ((opt->flags & CDC_OPTION_REQUIRED) != 0) {
        cdc_buffer_add_str(out, " | required | ");
    } else if (opt->def != NULL) {
        cdc_buffer_addf(out, " | `%s` | ", opt->def[0] != '\0' ? opt->def : "\"\"");
    } else {
        cdc_buffer_add_str(out, " | | ");
    }
    cdc_buffer_add_str(out, opt->help);
    if (owner[0] != '\0' && strstr(opt->path, ".type") == NULL) {
        cdc_buffer_addf(out, " (%s)", owner);
    }
    if (cdc_text_reserved(table, opt)) {
        cdc_buffer_add_str(out, " *Not yet.*");
    }
    cdc_buffer_add_str(out, " |\n");
}

static bool cdc_text_in(const cdc_option *opt, const char *section, size_t n)
{
    return strncmp(opt->path, section, n) == 0 &&
           (opt->path[n] == '\0' || opt->path[n] == '.' || opt->path[n] == '[');
}

/* Is this the first option of its section over all tables? */
static bool cdc_text_first(const cdc_option *const *tables, const cdc_option *me)
{
    size_t n = strcspn(me->path, ".[");
    for (size_t t = 0; tables[t] != NULL; t++) {
        for (const cdc_option *opt = tables[t]; opt->path != NULL; opt++) {
            if (cdc_text_in(opt, me->path, n)) {
                return opt == me;
            }
        }
    }
    return false;
}

typedef void cdc_text_line(const cdc_option *table, const cdc_option *opt, cdc_buffer *out);

static void cdc_text_rows(const cdc_option *const *tables, const cdc_option *first,
                          cdc_text_line *line, cdc_buffer *out)
{
    size_t n = strcspn(first->path, ".[");
    for (int shared = 0; shared < 2; shared++) { /* the plug-ins' options come first */
        for (size_t t = 0; tables[t] != NULL; t++) {
            bool mine = (cdc_text_owner(tables[t])[0] == '\0') == (shared == 1);
            for (const cdc_option *opt = tables[t]; mine && opt->path != NULL; opt++) {
                if (cdc_text_in(opt, first->path, n)) {
                    line(tables[t], opt, out);
                }
            }
        }
    }
}

void cdc_config_document(const cdc_option *const *tables, cdc_buffer *out)
{
    cdc_buffer_add_str(
        out,
        "# Options of a task file\n\n"
        "Made from the option tables by `sluice document-options`; a test compares the two.\n\n"
        "A task file is YAML. Unknown names, wrong types and values out of range are refused with "
        "line and column.\nIn any text, `${env:NAME}` stands for an environment variable and "
        "`${file:PATH}` for a file's content without its\nlast line break; what came from there is "
        "masked wherever the task is shown. `$${` stands for `${` itself.\n`sluice check "
        "TASK.yaml` "
        "shows what a file means.\n\n*Not yet* marks what the format knows, but this version does "
        "not carry out: any other value than the default is\nrefused, never ignored.\n");
    for (size_t t = 0; tables[t] != NULL; t++) {
        for (const cdc_option *opt = tables[t]; opt->path != NULL; opt++) {
            if (cdc_text_first(tables, opt)) {
                cdc_buffer_addf(out,
                                "\n## %.*s\n\n| option | values | default | meaning |\n"
                                "|---|---|---|---|\n",
                                (int)strcspn(opt->path, ".["), opt->path);
                cdc_text_rows(tables, opt, cdc_text_row, out);
            }
        }
    }
}

static void cdc_text_help_line(const cdc_option *table, const cdc_option *opt, cdc_buffer *out)
{
    if (cdc_text_reserved(table, opt)) {
        return;
    }
    cdc_buffer_addf(out, "  %-28s ", opt->path);
    cdc_buffer_add_str(out, opt->help);
    cdc_buffer_add_str(out, " (");
    cdc_text_values(opt, false, out);
    if ((opt->flags & CDC_OPTION_REQUIRED) != 0) {
        cdc_buffer_add_str(out, "; required");
    } else if (opt->def != NULL && opt->def[0] != '\0') {
        cdc_buffer_addf(out, "; default %s", opt->def);
    }
    cdc_buffer_add_str(out, ")\n");
}

void cdc_config_help(const cdc_option *const *tables, cdc_buffer *out)
{
    for (size_t t = 0; tables[t] != NULL; t++) {
        for (const cdc_option *opt = tables[t]; opt->path != NULL; opt++) {
            if (cdc_text_first(tables, opt)) {
                cdc_text_rows(tables, opt, cdc_text_help_line, out);
            }
        }
    }
}
