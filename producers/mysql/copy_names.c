/* The tables of a full copy by their names: how tokens name what is done, and what becomes of it
 * when the stream renames, drops, or creates tables. */
#include "copy_plan_state.h"
#include "core/log.h"

/* The database in whose place tables stand that came later: behind all others. No name of a
 * database can hold this character. */
#define LATE "\xf4\x8f\xbf\xbf"

/* A name that a table left in the open transaction: RENAME TABLE t TO old, new TO t gives it to the
 * copy of t that an online schema change has made, and the progress with it. */
typedef struct src_mysql_moved {
    struct src_mysql_moved *next;
    char *was;      /* "database.table" */
    uint32_t table; /* index; ntables: it was copied already */
} src_mysql_moved;

static int compare_order(const void *a, const void *b)
{
    const src_mysql_copy_plan_table *x = a;
    const src_mysql_copy_plan_table *y = b;
    return src_mysql_copy_table_compare(x->order_database, x->order_name, y->order_database,
                                        y->order_name);
}

/* --- names now --- */

static int compare_names(const void *a, const void *b, void *plan_arg)
{
    const src_mysql_copy_plan *plan = plan_arg;
    const src_mysql_copy_plan_table *x = &plan->tables[*(const uint32_t *)a];
    const src_mysql_copy_plan_table *y = &plan->tables[*(const uint32_t *)b];
    int c = src_mysql_copy_table_compare(x->database, x->name, y->database, y->name);
    return c != 0 ? c : (int)x->done - (int)y->done; /* what is not done is found first */
}

void src_mysql_copy_plan_sort_names(src_mysql_copy_plan *plan)
{
    for (uint32_t i = 0; i < plan->ntables; i++) {
        plan->by_name[i] = i;
    }
    qsort_r(plan->by_name, plan->ntables, sizeof(*plan->by_name), compare_names, plan);
    plan->last_uid = 0;
}

uint32_t src_mysql_copy_plan_find(const src_mysql_copy_plan *plan, const char *database,
                                  const char *name)
{
    uint32_t from = 0;
    for (uint32_t to = plan->ntables; from < to;) {
        uint32_t mid = from + (to - from) / 2;
        const src_mysql_copy_plan_table *tbl = &plan->tables[plan->by_name[mid]];
        if (src_mysql_copy_table_compare(tbl->database, tbl->name, database, name) < 0) {
            from = mid + 1;
        } else {
            to = mid;
        }
    }
    uint32_t i = from < plan->ntables ? plan->by_name[from] : plan->ntables;
    if (i == plan->ntables || plan->tables[i].done ||
        src_mysql_copy_table_compare(plan->tables[i].database, plan->tables[i].name, database,
                                     name) != 0) {
        return plan->ntables;
    }
    return i;
}

/* `was` is "database.table", and both may hold dots. */
static bool is_joined(const char *was, const char *database, const char *name)
{
    size_t n = strlen(database);
    return strncmp(was, database, n) == 0 && was[n] == '.' && strcmp(was + n + 1, name) == 0;
}

static uint32_t find_joined(const src_mysql_copy_plan *plan, const char *was)
{
    for (uint32_t i = 0; i < plan->ntables; i++) {
        const src_mysql_copy_plan_table *tbl = &plan->tables[i];
        if (!tbl->done && is_joined(was, tbl->database, tbl->name)) {
            return i;
        }
    }
    return plan->ntables;
}

static bool set_name(char **to, const char *name)
{
    char *copy = strdup(name);
    if (copy != NULL) {
        free(*to);
        *to = copy;
    }
    return copy != NULL;
}

/* --- marks --- */

static void free_mark(src_mysql_mark *mark)
{
    free(mark->database);
    free(mark->table);
    free(mark->was_database);
    free(mark->was_table);
    free(mark);
}

static bool add_mark(src_mysql_copy_plan *plan, const char *database, const char *table,
                     const char *was_database, const char *was_table)
{
    src_mysql_mark *mark = calloc(1, sizeof(*mark));
    if (mark == NULL) {
        return false;
    }
    mark->database = strdup(database);
    mark->table = strdup(table);
    mark->was_database = was_table != NULL ? strdup(was_database) : NULL;
    mark->was_table = was_table != NULL ? strdup(was_table) : NULL;
    mark->next = plan->marks;
    plan->marks = mark;
    return mark->database != NULL && mark->table != NULL &&
           (was_table == NULL || (mark->was_database != NULL && mark->was_table != NULL));
}

