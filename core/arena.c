#include "arena.h"

#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct cdc_arena_block {
    struct cdc_arena_block *next;
    size_t size; /* usable bytes behind the header */
    alignas(16) char data[];
};

void cdc_arena_init(cdc_arena *ar, size_t block_bytes, size_t max_bytes)
{
    *ar = (cdc_arena){.max_bytes = max_bytes, .block_bytes = block_bytes};
}

void cdc_arena_fini(cdc_arena *ar)
{
    struct cdc_arena_block *block = ar->first;
    while (block != NULL) {
        struct cdc_arena_block *next = block->next;
        free(block);
        block = next;
    }
    cdc_arena_init(ar, ar->block_bytes, ar->max_bytes);
}

static void cdc_arena_enter(cdc_arena *ar, struct cdc_arena_block *block)
{
    ar->current = block;
    ar->ptr = block != NULL ? block->data : NULL;
    ar->end = block != NULL ? block->data + block->size : NULL;
}

void cdc_arena_reset(cdc_arena *ar, size_t keep_bytes)
{
    size_t kept = 0;
    struct cdc_arena_block **link = &ar->first;
    while (*link != NULL) {
        struct cdc_arena_block *block = *link;
        if (kept + block->size <= keep_bytes && block->size == ar->block_bytes) {
            kept += block->size;
            link = &block->next;
        } else {
            *link = block->next;
            free(block);
        }
    }
    ar->used_bytes = 0;
    cdc_arena_enter(ar, ar->first);
}

/* The next block that has room for n bytes: one kept from before the last reset, or a new one
 * behind the current. */
static struct cdc_arena_block *cdc_arena_next_block(cdc_arena *ar, size_t n)
{
    struct cdc_arena_block *next = ar->current != NULL ? ar->current->next : NULL;
    if (next != NULL && next->size >= n) {
        return next;
    }
    size_t size = n > ar->block_bytes ? n : ar->block_bytes;
    struct cdc_arena_block *block = malloc(sizeof *block + size);
    if (block == NULL) {
        return NULL;
    }
    block->size = size;
    if (ar->current != NULL) {
        block->next = ar->current->next;
        ar->current->next = block;
    } else {
        block->next = ar->first;
        ar->first = block;
    }
    return block;
}

void *cdc_arena_alloc_slow(cdc_arena *ar, size_t n)
{
    size_t need = (n + (n == 0) + 7U) & ~(size_t)7U;
    if (need < n || ar->used_bytes > ar->max_bytes || need > ar->max_bytes - ar->used_bytes) {
        return NULL;
    }
    struct cdc_arena_block *block = cdc_arena_next_block(ar, need);
    if (block == NULL) {
        return NULL;
    }
    cdc_arena_enter(ar, block);
    ar->ptr += need;
    ar->used_bytes += need;
    return block->data;
}

void *cdc_arena_zalloc(cdc_arena *ar, size_t n)
{
    void *p = cdc_arena_alloc(ar, n);
    if (p != NULL) {
        memset(p, 0, n);
    }
    return p;
}

void *cdc_arena_memdup(cdc_arena *ar, const void *p, size_t n)
{
    void *copy = cdc_arena_alloc(ar, n);
    if (copy != NULL && n > 0) {
        memcpy(copy, p, n);
    }
    return copy;
}

char *cdc_arena_strndup(cdc_arena *ar, const char *s, size_t n)
{
    char *copy = n < SIZE_MAX ? cdc_arena_alloc(ar, n + 1) : NULL;
    if (copy != NULL) {
        if (n > 0) {
            memcpy(copy, s, n);
        }
        copy[n] = '\0';
    }
    return copy;
}
