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

static uint32_t rewrite(cdc_value *made, const src_redis_selected *taken,
                        const cdc_redis_expiry *where, const cdc_value *time)
{
    const char *name = cdc_redis_command_name(taken->command);
    uint32_t argc = taken->argc;
    if (argc == 4 && (strcmp(name, "SETEX") == 0 || strcmp(name, "PSETEX") == 0)) {
        return set_with_time(made, taken->argv, time);
    }
    memcpy(made, taken->argv, argc * sizeof *made);
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

cdc_rc src_redis_expiry_absolute(src_redis_expiry *x, int64_t now_ms, src_redis_selected *taken,
                                 cdc_error *err)
{
    cdc_redis_expiry where;
    int64_t t;
    if (taken->command == NULL ||
        !cdc_redis_expiry_of(taken->command, taken->argv, taken->argc, &where)) {
        return CDC_OK;
    }
    if (!absolute(&where, &taken->argv[where.at], now_ms, &t)) {
        return cdc_error_set(err, CDC_FATAL, "redis_expiry",
                             "the expiry of a command %s is no time; the source's replication "
                             "stream is not as it should be: start the copy anew",
                             cdc_redis_command_name(taken->command));
    }
    taken->expire_at_ms = where.fields ? -1 : t;
    if (!where.relative && !where.seconds) {
        return CDC_OK;
    }
    cdc_buffer_reset(&x->argv);
    cdc_value *made =
        (cdc_value *)(void *)cdc_buffer_reserve(&x->argv, (taken->argc + 1) * sizeof *made);
    if (made == NULL) {
        return cdc_error_set(err, CDC_FATAL, "memory", "out of memory for a command");
    }
    cdc_value time = {.kind = CDC_BYTES, .p = x->time};
    time.len = (uint32_t)cdc_format_u64(x->time, (uint64_t)t);
    taken->argc = rewrite(made, taken, &where, &time);
    taken->argv = made;
    return CDC_OK;
}
