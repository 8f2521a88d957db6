#include "object.h"

#include <strings.h>

#include "conn.h"
#include "literal.h"

/* What is being rewritten. */
typedef struct object_edit {
    sink_mysql_draft *dr;
    const char *database; /* the source's */
    const cdc_rename *rn;
    sink_mysql_object *out;
    uint32_t name; /* token of the object's name, or of its database in front of it */
    uint32_t rest; /* the token behind it */
} object_edit;

static void replace_tokens(const object_edit *ed, uint32_t first, uint32_t end, const char *text)
{
    const cdc_sql_token *toks = ed->dr->toks;
    size_t at = (size_t)(toks[first].p - ed->dr->sql);
    size_t len = (size_t)(toks[end - 1].p + toks[end - 1].n - toks[first].p);
    sink_mysql_draft_replace(ed->dr, (uint32_t)at, (uint32_t)len, text);
}

static void insert_before(const object_edit *ed, uint32_t tok, const char *text)
{
    size_t at = (size_t)(ed->dr->toks[tok].p - ed->dr->sql);
    sink_mysql_draft_replace(ed->dr, (uint32_t)at, 0, text);
}

/* Behind DEFINER = user. */
static uint32_t past_user(const sink_mysql_draft *dr, uint32_t tok)
{
    if (sink_mysql_draft_is(dr, tok, "CURRENT_USER|CURRENT_ROLE")) {
        return sink_mysql_draft_is_punct(dr, tok + 1, '(') ? sink_mysql_draft_past(dr, tok + 1)
                                                           : tok + 1;
    }
    return sink_mysql_draft_is_punct(dr, tok + 1, '@') ? tok + 3 : tok + 1;
}

/* Behind "db . name" or "name". */
static uint32_t past_name(const sink_mysql_draft *dr, uint32_t tok)
{
    return sink_mysql_draft_is_punct(dr, tok + 1, '.') ? tok + 3 : tok + 1;
}

/* From CREATE to the word that says what it is; 0: none of ours. */
static uint32_t read_head(object_edit *ed)
{
    sink_mysql_draft *dr = ed->dr;
    uint32_t tok = sink_mysql_draft_is(dr, 1, "CREATE") ? 2 : dr->ntoks;
    while (tok < dr->ntoks) {
        if (sink_mysql_draft_is(dr, tok, "VIEW|FUNCTION|PROCEDURE|TRIGGER|EVENT")) {
            return tok;
        }
        if (sink_mysql_draft_is(dr, tok, "DEFINER") && tok + 2 < dr->ntoks) {
            uint32_t end = past_user(dr, tok + 2);
            sink_mysql_draft_remove(dr, tok, end);
            tok = end;
        } else if (sink_mysql_draft_is(dr, tok, "SECURITY") && tok + 1 < dr->ntoks) {
            sink_mysql_draft_token(dr, tok + 1, "INVOKER");
            tok += 2;
        } else if (sink_mysql_draft_is(dr, tok,
                                       "OR|REPLACE|ALGORITHM|UNDEFINED|MERGE|TEMPTABLE|SQL|"
                                       "AGGREGATE") ||
                   sink_mysql_draft_is_punct(dr, tok, '=')) {
            tok++;
        } else {
            break;
        }
    }
    return 0;
}

static const char *quoted_name(const object_edit *ed, const cdc_rename_name *name)
{
    return sink_mysql_draft_format(ed->dr, "%s.%s", sink_mysql_draft_name(ed->dr, name->database),
                                   sink_mysql_draft_name(ed->dr, name->table));
}

/* Maps the table's name that begins at tok; without a database it is in the object's. */
static void map_table(const object_edit *ed, uint32_t tok)
{
    cdc_rename_name to;
    uint32_t end = past_name(ed->dr, tok);
    const char *database = end > tok + 1 ? sink_mysql_draft_text(ed->dr, tok) : ed->database;
    cdc_rename_table(ed->rn, database, sink_mysql_draft_text(ed->dr, end - 1), &to);
    replace_tokens(ed, tok, end, quoted_name(ed, &to));
}

/* Is it a database whose name is another at the target? An alias may be called the same as another
 * database; then only a rule that renames it is believed, not a change of capitals. */
static bool is_mapped_database(const object_edit *ed, const char *name)
{
    char to[CDC_RENAME_MAX];
    cdc_rename_database(ed->rn, name, to);
    return strcmp(name, ed->database) == 0 || strcasecmp(name, to) != 0;
}

/* "db"."table" anywhere in a body. */
static void map_body(const object_edit *ed, uint32_t from)
{
    sink_mysql_draft *dr = ed->dr;
    for (uint32_t tok = from; tok + 2 < dr->ntoks; tok++) {
        if (!cdc_sql_is_name(&dr->toks[tok]) || !sink_mysql_draft_is_punct(dr, tok + 1, '.') ||
            !cdc_sql_is_name(&dr->toks[tok + 2])) {
            continue;
        }
        if (is_mapped_database(ed, sink_mysql_draft_text(dr, tok))) {
            map_table(ed, tok);
        }
        tok += 2;
    }
}

