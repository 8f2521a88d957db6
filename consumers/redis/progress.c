#include "progress.h"

void sink_redis_progress_fill(sink_redis_progress *progress, int64_t next)
{
    for (uint32_t s = 0; s < CDC_REDIS_SLOTS; s++) {
        progress->next[s] = next;
    }
}

/* A whole number, at most `max`. */
static bool parse_number(const char **p, int64_t max, int64_t *n)
{
    const char *start = *p;
    *n = 0;
    for (; **p >= '0' && **p <= '9'; (*p)++) {
        if (*n > (max - (**p - '0')) / 10) {
            return false;
        }
        *n = *n * 10 + (**p - '0');
    }
    return *p > start;
}

static bool parse_ranges(sink_redis_progress *progress, const char **p, int64_t next)
{
    do {
        int64_t first = 0;
        int64_t last = 0;
        (*p)++;
        if (!parse_number(p, CDC_REDIS_SLOTS - 1, &first)) {
            return false;
        }
        last = first;
        if (**p == '-') {
            (*p)++;
            if (!parse_number(p, CDC_REDIS_SLOTS - 1, &last)) {
                return false;
            }
        }
        for (int64_t s = first; s <= last; s++) {
            progress->next[s] = next > progress->next[s] ? next : progress->next[s];
        }
    } while (**p == ',');
    return true;
}

bool sink_redis_progress_merge(sink_redis_progress *progress, const char *text)
{
    const char *p = text;
    for (;;) {
        int64_t next = 0;
        bool below = *p == '-';
        p += below ? 1 : 0;
        if (!parse_number(&p, INT64_MAX, &next) || *p != ' ' ||
            !parse_ranges(progress, &p, below ? -next : next)) {
            return false;
        }
        if (*p != ';') {
            return *p == '\0';
        }
        p++;
    }
}

/* Appends the ranges of the owner's slots with this value. */
static void print_ranges(const sink_redis_progress *progress, const uint16_t *owners,
                         uint16_t owner, int64_t value, cdc_buffer *out)
{
    char separator = ' ';
    for (uint32_t first = 0; first < CDC_REDIS_SLOTS; first++) {
        uint32_t last = first;
        while (last < CDC_REDIS_SLOTS && owners[last] == owner && progress->next[last] == value) {
            last++;
        }
        if (last == first) {
            continue;
        }
        cdc_buffer_add_char(out, separator);
        cdc_buffer_add_u64(out, first);
        if (last - 1 > first) {
            cdc_buffer_add_char(out, '-');
            cdc_buffer_add_u64(out, last - 1);
        }
        separator = ',';
        first = last;
    }
}

/* The least value above this one that a slot of the owner has; INT64_MAX: none. */
static int64_t next_value(const sink_redis_progress *progress, const uint16_t *owners,
                          uint16_t owner, int64_t above)
{
    int64_t least = INT64_MAX;
    for (uint32_t s = 0; s < CDC_REDIS_SLOTS; s++) {
        int64_t next = progress->next[s];
        if (owners[s] == owner && next > above && next < least) {
            least = next;
        }
    }
    return least;
}

void sink_redis_progress_print(const sink_redis_progress *progress, const uint16_t *owners,
                               uint16_t owner, cdc_buffer *out)
{
    int64_t value = next_value(progress, owners, owner, INT64_MIN);
    for (bool first = true; value != INT64_MAX; first = false) {
        if (!first) {
            cdc_buffer_add_char(out, ';');
        }
        cdc_buffer_add_i64(out, value);
        print_ranges(progress, owners, owner, value, out);
        value = next_value(progress, owners, owner, value);
    }
}

int64_t sink_redis_progress_least(const sink_redis_progress *progress)
{
    int64_t least = progress->next[0];
    for (uint32_t s = 1; s < CDC_REDIS_SLOTS; s++) {
        least = progress->next[s] < least ? progress->next[s] : least;
    }
    return least;
}
