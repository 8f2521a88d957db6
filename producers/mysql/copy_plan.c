#include <errno.h>

#include "copy_key.h"
#include "copy_plan_state.h"
#include "core/clock.h"

#define PIECES_BYTES ((size_t)3 << 20)  /* decoded rows that may wait for the stream */
#define TOUCHED_BYTES ((size_t)4 << 20) /* touched keys of all ranges that are being read */
#define TOUCHED_BYTES_MIN ((size_t)256 << 10)
#define RANGES_MAX 64U /* beside those in hand: small tables wait for the stream */
#define POOL_MAX 2U
#define FIRST_ROWS 2000U /* of a table whose rows are of unknown size */
#define OVERFLOWS_MAX 2U /* after so many the stream is held while the range is begun */

/* --- definitions --- */

src_mysql_shared_table *src_mysql_shared_table_new(src_mysql_table *tbl_take,
                                                   uint32_t key_definition)
{
    src_mysql_shared_table *def = calloc(1, sizeof(*def));
    if (def == NULL) {
        src_mysql_table_free(tbl_take);
        return NULL;
    }
    atomic_init(&def->refs, 1);
    def->tbl = tbl_take;
    def->key_definition = key_definition;
    return def;
}

void src_mysql_shared_table_unref(src_mysql_shared_table *def)
{
    if (def != NULL && atomic_fetch_sub(&def->refs, 1) == 1) {
        src_mysql_table_free(def->tbl);
        free(def);
    }
}

static src_mysql_shared_table *shared_ref(src_mysql_shared_table *def)
{
    if (def != NULL) {
        atomic_fetch_add(&def->refs, 1);
    }
    return def;
}

/* --- ranges --- */

static void free_piece(src_mysql_copy_plan *plan, src_mysql_piece *piece)
{
    if (piece == NULL) {
        return;
    }
    if (piece->batch != NULL) {
        cdc_batch_reset(piece->batch);
        if (plan->npool < POOL_MAX) {
            piece->batch->next = plan->pool;
            plan->pool = piece->batch;
            plan->npool++;
        } else {
            cdc_batch_free(piece->batch);
        }
    }
    src_mysql_row_index_fini(&piece->index);
    free(piece->key);
    free(piece);
}

src_mysql_piece *src_mysql_range_take_piece(src_mysql_copy_plan *plan, src_mysql_range *range)
{
    src_mysql_piece *piece = range->first;
    range->first = piece->next;
    range->last = range->first != NULL ? range->last : NULL;
    piece->next = NULL;
    plan->pieces_bytes -= cdc_batch_bytes(piece->batch);
    return piece;
}

void src_mysql_range_drop_pieces(src_mysql_copy_plan *plan, src_mysql_range *range)
{
    while (range->first != NULL) {
        free_piece(plan, src_mysql_range_take_piece(plan, range));
    }
}

static void free_range(src_mysql_copy_plan *plan, src_mysql_range *range)
{
    src_mysql_range_drop_pieces(plan, range);
    src_mysql_key_set_fini(&range->touched);
    src_mysql_shared_table_unref(range->def);
    free(range->from);
    free(range->to);
    free(range);
}

static void let_stream_go(src_mysql_copy_plan *plan, const src_mysql_range *range)
{
    if (plan->held == range) {
        plan->held = NULL;
    }
}

void src_mysql_range_remove(src_mysql_copy_plan *plan, src_mysql_range *range)
{
    src_mysql_range **at = &plan->ranges;
    while (*at != range) {
        at = &(*at)->next;
    }
    *at = range->next;
    range->next = NULL;
    plan->nranges--;
    let_stream_go(plan, range);
    if (range->state == SRC_MYSQL_RANGE_READING) {
        range->stale = range->dropped = true;
        src_mysql_range_drop_pieces(plan, range);
    } else {
        free_range(plan, range);
    }
}

