#include "attach.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/stop.h"

enum { PAUSE_MS = 300 };

/* What a round over all servers has found. */
typedef struct found {
    src_redis_link *best; /* serves, and does not fit */
    src_redis_fit fit;    /* of best */
    bool best_is_master;
    bool waiting;  /* for one that may fit yet */
    cdc_error why; /* why not one of them, the gravest */
} found;

static void note(found *f, const cdc_error *err)
{
    if (f->why.rc == CDC_OK || err->rc == CDC_FATAL) {
        f->why = *err;
    }
    f->waiting = f->waiting || err->rc == CDC_RETRY;
}

static void consider(found *f, src_redis_link *link, src_redis_fit fit, bool may_copy)
{
    const cdc_redis_server *server = src_redis_link_info(link);
    bool serves = !server->is_replica || server->link_up;
    if (!serves) {
        cdc_error err;
        cdc_error_clear(&err);
        cdc_error_set(&err, CDC_RETRY, "redis_no_master",
                      "%s: it is a replica that has lost its master %s",
                      src_redis_link_server(link), server->master);
        note(f, &err);
    }
    f->waiting = f->waiting || fit == SRC_REDIS_BEHIND;
    if (serves && may_copy && (f->best == NULL || (!f->best_is_master && !server->is_replica))) {
        src_redis_link_close(f->best);
        f->best = link;
        f->fit = fit;
        f->best_is_master = !server->is_replica;
    } else {
        src_redis_link_close(link);
    }
}

/* OK: *out fits. AGAIN: see f. */
static cdc_rc look_around(found *f, src_redis_link **out, const src_redis_servers *servers,
                          const src_redis_place *place)
{
    for (uint32_t i = 0; i < servers->n; i++) {
        src_redis_link *link = NULL;
        cdc_error err;
        cdc_error_clear(&err);
        if (src_redis_link_open(&link, servers->env, servers->hosts[i], &err) != CDC_OK) {
            note(f, &err);
            continue;
        }
        const cdc_redis_server *server = src_redis_link_info(link);
        src_redis_fit fit = place != NULL ? src_redis_history_fit(server, place) : SRC_REDIS_OTHER;
        if (fit == SRC_REDIS_FITS && (!server->is_replica || server->link_up)) {
            *out = link;
            return CDC_OK;
        }
        consider(f, link, fit, i < servers->nfull);
    }
    return CDC_AGAIN;
}

/* Nobody to read from, for this reason. */
static cdc_rc nobody(const found *f, const src_redis_servers *servers, const src_redis_place *place,
                     cdc_error *err)
{
    if (f->why.rc != CDC_OK) {
        *err = f->why;
        return err->rc;
    }
    return cdc_error_set(err, CDC_RETRY, "redis_behind",
                         "%s: it does not have what comes behind byte %llu of history %s",
                         servers->hosts[0], (unsigned long long)(place != NULL ? place->offset : 0),
                         place != NULL ? place->replid : "");
}

cdc_rc src_redis_attach(src_redis_link **out, const src_redis_servers *servers,
                        const src_redis_place *place, int64_t patience_ms, src_redis_fit *fit,
                        cdc_error *err)
{
    int64_t until_ms = cdc_clock_mono_ms() + patience_ms;
    bool anew = place == NULL || place->replid[0] == '\0';
    *out = NULL;
    for (;;) {
        found f = {.best = NULL, .why = {.rc = CDC_OK}};
        *fit = SRC_REDIS_FITS;
        if (look_around(&f, out, servers, anew ? NULL : place) == CDC_OK) {
            return CDC_OK;
        }
        bool enough = anew || !f.waiting || cdc_clock_mono_ms() >= until_ms;
        if (f.best != NULL && enough && patience_ms > 0) {
            *out = f.best;
            *fit = f.fit;
            return CDC_OK;
        }
        src_redis_link_close(f.best);
        if (enough || cdc_stop_wait(PAUSE_MS)) {
            return nobody(&f, servers, place, err);
        }
    }
}
