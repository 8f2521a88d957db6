#include "rdb.h"

#include <stdlib.h>

#include "core/log.h"
#include "rdb_crc64.h"
#include "rdb_state.h"

enum {
    OP_SLOT_IMPORT = 243,
    OP_SLOT_INFO,
    OP_FUNCTION2,
    OP_FUNCTION_PRE_GA,
    OP_MODULE_AUX,
    OP_IDLE,
    OP_FREQ,
    OP_AUX,
    OP_RESIZEDB,
    OP_EXPIRETIME_MS,
    OP_EXPIRETIME,
    OP_SELECTDB,
    OP_EOF,
};

enum { TYPE_STRING = 0, TYPE_MODULE_2 = 7 };

#define MAGIC_BYTES 9U
#define KEY_IN_ERROR 64U
#define DATABASES_MAX 65536U

static src_redis_step step_opcode;

/* --- building commands --- */

void src_redis_rdb_begin(src_redis_rdb *rdb, const char *name)
{
    src_redis_builder *cmd = &rdb->cmd;
    cdc_buffer_reset(&cmd->bytes);
    cdc_buffer_reset(&cmd->args);
    cmd->nargs = 0;
    cmd->key_arg = -1;
    src_redis_rdb_arg_str(rdb, name);
}

void src_redis_rdb_begin_key(src_redis_rdb *rdb, const char *name, const char *sub)
{
    src_redis_rdb_begin(rdb, name);
    if (sub != NULL) {
        src_redis_rdb_arg_str(rdb, sub);
    }
    rdb->cmd.key_arg = (int32_t)rdb->cmd.nargs;
    src_redis_rdb_arg_buffer(rdb, &rdb->key);
}

void src_redis_rdb_arg(src_redis_rdb *rdb, src_redis_slice arg)
{
    src_redis_builder *cmd = &rdb->cmd;
    src_redis_arg entry = {cmd->bytes.len, arg.n};
    cdc_buffer_add(&cmd->bytes, arg.p, arg.n);
    cdc_buffer_add(&cmd->args, &entry, sizeof entry);
    cmd->nargs++;
}

void src_redis_rdb_arg_str(src_redis_rdb *rdb, const char *arg)
{
    src_redis_rdb_arg(rdb, (src_redis_slice){arg, strlen(arg)});
}

void src_redis_rdb_arg_buffer(src_redis_rdb *rdb, const cdc_buffer *arg)
{
    src_redis_rdb_arg(rdb, (src_redis_slice){arg->data, arg->len});
}

void src_redis_rdb_arg_u64(src_redis_rdb *rdb, uint64_t v)
{
    char digits[20];
    src_redis_rdb_arg(rdb, (src_redis_slice){digits, cdc_format_u64(digits, v)});
}

void src_redis_rdb_arg_i64(src_redis_rdb *rdb, int64_t v)
{
    char digits[21];
    src_redis_rdb_arg(rdb, (src_redis_slice){digits, cdc_format_i64(digits, v)});
}

src_redis_arg *src_redis_rdb_args(src_redis_rdb *rdb)
{
    return (src_redis_arg *)(void *)rdb->cmd.args.data;
}

void src_redis_rdb_complete(src_redis_rdb *rdb)
{
    src_redis_builder *cmd = &rdb->cmd;
    if (cmd->bytes.failed || cmd->args.failed) {
        src_redis_input_bad(&rdb->in, "a command's %u arguments are over the limit of %zu bytes",
                            cmd->nargs, cmd->bytes.max);
    } else if (rdb->recording) {
        cmd->nargs = 0;
    } else {
        cmd->ready = true;
    }
}

