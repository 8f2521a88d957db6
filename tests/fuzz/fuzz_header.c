/* The cdc header: any bytes are parsed or refused, and what was parsed is written and read back the
 * same. */
#include "topics/header.h"

static bool same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* Members that are "" are left out when written. */
static const char *given(const char *s)
{
    return s != NULL && s[0] != '\0' ? s : NULL;
}

static void write_back(const cdc_header *h, cdc_arena *ar)
{
    cdc_buffer out;
    cdc_error err;
    cdc_header again;
    cdc_table tbl = {.version = h->schema};
    cdc_event ev = {
        .op = CDC_OP_DDL, /* the only one that has all members */
        .phase = (uint8_t)h->phase,
        .table = &tbl,
        .txn = h->txn,
        .seq = h->seq,
        .last = h->last,
        .pos_file = h->pos,
        .pos = 7,
        .after_ddl = h->ddl,
        .ddl_was = h->was,
        .ddl_default = h->use,
    };
    cdc_buffer_init(&out, 16 * 1024 * 1024);
    cdc_header_encode(&out, h->task != NULL ? h->task : "", h->src, &ev);
    if (out.failed ||
        cdc_header_parse((cdc_bytes){out.data, out.len}, ar, &again, &err) != CDC_OK) {
        abort();
    }
    size_t len = h->pos != NULL ? strlen(h->pos) : 0;
    bool good =
        again.phase == h->phase && again.schema == h->schema && again.seq == h->seq &&
        again.last == h->last && same(again.txn, given(h->txn)) && same(again.was, given(h->was)) &&
        same(again.use, given(h->use)) && again.ddl == h->ddl && same(again.src, given(h->src)) &&
        same(again.task, h->task != NULL ? h->task : "") &&
        (len == 0 ? again.pos == NULL
                  : strncmp(again.pos, h->pos, len) == 0 && strcmp(again.pos + len, ":7") == 0);
    if (!good) {
        abort();
    }
    cdc_buffer_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cdc_arena ar;
    cdc_error err;
    cdc_header h;
    cdc_arena_init(&ar, 4096, 16 * 1024 * 1024);
    cdc_error_clear(&err);
    if (cdc_header_parse((cdc_bytes){(const char *)data, size}, &ar, &h, &err) == CDC_OK) {
        write_back(&h, &ar);
    }
    cdc_arena_fini(&ar);
    return 0;
}
