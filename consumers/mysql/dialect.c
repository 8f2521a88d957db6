/* What MySQL and MariaDB call differently, word by word inside of the parts of a definition. What
 * is not here goes to the target as it is, and is its error if it does not know it. */
#include <strings.h>

#include "rewrite.h"

typedef struct sink_mysql_dialect {
    const sink_mysql_rewrite *how;
    sink_mysql_draft *dr;
    bool from_maria;
    const sink_mysql_part *part;
    uint32_t history[2]; /* tokens: the names of the columns of versioning that are left out */
} sink_mysql_dialect;

static bool sink_mysql_is_word(const sink_mysql_dialect *di, uint32_t tok, const char *words)
{
    return sink_mysql_draft_is(di->dr, tok, words);
}

/* Behind "name [=] value". */
static uint32_t sink_mysql_option_end(const sink_mysql_dialect *di, uint32_t tok)
{
    return tok + (sink_mysql_draft_is_punct(di->dr, tok + 1, '=') ? 3 : 2);
}

/* MariaDB prints the options of an engine as `PAGE_COMPRESSED`=1. */
static bool sink_mysql_is_option(const sink_mysql_dialect *di, uint32_t tok, const char *words)
{
    cdc_sql_token bare = di->dr->toks[tok];
    if (bare.kind == CDC_SQL_QUOTED && bare.n > 2 &&
        sink_mysql_draft_is_punct(di->dr, tok + 1, '=')) {
        bare = (cdc_sql_token){CDC_SQL_WORD, bare.p + 1, bare.n - 2};
    }
    return cdc_sql_is_one_of(&bare, words);
}

static void sink_mysql_drop_option(sink_mysql_dialect *di, uint32_t tok, bool said)
{
    if (said) {
        sink_mysql_draft_note(di->dr, "%.*s is left out", (int)di->dr->toks[tok].n,
                              di->dr->toks[tok].p);
    }
    sink_mysql_draft_remove(di->dr, tok, sink_mysql_option_end(di, tok));
}

/* --- collations and charsets, both ways --- */

static void sink_mysql_adapt_collation(sink_mysql_dialect *di, uint32_t tok)
{
    uint32_t at = tok + (sink_mysql_draft_is_punct(di->dr, tok + 1, '=') ? 2 : 1);
    if (at + 1 >= di->dr->ntoks) {
        return;
    }
    const cdc_sql_token *name = &di->dr->toks[at];
    size_t quotes = name->kind == CDC_SQL_STRING || name->kind == CDC_SQL_QUOTED ? 1 : 0;
    if (name->n <= 2 * quotes) {
        return;
    }
    const char *was =
        sink_mysql_draft_format(di->dr, "%.*s", (int)(name->n - 2 * quotes), name->p + quotes);
    const char *other = sink_mysql_stand_in(di->how, di->dr, was);
    if (other != NULL) {
        sink_mysql_draft_note(di->dr, "collation %s becomes %s", was, other);
        sink_mysql_draft_token(di->dr, at, other);
    }
}

static bool sink_mysql_has_collation(const sink_mysql_dialect *di)
{
    for (uint32_t i = di->part->first; i < di->part->end; i++) {
        if (sink_mysql_is_word(di, i, "COLLATE")) {
            return true;
        }
    }
    return false;
}

/* "CHARSET utf8mb4" alone means another collation at each kind of server. */
static void sink_mysql_adapt_charset(sink_mysql_dialect *di, uint32_t tok)
{
    uint32_t at = tok + (sink_mysql_is_word(di, tok, "CHARACTER") ? 2 : 1);
    at += sink_mysql_draft_is_punct(di->dr, at, '=') ? 1 : 0;
    bool utf8mb4 = sink_mysql_is_word(di, at, "utf8mb4") ||
                   (at < di->dr->ntoks && di->dr->toks[at].kind == CDC_SQL_STRING &&
                    strncasecmp(di->dr->toks[at].p + 1, "utf8mb4", 7) == 0);
    if (!utf8mb4 || di->from_maria == di->how->to_maria || sink_mysql_has_collation(di)) {
        return;
    }
    const char *meant = di->from_maria ? "utf8mb4_general_ci"
                                       : sink_mysql_stand_in(di->how, di->dr, "utf8mb4_0900_ai_ci");
    if (meant != NULL) {
        sink_mysql_draft_token(di->dr, at,
                               sink_mysql_draft_format(di->dr, "utf8mb4 COLLATE %s", meant));
    }
}

