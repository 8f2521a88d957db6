#include "schema/avro/node.h"

#include <jansson.h>

#include "schema/avro/binary.h"

enum { DEPTH_MAX = 32, NAMED_MAX = 8192, MEMBERS_MAX = 65536, FULL_NAME_MAX = 1024 };

typedef struct cdc_avro_parser {
    cdc_arena *ar;
    const char *fault; /* first one; NULL: none */
    cdc_avro_node **named;
    size_t nnamed, cap;
    unsigned depth;
} cdc_avro_parser;

static cdc_avro_node *parse(cdc_avro_parser *ps, const json_t *js, const char *space);

static void *refuse(cdc_avro_parser *ps, const char *fault)
{
    if (ps->fault == NULL) {
        ps->fault = fault;
    }
    return NULL;
}

static void *get(cdc_avro_parser *ps, size_t n)
{
    void *p = cdc_arena_zalloc(ps->ar, n);
    return p != NULL ? p : refuse(ps, "it is too large");
}

static const char *copy(cdc_avro_parser *ps, const json_t *js)
{
    const char *s = json_string_value(js);
    if (s == NULL) {
        return refuse(ps, "a string was expected");
    }
    const char *out = cdc_arena_strndup(ps->ar, s, strlen(s));
    return out != NULL ? out : refuse(ps, "it is too large");
}

/* --- named types --- */

/* The name with its namespace: its own dots, or the one given. */
static const char *full_name(cdc_avro_parser *ps, const char *name, const char *space)
{
    char full[FULL_NAME_MAX];
    bool dotted = strchr(name, '.') != NULL || space[0] == '\0';
    int n = snprintf(full, sizeof full, "%s%s%s", dotted ? "" : space, dotted ? "" : ".", name);
    if (n < 0 || n >= FULL_NAME_MAX) {
        return refuse(ps, "a name is too long");
    }
    const char *out = cdc_arena_strndup(ps->ar, full, (size_t)n);
    return out != NULL ? out : refuse(ps, "it is too large");
}

static cdc_avro_node *find_named(const cdc_avro_parser *ps, const char *name)
{
    for (size_t i = 0; i < ps->nnamed; i++) {
        if (strcmp(ps->named[i]->name, name) == 0) {
            return ps->named[i];
        }
    }
    return NULL;
}

static bool add_named(cdc_avro_parser *ps, cdc_avro_node *node)
{
    if (find_named(ps, node->name) != NULL) {
        return refuse(ps, "a name is defined twice") != NULL;
    }
    if (ps->nnamed == ps->cap) {
        size_t cap = ps->cap == 0 ? 16 : ps->cap * 2;
        cdc_avro_node **named = cap <= NAMED_MAX ? get(ps, cap * sizeof *named) : NULL;
        if (named == NULL) {
            return refuse(ps, "it has too many named types") != NULL;
        }
        if (ps->nnamed > 0) {
            memcpy(named, ps->named, ps->nnamed * sizeof *named);
        }
        ps->named = named;
        ps->cap = cap;
    }
    ps->named[ps->nnamed++] = node;
    return true;
}

/* Sets node->name; *space becomes the namespace of what is inside. */
static bool take_name(cdc_avro_parser *ps, const json_t *js, cdc_avro_node *node,
                      const char **space)
{
    const json_t *own = json_object_get(js, "namespace");
    const char *name = json_string_value(json_object_get(js, "name"));
    if (name == NULL || name[0] == '\0') {
        return refuse(ps, "a named type without a name") != NULL;
    }
    const char *outer = json_is_string(own) ? copy(ps, own) : *space;
    node->name = outer != NULL ? full_name(ps, name, outer) : NULL;
    if (node->name == NULL) {
        return false;
    }
    const char *dot = strrchr(node->name, '.');
    *space = dot != NULL ? cdc_arena_strndup(ps->ar, node->name, (size_t)(dot - node->name)) : "";
    return *space != NULL ? add_named(ps, node) : refuse(ps, "it is too large") != NULL;
}

/* --- types with parts --- */

