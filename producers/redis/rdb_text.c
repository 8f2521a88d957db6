/* Strings: short ones are a SET, long ones a SET and APPENDs of the pieces as they come. */
#include "rdb_lzf.h"
#include "rdb_state.h"

static void set_or_append(src_redis_rdb *rdb, src_redis_slice piece, bool begins)
{
    src_redis_rdb_begin_key(rdb, begins ? "SET" : "APPEND", NULL);
    src_redis_rdb_arg(rdb, piece);
    src_redis_rdb_complete(rdb);
}

static cdc_rc step_raw(src_redis_rdb *rdb)
{
    src_redis_input *in = &rdb->in;
    src_redis_text *text = &rdb->text;
    size_t n =
        rdb->options.piece_bytes < text->stored ? rdb->options.piece_bytes : (size_t)text->stored;
    const uint8_t *bytes = src_redis_input_bytes(in, n);
    if (bytes != NULL) {
        set_or_append(rdb, (src_redis_slice){(const char *)bytes, n}, text->sent == 0);
    }
    cdc_rc rc = src_redis_input_settle(in);
    if (rc == CDC_OK) {
        text->sent += n;
        text->stored -= n;
        rdb->step = text->stored == 0 ? src_redis_step_finish : step_raw;
    }
    return rc;
}

/* Reads the whole sequences that are there until a piece is full. */
static void decompress(src_redis_rdb *rdb, size_t piece)
{
    src_redis_input *in = &rdb->in;
    src_redis_text *text = &rdb->text;
    size_t there = src_redis_input_there(in);
    there = there < text->stored ? there : (size_t)text->stored;
    cdc_cursor c = cdc_cursor_of(in->buf.data + in->at, there);
    src_redis_lzf result = SRC_REDIS_LZF_OK;
    while (result == SRC_REDIS_LZF_OK && cdc_cursor_left(&c) > 0 && text->out.len < piece) {
        result = src_redis_lzf_next(&c, &text->out);
    }
    size_t n = there - cdc_cursor_left(&c);
    if (result == SRC_REDIS_LZF_BAD || (result == SRC_REDIS_LZF_SHORT && there == text->stored)) {
        src_redis_input_bad(in, "the compressed string is malformed");
    } else if (n == 0) {
        src_redis_input_want(in, there + 1);
    } else {
        in->at += n;
        text->stored -= n;
    }
}

static cdc_rc step_compressed(src_redis_rdb *rdb)
{
    src_redis_text *text = &rdb->text;
    const size_t piece = rdb->options.piece_bytes;
    size_t kept = text->sent; /* of the pieces before, to copy from */
    if (text->stored > 0) {
        decompress(rdb, kept + piece);
    }
    cdc_rc rc = src_redis_input_settle(&rdb->in);
    size_t ready = text->out.len - kept;
    if (rc != CDC_OK || (ready < piece && text->stored > 0)) {
        return rc;
    }
    bool ends = text->stored == 0;
    if (ready > text->size || (ends && ready < text->size)) {
        return src_redis_input_bad(&rdb->in, "the compressed string is not as long as it tells");
    }
    set_or_append(rdb, (src_redis_slice){text->out.data + kept, ready},
                  rdb->commands == 0 && kept == 0);
    text->size -= ready;
    size_t keep = text->out.len < SRC_REDIS_LZF_REACH ? text->out.len : SRC_REDIS_LZF_REACH;
    memmove(text->out.data, text->out.data + text->out.len - keep, keep);
    text->out.len = keep;
    text->sent = keep;
    rdb->step = ends ? src_redis_step_finish : step_compressed;
    return rdb->in.rc;
}

cdc_rc src_redis_step_text(src_redis_rdb *rdb)
{
    src_redis_input *in = &rdb->in;
    src_redis_text *text = &rdb->text;
    src_redis_string head = src_redis_input_head(in);
    if (in->rc == CDC_OK && head.size > rdb->options.piece_bytes) {
        text->stored = head.stored;
        text->size = head.size;
        text->sent = 0;
        cdc_buffer_reset(&text->out);
        rdb->step = head.kind == SRC_REDIS_COMPRESSED ? step_compressed : step_raw;
    } else if (in->rc == CDC_OK) {
        src_redis_slice value = src_redis_input_body(in, &head);
        if (in->rc == CDC_OK) {
            set_or_append(rdb, value, true);
            rdb->step = src_redis_step_finish;
        }
    }
    cdc_rc rc = src_redis_input_settle(in);
    if (rc == CDC_AGAIN) {
        rdb->step = src_redis_step_text;
    }
    return rc;
}