static const src_mysql_mark *find_mark(const src_mysql_copy_plan *plan, const char *database,
                                       const char *table)
{
    const src_mysql_mark *mark = plan->marks;
    while (mark != NULL &&
           src_mysql_copy_table_compare(mark->database, mark->table, database, table) != 0) {
        mark = mark->next;
    }
    return mark;
}

static bool is_mark_over(const src_mysql_copy_plan *plan, const src_mysql_mark *mark)
{
    return mark->was_table == NULL &&
           src_mysql_copy_table_compare(mark->database, mark->table, plan->pos.database,
                                        plan->pos.table) < 0;
}

/* Marks of tables that the copy has passed say no more than their names. */
static void prune_marks(src_mysql_copy_plan *plan, const char *database, const char *table)
{
    src_mysql_mark **at = &plan->marks;
    while (*at != NULL) {
        src_mysql_mark *mark = *at;
        bool named = database != NULL && src_mysql_copy_table_compare(mark->database, mark->table,
                                                                      database, table) == 0;
        if (named || is_mark_over(plan, mark)) {
            *at = mark->next;
            free_mark(mark);
        } else {
            at = &mark->next;
        }
    }
    plan->pos.marks = plan->marks;
}

/* A table with another name than its place: the mark says where it belongs, and when it is done,
 * that it is not to be copied. */
static bool mark_renamed(src_mysql_copy_plan *plan, const src_mysql_copy_plan_table *tbl)
{
    prune_marks(plan, tbl->database, tbl->name);
    bool ok = tbl->done
                  ? add_mark(plan, tbl->database, tbl->name, NULL, NULL)
                  : add_mark(plan, tbl->database, tbl->name, tbl->order_database, tbl->order_name);
    plan->pos.marks = plan->marks;
    return ok;
}

/* --- places --- */

static unsigned long late_number(const char *database, const char *name)
{
    return strcmp(database, LATE) == 0 ? strtoul(name, NULL, 10) : 0;
}

/* The table's place is behind all others. */
static bool place_late(const src_mysql_copy_plan *plan, src_mysql_copy_plan_table *late)
{
    unsigned long number = late_number(plan->pos.database, plan->pos.table);
    for (uint32_t i = 0; i < plan->ntables; i++) {
        const src_mysql_copy_plan_table *tbl = &plan->tables[i];
        unsigned long taken = late_number(tbl->order_database, tbl->order_name);
        number = taken > number ? taken : number;
    }
    for (const src_mysql_mark *mark = plan->marks; mark != NULL; mark = mark->next) {
        unsigned long taken =
            mark->was_table != NULL ? late_number(mark->was_database, mark->was_table) : 0;
        number = taken > number ? taken : number;
    }
    char order[24];
    snprintf(order, sizeof(order), "%010lu", number + 1);
    return set_name(&late->order_database, LATE) && set_name(&late->order_name, order);
}

/* --- the position --- */

static void set_word(src_mysql_copy_plan *plan, char **owned, const char **word, const char *text)
{
    if (strcmp(*word, text) == 0) {
        return;
    }
    if (set_name(owned, text)) {
        *word = *owned;
    } else {
        src_mysql_copy_plan_no_memory(plan);
    }
}

/* The position's words are its own: the reader makes tokens of them while workers change tables. */
static void set_place(src_mysql_copy_plan *plan, const char *database, const char *table)
{
    set_word(plan, &plan->pos_database, &plan->pos.database, database);
    set_word(plan, &plan->pos_table, &plan->pos.table, table);
}

static void set_key(src_mysql_copy_plan *plan, const src_mysql_copy_plan_table *tbl)
{
    set_word(plan, &plan->pos_key, &plan->pos.key, tbl->key != NULL ? tbl->key : "");
    plan->pos.key_definition = tbl->key != NULL ? tbl->key_definition : 0;
}

