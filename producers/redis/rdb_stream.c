/* Streams: nodes of entries in listpacks, counters, groups with their consumers and what is pending
 * for them. The commands are those by which a server rewrites its own log. */
#include <stdlib.h>

#include "core/cursor.h"
#include "rdb_state.h"

enum { ENTRY_DELETED = 1, ENTRY_SAME_FIELDS = 2, ID_BYTES = 16, ID_TEXT = 42 };

static src_redis_step step_node, step_entries, step_entry, step_counters, step_set_id, step_groups,
    step_group, step_group_state, step_pending, step_consumers, step_consumer, step_consumer_state,
    step_claim;

void src_redis_stream_init(src_redis_stream *stream, size_t max_bytes)
{
    cdc_buffer_init(&stream->blob, max_bytes);
    cdc_buffer_init(&stream->group, max_bytes);
    cdc_buffer_init(&stream->consumer, max_bytes);
    cdc_buffer_init(&stream->pending, max_bytes);
}

void src_redis_stream_fini(src_redis_stream *stream)
{
    cdc_buffer_fini(&stream->blob);
    cdc_buffer_fini(&stream->group);
    cdc_buffer_fini(&stream->consumer);
    cdc_buffer_fini(&stream->pending);
}

/* --- ids --- */

static src_redis_id read_id(src_redis_input *in)
{
    src_redis_id id = {src_redis_input_be(in, 8), 0};
    id.seq = src_redis_input_be(in, 8);
    return id;
}

static src_redis_id read_id_lengths(src_redis_input *in)
{
    src_redis_id id = {src_redis_input_length(in), 0};
    id.seq = src_redis_input_length(in);
    return id;
}

static int compare_ids(src_redis_id a, src_redis_id b)
{
    return a.ms != b.ms ? (a.ms > b.ms) - (a.ms < b.ms) : (a.seq > b.seq) - (a.seq < b.seq);
}

static void arg_id(src_redis_rdb *rdb, src_redis_id id)
{
    char text[ID_TEXT];
    size_t n = cdc_format_u64(text, id.ms);
    text[n++] = '-';
    n += cdc_format_u64(text + n, id.seq);
    src_redis_rdb_arg(rdb, (src_redis_slice){text, n});
}

static void keep(src_redis_rdb *rdb, cdc_buffer *buf, src_redis_slice bytes)
{
    if (rdb->in.rc == CDC_OK) {
        cdc_buffer_reset(buf);
        cdc_buffer_add(buf, bytes.p, bytes.n);
        if (buf->failed) {
            src_redis_input_bad(&rdb->in, "out of memory for %zu bytes", bytes.n);
        }
    }
}

/* Settles the item; on OK goes on with next. */
static cdc_rc go(src_redis_rdb *rdb, src_redis_step *next)
{
    cdc_rc rc = src_redis_input_settle(&rdb->in);
    if (rc == CDC_OK) {
        rdb->step = next;
    }
    return rc;
}

/* --- nodes --- */

/* The pack's next element as an integer; 0 and rc set when there is none. */
static int64_t next_int(src_redis_rdb *rdb, src_redis_pack *pack)
{
    src_redis_slice text;
    if (rdb->in.rc != CDC_OK) {
        return 0;
    }
    if (src_redis_pack_next(pack, &text) != CDC_OK || text.p != pack->text) {
        src_redis_input_bad(&rdb->in, "expected a number in the node that ends here");
        return 0;
    }
    pack->text[text.n] = '\0';
    return strtoll(pack->text, NULL, 10);
}

static src_redis_slice next_text(src_redis_rdb *rdb, src_redis_pack *pack)
{
    src_redis_slice text = {NULL, 0};
    if (rdb->in.rc == CDC_OK && src_redis_pack_next(pack, &text) != CDC_OK) {
        src_redis_input_bad(&rdb->in, "expected a field in the node that ends here");
        text = (src_redis_slice){NULL, 0};
    }
    return text;
}

static uint64_t next_count(src_redis_rdb *rdb, src_redis_pack *pack)
{
    int64_t n = next_int(rdb, pack);
    if (n < 0) {
        src_redis_input_bad(&rdb->in, "expected a count in the node that ends here");
    }
    return rdb->in.rc == CDC_OK ? (uint64_t)n : 0;
}

