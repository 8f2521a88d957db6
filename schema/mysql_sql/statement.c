#include "statement.h"

#include <string.h>

typedef struct parser {
    cdc_sql_scanner sc;
    const char *sql;
    const char *database; /* default */
    const char *home;     /* the table's own: what REFERENCES means without one */
    cdc_arena *ar;
    bool failed; /* arena full */
    cdc_sql_statement *out;
    uint32_t target_cap, name_cap;
} parser;

static bool is(const parser *ps, const char *word)
{
    return cdc_sql_is(&ps->sc.now, word);
}

static bool is_one_of(const parser *ps, const char *words)
{
    return cdc_sql_is_one_of(&ps->sc.now, words);
}

static bool accept(parser *ps, const char *word)
{
    return cdc_sql_accept(&ps->sc, word);
}

static void next(parser *ps)
{
    cdc_sql_next(&ps->sc);
}

static bool at_end(const parser *ps)
{
    return ps->sc.now.kind == CDC_SQL_END;
}

static void accept_if_exists(parser *ps)
{
    if (accept(ps, "IF")) {
        (void)accept(ps, "NOT");
        ps->out->if_exists = accept(ps, "EXISTS") || ps->out->if_exists;
    }
}

/* MariaDB: WAIT n, NOWAIT. */
static void accept_wait(parser *ps)
{
    if (accept(ps, "WAIT")) {
        next(ps);
    } else {
        (void)accept(ps, "NOWAIT");
    }
}

/* --- names --- */

/* The array with room for one more; NULL: the arena or the limit is reached. */
static void *grow(parser *ps, void *array, uint32_t n, uint32_t *cap, size_t size, uint32_t max)
{
    if (n < *cap) {
        return array;
    }
    uint32_t more = *cap > 0 ? *cap * 4 : 2;
    void *bigger = n < max ? cdc_arena_alloc(ps->ar, more * size) : NULL;
    if (bigger == NULL) {
        ps->failed = true;
        return NULL;
    }
    if (n > 0) {
        memcpy(bigger, array, n * size);
    }
    *cap = more;
    return bigger;
}

static void add_name(parser *ps, const char *from, const char *to, const char *database,
                     const char *table)
{
    cdc_sql_statement *out = ps->out;
    cdc_sql_name *names =
        grow(ps, out->names, out->nnames, &ps->name_cap, sizeof(*names), CDC_SQL_NAMES_MAX);
    if (names != NULL) {
        out->names = names;
        names[out->nnames++] =
            (cdc_sql_name){(uint32_t)(from - ps->sql), (uint32_t)(to - from), database, table};
    }
}

static cdc_sql_target *add_target(parser *ps, cdc_ddl type, const char *database, const char *table)
{
    cdc_sql_statement *out = ps->out;
    cdc_sql_target *targets = grow(ps, out->targets, out->ntargets, &ps->target_cap,
                                   sizeof(*targets), CDC_SQL_TARGETS_MAX);
    if (targets == NULL) {
        return NULL;
    }
    out->targets = targets;
    targets[out->ntargets] = (cdc_sql_target){type, database, table, "", ""};
    return &targets[out->ntargets++];
}

static const char *text(parser *ps)
{
    const char *s = cdc_sql_text(&ps->sc.now, ps->ar);
    ps->failed = ps->failed || s == NULL;
    return s != NULL ? s : "";
}

typedef struct found {
    const char *database, *name;
    bool qualified;
    const char *from, *to; /* where it stands */
} found;

/* [database.]name; false: there is none. */
static bool take_qualified(parser *ps, found *out)
{
    if (!cdc_sql_is_name(&ps->sc.now)) {
        return false;
    }
    *out = (found){ps->database, text(ps), false, ps->sc.now.p, ps->sc.now.p + ps->sc.now.n};
    next(ps);
    if (!cdc_sql_is_punct(&ps->sc.now, '.')) {
        return true;
    }
    next(ps);
    if (!cdc_sql_is_name(&ps->sc.now)) {
        return false;
    }
    out->database = out->name;
    out->name = text(ps);
    out->qualified = true;
    out->to = ps->sc.now.p + ps->sc.now.n;
    next(ps);
    return true;
}

/* The same, kept as a name of a table. */
static bool take_table(parser *ps, found *out)
{
    if (!take_qualified(ps, out)) {
        return false;
    }
    add_name(ps, out->from, out->to, out->database, out->name);
    return true;
}

/* A name that is no object of the statement. */
static void take_other_table(parser *ps)
{
    found other;
    (void)take_table(ps, &other);
}

