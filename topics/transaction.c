#include "transaction.h"

#include <jansson.h>

enum { VERSION = 1 };

/* --- writing --- */

static void cdc_transaction_text(cdc_buffer *out, const char *name, const char *text)
{
    cdc_buffer_add_str(out, name);
    cdc_buffer_add_json(out, text, strlen(text));
}

static void cdc_transaction_number(cdc_buffer *out, const char *name, uint64_t v)
{
    cdc_buffer_add_str(out, name);
    cdc_buffer_add_u64(out, v);
}

static void cdc_transaction_tables(const cdc_transaction *tx, cdc_buffer *out)
{
    const char *head = "";
    cdc_buffer_add_str(out, ",\"tables\":[");
    for (uint32_t i = 0; i < tx->ntables; i++) {
        const cdc_transaction_table *tbl = &tx->tables[i];
        if (tbl->count > 0) {
            cdc_buffer_add_str(out, head);
            cdc_transaction_text(out, "{\"database\":", tbl->database);
            cdc_transaction_text(out, ",\"table\":", tbl->name);
            cdc_transaction_number(out, ",\"count\":", tbl->count);
            cdc_buffer_add_char(out, '}');
            head = ",";
        }
    }
    cdc_buffer_add_char(out, ']');
}

void cdc_transaction_encode(const cdc_transaction *tx, cdc_buffer *out)
{
    cdc_buffer_add_str(out, "{\"v\":1");
    cdc_transaction_text(out, ",\"task\":", tx->task);
    cdc_transaction_text(out, ",\"id\":", tx->id);
    cdc_transaction_number(out, ",\"count\":", tx->count);
    cdc_transaction_number(out, ",\"first\":", tx->first);
    cdc_transaction_number(out, ",\"last\":", tx->last);
    cdc_buffer_add_str(out, ",\"es\":");
    cdc_buffer_add_i64(out, tx->source_ms);
    cdc_buffer_add_str(out, ",\"ts\":");
    cdc_buffer_add_i64(out, tx->capture_ms);
    cdc_transaction_tables(tx, out);
    cdc_buffer_add_str(out, ",\"partitions\":[");
    for (uint32_t i = 0; i < tx->nparts; i++) {
        const cdc_transaction_part *part = &tx->parts[i];
        cdc_transaction_text(out, i > 0 ? ",{\"topic\":" : "{\"topic\":", part->topic);
        cdc_transaction_number(out, ",\"partition\":", (uint64_t)part->partition);
        cdc_transaction_number(out, ",\"count\":", part->count);
        cdc_transaction_number(out, ",\"first\":", part->first);
        cdc_transaction_number(out, ",\"last\":", part->last);
        cdc_buffer_add_char(out, '}');
    }
    cdc_buffer_add_str(out, "]}");
}

/* --- reading --- */

static bool cdc_transaction_get(const json_t *of, const char *name, int64_t min, int64_t *out)
{
    const json_t *v = json_object_get(of, name);
    *out = json_integer_value(v);
    return json_is_integer(v) && *out >= min;
}

static bool cdc_transaction_copy(const json_t *of, const char *name, cdc_arena *ar,
                                 const char **out)
{
    const json_t *v = json_object_get(of, name);
    *out = json_is_string(v) ? cdc_arena_strndup(ar, json_string_value(v), json_string_length(v))
                             : NULL;
    return *out != NULL;
}

/* count, first, last: none without a message, and no more messages than ids. */
static bool cdc_transaction_range(const json_t *of, uint64_t *count, uint64_t *first,
                                  uint64_t *last)
{
    int64_t n = 0;
    int64_t from = 0;
    int64_t to = 0;
    bool good = cdc_transaction_get(of, "count", 1, &n) &&
                cdc_transaction_get(of, "first", 1, &from) &&
                cdc_transaction_get(of, "last", from, &to) && n - 1 <= to - from;
    *count = (uint64_t)n;
    *first = (uint64_t)from;
    *last = (uint64_t)to;
    return good;
}

static bool cdc_transaction_read_tables(const json_t *list, cdc_arena *ar, cdc_transaction *out)
{
    bool good = json_is_array(list);
    out->ntables = (uint32_t)json_array_size(list);
    out->tables = cdc_arena_zalloc(ar, (out->ntables + 1) * sizeof *out->tables);
    for (uint32_t i = 0; good && out->tables != NULL && i < out->ntables; i++) {
        const json_t *of = json_array_get(list, i);
        cdc_transaction_table *tbl = &out->tables[i];
        int64_t count = 0;
        good = cdc_transaction_copy(of, "database", ar, &tbl->database) &&
               cdc_transaction_copy(of, "table", ar, &tbl->name) &&
               cdc_transaction_get(of, "count", 1, &count);
        tbl->count = (uint64_t)count;
    }
    return good && out->tables != NULL;
}

static bool cdc_transaction_read_parts(const json_t *list, cdc_arena *ar, cdc_transaction *out)
{
    bool good = json_is_array(list);
    uint64_t sum = 0;
    out->nparts = (uint32_t)json_array_size(list);
    out->parts = cdc_arena_zalloc(ar, (out->nparts + 1) * sizeof *out->parts);
    for (uint32_t i = 0; good && out->parts != NULL && i < out->nparts; i++) {
        const json_t *of = json_array_get(list, i);
        cdc_transaction_part *part = &out->parts[i];
        int64_t partition = 0;
        good = cdc_transaction_copy(of, "topic", ar, &part->topic) &&
               cdc_transaction_get(of, "partition", 0, &partition) && partition <= INT32_MAX &&
               cdc_transaction_range(of, &part->count, &part->first, &part->last) &&
               part->first >= out->first && part->last <= out->last;
        part->partition = (int32_t)partition;
        sum += part->count;
    }
    return good && out->parts != NULL && sum == out->count;
}

cdc_rc cdc_transaction_parse(cdc_bytes in, cdc_arena *ar, cdc_transaction *out, cdc_error *err)
{
    json_error_t fault = {.text = "it has no value"};
    int64_t version = 0;
    cdc_rc rc = CDC_OK;
    *out = (cdc_transaction){.task = NULL};
    json_t *root = in.p != NULL ? json_loadb(in.p, in.len, JSON_REJECT_DUPLICATES, &fault) : NULL;
    if (root == NULL) {
        rc = cdc_error_set(err, CDC_FATAL, "transaction_malformed",
                           "the record of a transaction is no JSON object: %s", fault.text);
    } else if (!cdc_transaction_get(root, "v", 1, &version) || version != VERSION) {
        rc = cdc_error_set(err, CDC_FATAL, "transaction_malformed",
                           "the record of a transaction has format version %lld, and this program "
                           "reads %d: use a newer sluice here, or leave the topic to one writer",
                           (long long)version, VERSION);
    } else if (!cdc_transaction_copy(root, "task", ar, &out->task) ||
               !cdc_transaction_copy(root, "id", ar, &out->id) ||
               !cdc_transaction_range(root, &out->count, &out->first, &out->last) ||
               !cdc_transaction_get(root, "es", INT64_MIN, &out->source_ms) ||
               !cdc_transaction_get(root, "ts", INT64_MIN, &out->capture_ms) ||
               !cdc_transaction_read_tables(json_object_get(root, "tables"), ar, out) ||
               !cdc_transaction_read_parts(json_object_get(root, "partitions"), ar, out)) {
        rc = cdc_error_set(err, CDC_FATAL, "transaction_malformed",
                           "the record of a transaction lacks a member, or its numbers cannot be: "
                           "it was not written by sluice; leave the topic to one writer");
    }
    json_decref(root);
    return rc;
}
