/* Task file text into nodes, by libyaml's events. Anchors, aliases, tags and a second document are
 * refused: a task file is read by people first. */
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <yaml.h>

#include "config_node.h"

#define SECRET_FILE_MAX (64 * 1024)
#define TEXT_MAX (256 * 1024)
#define CHILDREN_MAX 10000

typedef struct cdc_yaml {
    cdc_config *cfg;
    yaml_parser_t parser;
    const char *text; /* the whole file, for hints */
    size_t len;
} cdc_yaml;

static cdc_rc cdc_yaml_memory(cdc_yaml *ya, cdc_error *err)
{
    return cdc_config_fault(ya->cfg, NULL, err, "the file is too large");
}

static cdc_node *cdc_yaml_node(cdc_yaml *ya, cdc_node_kind kind, const yaml_mark_t *mark)
{
    cdc_node *node = cdc_arena_zalloc(&ya->cfg->arena, sizeof *node);
    if (node != NULL) {
        node->kind = kind;
        node->line = (int)mark->line + 1;
        node->column = (int)mark->column + 1;
    }
    return node;
}

static bool cdc_yaml_tab_at(const cdc_yaml *ya, size_t line)
{
    const char *p = ya->text;
    const char *end = ya->text + ya->len;
    for (; line > 0 && p != NULL && p < end; line--) {
        p = memchr(p, '\n', (size_t)(end - p));
        p = p != NULL ? p + 1 : NULL;
    }
    while (p != NULL && p < end && *p == ' ') {
        p++;
    }
    return p != NULL && p < end && *p == '\t';
}

static cdc_rc cdc_yaml_problem(cdc_yaml *ya, cdc_error *err)
{
    const yaml_parser_t *parser = &ya->parser;
    cdc_node at = {.line = (int)parser->problem_mark.line + 1,
                   .column = (int)parser->problem_mark.column + 1};
    const char *hint = "";
    if (parser->error == YAML_READER_ERROR) {
        return cdc_config_fault(ya->cfg, NULL, err, "not a YAML file in UTF-8: %s at byte %zu",
                                parser->problem, parser->problem_offset);
    }
    if (cdc_yaml_tab_at(ya, parser->problem_mark.line)) {
        hint = "; indent with spaces, not with a tab";
    } else if (parser->context != NULL && strstr(parser->context, "alias") != NULL) {
        hint = "; put quotes around a text that begins with *";
    }
    return cdc_config_fault(ya->cfg, &at, err, "not YAML: %s%s%s%s",
                            parser->context != NULL ? parser->context : "",
                            parser->context != NULL ? ", " : "",
                            parser->problem != NULL ? parser->problem : "out of memory", hint);
}

/* --- ${env:NAME} and ${file:PATH} --- */

static cdc_rc cdc_yaml_file(cdc_yaml *ya, const cdc_node *at, const char *path, cdc_buffer *out,
                            cdc_error *err)
{
    size_t start = out->len;
    size_t got = 1;
    FILE *f = fopen(path, "r");
    if (f == NULL) {
        return cdc_config_fault(ya->cfg, at, err, "${file:%s} cannot be read: %s", path,
                                strerror(errno));
    }
    while (got > 0 && out->len - start <= SECRET_FILE_MAX) {
        char *to = cdc_buffer_reserve(out, 4096);
        got = to != NULL ? fread(to, 1, 4096, f) : 0;
        out->len += got;
    }
    bool bad = ferror(f) != 0;
    fclose(f);
    size_t n = out->len - start;
    if (bad || n > SECRET_FILE_MAX || (n > 0 && memchr(out->data + start, '\0', n) != NULL)) {
        return cdc_config_fault(ya->cfg, at, err, "${file:%s} cannot be read: %s", path,
                                bad ? strerror(errno) : "it is no short text");
    }
    if (n > 0 && out->data[out->len - 1] == '\n') {
        out->len--;
        if (n > 1 && out->data[out->len - 1] == '\r') {
            out->len--;
        }
    }
    return CDC_OK;
}

static cdc_rc cdc_yaml_reference(cdc_yaml *ya, const cdc_node *at, const char *ref, size_t len,
                                 cdc_buffer *out, cdc_error *err)
{
    char name[1024];
    if (len >= sizeof name) {
        return cdc_config_fault(ya->cfg, at, err, "the name in ${...} is too long");
    }
    memcpy(name, ref, len);
    name[len] = '\0';
    if (strncmp(name, "file:", 5) == 0 && len > 5) {
        return cdc_yaml_file(ya, at, name + 5, out, err);
    }
    if (strncmp(name, "env:", 4) == 0 && len > 4) {
        const char *value = getenv(name + 4);
        if (value == NULL) {
            return cdc_config_fault(ya->cfg, at, err,
                                    "${env:%s}: the environment variable %s is not set", name + 4,
                                    name + 4);
        }
        cdc_buffer_add_str(out, value);
        return CDC_OK;
    }
    return cdc_config_fault(
        ya->cfg, at, err,
        "${%s} is neither ${env:NAME} nor ${file:PATH}; write $${ for the text ${", name);
}