/* behind NULL: behind the ranges of its table and of those before it. NULL: no memory. */
static src_mysql_range *add_range(src_mysql_copy_plan *plan, uint32_t table, const char *from,
                                  const char *to, src_mysql_range *behind)
{
    src_mysql_range *range = calloc(1, sizeof(*range));
    char *from_copy = strdup(from);
    char *to_copy = strdup(to);
    if (range == NULL || from_copy == NULL || to_copy == NULL) {
        free(range);
        free(from_copy);
        free(to_copy);
        return NULL;
    }
    size_t max = TOUCHED_BYTES / plan->threads;
    range->table = table;
    range->from = from_copy;
    range->to = to_copy;
    src_mysql_key_set_init(&range->touched, max > TOUCHED_BYTES_MIN ? max : TOUCHED_BYTES_MIN);
    src_mysql_range **at = behind != NULL ? &behind->next : &plan->ranges;
    while (behind == NULL && *at != NULL && (*at)->table <= table) {
        at = &(*at)->next;
    }
    range->next = *at;
    *at = range;
    plan->nranges++;
    return range;
}

void src_mysql_copy_plan_no_memory(src_mysql_copy_plan *plan)
{
    if (!plan->failed) {
        (void)cdc_error_set(&plan->err, CDC_FATAL, "memory", "out of memory for the full copy");
        plan->failed = true;
    }
}

static void begin_again(src_mysql_range *range)
{
    range->state = SRC_MYSQL_RANGE_PENDING;
    range->stale = range->registered = range->has_high = range->gone = range->opened = false;
    src_mysql_key_set_fini(&range->touched);
    src_mysql_shared_table_unref(range->def);
    range->def = NULL;
}

void src_mysql_range_split(src_mysql_copy_plan *plan, src_mysql_range *range)
{
    let_stream_go(plan, range);
    if (range->last == NULL) {
        begin_again(range);
        return;
    }
    src_mysql_range *rest = add_range(plan, range->table, range->last->key, range->to, range);
    char *to = strdup(range->last->key);
    if (rest == NULL || to == NULL) {
        free(to);
        src_mysql_copy_plan_no_memory(plan);
        return;
    }
    rest->overflows = range->overflows;
    free(range->to);
    range->to = to;
    range->state = SRC_MYSQL_RANGE_READ;
    range->stale = range->registered = false;
    src_mysql_key_set_fini(&range->touched);
}

void src_mysql_copy_plan_poison(src_mysql_copy_plan *plan, uint32_t table)
{
    src_mysql_copy_plan_table *tbl = &plan->tables[table];
    tbl->generation++;
    src_mysql_shared_table_unref(tbl->def);
    tbl->def = NULL;
    for (src_mysql_range *range = plan->ranges; range != NULL; range = range->next) {
        if (range->table != table) {
            continue;
        }
        src_mysql_range_drop_pieces(plan, range);
        range->dirty = true;
        if (range->state == SRC_MYSQL_RANGE_READING) {
            range->stale = true;
        } else {
            let_stream_go(plan, range);
            begin_again(range);
        }
    }
    pthread_cond_broadcast(&plan->changed);
}

static void remove_ranges(src_mysql_copy_plan *plan, uint32_t table)
{
    src_mysql_range *next;
    for (src_mysql_range *range = plan->ranges; range != NULL; range = next) {
        next = range->next;
        if (range->table == table) {
            src_mysql_range_remove(plan, range);
        }
    }
    pthread_cond_broadcast(&plan->changed);
}

void src_mysql_copy_plan_restart(src_mysql_copy_plan *plan, uint32_t table)
{
    src_mysql_copy_plan_table *tbl = &plan->tables[table];
    remove_ranges(plan, table);
    free(tbl->cut);
    free(tbl->key);
    tbl->cut = tbl->key = NULL;
    tbl->all_cut = false;
}

void src_mysql_copy_plan_drop(src_mysql_copy_plan *plan, uint32_t table)
{
    src_mysql_copy_plan_table *tbl = &plan->tables[table];
    tbl->generation++;
    tbl->done = true;
    remove_ranges(plan, table);
    plan->last_uid = 0;
}

/* --- work --- */

void src_mysql_work_fini(src_mysql_work *work)
{
    src_mysql_shared_table_unref(work->def);
    free(work->database);
    free(work->name);
    free(work->from);
    free(work->to);
    memset(work, 0, sizeof(*work));
}

/* How many rows make about what a worker may have in hand. */
static uint64_t rows_wanted(const src_mysql_copy_plan *plan, const src_mysql_copy_plan_table *tbl)
{
    size_t share = plan->pieces_max / (plan->threads + 1);
    uint64_t rows = FIRST_ROWS;
    if (tbl->rows > 0) {
        size_t overhead = sizeof(cdc_event) + tbl->def->tbl->ncols * sizeof(cdc_value);
        rows = share / (tbl->bytes / tbl->rows + overhead) + 1;
    }
    return rows < plan->chunk_rows ? rows : plan->chunk_rows;
}

