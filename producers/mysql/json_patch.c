#include "producers/mysql/json_patch.h"

#include <string.h>

enum { DIFF_REPLACE = 0, DIFF_INSERT = 1, DIFF_REMOVE = 2 };

/* --- the document as a tree, as far as it was taken apart --- */

struct json_member;

typedef struct json_node {
    bool opened;              /* members hold it; else raw does */
    src_mysql_json_value raw; /* its type also says whether it is an object or an array */
    bool object;
    struct json_member *members;
    size_t n, cap;
} json_node;

typedef struct json_member {
    const uint8_t *key; /* objects */
    size_t nkey;
    json_node node;
} json_member;

typedef struct json_tree {
    cdc_arena *ar;
    json_node root;
    bool no_memory;
} json_tree;

static bool grow(json_tree *tree, json_node *node, size_t cap)
{
    json_member *members = cdc_arena_alloc(tree->ar, cap * sizeof *members);
    if (members == NULL) {
        tree->no_memory = true;
        return false;
    }
    if (node->n > 0) {
        memcpy(members, node->members, node->n * sizeof *members);
    }
    node->members = members;
    node->cap = cap;
    return true;
}

/* False: malformed, no container, or no memory. */
static bool take_apart(json_tree *tree, json_node *node)
{
    src_mysql_json_box box;
    if (node->opened) {
        return true;
    }
    if (!src_mysql_json_is_box(&node->raw) || !src_mysql_json_open(&node->raw, &box) ||
        !grow(tree, node, box.count + 4)) {
        return false;
    }
    for (size_t i = 0; i < box.count; i++) {
        json_member *member = &node->members[i];
        *member = (json_member){0};
        if ((box.object && !src_mysql_json_key(&box, i, &member->key, &member->nkey)) ||
            !src_mysql_json_element(&box, i, &member->node.raw)) {
            return false;
        }
    }
    node->n = box.count;
    node->object = box.object;
    node->opened = true;
    return true;
}

/* Objects are ordered by the length of the key, then byte for byte. Gives the place where the key
 * is or belongs. */
static size_t find_key(const json_node *node, const uint8_t *key, size_t n, bool *found)
{
    size_t i = 0;
    for (; i < node->n; i++) {
        const json_member *member = &node->members[i];
        int c = member->nkey != n ? (member->nkey < n ? -1 : 1) : memcmp(member->key, key, n);
        if (c >= 0) {
            *found = c == 0;
            return i;
        }
    }
    *found = false;
    return i;
}

/* --- paths --- */

typedef struct json_leg {
    bool cell;
    bool from_end; /* [last-N] */
    size_t index;
    uint8_t *key;
    size_t nkey;
} json_leg;

static bool read_index(cdc_cursor *c, json_leg *leg)
{
    size_t digits = 0;
    leg->cell = true;
    if (cdc_cursor_left(c) >= 4 && memcmp(c->p, "last", 4) == 0) {
        (void)cdc_cursor_bytes(c, 4);
        leg->from_end = true;
        digits = 1; /* none have to follow */
        if (cdc_cursor_left(c) > 0 && *c->p == '-') {
            (void)cdc_cursor_u8(c);
            digits = 0;
        }
    }
    while (cdc_cursor_left(c) > 0 && *c->p >= '0' && *c->p <= '9' && leg->index < UINT32_MAX) {
        leg->index = leg->index * 10 + (size_t)(cdc_cursor_u8(c) - '0');
        digits++;
    }
    return digits > 0 && cdc_cursor_u8(c) == ']';
}

static unsigned hex_digit(uint8_t b)
{
    if (b >= '0' && b <= '9') {
        return (unsigned)(b - '0');
    }
    b |= 0x20U;
    return b >= 'a' && b <= 'f' ? (unsigned)(b - 'a') + 10U : 0x100U;
}

/* \uXXXX, behind the u. The server writes it for control characters only. */
static bool read_unicode(cdc_cursor *c, json_leg *leg)
{
    unsigned v = 0;
    for (int i = 0; i < 4; i++) {
        v = v << 4 | hex_digit(cdc_cursor_u8(c));
    }
    leg->key[leg->nkey++] = (uint8_t)v;
    return v < 0x80;
}

static bool read_escape(cdc_cursor *c, json_leg *leg)
{
    static const char from[] = "bfnrt\"\\/";
    static const char to[] = "\b\f\n\r\t\"\\/";
    uint8_t b = cdc_cursor_u8(c);
    const char *at = b != '\0' ? strchr(from, b) : NULL;
    if (b == 'u') {
        return read_unicode(c, leg);
    }
    if (at != NULL) {
        leg->key[leg->nkey++] = (uint8_t)to[at - from];
    }
    return at != NULL;
}

static bool read_name(json_tree *tree, cdc_cursor *c, json_leg *leg)
{
    leg->key = cdc_arena_alloc(tree->ar, cdc_cursor_left(c));
    if (leg->key == NULL) {
        tree->no_memory = true;
        return false;
    }
    if (cdc_cursor_left(c) == 0 || *c->p != '"') {
        while (cdc_cursor_left(c) > 0 && *c->p != '.' && *c->p != '[') {
            leg->key[leg->nkey++] = cdc_cursor_u8(c);
        }
        return leg->nkey > 0;
    }
    (void)cdc_cursor_u8(c);
    while (cdc_cursor_left(c) > 0) {
        uint8_t b = cdc_cursor_u8(c);
        if (b == '"') {
            return true;
        }
        if (b != '\\') {
            leg->key[leg->nkey++] = b;
        } else if (!read_escape(c, leg)) {
            return false;
        }
    }
    return false;
}

