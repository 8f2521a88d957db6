#include "checklist.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "config.h"
#include "log.h"

enum { ARENA_BLOCK = 16 * 1024, ARENA_MAX = 256 * 1024 * 1024, TEXT_BYTES = 4096, CLOCK_MS = 5000 };

static const char *const status_names[] = {"pass", "warn", "fail"};

const char *cdc_check_status_name(cdc_check_status status)
{
    return status_names[status];
}

/* --- life --- */

void cdc_checklist_init(cdc_checklist *list, const cdc_check *const *tables)
{
    *list = (cdc_checklist){.tables = tables};
    cdc_arena_init(&list->arena, ARENA_BLOCK, ARENA_MAX);
    cdc_catalog_init(&list->catalog);
}

void cdc_checklist_fini(cdc_checklist *list)
{
    free(list->items);
    cdc_catalog_fini(&list->catalog);
    cdc_arena_fini(&list->arena);
    *list = (cdc_checklist){.n = 0};
}

const cdc_check *cdc_check_find(const cdc_check *const *tables, const char *name,
                                const char **nearest)
{
    size_t best = strlen(name) / 2 + 1;
    if (nearest != NULL) {
        *nearest = NULL;
    }
    for (; *tables != NULL; tables++) {
        for (const cdc_check *check = *tables; check->name != NULL; check++) {
            if (strcmp(check->name, name) == 0) {
                return check;
            }
            size_t distance = nearest != NULL ? cdc_config_distance(name, check->name) : best;
            if (distance < best) {
                best = distance;
                *nearest = check->name;
            }
        }
    }
    return NULL;
}

/* --- items --- */

static const char *cdc_checklist_dup(cdc_checklist *list, const char *text)
{
    const char *copy = cdc_arena_strndup(&list->arena, text, strlen(text));
    list->failed = list->failed || copy == NULL;
    return copy != NULL ? copy : "";
}

static const char *cdc_checklist_format(cdc_checklist *list, const char *fmt, va_list ap)
{
    char text[TEXT_BYTES];
    int n = vsnprintf(text, sizeof text, fmt, ap);
    if (n >= (int)sizeof text) {
        memcpy(text + sizeof text - 4, "...", 4);
    }
    for (char *p = text; *p != '\0'; p++) {
        *p = *p == '\n' || *p == '\r' || *p == '\t' ? ' ' : *p;
    }
    return cdc_checklist_dup(list, text);
}

/* Room for one more; NULL: out of memory. */
static cdc_check_item *cdc_checklist_room(cdc_checklist *list)
{
    if (list->n == list->cap) {
        size_t cap = list->cap > 0 ? 2 * list->cap : 32;
        cdc_check_item *items = realloc(list->items, cap * sizeof *items);
        if (items == NULL) {
            list->failed = true;
            return NULL;
        }
        list->items = items;
        list->cap = cap;
    }
    return &list->items[list->n++];
}

void cdc_checklist_add(cdc_checklist *list, const char *name, cdc_check_status status,
                       const char *object, const char *fmt, ...)
{
    const cdc_check *check = cdc_check_find(list->tables, name, NULL);
    if (check == NULL) {
        fprintf(stderr, "check %s stands in no table\n", name);
        abort();
    }
    cdc_check_item *item = cdc_checklist_room(list);
    if (item == NULL) {
        return;
    }
    va_list ap;
    va_start(ap, fmt);
    *item = (cdc_check_item){.name = check->name,
                             .status = status,
                             .object = cdc_checklist_dup(list, object),
                             .reason = cdc_checklist_format(list, fmt, ap),
                             .cure = ""};
    va_end(ap);
}

void cdc_checklist_cure(cdc_checklist *list, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    if (list->n > 0) {
        list->items[list->n - 1].cure = cdc_checklist_format(list, fmt, ap);
    }
    va_end(ap);
}

void cdc_checklist_error(cdc_checklist *list, const char *name, const char *object,
                         const cdc_error *err)
{
    cdc_checklist_add(list, name, CDC_CHECK_FAIL, object, "%s", err->text);
    if (list->n > 0) {
        list->items[list->n - 1].passing = err->rc == CDC_RETRY;
    }
}

void cdc_checklist_clock(cdc_checklist *list, const char *name, const char *object,
                         int64_t their_ms)
{
    int64_t ahead_ms = their_ms - cdc_clock_wall_ms();
    bool far = ahead_ms > CLOCK_MS || ahead_ms < -CLOCK_MS;
    cdc_checklist_add(list, name, far ? CDC_CHECK_WARN : CDC_CHECK_PASS, object,
                      "its clock is %lld ms %s ours", (long long)llabs(ahead_ms),
                      ahead_ms < 0 ? "behind" : "ahead of");
    if (far) {
        cdc_checklist_cure(list, "set the clocks of both hosts (NTP)");
    }
}