/* --- MySQL to MariaDB --- */

/* The first token of "[CONSTRAINT [name]] CHECK" at this CHECK. */
static uint32_t sink_mysql_check_begin(const sink_mysql_dialect *di, uint32_t check)
{
    if (sink_mysql_is_word(di, check - 1, "CONSTRAINT")) {
        return check - 1;
    }
    return check > 2 && sink_mysql_is_word(di, check - 2, "CONSTRAINT") ? check - 2 : check;
}

/* MariaDB enforces every CHECK, and has it last in a column. */
static void sink_mysql_check_to_maria(sink_mysql_dialect *di, uint32_t tok)
{
    sink_mysql_draft *dr = di->dr;
    if (!sink_mysql_draft_is_punct(dr, tok + 1, '(')) {
        return;
    }
    uint32_t end = dr->closing[tok + 1] + 1;
    uint32_t first = sink_mysql_check_begin(di, tok);
    if (sink_mysql_is_word(di, end, "NOT") && sink_mysql_is_word(di, end + 1, "ENFORCED")) {
        sink_mysql_draft_note(dr, "a CHECK that is NOT ENFORCED is left out");
        if (di->part->kind == SINK_MYSQL_PART_COLUMN) {
            sink_mysql_draft_remove(dr, first, end + 2);
        } else {
            sink_mysql_draft_remove_part(dr, di->part);
        }
        return;
    }
    uint32_t behind = end;
    if (sink_mysql_is_word(di, end, "ENFORCED")) {
        sink_mysql_draft_remove(dr, end, end + 1);
        behind++;
    }
    bool last = behind >= di->part->end || sink_mysql_is_word(di, behind, "FIRST|AFTER|CHECK");
    if (di->part->kind != SINK_MYSQL_PART_COLUMN || last) {
        return;
    }
    uint32_t to = behind;
    while (to < di->part->end && !sink_mysql_is_word(di, to, "FIRST|AFTER")) {
        to = sink_mysql_draft_past(dr, to);
    }
    const char *from = dr->toks[first].p;
    size_t len = (size_t)(dr->toks[end - 1].p + dr->toks[end - 1].n - from);
    const cdc_sql_token *before = &dr->toks[to - 1];
    sink_mysql_draft_remove(dr, first, end);
    sink_mysql_draft_replace(dr, (uint32_t)(before->p + before->n - dr->sql), 0,
                             sink_mysql_draft_format(dr, " %.*s", (int)len, from));
}

static bool sink_mysql_is_generated(const sink_mysql_dialect *di)
{
    for (uint32_t i = di->part->body; i < di->part->end; i = sink_mysql_draft_past(di->dr, i)) {
        if (sink_mysql_is_word(di, i, "AS") && sink_mysql_draft_is_punct(di->dr, i + 1, '(')) {
            return true;
        }
    }
    return false;
}