static bool take_keys(cdc_avro_parser *ps, const json_t *js, cdc_avro_node *node)
{
    const json_t *keys = json_object_get(js, "sluice.keys");
    size_t n = json_array_size(keys); /* 0 of what is no array */
    if (n == 0) {
        return true;
    }
    node->keys = n <= MEMBERS_MAX ? get(ps, n * sizeof *node->keys) : NULL;
    for (size_t i = 0; node->keys != NULL && i < n; i++) {
        node->keys[i] = copy(ps, json_array_get(keys, i));
    }
    node->nkeys = (uint32_t)n;
    return node->keys != NULL && ps->fault == NULL;
}

static bool take_record(cdc_avro_parser *ps, const json_t *js, cdc_avro_node *node,
                        const char *space)
{
    const json_t *fields = json_object_get(js, "fields");
    size_t n = json_array_size(fields);
    node->type = CDC_AVRO_RECORD_TYPE;
    if (!json_is_array(fields) || n > MEMBERS_MAX) {
        return refuse(ps, "a record without fields") != NULL;
    }
    if (!take_name(ps, js, node, &space) || !take_keys(ps, js, node)) {
        return false;
    }
    node->nodes = get(ps, n * sizeof(cdc_avro_node *));
    node->names = get(ps, n * sizeof(char *));
    node->type_texts = get(ps, n * sizeof(char *));
    if (ps->fault != NULL) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        const json_t *field = json_array_get(fields, i);
        const json_t *text = json_object_get(field, "sluice.type");
        node->names[i] = copy(ps, json_object_get(field, "name"));
        node->type_texts[i] = json_is_string(text) ? copy(ps, text) : NULL;
        node->nodes[i] = parse(ps, json_object_get(field, "type"), space);
        if (node->names[i] == NULL || node->nodes[i] == NULL) {
            return false;
        }
    }
    node->n = (uint32_t)n;
    return true;
}

static bool take_enum(cdc_avro_parser *ps, const json_t *js, cdc_avro_node *node, const char *space)
{
    const json_t *symbols = json_object_get(js, "symbols");
    size_t n = json_array_size(symbols);
    node->type = CDC_AVRO_ENUM;
    if (n == 0 || n > MEMBERS_MAX) {
        return refuse(ps, "an enum without symbols") != NULL;
    }
    if (!take_name(ps, js, node, &space)) {
        return false;
    }
    node->names = get(ps, n * sizeof(char *));
    for (size_t i = 0; node->names != NULL && i < n; i++) {
        node->names[i] = copy(ps, json_array_get(symbols, i));
    }
    node->n = (uint32_t)n;
    return ps->fault == NULL;
}

static bool take_fixed(cdc_avro_parser *ps, const json_t *js, cdc_avro_node *node,
                       const char *space)
{
    json_int_t size = json_integer_value(json_object_get(js, "size"));
    node->type = CDC_AVRO_FIXED;
    node->n = (uint32_t)size;
    if (size < 1 || size > INT32_MAX) {
        return refuse(ps, "a fixed without a size") != NULL;
    }
    return take_name(ps, js, node, &space);
}

static bool take_items(cdc_avro_parser *ps, const json_t *items, cdc_avro_node *node,
                       const char *space)
{
    node->nodes = get(ps, sizeof(cdc_avro_node *));
    if (node->nodes == NULL) {
        return false;
    }
    node->n = 1;
    node->nodes[0] = parse(ps, items, space);
    return node->nodes[0] != NULL;
}

static void take_logical(const json_t *js, cdc_avro_node *node)
{
    static const struct {
        const char *name;
        cdc_avro_type type;
        cdc_avro_logical logical;
    } known[] = {{"decimal", CDC_AVRO_BYTES, CDC_AVRO_DECIMAL},
                 {"date", CDC_AVRO_INT, CDC_AVRO_DATE},
                 {"time-micros", CDC_AVRO_LONG, CDC_AVRO_TIME_MICROS},
                 {"timestamp-micros", CDC_AVRO_LONG, CDC_AVRO_TIMESTAMP_MICROS},
                 {"local-timestamp-micros", CDC_AVRO_LONG, CDC_AVRO_LOCAL_MICROS}};
    const char *name = json_string_value(json_object_get(js, "logicalType"));
    json_int_t scale = json_integer_value(json_object_get(js, "scale"));
    for (size_t i = 0; name != NULL && i < sizeof known / sizeof known[0]; i++) {
        bool fits = scale >= 0 && scale <= UINT16_MAX; /* otherwise it is the plain type */
        if (strcmp(name, known[i].name) == 0 && node->type == known[i].type && fits) {
            node->logical = known[i].logical;
            node->scale = (uint32_t)scale;
        }
    }
}