static bool fill_work(src_mysql_copy_plan *plan, src_mysql_work *work, src_mysql_work_kind kind,
                      uint32_t table, src_mysql_range *range)
{
    src_mysql_copy_plan_table *tbl = &plan->tables[table];
    const char *from = range != NULL ? range->from : tbl->cut != NULL ? tbl->cut : "";
    *work = (src_mysql_work){
        .kind = kind,
        .range = range,
        .def = shared_ref(tbl->def),
        .table = table,
        .generation = tbl->generation,
        .database = strdup(tbl->database),
        .name = strdup(tbl->name),
        .from = strdup(from),
        .to = strdup(range != NULL ? range->to : ""),
        .whole = tbl->whole,
        .transactional = tbl->transactional,
        .rows = kind == SRC_MYSQL_WORK_CUT ? rows_wanted(plan, tbl) : 0,
    };
    if (work->database == NULL || work->name == NULL || work->from == NULL || work->to == NULL) {
        src_mysql_work_fini(work);
        src_mysql_copy_plan_no_memory(plan);
        return false;
    }
    tbl->cutting = kind != SRC_MYSQL_WORK_READ;
    if (range != NULL) {
        range->state = SRC_MYSQL_RANGE_READING;
        range->def = shared_ref(tbl->def);
    }
    return true;
}

/* A range that waits to be read. Without room for more rows only the very first is taken. */
static src_mysql_range *find_pending(src_mysql_copy_plan *plan, bool room)
{
    for (src_mysql_range *range = plan->ranges; range != NULL; range = range->next) {
        const src_mysql_copy_plan_table *tbl = &plan->tables[range->table];
        bool first = range == plan->ranges && range->table == plan->first;
        if (range->state == SRC_MYSQL_RANGE_PENDING && !tbl->cutting &&
            (first || (room && !tbl->whole))) {
            return range;
        }
    }
    return NULL;
}

/* The first table that can be defined or cut; ntables: none. Those that are one range are cut here.
 */
static uint32_t find_uncut(src_mysql_copy_plan *plan, bool room)
{
    for (uint32_t i = plan->first; i < plan->ntables; i++) {
        src_mysql_copy_plan_table *tbl = &plan->tables[i];
        if (tbl->done || tbl->all_cut || tbl->cutting) {
            continue;
        }
        if (i != plan->first && (!room || plan->nranges >= RANGES_MAX + plan->threads)) {
            break;
        }
        if (tbl->def == NULL || !(tbl->whole || tbl->one_range)) {
            return i;
        }
        tbl->all_cut = true;
        if (add_range(plan, i, tbl->cut != NULL ? tbl->cut : "", "", NULL) == NULL) {
            src_mysql_copy_plan_no_memory(plan);
        }
    }
    return plan->ntables;
}

/* Work that is there now: what comes first in the copy's order. */
static bool find_work(src_mysql_copy_plan *plan, src_mysql_work *work)
{
    bool room = plan->pieces_bytes < plan->pieces_max;
    uint32_t table = plan->ntables;
    src_mysql_range *range = find_pending(plan, room);
    if (range == NULL) {
        table = find_uncut(plan, room);
        range = table == plan->ntables ? find_pending(plan, room) : NULL;
    }
    if (range != NULL) {
        bool defined = plan->tables[range->table].def != NULL;
        return fill_work(plan, work, defined ? SRC_MYSQL_WORK_READ : SRC_MYSQL_WORK_DEFINE,
                         range->table, defined ? range : NULL);
    }
    if (table == plan->ntables) {
        return false;
    }
    bool defined = plan->tables[table].def != NULL;
    return fill_work(plan, work, defined ? SRC_MYSQL_WORK_CUT : SRC_MYSQL_WORK_DEFINE, table, NULL);
}

/* False: the time is over. */
static bool wait_change(src_mysql_copy_plan *plan, int64_t until_ms)
{
    struct timespec ts = {.tv_sec = until_ms / 1000, .tv_nsec = (until_ms % 1000) * 1000000};
    return pthread_cond_timedwait(&plan->changed, &plan->lock, &ts) != ETIMEDOUT;
}

