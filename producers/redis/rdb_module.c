/* Values of modules, which tell their parts so that they can be passed over without the module. */
#include "rdb_state.h"

enum { PART_END, PART_SIGNED, PART_UNSIGNED, PART_FLOAT, PART_DOUBLE, PART_STRING };

static cdc_rc step_part(src_redis_rdb *rdb)
{
    src_redis_input *in = &rdb->in;
    uint64_t part = src_redis_input_length(in);
    switch (part) {
    case PART_END:
        break;
    case PART_SIGNED:
    case PART_UNSIGNED:
        (void)src_redis_input_length(in);
        break;
    case PART_FLOAT:
        (void)src_redis_input_bytes(in, 4);
        break;
    case PART_DOUBLE:
        (void)src_redis_input_bytes(in, 8);
        break;
    case PART_STRING:
        (void)src_redis_input_string(in);
        break;
    default:
        src_redis_input_bad(in, "expected a part of a module's value, found %llu",
                            (unsigned long long)part);
    }
    cdc_rc rc = src_redis_input_settle(in);
    rdb->step = rc == CDC_OK && part == PART_END ? rdb->after_module : step_part;
    return rc;
}

cdc_rc src_redis_step_module(src_redis_rdb *rdb)
{
    rdb->step = step_part;
    if (rdb->after_module != src_redis_step_finish) {
        return CDC_OK; /* its id was read before what it was made for */
    }
    (void)src_redis_input_length(&rdb->in); /* the module's id */
    cdc_rc rc = src_redis_input_settle(&rdb->in);
    rdb->step = rc == CDC_OK ? step_part : src_redis_step_module;
    return rc;
}
