/* Names of columns in a definition, for tables with rules in target.rename.columns: where columns
 * are defined, keyed, referenced, ordered by, and inside of expressions. */
#include "rewrite.h"

typedef struct sink_mysql_columns {
    const sink_mysql_rewrite *how;
    sink_mysql_draft *dr;
    const char *database, *table; /* whose columns are named here */
    cdc_error *err;               /* set: it cannot be done surely */
} sink_mysql_columns;

static bool sink_mysql_names(const sink_mysql_columns *cs, uint32_t tok)
{
    return tok > 0 && tok < cs->dr->ntoks && cdc_sql_is_name(&cs->dr->toks[tok]);
}

/* The column's name at the target, or NULL if no rule changes it. */
static const char *sink_mysql_new_column(const sink_mysql_columns *cs, uint32_t tok)
{
    const char *name = sink_mysql_draft_text(cs->dr, tok);
    const char *to = cdc_rename_column(cs->how->rename, cs->database, cs->table, name);
    return to != name ? sink_mysql_draft_name(cs->dr, to) : NULL;
}

static void sink_mysql_rename_column(const sink_mysql_columns *cs, uint32_t tok)
{
    const char *to = sink_mysql_names(cs, tok) ? sink_mysql_new_column(cs, tok) : NULL;
    if (to != NULL) {
        sink_mysql_draft_token(cs->dr, tok, to);
    }
}

static void sink_mysql_unsure(const sink_mysql_columns *cs, uint32_t tok, const char *why)
{
    (void)cdc_error_set(cs->err, CDC_FATAL, "ddl_columns",
                        "target.rename.columns has a rule for column %.*s of %s.%s, which the "
                        "statement names inside of an expression, %s: run it on the target by "
                        "hand, with the names of the target, or write the name in backquotes",
                        (int)cs->dr->toks[tok].n, cs->dr->toks[tok].p, cs->database, cs->table,
                        why);
}

/* Tokens of an expression: what is no function and has a rule is a column. */
static void sink_mysql_rename_expression(const sink_mysql_columns *cs, uint32_t first, uint32_t end)
{
    static const char keywords[] =
        "DATE|TIME|DATETIME|TIMESTAMP|YEAR|QUARTER|MONTH|WEEK|DAY|HOUR|MINUTE|SECOND|MICROSECOND|"
        "CHAR|BINARY|SIGNED|UNSIGNED|DECIMAL|DOUBLE|FLOAT|REAL|JSON|ESCAPE|ARRAY|TYPE|FORMAT";
    sink_mysql_draft *dr = cs->dr;
    for (uint32_t i = first; i < end; i++) {
        if (!sink_mysql_names(cs, i) || sink_mysql_draft_is_punct(dr, i + 1, '(')) {
            continue;
        }
        const char *to = sink_mysql_new_column(cs, i);
        if (to == NULL) {
            continue;
        }
        if (sink_mysql_draft_is_punct(dr, i - 1, '.')) {
            sink_mysql_unsure(cs, i, "together with its table");
        } else if (sink_mysql_draft_is(dr, i, keywords)) {
            sink_mysql_unsure(cs, i, "where it may be a keyword");
        } else {
            sink_mysql_draft_token(dr, i, to);
        }
    }
}

/* "(a, b(10) DESC, (a + 1))" */
static void sink_mysql_rename_list(const sink_mysql_columns *cs, uint32_t open)
{
    sink_mysql_draft *dr = cs->dr;
    bool begins = true;
    for (uint32_t i = open + 1; i < dr->closing[open]; i = sink_mysql_draft_past(dr, i)) {
        if (begins && sink_mysql_draft_is_punct(dr, i, '(')) {
            sink_mysql_rename_expression(cs, i + 1, dr->closing[i]);
        } else if (begins) {
            sink_mysql_rename_column(cs, i);
        }
        begins = sink_mysql_draft_is_punct(dr, i, ',');
    }
}

/* REFERENCES table (columns): by the rules of that table. Gives the token behind. */
static uint32_t sink_mysql_rename_referenced(const sink_mysql_columns *cs, uint32_t tok)
{
    const sink_mysql_draft *dr = cs->dr;
    uint32_t open = tok + 1;
    while (open + 1 < dr->ntoks && open < tok + 5 && !sink_mysql_draft_is_punct(dr, open, '(')) {
        open++;
    }
    for (uint32_t i = 0; i < dr->stmt.nnames; i++) {
        const cdc_sql_name *name = &dr->stmt.names[i];
        if (dr->sql + name->at == dr->toks[tok + 1].p && sink_mysql_draft_is_punct(dr, open, '(')) {
            sink_mysql_columns other = *cs;
            other.database = name->database;
            other.table = name->table;
            sink_mysql_rename_list(&other, open);
        }
    }
    return sink_mysql_draft_past(dr, open);
}

