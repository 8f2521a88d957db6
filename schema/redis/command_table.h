/* The table of the commands (command.h); for command*.c. */
#ifndef CDC_REDIS_COMMAND_TABLE_H
#define CDC_REDIS_COMMAND_TABLE_H

#include "schema/redis/command.h"

/* How the keys are found. */
typedef enum cdc_redis_rule {
    CDC_RULE_NONE,
    CDC_RULE_RANGE,   /* first, last (below 0: from the end), step */
    CDC_RULE_COUNTED, /* argument `first` is their number, they follow, one each step */
    CDC_RULE_DEST,    /* argument 1 is written, argument 2 the number of those read */
    CDC_RULE_STREAMS, /* the first half of what follows STREAMS */
    CDC_RULE_SORT,    /* argument 1 is read, what follows STORE is written */
    CDC_RULE_GEO,     /* the same with STORE or STOREDIST, behind `first` */
    CDC_RULE_MIGRATE, /* argument 3, or all behind KEYS if that is empty */
    CDC_RULE_SUB,     /* argument 2, if there is one: behind a subcommand */
} cdc_redis_rule;

/* Which of them are written, of a RANGE. */
typedef enum cdc_redis_writes {
    CDC_WRITES_ALL,
    CDC_WRITES_FIRST, /* the first; the others are read */
    CDC_WRITES_LAST,  /* COPY */
} cdc_redis_writes;

/* How an expiry is told. */
typedef enum cdc_redis_tells {
    CDC_TELLS_NONE,
    CDC_TELLS_SECONDS,    /* argument 2, relative */
    CDC_TELLS_MS,         /* argument 2, relative */
    CDC_TELLS_SECONDS_AT, /* argument 2, absolute */
    CDC_TELLS_MS_AT,      /* argument 2, absolute */
    CDC_TELLS_OPTION,     /* behind EX, PX, EXAT or PXAT, from argument `option` on */
    CDC_TELLS_RESTORE,    /* argument 2, relative unless ABSTTL */
} cdc_redis_tells;

struct cdc_redis_command {
    const char *name;
    uint8_t flags;
    uint8_t rule;   /* cdc_redis_rule */
    uint8_t writes; /* cdc_redis_writes */
    uint8_t first, step;
    int8_t last;
    uint8_t tells;  /* cdc_redis_tells */
    uint8_t option; /* TELLS_OPTION: first argument that may be the option */
    bool fields;    /* the expiry is that of fields of a hash */
};

extern const cdc_redis_command cdc_redis_table[];
extern const uint32_t cdc_redis_table_rows;

#endif
