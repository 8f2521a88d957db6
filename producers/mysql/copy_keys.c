#include "copy_keys.h"

#include <stdlib.h>

#include "copy_key.h"

#define ENTRY_HEAD 8U
#define SLOTS_FIRST 256U

static uint32_t hash_key(const char *p, size_t n)
{
    uint64_t h = n * UINT64_C(0x9e3779b97f4a7c15);
    for (; n >= 8; p += 8, n -= 8) {
        uint64_t v;
        memcpy(&v, p, 8);
        h = (h ^ v) * UINT64_C(0xff51afd7ed558ccd);
        h ^= h >> 32;
    }
    uint64_t v = 0;
    memcpy(&v, p, n);
    h = (h ^ v) * UINT64_C(0xff51afd7ed558ccd);
    return (uint32_t)(h ^ h >> 32);
}

/* --- keys --- */

typedef struct entry {
    uint32_t hash, len;
    const char *key;
} entry;

static entry entry_at(const src_mysql_key_set *set, uint32_t offset)
{
    entry en;
    memcpy(&en.hash, set->bytes.data + offset, 4);
    memcpy(&en.len, set->bytes.data + offset + 4, 4);
    en.key = set->bytes.data + offset + ENTRY_HEAD;
    return en;
}

void src_mysql_key_set_init(src_mysql_key_set *set, size_t max_bytes)
{
    memset(set, 0, sizeof(*set));
    cdc_buffer_init(&set->bytes, max_bytes);
}

void src_mysql_key_set_fini(src_mysql_key_set *set)
{
    size_t max = set->bytes.max;
    cdc_buffer_fini(&set->bytes);
    free(set->slots);
    src_mysql_key_set_init(set, max);
}

/* The slot that holds the key, or the free one where it belongs. */
static uint32_t *find_slot(const src_mysql_key_set *set, uint32_t hash, const char *key, size_t len)
{
    uint32_t mask = set->nslots - 1;
    uint32_t i = hash & mask;
    for (; set->slots[i] != 0; i = (i + 1) & mask) {
        entry en = entry_at(set, set->slots[i] - 1);
        if (en.hash == hash && en.len == len && memcmp(en.key, key, len) == 0) {
            break;
        }
    }
    return &set->slots[i];
}

static bool widen(src_mysql_key_set *set)
{
    uint32_t nslots = set->nslots > 0 ? set->nslots * 2 : SLOTS_FIRST;
    uint32_t *slots = calloc(nslots, sizeof(*slots));
    if (slots == NULL) {
        return false;
    }
    free(set->slots);
    set->slots = slots;
    set->nslots = nslots;
    for (uint32_t at = 0; at < set->bytes.len;) {
        entry en = entry_at(set, at);
        *find_slot(set, en.hash, en.key, en.len) = at + 1;
        at += ENTRY_HEAD + en.len;
    }
    return true;
}

bool src_mysql_key_set_add(src_mysql_key_set *set, const cdc_buffer *key)
{
    if (set->n * 2 >= set->nslots && !widen(set)) {
        return false;
    }
    uint32_t hash = hash_key(key->data, key->len);
    uint32_t *slot = find_slot(set, hash, key->data, key->len);
    if (*slot != 0) {
        return true;
    }
    uint32_t len = (uint32_t)key->len;
    size_t at = set->bytes.len;
    cdc_buffer_add(&set->bytes, &hash, 4);
    cdc_buffer_add(&set->bytes, &len, 4);
    cdc_buffer_add(&set->bytes, key->data, key->len);
    if (set->bytes.failed) {
        set->bytes.len = at;
        return false;
    }
    *slot = (uint32_t)at + 1;
    set->n++;
    return true;
}

bool src_mysql_key_set_has(const src_mysql_key_set *set, const cdc_buffer *key)
{
    return set->n > 0 && *find_slot(set, hash_key(key->data, key->len), key->data, key->len) != 0;
}

/* --- rows --- */

bool src_mysql_row_index_init(src_mysql_row_index *index, const cdc_batch *batch,
                              cdc_buffer *scratch)
{
    uint32_t nslots = 16;
    while (nslots < batch->nevents * 2) {
        nslots *= 2;
    }
    index->nslots = nslots;
    index->slots = calloc(nslots, sizeof(*index->slots));
    index->hashes = malloc((batch->nevents + 1) * sizeof(*index->hashes));
    if (index->slots == NULL || index->hashes == NULL) {
        src_mysql_row_index_fini(index);
        return false;
    }
    for (uint32_t e = 0; e < batch->nevents; e++) {
        const cdc_event *ev = &batch->events[e];
        cdc_buffer_reset(scratch);
        src_mysql_key_bytes(ev->table, ev->after, scratch);
        uint32_t hash = hash_key(scratch->data, scratch->len);
        uint32_t i = hash & (nslots - 1);
        while (index->slots[i] != 0) {
            i = (i + 1) & (nslots - 1);
        }
        index->slots[i] = e + 1;
        index->hashes[e] = hash;
    }
    return !scratch->failed;
}

void src_mysql_row_index_fini(src_mysql_row_index *index)
{
    free(index->slots);
    free(index->hashes);
    memset(index, 0, sizeof(*index));
}

cdc_event *src_mysql_row_index_find(const src_mysql_row_index *index, cdc_batch *batch,
                                    const cdc_buffer *key, cdc_buffer *scratch)
{
    uint32_t mask = index->nslots - 1;
    uint32_t hash = hash_key(key->data, key->len);
    for (uint32_t i = hash & mask; index->slots[i] != 0; i = (i + 1) & mask) {
        uint32_t e = index->slots[i] - 1;
        if (index->hashes[e] != hash) {
            continue;
        }
        cdc_event *ev = &batch->events[e];
        cdc_buffer_reset(scratch);
        src_mysql_key_bytes(ev->table, ev->after, scratch);
        if (scratch->len == key->len && memcmp(scratch->data, key->data, key->len) == 0) {
            return ev;
        }
    }
    return NULL;
}
