/* Binary JSON of any bytes: refused with a text, or UTF-8 text without a control character in it.
 * The first bytes, read as a double and a DECIMAL, become texts too. */
#include "producers/mysql/charset.h"
#include "producers/mysql/decimal.h"
#include "producers/mysql/json_binary.h"

#include <math.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok) {
        abort();
    }
}

static void one_double(const uint8_t *data)
{
    double d;
    memcpy(&d, data, sizeof d);
    if (!isfinite(d)) {
        return;
    }
    cdc_buffer out;
    cdc_buffer_init(&out, 4096);
    src_mysql_json_double(&out, d);
    double again = strtod(cdc_buffer_cstr(&out), NULL);
    must(memcmp(&again, &d, sizeof d) == 0);
    cdc_buffer_fini(&out);
}

static void one_decimal(const uint8_t *data, size_t size)
{
    unsigned precision = 1U + data[0] % SRC_MYSQL_DECIMAL_PRECISION_MAX;
    unsigned scale = data[1] % (precision + 1U);
    char text[SRC_MYSQL_DECIMAL_TEXT_MAX];
    if (size - 2 < src_mysql_decimal_size(precision, scale)) {
        return;
    }
    size_t n = src_mysql_decimal_text(data + 2, precision, scale, text);
    must(n <= sizeof text);
    for (size_t i = 0; i < n; i++) {
        must((text[i] >= '0' && text[i] <= '9') || text[i] == '.' || (i == 0 && text[i] == '-'));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cdc_buffer out;
    cdc_error err;
    uint64_t bad = 0;
    cdc_buffer_init(&out, 1U << 20);
    cdc_error_clear(&err);
    cdc_rc rc = src_mysql_json_text(data, size, &out, &bad, &err);
    must(rc == CDC_OK || (rc == CDC_FATAL && err.text[0] != '\0'));
    if (rc == CDC_OK) {
        must(src_mysql_utf8_valid_prefix((const uint8_t *)out.data, out.len) == out.len);
        for (size_t i = 0; i < out.len; i++) {
            must((unsigned char)out.data[i] >= 0x20);
        }
    }
    cdc_buffer_fini(&out);
    if (size >= 8) {
        one_double(data);
        one_decimal(data, size);
    }
    return 0;
}