/* The body of a trigger, for everybody but the applier. Gives the body's first token. */
static bool guard_trigger(const object_edit *ed)
{
    sink_mysql_draft *dr = ed->dr;
    uint32_t tok = ed->rest;
    while (tok < dr->ntoks && !sink_mysql_draft_is(dr, tok, "ON")) {
        tok++;
    }
    if (tok + 1 >= dr->ntoks) {
        return false;
    }
    map_table(ed, tok + 1);
    tok = past_name(dr, tok + 1);
    if (!sink_mysql_draft_is(dr, tok, "FOR") || !sink_mysql_draft_is(dr, tok + 2, "ROW")) {
        return false;
    }
    tok += 3;
    tok += sink_mysql_draft_is(dr, tok, "FOLLOWS|PRECEDES") ? 2 : 0;
    uint32_t last = dr->ntoks - 2; /* in front of the end */
    if (tok > last) {
        return false;
    }
    insert_before(ed, tok, "IF " SINK_MYSQL_APPLIER_VARIABLE " IS NULL THEN\n");
    if (sink_mysql_draft_is_punct(dr, last, ';')) {
        sink_mysql_draft_remove(dr, last, last + 1);
    }
    sink_mysql_draft_replace(dr, dr->len, 0, "\n; END IF");
    map_body(ed, tok);
    return true;
}

static bool disable_event(const object_edit *ed)
{
    sink_mysql_draft *dr = ed->dr;
    uint32_t tok = ed->rest;
    bool told = false;
    for (; tok < dr->ntoks && !sink_mysql_draft_is(dr, tok, "DO"); tok++) {
        if (sink_mysql_draft_is(dr, tok, "ENABLE")) {
            sink_mysql_draft_token(dr, tok, "DISABLE");
            told = true;
        } else if (sink_mysql_draft_is(dr, tok, "DISABLE")) {
            told = true;
            if (sink_mysql_draft_is(dr, tok + 1, "ON")) {
                sink_mysql_draft_remove(dr, tok + 1, tok + 3);
            }
        }
    }
    if (tok >= dr->ntoks) {
        return false;
    }
    if (!told) {
        insert_before(ed, tok, "DISABLE ");
    }
    map_body(ed, tok);
    return true;
}

bool sink_mysql_object_rewrite(sink_mysql_draft *dr, const char *database, const cdc_rename *rn,
                               sink_mysql_object *out)
{
    static const char *const kinds[] = {"VIEW", "FUNCTION", "PROCEDURE", "TRIGGER", "EVENT"};
    object_edit ed = {.dr = dr, .database = database, .rn = rn, .out = out};
    uint32_t tok = read_head(&ed);
    if (tok == 0) {
        return false;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        out->kind = sink_mysql_draft_is(dr, tok, kinds[i]) ? kinds[i] : out->kind;
    }
    ed.name = sink_mysql_draft_is(dr, tok + 1, "IF") ? tok + 4 : tok + 1;
    ed.rest = past_name(dr, ed.name);
    if (ed.rest >= dr->ntoks) {
        return false;
    }
    cdc_rename_table(rn, database, sink_mysql_draft_text(dr, ed.rest - 1), &out->name);
    replace_tokens(&ed, ed.name, ed.rest, quoted_name(&ed, &out->name));
    if (strcmp(out->kind, "TRIGGER") == 0) {
        return guard_trigger(&ed);
    }
    if (strcmp(out->kind, "EVENT") == 0) {
        return disable_event(&ed);
    }
    map_body(&ed, ed.rest);
    return true;
}

void sink_mysql_object_exists(const sink_mysql_object *object, cdc_buffer *sql)
{
    static const struct {
        const char *kind, *query;
    } QUERIES[] = {
        {"TABLE", "TABLES WHERE TABLE_SCHEMA=%s AND TABLE_NAME"},
        {"VIEW", "TABLES WHERE TABLE_SCHEMA=%s AND TABLE_NAME"},
        {"FUNCTION",
         "ROUTINES WHERE ROUTINE_TYPE='FUNCTION' AND ROUTINE_SCHEMA=%s AND ROUTINE_NAME"},
        {"PROCEDURE",
         "ROUTINES WHERE ROUTINE_TYPE='PROCEDURE' AND ROUTINE_SCHEMA=%s AND ROUTINE_NAME"},
        {"TRIGGER", "TRIGGERS WHERE TRIGGER_SCHEMA=%s AND TRIGGER_NAME"},
        {"EVENT", "EVENTS WHERE EVENT_SCHEMA=%s AND EVENT_NAME"},
    };
    for (size_t i = 0; i < sizeof QUERIES / sizeof QUERIES[0]; i++) {
        if (strcmp(QUERIES[i].kind, object->kind) != 0) {
            continue;
        }
        const char *mark = strstr(QUERIES[i].query, "%s");
        cdc_buffer_add_str(sql, "SELECT 1 FROM information_schema.");
        cdc_buffer_add(sql, QUERIES[i].query, (size_t)(mark - QUERIES[i].query));
        sink_mysql_add_text(sql, object->name.database, strlen(object->name.database));
        cdc_buffer_add_str(sql, mark + 2);
        cdc_buffer_add_char(sql, '=');
        sink_mysql_add_text(sql, object->name.table, strlen(object->name.table));
    }
}