/* Puts the references of a scalar in place; $${ stands for ${ itself. */
static cdc_rc cdc_yaml_expand(cdc_yaml *ya, cdc_node *node, cdc_error *err)
{
    cdc_buffer out;
    cdc_rc rc = CDC_OK;
    const char *p = node->text;
    if (strstr(p, "${") == NULL) {
        return CDC_OK;
    }
    cdc_buffer_init(&out, TEXT_MAX);
    while (*p != '\0' && rc == CDC_OK) {
        if (strncmp(p, "$${", 3) == 0) {
            cdc_buffer_add_str(&out, "${");
            p += 3;
        } else if (strncmp(p, "${", 2) == 0) {
            const char *end = strchr(p, '}');
            if (end == NULL) {
                rc = cdc_config_fault(ya->cfg, node, err,
                                      "${ without its }; write $${ for the text ${");
                break;
            }
            rc = cdc_yaml_reference(ya, node, p + 2, (size_t)(end - p - 2), &out, err);
            node->foreign = true;
            p = end + 1;
        } else {
            cdc_buffer_add_char(&out, *p++);
        }
    }
    if (rc == CDC_OK) {
        node->text = cdc_arena_strndup(&ya->cfg->arena, cdc_buffer_cstr(&out), out.len);
        rc = node->text == NULL || out.failed ? cdc_yaml_memory(ya, err) : CDC_OK;
    }
    cdc_buffer_fini(&out);
    return rc;
}

/* --- events to nodes --- */

static cdc_rc cdc_yaml_next(cdc_yaml *ya, yaml_event_t *event, cdc_error *err)
{
    const yaml_char_t *anchor = NULL;
    const yaml_char_t *tag = NULL;
    if (!yaml_parser_parse(&ya->parser, event)) {
        return cdc_yaml_problem(ya, err);
    }
    cdc_node at = {.line = (int)event->start_mark.line + 1,
                   .column = (int)event->start_mark.column + 1};
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
        break;
    case YAML_SEQUENCE_START_EVENT:
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
        break;
    case YAML_MAPPING_START_EVENT:
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
        break;
    case YAML_ALIAS_EVENT:
        anchor = event->data.alias.anchor;
        break;
    default:
        break;
    }
    if (anchor == NULL && tag == NULL) {
        return CDC_OK;
    }
    if (tag != NULL) {
        cdc_config_fault(ya->cfg, &at, err, "the tag %s is not taken in task files", tag);
    } else if (event->type == YAML_ALIAS_EVENT) {
        cdc_config_fault(ya->cfg, &at, err,
                         "the alias *%s is not taken in task files; put quotes around a text that "
                         "begins with *",
                         anchor);
    } else {
        cdc_config_fault(ya->cfg, &at, err,
                         "the anchor &%s is not taken in task files; put quotes around a text that "
                         "begins with &",
                         anchor);
    }
    yaml_event_delete(event);
    return CDC_FATAL;
}

static cdc_rc cdc_yaml_scalar(cdc_yaml *ya, const yaml_event_t *event, cdc_node **out,
                              cdc_error *err)
{
    const char *value = (const char *)event->data.scalar.value;
    size_t len = event->data.scalar.length;
    cdc_node *node = cdc_yaml_node(ya, CDC_NODE_SCALAR, &event->start_mark);
    if (node == NULL || len > TEXT_MAX ||
        (node->text = cdc_arena_strndup(&ya->cfg->arena, value, len)) == NULL) {
        return cdc_yaml_memory(ya, err);
    }
    if (memchr(value, '\0', len) != NULL) {
        return cdc_config_fault(ya->cfg, node, err, "a text may not hold the character NUL");
    }
    node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    *out = node;
    return cdc_yaml_expand(ya, node, err);
}

static cdc_rc cdc_yaml_value(cdc_yaml *ya, const yaml_event_t *event, unsigned depth,
                             cdc_node **out, cdc_error *err);