static cdc_rc take(src_redis_rdb *rdb, src_redis_rdb_command *command)
{
    src_redis_builder *cmd = &rdb->cmd;
    cdc_buffer_reset(&cmd->slices);
    for (uint32_t i = 0; i < cmd->nargs; i++) {
        src_redis_arg arg = src_redis_rdb_args(rdb)[i];
        src_redis_slice slice = {cmd->bytes.data + arg.at, arg.n};
        cdc_buffer_add(&cmd->slices, &slice, sizeof slice);
    }
    if (cmd->slices.failed) {
        return src_redis_input_bad(&rdb->in, "out of memory for %u arguments", cmd->nargs);
    }
    *command = (src_redis_rdb_command){
        .argv = (const src_redis_slice *)(const void *)cmd->slices.data,
        .argc = cmd->nargs,
        .key_arg = cmd->key_arg,
        .db = rdb->db,
        .first = cmd->key_arg >= 0 && rdb->commands == 0,
        .expire_at_ms = cmd->key_arg >= 0 ? rdb->expire_at_ms : -1,
    };
    rdb->commands += cmd->key_arg >= 0;
    cmd->nargs = 0;
    cmd->ready = false;
    return CDC_OK;
}

/* --- the end of a key --- */

static cdc_rc step_next_key(src_redis_rdb *rdb)
{
    rdb->in_key = false;
    rdb->expire_at_ms = -1;
    rdb->step = step_opcode;
    return CDC_OK;
}

static void restore(src_redis_rdb *rdb)
{
    const char version[2] = {(char)rdb->version, (char)(rdb->version >> 8)};
    cdc_buffer *record = &rdb->record;
    cdc_buffer_add(record, version, sizeof version);
    uint64_t crc = record->failed ? 0 : src_redis_crc64(0, record->data, record->len);
    for (unsigned i = 0; i < 8; i++) {
        cdc_buffer_add_char(record, (char)(crc >> (8 * i)));
    }
    rdb->in.record = NULL;
    rdb->recording = false;
    if (record->failed) {
        src_redis_input_bad(&rdb->in,
                            "a value that must be held whole is over the limit of %zu bytes",
                            record->max);
        return;
    }
    src_redis_rdb_begin_key(rdb, "RESTORE", NULL);
    src_redis_rdb_arg_i64(rdb, rdb->expire_at_ms >= 0 ? rdb->expire_at_ms : 0);
    src_redis_rdb_arg_buffer(rdb, record);
    src_redis_rdb_arg_str(rdb, "REPLACE");
    if (rdb->expire_at_ms >= 0) {
        src_redis_rdb_arg_str(rdb, "ABSTTL");
    }
    src_redis_rdb_complete(rdb);
}

cdc_rc src_redis_step_finish(src_redis_rdb *rdb)
{
    rdb->step = step_next_key;
    if (rdb->recording) {
        restore(rdb);
    } else if (rdb->expire_at_ms >= 0 && rdb->commands > 0) {
        src_redis_rdb_begin_key(rdb, "PEXPIREAT", NULL);
        src_redis_rdb_arg_i64(rdb, rdb->expire_at_ms);
        src_redis_rdb_complete(rdb);
    }
    return rdb->in.rc;
}

/* --- opcodes --- */

static cdc_rc step_key(src_redis_rdb *rdb)
{
    src_redis_slice key = src_redis_input_string(&rdb->in);
    if (rdb->in.rc == CDC_OK) {
        cdc_buffer_reset(&rdb->key);
        cdc_buffer_add(&rdb->key, key.p, key.n);
        if (rdb->key.failed) {
            src_redis_input_bad(&rdb->in, "out of memory for a key of %zu bytes", key.n);
        }
    }
    cdc_rc rc = src_redis_input_settle(&rdb->in);
    if (rc != CDC_OK) {
        return rc;
    }
    rdb->in_key = true;
    rdb->commands = 0;
    rdb->recording = rdb->options.restore || rdb->type == TYPE_MODULE_2;
    if (rdb->recording) {
        cdc_buffer_reset(&rdb->record);
        cdc_buffer_add_char(&rdb->record, (char)rdb->type);
        rdb->in.record = &rdb->record;
    }
    bool stream = rdb->type == 15 || rdb->type == 19 || rdb->type == 21;
    rdb->step = rdb->type == TYPE_STRING     ? src_redis_step_text
                : rdb->type == TYPE_MODULE_2 ? src_redis_step_module
                : stream                     ? src_redis_step_stream
                                             : src_redis_step_collection;
    rdb->after_module = src_redis_step_finish;
    return CDC_OK;
}

