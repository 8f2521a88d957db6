#include "ddl.h"

#include <strings.h>

/* --- tokens --- */

typedef enum token_kind {
    TOKEN_END = 0,
    TOKEN_WORD,   /* keyword, number, or plain name */
    TOKEN_QUOTED, /* `name`, or "name" (a string without ANSI_QUOTES) */
    TOKEN_STRING, /* 'text' */
    TOKEN_PUNCT,  /* one character */
} token_kind;

typedef struct token {
    token_kind kind;
    const char *p; /* quoted: without the outer quotes, inner ones still doubled */
    size_t n;
    char quote;
    const char *start; /* first byte, quotes included */
} token;

typedef struct scanner {
    const char *sql, *p, *end;
    token now;
    bool in_code_comment;
    const char *database; /* default */
    cdc_arena *ar;
    bool failed; /* arena full */
    src_mysql_statement *out;
    uint32_t cap;
} scanner;

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v' || c == '\0';
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '$' || (unsigned char)c >= 0x80;
}

static const char *find(const char *p, const char *end, const char *what)
{
    const char *at = memmem(p, (size_t)(end - p), what, strlen(what));
    return at != NULL ? at + strlen(what) : end;
}

static bool looking_at(const scanner *sc, const char *what)
{
    size_t n = strlen(what);
    return (size_t)(sc->end - sc->p) >= n && memcmp(sc->p, what, n) == 0;
}

/* Enters the code of an executable comment, or skips a plain one. */
static void skip_block_comment(scanner *sc)
{
    bool code = looking_at(sc, "/*!");
    if (code || looking_at(sc, "/*M!")) {
        sc->p += code ? 3 : 4;
        while (sc->p < sc->end && *sc->p >= '0' && *sc->p <= '9') {
            sc->p++; /* the version from which it counts */
        }
        sc->in_code_comment = true;
        return;
    }
    sc->p = find(sc->p + 2, sc->end, "*/");
}

static void skip_blank(scanner *sc)
{
    for (;;) {
        if (sc->p < sc->end && is_space(*sc->p)) {
            sc->p++;
        } else if (looking_at(sc, "/*")) {
            skip_block_comment(sc);
        } else if (sc->in_code_comment && looking_at(sc, "*/")) {
            sc->p += 2;
            sc->in_code_comment = false;
        } else if (looking_at(sc, "#") ||
                   (looking_at(sc, "--") && (sc->end - sc->p == 2 || is_space(sc->p[2])))) {
            sc->p = find(sc->p, sc->end, "\n");
        } else {
            return;
        }
    }
}

static void scan_quoted(scanner *sc, token *tok)
{
    char quote = *sc->p++;
    tok->kind = quote == '\'' ? TOKEN_STRING : TOKEN_QUOTED;
    tok->quote = quote;
    tok->p = sc->p;
    while (sc->p < sc->end) {
        if (*sc->p == '\\' && quote != '`' && sc->end - sc->p > 1) {
            sc->p += 2;
        } else if (*sc->p != quote) {
            sc->p++;
        } else if (sc->end - sc->p > 1 && sc->p[1] == quote) {
            sc->p += 2;
        } else {
            break;
        }
    }
    tok->n = (size_t)(sc->p - tok->p);
    if (sc->p < sc->end) {
        sc->p++;
    }
}

/* Moves to the next token. */
static void advance(scanner *sc)
{
    token *tok = &sc->now;
    skip_blank(sc);
    tok->start = tok->p = sc->p;
    tok->n = 0;
    if (sc->p >= sc->end) {
        tok->kind = TOKEN_END;
        return;
    }
    char c = *sc->p;
    if (c == '`' || c == '"' || c == '\'') {
        scan_quoted(sc, tok);
        return;
    }
    if (is_word(c)) {
        tok->kind = TOKEN_WORD;
        while (sc->p < sc->end && is_word(*sc->p)) {
            sc->p++;
        }
    } else {
        tok->kind = TOKEN_PUNCT;
        sc->p++;
    }
    tok->n = (size_t)(sc->p - tok->p);
}