static void sink_mysql_column_to_maria(sink_mysql_dialect *di, uint32_t tok)
{
    sink_mysql_draft *dr = di->dr;
    if (sink_mysql_is_word(di, tok, "CHECK")) {
        sink_mysql_check_to_maria(di, tok);
    } else if (sink_mysql_is_word(di, tok, "VISIBLE")) {
        sink_mysql_draft_remove(dr, tok, tok + 1);
    } else if (sink_mysql_is_word(di, tok, "ENGINE_ATTRIBUTE|SECONDARY_ENGINE_ATTRIBUTE")) {
        sink_mysql_drop_option(di, tok, true);
    } else if (sink_mysql_is_word(di, tok, "COLUMN_FORMAT") ||
               (sink_mysql_is_word(di, tok, "STORAGE") &&
                sink_mysql_is_word(di, tok + 1, "DISK|MEMORY|DEFAULT"))) {
        sink_mysql_draft_remove(dr, tok, tok + 2);
    } else if (sink_mysql_is_word(di, tok, "SRID")) {
        sink_mysql_drop_option(di, tok, true);
    } else if (sink_mysql_is_word(di, tok, "NOT") && sink_mysql_is_word(di, tok + 1, "SECONDARY")) {
        sink_mysql_draft_remove(dr, tok, tok + 2);
    } else if (sink_mysql_is_word(di, tok, "NULL") && sink_mysql_is_generated(di) &&
               !sink_mysql_is_word(di, tok - 1, "DEFAULT|SET")) {
        sink_mysql_draft_remove(dr, tok - (sink_mysql_is_word(di, tok - 1, "NOT") ? 1 : 0),
                                tok + 1);
    }
}

static void sink_mysql_key_to_maria(sink_mysql_dialect *di, uint32_t tok)
{
    if (sink_mysql_is_word(di, tok, "VISIBLE")) {
        sink_mysql_draft_remove(di->dr, tok, tok + 1);
    } else if (sink_mysql_is_word(di, tok, "INVISIBLE")) {
        sink_mysql_draft_token(di->dr, tok, "IGNORED");
    } else if (sink_mysql_is_word(di, tok, "ENGINE_ATTRIBUTE|SECONDARY_ENGINE_ATTRIBUTE")) {
        sink_mysql_drop_option(di, tok, true);
    }
}

/* MySQL's ENGINE_ATTRIBUTE='...' and the like; true: it was one. ENCRYPTION='N' means nothing. */
static bool sink_mysql_drop_mysql_option(sink_mysql_dialect *di, uint32_t tok)
{
    sink_mysql_draft *dr = di->dr;
    bool value = sink_mysql_draft_is_punct(dr, tok + 1, '=') ||
                 (tok + 1 < dr->ntoks && dr->toks[tok + 1].kind == CDC_SQL_STRING);
    if (!value || !sink_mysql_is_word(di, tok,
                                      "ENGINE_ATTRIBUTE|SECONDARY_ENGINE_ATTRIBUTE|"
                                      "SECONDARY_ENGINE|AUTOEXTEND_SIZE|COMPRESSION|ENCRYPTION")) {
        return false;
    }
    const cdc_sql_token *set = &dr->toks[sink_mysql_option_end(di, tok) - 1];
    bool plain = set->n == 3 && (set->p[1] == 'N' || set->p[1] == 'n');
    sink_mysql_drop_option(di, tok, !plain);
    if (sink_mysql_is_word(di, tok - 1, "DEFAULT")) {
        sink_mysql_draft_remove(dr, tok - 1, tok);
    }
    return true;
}

static void sink_mysql_option_to_maria(sink_mysql_dialect *di, uint32_t tok)
{
    sink_mysql_draft *dr = di->dr;
    uint32_t first = di->part->first;
    if (sink_mysql_drop_mysql_option(di, tok)) {
        return;
    }
    if (sink_mysql_is_word(di, tok, "TABLESPACE") &&
        !sink_mysql_is_word(di, tok - 1, "DISCARD|IMPORT")) {
        sink_mysql_drop_option(di, tok, true);
    } else if (sink_mysql_is_word(di, tok, "READ") && sink_mysql_is_word(di, tok + 1, "ONLY")) {
        sink_mysql_draft_remove(dr, tok, tok + 1);
        sink_mysql_drop_option(di, tok + 1, true);
    } else if (sink_mysql_is_word(di, first, "ALTER|ADD") || first == 1) {
        sink_mysql_key_to_maria(di, tok); /* ALTER INDEX i INVISIBLE, CREATE INDEX ... */
    }
    if (tok == first + 1 && sink_mysql_is_word(di, first, "DROP") &&
        sink_mysql_is_word(di, tok, "CHECK")) {
        sink_mysql_draft_token(dr, tok, "CONSTRAINT");
    }
}