static cdc_rc step_end(src_redis_rdb *rdb)
{
    uint64_t crc = rdb->in.crc;
    uint64_t told = src_redis_input_le(&rdb->in, 8);
    if (rdb->in.rc == CDC_OK && told != 0 && told != crc) {
        src_redis_input_bad(&rdb->in,
                            "the checksum is %016llx, expected %016llx: the file was damaged on "
                            "its way",
                            (unsigned long long)told, (unsigned long long)crc);
    }
    cdc_rc rc = src_redis_input_settle(&rdb->in);
    return rc == CDC_OK ? CDC_EOF : rc;
}

static bool is(const cdc_buffer *name, const char *text)
{
    return name->len == strlen(text) && memcmp(name->data, text, name->len) == 0;
}

static cdc_rc step_aux_value(src_redis_rdb *rdb)
{
    src_redis_slice value = src_redis_input_string(&rdb->in);
    cdc_rc rc = src_redis_input_settle(&rdb->in);
    if (rc != CDC_OK) {
        return rc;
    }
    rdb->step = step_opcode;
    if (is(&rdb->key, "repl-stream-db") && value.n < 8) {
        char digits[8] = {0};
        memcpy(digits, value.p, value.n);
        rdb->stream_db = (int32_t)strtol(digits, NULL, 10);
    } else if (is(&rdb->key, "lua")) { /* up to 6.2: scripts that EVALSHA may call */
        src_redis_rdb_begin(rdb, "SCRIPT");
        src_redis_rdb_arg_str(rdb, "LOAD");
        src_redis_rdb_arg(rdb, value);
        src_redis_rdb_complete(rdb);
    }
    return rdb->in.rc;
}

static void aux(src_redis_rdb *rdb)
{
    src_redis_slice name = src_redis_input_string(&rdb->in);
    cdc_buffer_reset(&rdb->key);
    cdc_buffer_add(&rdb->key, name.p, name.n);
    rdb->step = step_aux_value;
}

static void function(src_redis_rdb *rdb)
{
    src_redis_slice code = src_redis_input_string(&rdb->in);
    if (rdb->in.rc == CDC_OK) {
        src_redis_rdb_begin(rdb, "FUNCTION");
        src_redis_rdb_arg_str(rdb, "LOAD");
        src_redis_rdb_arg_str(rdb, "REPLACE");
        src_redis_rdb_arg(rdb, code);
        src_redis_rdb_complete(rdb);
    }
}

/* A module's name is nine characters of six bits in its id, above ten bits of version. */
static void module_aux(src_redis_rdb *rdb)
{
    static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint64_t id = src_redis_input_length(&rdb->in);
    uint64_t opcode = src_redis_input_length(&rdb->in);
    (void)src_redis_input_length(&rdb->in); /* before or after the keys */
    if (rdb->in.rc == CDC_OK && opcode != 2) {
        src_redis_input_bad(&rdb->in, "expected a module's unsigned integer, found opcode %llu",
                            (unsigned long long)opcode);
    }
    if (rdb->in.rc == CDC_OK) {
        char name[10] = {0};
        for (unsigned i = 0; i < 9; i++) {
            name[i] = set[id >> (58 - 6 * i) & 63];
        }
        CDC_LOG(CDC_LOG_WARN, "redis_module_data_left_out", CDC_STR("module", name));
        rdb->step = src_redis_step_module;
        rdb->after_module = step_opcode;
    }
}

static void expire(src_redis_rdb *rdb, uint64_t at, uint64_t unit_ms)
{
    if (at > (uint64_t)INT64_MAX / unit_ms) {
        src_redis_input_bad(&rdb->in, "expected a time to expire, found %lld", (long long)at);
    } else if (rdb->in.rc == CDC_OK) {
        rdb->expire_at_ms = (int64_t)(at * unit_ms);
    }
}

