/* cdc_arena: memory that is given out in pieces and taken back all at once.
 *
 * A chain of blocks; alloc moves a pointer; reset keeps the first blocks for the next use. One
 * arena belongs to one thread at a time; handing over the batch that holds it hands over the arena.
 * Every arena has a maximum: an allocation over it returns NULL, which callers turn into an error
 * that names the object. */
#ifndef CDC_ARENA_H
#define CDC_ARENA_H

#include <stddef.h>

struct cdc_arena_block;

typedef struct cdc_arena {
    struct cdc_arena_block *first;
    struct cdc_arena_block *current;
    char *ptr; /* next free byte in current */
    char *end;
    size_t used_bytes; /* given out since the last reset, block headers not counted */
    size_t max_bytes;
    size_t block_bytes;
} cdc_arena;

/* block_bytes: size of an ordinary block; larger requests get a block of their own. */
void cdc_arena_init(cdc_arena *ar, size_t block_bytes, size_t max_bytes);
void cdc_arena_fini(cdc_arena *ar);
/* Takes everything back. Keeps at most keep_bytes of blocks; the rest goes back to malloc. */
void cdc_arena_reset(cdc_arena *ar, size_t keep_bytes);

void *cdc_arena_alloc_slow(cdc_arena *ar, size_t n);

/* 8-byte aligned, not zeroed. NULL when max_bytes would be passed or malloc fails. */
static inline void *cdc_arena_alloc(cdc_arena *ar, size_t n)
{
    size_t need = (n + (n == 0) + 7U) & ~(size_t)7U;
    if (need < n || need > (size_t)(ar->end - ar->ptr)) {
        return cdc_arena_alloc_slow(ar, n);
    }
    void *p = ar->ptr;
    ar->ptr += need;
    ar->used_bytes += need;
    return p;
}

void *cdc_arena_zalloc(cdc_arena *ar, size_t n);
void *cdc_arena_memdup(cdc_arena *ar, const void *p, size_t n);
/* Copies n bytes and adds a NUL. */
char *cdc_arena_strndup(cdc_arena *ar, const char *s, size_t n);

#endif
