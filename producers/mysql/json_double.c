#include "producers/mysql/json_binary.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The server's my_gcvt: shortest digits; without an exponent from 1e-15 up to 1e15; "1e20",
 * "1.5e-17". */
#define PLAIN_DIGITS 15

typedef struct digits_of {
    char text[20]; /* significant digits, no trailing zeros */
    int count;
    int point; /* the value is 0.DIGITS * 10^point */
} digits_of;

/* "d.ddde+XX" to digits and exponent. */
static void digits_split(const char *e_form, digits_of *out)
{
    out->count = 0;
    const char *p = e_form;
    for (; *p != 'e'; p++) {
        if (*p != '.') {
            out->text[out->count++] = *p;
        }
    }
    out->point = (int)strtol(p + 1, NULL, 10) + 1;
    while (out->count > 1 && out->text[out->count - 1] == '0') {
        out->count--;
    }
}

/* The last digit one up: beside a power of two, where the gap below is half the gap above, the
 * shortest text that reads back may not be the nearest one. */
static bool next_up_reads_back(char *e_form, double d)
{
    char *last = strchr(e_form, 'e') - 1;
    if (*last < '0' || *last >= '9') {
        return false;
    }
    ++*last;
    if (strtod(e_form, NULL) == d) {
        return true;
    }
    --*last;
    return false;
}

/* d is positive and finite. */
static void shortest_digits(double d, digits_of *out)
{
    char text[40];
    /* Up to 15 digits always read back, with trailing zeros cut they are the shortest; below
     * DBL_MIN numbers have fewer. */
    int exponent;
    bool power_of_two = frexp(d, &exponent) == 0.5;
    int digits = d < DBL_MIN ? 1 : DBL_DIG;
    for (; digits < 18; digits++) {
        snprintf(text, sizeof text, "%.*e", digits - 1, d);
        if (strtod(text, NULL) == d || (power_of_two && next_up_reads_back(text, d))) {
            break;
        }
    }
    digits_split(text, out);
}

static void add_zeros(cdc_buffer *out, int n)
{
    for (int i = 0; i < n; i++) {
        cdc_buffer_add_char(out, '0');
    }
}

static void add_exponent_form(cdc_buffer *out, const digits_of *dg)
{
    cdc_buffer_add_char(out, dg->text[0]);
    if (dg->count > 1) {
        cdc_buffer_add_char(out, '.');
        cdc_buffer_add(out, dg->text + 1, (size_t)dg->count - 1);
    }
    cdc_buffer_addf(out, "e%d", dg->point - 1);
}

static void add_plain_form(cdc_buffer *out, const digits_of *dg)
{
    if (dg->point <= 0) {
        cdc_buffer_add_str(out, "0.");
        add_zeros(out, -dg->point);
        cdc_buffer_add(out, dg->text, (size_t)dg->count);
        return;
    }
    int whole = dg->count < dg->point ? dg->count : dg->point;
    cdc_buffer_add(out, dg->text, (size_t)whole);
    add_zeros(out, dg->point - whole);
    cdc_buffer_add_char(out, '.');
    if (dg->count > whole) {
        cdc_buffer_add(out, dg->text + whole, (size_t)(dg->count - whole));
    } else {
        cdc_buffer_add_char(out, '0');
    }
}

void src_mysql_json_double(cdc_buffer *out, double d)
{
    if (signbit(d)) {
        cdc_buffer_add_char(out, '-');
        d = -d;
    }
    if (d == 0.0) {
        cdc_buffer_add_str(out, "0.0");
        return;
    }
    digits_of dg;
    shortest_digits(d, &dg);
    if (dg.point > PLAIN_DIGITS || dg.point < -PLAIN_DIGITS + 1) {
        add_exponent_form(out, &dg);
    } else {
        add_plain_form(out, &dg);
    }
}