static void select_db(src_redis_rdb *rdb)
{
    uint64_t db = src_redis_input_length(&rdb->in);
    if (db >= DATABASES_MAX) {
        src_redis_input_bad(&rdb->in, "expected a database number, found %llu",
                            (unsigned long long)db);
    } else if (rdb->in.rc == CDC_OK) {
        rdb->db = (int32_t)db;
    }
}

static void lengths(src_redis_rdb *rdb, unsigned n)
{
    while (n-- > 0) {
        (void)src_redis_input_length(&rdb->in);
    }
}

/* Opcodes that stand for something of the file. */
static void file_opcode(src_redis_rdb *rdb, uint8_t op)
{
    switch (op) {
    case OP_FUNCTION2:
        function(rdb);
        break;
    case OP_MODULE_AUX:
        module_aux(rdb);
        break;
    case OP_AUX:
        aux(rdb);
        break;
    case OP_SLOT_INFO:
        lengths(rdb, 3);
        break;
    case OP_RESIZEDB:
        lengths(rdb, 2);
        break;
    case OP_SELECTDB:
        select_db(rdb);
        break;
    case OP_EOF:
        rdb->step = step_end;
        break;
    case OP_FUNCTION_PRE_GA:
        src_redis_input_bad(&rdb->in, "functions in the form of Redis 7.0 RC, which is not read");
        break;
    case OP_SLOT_IMPORT:
        src_redis_input_bad(&rdb->in, "the source is taking over slots of another node, or has "
                                      "data beside its keys: not read; wait for the end of the "
                                      "migration");
        break;
    default:
        src_redis_input_bad(&rdb->in, "expected a type or an opcode, found byte %u", op);
    }
}

static cdc_rc step_opcode(src_redis_rdb *rdb)
{
    src_redis_input *in = &rdb->in;
    uint8_t op = src_redis_input_u8(in);
    if (in->rc != CDC_OK) {
        return src_redis_input_settle(in);
    }
    switch (op) {
    case OP_EXPIRETIME_MS:
        expire(rdb, src_redis_input_le(in, 8), 1);
        break;
    case OP_EXPIRETIME:
        expire(rdb, src_redis_input_le(in, 4), 1000);
        break;
    case OP_FREQ:
        (void)src_redis_input_u8(in);
        break;
    case OP_IDLE:
        lengths(rdb, 1);
        break;
    default:
        if (op < 64) {
            rdb->type = op;
            rdb->step = step_key;
        } else {
            file_opcode(rdb, op);
        }
    }
    cdc_rc rc = src_redis_input_settle(in);
    if (rc == CDC_AGAIN) {
        rdb->step = step_opcode;
    }
    return rc;
}

static cdc_rc step_header(src_redis_rdb *rdb)
{
    src_redis_input *in = &rdb->in;
    const uint8_t *head = src_redis_input_bytes(in, MAGIC_BYTES);
    if (head != NULL) {
        rdb->valkey = memcmp(head, "VALKEY", 6) == 0;
        size_t magic = rdb->valkey ? 6 : 5;
        bool known = rdb->valkey || memcmp(head, "REDIS", 5) == 0;
        for (size_t i = magic; i < MAGIC_BYTES; i++) {
            known = known && head[i] >= '0' && head[i] <= '9';
            rdb->version = rdb->version * 10 + (unsigned)(head[i] - '0');
        }
        if (!known) {
            src_redis_input_bad(in, "expected \"REDIS\" or \"VALKEY\" and a version");
        } else if (rdb->valkey ? rdb->version != 80 : rdb->version < 5 || rdb->version > 12) {
            src_redis_input_bad(in,
                                "version %s %u is not known: expected REDIS 5 to 12 or VALKEY "
                                "80",
                                rdb->valkey ? "VALKEY" : "REDIS", rdb->version);
        }
    }
    rdb->step = in->rc == CDC_OK ? step_opcode : step_header;
    return src_redis_input_settle(in);
}

/* --- the reader --- */