static void sink_mysql_word_to_maria(sink_mysql_dialect *di, uint32_t tok)
{
    switch (di->part->kind) {
    case SINK_MYSQL_PART_COLUMN:
        sink_mysql_column_to_maria(di, tok);
        break;
    case SINK_MYSQL_PART_KEY:
        sink_mysql_key_to_maria(di, tok);
        break;
    case SINK_MYSQL_PART_CHECK:
        if (sink_mysql_is_word(di, tok, "CHECK")) {
            sink_mysql_check_to_maria(di, tok);
        }
        break;
    case SINK_MYSQL_PART_OTHER:
        sink_mysql_option_to_maria(di, tok);
        break;
    default:
        break;
    }
}

/* --- MariaDB to MySQL --- */

static const char *sink_mysql_column_text(sink_mysql_dialect *di)
{
    const char *name = sink_mysql_draft_text(di->dr, di->part->name);
    const cdc_sql_statement *stmt = &di->dr->stmt;
    return sink_mysql_draft_name(di->dr, cdc_rename_column(di->how->rename, stmt->names[0].database,
                                                           stmt->names[0].table, name));
}

/* Types that MySQL does not have, or means otherwise (JSON, which no definition that a MariaDB
 * server prints has). */
static void sink_mysql_type_to_mysql(sink_mysql_dialect *di)
{
    sink_mysql_draft *dr = di->dr;
    uint32_t tok = di->part->body;
    if (di->from_maria && sink_mysql_is_word(di, tok, "JSON")) {
        sink_mysql_draft_token(dr, tok,
                               sink_mysql_draft_format(dr,
                                                       "longtext CHARACTER SET utf8mb4 COLLATE "
                                                       "utf8mb4_bin CHECK (json_valid(%s))",
                                                       sink_mysql_column_text(di)));
    } else if (sink_mysql_is_word(di, tok, "UUID|INET4|INET6")) {
        const char *type = sink_mysql_is_word(di, tok, "UUID")    ? "char(36)"
                           : sink_mysql_is_word(di, tok, "INET4") ? "varchar(15)"
                                                                  : "varchar(45)";
        sink_mysql_draft_note(dr, "column type %.*s becomes %s", (int)dr->toks[tok].n,
                              dr->toks[tok].p, type);
        sink_mysql_draft_token(
            dr, tok, sink_mysql_draft_format(dr, "%s CHARACTER SET ascii COLLATE ascii_bin", type));
    }
}

static bool sink_mysql_is_blob(const sink_mysql_dialect *di)
{
    return sink_mysql_is_word(di, di->part->body,
                              "TINYTEXT|TEXT|MEDIUMTEXT|LONGTEXT|TINYBLOB|BLOB|MEDIUMBLOB|LONGBLOB|"
                              "JSON|GEOMETRY|POINT|LINESTRING|POLYGON|MULTIPOINT|MULTILINESTRING|"
                              "MULTIPOLYGON|GEOMETRYCOLLECTION");
}

/* DEFAULT f(x), DEFAULT 'text' of a TEXT: an expression, which MySQL wants in parentheses. */
static void sink_mysql_default_to_mysql(sink_mysql_dialect *di, uint32_t tok)
{
    sink_mysql_draft *dr = di->dr;
    uint32_t at = tok + 1;
    bool call = at + 1 < dr->ntoks && dr->toks[at].kind == CDC_SQL_WORD &&
                sink_mysql_draft_is_punct(dr, at + 1, '(') &&
                !sink_mysql_is_word(di, at, "NOW|CURRENT_TIMESTAMP|LOCALTIME|LOCALTIMESTAMP");
    bool literal = at < dr->ntoks && sink_mysql_is_blob(di) &&
                   !sink_mysql_is_word(di, at, "NULL") && !sink_mysql_draft_is_punct(dr, at, '(');
    if (!call && !literal) {
        return;
    }
    uint32_t end = call ? dr->closing[at + 1] : at;
    /* a charset introducer or a prefix (_utf8mb4'x', X'00') is a word before its string */
    end += literal && !call && dr->toks[at].kind == CDC_SQL_WORD && at + 1 < dr->ntoks &&
                   dr->toks[at + 1].kind == CDC_SQL_STRING
               ? 1
               : 0;
    const cdc_sql_token *last = &dr->toks[end];
    sink_mysql_draft_replace(dr, (uint32_t)(dr->toks[at].p - dr->sql), 0, "(");
    sink_mysql_draft_replace(dr, (uint32_t)(last->p + last->n - dr->sql), 0, ")");
}

