/* cdc_value: one column's value, tagged. 24 bytes, plain data; bytes it points to live in the arena
 * of the batch that the event belongs to (or longer).
 *
 * Every source turns its wire format into these; every codec and sink reads only these. */
#ifndef CDC_VALUE_H
#define CDC_VALUE_H

#include <stdbool.h>
#include <stdint.h>

typedef enum cdc_kind {
    CDC_ABSENT = 0, /* the source did not say (never the same as NULL) */
    CDC_NULL,
    CDC_INT,       /* i: signed integer up to 64 bits */
    CDC_UINT,      /* u: unsigned integer up to 64 bits */
    CDC_DECIMAL,   /* p,len: ASCII text with the full declared scale, e.g. "-1.00"; no exponent */
    CDC_FLOAT,     /* d holds the value of a 32-bit float exactly */
    CDC_DOUBLE,    /* d */
    CDC_BIT,       /* u: bit string of up to 64 bits as an unsigned number */
    CDC_ENUM,      /* u: 1-based index into the column's labels; 0 is the invalid value '' */
    CDC_SET,       /* u: bitmap over the column's labels */
    CDC_YEAR,      /* i: 0 (the zero year) or 1901..2155 */
    CDC_DATE,      /* t: year, month, day; zero and partial dates kept */
    CDC_TIME,      /* t: neg, hour up to 838, minute, second, usec; digits */
    CDC_DATETIME,  /* t: wall clock without a zone; digits */
    CDC_TIMESTAMP, /* ts: UTC instant; digits; sec 0 and usec 0 is the zero timestamp 0000-00-00 */
    CDC_TEXT,      /* p,len: UTF-8, valid */
    CDC_BYTES,     /* p,len: octets */
    CDC_JSON,      /* p,len: UTF-8 JSON text as the source server prints it */
} cdc_kind;

typedef struct cdc_value {
    uint8_t kind;   /* cdc_kind */
    uint8_t digits; /* TIME, DATETIME, TIMESTAMP: fraction digits declared by the column, 0..6 */
    uint16_t year;  /* DATE, DATETIME */
    uint32_t len;   /* TEXT, BYTES, JSON, DECIMAL: bytes at p */
    union {
        int64_t i;
        uint64_t u;
        double d;
        const char *p;
        struct {
            int64_t sec; /* since 1970-01-01 00:00:00 UTC */
            uint32_t usec;
        } ts;
        struct {
            uint32_t usec;
            uint16_t hour; /* DATETIME 0..23, TIME 0..838 */
            uint8_t month;
            uint8_t day;
            uint8_t minute;
            uint8_t second;
            bool neg; /* TIME only */
        } t;
    };
} cdc_value;

_Static_assert(sizeof(cdc_value) == 24, "cdc_value is sized for cache lines");

const char *cdc_kind_name(cdc_kind kind);

/* Deep equality; DECIMAL, TEXT, BYTES and JSON byte for byte, FLOAT and DOUBLE by bits. */
bool cdc_value_equal(const cdc_value *a, const cdc_value *b);

#endif
