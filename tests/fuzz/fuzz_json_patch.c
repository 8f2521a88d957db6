/* Partial JSON updates of any bytes: two bytes of the document's length, the document, the diffs.
 * Refused with a text, or UTF-8 text without a control character; without diffs, the text of the
 * document itself. */
#include "fuzz_kit.h"
#include "producers/mysql/charset.h"
#include "producers/mysql/json_patch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cdc_cursor c = cdc_cursor_of(data, size);
    size_t n = cdc_cursor_u16(&c);
    const uint8_t *document = cdc_cursor_bytes(&c, n);
    if (document == NULL) {
        return 0;
    }
    cdc_buffer out, plain;
    cdc_arena ar;
    cdc_error err;
    uint64_t bad = 0;
    cdc_buffer_init(&out, 1U << 20);
    cdc_buffer_init(&plain, 1U << 20);
    cdc_arena_init(&ar, 16U << 10, 64U << 20);
    cdc_error_clear(&err);
    bool unchanged = cdc_cursor_left(&c) == 0;
    cdc_rc rc = src_mysql_json_patch(cdc_cursor_of(document, n), c, &ar, &out, &bad, &err);
    if (rc == CDC_OK) {
        must(src_mysql_utf8_valid_prefix((const uint8_t *)out.data, out.len) == out.len);
        for (size_t i = 0; i < out.len; i++) {
            must((unsigned char)out.data[i] >= 0x20);
        }
    } else {
        must_explain(rc, &err);
    }
    if (unchanged) {
        must(src_mysql_json_text(document, n, &plain, NULL, &err) == rc);
        must(rc != CDC_OK || (plain.len == out.len && memcmp(plain.data, out.data, out.len) == 0));
    }
    cdc_arena_fini(&ar);
    cdc_buffer_fini(&plain);
    cdc_buffer_fini(&out);
    return 0;
}