static void sink_mysql_ignored_to_mysql(sink_mysql_dialect *di, uint32_t tok)
{
    bool not = sink_mysql_is_word(di, tok - 1, "NOT");
    if (not ) {
        sink_mysql_draft_remove(di->dr, tok - 1, tok);
    }
    sink_mysql_draft_token(di->dr, tok, not ? "VISIBLE" : "INVISIBLE");
}

static void sink_mysql_column_to_mysql(sink_mysql_dialect *di, uint32_t tok)
{
    sink_mysql_draft *dr = di->dr;
    if (tok == di->part->body) {
        sink_mysql_type_to_mysql(di);
    } else if (sink_mysql_is_word(di, tok, "COMPRESSED")) {
        bool how = sink_mysql_draft_is_punct(dr, tok + 1, '=');
        sink_mysql_draft_remove(dr, tok, tok + (how ? 3 : 1));
        sink_mysql_draft_note(dr, "COMPRESSED of a column is left out");
    } else if (sink_mysql_is_word(di, tok, "PERSISTENT")) {
        sink_mysql_draft_token(dr, tok, "STORED");
    } else if (sink_mysql_is_word(di, tok, "DEFAULT") &&
               !sink_mysql_is_word(di, tok - 1, "BY|FORMAT")) {
        sink_mysql_default_to_mysql(di, tok);
    } else if (sink_mysql_is_word(di, tok, "WITH|WITHOUT") &&
               sink_mysql_is_word(di, tok + 1, "SYSTEM")) {
        sink_mysql_draft_remove(dr, tok, tok + 3);
    } else if (sink_mysql_is_word(di, tok, "REF_SYSTEM_ID")) {
        uint32_t value = tok + (sink_mysql_draft_is_punct(dr, tok + 1, '=') ? 2 : 1);
        sink_mysql_draft_remove(dr, tok + 1, value);
        sink_mysql_draft_token(dr, tok, "SRID ");
    }
}

static void sink_mysql_option_to_mysql(sink_mysql_dialect *di, uint32_t tok)
{
    sink_mysql_draft *dr = di->dr;
    bool first = tok == di->part->first;
    uint32_t value = sink_mysql_option_end(di, tok) - 1;
    if (sink_mysql_is_option(di, tok,
                             "PAGE_CHECKSUM|TRANSACTIONAL|PAGE_COMPRESSED|PAGE_COMPRESSION_LEVEL|"
                             "ENCRYPTED|ENCRYPTION_KEY_ID|IETF_QUOTES")) {
        sink_mysql_drop_option(di, tok, true);
    } else if (sink_mysql_is_word(di, tok, "ROW_FORMAT") && sink_mysql_is_word(di, value, "PAGE")) {
        sink_mysql_drop_option(di, tok, true);
    } else if (sink_mysql_is_word(di, tok, "ENGINE|TYPE") &&
               sink_mysql_is_option(di, value,
                                    "ARIA|MARIA|ROCKSDB|TOKUDB|MROONGA|COLUMNSTORE|S3")) {
        sink_mysql_draft_note(dr, "engine %.*s becomes InnoDB", (int)dr->toks[value].n,
                              dr->toks[value].p);
        sink_mysql_draft_token(dr, value, "InnoDB");
    } else if (sink_mysql_is_word(di, tok, "WITH") && sink_mysql_is_word(di, tok + 1, "SYSTEM")) {
        sink_mysql_draft_remove(dr, tok, tok + 3);
        sink_mysql_draft_note(dr, "system versioning is left out");
    } else if (first && sink_mysql_is_word(di, tok, "ADD|DROP") &&
               sink_mysql_is_word(di, tok + 1, "SYSTEM")) {
        sink_mysql_draft_remove_part(dr, di->part);
        sink_mysql_draft_note(dr, "system versioning is left out");
    } else if (sink_mysql_is_word(di, tok, "IGNORED")) {
        sink_mysql_ignored_to_mysql(di, tok);
    }
}