/* How far the copy is. Only what is handed over moves it: by then the stream has passed the place
 * where the list was read, and no table comes any more that had another name there. */
static void set_position(src_mysql_copy_plan *plan)
{
    const src_mysql_copy_plan_table *now =
        plan->first < plan->ntables ? &plan->tables[plan->first] : NULL;
    const src_mysql_copy_plan_table none = {.order_database = NULL};
    bool inside = now != NULL && now->key != NULL;
    plan->pos.rows = plan->rows;
    plan->pos.bytes = plan->bytes;
    plan->pos.table_done = !inside && plan->first > 0;
    plan->pos.chunk = inside ? now->chunk : 0;
    set_key(plan, inside ? now : &none);
    const src_mysql_copy_plan_table *at = inside            ? now
                                          : plan->first > 0 ? &plan->tables[plan->first - 1]
                                                            : NULL;
    set_place(plan, at != NULL ? at->order_database : "", at != NULL ? at->order_name : "");
}

/* Its table may start over, or have been dropped: then nothing is left of it, and whatever gets its
 * name has no part in its progress. */
static void keep_position(src_mysql_copy_plan *plan)
{
    src_mysql_position *pos = &plan->pos;
    const src_mysql_copy_plan_table none = {.order_database = NULL};
    for (uint32_t i = 0; !pos->table_done && i < plan->ntables; i++) {
        const src_mysql_copy_plan_table *tbl = &plan->tables[i];
        if (src_mysql_copy_table_compare(tbl->order_database, tbl->order_name, pos->database,
                                         pos->table) == 0) {
            set_key(plan, tbl->done ? &none : tbl);
            pos->table_done = tbl->done;
            pos->chunk = tbl->chunk;
        }
    }
}

void src_mysql_copy_plan_advance(src_mysql_copy_plan *plan, bool handed_over)
{
    uint32_t was = plan->first;
    while (plan->first < plan->ntables && plan->tables[plan->first].done) {
        plan->first++;
    }
    if (handed_over) {
        set_position(plan);
    } else {
        keep_position(plan);
    }
    plan->last_uid = 0;
    for (uint32_t i = was; plan->marks != NULL && i < plan->first; i++) {
        src_mysql_copy_plan_table *tbl = &plan->tables[i];
        const src_mysql_mark *mark = find_mark(plan, tbl->database, tbl->name);
        bool mine = mark != NULL && mark->was_table != NULL &&
                    src_mysql_copy_table_compare(mark->was_database, mark->was_table,
                                                 tbl->order_database, tbl->order_name) == 0;
        if (mine && !mark_renamed(plan, tbl)) {
            src_mysql_copy_plan_no_memory(plan);
        }
    }
    if (plan->marks != NULL) {
        prune_marks(plan, NULL, NULL);
    }
}

/* --- tokens --- */

static bool load_marks(src_mysql_copy_plan *plan, const src_mysql_mark *marks)
{
    bool ok = true;
    for (const src_mysql_mark *mark = marks; ok && mark != NULL; mark = mark->next) {
        ok = add_mark(plan, mark->database, mark->table, mark->was_database, mark->was_table);
        uint32_t i = src_mysql_copy_plan_find(plan, mark->database, mark->table);
        if (!ok || i == plan->ntables) {
            continue;
        }
        src_mysql_copy_plan_table *tbl = &plan->tables[i];
        if (mark->was_table == NULL) {
            tbl->done = true;
        } else {
            ok = set_name(&tbl->order_database, mark->was_database) &&
                 set_name(&tbl->order_name, mark->was_table);
        }
    }
    return ok;
}

static bool is_place_taken(const src_mysql_copy_plan *plan, const src_mysql_copy_plan_table *tbl)
{
    const src_mysql_mark *mark = plan->marks;
    while (mark != NULL && (mark->was_table == NULL ||
                            src_mysql_copy_table_compare(mark->was_database, mark->was_table,
                                                         tbl->database, tbl->name) != 0)) {
        mark = mark->next;
    }
    return mark != NULL;
}

/* No two tables have one place. A name that was another's when the copy began tells no place: it is
 * of a table that need not be copied, or of one that got it behind the token, as the stream will
 * say. */