static bool ended(const src_mysql_copy_plan *plan)
{
    return plan->stopped || plan->failed;
}

cdc_rc src_mysql_copy_plan_take(src_mysql_copy_plan *plan, src_mysql_work *work, int timeout_ms)
{
    int64_t until_ms = cdc_clock_mono_ms() + timeout_ms;
    cdc_rc rc = CDC_AGAIN;
    pthread_mutex_lock(&plan->lock);
    do {
        if (ended(plan) || plan->complete) {
            rc = CDC_EOF;
        } else if (find_work(plan, work)) {
            rc = CDC_OK;
        }
    } while (rc == CDC_AGAIN && wait_change(plan, until_ms));
    pthread_mutex_unlock(&plan->lock);
    return rc;
}

/* Is the table still as it was when the work was taken? */
static bool still_fits(src_mysql_copy_plan *plan, const src_mysql_work *work)
{
    src_mysql_copy_plan_table *tbl = &plan->tables[work->table];
    tbl->cutting = false;
    pthread_cond_broadcast(&plan->changed);
    return !tbl->done && tbl->generation == work->generation;
}

cdc_rc src_mysql_copy_plan_define(src_mysql_copy_plan *plan, const src_mysql_work *work,
                                  src_mysql_shared_table *def_take, cdc_error *err)
{
    cdc_rc rc = CDC_OK;
    pthread_mutex_lock(&plan->lock);
    src_mysql_copy_plan_table *tbl = &plan->tables[work->table];
    bool fits = still_fits(plan, work);
    if (fits && !tbl->is_known) {
        tbl->whole = def_take->tbl->table->nkeys == 0;
        tbl->is_known = true;
    }
    if (!fits) {
        src_mysql_shared_table_unref(def_take);
    } else if (!tbl->whole && def_take->tbl->table->nkeys == 0) {
        rc = cdc_error_set(err, CDC_FATAL, "mysql_copy_key",
                           "table %s.%s lost its primary key during its full copy; start the task "
                           "again under a new name",
                           tbl->database, tbl->name);
        src_mysql_shared_table_unref(def_take);
    } else {
        if (tbl->key_definition != 0 && tbl->key_definition != def_take->key_definition) {
            src_mysql_copy_plan_restart(plan, work->table);
        }
        tbl->key_definition = def_take->key_definition;
        tbl->def = def_take;
    }
    pthread_mutex_unlock(&plan->lock);
    return rc;
}

bool src_mysql_copy_plan_cut(src_mysql_copy_plan *plan, const src_mysql_work *work, const char *to)
{
    bool ok = true;
    pthread_mutex_lock(&plan->lock);
    src_mysql_copy_plan_table *tbl = &plan->tables[work->table];
    const char *cut = tbl->cut != NULL ? tbl->cut : "";
    if (still_fits(plan, work) && !tbl->all_cut && strcmp(cut, work->from) == 0) {
        char *key = strdup(to);
        ok = key != NULL && add_range(plan, work->table, work->from, to, NULL) != NULL;
        free(tbl->cut);
        tbl->cut = key;
        tbl->all_cut = to[0] == '\0';
    }
    pthread_mutex_unlock(&plan->lock);
    return ok;
}

/* The worker lets go of a range that it has not read to its end. */
static void let_go(src_mysql_copy_plan *plan, src_mysql_range *range)
{
    if (range->dropped) {
        free_range(plan, range);
    } else if (range->state == SRC_MYSQL_RANGE_READING) {
        src_mysql_range_split(plan, range);
    }
}

void src_mysql_copy_plan_gone(src_mysql_copy_plan *plan, const src_mysql_work *work,
                              const src_mysql_log_pos *high)
{
    pthread_mutex_lock(&plan->lock);
    src_mysql_range *range = work->range;
    if (range == NULL && still_fits(plan, work)) {
        remove_ranges(plan, work->table);
        src_mysql_copy_plan_table *tbl = &plan->tables[work->table];
        range = add_range(plan, work->table, tbl->key != NULL ? tbl->key : "", "", NULL);
        tbl->all_cut = true;
        if (range == NULL) {
            src_mysql_copy_plan_no_memory(plan);
        }
    } else if (range != NULL && (range->stale || range->dropped)) {
        let_go(plan, range);
        range = NULL;
    }
    if (range != NULL) {
        let_stream_go(plan, range);
        src_mysql_range_drop_pieces(plan, range);
        range->state = SRC_MYSQL_RANGE_READ;
        range->gone = range->has_high = true;
        range->high = *high;
    }
    pthread_cond_broadcast(&plan->changed);
    pthread_mutex_unlock(&plan->lock);
}

