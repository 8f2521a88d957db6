#include "split.h"

#include <stdlib.h>

#include "core/log.h"

enum {
    MARK_BYTES = 40, /* ";split=4294967295/4294967295" */
    NAME_BYTES_MAX = 64 * 1024,
    SHOWN = 200,
};

#define MARK ";split="

/* --- sending --- */

static cdc_rc cdc_split_no_room(const cdc_split *split, cdc_error *err)
{
    return cdc_error_set(err, CDC_FATAL, "message_too_large",
                         "topic %s: the key alone has %zu bytes, a record may have %zu: raise "
                         "message.max_bytes, or leave the table out",
                         cdc_topic_name(split->topic), split->key.len, split->max_bytes);
}

cdc_rc cdc_split_send(cdc_producer *pr, const cdc_split *split, uint32_t *parts, cdc_error *err)
{
    *parts = 1;
    if (split->key.len + split->value.len <= split->max_bytes) {
        return cdc_producer_send(pr, split->topic, split->partition, split->key, split->value,
                                 split->header_last, err);
    }
    if (split->key.len >= split->max_bytes) {
        return cdc_split_no_room(split, err);
    }
    size_t room = split->max_bytes - split->key.len;
    uint32_t n = (uint32_t)((split->value.len + room - 1) / room);
    cdc_buffer header;
    cdc_buffer_init(&header, NAME_BYTES_MAX + MARK_BYTES);
    cdc_rc rc = CDC_OK;
    for (uint32_t i = 0; i < n && rc == CDC_OK; i++) {
        cdc_bytes base = i + 1 == n ? split->header_last : split->header;
        size_t at = (size_t)i * room;
        size_t left = split->value.len - at;
        cdc_buffer_reset(&header);
        cdc_buffer_add(&header, base.p, base.len);
        cdc_buffer_addf(&header, MARK "%u/%u", i + 1, n);
        rc = header.failed
                 ? cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for a header")
                 : cdc_producer_send(pr, split->topic, split->partition, split->key,
                                     (cdc_bytes){split->value.p + at, left < room ? left : room},
                                     (cdc_bytes){header.data, header.len}, err);
    }
    cdc_buffer_fini(&header);
    *parts = n;
    return rc;
}

/* --- joining --- */

struct cdc_join {
    cdc_buffer name; /* of the message: its header up to seq */
    cdc_buffer value;
    uint32_t taken, n; /* parts; 0: none is waited for */
    int64_t first;     /* offset of the first part */
};

/* What a record's header says about its part; n 0: the record is no part. */
typedef struct cdc_part_head {
    cdc_bytes name;   /* same for all parts of a message and no other's: up to the end of seq */
    size_t plain_len; /* of the header without the mark */
    uint32_t i, n;
} cdc_part_head;

static bool cdc_join_number(const char **at, const char *end, uint32_t *out)
{
    uint64_t v = 0;
    const char *start = *at;
    for (; *at < end && **at >= '0' && **at <= '9' && v <= UINT32_MAX; (*at)++) {
        v = v * 10 + (uint64_t)(**at - '0');
    }
    *out = (uint32_t)v;
    return *at > start && v > 0 && v <= UINT32_MAX;
}

/* False: the mark is malformed. The mark stands last, and no value holds a ';' unescaped. */
static bool cdc_join_head(cdc_bytes header, cdc_part_head *out)
{
    *out = (cdc_part_head){.plain_len = header.len};
    const char *semi = header.len > 0 ? memrchr(header.p, ';', header.len) : NULL;
    const char *end = header.p + header.len;
    if (semi == NULL || (size_t)(end - semi) < sizeof MARK - 1 ||
        memcmp(semi, MARK, sizeof MARK - 1) != 0) {
        return true;
    }
    const char *at = semi + sizeof MARK - 1;
    out->plain_len = (size_t)(semi - header.p);
    if (!cdc_join_number(&at, end, &out->i) || at == end || *at++ != '/' ||
        !cdc_join_number(&at, end, &out->n) || at != end || out->i > out->n) {
        return false;
    }
    const char *seq = memmem(header.p, out->plain_len, ";seq=", 5);
    const char *stop = seq != NULL ? memchr(seq + 1, ';', (size_t)(semi - seq - 1)) : NULL;
    out->name = (cdc_bytes){header.p, (size_t)((stop != NULL ? stop : semi) - header.p)};
    return seq != NULL;
}

static cdc_rc cdc_join_fail(const cdc_join *jn, const cdc_message *msg, const char *what,
                            cdc_error *err)
{
    int shown = msg->header.len < SHOWN ? (int)msg->header.len : SHOWN;
    char waited[SHOWN + 128] = "";
    if (jn != NULL && jn->n > 0) {
        snprintf(waited, sizeof waited,
                 "; part %u of %u of the message at offset %lld is due (%.*s)", jn->taken + 1,
                 jn->n, (long long)jn->first, jn->name.len < SHOWN ? (int)jn->name.len : SHOWN,
                 jn->name.data);
    }
    return cdc_error_set(
        err, CDC_FATAL, "split_parts",
        "topic %s partition %d offset %lld: %s: the record has the header '%.*s'%s; "
        "parts of a message must stand together and whole: was the topic compacted, "
        "cut by retention, or written to by somebody else? Copy the tables anew, "
        "under a new task name",
        msg->topic, (int)msg->partition, (long long)msg->offset, what, shown,
        msg->header.p != NULL ? msg->header.p : "", waited);
}