src_redis_rdb *src_redis_rdb_new(const src_redis_rdb_options *options)
{
    src_redis_rdb *rdb = calloc(1, sizeof *rdb);
    if (rdb == NULL) {
        return NULL;
    }
    rdb->options = *options;
    src_redis_rdb_options *opt = &rdb->options;
    opt->items = opt->items > 0 ? opt->items : 256;
    opt->piece_bytes = opt->piece_bytes > 0 ? opt->piece_bytes : 65536;
    opt->max_bytes = opt->max_bytes > 0 ? opt->max_bytes : (size_t)1 << 30;
    size_t max = opt->max_bytes;
    src_redis_input_init(&rdb->in, max);
    /* a command holds an element, and what has come before it */
    cdc_buffer_init(&rdb->cmd.bytes, max + opt->piece_bytes + max / 2);
    cdc_buffer_init(&rdb->cmd.args, max);
    cdc_buffer_init(&rdb->cmd.slices, max);
    cdc_buffer_init(&rdb->key, max);
    cdc_buffer_init(&rdb->record, max);
    cdc_buffer_init(&rdb->col.blob, max);
    cdc_buffer_init(&rdb->col.expiry, max);
    cdc_buffer_init(&rdb->text.out, max);
    src_redis_stream_init(&rdb->stream, max);
    rdb->step = step_header;
    rdb->stream_db = -1;
    rdb->expire_at_ms = -1;
    return rdb;
}

void src_redis_rdb_free(src_redis_rdb *rdb)
{
    if (rdb == NULL) {
        return;
    }
    src_redis_input_fini(&rdb->in);
    cdc_buffer_fini(&rdb->cmd.bytes);
    cdc_buffer_fini(&rdb->cmd.args);
    cdc_buffer_fini(&rdb->cmd.slices);
    cdc_buffer_fini(&rdb->key);
    cdc_buffer_fini(&rdb->record);
    cdc_buffer_fini(&rdb->col.blob);
    cdc_buffer_fini(&rdb->col.expiry);
    cdc_buffer_fini(&rdb->text.out);
    src_redis_stream_fini(&rdb->stream);
    free(rdb);
}

bool src_redis_rdb_feed(src_redis_rdb *rdb, const void *p, size_t n)
{
    return src_redis_input_feed(&rdb->in, p, n);
}

/* Names the key, as far as it can be printed. */
static cdc_rc explain(src_redis_rdb *rdb, cdc_error *err)
{
    if (!rdb->in_key) {
        return CDC_FATAL;
    }
    char name[KEY_IN_ERROR + 1] = {0};
    for (size_t i = 0; i < KEY_IN_ERROR && i < rdb->key.len; i++) {
        char c = rdb->key.data[i];
        name[i] = c >= ' ' && c <= '~' ? c : '?';
    }
    return cdc_error_context(err, "key \"%s\" of database %d, type %u", name, rdb->db, rdb->type);
}

cdc_rc src_redis_rdb_next(src_redis_rdb *rdb, src_redis_rdb_command *command, cdc_error *err)
{
    src_redis_input *in = &rdb->in;
    in->err = err;
    if (in->buf.len - in->pos < in->need) {
        return CDC_AGAIN;
    }
    cdc_rc rc = CDC_OK;
    while (rc == CDC_OK && !rdb->cmd.ready) {
        rc = rdb->step(rdb);
    }
    if (rc == CDC_OK) {
        rc = take(rdb, command);
    }
    in->err = NULL;
    return rc == CDC_FATAL ? explain(rdb, err) : rc;
}

src_redis_slice src_redis_rdb_rest(const src_redis_rdb *rdb)
{
    const src_redis_input *in = &rdb->in;
    return (src_redis_slice){in->buf.data + in->pos, in->buf.len - in->pos};
}

uint64_t src_redis_rdb_offset(const src_redis_rdb *rdb)
{
    return rdb->in.base + rdb->in.pos;
}

int32_t src_redis_rdb_stream_db(const src_redis_rdb *rdb)
{
    return rdb->stream_db;
}
