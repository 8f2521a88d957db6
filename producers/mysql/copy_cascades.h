/* src_mysql_cascades: rows that a server deletes or changes without a word in its log.
 *
 * InnoDB carries out ON DELETE and ON UPDATE of foreign keys below the log: MariaDB, and MySQL
 * before 9.6 or with innodb_native_foreign_keys=ON, log the change of the parent row alone. A full
 * copy that read a child's row before must not hand it over behind that change
 * (docs/adr/0015-full-copy-by-watermarks.md). Immutable once loaded; any thread.
 *
 * https://dev.mysql.com/doc/refman/en/create-table-foreign-keys.html
 * https://mariadb.com/kb/en/foreign-keys/ */
#ifndef SRC_MYSQL_COPY_CASCADES_H
#define SRC_MYSQL_COPY_CASCADES_H

#include "core/event.h"
#include "server_checks.h"

/* A column of a parent, on which rows of a child depend; strings are owned. */
typedef struct src_mysql_cascade {
    char *parent_database, *parent, *column;
    char *child_database, *child;
    bool on_delete, on_update;
} src_mysql_cascade;

typedef struct src_mysql_cascades {
    src_mysql_cascade *items;
    size_t n;
} src_mysql_cascades;

/* Empty where the server logs row by row what it does. */
cdc_rc src_mysql_cascades_load(src_mysql_cascades *cascades, src_mysql_connection *conn,
                               cdc_error *err) CDC_MUST_CHECK;
void src_mysql_cascades_fini(src_mysql_cascades *cascades);

/* Is it a change of a row of this cascade's parent that may reach the child? */
bool src_mysql_cascade_reaches(const src_mysql_cascade *cascade, const cdc_event *ev);

#endif
