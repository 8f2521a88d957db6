/* Sets of primary keys for the full copy: the keys that the stream touched while a range was being
 * read, and the index by which rows that were read are found again. Both hold hashes first and
 * compare the keys' exact bytes (src_mysql_key_bytes). No lock inside. */
#ifndef SRC_MYSQL_COPY_KEYS_H
#define SRC_MYSQL_COPY_KEYS_H

#include "core/buffer.h"
#include "core/event.h"

/* Exact keys, each once. */
typedef struct src_mysql_key_set {
    cdc_buffer bytes; /* u32 hash, u32 length, key; one behind the other */
    uint32_t *slots;  /* offset of an entry in bytes, plus 1; open addressing */
    uint32_t nslots, n;
} src_mysql_key_set;

void src_mysql_key_set_init(src_mysql_key_set *set, size_t max_bytes);
void src_mysql_key_set_fini(src_mysql_key_set *set);
/* False: it does not fit into max_bytes, or memory is out. */
bool src_mysql_key_set_add(src_mysql_key_set *set, const cdc_buffer *key) CDC_MUST_CHECK;
bool src_mysql_key_set_has(const src_mysql_key_set *set, const cdc_buffer *key);

/* The rows (INSERT events) of one batch by their keys. */
typedef struct src_mysql_row_index {
    uint32_t *slots; /* number of an event, plus 1 */
    uint32_t *hashes;
    uint32_t nslots;
} src_mysql_row_index;

/* False: no memory. */
bool src_mysql_row_index_init(src_mysql_row_index *index, const cdc_batch *batch,
                              cdc_buffer *scratch) CDC_MUST_CHECK;
void src_mysql_row_index_fini(src_mysql_row_index *index);
/* The event of that key in the batch, or NULL. */
cdc_event *src_mysql_row_index_find(const src_mysql_row_index *index, cdc_batch *batch,
                                    const cdc_buffer *key, cdc_buffer *scratch);

#endif
