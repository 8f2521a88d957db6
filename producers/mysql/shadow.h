/* src_mysql_shadows: the tables that gh-ost and pt-online-schema-change build beside the real one
 * (source.online_schema_change: skip-shadow; docs/adr/0020-shadow-tables.md).
 *
 *   gh-ost                       _t_gho (the new table), _t_ghc (its log), _t_del (the old table)
 *   pt-online-schema-change      _t_new, _t_old, triggers pt_osc_...
 *
 * They are left out by name. What is done to the definition of a new table is remembered, by
 * database and name, and when the tool renames it to the real one, that becomes one ALTER TABLE of
 * the real table. The memory is part of the restart token. Owned by the stream; its thread. At most
 * 32 tables and 256 KB of clauses. */
#ifndef SRC_MYSQL_SHADOW_H
#define SRC_MYSQL_SHADOW_H

#include "core/buffer.h"
#include "core/selection.h"
#include "schema/mysql_sql/statement.h"

#define SRC_MYSQL_SHADOWS_MAX 32

typedef struct src_mysql_shadow {
    char *database, *table; /* the new table */
    char *clauses;          /* of its ALTERs: "ADD a int, DROP b"; "" so far none */
} src_mysql_shadow;

typedef struct src_mysql_shadows {
    bool on;
    src_mysql_shadow items[SRC_MYSQL_SHADOWS_MAX];
    uint32_t n;
} src_mysql_shadows;

/* Does the task leave them out? */
bool src_mysql_shadows_wanted(const cdc_config *cfg);
/* Takes their names out of a selection. False: no memory. */
bool src_mysql_shadows_exclude(cdc_selection *sel) CDC_MUST_CHECK;

/* text: of a restart token, "" or NULL if there is none. Not understood: FATAL. */
cdc_rc src_mysql_shadows_init(src_mysql_shadows *sh, bool on, const char *text,
                              cdc_error *err) CDC_MUST_CHECK;
void src_mysql_shadows_fini(src_mysql_shadows *sh);
void src_mysql_shadows_print(const src_mysql_shadows *sh, cdc_buffer *out);

/* Looks at a statement before it is published: remembers what it does to a new table, and takes the
 * targets out of stmt that only a tool's dance is about. *alters are statements that stand for
 * them, in the arena. False: no memory. */
bool src_mysql_shadows_statement(src_mysql_shadows *sh, const char *sql, cdc_sql_statement *stmt,
                                 cdc_arena *ar, const char *alters[SRC_MYSQL_SHADOWS_MAX],
                                 uint32_t *nalters) CDC_MUST_CHECK;

#endif
