#include "table.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static _Atomic uint32_t next_uid = 1;

/* FNV-1a over everything that decides how a row reads; the NUL between strings keeps them apart. */
static uint32_t cdc_hash_bytes(uint32_t h, const void *p, size_t n)
{
    const unsigned char *b = p;
    for (size_t i = 0; i < n; i++) {
        h = (h ^ b[i]) * 16777619U;
    }
    return h;
}

static uint32_t cdc_hash_str(uint32_t h, const char *s)
{
    return cdc_hash_bytes(h, s, strlen(s) + 1);
}

static uint32_t cdc_table_fingerprint(const cdc_table *tbl)
{
    uint32_t h = cdc_hash_str(cdc_hash_str(2166136261U, tbl->database), tbl->name);
    for (uint32_t i = 0; i < tbl->ncols; i++) {
        const cdc_column *col = &tbl->cols[i];
        h = cdc_hash_str(cdc_hash_str(cdc_hash_str(h, col->name), col->type_text), col->charset);
        h = cdc_hash_bytes(h, &col->nullable, sizeof col->nullable);
    }
    h = cdc_hash_bytes(h, tbl->keys, tbl->nkeys * sizeof tbl->keys[0]);
    return h != 0 ? h : 1;
}

typedef struct cdc_strings {
    char *at;
} cdc_strings;

static const char *cdc_strings_copy(cdc_strings *st, const char *s)
{
    size_t n = strlen(s != NULL ? s : "") + 1;
    char *copy = st->at;
    memcpy(copy, s != NULL ? s : "", n);
    st->at += n;
    return copy;
}

static size_t cdc_length(const char *s)
{
    return (s != NULL ? strlen(s) : 0) + 1;
}

static size_t cdc_table_size(const char *database, const char *name, const cdc_column *cols,
                             uint32_t ncols, uint32_t nkeys, uint32_t *nlabels)
{
    size_t size =
        sizeof(cdc_table) + ncols * sizeof(cdc_column) + cdc_length(database) + cdc_length(name);
    *nlabels = 0;
    for (uint32_t i = 0; i < ncols; i++) {
        size +=
            cdc_length(cols[i].name) + cdc_length(cols[i].type_text) + cdc_length(cols[i].charset);
        *nlabels += cols[i].nlabels;
        for (uint32_t k = 0; k < cols[i].nlabels; k++) {
            size += cdc_length(cols[i].labels[k]);
        }
    }
    return size + *nlabels * sizeof(char *) + nkeys * sizeof(uint16_t) + sizeof(char *);
}

/* Memory: the struct, columns, label pointers, keys, then all strings. */
static cdc_table *cdc_table_build(const char *database, const char *name, const cdc_column *cols,
                                  uint32_t ncols, const uint16_t *keys, uint32_t nkeys)
{
    uint32_t nlabels = 0;
    size_t size = cdc_table_size(database, name, cols, ncols, nkeys, &nlabels);
    cdc_table *tbl = calloc(1, size);
    if (tbl == NULL) {
        return NULL;
    }
    cdc_column *to = (cdc_column *)(void *)(tbl + 1);
    const char **labels = (const char **)(void *)(to + ncols);
    uint16_t *key = (uint16_t *)(void *)(labels + nlabels);
    cdc_strings st = {(char *)(key + nkeys)};
    tbl->database = cdc_strings_copy(&st, database);
    tbl->name = cdc_strings_copy(&st, name);
    for (uint32_t i = 0; i < ncols; i++) {
        to[i] = cols[i];
        to[i].key_part = -1;
        to[i].name = cdc_strings_copy(&st, cols[i].name);
        to[i].type_text = cdc_strings_copy(&st, cols[i].type_text);
        to[i].charset = cdc_strings_copy(&st, cols[i].charset);
        to[i].labels = labels;
        for (uint32_t k = 0; k < cols[i].nlabels; k++) {
            *labels++ = cdc_strings_copy(&st, cols[i].labels[k]);
        }
    }
    for (uint32_t i = 0; i < nkeys; i++) {
        key[i] = keys[i];
        to[keys[i]].key_part = (int16_t)i;
    }
    tbl->cols = to;
    tbl->ncols = ncols;
    tbl->keys = key;
    tbl->nkeys = nkeys;
    return tbl;
}

cdc_rc cdc_table_new(cdc_table **out, const char *database, const char *name,
                     const cdc_column *cols, uint32_t ncols, const uint16_t *keys, uint32_t nkeys,
                     cdc_error *err)
{
    *out = NULL;
    if (ncols == 0 || ncols > CDC_TABLE_COLUMNS_MAX) {
        return cdc_error_set(err, CDC_FATAL, "table_columns",
                             "table %s.%s has %u columns; 1 to %d are possible", database, name,
                             ncols, CDC_TABLE_COLUMNS_MAX);
    }
    for (uint32_t i = 0; i < nkeys; i++) {
        if (keys[i] >= ncols) {
            return cdc_error_set(err, CDC_FATAL, "table_key",
                                 "table %s.%s: key part %u names column %u of %u", database, name,
                                 i + 1, keys[i] + 1U, ncols);
        }
    }
    cdc_table *tbl = cdc_table_build(database, name, cols, ncols, keys, nkeys);
    if (tbl == NULL) {
        return cdc_error_set(err, CDC_FATAL, "no_memory",
                             "out of memory for the definition of table %s.%s", database, name);
    }
    atomic_init(&tbl->refs, 1);
    tbl->uid = atomic_fetch_add(&next_uid, 1);
    tbl->version = cdc_table_fingerprint(tbl);
    *out = tbl;
    return CDC_OK;
}

cdc_table *cdc_table_ref(cdc_table *tbl)
{
    atomic_fetch_add_explicit(&tbl->refs, 1, memory_order_relaxed);
    return tbl;
}

void cdc_table_unref(cdc_table *tbl)
{
    if (tbl != NULL && atomic_fetch_sub_explicit(&tbl->refs, 1, memory_order_acq_rel) == 1) {
        free(tbl);
    }
}

int cdc_table_find_column(const cdc_table *tbl, const char *name)
{
    for (uint32_t i = 0; i < tbl->ncols; i++) {
        if (strcasecmp(tbl->cols[i].name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}