/* The master entry: counts, and names of fields that entries need not repeat. */
static void begin_node(src_redis_rdb *rdb)
{
    src_redis_stream *st = &rdb->stream;
    if (!src_redis_pack_begin(&st->pack, SRC_REDIS_LISTPACK, st->blob.data, st->blob.len)) {
        src_redis_input_bad(&rdb->in, "the string that ends here is no listpack");
        return;
    }
    (void)next_count(rdb, &st->pack); /* entries */
    (void)next_count(rdb, &st->pack); /* of them deleted */
    st->fields = next_count(rdb, &st->pack);
    st->master = st->pack;
    for (uint64_t i = 0; i < st->fields && rdb->in.rc == CDC_OK; i++) {
        (void)next_text(rdb, &st->pack);
    }
    (void)next_int(rdb, &st->pack); /* 0, the end of the master entry */
}

static cdc_rc step_entries(src_redis_rdb *rdb)
{
    src_redis_slice bytes = src_redis_input_string(&rdb->in);
    keep(rdb, &rdb->stream.blob, bytes);
    if (rdb->in.rc == CDC_OK) {
        begin_node(rdb);
    }
    return go(rdb, step_entry);
}

static cdc_rc step_node(src_redis_rdb *rdb)
{
    src_redis_stream *st = &rdb->stream;
    src_redis_input *in = &rdb->in;
    if (st->nodes == 0) {
        rdb->step = step_counters;
        return CDC_OK;
    }
    src_redis_slice id = src_redis_input_string(in);
    if (in->rc == CDC_OK && id.n != ID_BYTES) {
        src_redis_input_bad(in, "expected a node's id of 16 bytes, found %zu", id.n);
    }
    cdc_cursor c = cdc_cursor_of(id.p, in->rc == CDC_OK ? id.n : 0);
    st->node.ms = cdc_cursor_be(&c, 8);
    st->node.seq = cdc_cursor_be(&c, 8);
    st->nodes -= in->rc == CDC_OK;
    return go(rdb, step_entries);
}

static void add_fields(src_redis_rdb *rdb, int64_t flags)
{
    src_redis_stream *st = &rdb->stream;
    bool same = (flags & ENTRY_SAME_FIELDS) != 0;
    src_redis_pack names = st->master;
    uint64_t n = same ? st->fields : next_count(rdb, &st->pack);
    if (n == 0) {
        src_redis_input_bad(&rdb->in, "an entry without fields in the node that ends here");
    }
    for (uint64_t i = 0; i < n && rdb->in.rc == CDC_OK; i++) {
        src_redis_rdb_arg(rdb, next_text(rdb, same ? &names : &st->pack));
        src_redis_rdb_arg(rdb, next_text(rdb, &st->pack));
    }
    (void)next_int(rdb, &st->pack); /* elements of the entry, for readers from the end */
}

static cdc_rc step_entry(src_redis_rdb *rdb)
{
    src_redis_stream *st = &rdb->stream;
    src_redis_slice first;
    cdc_rc rc = src_redis_pack_next(&st->pack, &first);
    if (rc == CDC_EOF) {
        rdb->step = step_node;
        return CDC_OK;
    }
    if (rc != CDC_OK || first.p != st->pack.text) {
        return src_redis_input_bad(&rdb->in, "expected an entry in the node that ends here");
    }
    st->pack.text[first.n] = '\0';
    int64_t flags = strtoll(st->pack.text, NULL, 10);
    src_redis_id id = {st->node.ms + (uint64_t)next_int(rdb, &st->pack), 0};
    id.seq = st->node.seq + (uint64_t)next_int(rdb, &st->pack);
    src_redis_rdb_begin_key(rdb, "XADD", NULL);
    arg_id(rdb, id);
    add_fields(rdb, flags);
    if (rdb->in.rc == CDC_OK && (flags & ENTRY_DELETED) == 0) {
        st->last = id; /* not 0-0: there is an entry */
        src_redis_rdb_complete(rdb);
    }
    return rdb->in.rc;
}

cdc_rc src_redis_step_stream(src_redis_rdb *rdb)
{
    src_redis_stream *st = &rdb->stream;
    st->version = rdb->type == 15 ? 1 : rdb->type == 19 ? 2 : 3;
    st->nodes = src_redis_input_length(&rdb->in);
    st->last = (src_redis_id){0, 0};
    return go(rdb, step_node);
}

/* --- counters --- */

