#include "heartbeat.h"

#include "core/clock.h"
#include "core/log.h"
#include "open.h"

enum { LIVES = 3 }; /* the key outlives so many intervals */

void src_redis_heartbeat_init(src_redis_heartbeat *hb, const cdc_env *env, const char *server,
                              const char *key)
{
    *hb = (src_redis_heartbeat){.env = env};
    snprintf(hb->server, sizeof hb->server, "%s", server);
    snprintf(hb->key, sizeof hb->key, "%s", key);
    hb->every_ms = cdc_config_int(env->task->cfg, "source.heartbeat_seconds") * 1000;
    pthread_mutex_init(&hb->lock, NULL);
}

void src_redis_heartbeat_name(src_redis_heartbeat *hb, const char *key)
{
    pthread_mutex_lock(&hb->lock);
    snprintf(hb->key, sizeof hb->key, "%s", key);
    pthread_mutex_unlock(&hb->lock);
}

void src_redis_heartbeat_stop(src_redis_heartbeat *hb)
{
    pthread_mutex_lock(&hb->lock);
    hb->stopped = true;
    if (hb->rd != NULL) {
        cdc_redis_shutdown(hb->rd);
    }
    pthread_mutex_unlock(&hb->lock);
}

void src_redis_heartbeat_fini(src_redis_heartbeat *hb)
{
    cdc_redis_close(hb->rd);
    pthread_mutex_destroy(&hb->lock);
}

static cdc_rc connect_server(src_redis_heartbeat *hb, cdc_error *err)
{
    cdc_redis *rd = NULL;
    cdc_rc rc = src_redis_open(&rd, hb->env, hb->server, err);
    if (rc != CDC_OK) {
        return rc;
    }
    pthread_mutex_lock(&hb->lock);
    hb->rd = rd;
    if (hb->stopped) {
        cdc_redis_shutdown(rd);
    }
    pthread_mutex_unlock(&hb->lock);
    return CDC_OK;
}

static void disconnect(src_redis_heartbeat *hb)
{
    pthread_mutex_lock(&hb->lock);
    cdc_redis *rd = hb->rd;
    hb->rd = NULL;
    pthread_mutex_unlock(&hb->lock);
    cdc_redis_close(rd);
}

static cdc_rc write_key(src_redis_heartbeat *hb, const char *key, cdc_error *err)
{
    char now[24];
    char life[24];
    redisReply *reply = NULL;
    now[cdc_format_i64(now, cdc_clock_wall_ms())] = '\0';
    life[cdc_format_i64(life, LIVES * hb->every_ms)] = '\0';
    const cdc_redis_arg args[] = {CDC_REDIS_ARG("SET"),
                                  {key, strlen(key)},
                                  {now, strlen(now)},
                                  CDC_REDIS_ARG("PX"),
                                  {life, strlen(life)}};
    cdc_rc rc = cdc_redis_ask_args(hb->rd, "SET of the heartbeat key", 5, args, &reply, err);
    freeReplyObject(reply);
    return rc;
}

/* A server that may not be written to, which this does not mend, or one that is away. */
static void failed(src_redis_heartbeat *hb, const char *key, cdc_rc rc, const cdc_error *err)
{
    disconnect(hb);
    bool refused = rc == CDC_FATAL || strcmp(err->code, "redis_readonly") == 0;
    if (refused && !hb->refused) {
        hb->refused = true;
        cdc_metrics_word(hb->env->metrics, "heartbeat",
                         "cannot be written at the source: the lag may be inaccurate");
        CDC_LOG(CDC_LOG_WARN, "heartbeat_refused", CDC_STR("server", hb->server),
                CDC_STR("key", key), CDC_STR("error", err->text));
    }
}

void src_redis_heartbeat_beat(src_redis_heartbeat *hb)
{
    cdc_error err;
    char key[SRC_REDIS_HEARTBEAT_BYTES];
    int64_t now_ms = cdc_clock_mono_ms();
    if (hb->every_ms == 0 || now_ms < hb->due_ms) {
        return;
    }
    pthread_mutex_lock(&hb->lock);
    memcpy(key, hb->key, sizeof key);
    pthread_mutex_unlock(&hb->lock);
    if (key[0] == '\0') {
        return;
    }
    cdc_error_clear(&err);
    hb->due_ms = now_ms + hb->every_ms;
    cdc_rc rc = hb->rd == NULL ? connect_server(hb, &err) : CDC_OK;
    if (rc == CDC_OK) {
        rc = write_key(hb, key, &err);
    }
    if (rc != CDC_OK) {
        failed(hb, key, rc, &err);
    } else if (hb->refused) {
        hb->refused = false;
        cdc_metrics_word(hb->env->metrics, "heartbeat", "");
    }
}