static bool separate_places(src_mysql_copy_plan *plan)
{
    bool ok = true;
    for (uint32_t i = 0; ok && plan->marks != NULL && i < plan->ntables; i++) {
        src_mysql_copy_plan_table *tbl = &plan->tables[i];
        const src_mysql_mark *mark = find_mark(plan, tbl->database, tbl->name);
        if ((mark == NULL || mark->was_table == NULL) && is_place_taken(plan, tbl)) {
            ok = place_late(plan, tbl) && (mark != NULL || mark_renamed(plan, tbl));
        }
    }
    return ok;
}

/* The table in whose midst the token is was renamed or dropped since: the stream will say. */
static bool add_missing(src_mysql_copy_plan *plan, const src_mysql_position *from)
{
    for (uint32_t i = 0; i < plan->ntables; i++) {
        if (src_mysql_copy_table_compare(plan->tables[i].order_database, plan->tables[i].order_name,
                                         from->database, from->table) == 0) {
            return true;
        }
    }
    const src_mysql_mark *mark = from->marks;
    while (mark != NULL && (mark->was_table == NULL || strcmp(mark->was_table, from->table) != 0 ||
                            strcmp(mark->was_database, from->database) != 0)) {
        mark = mark->next;
    }
    src_mysql_copy_plan_table *tbl = &plan->tables[plan->ntables++];
    tbl->transactional = true;
    return set_name(&tbl->database, mark != NULL ? mark->database : from->database) &&
           set_name(&tbl->name, mark != NULL ? mark->table : from->table) &&
           set_name(&tbl->order_database, from->database) &&
           set_name(&tbl->order_name, from->table);
}

static bool set_progress(src_mysql_copy_plan_table *tbl, const src_mysql_position *from)
{
    int c = src_mysql_copy_table_compare(tbl->order_database, tbl->order_name, from->database,
                                         from->table);
    if (c < 0 || (c == 0 && from->table_done)) {
        tbl->done = true;
    } else if (c == 0 && !tbl->done && from->key[0] != '\0') {
        tbl->is_known = true; /* whole tables have no midst */
        tbl->chunk = from->chunk;
        tbl->key_definition = from->key_definition;
        return set_name(&tbl->key, from->key) && set_name(&tbl->cut, from->key);
    }
    return true;
}

static bool load_position(src_mysql_copy_plan *plan, const src_mysql_position *from)
{
    src_mysql_position *pos = &plan->pos;
    pos->rows = plan->rows = from->rows;
    pos->bytes = plan->bytes = from->bytes;
    set_place(plan, from->database, from->table);
    pos->table_done = from->table_done;
    pos->chunk = from->chunk;
    return !plan->failed;
}

/* What of the rows that were copied before belongs to the table in hand, for the estimate. */
static void share_rows(src_mysql_copy_plan *plan)
{
    uint64_t left = plan->rows;
    for (uint32_t i = 0; i < plan->first; i++) {
        uint64_t rows = plan->tables[i].rows_estimated;
        left -= rows < left ? rows : left;
    }
    if (plan->first < plan->ntables) {
        plan->tables[plan->first].rows_before = left;
    }
}

bool src_mysql_copy_plan_load(src_mysql_copy_plan *plan, const src_mysql_position *from)
{
    bool ok = true;
    src_mysql_copy_plan_sort_names(plan);
    if (from != NULL && from->stage == SRC_MYSQL_ROWS) {
        ok = load_position(plan, from) && load_marks(plan, from->marks) && separate_places(plan);
        if (ok && from->table[0] != '\0' && !from->table_done) {
            ok = add_missing(plan, from);
        }
    }
    qsort(plan->tables, plan->ntables, sizeof(*plan->tables), compare_order);
    for (uint32_t i = 0; ok && from != NULL && from->table[0] != '\0' && i < plan->ntables; i++) {
        ok = set_progress(&plan->tables[i], from);
    }
    src_mysql_copy_plan_sort_names(plan);
    src_mysql_copy_plan_advance(plan, false);
    share_rows(plan);
    return ok;
}

/* --- definition changes --- */

