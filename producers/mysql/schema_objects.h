/* Views, routines, triggers and events of the selected databases, for the phase schema
 * (schema.objects): the statements that make them, as the server prints them (SHOW CREATE ...), in
 * an order in which they can be made: functions, procedures, views behind the views that they read,
 * triggers in the order in which they fire, events.
 *
 * An object is taken when objects.include and exclude take its name as if it were a table's; a
 * trigger, when they take its table. What cannot be carried (the account does not see its text, or
 * it was written under an sql_mode that changes how text is read) is logged by name and counted,
 * never dropped in silence. One thread. */
#ifndef SRC_MYSQL_SCHEMA_OBJECTS_H
#define SRC_MYSQL_SCHEMA_OBJECTS_H

#include "connection.h"
#include "core/arena.h"
#include "core/catalog.h"
#include "core/plugin.h"

typedef struct src_mysql_object {
    const char *kind; /* "VIEW", "FUNCTION"... */
    const char *database, *name;
    const char *sql; /* its CREATE statement; names without a database are in `database` */
    size_t sql_len;
} src_mysql_object;

typedef struct src_mysql_objects {
    cdc_arena arena; /* owns everything below */
    src_mysql_object *items;
    size_t n, cap;
} src_mysql_objects;

/* Is it one of schema.objects? */
bool src_mysql_schema_has(const cdc_config *cfg, const char *kind);
/* Call fini whatever it returns. RETRY: connection lost. */
cdc_rc src_mysql_objects_load(src_mysql_objects *objects, src_mysql_connection *conn,
                              const cdc_env *env, cdc_error *err) CDC_MUST_CHECK;
/* Which kinds of objects there are to be carried, into cat->kinds: as far as the account sees them.
 */
cdc_rc src_mysql_objects_kinds(cdc_catalog *cat, src_mysql_connection *conn, const cdc_env *env,
                               cdc_error *err) CDC_MUST_CHECK;
void src_mysql_objects_fini(src_mysql_objects *objects);

/* Orders views so that each stands behind those that its text names; others keep their order. */
void src_mysql_objects_order_views(src_mysql_object *views, size_t n);

#endif
