#include "moves.h"

static bool is_in(const src_redis_moves *moves, uint32_t slot, uint32_t home, int32_t part)
{
    return moves->home[slot] == home &&
           (part < 0 || src_redis_moves_part(moves, slot) == (uint32_t)part);
}

void src_redis_moves_slots(const src_redis_moves *moves, uint32_t home, int32_t part,
                           const char *comma, cdc_buffer *out)
{
    const char *before = "";
    for (uint32_t slot = 0; slot < CDC_REDIS_SLOTS; slot++) {
        uint32_t first = slot;
        while (slot < CDC_REDIS_SLOTS && is_in(moves, slot, home, part)) {
            slot++;
        }
        if (slot > first) {
            cdc_buffer_addf(out, slot - 1 > first ? "%s%u-%u" : "%s%u", before, first, slot - 1);
            before = comma;
        }
    }
}