static bool read_leg(json_tree *tree, cdc_cursor *c, json_leg *leg)
{
    *leg = (json_leg){0};
    switch (cdc_cursor_u8(c)) {
    case '.':
        return read_name(tree, c, leg);
    case '[':
        return read_index(c, leg);
    default:
        return false;
    }
}

/* Place of the leg's member in the node, or the place where it would be inserted. False: the node
 * is not of the leg's kind. */
static bool locate(json_tree *tree, json_node *node, const json_leg *leg, size_t *at, bool *found)
{
    if (!take_apart(tree, node) || node->object == leg->cell) {
        return false;
    }
    if (!leg->cell) {
        *at = find_key(node, leg->key, leg->nkey, found);
        return true;
    }
    if (leg->from_end) {
        *found = leg->index < node->n;
        *at = *found ? node->n - 1 - leg->index : 0;
    } else {
        *found = leg->index < node->n;
        *at = *found ? leg->index : node->n;
    }
    return true;
}

/* --- the operations --- */

static bool insert_member(json_tree *tree, json_node *node, size_t at, const json_leg *leg,
                          const src_mysql_json_value *value)
{
    if (node->n == node->cap && !grow(tree, node, node->cap * 2)) {
        return false;
    }
    memmove(&node->members[at + 1], &node->members[at], (node->n - at) * sizeof *node->members);
    node->members[at] = (json_member){leg->key, leg->nkey, {.raw = *value}};
    node->n++;
    return true;
}

static bool change_member(json_tree *tree, json_node *node, const json_leg *leg, uint8_t op,
                          const src_mysql_json_value *value)
{
    size_t at;
    bool found;
    if (!locate(tree, node, leg, &at, &found)) {
        return false;
    }
    if (op == DIFF_INSERT) {
        return (leg->cell || !found) && insert_member(tree, node, at, leg, value);
    }
    if (!found) {
        return false;
    }
    if (op == DIFF_REPLACE) {
        node->members[at].node = (json_node){.raw = *value};
        return true;
    }
    node->n--;
    memmove(&node->members[at], &node->members[at + 1], (node->n - at) * sizeof *node->members);
    return true;
}

static bool apply_diff(json_tree *tree, uint8_t op, cdc_cursor path,
                       const src_mysql_json_value *value)
{
    json_node *node = &tree->root;
    json_leg leg;
    if (cdc_cursor_u8(&path) != '$') {
        return false;
    }
    if (cdc_cursor_left(&path) == 0) {
        tree->root = (json_node){.raw = *value};
        return op == DIFF_REPLACE;
    }
    if (!read_leg(tree, &path, &leg)) {
        return false;
    }
    while (cdc_cursor_left(&path) > 0) {
        size_t at;
        bool found;
        if (!locate(tree, node, &leg, &at, &found) || !found || !read_leg(tree, &path, &leg)) {
            return false;
        }
        node = &node->members[at].node;
    }
    return change_member(tree, node, &leg, op, value);
}

static bool read_diff(json_tree *tree, cdc_cursor *diffs)
{
    uint8_t op = cdc_cursor_u8(diffs);
    size_t npath = (size_t)cdc_cursor_lenenc(diffs);
    const uint8_t *path = cdc_cursor_bytes(diffs, npath);
    src_mysql_json_value value = src_mysql_json_root(NULL, 0);
    if (op > DIFF_REMOVE || path == NULL) {
        return false;
    }
    if (op != DIFF_REMOVE) {
        size_t n = (size_t)cdc_cursor_lenenc(diffs);
        const uint8_t *p = cdc_cursor_bytes(diffs, n);
        if (p == NULL) {
            return false;
        }
        value = src_mysql_json_root(p, n);
    }
    return !diffs->failed && apply_diff(tree, op, cdc_cursor_of(path, npath), &value);
}

/* --- the result --- */

static bool write_node(src_mysql_json_writer *w, const json_node *node)
{
    if (!node->opened) {
        return src_mysql_json_write(w, &node->raw);
    }
    if (w->depth >= SRC_MYSQL_JSON_DEPTH_MAX) {
        return false;
    }
    bool ok = true;
    w->depth++;
    cdc_buffer_add_char(w->out, node->object ? '{' : '[');
    for (size_t i = 0; ok && i < node->n; i++) {
        const json_member *member = &node->members[i];
        if (i > 0) {
            cdc_buffer_add(w->out, ", ", 2);
        }
        if (node->object) {
            src_mysql_json_write_string(w, member->key, member->nkey);
            cdc_buffer_add(w->out, ": ", 2);
        }
        ok = write_node(w, &member->node) && !w->out->failed;
    }
    cdc_buffer_add_char(w->out, node->object ? '}' : ']');
    w->depth--;
    return ok;
}

cdc_rc src_mysql_json_patch(cdc_cursor document, cdc_cursor diffs, cdc_arena *ar, cdc_buffer *out,
                            uint64_t *bad, cdc_error *err)
{
    json_tree tree = {.ar = ar};
    tree.root.raw = src_mysql_json_root(document.p, cdc_cursor_left(&document));
    bool ok = true;
    while (ok && cdc_cursor_left(&diffs) > 0) {
        ok = read_diff(&tree, &diffs);
    }
    src_mysql_json_writer w = {out, bad, 0};
    ok = ok && write_node(&w, &tree.root);
    if (tree.no_memory || out->failed) {
        return cdc_error_set(err, CDC_FATAL, "mysql_value_too_large",
                             "JSON document whose text passes the limit of %zu bytes", out->max);
    }
    return ok ? CDC_OK
              : cdc_error_set(err, CDC_FATAL, "mysql_json_malformed",
                              "partial JSON update that does not fit the document it changes; the "
                              "binlog is damaged: check it with mysqlbinlog");
}