static bool is_primitive(const char *name, cdc_avro_type *type)
{
    static const char *const names[] = {"null",  "boolean", "int",   "long",
                                        "float", "double",  "bytes", "string"};
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i]) == 0) {
            *type = (cdc_avro_type)i;
            return true;
        }
    }
    return false;
}

static cdc_avro_node *parse_word(cdc_avro_parser *ps, const char *word, const char *space)
{
    cdc_avro_type type = CDC_AVRO_NULL;
    if (is_primitive(word, &type)) {
        cdc_avro_node *node = get(ps, sizeof *node);
        if (node != NULL) {
            node->type = type;
        }
        return node;
    }
    const char *name = full_name(ps, word, space);
    cdc_avro_node *node = name != NULL ? find_named(ps, name) : NULL;
    return node != NULL ? node : refuse(ps, "a type that is not defined");
}

static cdc_avro_node *parse_union(cdc_avro_parser *ps, const json_t *js, const char *space)
{
    size_t n = json_array_size(js);
    cdc_avro_node *node = get(ps, sizeof *node);
    if (node == NULL || n == 0 || n > MEMBERS_MAX) {
        return refuse(ps, "a union without branches");
    }
    node->type = CDC_AVRO_UNION;
    node->nodes = get(ps, n * sizeof(cdc_avro_node *));
    for (size_t i = 0; node->nodes != NULL && i < n; i++) {
        node->nodes[i] = parse(ps, json_array_get(js, i), space);
        if (node->nodes[i] == NULL || node->nodes[i]->type == CDC_AVRO_UNION) {
            return refuse(ps, "a union in a union");
        }
    }
    node->n = (uint32_t)n;
    return node->nodes != NULL ? node : NULL;
}

static cdc_avro_node *parse_object(cdc_avro_parser *ps, const json_t *js, const char *space)
{
    const json_t *type = json_object_get(js, "type");
    const char *word = json_string_value(type);
    if (word == NULL) {
        return parse(ps, type, space);
    }
    cdc_avro_node *node = get(ps, sizeof *node);
    if (node == NULL) {
        return NULL;
    }
    bool ok = true;
    if (strcmp(word, "record") == 0) {
        ok = take_record(ps, js, node, space);
    } else if (strcmp(word, "enum") == 0) {
        ok = take_enum(ps, js, node, space);
    } else if (strcmp(word, "fixed") == 0) {
        ok = take_fixed(ps, js, node, space);
    } else if (strcmp(word, "array") == 0) {
        node->type = CDC_AVRO_ARRAY;
        ok = take_items(ps, json_object_get(js, "items"), node, space);
    } else if (strcmp(word, "map") == 0) {
        node->type = CDC_AVRO_MAP;
        ok = take_items(ps, json_object_get(js, "values"), node, space);
    } else if (is_primitive(word, &node->type)) {
        take_logical(js, node);
    } else {
        return parse_word(ps, word, space);
    }
    return ok ? node : NULL;
}

static cdc_avro_node *parse(cdc_avro_parser *ps, const json_t *js, const char *space)
{
    cdc_avro_node *node = NULL;
    if (ps->depth >= DEPTH_MAX) {
        return refuse(ps, "it is nested too deeply");
    }
    ps->depth++;
    if (json_is_string(js)) {
        node = parse_word(ps, json_string_value(js), space);
    } else if (json_is_array(js)) {
        node = parse_union(ps, js, space);
    } else if (json_is_object(js)) {
        node = parse_object(ps, js, space);
    } else {
        (void)refuse(ps, "a type was expected");
    }
    ps->depth--;
    return node;
}

