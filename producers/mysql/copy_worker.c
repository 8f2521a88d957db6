#include "copy_worker.h"

#include <pthread.h>
#include <sys/socket.h>

#include "copy_key.h"
#include "copy_range.h"
#include "core/log.h"
#include "core/stop.h"
#include "names.h"
#include "raw_stream.h"
#include "text_value.h"

#define READ_TIMEOUT_S 3600U /* a filtered or sorted table may be silent for long */
#define TAKE_MS 200
#define TRIES_MAX 10U /* in a row, of one worker */
#define TRY_WAIT_MS 100

typedef struct worker {
    pthread_t thread;
    src_mysql_workers *all;
    src_mysql_reader rd;
    pthread_mutex_t lock; /* guards socket, so that stop never shuts another one down */
    int socket;           /* -1: not connected */
    unsigned tries;
    bool runs;
} worker;

struct src_mysql_workers {
    const cdc_env *env;
    const src_mysql_server *server;
    const char *only;
    src_mysql_copy_plan *plan;
    _Atomic bool stop;
    unsigned n;
    worker items[];
};

/* --- connection --- */

static void set_socket(worker *wk, int socket)
{
    pthread_mutex_lock(&wk->lock);
    wk->socket = socket;
    pthread_mutex_unlock(&wk->lock);
}

static void drop_connection(worker *wk)
{
    set_socket(wk, -1);
    src_mysql_reader_reset(&wk->rd);
    src_mysql_disconnect(&wk->rd.conn);
}