void src_mysql_copy_plan_give_up(src_mysql_copy_plan *plan, const src_mysql_work *work)
{
    pthread_mutex_lock(&plan->lock);
    if (work->range != NULL) {
        let_go(plan, work->range);
    } else {
        plan->tables[work->table].cutting = false;
    }
    pthread_cond_broadcast(&plan->changed);
    pthread_mutex_unlock(&plan->lock);
}

/* --- a range in hand --- */

static cdc_rc standing(const src_mysql_copy_plan *plan, const src_mysql_range *range)
{
    return ended(plan) ? CDC_EOF : range->stale ? CDC_SKIP : CDC_OK;
}

static bool may_register(const src_mysql_copy_plan *plan, const src_mysql_range *range)
{
    bool mine = plan->held == NULL || plan->held == range;
    return plan->at_boundary && (plan->held != range ? mine : plan->at_reach);
}

cdc_rc src_mysql_copy_plan_register(src_mysql_copy_plan *plan, const src_mysql_work *work,
                                    const src_mysql_log_pos *reach, src_mysql_log_pos *at,
                                    cdc_buffer *gtids)
{
    src_mysql_range *range = work->range;
    pthread_mutex_lock(&plan->lock);
    plan->waiting++;
    while (plan->held != NULL && standing(plan, range) == CDC_OK) {
        pthread_cond_wait(&plan->changed, &plan->lock);
    }
    bool reached = plan->tables[work->table].reached;
    if (work->whole || reached || range->overflows >= OVERFLOWS_MAX) {
        plan->held = standing(plan, range) == CDC_OK ? range : plan->held;
        plan->at_reach = false;
        plan->reach = work->whole ? *reach : plan->at;
        pthread_cond_broadcast(&plan->changed);
    }
    while (standing(plan, range) == CDC_OK && !may_register(plan, range)) {
        pthread_cond_wait(&plan->changed, &plan->lock);
    }
    plan->waiting--;
    cdc_rc rc = standing(plan, range);
    if (rc == CDC_OK) {
        range->registered = true;
        range->has_high = range->dirty = false;
        range->reached.file[0] = '\0';
        *at = plan->at;
        cdc_buffer_add(gtids, plan->gtids.data, plan->gtids.len);
    }
    pthread_mutex_unlock(&plan->lock);
    return rc;
}

cdc_rc src_mysql_copy_plan_high(src_mysql_copy_plan *plan, const src_mysql_work *work,
                                const src_mysql_log_pos *seen, const src_mysql_log_pos *high)
{
    src_mysql_range *range = work->range;
    pthread_mutex_lock(&plan->lock);
    range->high = *high;
    range->has_high = true;
    range->seen = seen != NULL ? *seen : (src_mysql_log_pos){.file = ""};
    if (range->reached.file[0] != '\0' && !work->whole &&
        !src_mysql_range_saw(range, &range->reached)) {
        range->stale = plan->tables[work->table].reached = true;
    }
    pthread_cond_broadcast(&plan->changed);
    while (work->whole && standing(plan, range) == CDC_OK &&
           !(plan->at_boundary && src_mysql_log_pos_compare(&plan->at, high) >= 0)) {
        pthread_cond_wait(&plan->changed, &plan->lock);
    }
    cdc_rc rc = standing(plan, range);
    if (work->whole && rc == CDC_OK) {
        range->opened = !range->dirty;
        rc = range->dirty ? CDC_SKIP : CDC_OK;
    }
    pthread_mutex_unlock(&plan->lock);
    return rc;
}

cdc_batch *src_mysql_copy_plan_batch(src_mysql_copy_plan *plan)
{
    pthread_mutex_lock(&plan->lock);
    cdc_batch *batch = plan->pool;
    if (batch != NULL) {
        plan->pool = batch->next;
        plan->npool--;
        batch->next = NULL;
    }
    pthread_mutex_unlock(&plan->lock);
    return batch != NULL ? batch : cdc_batch_new(SRC_MYSQL_PIECE_MAX);
}

