#include "open.h"

cdc_rc src_redis_open(cdc_redis **out, const cdc_env *env, const char *host, cdc_error *err)
{
    char name[CDC_NET_HOST_MAX];
    unsigned port = 0;
    cdc_redis_login login;
    *out = NULL;
    if (!cdc_net_split(host, CDC_REDIS_PORT, name, sizeof name, &port)) {
        return cdc_error_refuse(err, "net_host", "source.hosts: %s is no host:port", host);
    }
    cdc_redis_login_read(&login, env->task->cfg, "source");
    return cdc_redis_open(out, name, port, &login, err);
}
