#include "prepared.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XID_PART_MAX 64U

void src_mysql_prepared_fini(src_mysql_prepared_list *list)
{
    free(list->items);
    memset(list, 0, sizeof(*list));
}

static src_mysql_prepared *find(const src_mysql_prepared_list *list, const char *xid)
{
    for (size_t i = 0; i < list->n; i++) {
        if (strcmp(list->items[i].xid, xid) == 0) {
            return &list->items[i];
        }
    }
    return NULL;
}

const src_mysql_prepared *src_mysql_prepared_find(const src_mysql_prepared_list *list,
                                                  const char *xid)
{
    return find(list, xid);
}

cdc_rc src_mysql_prepared_add(src_mysql_prepared_list *list, const src_mysql_prepared *item,
                              cdc_error *err)
{
    src_mysql_prepared *old = find(list, item->xid);
    if (old != NULL) {
        *old = *item;
        return CDC_OK;
    }
    if (list->n == SRC_MYSQL_PREPARED_MAX) {
        return cdc_error_set(err, CDC_FATAL, "mysql_xa",
                             "more than %d XA transactions are prepared and not ended; XA RECOVER "
                             "lists them, XA COMMIT or XA ROLLBACK ends them",
                             SRC_MYSQL_PREPARED_MAX);
    }
    if (list->n == list->cap) {
        size_t cap = list->cap > 0 ? list->cap * 2 : 8;
        src_mysql_prepared *items = realloc(list->items, cap * sizeof(*items));
        if (items == NULL) {
            return cdc_error_set(err, CDC_FATAL, "memory", "out of memory for XA transactions");
        }
        list->items = items;
        list->cap = cap;
    }
    list->items[list->n++] = *item;
    return CDC_OK;
}

void src_mysql_prepared_remove(src_mysql_prepared_list *list, const char *xid)
{
    src_mysql_prepared *item = find(list, xid);
    if (item != NULL) {
        *item = list->items[--list->n];
    }
}

/* --- text --- */

void src_mysql_prepared_print(const src_mysql_prepared_list *list, cdc_buffer *out)
{
    for (size_t i = 0; i < list->n; i++) {
        const src_mysql_prepared *item = &list->items[i];
        if (i > 0) {
            cdc_buffer_add_char(out, ',');
        }
        cdc_buffer_add_str(out, item->xid);
        if (item->selected) {
            cdc_buffer_addf(out, "@%s:%llu@%s", item->begin.file,
                            (unsigned long long)item->begin.pos, item->gtid);
        }
    }
}

/* Copies the next field, which ends before `stop`, "," or the end. False: longer than max. */
static bool take_field(const char **p, char stop, char *to, size_t max)
{
    const char ends[] = {stop, ',', '\0'};
    size_t n = strcspn(*p, ends);
    if (n >= max) {
        return false;
    }
    memcpy(to, *p, n);
    to[n] = '\0';
    *p += n;
    return true;
}

static bool parse_item(const char **p, src_mysql_prepared *item)
{
    char place[SRC_MYSQL_FILE_MAX + 32];
    memset(item, 0, sizeof(*item));
    if (!take_field(p, '@', item->xid, sizeof(item->xid)) || item->xid[0] == '\0') {
        return false;
    }
    if (**p != '@') {
        return true;
    }
    ++*p;
    item->selected = true;
    if (!take_field(p, '@', place, sizeof(place)) || **p != '@') {
        return false;
    }
    ++*p;
    bool placed = src_mysql_log_pos_parse(&item->begin, place, strlen(place));
    return (placed || place[0] == ':') && take_field(p, ',', item->gtid, sizeof(item->gtid)) &&
           (placed || item->gtid[0] != '\0');
}

cdc_rc src_mysql_prepared_parse(src_mysql_prepared_list *list, const char *text, cdc_error *err)
{
    const char *p = text != NULL ? text : "";
    while (*p != '\0') {
        src_mysql_prepared item;
        if (!parse_item(&p, &item)) {
            return cdc_error_set(err, CDC_FATAL, "mysql_token",
                                 "restart position with a list of XA transactions that is not one "
                                 "of this version: \"%.200s\"",
                                 text);
        }
        cdc_rc rc = src_mysql_prepared_add(list, &item, err);
        if (rc != CDC_OK) {
            return rc;
        }
        p += *p == ',' ? 1 : 0;
    }
    return CDC_OK;
}

/* --- xids --- */

static const char hex_digits[] = "0123456789abcdef";

cdc_rc src_mysql_xid_of_event(const src_mysql_event *ev, char xid[SRC_MYSQL_XID_MAX],
                              bool *one_phase, cdc_error *err)
{
    cdc_cursor c = ev->body;
    *one_phase = cdc_cursor_u8(&c) != 0;
    int32_t format = (int32_t)cdc_cursor_u32(&c);
    size_t parts[2];
    parts[0] = cdc_cursor_u32(&c);
    parts[1] = cdc_cursor_u32(&c);
    size_t at = (size_t)snprintf(xid, SRC_MYSQL_XID_MAX, "%d", format);
    for (int k = 0; k < 2; k++) {
        const uint8_t *p = parts[k] <= XID_PART_MAX ? cdc_cursor_bytes(&c, parts[k]) : NULL;
        if (p == NULL) {
            return cdc_error_set(err, CDC_FATAL, "mysql_event_malformed",
                                 "malformed XA_PREPARE event; the binlog is damaged: check it with "
                                 "mysqlbinlog");
        }
        xid[at++] = '.';
        for (size_t i = 0; i < parts[k]; i++) {
            xid[at++] = hex_digits[p[i] >> 4];
            xid[at++] = hex_digits[p[i] & 15U];
        }
    }
    xid[at] = '\0';
    return CDC_OK;
}

/* X'6162' at *p: the digits in lower case. */
static bool take_hex(const char **p, char *to, size_t *at)
{
    if ((**p | 0x20) != 'x' || (*p)[1] != '\'') {
        return false;
    }
    *p += 2;
    size_t n = strspn(*p, "0123456789abcdefABCDEF");
    if (n > 2UL * XID_PART_MAX || (*p)[n] != '\'') {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        char c = (*p)[i];
        to[(*at)++] = c >= 'A' && c <= 'F' ? (char)(c | 0x20) : c;
    }
    *p += n + 1;
    return true;
}

bool src_mysql_xid_of_text(const char *text, char xid[SRC_MYSQL_XID_MAX])
{
    char hex[SRC_MYSQL_XID_MAX];
    size_t n = 0;
    const char *p = text + strspn(text, " ");
    hex[n++] = '.';
    if (!take_hex(&p, hex, &n) || *p++ != ',') {
        return false;
    }
    hex[n++] = '.';
    if (!take_hex(&p, hex, &n) || *p++ != ',') {
        return false;
    }
    char *end;
    long format = strtol(p, &end, 10);
    if (end == p || format < INT32_MIN || format > INT32_MAX) {
        return false;
    }
    snprintf(xid, SRC_MYSQL_XID_MAX, "%ld%.*s", format, (int)n, hex);
    return true;
}