static bool remember_moved(src_mysql_copy_plan *plan, const char *was, uint32_t table)
{
    src_mysql_moved *moved = calloc(1, sizeof(*moved));
    char *copy = strdup(was);
    if (moved == NULL || copy == NULL) {
        free(moved);
        free(copy);
        return false;
    }
    *moved = (src_mysql_moved){.next = plan->moved, .was = copy, .table = table};
    plan->moved = moved;
    return true;
}

void src_mysql_copy_plan_commit(src_mysql_copy_plan *plan)
{
    if (plan->renamed) {
        plan->renamed = false;
        plan->first = 0;
        src_mysql_copy_plan_advance(plan, false);
        plan->pos.marks = plan->marks;
        pthread_cond_broadcast(&plan->changed);
    }
    while (plan->moved != NULL) {
        src_mysql_moved *moved = plan->moved;
        plan->moved = moved->next;
        free(moved->was);
        free(moved);
    }
}

void src_mysql_copy_plan_names_fini(src_mysql_copy_plan *plan)
{
    src_mysql_copy_plan_commit(plan);
    free(plan->pos_database);
    free(plan->pos_table);
    free(plan->pos_key);
    while (plan->marks != NULL) {
        src_mysql_mark *mark = plan->marks;
        plan->marks = mark->next;
        free_mark(mark);
    }
}

bool src_mysql_copy_plan_captured(const src_mysql_copy_plan *plan, const char *database,
                                  const char *name)
{
    const src_mysql_mark *mark = find_mark(plan, database, name);
    if (mark != NULL) {
        return mark->was_table == NULL;
    }
    /* what the list lacks and the position has not passed was renamed before the list was read */
    int c = src_mysql_copy_table_compare(database, name, plan->pos.database, plan->pos.table);
    return c < 0 || (c == 0 && plan->pos.table_done);
}

/* A table that is ours now and whose rows nobody has: it came in by its new name, or the list was
 * read while it changed its name. It is copied behind the others. */
static bool add_late(src_mysql_copy_plan *plan, const char *database, const char *name)
{
    size_t n = plan->ntables + 1;
    src_mysql_copy_plan_table *tables = realloc(plan->tables, n * sizeof(*tables));
    plan->tables = tables != NULL ? tables : plan->tables;
    uint32_t *by_name = realloc(plan->by_name, n * sizeof(*by_name));
    plan->by_name = by_name != NULL ? by_name : plan->by_name;
    if (tables == NULL || by_name == NULL) {
        return false;
    }
    src_mysql_copy_plan_table *tbl = &plan->tables[plan->ntables];
    memset(tbl, 0, sizeof(*tbl));
    tbl->transactional = true;
    CDC_LOG(CDC_LOG_INFO, "copy_table_added", CDC_STR("database", database),
            CDC_STR("table", name));
    bool ok =
        set_name(&tbl->database, database) && set_name(&tbl->name, name) && place_late(plan, tbl);
    plan->ntables++;
    return ok && mark_renamed(plan, tbl);
}

/* It comes back under the name that it has left: what was handed over of it counts. */
static bool revive(src_mysql_copy_plan *plan, uint32_t table)
{
    src_mysql_copy_plan_table *tbl = &plan->tables[table];
    tbl->done = tbl->all_cut = false;
    free(tbl->cut);
    tbl->cut = NULL;
    src_mysql_copy_plan_poison(plan, table);
    bool renamed = src_mysql_copy_table_compare(tbl->database, tbl->name, tbl->order_database,
                                                tbl->order_name) != 0;
    return (tbl->key == NULL || set_name(&tbl->cut, tbl->key)) &&
           (!renamed || mark_renamed(plan, tbl));
}

static bool rename_table(src_mysql_copy_plan *plan, uint32_t table, const cdc_event *ev)
{
    uint32_t other = src_mysql_copy_plan_find(plan, ev->ddl_database, ev->ddl_table);
    src_mysql_copy_plan_table *tbl = &plan->tables[table];
    src_mysql_copy_plan_poison(plan, table);
    if (!cdc_selection_table(plan->selection, ev->ddl_database, ev->ddl_table)) {
        src_mysql_copy_plan_drop(plan, table);
        prune_marks(plan, tbl->database, tbl->name);
        return remember_moved(plan, ev->ddl_was, table);
    }
    if (other < plan->ntables && other != table) {
        src_mysql_copy_plan_drop(plan, other); /* the list was read after the renaming */
    }
    prune_marks(plan, tbl->database, tbl->name);
    return set_name(&tbl->database, ev->ddl_database) && set_name(&tbl->name, ev->ddl_table) &&
           mark_renamed(plan, tbl);
}