static cdc_rc set_session(worker *wk, cdc_error *err)
{
    static const char *const session[] = {
        SRC_MYSQL_TEXT_SESSION,
        "SET SESSION net_write_timeout = 31536000, wait_timeout = 31536000, max_sort_length = "
        "65536",
        "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    };
    cdc_rc rc = src_mysql_copy_tables_session(&wk->rd.conn, err);
    for (size_t i = 0; rc == CDC_OK && i < sizeof(session) / sizeof(session[0]); i++) {
        rc = src_mysql_execute(&wk->rd.conn, session[i], err);
    }
    return rc;
}

static cdc_rc ensure_connection(worker *wk, cdc_error *err)
{
    if (wk->rd.conn.mysql != NULL) {
        return CDC_OK;
    }
    src_mysql_workers *all = wk->all;
    cdc_rc rc =
        src_mysql_connect(&wk->rd.conn, all->env->task->cfg, all->only, READ_TIMEOUT_S, err);
    if (rc != CDC_OK) {
        return rc;
    }
    set_socket(wk, src_mysql_input_socket(wk->rd.conn.mysql));
    rc = set_session(wk, err);
    if (rc == CDC_OK) {
        rc = src_mysql_server_log_end(&wk->rd.conn, all->server, &wk->rd.floor, err);
    }
    if (rc != CDC_OK) {
        drop_connection(wk);
    }
    return rc;
}

/* --- work --- */

static cdc_rc do_gone(worker *wk, const src_mysql_work *work, cdc_error *err)
{
    src_mysql_log_pos high;
    cdc_rc rc = src_mysql_server_log_end(&wk->rd.conn, wk->all->server, &high, err);
    if (rc == CDC_OK) {
        CDC_LOG(CDC_LOG_INFO, "copy_table_gone", CDC_STR("database", work->database),
                CDC_STR("table", work->name));
        src_mysql_copy_plan_gone(wk->all->plan, work, &high);
    }
    return rc;
}

static cdc_rc do_define(worker *wk, const src_mysql_work *work, cdc_error *err)
{
    src_mysql_table *tbl = NULL;
    uint32_t key_definition = 0;
    cdc_rc rc = src_mysql_reader_lock(&wk->rd, work, err);
    if (rc == CDC_OK) {
        src_mysql_copy_table table = {.database = work->database, .name = work->name};
        rc = src_mysql_copy_table_define(&wk->rd.conn, &table, NULL, &tbl, &key_definition, err);
    }
    bool gone = rc == CDC_SKIP;
    if (rc == CDC_OK || gone) {
        rc = src_mysql_execute(&wk->rd.conn, "ROLLBACK", err);
    }
    if (rc == CDC_OK && gone) {
        return do_gone(wk, work, err);
    }
    if (rc != CDC_OK) {
        src_mysql_table_free(tbl);
        return rc;
    }
    src_mysql_shared_table *def = src_mysql_shared_table_new(tbl, key_definition);
    return def != NULL ? src_mysql_copy_plan_define(wk->all->plan, work, def, err)
                       : cdc_error_set(err, CDC_FATAL, "memory", "out of memory for a table");
}

static cdc_rc do_cut(worker *wk, const src_mysql_work *work, cdc_error *err)
{
    cdc_buffer to;
    cdc_buffer_init(&to, SRC_MYSQL_KEY_MAX);
    cdc_rc rc = src_mysql_reader_cut(&wk->rd, work, &to, err);
    if (rc == CDC_SKIP) {
        rc = do_gone(wk, work, err);
    } else if (rc == CDC_OK &&
               (to.failed || !src_mysql_copy_plan_cut(wk->all->plan, work, cdc_buffer_cstr(&to)))) {
        rc = cdc_error_set(err, CDC_FATAL, "memory", "out of memory for a range");
    }
    cdc_buffer_fini(&to);
    return rc;
}

static cdc_rc do_work(worker *wk, const src_mysql_work *work, cdc_error *err)
{
    cdc_rc rc = ensure_connection(wk, err);
    if (rc != CDC_OK) {
        return rc;
    }
    switch (work->kind) {
    case SRC_MYSQL_WORK_DEFINE:
        return do_define(wk, work, err);
    case SRC_MYSQL_WORK_CUT:
        return do_cut(wk, work, err);
    case SRC_MYSQL_WORK_READ:
        break;
    }
    bool gone = false;
    rc = src_mysql_reader_range(&wk->rd, work, &gone, err);
    return rc == CDC_OK && gone ? do_gone(wk, work, err) : rc;
}

/* False: the worker ends. */
static bool after_failure(worker *wk, const src_mysql_work *work, cdc_rc rc, cdc_error *err)
{
    bool opened = wk->rd.opened; /* a part of a table without a key is handed over */
    src_mysql_copy_plan_give_up(wk->all->plan, work);
    drop_connection(wk); /* quicker than to read to the end what nobody wants */
    if (rc == CDC_SKIP) {
        return true;
    }
    if (rc == CDC_EOF) {
        return false;
    }
    if (rc == CDC_RETRY && !opened && ++wk->tries < TRIES_MAX) {
        CDC_LOG(CDC_LOG_WARN, "copy_retry", CDC_STR("database", work->database),
                CDC_STR("table", work->name), CDC_STR("error", err->text));
        return !cdc_stop_wait(TRY_WAIT_MS * (int64_t)wk->tries) && !atomic_load(&wk->all->stop);
    }
    src_mysql_copy_plan_fail(wk->all->plan, err);
    return false;
}

static bool work_once(worker *wk)
{
    src_mysql_work work;
    cdc_error err;
    cdc_error_clear(&err);
    cdc_rc rc = src_mysql_copy_plan_take(wk->all->plan, &work, TAKE_MS);
    if (rc != CDC_OK) {
        return rc == CDC_AGAIN;
    }
    wk->rd.opened = false;
    rc = do_work(wk, &work, &err);
    bool go_on = true;
    if (rc != CDC_OK) {
        go_on = after_failure(wk, &work, rc, &err);
    } else if (work.kind == SRC_MYSQL_WORK_READ) {
        wk->tries = 0;
    }
    src_mysql_work_fini(&work);
    return go_on;
}

static void *run(void *arg)
{
    worker *wk = arg;
    mysql_thread_init();
    while (!atomic_load(&wk->all->stop) && work_once(wk)) {
    }
    drop_connection(wk);
    mysql_thread_end();
    return NULL;
}

/* --- life --- */

cdc_rc src_mysql_workers_start(src_mysql_workers **out, const cdc_env *env,
                               const src_mysql_server *server, const char *only,
                               src_mysql_copy_plan *plan, cdc_error *err)
{
    unsigned n = (unsigned)cdc_config_int(env->task->cfg, "full.threads");
    src_mysql_workers *all = calloc(1, sizeof(*all) + n * sizeof(all->items[0]));
    *out = all;
    if (all == NULL) {
        return cdc_error_set(err, CDC_FATAL, "memory", "out of memory for the full copy");
    }
    all->env = env;
    all->server = server;
    all->only = only;
    all->plan = plan;
    for (; all->n < n; all->n++) {
        worker *wk = &all->items[all->n];
        wk->all = all;
        wk->socket = -1;
        pthread_mutex_init(&wk->lock, NULL);
        src_mysql_reader_init(&wk->rd, env, server, only, plan, &all->stop);
        wk->runs = pthread_create(&wk->thread, NULL, run, wk) == 0;
        if (!wk->runs) {
            all->n++;
            src_mysql_workers_stop(all);
            *out = NULL;
            return cdc_error_set(err, CDC_FATAL, "memory", "no thread for the full copy");
        }
    }
    return CDC_OK;
}

void src_mysql_workers_stop(src_mysql_workers *workers)
{
    if (workers == NULL) {
        return;
    }
    atomic_store(&workers->stop, true);
    src_mysql_copy_plan_stop(workers->plan);
    for (unsigned i = 0; i < workers->n; i++) {
        worker *wk = &workers->items[i];
        pthread_mutex_lock(&wk->lock);
        if (wk->socket >= 0) {
            shutdown(wk->socket, SHUT_RDWR);
        }
        pthread_mutex_unlock(&wk->lock);
        if (wk->runs) {
            pthread_join(wk->thread, NULL);
        }
        src_mysql_reader_fini(&wk->rd);
        pthread_mutex_destroy(&wk->lock);
    }
    free(workers);
}
