/* Lists, sets, sorted sets and hashes: elements one after the other, or packed in strings. */
#include <math.h>
#include <stdlib.h>

#include "rdb_state.h"

/* Elements of an entry, in the order of the file:
 *   s  string, an argument
 *   a  score as text behind its length; d: as a double; c: as a string. The argument goes before
 *      the member
 *   t  time to live: a length, from min_ms on, 0 none; T: the same, absolute; x: 8 bytes, absolute,
 *      -1 none */
typedef struct shape {
    uint8_t type;
    const char *command, *roles;
    src_redis_pack_kind kind;                /* SRC_REDIS_NO_PACK: elements in the file itself */
    enum { ONE, MANY, MARKED, MIN_MS } form; /* packs; MIN_MS: min_ms comes first */
} shape;

static const shape shapes[] = {
    {1, "RPUSH", "s", SRC_REDIS_NO_PACK, ONE},
    {2, "SADD", "s", SRC_REDIS_NO_PACK, ONE},
    {3, "ZADD", "sa", SRC_REDIS_NO_PACK, ONE},
    {4, "HSET", "ss", SRC_REDIS_NO_PACK, ONE},
    {5, "ZADD", "sd", SRC_REDIS_NO_PACK, ONE},
    {9, "HSET", "ss", SRC_REDIS_ZIPMAP, ONE},
    {10, "RPUSH", "s", SRC_REDIS_ZIPLIST, ONE},
    {11, "SADD", "s", SRC_REDIS_INTSET, ONE},
    {12, "ZADD", "sc", SRC_REDIS_ZIPLIST, ONE},
    {13, "HSET", "ss", SRC_REDIS_ZIPLIST, ONE},
    {14, "RPUSH", "s", SRC_REDIS_ZIPLIST, MANY},
    {16, "HSET", "ss", SRC_REDIS_LISTPACK, ONE},
    {17, "ZADD", "sc", SRC_REDIS_LISTPACK, ONE},
    {18, "RPUSH", "s", SRC_REDIS_LISTPACK, MARKED},
    {20, "SADD", "s", SRC_REDIS_LISTPACK, ONE},
    {22, "HSET", "Tss", SRC_REDIS_NO_PACK, ONE}, /* Redis 7.4 RC */
    {23, "HSET", "ssT", SRC_REDIS_LISTPACK, ONE},
    {24, "HSET", "tss", SRC_REDIS_NO_PACK, MIN_MS},
    {25, "HSET", "ssT", SRC_REDIS_LISTPACK, MIN_MS},
};
static const shape valkey_hash = {22, "HSET", "ssx", SRC_REDIS_NO_PACK, ONE};

enum { NODE_PLAIN = 1, NODE_PACKED = 2 };

static src_redis_step step_count, step_element, step_pack, step_flush;

/* --- scores --- */

/* The shortest text that reads back as the same double, and that the server reads. */
static size_t format_score(char text[32], double v)
{
    if (isinf(v)) {
        return (size_t)snprintf(text, 32, v > 0 ? "inf" : "-inf");
    }
    if (v == trunc(v) && fabs(v) < 1e15 && (v != 0 || !signbit(v))) {
        return cdc_format_i64(text, (int64_t)v);
    }
    int n = 0;
    for (int digits = 15; digits <= 17; digits++) {
        n = snprintf(text, 32, "%.*g", digits, v);
        if (strtod(text, NULL) == v) {
            break;
        }
    }
    return (size_t)n;
}