static cdc_rc step_set_id(src_redis_rdb *rdb)
{
    src_redis_stream *st = &rdb->stream;
    src_redis_rdb_begin_key(rdb, "XSETID", NULL);
    arg_id(rdb, st->last);
    if (st->version > 1) {
        src_redis_rdb_arg_str(rdb, "ENTRIESADDED");
        src_redis_rdb_arg_u64(rdb, st->added);
        src_redis_rdb_arg_str(rdb, "MAXDELETEDID");
        arg_id(rdb, st->max_deleted);
    }
    rdb->step = step_groups;
    src_redis_rdb_complete(rdb);
    return rdb->in.rc;
}

/* A stream without entries is made by an entry that is trimmed at once. */
static cdc_rc make_empty(src_redis_rdb *rdb)
{
    src_redis_id id = rdb->stream.last;
    id.seq += id.ms == 0 && id.seq == 0;
    src_redis_rdb_begin_key(rdb, "XADD", NULL);
    src_redis_rdb_arg_str(rdb, "MAXLEN");
    src_redis_rdb_arg_str(rdb, "0");
    arg_id(rdb, id);
    src_redis_rdb_arg_str(rdb, "x");
    src_redis_rdb_arg_str(rdb, "y");
    src_redis_rdb_complete(rdb);
    return rdb->in.rc;
}

static cdc_rc step_counters(src_redis_rdb *rdb)
{
    src_redis_stream *st = &rdb->stream;
    src_redis_input *in = &rdb->in;
    (void)src_redis_input_length(in); /* entries */
    src_redis_id last = read_id_lengths(in);
    if (st->version > 1) {
        (void)read_id_lengths(in); /* first id */
        st->max_deleted = read_id_lengths(in);
        st->added = src_redis_input_length(in);
    }
    if (in->rc == CDC_OK && compare_ids(last, st->last) < 0) {
        src_redis_input_bad(in, "the stream's last id is before its last entry");
    }
    cdc_rc rc = go(rdb, step_set_id);
    if (rc != CDC_OK) {
        return rc;
    }
    st->last = last;
    return rdb->commands == 0 ? make_empty(rdb) : CDC_OK;
}

/* --- groups --- */

static cdc_rc step_groups(src_redis_rdb *rdb)
{
    rdb->stream.groups = src_redis_input_length(&rdb->in);
    return go(rdb, step_group);
}

static cdc_rc step_group(src_redis_rdb *rdb)
{
    src_redis_stream *st = &rdb->stream;
    if (st->groups == 0) {
        rdb->step = src_redis_step_finish;
        return CDC_OK;
    }
    keep(rdb, &st->group, src_redis_input_string(&rdb->in));
    return go(rdb, step_group_state);
}

static cdc_rc step_group_state(src_redis_rdb *rdb)
{
    src_redis_stream *st = &rdb->stream;
    src_redis_input *in = &rdb->in;
    src_redis_id last = read_id_lengths(in);
    uint64_t entries_read = st->version > 1 ? src_redis_input_length(in) : 0;
    st->group_pending = src_redis_input_length(in);
    cdc_rc rc = go(rdb, step_pending);
    if (rc != CDC_OK) {
        return rc;
    }
    st->groups--;
    st->npending = 0;
    st->claimed = 0;
    cdc_buffer_reset(&st->pending);
    src_redis_rdb_begin_key(rdb, "XGROUP", "CREATE");
    src_redis_rdb_arg_buffer(rdb, &st->group);
    arg_id(rdb, last);
    if (st->version > 1) {
        src_redis_rdb_arg_str(rdb, "ENTRIESREAD");
        src_redis_rdb_arg_i64(rdb, (int64_t)entries_read); /* -1: not known */
    }
    src_redis_rdb_complete(rdb);
    return in->rc;
}

static src_redis_pending *pending(src_redis_stream *st)
{
    return (src_redis_pending *)(void *)st->pending.data;
}