bool cdc_checklist_has(const cdc_checklist *list, const char *name)
{
    for (size_t i = 0; i < list->n; i++) {
        if (list->items[i].status != CDC_CHECK_PASS && strcmp(list->items[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

void cdc_checklist_append(cdc_checklist *list, const cdc_checklist *other)
{
    list->failed = list->failed || other->failed;
    for (size_t i = 0; i < other->n; i++) {
        cdc_check_item *item = cdc_checklist_room(list);
        if (item != NULL) {
            *item = other->items[i];
            item->object = cdc_checklist_dup(list, item->object);
            item->reason = cdc_checklist_dup(list, item->reason);
            item->cure = cdc_checklist_dup(list, item->cure);
        }
    }
}

size_t cdc_checklist_count(const cdc_checklist *list, cdc_check_status status)
{
    size_t count = 0;
    for (size_t i = 0; i < list->n; i++) {
        count += list->items[i].status == status ? 1 : 0;
    }
    return count;
}

/* --- for a start --- */

cdc_rc cdc_checklist_verdict(const cdc_checklist *list, cdc_error *err)
{
    if (list->failed) {
        return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for the checks");
    }
    for (size_t i = 0; i < list->n; i++) {
        const cdc_check_item *item = &list->items[i];
        if (item->status == CDC_CHECK_FAIL) {
            cdc_error_refuse(err, item->name, "%s: %s%s%s", item->object, item->reason,
                             item->cure[0] != '\0' ? ": " : "", item->cure);
            err->rc = item->passing ? CDC_RETRY : CDC_FATAL;
            return err->rc;
        }
        if (item->status == CDC_CHECK_WARN) {
            CDC_LOG(CDC_LOG_WARN, "precheck", CDC_STR("item", item->name),
                    CDC_STR("object", item->object), CDC_STR("reason", item->reason),
                    CDC_STR("cure", item->cure));
        }
    }
    return CDC_OK;
}

/* --- JSON --- */

static void cdc_checklist_add_member(cdc_buffer *out, const char *head, const char *text)
{
    cdc_buffer_add_str(out, head);
    cdc_buffer_add_json(out, text, strlen(text));
}

void cdc_checklist_encode(const cdc_checklist *list, bool with_catalog, cdc_buffer *out)
{
    cdc_buffer_add_str(out, "\"items\":[");
    for (size_t i = 0; i < list->n; i++) {
        const cdc_check_item *item = &list->items[i];
        cdc_checklist_add_member(out, i > 0 ? ",\n{\"name\":" : "\n{\"name\":", item->name);
        cdc_checklist_add_member(out, ",\"status\":", status_names[item->status]);
        cdc_checklist_add_member(out, ",\"object\":", item->object);
        cdc_checklist_add_member(out, ",\"reason\":", item->reason);
        cdc_checklist_add_member(out, ",\"cure\":", item->cure);
        cdc_buffer_addf(out, ",\"passing\":%s,\"ignored\":%s}", item->passing ? "true" : "false",
                        item->ignored ? "true" : "false");
    }
    cdc_buffer_add_str(out, "]");
    if (with_catalog) {
        cdc_buffer_add_str(out, ",\"catalog\":");
        cdc_catalog_encode(&list->catalog, out);
    }
}

static const char *cdc_checklist_member(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

static bool cdc_checklist_read_item(cdc_checklist *list, const json_t *from)
{
    const char *status = cdc_checklist_member(from, "status");
    int i = 2;
    while (i >= 0 && strcmp(status_names[i], status) != 0) {
        i--;
    }
    const char *name = cdc_checklist_member(from, "name");
    if (i < 0 || cdc_check_find(list->tables, name, NULL) == NULL) {
        return false;
    }
    cdc_checklist_add(list, name, (cdc_check_status)i, cdc_checklist_member(from, "object"), "%s",
                      cdc_checklist_member(from, "reason"));
    cdc_checklist_cure(list, "%s", cdc_checklist_member(from, "cure"));
    if (list->n > 0) {
        list->items[list->n - 1].passing = json_is_true(json_object_get(from, "passing"));
    }
    return true;
}

cdc_rc cdc_checklist_decode(cdc_checklist *list, const char *text, size_t len, cdc_error *err)
{
    json_error_t ill;
    json_t *root = json_loadb(text, len, 0, &ill);
    const json_t *items = json_object_get(root, "items");
    const json_t *catalog = json_object_get(root, "catalog");
    bool good = json_is_array(items);
    for (size_t i = 0; good && i < json_array_size(items); i++) {
        good = cdc_checklist_read_item(list, json_array_get(items, i));
    }
    cdc_rc rc = CDC_OK;
    if (!good) {
        rc = cdc_error_set(err, CDC_FATAL, "precheck", "a program's list of checks cannot be read");
    } else if (json_is_object(catalog)) {
        rc = cdc_catalog_decode(&list->catalog, catalog, err);
    }
    json_decref(root);
    return rc;
}

/* --- documentation --- */

void cdc_checklist_document(const cdc_check *const *tables, const char *const *titles,
                            cdc_buffer *out)
{
    for (; *tables != NULL; tables++, titles++) {
        cdc_buffer_addf(out, "\n## %s\n\n", *titles);
        cdc_buffer_add_str(out, "| item | can be | checks | mended by |\n|---|---|---|---|\n");
        for (const cdc_check *check = *tables; check->name != NULL; check++) {
            cdc_buffer_addf(out, "| `%s` | %s | %s | %s |\n", check->name, check->verdict,
                            check->what, check->cure);
        }
    }
}