/* Is what comes first in nobody's hand, and cannot get into one while all workers wait? */
static bool starves(const src_mysql_copy_plan *plan)
{
    const src_mysql_range *head = plan->ranges;
    if (plan->first == plan->ntables) {
        return false;
    }
    const src_mysql_copy_plan_table *tbl = &plan->tables[plan->first];
    if (head != NULL && head->table == plan->first) {
        return head->state == SRC_MYSQL_RANGE_PENDING && !tbl->cutting;
    }
    return !tbl->cutting && !tbl->done;
}

/* Rows that the stream touched before they were complete. */
static void drop_touched(src_mysql_copy_plan *plan, const src_mysql_range *range,
                         src_mysql_piece *piece)
{
    for (uint32_t i = 0; range->touched.n > 0 && i < piece->batch->nevents; i++) {
        cdc_event *ev = &piece->batch->events[i];
        cdc_buffer_reset(&plan->key);
        src_mysql_key_bytes(ev->table, ev->after, &plan->key);
        if (src_mysql_key_set_has(&range->touched, &plan->key)) {
            ev->op = 0;
        }
    }
}

static bool must_wait(const src_mysql_copy_plan *plan, const src_mysql_range *range)
{
    bool first = plan->ranges == range && range->table == plan->first;
    return plan->pieces_bytes >= plan->pieces_max && !(first && range->first == range->last);
}

cdc_rc src_mysql_copy_plan_push(src_mysql_copy_plan *plan, const src_mysql_work *work,
                                src_mysql_piece *piece_take)
{
    src_mysql_range *range = work->range;
    pthread_mutex_lock(&plan->lock);
    cdc_rc rc = standing(plan, range);
    if (rc != CDC_OK) {
        free_piece(plan, piece_take);
        pthread_mutex_unlock(&plan->lock);
        return rc;
    }
    if (!work->whole) {
        drop_touched(plan, range, piece_take);
        let_stream_go(plan, range);
        range->overflows = 0;
    }
    if (range->last != NULL) {
        range->last->next = piece_take;
    } else {
        range->first = piece_take;
    }
    range->last = piece_take;
    plan->pieces_bytes += cdc_batch_bytes(piece_take->batch);
    pthread_cond_broadcast(&plan->changed);
    while ((rc = standing(plan, range)) == CDC_OK && must_wait(plan, range)) {
        if (!work->whole && starves(plan)) {
            rc = CDC_SKIP;
            break;
        }
        pthread_cond_wait(&plan->changed, &plan->lock);
    }
    pthread_mutex_unlock(&plan->lock);
    return rc;
}

void src_mysql_copy_plan_read(src_mysql_copy_plan *plan, const src_mysql_work *work,
                              const src_mysql_log_pos *high)
{
    src_mysql_range *range = work->range;
    pthread_mutex_lock(&plan->lock);
    if (range->dropped || range->stale) {
        let_go(plan, range);
    } else {
        range->state = SRC_MYSQL_RANGE_READ;
        range->registered = false;
        range->has_high = true;
        range->high = *high;
        src_mysql_key_set_fini(&range->touched);
        if (!work->whole) {
            let_stream_go(plan, range);
        }
    }
    pthread_cond_broadcast(&plan->changed);
    pthread_mutex_unlock(&plan->lock);
}

void src_mysql_piece_free(src_mysql_copy_plan *plan, src_mysql_piece *piece)
{
    pthread_mutex_lock(&plan->lock);
    free_piece(plan, piece);
    pthread_mutex_unlock(&plan->lock);
}

void src_mysql_copy_plan_fail(src_mysql_copy_plan *plan, const cdc_error *err)
{
    pthread_mutex_lock(&plan->lock);
    if (!plan->failed) {
        plan->err = *err;
        plan->failed = true;
    }
    pthread_cond_broadcast(&plan->changed);
    pthread_mutex_unlock(&plan->lock);
}

void src_mysql_copy_plan_stop(src_mysql_copy_plan *plan)
{
    pthread_mutex_lock(&plan->lock);
    plan->stopped = true;
    pthread_cond_broadcast(&plan->changed);
    pthread_mutex_unlock(&plan->lock);
}

bool src_mysql_copy_plan_stopped(src_mysql_copy_plan *plan)
{
    pthread_mutex_lock(&plan->lock);
    bool stopped = ended(plan);
    pthread_mutex_unlock(&plan->lock);
    return stopped;
}

