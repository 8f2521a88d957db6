/* A table with a column of each kind, and a row of it: for the test of conditions and their fuzz
 * target. */
#ifndef WHERE_ROWS_H
#define WHERE_ROWS_H

#include <string.h>

#include "core/table.h"

static const char *const labels[] = {"new", "paid", "Sent"};

/* One column of each kind, named by it; n is always NULL. */
enum { I, U, DEC, F, D, BIT, E, S, Y, DA, T, DT, TS, TXT, BYT, J, N, NCOLS };
static const cdc_column columns[NCOLS] = {
    [I] = {.name = "i", .type_text = "bigint", .kind = CDC_INT},
    [U] = {.name = "u", .type_text = "bigint unsigned", .kind = CDC_UINT, .is_unsigned = true},
    [DEC] = {.name = "de", .type_text = "decimal(30,4)", .kind = CDC_DECIMAL},
    [F] = {.name = "f", .type_text = "float", .kind = CDC_FLOAT},
    [D] = {.name = "d", .type_text = "double", .kind = CDC_DOUBLE},
    [BIT] = {.name = "b", .type_text = "bit(16)", .kind = CDC_BIT},
    [E] = {.name = "e",
           .type_text = "enum('new','paid','Sent')",
           .kind = CDC_ENUM,
           .labels = labels,
           .nlabels = 3},
    [S] = {.name = "s",
           .type_text = "set('new','paid','Sent')",
           .kind = CDC_SET,
           .labels = labels,
           .nlabels = 3},
    [Y] = {.name = "y", .type_text = "year", .kind = CDC_YEAR},
    [DA] = {.name = "da", .type_text = "date", .kind = CDC_DATE},
    [T] = {.name = "t", .type_text = "time(3)", .kind = CDC_TIME, .digits = 3},
    [DT] = {.name = "dt", .type_text = "datetime(6)", .kind = CDC_DATETIME, .digits = 6},
    [TS] = {.name = "ts", .type_text = "timestamp(6)", .kind = CDC_TIMESTAMP, .digits = 6},
    [TXT] = {.name = "txt", .type_text = "varchar(99)", .kind = CDC_TEXT, .charset = "utf8mb4"},
    [BYT] = {.name = "byt", .type_text = "varbinary(99)", .kind = CDC_BYTES},
    [J] = {.name = "j", .type_text = "json", .kind = CDC_JSON},
    [N] = {.name = "n", .type_text = "int", .kind = CDC_INT, .nullable = true},
};

static inline cdc_value text(cdc_kind kind, const char *s)
{
    return (cdc_value){.kind = (uint8_t)kind, .p = s, .len = (uint32_t)strlen(s)};
}

/* A row with a value for each column but n. */
static inline void where_fill(cdc_value *row)
{
    row[I] = (cdc_value){.kind = CDC_INT, .i = -5};
    row[U] = (cdc_value){.kind = CDC_UINT, .u = UINT64_MAX};
    row[DEC] = text(CDC_DECIMAL, "-12345678901234567890.1200");
    row[F] = (cdc_value){.kind = CDC_FLOAT, .d = (double)0.1F};
    row[D] = (cdc_value){.kind = CDC_DOUBLE, .d = 0.1};
    row[BIT] = (cdc_value){.kind = CDC_BIT, .u = 0x0102};
    row[E] = (cdc_value){.kind = CDC_ENUM, .u = 2};
    row[S] = (cdc_value){.kind = CDC_SET, .u = 5};
    row[Y] = (cdc_value){.kind = CDC_YEAR, .i = 2024};
    row[DA] = (cdc_value){.kind = CDC_DATE, .year = 2024, .t = {.month = 2, .day = 29}};
    row[T] = (cdc_value){.kind = CDC_TIME,
                         .digits = 3,
                         .t = {.neg = true, .hour = 800, .minute = 1, .second = 2, .usec = 500000}};
    row[DT] = (cdc_value){
        .kind = CDC_DATETIME,
        .year = 2024,
        .t = {.month = 2, .day = 29, .hour = 12, .minute = 30, .second = 1, .usec = 250000}};
    row[TS] = (cdc_value){.kind = CDC_TIMESTAMP, .ts = {.sec = 1709209801, .usec = 250000}};
    row[TXT] = text(CDC_TEXT, "Straße 100%");
    row[BYT] = (cdc_value){.kind = CDC_BYTES, .p = "\0\xFFz", .len = 3};
    row[J] = text(CDC_JSON, "{\"a\": 1}");
    row[N] = (cdc_value){.kind = CDC_NULL};
}

#endif