/* A table that is not to be copied gets a name: it was copied before, or it is not ours. */
static bool rename_other(src_mysql_copy_plan *plan, const cdc_event *ev)
{
    uint32_t table = src_mysql_copy_plan_find(plan, ev->ddl_database, ev->ddl_table);
    for (const src_mysql_moved *moved = plan->moved; moved != NULL; moved = moved->next) {
        if (is_joined(moved->was, ev->ddl_database, ev->ddl_table)) {
            return moved->table < plan->ntables
                       ? revive(plan, moved->table)
                       : add_mark(plan, ev->ddl_database, ev->ddl_table, NULL, NULL);
        }
    }
    char was[1024];
    snprintf(was, sizeof(was), "%s", ev->ddl_was);
    char *dot = strchr(was, '.');
    if (dot == NULL) {
        return true;
    }
    *dot = '\0';
    bool to_ours = cdc_selection_table(plan->selection, ev->ddl_database, ev->ddl_table);
    if (!cdc_selection_table(plan->selection, was, dot + 1) ||
        !src_mysql_copy_plan_captured(plan, was, dot + 1)) {
        prune_marks(plan, was, dot + 1);
        if (table < plan->ntables) { /* the list was read after the renaming */
            src_mysql_copy_plan_poison(plan, table);
            return true;
        }
        return !to_ours || add_late(plan, ev->ddl_database, ev->ddl_table);
    }
    prune_marks(plan, was, dot + 1);
    if (table < plan->ntables) {
        src_mysql_copy_plan_drop(plan, table);
    }
    return to_ours ? add_mark(plan, ev->ddl_database, ev->ddl_table, NULL, NULL)
                   : remember_moved(plan, ev->ddl_was, plan->ntables);
}

static void poison_database(src_mysql_copy_plan *plan, const char *database)
{
    for (uint32_t i = plan->first; i < plan->ntables; i++) {
        const src_mysql_copy_plan_table *tbl = &plan->tables[i];
        if (!tbl->done && (database[0] == '\0' || strcmp(tbl->database, database) == 0)) {
            src_mysql_copy_plan_poison(plan, i);
        }
    }
}

static bool change_table(src_mysql_copy_plan *plan, const cdc_event *ev)
{
    uint32_t table = src_mysql_copy_plan_find(plan, ev->ddl_database, ev->ddl_table);
    if (table < plan->ntables && ev->ddl == CDC_DDL_ERASE) {
        src_mysql_copy_plan_drop(plan, table);
    } else if (table < plan->ntables) {
        src_mysql_copy_plan_poison(plan, table);
    } else if (ev->ddl == CDC_DDL_ERASE) {
        prune_marks(plan, ev->ddl_database, ev->ddl_table);
    } else if (ev->ddl == CDC_DDL_CREATE &&
               find_mark(plan, ev->ddl_database, ev->ddl_table) == NULL) {
        return add_mark(plan, ev->ddl_database, ev->ddl_table, NULL, NULL);
    }
    return true;
}

bool src_mysql_copy_plan_ddl(src_mysql_copy_plan *plan, const cdc_event *ev)
{
    bool ok = true;
    if (plan->complete) {
        return true;
    }
    if (ev->ddl_table[0] == '\0') {
        poison_database(plan, ev->ddl_database);
    } else if (ev->ddl == CDC_DDL_RENAME) {
        uint32_t table = find_joined(plan, ev->ddl_was);
        ok = table < plan->ntables ? rename_table(plan, table, ev) : rename_other(plan, ev);
    } else {
        ok = change_table(plan, ev);
    }
    src_mysql_copy_plan_sort_names(plan);
    plan->renamed = true;
    pthread_cond_broadcast(&plan->changed);
    return ok;
}