static bool is(const scanner *sc, const char *word)
{
    return sc->now.kind == TOKEN_WORD && sc->now.n == strlen(word) &&
           strncasecmp(sc->now.p, word, sc->now.n) == 0;
}

/* Is the word one of "A|B|C"? */
static bool is_one_of(const scanner *sc, const char *words)
{
    if (sc->now.kind != TOKEN_WORD) {
        return false;
    }
    for (const char *p = words; p != NULL; p = strchr(p, '|')) {
        p += *p == '|';
        size_t n = strcspn(p, "|");
        if (n == sc->now.n && strncasecmp(sc->now.p, p, n) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_punct(const scanner *sc, char c)
{
    return sc->now.kind == TOKEN_PUNCT && *sc->now.p == c;
}

static bool accept(scanner *sc, const char *word)
{
    if (is(sc, word)) {
        advance(sc);
        return true;
    }
    return false;
}

static void accept_if_exists(scanner *sc)
{
    if (accept(sc, "IF")) {
        (void)accept(sc, "NOT");
        (void)accept(sc, "EXISTS");
    }
}

/* --- names --- */

static const char *copy_name(scanner *sc)
{
    char *s = cdc_arena_alloc(sc->ar, sc->now.n + 1);
    size_t k = 0;
    if (s == NULL) {
        sc->failed = true;
        return "";
    }
    for (size_t i = 0; i < sc->now.n; i++) {
        s[k++] = sc->now.p[i];
        if (sc->now.kind == TOKEN_QUOTED && sc->now.p[i] == sc->now.quote) {
            i++; /* doubled inside */
        }
    }
    s[k] = '\0';
    return s;
}

/* [database.]name; false: there is none. */
static bool take_name(scanner *sc, const char **database, const char **name)
{
    if (sc->now.kind != TOKEN_WORD && sc->now.kind != TOKEN_QUOTED) {
        return false;
    }
    *database = sc->database;
    *name = copy_name(sc);
    advance(sc);
    if (is_punct(sc, '.')) {
        advance(sc);
        if (sc->now.kind != TOKEN_WORD && sc->now.kind != TOKEN_QUOTED) {
            return false;
        }
        *database = *name;
        *name = copy_name(sc);
        advance(sc);
    }
    return true;
}

static src_mysql_target *add_target(scanner *sc, cdc_ddl type, const char *database,
                                    const char *table)
{
    src_mysql_statement *out = sc->out;
    if (out->ntargets == SRC_MYSQL_TARGETS_MAX) {
        sc->failed = true;
        return NULL;
    }
    if (out->ntargets == sc->cap) {
        uint32_t cap = sc->cap > 0 ? sc->cap * 4 : 2;
        src_mysql_target *more = cdc_arena_alloc(sc->ar, cap * sizeof(*more));
        if (more == NULL) {
            sc->failed = true;
            return NULL;
        }
        if (out->ntargets > 0) {
            memcpy(more, out->targets, out->ntargets * sizeof(*more));
        }
        out->targets = more;
        sc->cap = cap;
    }
    src_mysql_target *target = &out->targets[out->ntargets++];
    *target = (src_mysql_target){type, database, table, "", ""};
    return target;
}

/* The object's database counts, its own name is not a table's. */
static void add_other(scanner *sc)
{
    const char *database;
    const char *name;
    accept_if_exists(sc);
    if (take_name(sc, &database, &name)) {
        add_target(sc, CDC_DDL_QUERY, database, "");
    }
}

static void add_database(scanner *sc)
{
    accept_if_exists(sc);
    bool named = sc->now.kind == TOKEN_QUOTED ||
                 (sc->now.kind == TOKEN_WORD &&
                  !is_one_of(sc, "CHARACTER|CHARSET|COLLATE|DEFAULT|ENCRYPTION|READ|COMMENT"));
    add_target(sc, CDC_DDL_QUERY, named ? copy_name(sc) : sc->database, "");
}

/* ... ON table: CREATE INDEX and DROP INDEX. */
static void add_index(scanner *sc, cdc_ddl type)
{
    const char *database;
    const char *name;
    while (sc->now.kind != TOKEN_END && !is(sc, "ON")) {
        advance(sc);
    }
    if (accept(sc, "ON") && take_name(sc, &database, &name)) {
        add_target(sc, type, database, name);
    }
}

/* Moves on to the word that names the kind of object: past OR REPLACE, DEFINER = a@b, ALGORITHM =
 * x... */
static void skip_to_object(scanner *sc)
{
    static const char objects[] =
        "TABLE|TABLES|DATABASE|SCHEMA|INDEX|VIEW|TRIGGER|PROCEDURE|FUNCTION|EVENT|SEQUENCE|PACKAGE|"
        "USER|ROLE|SERVER|TABLESPACE|LOGFILE|RESOURCE|REFERENCE|INSTANCE|UNDO|LIBRARY";
    for (int i = 0; i < 40 && sc->now.kind != TOKEN_END && !is_one_of(sc, objects); i++) {
        advance(sc);
    }
}

static const char database_words[] = "DATABASE|SCHEMA";
static const char other_words[] = "VIEW|TRIGGER|PROCEDURE|FUNCTION|EVENT|SEQUENCE|PACKAGE|LIBRARY";
static const char account_words[] =
    "USER|ROLE|SERVER|TABLESPACE|LOGFILE|RESOURCE|REFERENCE|INSTANCE|UNDO|PREPARE";

/* What CREATE, ALTER, and DROP have in common; false: it is about tables or an index. */
static bool parse_object(scanner *sc)
{
    if (is_one_of(sc, database_words)) {
        advance(sc);
        add_database(sc);
        return true;
    }
    if (is_one_of(sc, other_words)) {
        advance(sc);
        (void)accept(sc, "BODY");
        add_other(sc);
        return true;
    }
    if (is_one_of(sc, account_words)) {
        sc->out->kind = SRC_MYSQL_STATEMENT_IGNORE;
        return true;
    }
    return false;
}

/* --- statements --- */

/* "... START TRANSACTION" at the end: MySQL's atomic CREATE TABLE ... SELECT. */
static void check_opens_transaction(scanner *sc)
{
    const char *start = NULL;
    bool opens = false;
    while (sc->now.kind != TOKEN_END) {
        if (is(sc, "START")) {
            start = sc->now.start;
            advance(sc);
            if (accept(sc, "TRANSACTION")) {
                opens = sc->now.kind == TOKEN_END;
            }
        } else {
            advance(sc);
        }
    }
    if (opens) {
        sc->out->opens_transaction = true;
        while (start > sc->sql && is_space(start[-1])) {
            start--;
        }
        sc->out->sql_len = (size_t)(start - sc->sql);
    }
}

static void parse_create(scanner *sc)
{
    bool temporary = false;
    if (accept(sc, "OR")) {
        (void)accept(sc, "REPLACE");
    }
    temporary = accept(sc, "TEMPORARY");
    skip_to_object(sc);
    if (parse_object(sc)) {
        return;
    }
    if (accept(sc, "INDEX")) {
        add_index(sc, CDC_DDL_CINDEX);
        return;
    }
    if (!accept(sc, "TABLE")) {
        return;
    }
    if (temporary) {
        sc->out->kind = SRC_MYSQL_STATEMENT_IGNORE;
        return;
    }
    const char *database;
    const char *name;
    accept_if_exists(sc);
    if (take_name(sc, &database, &name)) {
        add_target(sc, CDC_DDL_CREATE, database, name);
    }
    check_opens_transaction(sc);
}

static void skip_parentheses(scanner *sc)
{
    int depth = 0;
    do {
        depth += is_punct(sc, '(') - is_punct(sc, ')');
        advance(sc);
    } while (depth > 0 && sc->now.kind != TOKEN_END);
}

/* ALTER TABLE name ...: RENAME anywhere, else a first action that adds an index, else ALTER. */
static void parse_alter_table(scanner *sc)
{
    const char *database;
    const char *name;
    accept_if_exists(sc);
    if (!take_name(sc, &database, &name)) {
        return;
    }
    src_mysql_target *target = add_target(sc, CDC_DDL_ALTER, database, name);
    if (accept(sc, "ADD") && is_one_of(sc, "INDEX|KEY|UNIQUE|FULLTEXT|SPATIAL") && target != NULL) {
        target->type = CDC_DDL_CINDEX;
    }
    while (sc->now.kind != TOKEN_END && target != NULL) {
        if (is_punct(sc, '(')) {
            skip_parentheses(sc);
            continue;
        }
        if (!accept(sc, "RENAME")) {
            advance(sc);
            continue;
        }
        if (is_one_of(sc, "COLUMN|INDEX|KEY")) {
            continue;
        }
        if (is_one_of(sc, "TO|AS") || is_punct(sc, '=')) {
            advance(sc);
        }
        const char *new_database;
        const char *new_name;
        if (take_name(sc, &new_database, &new_name)) {
            /* an unqualified new name stays in the old one's database */
            bool qualified = new_database != sc->database;
            *target = (src_mysql_target){CDC_DDL_RENAME, qualified ? new_database : database,
                                         new_name, database, name};
        }
    }
}

static void parse_alter(scanner *sc)
{
    skip_to_object(sc);
    if (!parse_object(sc) && accept(sc, "TABLE")) {
        parse_alter_table(sc);
    }
}

static void parse_drop(scanner *sc)
{
    bool temporary = accept(sc, "TEMPORARY");
    skip_to_object(sc);
    if (parse_object(sc)) {
        return;
    }
    if (accept(sc, "INDEX")) {
        add_index(sc, CDC_DDL_DINDEX);
        return;
    }
    if (!is_one_of(sc, "TABLE|TABLES")) {
        return;
    }
    if (temporary) {
        sc->out->kind = SRC_MYSQL_STATEMENT_IGNORE;
        return;
    }
    advance(sc);
    accept_if_exists(sc);
    const char *database;
    const char *name;
    while (take_name(sc, &database, &name)) {
        add_target(sc, CDC_DDL_ERASE, database, name);
        if (!is_punct(sc, ',')) {
            break;
        }
        advance(sc);
    }
}

static void parse_truncate(scanner *sc)
{
    const char *database;
    const char *name;
    (void)accept(sc, "TABLE");
    accept_if_exists(sc);
    if (take_name(sc, &database, &name)) {
        add_target(sc, CDC_DDL_TRUNCATE, database, name);
    }
}

static void parse_rename(scanner *sc)
{
    if (!is_one_of(sc, "TABLE|TABLES")) {
        sc->out->kind = SRC_MYSQL_STATEMENT_IGNORE; /* RENAME USER */
        return;
    }
    do {
        advance(sc); /* TABLE, or the comma */
        const char *old_database;
        const char *old_name;
        const char *database;
        const char *name;
        accept_if_exists(sc);
        if (!take_name(sc, &old_database, &old_name)) {
            return;
        }
        while (sc->now.kind == TOKEN_WORD && !is(sc, "TO")) {
            advance(sc); /* MariaDB: WAIT n, NOWAIT */
        }
        if (!accept(sc, "TO") || !take_name(sc, &database, &name)) {
            return;
        }
        src_mysql_target *target = add_target(sc, CDC_DDL_RENAME, database, name);
        if (target == NULL) {
            return;
        }
        target->was_database = old_database;
        target->was_table = old_name;
    } while (is_punct(sc, ','));
}

/* INSERT, REPLACE, DELETE, UPDATE: the table, if the statement is about a single one that is easy
 * to see. */
static void parse_row_change(scanner *sc, bool single)
{
    sc->out->kind = SRC_MYSQL_STATEMENT_ROWS;
    while (is_one_of(sc, "LOW_PRIORITY|DELAYED|HIGH_PRIORITY|IGNORE|QUICK|INTO|FROM")) {
        advance(sc);
    }
    const char *database;
    const char *name;
    if (single && take_name(sc, &database, &name)) {
        add_target(sc, CDC_DDL_QUERY, database, name);
    }
}

static void parse_rollback(scanner *sc)
{
    (void)accept(sc, "WORK");
    sc->out->kind = is(sc, "TO") ? SRC_MYSQL_STATEMENT_ROLLBACK_TO : SRC_MYSQL_STATEMENT_ROLLBACK;
}

static bool parse_transaction(scanner *sc)
{
    if (accept(sc, "BEGIN")) {
        sc->out->kind = SRC_MYSQL_STATEMENT_BEGIN;
    } else if (accept(sc, "COMMIT")) {
        sc->out->kind = SRC_MYSQL_STATEMENT_COMMIT;
    } else if (accept(sc, "ROLLBACK")) {
        parse_rollback(sc);
    } else if (accept(sc, "SAVEPOINT") || accept(sc, "RELEASE")) {
        sc->out->kind = SRC_MYSQL_STATEMENT_SAVEPOINT;
    } else if (accept(sc, "XA")) {
        sc->out->kind = SRC_MYSQL_STATEMENT_XA;
    } else if (accept(sc, "START")) {
        sc->out->kind =
            is(sc, "TRANSACTION") ? SRC_MYSQL_STATEMENT_BEGIN : SRC_MYSQL_STATEMENT_IGNORE;
    } else {
        return false;
    }
    return true;
}

static void parse_statement(scanner *sc)
{
    if (sc->now.kind == TOKEN_END) {
        sc->out->kind = SRC_MYSQL_STATEMENT_IGNORE; /* a comment: an event that was filtered out */
    } else if (parse_transaction(sc)) {
        return;
    } else if (accept(sc, "CREATE")) {
        parse_create(sc);
    } else if (accept(sc, "ALTER")) {
        parse_alter(sc);
    } else if (accept(sc, "DROP")) {
        parse_drop(sc);
    } else if (accept(sc, "TRUNCATE")) {
        parse_truncate(sc);
    } else if (accept(sc, "RENAME")) {
        parse_rename(sc);
    } else if (accept(sc, "INSERT") || accept(sc, "REPLACE")) {
        parse_row_change(sc, true);
    } else if (is_one_of(sc, "UPDATE|DELETE|LOAD|CALL|DO|SELECT|WITH|VALUES|IMPORT")) {
        advance(sc);
        parse_row_change(sc, false); /* may be about several tables */
    } else if (is_one_of(sc,
                         "GRANT|REVOKE|SET|FLUSH|ANALYZE|OPTIMIZE|REPAIR|CHECK|INSTALL|UNINSTALL|"
                         "RESET|PURGE|BINLOG|CHANGE|STOP|SHUTDOWN|KILL|LOCK|UNLOCK|USE|CACHE")) {
        sc->out->kind = SRC_MYSQL_STATEMENT_IGNORE;
    }
}

bool src_mysql_statement_parse(const char *sql, size_t len, const char *default_database,
                               cdc_arena *ar, src_mysql_statement *out)
{
    memset(out, 0, sizeof(*out));
    out->sql_len = len;
    scanner sc = {
        .sql = sql, .p = sql, .end = sql + len, .database = default_database, .ar = ar, .out = out};
    advance(&sc);
    parse_statement(&sc);
    if (out->kind == SRC_MYSQL_STATEMENT_DDL && out->ntargets == 0) {
        add_target(&sc, CDC_DDL_QUERY, default_database, "");
    }
    return !sc.failed;
}
