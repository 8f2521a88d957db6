/* GTID sets of any bytes, as text of both servers and as the log's encoding, and the list of XA
 * transactions in a token: refused with a text, or what is printed is read back as the same. */
#include "fuzz_kit.h"
#include "producers/mysql/gtid_set.h"
#include "producers/mysql/prepared.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Printed, read, printed: the same text, and each holds the other. */
static void must_come_back(const src_mysql_gtid_set *set, bool is_mariadb)
{
    cdc_buffer text, again;
    cdc_error err;
    src_mysql_gtid_set *copy = src_mysql_gtid_set_new(is_mariadb);
    cdc_buffer_init(&text, 16U << 20);
    cdc_buffer_init(&again, 16U << 20);
    cdc_error_clear(&err);
    src_mysql_gtid_set_print(set, &text);
    must(copy != NULL &&
         src_mysql_gtid_set_parse(copy, cdc_buffer_cstr(&text), text.len, &err) == CDC_OK);
    src_mysql_gtid_set_print(copy, &again);
    must(strcmp(cdc_buffer_cstr(&again), cdc_buffer_cstr(&text)) == 0);
    must(src_mysql_gtid_set_includes(copy, set) && src_mysql_gtid_set_includes(set, copy));
    if (!is_mariadb) {
        cdc_buffer_reset(&again);
        src_mysql_gtid_set_encode(set, &again);
        src_mysql_gtid_set_clear(copy);
        must(src_mysql_gtid_set_decode(copy, cdc_buffer_cstr(&again), again.len, &err) == CDC_OK);
        must(src_mysql_gtid_set_includes(copy, set) && src_mysql_gtid_set_includes(set, copy));
    }
    src_mysql_gtid_set_free(copy);
    cdc_buffer_fini(&text);
    cdc_buffer_fini(&again);
}

static void one_set(const uint8_t *data, size_t size, bool is_mariadb, bool encoded)
{
    cdc_error err;
    cdc_error_clear(&err);
    src_mysql_gtid_set *set = src_mysql_gtid_set_new(is_mariadb);
    cdc_rc rc = encoded ? src_mysql_gtid_set_decode(set, data, size, &err)
                        : src_mysql_gtid_set_parse(set, (const char *)data, size, &err);
    if (rc == CDC_OK) {
        must_come_back(set, is_mariadb);
    } else {
        must_explain(rc, &err);
    }
    src_mysql_gtid_set_free(set);
}

static void one_list(const char *text)
{
    src_mysql_prepared_list list = {.n = 0};
    src_mysql_prepared_list copy = {.n = 0};
    cdc_buffer out;
    cdc_error err;
    char xid[SRC_MYSQL_XID_MAX];
    cdc_error_clear(&err);
    cdc_buffer_init(&out, 16U << 20);
    (void)src_mysql_xid_of_text(text, xid);
    if (src_mysql_prepared_parse(&list, text, &err) == CDC_OK) {
        src_mysql_prepared_print(&list, &out);
        must(src_mysql_prepared_parse(&copy, cdc_buffer_cstr(&out), &err) == CDC_OK);
        must(copy.n == list.n);
    } else {
        must_explain(err.rc, &err);
    }
    src_mysql_prepared_fini(&list);
    src_mysql_prepared_fini(&copy);
    cdc_buffer_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    must(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    one_set(data, size, false, false);
    one_set(data, size, true, false);
    one_set(data, size, false, true);
    one_list(text);
    free(text);
    return 0;
}
