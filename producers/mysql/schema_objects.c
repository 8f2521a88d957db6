#include "schema_objects.h"

#include "core/log.h"
#include "names.h"

#define SQL_MAX (1U << 20)
#define OBJECTS_BYTES_MAX (256U << 20)
#define NOT_OURS " NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema')"

typedef struct object_kind {
    const char *option;   /* in schema.objects */
    const char *word;     /* SHOW CREATE word */
    const char *list;     /* gives database, name, and the name that the selection is asked for */
    unsigned text_column; /* of SHOW CREATE's row */
    unsigned sql_mode_column; /* 0: none */
} object_kind;

static const object_kind KINDS[] = {
    {"routines", "FUNCTION",
     "SELECT ROUTINE_SCHEMA, ROUTINE_NAME, ROUTINE_NAME FROM information_schema.ROUTINES WHERE "
     "ROUTINE_TYPE = 'FUNCTION' AND ROUTINE_SCHEMA" NOT_OURS " ORDER BY 1, 2",
     2, 1},
    {"routines", "PROCEDURE",
     "SELECT ROUTINE_SCHEMA, ROUTINE_NAME, ROUTINE_NAME FROM information_schema.ROUTINES WHERE "
     "ROUTINE_TYPE = 'PROCEDURE' AND ROUTINE_SCHEMA" NOT_OURS " ORDER BY 1, 2",
     2, 1},
    {"views", "VIEW",
     "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_NAME FROM information_schema.VIEWS WHERE "
     "TABLE_SCHEMA" NOT_OURS " ORDER BY 1, 2",
     1, 0},
    {"triggers", "TRIGGER",
     "SELECT TRIGGER_SCHEMA, TRIGGER_NAME, EVENT_OBJECT_TABLE FROM information_schema.TRIGGERS "
     "WHERE TRIGGER_SCHEMA" NOT_OURS
     " ORDER BY 1, EVENT_OBJECT_TABLE, ACTION_TIMING, EVENT_MANIPULATION, ACTION_ORDER",
     2, 1},
    {"events", "EVENT",
     "SELECT EVENT_SCHEMA, EVENT_NAME, EVENT_NAME FROM information_schema.EVENTS WHERE "
     "EVENT_SCHEMA" NOT_OURS " ORDER BY 1, 2",
     3, 1},
};

/* Modes under which the same text means something else at a target that has them not. */
static const char *const TEXT_MODES[] = {"ANSI_QUOTES", "PIPES_AS_CONCAT", "NO_BACKSLASH_ESCAPES",
                                         "ORACLE", "IGNORE_SPACE"};

bool src_mysql_schema_has(const cdc_config *cfg, const char *kind)
{
    for (size_t i = 0; i < cdc_config_count(cfg, "schema.objects"); i++) {
        if (strcmp(cdc_config_item(cfg, "schema.objects", i), kind) == 0) {
            return true;
        }
    }
    return false;
}

static const char *text_mode(const char *sql_mode)
{
    for (size_t i = 0; sql_mode != NULL && i < sizeof(TEXT_MODES) / sizeof(TEXT_MODES[0]); i++) {
        if (strstr(sql_mode, TEXT_MODES[i]) != NULL) {
            return TEXT_MODES[i];
        }
    }
    return NULL;
}

static void leave_out(const object_kind *kind, const char *database, const char *name,
                      const char *why, cdc_metric *left_out)
{
    CDC_LOG(CDC_LOG_WARN, "schema_object_left_out", CDC_STR("kind", kind->word),
            CDC_STR("database", database), CDC_STR("name", name), CDC_STR("why", why));
    cdc_metric_add(left_out, 1);
}

static cdc_rc no_memory(cdc_error *err)
{
    return cdc_error_set(err, CDC_FATAL, "memory",
                         "out of memory for the definitions of views, routines and triggers "
                         "(more than %u MB)",
                         OBJECTS_BYTES_MAX >> 20);
}