static void sink_mysql_rename_in_column(const sink_mysql_columns *cs, const sink_mysql_part *part)
{
    sink_mysql_draft *dr = cs->dr;
    sink_mysql_rename_column(cs, part->name);
    sink_mysql_rename_column(cs, part->old_name);
    for (uint32_t i = part->body; i < part->end;) {
        if (sink_mysql_draft_is(dr, i, "REFERENCES") && i + 1 < part->end) {
            i = sink_mysql_rename_referenced(cs, i);
            continue;
        }
        if (sink_mysql_draft_is(dr, i, "AFTER")) {
            sink_mysql_rename_column(cs, i + 1);
        } else if (sink_mysql_draft_is_punct(dr, i, '(')) {
            sink_mysql_rename_expression(cs, i + 1, dr->closing[i]);
        }
        i = sink_mysql_draft_past(dr, i);
    }
}

static void sink_mysql_rename_in_key(const sink_mysql_columns *cs, const sink_mysql_part *part)
{
    bool first = true;
    for (uint32_t i = part->body; i < part->end;) {
        if (sink_mysql_draft_is(cs->dr, i, "REFERENCES") && i + 1 < part->end) {
            i = sink_mysql_rename_referenced(cs, i);
            continue;
        }
        if (first && sink_mysql_draft_is_punct(cs->dr, i, '(')) {
            sink_mysql_rename_list(cs, i);
            first = false;
        }
        i = sink_mysql_draft_past(cs->dr, i);
    }
}

/* PARTITION BY ... (columns), PERIOD FOR x (columns), table CHECKs. */
static void sink_mysql_rename_in_other(const sink_mysql_columns *cs, const sink_mysql_part *part)
{
    sink_mysql_draft *dr = cs->dr;
    bool period = sink_mysql_draft_is(dr, part->body, "PERIOD");
    for (uint32_t i = part->first; i < part->end; i = sink_mysql_draft_past(dr, i)) {
        bool by = sink_mysql_draft_is(dr, i - 1, "HASH|KEY|RANGE|LIST|COLUMNS|CHECK") ||
                  (i > 3 && sink_mysql_draft_is(dr, i - 3, "ALGORITHM"));
        if (sink_mysql_draft_is_punct(dr, i, '(') && (by || period)) {
            sink_mysql_rename_expression(cs, i + 1, dr->closing[i]);
        }
    }
}

static void sink_mysql_rename_in_part(const sink_mysql_columns *cs, const sink_mysql_part *part)
{
    switch (part->kind) {
    case SINK_MYSQL_PART_COLUMN:
    case SINK_MYSQL_PART_NAMED:
        sink_mysql_rename_in_column(cs, part);
        break;
    case SINK_MYSQL_PART_KEY:
    case SINK_MYSQL_PART_FOREIGN:
        sink_mysql_rename_in_key(cs, part);
        break;
    case SINK_MYSQL_PART_ORDER:
        sink_mysql_rename_expression(cs, part->body, part->end);
        break;
    case SINK_MYSQL_PART_CHECK:
    case SINK_MYSQL_PART_OTHER:
        sink_mysql_rename_in_other(cs, part);
        break;
    }
}

cdc_rc sink_mysql_rename_columns(const sink_mysql_rewrite *how, sink_mysql_draft *dr,
                                 cdc_error *err)
{
    const cdc_sql_name *names = dr->stmt.names;
    bool any = false;
    for (uint32_t i = 0; i < dr->stmt.nnames && !any; i++) {
        any = cdc_rename_has_columns(how->rename, names[i].database, names[i].table);
    }
    if (!any) {
        return CDC_OK;
    }
    cdc_error_clear(err);
    sink_mysql_columns cs = {how, dr, names[0].database, names[0].table, err};
    for (uint32_t i = 0; i < dr->nparts; i++) {
        sink_mysql_rename_in_part(&cs, &dr->parts[i]);
    }
    for (uint32_t i = 1; i < dr->ntoks && dr->stmt.object == CDC_SQL_INDEX; i++) {
        if (sink_mysql_draft_is_punct(dr, i, '(') &&
            dr->toks[i].p > dr->sql + names[0].at) { /* CREATE INDEX ... ON table ( */
            sink_mysql_rename_list(&cs, i);
            break;
        }
    }
    return err->rc == CDC_OK ? CDC_OK : CDC_FATAL;
}
