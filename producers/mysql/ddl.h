/* src_mysql_statement: what a statement in the binlog does, from its first words, and to which
 * objects.
 *
 * No SQL parser: a tokenizer that knows comments (executable ones are read as code), quotes, and
 * the heads of the statements that servers write into their log. What it cannot place is a DDL
 * without a name. Plain function, any thread. */
#ifndef SRC_MYSQL_DDL_H
#define SRC_MYSQL_DDL_H

#include "core/arena.h"
#include "core/event.h"

typedef enum src_mysql_statement_kind {
    SRC_MYSQL_STATEMENT_DDL =
        0, /* targets say on what; ends the transaction unless inside of BEGIN */
    SRC_MYSQL_STATEMENT_BEGIN,
    SRC_MYSQL_STATEMENT_COMMIT,
    SRC_MYSQL_STATEMENT_ROLLBACK,
    SRC_MYSQL_STATEMENT_ROLLBACK_TO,
    SRC_MYSQL_STATEMENT_SAVEPOINT, /* and RELEASE SAVEPOINT */
    SRC_MYSQL_STATEMENT_XA,
    SRC_MYSQL_STATEMENT_ROWS,   /* changes rows: INSERT, UPDATE, CALL... */
    SRC_MYSQL_STATEMENT_IGNORE, /* accounts, maintenance, temporary tables, comments */
} src_mysql_statement_kind;

/* Strings are UTF-8 and in the arena. */
typedef struct src_mysql_target {
    cdc_ddl type;
    const char *database; /* the default database where the statement names none; "" = not known */
    const char *table;    /* "" = a database, or an object that is no table */
    const char *was_database, *was_table; /* RENAME: the old name, "" otherwise */
} src_mysql_target;

#define SRC_MYSQL_TARGETS_MAX 1024

typedef struct src_mysql_statement {
    src_mysql_statement_kind kind;
    bool opens_transaction;    /* CREATE TABLE ... START TRANSACTION: rows and a COMMIT follow */
    size_t sql_len;            /* length without that ending */
    src_mysql_target *targets; /* DDL: at least one; ROWS: one if the table is clear, else none */
    uint32_t ntargets;
} src_mysql_statement;

/* sql is UTF-8. False: the arena is full. */
bool src_mysql_statement_parse(const char *sql, size_t len, const char *default_database,
                               cdc_arena *ar, src_mysql_statement *out) CDC_MUST_CHECK;

#endif