static cdc_rc step_pending(src_redis_rdb *rdb)
{
    src_redis_stream *st = &rdb->stream;
    src_redis_input *in = &rdb->in;
    if (st->group_pending == 0) {
        rdb->step = step_consumers;
        return CDC_OK;
    }
    src_redis_pending entry = {.id = read_id(in)};
    entry.delivered_ms = (int64_t)src_redis_input_le(in, 8);
    uint64_t count = src_redis_input_length(in);
    entry.count = count < UINT32_MAX ? (uint32_t)count : UINT32_MAX;
    if (in->rc == CDC_OK) {
        if (st->npending > 0 && compare_ids(pending(st)[st->npending - 1].id, entry.id) >= 0) {
            src_redis_input_bad(in, "expected a group's pending entries in order");
        }
        cdc_buffer_add(&st->pending, &entry, sizeof entry);
        if (st->pending.failed) {
            src_redis_input_bad(in,
                                "the group's %zu pending entries are over the limit of %zu "
                                "bytes",
                                st->npending, st->pending.max);
        }
    }
    cdc_rc rc = src_redis_input_settle(in);
    if (rc == CDC_OK) {
        st->npending++;
        st->group_pending--;
    }
    return rc;
}

/* --- consumers --- */

static cdc_rc step_consumers(src_redis_rdb *rdb)
{
    rdb->stream.consumers = src_redis_input_length(&rdb->in);
    return go(rdb, step_consumer);
}

static cdc_rc step_consumer(src_redis_rdb *rdb)
{
    src_redis_stream *st = &rdb->stream;
    if (st->consumers > 0) {
        keep(rdb, &st->consumer, src_redis_input_string(&rdb->in));
        return go(rdb, step_consumer_state);
    }
    if (st->claimed < st->npending) {
        return src_redis_input_bad(&rdb->in, "%zu pending entries of a group are of no consumer",
                                   st->npending - st->claimed);
    }
    rdb->step = step_group;
    return CDC_OK;
}

static cdc_rc step_consumer_state(src_redis_rdb *rdb)
{
    src_redis_stream *st = &rdb->stream;
    (void)src_redis_input_le(&rdb->in, 8); /* when seen */
    if (st->version > 2) {
        (void)src_redis_input_le(&rdb->in, 8); /* when active */
    }
    st->consumer_pending = src_redis_input_length(&rdb->in);
    cdc_rc rc = go(rdb, step_claim);
    if (rc != CDC_OK) {
        return rc;
    }
    st->consumers--;
    src_redis_rdb_begin_key(rdb, "XGROUP", "CREATECONSUMER");
    src_redis_rdb_arg_buffer(rdb, &st->group);
    src_redis_rdb_arg_buffer(rdb, &st->consumer);
    src_redis_rdb_complete(rdb);
    return rdb->in.rc;
}

static int by_id(const void *key, const void *entry)
{
    return compare_ids(*(const src_redis_id *)key, ((const src_redis_pending *)entry)->id);
}

static void claim(src_redis_rdb *rdb, const src_redis_pending *entry)
{
    src_redis_rdb_begin_key(rdb, "XCLAIM", NULL);
    src_redis_rdb_arg_buffer(rdb, &rdb->stream.group);
    src_redis_rdb_arg_buffer(rdb, &rdb->stream.consumer);
    src_redis_rdb_arg_str(rdb, "0");
    arg_id(rdb, entry->id);
    src_redis_rdb_arg_str(rdb, "TIME");
    src_redis_rdb_arg_i64(rdb, entry->delivered_ms);
    src_redis_rdb_arg_str(rdb, "RETRYCOUNT");
    src_redis_rdb_arg_u64(rdb, entry->count);
    src_redis_rdb_arg_str(rdb, "JUSTID");
    src_redis_rdb_arg_str(rdb, "FORCE");
    src_redis_rdb_complete(rdb);
}

static cdc_rc step_claim(src_redis_rdb *rdb)
{
    src_redis_stream *st = &rdb->stream;
    src_redis_input *in = &rdb->in;
    if (st->consumer_pending == 0) {
        rdb->step = step_consumer;
        return CDC_OK;
    }
    src_redis_id id = read_id(in);
    src_redis_pending *entry = NULL;
    if (in->rc == CDC_OK && st->npending > 0) {
        entry = bsearch(&id, pending(st), st->npending, sizeof *entry, by_id);
    }
    if (in->rc == CDC_OK && (entry == NULL || entry->claimed)) {
        src_redis_input_bad(in,
                            "a consumer's pending entry %llu-%llu is not its group's, or is "
                            "another consumer's",
                            (unsigned long long)id.ms, (unsigned long long)id.seq);
    }
    cdc_rc rc = src_redis_input_settle(in);
    if (rc != CDC_OK) {
        return rc;
    }
    entry->claimed = true;
    st->claimed++;
    st->consumer_pending--;
    claim(rdb, entry);
    return in->rc;
}