/* A part that is about nothing but system versioning: its two columns, PERIOD FOR SYSTEM_TIME, and
 * a partition for history. */
static bool sink_mysql_is_versioning(const sink_mysql_dialect *di)
{
    const sink_mysql_part *part = di->part;
    for (uint32_t i = part->first + 1; i + 1 < part->end; i++) {
        bool column = sink_mysql_is_word(di, i - 1, "AS") && sink_mysql_is_word(di, i, "ROW") &&
                      sink_mysql_is_word(di, i + 1, "START|END");
        bool period = sink_mysql_is_word(di, i - 1, "PERIOD") && sink_mysql_is_word(di, i, "FOR") &&
                      sink_mysql_is_word(di, i + 1, "SYSTEM_TIME");
        bool history = sink_mysql_is_word(di, part->first, "ADD") && i > part->first + 2 &&
                       sink_mysql_is_word(di, i - 1, "PARTITION") &&
                       sink_mysql_is_word(di, i + 1, "HISTORY");
        if ((part->kind == SINK_MYSQL_PART_COLUMN && column) ||
            (part->kind == SINK_MYSQL_PART_OTHER && (period || history))) {
            return true;
        }
    }
    return false;
}

static bool sink_mysql_is_history(const sink_mysql_dialect *di, uint32_t tok)
{
    const char *name = sink_mysql_draft_text(di->dr, tok);
    for (size_t i = 0; i < 2; i++) {
        if (di->history[i] != 0 &&
            strcasecmp(name, sink_mysql_draft_text(di->dr, di->history[i])) == 0) {
            return true;
        }
    }
    return false;
}

/* MariaDB shows PRIMARY KEY (id, row_end) for a table whose columns of versioning are named. */
static void sink_mysql_key_without_history(sink_mysql_dialect *di, uint32_t open)
{
    sink_mysql_draft *dr = di->dr;
    bool follows = false;
    for (uint32_t at = open + 1; at < dr->closing[open];) {
        uint32_t end = at;
        while (end < dr->closing[open] && !sink_mysql_draft_is_punct(dr, end, ',')) {
            end = sink_mysql_draft_past(dr, end);
        }
        if (!sink_mysql_is_history(di, at)) {
            follows = true;
        } else if (follows) {
            sink_mysql_draft_remove(dr, at - 1, end);
        } else {
            sink_mysql_draft_remove(dr, at, end + (end < dr->closing[open] ? 1 : 0));
        }
        at = end + 1;
    }
}

/* PARTITION BY SYSTEM_TIME ... */
static void sink_mysql_drop_history(sink_mysql_dialect *di, uint32_t tok)
{
    uint32_t end = tok;
    while (end < di->part->end && !sink_mysql_is_word(di, end, "AS|SELECT|IGNORE|REPLACE")) {
        end = sink_mysql_draft_past(di->dr, end);
    }
    sink_mysql_draft_remove(di->dr, tok, end);
    sink_mysql_draft_note(di->dr, "partitions by system time are left out");
}

