#include "grants.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { ARENA_BLOCK = 4096, ARENA_MAX = 16 * 1024 * 1024, PRIVILEGE_BYTES = 64 };

void cdc_grants_init(cdc_grants *grants)
{
    *grants = (cdc_grants){.n = 0};
    cdc_arena_init(&grants->arena, ARENA_BLOCK, ARENA_MAX);
}

void cdc_grants_fini(cdc_grants *grants)
{
    free(grants->list);
    cdc_arena_fini(&grants->arena);
    *grants = (cdc_grants){.n = 0};
}

/* --- reading a line --- */

/* `name` (doubled backticks inside), or a bare one up to . or a space; moves *p behind it. */
static const char *cdc_grants_name(cdc_grants *grants, const char **p)
{
    const char *s = *p;
    char *out = cdc_arena_alloc(&grants->arena, strlen(s) + 1);
    size_t n = 0;
    if (out == NULL) {
        grants->failed = true;
        return "";
    }
    if (*s == '`') {
        for (s++; *s != '\0' && (*s != '`' || s[1] == '`'); s++) {
            s += *s == '`' ? 1 : 0;
            out[n++] = *s;
        }
        s += *s == '`' ? 1 : 0;
    } else {
        while (*s != '\0' && *s != '.' && *s != ' ') {
            out[n++] = *s++;
        }
    }
    out[n] = '\0';
    *p = s;
    return out;
}

static cdc_grant *cdc_grants_room(cdc_grants *grants)
{
    if (grants->n == grants->cap) {
        size_t cap = grants->cap > 0 ? 2 * grants->cap : 16;
        cdc_grant *list = realloc(grants->list, cap * sizeof *list);
        if (list == NULL) {
            grants->failed = true;
            return NULL;
        }
        grants->list = list;
        grants->cap = cap;
    }
    return &grants->list[grants->n++];
}

/* The " ON " behind the privileges; not one inside a quoted name of a column or role. */
static const char *cdc_grants_find_on(const char *line)
{
    bool quoted = false;
    for (const char *p = line; *p != '\0'; p++) {
        quoted = *p == '`' ? !quoted : quoted;
        if (!quoted && strncmp(p, " ON ", 4) == 0) {
            return p;
        }
    }
    return NULL;
}

void cdc_grants_add(cdc_grants *grants, const char *line)
{
    bool revoked = strncasecmp(line, "REVOKE ", 7) == 0;
    const char *from = line + (revoked ? 7 : 6);
    if (!revoked && strncasecmp(line, "GRANT ", 6) != 0) {
        return;
    }
    const char *on = cdc_grants_find_on(line);
    if (on == NULL) {
        grants->roles = true;
        return;
    }
    cdc_grant *grant = cdc_grants_room(grants);
    if (grant == NULL) {
        return;
    }
    const char *p = on + 4;
    *grant = (cdc_grant){.revoked = revoked};
    grant->privileges = cdc_arena_strndup(&grants->arena, from, (size_t)(on - from));
    grant->database = cdc_grants_name(grants, &p);
    p += *p == '.' ? 1 : 0;
    grant->table = cdc_grants_name(grants, &p);
    if (grant->privileges == NULL) {
        grants->failed = true;
        grants->n--;
    }
}

/* --- asking --- */

/* MySQL's own pattern of a database: % and _, and a backslash before a literal one. */
static bool cdc_grants_like(const char *pattern, const char *s)
{
    for (; *pattern != '\0'; pattern++, s++) {
        if (*pattern == '%') {
            do {
                if (cdc_grants_like(pattern + 1, s)) {
                    return true;
                }
            } while (*s++ != '\0');
            return false;
        }
        if (*pattern == '\\' && pattern[1] != '\0') {
            pattern++;
        } else if (*pattern == '_' && *s != '\0') {
            continue;
        }
        if (*pattern != *s) {
            return false;
        }
    }
    return *s == '\0';
}

/* Is the privilege in the list? One with columns behind it, "SELECT (`a`)", is not. */
static bool cdc_grants_lists(const char *list, const char *privilege)
{
    size_t n = strlen(privilege);
    for (const char *p = list; *p != '\0';) {
        size_t len = strcspn(p, ",");
        if ((len == n && strncasecmp(p, privilege, n) == 0) ||
            (strncasecmp(p, "ALL PRIVILEGES", 14) == 0 && len == 14)) {
            return true;
        }
        p += len;
        p += strspn(p, ", ");
    }
    return false;
}

/* Does the grant's object contain the one that is asked for? */
static bool cdc_grants_covers(const cdc_grant *grant, const char *database, const char *table)
{
    if (strcmp(grant->database, "*") == 0) {
        return true;
    }
    if (strcmp(database, "*") == 0) {
        return false;
    }
    if (strcmp(grant->table, "*") == 0) {
        return cdc_grants_like(grant->database, database);
    }
    return strcmp(grant->database, database) == 0 && strcmp(grant->table, table) == 0;
}

/* A partial revoke takes a database out of a global privilege; asked for all databases, one is
 * missing. */
static bool cdc_grants_revoked(const cdc_grants *grants, const char *privilege,
                               const char *database)
{
    for (size_t i = 0; i < grants->n; i++) {
        const cdc_grant *grant = &grants->list[i];
        if (grant->revoked && cdc_grants_lists(grant->privileges, privilege) &&
            (strcmp(database, "*") == 0 || strcmp(grant->database, database) == 0)) {
            return true;
        }
    }
    return false;
}

bool cdc_grants_has(const cdc_grants *grants, const char *privilege, const char *database,
                    const char *table)
{
    bool revoked = cdc_grants_revoked(grants, privilege, database);
    for (size_t i = 0; i < grants->n; i++) {
        const cdc_grant *grant = &grants->list[i];
        bool global = strcmp(grant->database, "*") == 0;
        if (!grant->revoked && !(global && revoked) &&
            cdc_grants_lists(grant->privileges, privilege) &&
            cdc_grants_covers(grant, database, table)) {
            return true;
        }
    }
    return false;
}

size_t cdc_grants_missing(const cdc_grants *grants, const char *privileges, const char *database,
                          const char *table, char *out, size_t size)
{
    size_t count = 0;
    size_t used = 0;
    out[0] = '\0';
    for (const char *p = privileges; *p != '\0';) {
        char one[PRIVILEGE_BYTES];
        size_t len = strcspn(p, ",");
        snprintf(one, sizeof one, "%.*s", (int)len, p);
        if (!cdc_grants_has(grants, one, database, table)) {
            int n = snprintf(out + used, size - used, "%s%s", count > 0 ? ", " : "", one);
            used += n > 0 && (size_t)n < size - used ? (size_t)n : 0;
            count++;
        }
        p += len;
        p += strspn(p, ", ");
    }
    return count;
}