/* REFERENCES name: without a database in that of the statement's table, not the default one. */
static void take_referenced_table(parser *ps)
{
    found other;
    if (take_qualified(ps, &other)) {
        add_name(ps, other.from, other.to, other.qualified ? other.database : ps->home, other.name);
    }
}

static void take_tables(parser *ps, cdc_ddl type)
{
    found table;
    while (take_table(ps, &table)) {
        add_target(ps, type, table.database, table.name);
        if (!cdc_sql_accept_punct(&ps->sc, ',')) {
            break;
        }
    }
}

/* --- what CREATE, ALTER, and DROP have in common --- */

/* The object's database counts, its own name is not a table's. */
static void take_other(parser *ps)
{
    found other;
    accept_if_exists(ps);
    while (take_qualified(ps, &other)) {
        ps->out->object_name = other.name;
        add_target(ps, CDC_DDL_QUERY, other.database, "");
        if (ps->out->verb != CDC_SQL_DROP || !cdc_sql_accept_punct(&ps->sc, ',')) {
            break;
        }
    }
}

static void take_database(parser *ps)
{
    accept_if_exists(ps);
    const cdc_sql_token *now = &ps->sc.now;
    bool named = now->kind == CDC_SQL_QUOTED ||
                 (now->kind == CDC_SQL_WORD &&
                  !is_one_of(ps, "CHARACTER|CHARSET|COLLATE|DEFAULT|ENCRYPTION|READ|COMMENT|"
                                 "UPGRADE"));
    const char *database = named ? text(ps) : ps->database;
    add_name(ps, now->p, now->p + (named ? now->n : 0), database, "");
    add_target(ps, CDC_DDL_QUERY, database, "");
}

/* ... ON table: CREATE INDEX and DROP INDEX. */
static void take_index(parser *ps, cdc_ddl type)
{
    found table;
    ps->out->object = CDC_SQL_INDEX;
    accept_if_exists(ps);
    while (!at_end(ps) && !is(ps, "ON")) {
        next(ps);
    }
    if (accept(ps, "ON") && take_table(ps, &table)) {
        add_target(ps, type, table.database, table.name);
    }
}

/* DEFINER = name[@host] | CURRENT_USER[()] */
static void skip_definer(parser *ps)
{
    if (!cdc_sql_accept_punct(&ps->sc, '=')) {
        return; /* of SQL SECURITY */
    }
    next(ps);
    if (cdc_sql_accept_punct(&ps->sc, '@')) {
        next(ps);
    }
}

/* Moves on to the word that names the kind of object: past OR REPLACE, DEFINER = a@b, ALGORITHM =
 * x... */
static void skip_to_object(parser *ps)
{
    static const char objects[] =
        "TABLE|TABLES|DATABASE|SCHEMA|INDEX|VIEW|TRIGGER|PROCEDURE|FUNCTION|EVENT|SEQUENCE|PACKAGE|"
        "USER|ROLE|SERVER|TABLESPACE|LOGFILE|RESOURCE|REFERENCE|INSTANCE|UNDO|LIBRARY";
    for (int i = 0; i < 40 && !at_end(ps) && !is_one_of(ps, objects); i++) {
        if (accept(ps, "DEFINER")) {
            skip_definer(ps);
        } else if (accept(ps, "TEMPORARY")) {
            ps->out->kind = CDC_SQL_IGNORE;
        } else {
            next(ps);
        }
    }
}

static cdc_sql_object other_object(const parser *ps)
{
    return is(ps, "VIEW")                                        ? CDC_SQL_VIEW
           : is(ps, "TRIGGER")                                   ? CDC_SQL_TRIGGER
           : is(ps, "EVENT")                                     ? CDC_SQL_SCHEDULED_EVENT
           : is_one_of(ps, "PROCEDURE|FUNCTION|PACKAGE|LIBRARY") ? CDC_SQL_ROUTINE
                                                                 : CDC_SQL_UNPLACED;
}

/* False: it is about tables or an index. */
static bool parse_object(parser *ps)
{
    cdc_sql_object other = other_object(ps);
    if (accept(ps, "DATABASE") || accept(ps, "SCHEMA")) {
        ps->out->object = CDC_SQL_DATABASE;
        take_database(ps);
        return true;
    }
    if (accept(ps, "SEQUENCE")) {
        ps->out->object = CDC_SQL_SEQUENCE;
        accept_if_exists(ps);
        take_tables(ps, CDC_DDL_QUERY);
        return true;
    }
    if (other != CDC_SQL_UNPLACED) {
        ps->out->object = other;
        next(ps);
        (void)accept(ps, "BODY");
        take_other(ps);
        return true;
    }
    if (is_one_of(ps, "USER|ROLE|SERVER|TABLESPACE|LOGFILE|RESOURCE|REFERENCE|INSTANCE|UNDO|"
                      "PREPARE")) {
        ps->out->kind = CDC_SQL_IGNORE;
        return true;
    }
    return false;
}