cdc_rc cdc_avro_node_parse(const char *text, cdc_arena *ar, cdc_avro_node **out, cdc_error *err)
{
    json_error_t ill;
    cdc_avro_parser ps = {.ar = ar};
    json_t *root = json_loads(text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &ill);
    *out = root != NULL ? parse(&ps, root, "") : NULL;
    json_decref(root);
    if (*out != NULL) {
        return CDC_OK;
    }
    return cdc_error_set(err, CDC_FATAL, "avro_schema", "not a schema of Avro: %s",
                         root == NULL       ? ill.text
                         : ps.fault != NULL ? ps.fault
                                            : "malformed");
}

/* --- values --- */

uint64_t cdc_avro_take_block(cdc_cursor *c)
{
    int64_t n = cdc_avro_take_long(c);
    if (n < 0) {
        (void)cdc_avro_take_long(c); /* its size in bytes follows */
        n = n == INT64_MIN ? INT64_MAX : -n;
    }
    if (c->failed || (uint64_t)n > cdc_cursor_left(c)) {
        c->failed = true;
        return 0;
    }
    return (uint64_t)n;
}

const cdc_avro_node *cdc_avro_node_branch(const cdc_avro_node *node, cdc_cursor *c)
{
    if (node->type != CDC_AVRO_UNION) {
        return node;
    }
    int64_t branch = cdc_avro_take_long(c);
    if (c->failed || branch < 0 || branch >= node->n) {
        c->failed = true;
        return NULL;
    }
    return node->nodes[branch];
}

static void skip(const cdc_avro_node *node, cdc_cursor *c, unsigned depth);

static void skip_blocks(const cdc_avro_node *node, cdc_cursor *c, unsigned depth)
{
    size_t len = 0;
    for (uint64_t n = cdc_avro_take_block(c); n > 0; n = cdc_avro_take_block(c)) {
        for (uint64_t i = 0; i < n && !c->failed; i++) {
            if (node->type == CDC_AVRO_MAP) {
                (void)cdc_avro_take_bytes(c, &len);
            }
            skip(node->nodes[0], c, depth);
        }
    }
}

static void skip_leaf(const cdc_avro_node *node, cdc_cursor *c)
{
    size_t len = 0;
    switch (node->type) {
    case CDC_AVRO_BOOLEAN:
        (void)cdc_cursor_u8(c);
        break;
    case CDC_AVRO_INT:
    case CDC_AVRO_LONG:
    case CDC_AVRO_ENUM:
        (void)cdc_avro_take_long(c);
        break;
    case CDC_AVRO_FLOAT:
        (void)cdc_cursor_bytes(c, 4);
        break;
    case CDC_AVRO_DOUBLE:
        (void)cdc_cursor_bytes(c, 8);
        break;
    case CDC_AVRO_BYTES:
    case CDC_AVRO_STRING_TYPE:
        (void)cdc_avro_take_bytes(c, &len);
        break;
    case CDC_AVRO_FIXED:
        (void)cdc_cursor_bytes(c, node->n);
        break;
    default: /* null */
        break;
    }
}

static void skip(const cdc_avro_node *node, cdc_cursor *c, unsigned depth)
{
    if (depth > DEPTH_MAX || c->failed) {
        c->failed = true; /* a type that holds itself may go on and on */
        return;
    }
    node = cdc_avro_node_branch(node, c);
    if (node == NULL) {
        return;
    }
    if (node->type == CDC_AVRO_ARRAY || node->type == CDC_AVRO_MAP) {
        skip_blocks(node, c, depth + 1);
    } else if (node->type == CDC_AVRO_RECORD_TYPE) {
        for (uint32_t i = 0; i < node->n && !c->failed; i++) {
            skip(node->nodes[i], c, depth + 1);
        }
    } else {
        skip_leaf(node, c);
    }
}

void cdc_avro_node_skip(const cdc_avro_node *node, cdc_cursor *c)
{
    skip(node, c, 0);
}
