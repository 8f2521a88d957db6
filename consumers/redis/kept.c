#include "kept.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_PLACES = 1024 };

typedef struct member {
    uint32_t len;
    char text[];
} member;

struct sink_redis_kept {
    member **places; /* open addressing; NULL: free */
    size_t nplaces;  /* a power of two, at least twice the count */
    size_t count;
};

static uint64_t hash_of(const char *p, size_t len, uint64_t h)
{
    for (size_t i = 0; i < len; i++) { /* FNV-1a */
        h = (h ^ (uint8_t)p[i]) * 1099511628211ULL;
    }
    return h;
}

static const uint64_t HASH_START = 14695981039346656037ULL;

sink_redis_kept *sink_redis_kept_new(void)
{
    sink_redis_kept *kept = calloc(1, sizeof *kept);
    if (kept != NULL) {
        kept->nplaces = FIRST_PLACES;
        kept->places = calloc(kept->nplaces, sizeof *kept->places);
    }
    if (kept != NULL && kept->places == NULL) {
        free(kept);
        kept = NULL;
    }
    return kept;
}

void sink_redis_kept_free(sink_redis_kept *kept)
{
    if (kept == NULL) {
        return;
    }
    for (size_t i = 0; i < kept->nplaces; i++) {
        free(kept->places[i]);
    }
    free(kept->places);
    free(kept);
}

static bool grow(sink_redis_kept *kept)
{
    size_t n = kept->nplaces * 2;
    member **places = calloc(n, sizeof *places);
    if (places == NULL) {
        return false;
    }
    for (size_t i = 0; i < kept->nplaces; i++) {
        member *mb = kept->places[i];
        if (mb != NULL) {
            uint64_t at = hash_of(mb->text, mb->len, HASH_START) & (n - 1);
            while (places[at] != NULL) {
                at = (at + 1) & (n - 1);
            }
            places[at] = mb;
        }
    }
    free(kept->places);
    kept->places = places;
    kept->nplaces = n;
    return true;
}

/* The place of the member that is head and tail joined, or a free one. */
static member **place_of(const sink_redis_kept *kept, const char *head, size_t nhead,
                         const char *tail, size_t ntail)
{
    uint64_t at = hash_of(tail, ntail, hash_of(head, nhead, HASH_START)) & (kept->nplaces - 1);
    for (;; at = (at + 1) & (kept->nplaces - 1)) {
        const member *mb = kept->places[at];
        if (mb == NULL || (mb->len == nhead + ntail && memcmp(mb->text, head, nhead) == 0 &&
                           memcmp(mb->text + nhead, tail, ntail) == 0)) {
            return &kept->places[at];
        }
    }
}

bool sink_redis_kept_add(sink_redis_kept *kept, const char *text, size_t len)
{
    if (kept->count * 2 >= kept->nplaces && !grow(kept)) {
        return false;
    }
    member **place = place_of(kept, text, len, "", 0);
    if (*place != NULL) {
        return true;
    }
    *place = malloc(sizeof **place + len);
    if (*place == NULL) {
        return false;
    }
    (*place)->len = (uint32_t)len;
    memcpy((*place)->text, text, len);
    kept->count++;
    return true;
}

bool sink_redis_kept_has(const sink_redis_kept *kept, int32_t database, const char *key, size_t len)
{
    char head[16];
    size_t nhead = (size_t)snprintf(head, sizeof head, "%d ", database);
    return *place_of(kept, head, nhead, key, len) != NULL;
}

size_t sink_redis_kept_count(const sink_redis_kept *kept)
{
    return kept->count;
}