/* --- bodies of definitions --- */

/* "... START TRANSACTION" at the end: MySQL's atomic CREATE TABLE ... SELECT. */
static void check_opens_transaction(parser *ps)
{
    const char *start = ps->sc.now.p;
    next(ps);
    if (!accept(ps, "TRANSACTION") || !at_end(ps)) {
        return;
    }
    ps->out->opens_transaction = true;
    size_t len = (size_t)(start - ps->sql);
    while (len > 0 && strchr(" \t\r\n", ps->sql[len - 1]) != NULL && ps->sql[len - 1] != '\0') {
        len--;
    }
    ps->out->sql_len = len;
}

/* UNION = (a, b): the tables of a MERGE table. */
static void take_union(parser *ps)
{
    (void)cdc_sql_accept_punct(&ps->sc, '=');
    if (!cdc_sql_accept_punct(&ps->sc, '(')) {
        return; /* of a SELECT */
    }
    do {
        take_other_table(ps);
    } while (cdc_sql_accept_punct(&ps->sc, ','));
}

/* Names of other tables, wherever they stand. True: the word was one that leads to them. */
static bool take_reference(parser *ps)
{
    if (accept(ps, "REFERENCES")) {
        take_referenced_table(ps);
        return true;
    }
    if (accept(ps, "UNION")) {
        take_union(ps);
        return true;
    }
    return false;
}

static void parse_create_body(parser *ps)
{
    (void)cdc_sql_accept_punct(&ps->sc, '(');
    if (accept(ps, "LIKE")) {
        take_other_table(ps);
    }
    while (!at_end(ps)) {
        if (is(ps, "START")) {
            check_opens_transaction(ps);
        } else if (!take_reference(ps)) {
            next(ps);
        }
    }
}

static void parse_create(parser *ps)
{
    found table;
    if (accept(ps, "OR")) {
        ps->out->or_replace = accept(ps, "REPLACE");
    }
    skip_to_object(ps);
    if (parse_object(ps)) {
        return;
    }
    if (accept(ps, "INDEX")) {
        take_index(ps, CDC_DDL_CINDEX);
    } else if (accept(ps, "TABLE") && ps->out->kind != CDC_SQL_IGNORE) {
        accept_if_exists(ps);
        if (take_table(ps, &table)) {
            ps->out->object = CDC_SQL_TABLE;
            ps->home = table.database;
            add_target(ps, CDC_DDL_CREATE, table.database, table.name);
            parse_create_body(ps);
        }
    }
}

/* --- ALTER TABLE --- */

/* RENAME [TO|AS|=] name; not RENAME COLUMN or INDEX. */
static void take_alter_rename(parser *ps, const found *old)
{
    found table;
    if (is_one_of(ps, "COLUMN|INDEX|KEY")) {
        return;
    }
    if (is_one_of(ps, "TO|AS") || cdc_sql_is_punct(&ps->sc.now, '=')) {
        next(ps);
    }
    if (!take_qualified(ps, &table)) {
        return;
    }
    /* Both servers put an unqualified new name into the default database, as RENAME TABLE does. */
    bool stays = !table.qualified && table.database[0] == '\0';
    table.database = stays ? old->database : table.database;
    add_name(ps, table.from, table.to, table.database, table.name);
    cdc_sql_target *target = &ps->out->targets[0];
    *target =
        (cdc_sql_target){CDC_DDL_RENAME, table.database, table.name, old->database, old->name};
}

/* EXCHANGE PARTITION p WITH TABLE t; MariaDB: CONVERT PARTITION p TO TABLE t, CONVERT TABLE t TO
 * PARTITION p. */
static void take_partition_table(parser *ps)
{
    found table;
    bool exchange = accept(ps, "EXCHANGE");
    if (!exchange && !accept(ps, "CONVERT")) {
        return;
    }
    if (accept(ps, "TABLE")) {
        if (take_table(ps, &table)) {
            add_target(ps, CDC_DDL_ERASE, table.database, table.name);
        }
        return;
    }
    if (!accept(ps, "PARTITION")) {
        return;
    }
    next(ps);
    if (accept(ps, exchange ? "WITH" : "TO") && accept(ps, "TABLE") && take_table(ps, &table)) {
        add_target(ps, exchange ? CDC_DDL_ALTER : CDC_DDL_CREATE, table.database, table.name);
    }
}