static double score_double(src_redis_input *in)
{
    uint64_t bits = src_redis_input_le(in, 8);
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static double score_text(src_redis_input *in)
{
    uint8_t n = src_redis_input_u8(in);
    if (n >= 253) {
        return n == 253 ? (double)NAN : n == 254 ? (double)INFINITY : -(double)INFINITY;
    }
    const uint8_t *bytes = src_redis_input_bytes(in, n);
    if (bytes == NULL) {
        return 0;
    }
    char text[256] = {0};
    char *end = text;
    memcpy(text, bytes, n);
    double v = strtod(text, &end);
    return n > 0 && end == text + n ? v : (double)NAN;
}

/* An entry of ZADD begins with the score. */
static void add_score(src_redis_rdb *rdb, src_redis_slice score)
{
    src_redis_rdb_arg(rdb, score);
    if (!rdb->cmd.args.failed) {
        src_redis_arg *args = src_redis_rdb_args(rdb) + rdb->cmd.nargs - 2;
        src_redis_arg member = args[0];
        args[0] = args[1];
        args[1] = member;
    }
}

static void read_score(src_redis_rdb *rdb, char role)
{
    double v = role == 'a' ? score_text(&rdb->in) : score_double(&rdb->in);
    if (rdb->in.rc == CDC_OK && isnan(v)) {
        src_redis_input_bad(&rdb->in, "the score that ends here is not a number");
    }
    if (rdb->in.rc == CDC_OK) {
        char text[32];
        add_score(rdb, (src_redis_slice){text, format_score(text, v)});
    }
}

/* --- expiries of fields --- */

static void read_ttl(src_redis_rdb *rdb, char role)
{
    src_redis_collection *col = &rdb->col;
    uint64_t ttl = role == 'x' ? src_redis_input_le(&rdb->in, 8) : src_redis_input_length(&rdb->in);
    if (role == 'x' && ttl == UINT64_MAX) {
        ttl = 0;
    }
    if (role == 't' && ttl > 0 && __builtin_add_overflow(ttl - 1, col->min_ms, &ttl)) {
        ttl = UINT64_MAX;
    }
    if (ttl > INT64_MAX) {
        src_redis_input_bad(&rdb->in, "expected a field's time to expire");
    }
    col->ttl = ttl;
}

/* As a listpack has it. */
static void text_ttl(src_redis_rdb *rdb, src_redis_slice text)
{
    uint64_t v = 0;
    bool ok = text.n > 0 && text.n < 20;
    for (size_t i = 0; ok && i < text.n; i++) {
        ok = text.p[i] >= '0' && text.p[i] <= '9';
        v = v * 10 + (uint64_t)(text.p[i] - '0');
    }
    if (!ok || v > INT64_MAX) {
        src_redis_input_bad(&rdb->in, "expected a field's time to expire in the listpack");
    }
    rdb->col.ttl = v;
}

static void remember_expiry(src_redis_rdb *rdb)
{
    src_redis_collection *col = &rdb->col;
    if (col->ttl == 0 || rdb->recording || rdb->cmd.bytes.failed || rdb->cmd.args.failed) {
        return;
    }
    src_redis_arg field = src_redis_rdb_args(rdb)[col->begin];
    cdc_buffer_add(&col->expiry, &col->ttl, sizeof col->ttl);
    cdc_buffer_add(&col->expiry, &field.n, sizeof field.n);
    cdc_buffer_add(&col->expiry, rdb->cmd.bytes.data + field.at, field.n);
    if (col->expiry.failed) {
        src_redis_input_bad(&rdb->in, "out of memory for the expiries of fields");
    }
}

static cdc_rc step_expiry(src_redis_rdb *rdb)
{
    src_redis_collection *col = &rdb->col;
    if (col->expiry_at == col->expiry.len) {
        cdc_buffer_reset(&col->expiry);
        col->expiry_at = 0;
        rdb->step = step_element;
        return CDC_OK;
    }
    uint64_t ms;
    size_t n;
    const char *at = col->expiry.data + col->expiry_at;
    memcpy(&ms, at, sizeof ms);
    memcpy(&n, at + sizeof ms, sizeof n);
    src_redis_rdb_begin_key(rdb, "HPEXPIREAT", NULL);
    src_redis_rdb_arg_u64(rdb, ms);
    src_redis_rdb_arg_str(rdb, "FIELDS");
    src_redis_rdb_arg_str(rdb, "1");
    src_redis_rdb_arg(rdb, (src_redis_slice){at + sizeof ms + sizeof n, n});
    src_redis_rdb_complete(rdb);
    col->expiry_at += sizeof ms + sizeof n + n;
    return rdb->in.rc;
}

/* --- entries --- */

static cdc_rc step_flush(src_redis_rdb *rdb)
{
    rdb->col.items = 0;
    rdb->step = step_expiry;
    src_redis_rdb_complete(rdb);
    return rdb->in.rc;
}

/* The element is read: the next one, or the end of an entry. */
static void next_role(src_redis_rdb *rdb)
{
    src_redis_collection *col = &rdb->col;
    col->role++;
    if (col->roles[col->role] != '\0') {
        return;
    }
    remember_expiry(rdb);
    col->role = 0;
    col->items++;
    if (col->items >= rdb->options.items || rdb->cmd.bytes.len >= rdb->options.piece_bytes) {
        rdb->step = step_flush;
    }
}

static void begin_entry(src_redis_rdb *rdb)
{
    src_redis_collection *col = &rdb->col;
    if (col->role == 0) {
        if (col->items == 0) {
            src_redis_rdb_begin_key(rdb, col->command, NULL);
        }
        col->begin = rdb->cmd.nargs;
        col->ttl = 0;
    }
}

static cdc_rc step_end(src_redis_rdb *rdb)
{
    src_redis_collection *col = &rdb->col;
    if (col->role != 0) {
        return src_redis_input_bad(&rdb->in, "expected whole entries of a %s", col->command);
    }
    if (col->items > 0) {
        return step_flush(rdb); /* and comes back */
    }
    rdb->step = src_redis_step_finish;
    return CDC_OK;
}

static cdc_rc from_pack(src_redis_rdb *rdb)
{
    src_redis_collection *col = &rdb->col;
    src_redis_slice element;
    cdc_rc rc = src_redis_pack_next(&col->pack, &element);
    if (rc == CDC_EOF) {
        col->in_pack = false;
        return CDC_OK;
    }
    if (rc != CDC_OK) {
        return src_redis_input_bad(&rdb->in, "the %s that ends here is malformed",
                                   src_redis_pack_name(col->kind));
    }
    begin_entry(rdb);
    switch (col->roles[col->role]) {
    case 'c':
        add_score(rdb, element);
        break;
    case 'T':
        text_ttl(rdb, element);
        break;
    default:
        src_redis_rdb_arg(rdb, element);
    }
    next_role(rdb);
    return rdb->in.rc;
}

static cdc_rc from_input(src_redis_rdb *rdb)
{
    src_redis_collection *col = &rdb->col;
    src_redis_input *in = &rdb->in;
    begin_entry(rdb);
    char role = col->roles[col->role];
    if (role == 'a' || role == 'd') {
        read_score(rdb, role);
    } else if (role == 's') {
        src_redis_slice element = src_redis_input_string(in);
        if (in->rc == CDC_OK) {
            src_redis_rdb_arg(rdb, element);
        }
    } else {
        read_ttl(rdb, role);
    }
    cdc_rc rc = src_redis_input_settle(in);
    if (rc == CDC_OK) {
        col->left--;
        next_role(rdb);
        rc = in->rc;
    }
    return rc;
}

static cdc_rc step_element(src_redis_rdb *rdb)
{
    src_redis_collection *col = &rdb->col;
    if (col->in_pack) {
        return from_pack(rdb);
    }
    if (col->left > 0) {
        return from_input(rdb);
    }
    if (col->nodes > 0) {
        return step_pack(rdb);
    }
    return step_end(rdb);
}

/* --- where the elements are --- */

static void begin_pack(src_redis_rdb *rdb, src_redis_slice bytes)
{
    src_redis_collection *col = &rdb->col;
    cdc_buffer_reset(&col->blob);
    cdc_buffer_add(&col->blob, bytes.p, bytes.n);
    if (col->blob.failed) {
        src_redis_input_bad(&rdb->in, "out of memory for %zu bytes", bytes.n);
    } else if (!src_redis_pack_begin(&col->pack, col->kind, col->blob.data, col->blob.len)) {
        src_redis_input_bad(&rdb->in, "the string that ends here is no %s",
                            src_redis_pack_name(col->kind));
    } else {
        col->in_pack = true;
    }
}

static cdc_rc step_pack(src_redis_rdb *rdb)
{
    src_redis_collection *col = &rdb->col;
    src_redis_input *in = &rdb->in;
    uint64_t mark = col->marked ? src_redis_input_length(in) : NODE_PACKED;
    if (in->rc == CDC_OK && mark != NODE_PLAIN && mark != NODE_PACKED) {
        src_redis_input_bad(in, "expected a plain or a packed node, found %llu",
                            (unsigned long long)mark);
    }
    src_redis_slice bytes = src_redis_input_string(in);
    if (in->rc == CDC_OK && mark == NODE_PLAIN) {
        begin_entry(rdb);
        src_redis_rdb_arg(rdb, bytes);
    } else if (in->rc == CDC_OK) {
        begin_pack(rdb, bytes);
    }
    cdc_rc rc = src_redis_input_settle(in);
    if (rc != CDC_OK) {
        return rc;
    }
    col->nodes--;
    rdb->step = step_element;
    if (mark == NODE_PLAIN) {
        next_role(rdb);
    }
    return in->rc;
}

static cdc_rc step_count(src_redis_rdb *rdb)
{
    src_redis_collection *col = &rdb->col;
    uint64_t n = src_redis_input_length(&rdb->in);
    if (col->kind != SRC_REDIS_NO_PACK) {
        col->nodes = n;
    } else if (__builtin_mul_overflow(n, strlen(col->roles), &col->left)) {
        src_redis_input_bad(&rdb->in, "expected a number of elements");
    }
    cdc_rc rc = src_redis_input_settle(&rdb->in);
    rdb->step = rc == CDC_OK ? step_element : step_count;
    return rc;
}

cdc_rc src_redis_step_collection(src_redis_rdb *rdb)
{
    src_redis_collection *col = &rdb->col;
    const shape *found = NULL;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        if (shapes[i].type == rdb->type) {
            found = &shapes[i];
        }
    }
    if (rdb->valkey && rdb->type >= valkey_hash.type) {
        found = rdb->type == valkey_hash.type ? &valkey_hash : NULL;
    }
    if (found == NULL) {
        return src_redis_input_bad(&rdb->in, "a value of unknown type %u", rdb->type);
    }
    uint64_t min_ms = found->form == MIN_MS ? src_redis_input_le(&rdb->in, 8) : 0;
    cdc_rc rc = src_redis_input_settle(&rdb->in);
    if (rc != CDC_OK) {
        return rc;
    }
    *col = (src_redis_collection){.command = found->command,
                                  .roles = found->roles,
                                  .kind = found->kind,
                                  .nodes = found->kind != SRC_REDIS_NO_PACK ? 1 : 0,
                                  .marked = found->form == MARKED,
                                  .min_ms = min_ms,
                                  .blob = col->blob,
                                  .expiry = col->expiry};
    bool counted = found->kind == SRC_REDIS_NO_PACK || found->form == MANY || found->form == MARKED;
    rdb->step = counted ? step_count : step_element;
    return CDC_OK;
}