/* The value behind a member's name. */
static cdc_rc cdc_yaml_member(cdc_yaml *ya, cdc_node *map, const yaml_event_t *name, unsigned depth,
                              cdc_node **out, cdc_error *err)
{
    yaml_event_t event;
    cdc_node at = {.line = (int)name->start_mark.line + 1,
                   .column = (int)name->start_mark.column + 1};
    if (name->type != YAML_SCALAR_EVENT) {
        return cdc_config_fault(ya->cfg, &at, err, "a name must be a text, not a list or a map");
    }
    const char *text = (const char *)name->data.scalar.value;
    if (strlen(text) != name->data.scalar.length || strlen(text) >= CDC_CONFIG_PATH_MAX) {
        return cdc_config_fault(ya->cfg, &at, err, "this name is too long");
    }
    const cdc_node *other = cdc_node_member(map, text, strlen(text));
    if (other != NULL) {
        return cdc_config_fault(ya->cfg, &at, err, "'%s' is given twice, first in line %d", text,
                                other->line);
    }
    const char *copy = cdc_arena_strndup(&ya->cfg->arena, text, strlen(text));
    if (copy == NULL) {
        return cdc_yaml_memory(ya, err);
    }
    cdc_rc rc = cdc_yaml_next(ya, &event, err);
    if (rc == CDC_OK) {
        rc = cdc_yaml_value(ya, &event, depth, out, err);
        yaml_event_delete(&event);
    }
    if (rc == CDC_OK) {
        (*out)->name = copy;
        (*out)->line = at.line;
        (*out)->column = at.column;
    }
    return rc;
}

static cdc_rc cdc_yaml_children(cdc_yaml *ya, cdc_node *parent, unsigned depth, cdc_error *err)
{
    cdc_node **tail = &parent->first;
    yaml_event_t event;
    for (;;) {
        cdc_node *child = NULL;
        cdc_rc rc = cdc_yaml_next(ya, &event, err);
        if (rc != CDC_OK) {
            return rc;
        }
        if (event.type == YAML_SEQUENCE_END_EVENT || event.type == YAML_MAPPING_END_EVENT) {
            yaml_event_delete(&event);
            return CDC_OK;
        }
        if (parent->kind == CDC_NODE_MAP) {
            rc = cdc_yaml_member(ya, parent, &event, depth, &child, err);
        } else {
            rc = cdc_yaml_value(ya, &event, depth, &child, err);
        }
        yaml_event_delete(&event);
        if (rc != CDC_OK) {
            return rc;
        }
        if (parent->count >= CHILDREN_MAX) {
            return cdc_config_fault(ya->cfg, child, err, "more than %d entries in one place",
                                    CHILDREN_MAX);
        }
        *tail = child;
        tail = &child->next;
        parent->count++;
    }
}

static cdc_rc cdc_yaml_value(cdc_yaml *ya, const yaml_event_t *event, unsigned depth,
                             cdc_node **out, cdc_error *err)
{
    if (event->type == YAML_SCALAR_EVENT) {
        return cdc_yaml_scalar(ya, event, out, err);
    }
    cdc_node_kind kind = event->type == YAML_MAPPING_START_EVENT ? CDC_NODE_MAP : CDC_NODE_LIST;
    cdc_node *node = cdc_yaml_node(ya, kind, &event->start_mark);
    if (node == NULL) {
        return cdc_yaml_memory(ya, err);
    }
    if (depth >= CDC_CONFIG_DEPTH_MAX) {
        return cdc_config_fault(ya->cfg, node, err, "lists and maps are nested too deeply");
    }
    *out = node;
    return cdc_yaml_children(ya, node, depth + 1, err);
}

static cdc_rc cdc_yaml_document(cdc_yaml *ya, cdc_error *err)
{
    yaml_event_t event;
    unsigned documents = 0;
    cdc_rc rc = CDC_OK;
    for (bool end = false; !end && rc == CDC_OK;) {
        rc = cdc_yaml_next(ya, &event, err);
        if (rc != CDC_OK) {
            return rc;
        }
        if (event.type == YAML_DOCUMENT_START_EVENT) {
            cdc_node at = {.line = (int)event.start_mark.line + 1,
                           .column = (int)event.start_mark.column + 1};
            if (++documents > 1) {
                rc = cdc_config_fault(ya->cfg, &at, err,
                                      "a second document begins here; a task file has one");
            }
        } else if (event.type == YAML_SCALAR_EVENT || event.type == YAML_MAPPING_START_EVENT ||
                   event.type == YAML_SEQUENCE_START_EVENT) {
            rc = cdc_yaml_value(ya, &event, 0, &ya->cfg->root, err);
        }
        end = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    return rc;
}

cdc_rc cdc_config_read(cdc_config *cfg, const char *text, size_t len, cdc_error *err)
{
    cdc_yaml ya = {.cfg = cfg, .text = text, .len = len};
    if (!yaml_parser_initialize(&ya.parser)) {
        return cdc_yaml_memory(&ya, err);
    }
    yaml_parser_set_input_string(&ya.parser, (const unsigned char *)text, len);
    cdc_rc rc = cdc_yaml_document(&ya, err);
    yaml_parser_delete(&ya.parser);
    if (rc == CDC_OK && cfg->root == NULL) {
        rc = cdc_config_fault(cfg, NULL, err, "the file is empty");
    } else if (rc == CDC_OK && cfg->root->kind != CDC_NODE_MAP) {
        rc = cdc_config_fault(cfg, cfg->root, err, "a task file is a map of options (name: ...)");
    }
    return rc;
}