/* Past "( ... )", with the tables referenced in it. */
static void skip_parentheses(parser *ps)
{
    int depth = 0;
    do {
        if (take_reference(ps)) {
            continue;
        }
        depth += cdc_sql_is_punct(&ps->sc.now, '(') - cdc_sql_is_punct(&ps->sc.now, ')');
        next(ps);
    } while (depth > 0 && !at_end(ps));
}

/* ADD INDEX, and what comes to the same. */
static bool adds_index(parser *ps)
{
    if (!accept(ps, "ADD")) {
        return false;
    }
    if (accept(ps, "CONSTRAINT")) {
        if (!is_one_of(ps, "UNIQUE|PRIMARY|FOREIGN|CHECK")) {
            next(ps); /* its name */
        }
        return is(ps, "UNIQUE");
    }
    return is_one_of(ps, "INDEX|KEY|UNIQUE|FULLTEXT|SPATIAL");
}

/* ALTER TABLE name ...: RENAME anywhere, else a first action that adds an index, else ALTER. */
static void parse_alter_table(parser *ps)
{
    found table;
    accept_if_exists(ps);
    if (!take_table(ps, &table)) {
        return;
    }
    ps->out->object = CDC_SQL_TABLE;
    ps->home = table.database;
    accept_wait(ps);
    cdc_ddl type = adds_index(ps) ? CDC_DDL_CINDEX : CDC_DDL_ALTER;
    add_target(ps, type, table.database, table.name);
    while (!at_end(ps) && !ps->failed) {
        if (cdc_sql_is_punct(&ps->sc.now, '(')) {
            skip_parentheses(ps);
        } else if (is_one_of(ps, "EXCHANGE|CONVERT")) {
            take_partition_table(ps);
        } else if (accept(ps, "RENAME")) {
            take_alter_rename(ps, &table);
        } else if (!take_reference(ps)) {
            next(ps);
        }
    }
}

static void parse_alter(parser *ps)
{
    skip_to_object(ps);
    if (!parse_object(ps) && accept(ps, "TABLE")) {
        parse_alter_table(ps);
    }
}

/* --- other statements --- */

static void parse_drop(parser *ps)
{
    skip_to_object(ps);
    if (parse_object(ps)) {
        return;
    }
    if (accept(ps, "INDEX")) {
        take_index(ps, CDC_DDL_DINDEX);
    } else if (is_one_of(ps, "TABLE|TABLES") && ps->out->kind != CDC_SQL_IGNORE) {
        next(ps);
        accept_if_exists(ps);
        ps->out->object = CDC_SQL_TABLE;
        take_tables(ps, CDC_DDL_ERASE);
    }
}

static void parse_truncate(parser *ps)
{
    found table;
    (void)accept(ps, "TABLE");
    accept_if_exists(ps);
    if (take_table(ps, &table)) {
        ps->out->object = CDC_SQL_TABLE;
        add_target(ps, CDC_DDL_TRUNCATE, table.database, table.name);
    }
}

static void parse_rename(parser *ps)
{
    if (!is_one_of(ps, "TABLE|TABLES")) {
        ps->out->kind = CDC_SQL_IGNORE; /* RENAME USER */
        return;
    }
    ps->out->object = CDC_SQL_TABLE;
    do {
        found old;
        found table;
        next(ps); /* TABLE, or the comma */
        accept_if_exists(ps);
        if (!take_table(ps, &old)) {
            return;
        }
        accept_wait(ps);
        if (!accept(ps, "TO") || !take_table(ps, &table)) {
            return;
        }
        cdc_sql_target *target = add_target(ps, CDC_DDL_RENAME, table.database, table.name);
        if (target == NULL) {
            return;
        }
        target->was_database = old.database;
        target->was_table = old.name;
    } while (cdc_sql_is_punct(&ps->sc.now, ','));
}

/* INSERT, REPLACE, DELETE, UPDATE: the table, if the statement is about a single one that is easy
 * to see. */
static void parse_row_change(parser *ps, bool single)
{
    found table;
    ps->out->kind = CDC_SQL_ROWS;
    while (is_one_of(ps, "LOW_PRIORITY|DELAYED|HIGH_PRIORITY|IGNORE|QUICK|INTO|FROM")) {
        next(ps);
    }
    if (single && take_qualified(ps, &table)) {
        add_target(ps, CDC_DDL_QUERY, table.database, table.name);
    }
}