static cdc_rc add_object(src_mysql_objects *objects, const object_kind *kind, MYSQL_ROW names,
                         const char *sql, size_t len, cdc_error *err)
{
    cdc_arena *ar = &objects->arena;
    if (objects->n == objects->cap) {
        size_t cap = objects->cap > 0 ? objects->cap * 2 : 64;
        src_mysql_object *items = cdc_arena_alloc(ar, cap * sizeof(*items));
        if (items == NULL) {
            return no_memory(err);
        }
        if (objects->n > 0) {
            memcpy(items, objects->items, objects->n * sizeof(*items));
        }
        objects->items = items;
        objects->cap = cap;
    }
    src_mysql_object *object = &objects->items[objects->n];
    object->kind = kind->word;
    object->database = cdc_arena_strndup(ar, names[0], strlen(names[0]));
    object->name = cdc_arena_strndup(ar, names[1], strlen(names[1]));
    object->sql = cdc_arena_strndup(ar, sql, len);
    object->sql_len = len;
    if (object->database == NULL || object->name == NULL || object->sql == NULL) {
        return no_memory(err);
    }
    objects->n++;
    return CDC_OK;
}

/* names: database, name. An object that is gone since it was listed is no error. */
static cdc_rc show_object(src_mysql_objects *objects, src_mysql_connection *conn,
                          const object_kind *kind, MYSQL_ROW names, cdc_metric *left_out,
                          cdc_error *err)
{
    cdc_buffer sql;
    cdc_buffer_init(&sql, SQL_MAX);
    cdc_buffer_addf(&sql, "SHOW CREATE %s ", kind->word);
    src_mysql_add_table(&sql, names[0], names[1]);
    MYSQL_RES *res = NULL;
    cdc_rc rc = src_mysql_select(conn, cdc_buffer_cstr(&sql), &res, err);
    cdc_buffer_fini(&sql);
    if (rc == CDC_FATAL) {
        leave_out(kind, names[0], names[1], err->text, left_out);
        cdc_error_clear(err);
        return CDC_OK;
    }
    if (rc != CDC_OK) {
        return rc;
    }
    MYSQL_ROW row = mysql_fetch_row(res);
    const char *text = row != NULL ? row[kind->text_column] : NULL;
    const char *mode =
        row != NULL && kind->sql_mode_column > 0 ? text_mode(row[kind->sql_mode_column]) : NULL;
    if (text == NULL) {
        leave_out(
            kind, names[0], names[1],
            "the account does not see its text: on MySQL GRANT SHOW_ROUTINE, on MariaDB GRANT "
            "SELECT ON mysql.proc",
            left_out);
    } else if (mode != NULL) {
        leave_out(kind, names[0], names[1],
                  "it was made under an sql_mode that changes how its text is read "
                  "(ANSI_QUOTES, PIPES_AS_CONCAT...): make it at the target by hand",
                  left_out);
    } else {
        rc = add_object(objects, kind, names, text, mysql_fetch_lengths(res)[kind->text_column],
                        err);
    }
    mysql_free_result(res);
    return rc;
}

static cdc_rc load_kind(src_mysql_objects *objects, src_mysql_connection *conn, const cdc_env *env,
                        const object_kind *kind, cdc_error *err)
{
    cdc_metric *left_out = cdc_metrics_number(
        env->metrics, CDC_COUNTER, "sluice_schema_objects_left_out_total", "",
        "Views, routines, triggers and events that the phase schema could not carry.");
    MYSQL_RES *res = NULL;
    cdc_rc rc = src_mysql_select(conn, kind->list, &res, err);
    if (rc != CDC_OK) {
        return rc;
    }
    size_t first = objects->n;
    for (MYSQL_ROW row; rc == CDC_OK && (row = mysql_fetch_row(res)) != NULL;) {
        if (cdc_selection_table(env->selection, row[0], row[2])) {
            rc = show_object(objects, conn, kind, row, left_out, err);
        }
    }
    mysql_free_result(res);
    if (rc == CDC_OK && strcmp(kind->word, "VIEW") == 0 && objects->n > first) {
        src_mysql_objects_order_views(objects->items + first, objects->n - first);
    }
    return rc;
}