/* Forgets the message that breaks off here, if that may be. */
static cdc_rc cdc_join_drop(cdc_join *jn, const cdc_message *msg, cdc_join_rules rules,
                            cdc_error *err)
{
    if (jn == NULL || jn->n == 0) {
        return CDC_OK;
    }
    if (!rules.repeats) {
        return cdc_join_fail(jn, msg, "a message breaks off", err);
    }
    CDC_LOG(CDC_LOG_WARN, "split_repeated", CDC_STR("topic", msg->topic),
            CDC_NUM("partition", msg->partition), CDC_NUM("offset", jn->first),
            CDC_STR("text", "its writer ended before all parts were there and sends it again"));
    jn->n = 0;
    cdc_buffer_fini(&jn->value);
    return CDC_OK;
}

static cdc_rc cdc_join_first(cdc_join **jn, const cdc_message *msg, const cdc_part_head *head,
                             cdc_error *err)
{
    if (*jn == NULL) {
        *jn = calloc(1, sizeof **jn);
        if (*jn == NULL) {
            return cdc_error_set(err, CDC_FATAL, "no_memory", "out of memory for a message");
        }
        cdc_buffer_init(&(*jn)->name, NAME_BYTES_MAX);
        cdc_buffer_init(&(*jn)->value, CDC_MESSAGE_BYTES_MAX);
    }
    cdc_buffer_reset(&(*jn)->name);
    cdc_buffer_add(&(*jn)->name, head->name.p, head->name.len);
    (*jn)->n = head->n;
    (*jn)->taken = 0;
    (*jn)->first = msg->offset;
    return CDC_OK;
}

static bool cdc_join_is_next(const cdc_join *jn, const cdc_part_head *head)
{
    return jn != NULL && jn->n == head->n && jn->taken + 1 == head->i &&
           jn->name.len == head->name.len &&
           memcmp(jn->name.data, head->name.p, head->name.len) == 0;
}

/* The part is the next one. */
static cdc_rc cdc_join_add(cdc_join *jn, cdc_message *msg, const cdc_part_head *head,
                           cdc_error *err)
{
    cdc_buffer_add(&jn->value, msg->value.p, msg->value.len);
    if (jn->value.failed) {
        return cdc_error_set(err, CDC_FATAL, "split_too_large",
                             "topic %s partition %d offset %lld: the parts of the message that "
                             "begins at offset %lld have more than %zu bytes together, or memory "
                             "is out: give the applier more, or leave the table out of the capture",
                             msg->topic, (int)msg->partition, (long long)msg->offset,
                             (long long)jn->first, CDC_MESSAGE_BYTES_MAX);
    }
    if (++jn->taken < jn->n) {
        return CDC_AGAIN;
    }
    jn->n = 0;
    msg->joined = jn->value.data;
    msg->value = (cdc_bytes){jn->value.data, jn->value.len};
    msg->header.len = head->plain_len;
    cdc_buffer_init(&jn->value, CDC_MESSAGE_BYTES_MAX);
    return CDC_OK;
}

cdc_rc cdc_join_take(cdc_join **jn, cdc_message *msg, cdc_join_rules rules, cdc_error *err)
{
    cdc_part_head head;
    if (!cdc_join_head(msg->header, &head)) {
        return cdc_join_fail(*jn, msg, "a part with a malformed header", err);
    }
    if (head.n == 0) {
        return cdc_join_drop(*jn, msg, rules, err);
    }
    if (head.i == 1) {
        cdc_rc rc = cdc_join_drop(*jn, msg, rules, err);
        rc = rc == CDC_OK ? cdc_join_first(jn, msg, &head, err) : rc;
        if (rc != CDC_OK) {
            return rc;
        }
    }
    if (cdc_join_is_next(*jn, &head)) {
        return cdc_join_add(*jn, msg, &head, err);
    }
    if (rules.anywhere && (*jn == NULL || (*jn)->n == 0)) {
        CDC_LOG(CDC_LOG_WARN, "split_tail", CDC_STR("topic", msg->topic),
                CDC_NUM("partition", msg->partition), CDC_NUM("offset", msg->offset),
                CDC_STR("text", "the message of this part begins before the place to start at and "
                                "is left out"));
        return CDC_AGAIN;
    }
    return cdc_join_fail(*jn, msg, "a part that does not follow", err);
}

void cdc_join_free(cdc_join *jn)
{
    if (jn != NULL) {
        cdc_buffer_fini(&jn->name);
        cdc_buffer_fini(&jn->value);
        free(jn);
    }
}