static void sink_mysql_word_to_mysql(sink_mysql_dialect *di, uint32_t tok)
{
    if (sink_mysql_is_word(di, tok, "PARTITION") && sink_mysql_is_word(di, tok + 1, "BY") &&
        sink_mysql_is_word(di, tok + 2, "SYSTEM_TIME")) {
        sink_mysql_drop_history(di, tok);
    } else if (di->history[0] != 0 && di->part->kind == SINK_MYSQL_PART_KEY &&
               sink_mysql_draft_is_punct(di->dr, tok, '(')) {
        sink_mysql_key_without_history(di, tok);
    } else if (di->part->kind == SINK_MYSQL_PART_COLUMN) {
        sink_mysql_column_to_mysql(di, tok);
    } else if (di->part->kind == SINK_MYSQL_PART_KEY && sink_mysql_is_word(di, tok, "IGNORED")) {
        sink_mysql_ignored_to_mysql(di, tok);
    } else if (di->part->kind == SINK_MYSQL_PART_OTHER) {
        sink_mysql_option_to_mysql(di, tok);
    }
}

/* MySQL knows IF [NOT] EXISTS for whole tables and databases in CREATE and DROP only. */
static void sink_mysql_drop_if_exists(sink_mysql_dialect *di, sink_mysql_rewritten *out)
{
    sink_mysql_draft *dr = di->dr;
    const cdc_sql_statement *stmt = &dr->stmt;
    bool known = (stmt->verb == CDC_SQL_CREATE || stmt->verb == CDC_SQL_DROP) &&
                 stmt->object != CDC_SQL_INDEX;
    for (uint32_t i = 1; i + 1 < dr->ntoks && !known; i = sink_mysql_draft_past(dr, i)) {
        bool not = sink_mysql_is_word(di, i + 1, "NOT");
        if (sink_mysql_is_word(di, i, "IF") &&
            sink_mysql_is_word(di, i + 1 + (not ? 1 : 0), "EXISTS")) {
            sink_mysql_draft_remove(dr, i, i + 2 + (not ? 1 : 0));
            out->if_exists = dr->nparts <= 1;
        }
    }
    bool ignores = stmt->verb == CDC_SQL_ALTER && sink_mysql_is_word(di, 2, "IGNORE");
    if (ignores) {
        sink_mysql_draft_remove(dr, 2, 3);
    }
}

/* --- all --- */

static void sink_mysql_adapt_part(sink_mysql_dialect *di)
{
    if (!di->how->to_maria && di->dr->nparts > 0 && sink_mysql_is_versioning(di)) {
        sink_mysql_draft_remove_part(di->dr, di->part);
        sink_mysql_draft_note(di->dr, "system versioning is left out");
        if (di->part->name != 0) {
            di->history[di->history[0] != 0 ? 1 : 0] = di->part->name;
        }
        return;
    }
    for (uint32_t i = di->part->first; i < di->part->end; i = sink_mysql_draft_past(di->dr, i)) {
        if (sink_mysql_is_word(di, i, "COLLATE")) {
            sink_mysql_adapt_collation(di, i);
        } else if (sink_mysql_is_word(di, i, "CHARSET") ||
                   (sink_mysql_is_word(di, i, "CHARACTER") &&
                    sink_mysql_is_word(di, i + 1, "SET"))) {
            sink_mysql_adapt_charset(di, i);
        }
        if (i == di->part->name) {
            continue;
        }
        if (di->how->to_maria) {
            sink_mysql_word_to_maria(di, i);
        } else {
            sink_mysql_word_to_mysql(di, i);
        }
    }
}

void sink_mysql_adapt_dialect(const sink_mysql_rewrite *how, sink_mysql_draft *dr, bool from_maria,
                              sink_mysql_rewritten *out)
{
    sink_mysql_dialect di = {.how = how, .dr = dr, .from_maria = from_maria};
    sink_mysql_part whole = {.first = 1, .end = dr->ntoks - 1, .body = 1};
    if (dr->nparts == 0) {
        di.part = &whole;
        sink_mysql_adapt_part(&di);
    }
    for (uint32_t i = 0; i < dr->nparts; i++) {
        di.part = &dr->parts[i];
        sink_mysql_adapt_part(&di);
    }
    if (!how->to_maria) {
        sink_mysql_drop_if_exists(&di, out);
    }
}