/* --- life --- */

static bool set_up_table(src_mysql_copy_plan *plan, src_mysql_copy_table *from)
{
    src_mysql_copy_plan_table *tbl = &plan->tables[plan->ntables++];
    tbl->database = from->database;
    tbl->name = from->name;
    from->database = from->name = NULL;
    tbl->order_database = strdup(tbl->database);
    tbl->order_name = strdup(tbl->name);
    tbl->transactional = from->transactional;
    tbl->is_known = from->has_key; /* its key is missing too if it was renamed meanwhile */
    tbl->one_range = from->has_prefix;
    tbl->rows_estimated = from->rows_estimated;
    return tbl->order_database != NULL && tbl->order_name != NULL;
}

static void init_plan(src_mysql_copy_plan *plan, const cdc_selection *selection,
                      const src_mysql_copy_plan_limits *limits)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&plan->lock, NULL);
    pthread_cond_init(&plan->changed, &attr);
    pthread_condattr_destroy(&attr);
    plan->selection = selection;
    plan->threads = limits->threads;
    plan->chunk_rows = limits->chunk_rows;
    plan->cascades = limits->cascades;
    plan->listed = limits->listed;
    plan->pieces_max = PIECES_BYTES;
    plan->pos = (src_mysql_position){
        .stage = SRC_MYSQL_ROWS, .server = "", .database = "", .table = "", .key = ""};
    cdc_buffer_init(&plan->gtids, SRC_MYSQL_GTIDS_MAX);
    cdc_buffer_init(&plan->key, SRC_MYSQL_KEY_MAX);
    cdc_buffer_init(&plan->scratch, SRC_MYSQL_KEY_MAX);
}

cdc_rc src_mysql_copy_plan_new(src_mysql_copy_plan **out, src_mysql_copy_tables *tables_take,
                               const cdc_selection *selection, const src_mysql_position *from,
                               const src_mysql_copy_plan_limits *limits, cdc_error *err)
{
    src_mysql_copy_plan *plan = calloc(1, sizeof(*plan));
    bool ok = plan != NULL;
    if (ok) {
        init_plan(plan, selection, limits);
        /* one more: the table that a token names may be gone */
        plan->tables = calloc(tables_take->n + 1, sizeof(*plan->tables));
        plan->by_name = calloc(tables_take->n + 1, sizeof(*plan->by_name));
        plan->followed =
            calloc(1 + (plan->cascades != NULL ? plan->cascades->n : 0), sizeof(*plan->followed));
        ok = plan->tables != NULL && plan->by_name != NULL && plan->followed != NULL;
    }
    for (size_t i = 0; ok && i < tables_take->n; i++) {
        ok = set_up_table(plan, &tables_take->items[i]);
    }
    src_mysql_copy_tables_fini(tables_take);
    ok = ok && src_mysql_copy_plan_load(plan, from);
    if (!ok) {
        src_mysql_copy_plan_free(plan);
        return cdc_error_set(err, CDC_FATAL, "memory", "out of memory for the full copy");
    }
    *out = plan;
    return CDC_OK;
}

static void free_table(src_mysql_copy_plan_table *tbl)
{
    free(tbl->database);
    free(tbl->name);
    free(tbl->order_database);
    free(tbl->order_name);
    free(tbl->cut);
    free(tbl->key);
    src_mysql_shared_table_unref(tbl->def);
}

void src_mysql_copy_plan_free(src_mysql_copy_plan *plan)
{
    if (plan == NULL) {
        return;
    }
    while (plan->ranges != NULL) {
        src_mysql_range *range = plan->ranges;
        plan->ranges = range->next;
        free_range(plan, range);
    }
    while (plan->pool != NULL) {
        cdc_batch *batch = plan->pool;
        plan->pool = batch->next;
        cdc_batch_free(batch);
    }
    for (uint32_t i = 0; i < plan->ntables; i++) {
        free_table(&plan->tables[i]);
    }
    src_mysql_copy_plan_names_fini(plan);
    free(plan->tables);
    free(plan->by_name);
    free(plan->followed);
    cdc_buffer_fini(&plan->gtids);
    cdc_buffer_fini(&plan->key);
    cdc_buffer_fini(&plan->scratch);
    pthread_cond_destroy(&plan->changed);
    pthread_mutex_destroy(&plan->lock);
    free(plan);
}