static void parse_rollback(parser *ps)
{
    (void)accept(ps, "WORK");
    ps->out->kind = is(ps, "TO") ? CDC_SQL_ROLLBACK_TO : CDC_SQL_ROLLBACK;
}

static bool parse_transaction(parser *ps)
{
    if (accept(ps, "BEGIN")) {
        ps->out->kind = CDC_SQL_BEGIN;
    } else if (accept(ps, "COMMIT")) {
        ps->out->kind = CDC_SQL_COMMIT;
    } else if (accept(ps, "ROLLBACK")) {
        parse_rollback(ps);
    } else if (accept(ps, "SAVEPOINT") || accept(ps, "RELEASE")) {
        ps->out->kind = CDC_SQL_SAVEPOINT;
    } else if (accept(ps, "XA")) {
        ps->out->kind = CDC_SQL_XA;
    } else if (accept(ps, "START")) {
        ps->out->kind = is(ps, "TRANSACTION") ? CDC_SQL_BEGIN : CDC_SQL_IGNORE;
    } else {
        return false;
    }
    return true;
}

static cdc_sql_verb take_verb(parser *ps)
{
    return accept(ps, "CREATE")     ? CDC_SQL_CREATE
           : accept(ps, "ALTER")    ? CDC_SQL_ALTER
           : accept(ps, "DROP")     ? CDC_SQL_DROP
           : accept(ps, "TRUNCATE") ? CDC_SQL_TRUNCATE
           : accept(ps, "RENAME")   ? CDC_SQL_RENAME
                                    : CDC_SQL_OTHER_VERB;
}

static void parse_definition(parser *ps)
{
    switch (ps->out->verb) {
    case CDC_SQL_CREATE:
        parse_create(ps);
        break;
    case CDC_SQL_ALTER:
        parse_alter(ps);
        break;
    case CDC_SQL_DROP:
        parse_drop(ps);
        break;
    case CDC_SQL_TRUNCATE:
        parse_truncate(ps);
        break;
    case CDC_SQL_RENAME:
        parse_rename(ps);
        break;
    case CDC_SQL_OTHER_VERB:
        break;
    }
}

/* MariaDB: SET STATEMENT a = 1, b = 2 FOR statement. False: another SET. */
static bool skip_set_statement(parser *ps)
{
    if (!accept(ps, "STATEMENT")) {
        return false;
    }
    while (!at_end(ps) && !is(ps, "FOR")) {
        next(ps);
    }
    return accept(ps, "FOR");
}

static void parse_statement(parser *ps)
{
    if (accept(ps, "SET") && !skip_set_statement(ps)) {
        ps->out->kind = CDC_SQL_IGNORE;
        return;
    }
    ps->out->head_at = (size_t)(ps->sc.now.p - ps->sql);
    if (at_end(ps)) {
        ps->out->kind = CDC_SQL_IGNORE; /* a comment: an event that was filtered out */
    } else if (parse_transaction(ps)) {
        return;
    } else if ((ps->out->verb = take_verb(ps)) != CDC_SQL_OTHER_VERB) {
        parse_definition(ps);
    } else if (accept(ps, "INSERT") || accept(ps, "REPLACE")) {
        parse_row_change(ps, true);
    } else if (is_one_of(ps, "UPDATE|DELETE|LOAD|CALL|DO|SELECT|WITH|VALUES|IMPORT")) {
        next(ps);
        parse_row_change(ps, false); /* may be about several tables */
    } else if (is_one_of(ps,
                         "GRANT|REVOKE|FLUSH|ANALYZE|OPTIMIZE|REPAIR|CHECK|INSTALL|UNINSTALL|"
                         "RESET|PURGE|BINLOG|CHANGE|STOP|SHUTDOWN|KILL|LOCK|UNLOCK|USE|CACHE")) {
        ps->out->kind = CDC_SQL_IGNORE;
    }
}

bool cdc_sql_statement_parse(const char *sql, size_t len, unsigned mode,
                             const char *default_database, cdc_arena *ar, cdc_sql_statement *out)
{
    memset(out, 0, sizeof(*out));
    out->sql_len = len;
    out->object_name = "";
    parser ps = {
        .sql = sql, .database = default_database, .home = default_database, .ar = ar, .out = out};
    cdc_sql_scan(&ps.sc, sql, len, mode);
    parse_statement(&ps);
    if (out->kind == CDC_SQL_DDL && out->ntargets == 0) {
        out->object = CDC_SQL_UNPLACED;
        add_target(&ps, CDC_DDL_QUERY, default_database, "");
    }
    return !ps.failed;
}
