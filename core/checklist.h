/* cdc_checklist: what a precheck has found, one line for each check and object.
 *
 * Every part that checks exports a table of its checks (cdc_check), as it does of its options: from
 * it come docs/precheck.md and the names that --ignore takes; a name that is not in the list's
 * table is a bug and aborts. A check's name is also the error code of a start that it refuses. Two
 * databases may have a check of the same name ("source_connect"), of which a task has one.
 *
 * One thread. Texts are copied. What the source end knows of its objects travels beside the items,
 * so that the target end can compare (core/catalog.h). */
#ifndef CDC_CHECKLIST_H
#define CDC_CHECKLIST_H

#include "arena.h"
#include "buffer.h"
#include "catalog.h"
#include "error.h"

typedef struct cdc_check {
    const char *name;    /* "source_binlog_format"; NULL ends the table */
    const char *verdict; /* how bad it may be: "fail", "warn", "fail, warn" */
    const char *what;    /* what is checked, one sentence */
    const char *cure;    /* what mends it, in general; an item's own cure has the real names */
} cdc_check;

typedef enum cdc_check_status { CDC_CHECK_PASS, CDC_CHECK_WARN, CDC_CHECK_FAIL } cdc_check_status;

typedef struct cdc_check_item {
    const char *name;
    cdc_check_status status;
    bool passing;       /* FAIL: it may pass by itself (a server is away): a start tries again */
    bool ignored;       /* WARN: the user knows */
    const char *object; /* server, table, topic */
    const char *reason;
    const char *cure; /* the statement or command that mends it; "" if it passes */
} cdc_check_item;

typedef struct cdc_checklist {
    const cdc_check *const *tables; /* NULL-ended */
    cdc_arena arena;
    cdc_check_item *items;
    size_t n, cap;
    bool failed; /* out of memory: the list is not whole */
    cdc_catalog catalog;
} cdc_checklist;

void cdc_checklist_init(cdc_checklist *list, const cdc_check *const *tables);
void cdc_checklist_fini(cdc_checklist *list);

/* The check with that name, or NULL. nearest (may be NULL): the most similar name, if one is. */
const cdc_check *cdc_check_find(const cdc_check *const *tables, const char *name,
                                const char **nearest);

/* Adds an item; fmt is the reason. */
void cdc_checklist_add(cdc_checklist *list, const char *name, cdc_check_status status,
                       const char *object, const char *fmt, ...) CDC_PRINTF(5, 6);
/* What mends the item that was added last. */
void cdc_checklist_cure(cdc_checklist *list, const char *fmt, ...) CDC_PRINTF(2, 3);
/* A FAIL from an error: RETRY may pass by itself. Its text holds the cure. */
void cdc_checklist_error(cdc_checklist *list, const char *name, const char *object,
                         const cdc_error *err);
/* WARN when the other end's clock (ms since 1970) is more than 5 s from ours. */
void cdc_checklist_clock(cdc_checklist *list, const char *name, const char *object,
                         int64_t their_ms);
/* Has this check an item that is not a PASS? */
bool cdc_checklist_has(const cdc_checklist *list, const char *name);
/* Takes over what the other list holds. */
void cdc_checklist_append(cdc_checklist *list, const cdc_checklist *other);
size_t cdc_checklist_count(const cdc_checklist *list, cdc_check_status status);

/* For a start: the first FAIL as an error with exit code 3 (RETRY if it may pass by itself), and
 * the warnings into the log. */
cdc_rc cdc_checklist_verdict(const cdc_checklist *list, cdc_error *err) CDC_MUST_CHECK;

/* Appends the members "items":[{"name","status","object","reason","cure","passing","ignored"}...]
 * and, if asked for, "catalog":{...}; the caller puts the braces. */
void cdc_checklist_encode(const cdc_checklist *list, bool with_catalog, cdc_buffer *out);
/* Appends what an object with these members holds. */
cdc_rc cdc_checklist_decode(cdc_checklist *list, const char *text, size_t len,
                            cdc_error *err) CDC_MUST_CHECK;

const char *cdc_check_status_name(cdc_check_status status); /* "pass", "warn", "fail" */

/* The tables as Markdown (docs/precheck.md), each below its title ("source: mysql"). */
void cdc_checklist_document(const cdc_check *const *tables, const char *const *titles,
                            cdc_buffer *out);

#endif
