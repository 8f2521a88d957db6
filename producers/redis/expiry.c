#include "expiry.h"

void src_redis_expiry_init(src_redis_expiry *x)
{
    cdc_buffer_init(&x->argv, (size_t)1 << 30);
}

void src_redis_expiry_fini(src_redis_expiry *x)
{
    cdc_buffer_fini(&x->argv);
}

static void constant(cdc_value *v, const char *text)
{
    *v = (cdc_value){.kind = CDC_BYTES, .p = text, .len = (uint32_t)strlen(text)};
}

/* Also below 0: a time in the past. */
static bool signed_number(const cdc_value *v, int64_t *n)
{
    if (v->len == 0 || v->p[0] != '-') {
        return cdc_redis_number(v, n);
    }
    cdc_value digits = *v;
    digits.p++;
    digits.len--;
    bool good = cdc_redis_number(&digits, n);
    *n = -*n;
    return good;
}

/* The time as ms since 1970, not below 0: servers refuse that. */
static bool absolute(const cdc_redis_expiry *where, const cdc_value *time, int64_t now_ms,
                     int64_t *at_ms)
{
    int64_t t;
    if (!signed_number(time, &t) || (where->seconds && __builtin_mul_overflow(t, 1000, &t)) ||
        (where->relative && __builtin_add_overflow(t, now_ms, &t))) {
        return false;
    }
    *at_ms = t > 0 ? t : 0;
    return true;
}

/* SETEX key time value: SET key value PXAT time. */
static uint32_t set_with_time(cdc_value *made, const cdc_value *argv, const cdc_value *time)
{
    constant(&made[0], "SET");
    made[1] = argv[1];
    made[2] = argv[3];
    constant(&made[3], "PXAT");
    made[4] = *time;
    return 5;
}

static uint32_t rewrite(cdc_value *made, const cdc_redis_command *cmd,
                        const cdc_redis_expiry *where, const cdc_value *argv, uint32_t argc,
                        const cdc_value *time)
{
    const char *name = cdc_redis_command_name(cmd);
    if (argc == 4 && (strcmp(name, "SETEX") == 0 || strcmp(name, "PSETEX") == 0)) {
        return set_with_time(made, argv, time);
    }
    memcpy(made, argv, argc * sizeof *made);
    made[where->at] = *time;
    if (where->option != 0) {
        constant(&made[where->option], "PXAT");
    } else if (strncmp(name, "RESTORE", 7) == 0) {
        constant(&made[argc], "ABSTTL");
        argc++;
    } else {
        constant(&made[0], where->fields ? "HPEXPIREAT" : "PEXPIREAT");
    }
    return argc;
}

cdc_rc src_redis_expiry_absolute(src_redis_expiry *x, const cdc_redis_command *cmd, int64_t now_ms,
                                 const cdc_value **argv, uint32_t *argc, int64_t *at_ms,
                                 cdc_error *err)
{
    cdc_redis_expiry where;
    int64_t t;
    *at_ms = -1;
    if (cmd == NULL || !cdc_redis_expiry_of(cmd, *argv, *argc, &where)) {
        return CDC_OK;
    }
    if (!absolute(&where, &(*argv)[where.at], now_ms, &t)) {
        return cdc_error_set(err, CDC_FATAL, "redis_expiry",
                             "the expiry of a command %s is no time; the source's replication "
                             "stream is not as it should be: start the copy anew",
                             cdc_redis_command_name(cmd));
    }
    *at_ms = where.fields ? -1 : t;
    if (!where.relative && !where.seconds) {
        return CDC_OK;
    }
    cdc_buffer_reset(&x->argv);
    cdc_value *made = (cdc_value *)(void *)cdc_buffer_reserve(&x->argv, (*argc + 1) * sizeof *made);
    if (made == NULL) {
        return cdc_error_set(err, CDC_FATAL, "memory", "out of memory for a command");
    }
    cdc_value time = {.kind = CDC_BYTES, .p = x->time};
    time.len = (uint32_t)cdc_format_u64(x->time, (uint64_t)t);
    *argc = rewrite(made, cmd, &where, *argv, *argc, &time);
    *argv = made;
    return CDC_OK;
}
