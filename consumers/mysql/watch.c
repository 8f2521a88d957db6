#include "watch.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "core/clock.h"
#include "core/log.h"

enum { ASK_AFTER_MS = 10000, LOOK_MS = 1000, STRIKES = 2 };

struct sink_mysql_watch {
    pthread_t thread;
    pthread_mutex_t lock; /* holds all below */
    pthread_cond_t changed;
    int fd;
    bool (*answers)(void *arg);
    void *arg;
    uint64_t statement; /* number of the one under way or last */
    int64_t asked_ms;   /* when it began, or the server last answered; 0: none is under way */
    bool ends;
};

/* Asks without the lock. strikes: unanswered questions during this statement. */
static void sink_mysql_watch_ask(sink_mysql_watch *wt, int *strikes)
{
    uint64_t statement = wt->statement;
    pthread_mutex_unlock(&wt->lock);
    bool alive = wt->answers(wt->arg);
    pthread_mutex_lock(&wt->lock);
    if (wt->asked_ms == 0 || wt->statement != statement) {
        *strikes = 0;
        return;
    }
    if (alive) {
        wt->asked_ms = cdc_clock_mono_ms();
        *strikes = 0;
        return;
    }
    CDC_LOG(CDC_LOG_WARN, "target_silent", CDC_NUM("strike", ++*strikes),
            CDC_STR("text", "a statement waits, and the server lets no new connection in"));
    if (*strikes >= STRIKES) {
        *strikes = 0;
        wt->asked_ms = 0;
        shutdown(wt->fd, SHUT_RDWR);
    }
}

static void sink_mysql_watch_sleep(sink_mysql_watch *wt)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += LOOK_MS / 1000;
    pthread_cond_timedwait(&wt->changed, &wt->lock, &until);
}

static void *sink_mysql_watch_main(void *arg)
{
    sink_mysql_watch *wt = arg;
    int strikes = 0;
    pthread_mutex_lock(&wt->lock);
    while (!wt->ends) {
        bool late = wt->asked_ms > 0 && cdc_clock_mono_ms() - wt->asked_ms >= ASK_AFTER_MS;
        if (late) {
            sink_mysql_watch_ask(wt, &strikes);
        } else {
            strikes = 0;
        }
        if (!wt->ends) {
            sink_mysql_watch_sleep(wt);
        }
    }
    pthread_mutex_unlock(&wt->lock);
    return NULL;
}

cdc_rc sink_mysql_watch_new(sink_mysql_watch **out, int fd, bool (*answers)(void *arg), void *arg,
                            cdc_error *err)
{
    pthread_condattr_t attr;
    sink_mysql_watch *wt = calloc(1, sizeof *wt);
    *out = wt;
    if (wt == NULL) {
        return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for the target's watch");
    }
    wt->fd = fd;
    wt->answers = answers;
    wt->arg = arg;
    pthread_mutex_init(&wt->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&wt->changed, &attr);
    pthread_condattr_destroy(&attr);
    if (pthread_create(&wt->thread, NULL, sink_mysql_watch_main, wt) == 0) {
        return CDC_OK;
    }
    pthread_cond_destroy(&wt->changed);
    pthread_mutex_destroy(&wt->lock);
    free(wt);
    *out = NULL;
    return cdc_error_set(err, CDC_FATAL, "no_memory", "out of threads for the target's watch");
}

void sink_mysql_watch_free(sink_mysql_watch *wt)
{
    if (wt == NULL) {
        return;
    }
    pthread_mutex_lock(&wt->lock);
    wt->ends = true;
    pthread_cond_signal(&wt->changed);
    pthread_mutex_unlock(&wt->lock);
    pthread_join(wt->thread, NULL);
    pthread_cond_destroy(&wt->changed);
    pthread_mutex_destroy(&wt->lock);
    free(wt);
}

void sink_mysql_watch_begin(sink_mysql_watch *wt)
{
    pthread_mutex_lock(&wt->lock);
    wt->statement++;
    wt->asked_ms = cdc_clock_mono_ms();
    pthread_mutex_unlock(&wt->lock);
}

void sink_mysql_watch_end(sink_mysql_watch *wt)
{
    pthread_mutex_lock(&wt->lock);
    wt->asked_ms = 0;
    pthread_mutex_unlock(&wt->lock);
}