/* Does the view's text name the other one? The server prints every name with its database, both
 * quoted. */
static bool reads_view(const src_mysql_object *view, const src_mysql_object *other)
{
    cdc_buffer name;
    cdc_buffer_init(&name, SQL_MAX);
    src_mysql_add_table(&name, other->database, other->name);
    const char *own = memmem(view->sql, view->sql_len, " AS ", 4); /* behind the view's own name */
    size_t at = own != NULL ? (size_t)(own - view->sql) : 0;
    bool found = memmem(view->sql + at, view->sql_len - at, name.data, name.len) != NULL;
    cdc_buffer_fini(&name);
    return found;
}

static bool is_free(const src_mysql_object *views, size_t done, size_t n, size_t at)
{
    for (size_t i = done; i < n; i++) {
        if (i != at && reads_view(&views[at], &views[i])) {
            return false;
        }
    }
    return true;
}

void src_mysql_objects_order_views(src_mysql_object *views, size_t n)
{
    for (size_t done = 0; done < n; done++) {
        size_t at = done;
        while (at < n && !is_free(views, done, n, at)) {
            at++;
        }
        if (at == n) {
            return; /* they name each other in texts only: any order is as good */
        }
        src_mysql_object view = views[at];
        memmove(&views[done + 1], &views[done], (at - done) * sizeof(*views));
        views[done] = view;
    }
}

cdc_rc src_mysql_objects_load(src_mysql_objects *objects, src_mysql_connection *conn,
                              const cdc_env *env, cdc_error *err)
{
    memset(objects, 0, sizeof(*objects));
    cdc_arena_init(&objects->arena, 64 * 1024, OBJECTS_BYTES_MAX);
    cdc_rc rc = CDC_OK;
    for (size_t i = 0; rc == CDC_OK && i < sizeof(KINDS) / sizeof(KINDS[0]); i++) {
        if (src_mysql_schema_has(env->task->cfg, KINDS[i].option)) {
            rc = load_kind(objects, conn, env, &KINDS[i], err);
        }
    }
    return rc;
}

/* Is there one that the selection takes? */
static cdc_rc is_there(src_mysql_connection *conn, const cdc_env *env, const object_kind *kind,
                       bool *found, cdc_error *err)
{
    MYSQL_RES *res = NULL;
    *found = false;
    cdc_rc rc = src_mysql_select(conn, kind->list, &res, err);
    if (rc != CDC_OK) {
        return rc;
    }
    for (MYSQL_ROW row; !*found && (row = mysql_fetch_row(res)) != NULL;) {
        *found = cdc_selection_table(env->selection, row[0], row[2]);
    }
    mysql_free_result(res);
    return CDC_OK;
}

cdc_rc src_mysql_objects_kinds(cdc_catalog *cat, src_mysql_connection *conn, const cdc_env *env,
                               cdc_error *err)
{
    enum { NKINDS = sizeof(KINDS) / sizeof(KINDS[0]) };
    cdc_rc rc = CDC_OK;
    cat->kinds = cdc_arena_zalloc(&cat->arena, NKINDS * sizeof(*cat->kinds));
    if (cat->kinds == NULL) {
        return cdc_error_set(err, CDC_FATAL, "memory", "out of memory for a list");
    }
    for (size_t i = 0; rc == CDC_OK && i < NKINDS; i++) {
        bool found = false;
        if (env->task->phase_schema && src_mysql_schema_has(env->task->cfg, KINDS[i].option)) {
            rc = is_there(conn, env, &KINDS[i], &found, err);
        }
        if (found) {
            cat->kinds[cat->nkinds++] = KINDS[i].word;
        }
    }
    return rc;
}

void src_mysql_objects_fini(src_mysql_objects *objects)
{
    cdc_arena_fini(&objects->arena);
}
