/* cdc_grants: the privileges of a MySQL or MariaDB account, from the lines of SHOW GRANTS.
 *
 * Understands global, database (with the wildcards % and _) and table privileges, and MySQL's
 * partial revokes. Privileges on single columns count as none: sluice reads and writes whole rows.
 * A line without ON gives a role; its privileges are in lines of their own when the role is active
 * and the server was asked with it (MySQL: SHOW GRANTS FOR CURRENT_USER() USING ...).
 * https://dev.mysql.com/doc/refman/9.7/en/show-grants.html
 * One thread; nothing is borrowed. */
#ifndef CDC_GRANTS_H
#define CDC_GRANTS_H

#include "core/arena.h"
#include "core/error.h"

typedef struct cdc_grant {
    const char *privileges; /* "SELECT, INSERT" */
    const char *database;   /* pattern; "*": all */
    const char *table;      /* "*": all */
    bool revoked;           /* a partial revoke */
} cdc_grant;

typedef struct cdc_grants {
    cdc_arena arena;
    cdc_grant *list;
    size_t n, cap;
    bool roles;  /* a role is granted */
    bool failed; /* out of memory */
} cdc_grants;

void cdc_grants_init(cdc_grants *grants);
void cdc_grants_fini(cdc_grants *grants);

/* One line of SHOW GRANTS. */
void cdc_grants_add(cdc_grants *grants, const char *line);

/* May the account do it with that table? database "*": in all databases; table "*": with all tables
 * of the database. */
bool cdc_grants_has(const cdc_grants *grants, const char *privilege, const char *database,
                    const char *table);

/* Of a comma-separated list of privileges those that it lacks, comma-separated, into out; returns
 * how many. */
size_t cdc_grants_missing(const cdc_grants *grants, const char *privileges, const char *database,
                          const char *table, char *out, size_t size);

#endif
