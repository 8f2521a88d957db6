/* cdc_sql_statement: what a statement of a binlog does, from its first words, to which objects, and
 * where their names stand in it.
 *
 * No SQL grammar: the heads of the statements that servers write into their log, and the few places
 * in a definition that name another table (REFERENCES, LIKE, UNION, EXCHANGE PARTITION, RENAME).
 * What cannot be placed is a DDL with a target of type QUERY and no table. Plain function, any
 * thread.
 *
 * https://dev.mysql.com/doc/refman/en/sql-data-definition-statements.html
 * https://mariadb.com/kb/en/data-definition/ */
#ifndef CDC_SQL_STATEMENT_H
#define CDC_SQL_STATEMENT_H

#include "core/event.h"
#include "token.h"

typedef enum cdc_sql_statement_kind {
    CDC_SQL_DDL = 0, /* targets say on what; ends the transaction unless inside of BEGIN */
    CDC_SQL_BEGIN,
    CDC_SQL_COMMIT,
    CDC_SQL_ROLLBACK,
    CDC_SQL_ROLLBACK_TO,
    CDC_SQL_SAVEPOINT, /* and RELEASE SAVEPOINT */
    CDC_SQL_XA,
    CDC_SQL_ROWS,   /* changes rows: INSERT, UPDATE, CALL... */
    CDC_SQL_IGNORE, /* accounts, maintenance, temporary tables, comments */
} cdc_sql_statement_kind;

typedef enum cdc_sql_verb {
    CDC_SQL_OTHER_VERB = 0,
    CDC_SQL_CREATE,
    CDC_SQL_ALTER,
    CDC_SQL_DROP,
    CDC_SQL_TRUNCATE,
    CDC_SQL_RENAME,
} cdc_sql_verb;

typedef enum cdc_sql_object {
    CDC_SQL_UNPLACED = 0,
    CDC_SQL_TABLE,
    CDC_SQL_INDEX,
    CDC_SQL_SEQUENCE,
    CDC_SQL_DATABASE,
    CDC_SQL_VIEW,
    CDC_SQL_TRIGGER,
    CDC_SQL_ROUTINE, /* PROCEDURE, FUNCTION, PACKAGE */
    CDC_SQL_SCHEDULED_EVENT,
} cdc_sql_object;

/* Strings are UTF-8 and in the arena. */
typedef struct cdc_sql_target {
    cdc_ddl type;
    const char *database; /* the default database where the statement names none; "" = not known */
    const char *table;    /* "" = a database, or an object that is no table */
    const char *was_database, *was_table; /* RENAME: the old name, "" otherwise */
} cdc_sql_target;

/* A name of a table, sequence or database, where it stands: "db . `t`" as a whole. */
typedef struct cdc_sql_name {
    uint32_t at,
        len; /* bytes in sql; len 0: the default database is meant, and could be named here */
    const char *database; /* as in a target */
    const char *table;    /* "" = a database's name */
} cdc_sql_name;

#define CDC_SQL_TARGETS_MAX 1024
#define CDC_SQL_NAMES_MAX 4096

typedef struct cdc_sql_statement {
    cdc_sql_statement_kind kind;
    cdc_sql_verb verb; /* DDL only, as all below */
    cdc_sql_object object;
    bool or_replace, if_exists; /* if_exists: also IF NOT EXISTS */
    bool opens_transaction;     /* CREATE TABLE ... START TRANSACTION: rows and a COMMIT follow */
    size_t head_at;             /* where it begins, behind MariaDB's SET STATEMENT ... FOR */
    size_t sql_len;             /* length without that START TRANSACTION */
    cdc_sql_target *targets;    /* at least one; ROWS: one if the table is clear, else none */
    uint32_t ntargets;
    cdc_sql_name *names; /* in their order; DROP and RENAME: 1 or 2 for each target in turn */
    uint32_t nnames;
    const char *object_name; /* of a view, trigger, routine, event; "" otherwise */
} cdc_sql_statement;

/* sql is UTF-8, mode as for a scanner. False: the arena is full. */
bool cdc_sql_statement_parse(const char *sql, size_t len, unsigned mode,
                             const char *default_database, cdc_arena *ar,
                             cdc_sql_statement *out) CDC_MUST_CHECK;

#endif
