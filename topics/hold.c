#include "hold.h"

typedef struct cdc_hold_head {
    cdc_held_record record; /* pointers into the past; only NULL or not is read */
} cdc_hold_head;

void cdc_hold_init(cdc_hold *hold, size_t max_bytes)
{
    cdc_buffer_init(&hold->bytes, max_bytes);
    hold->at = 0;
}

void cdc_hold_fini(cdc_hold *hold)
{
    cdc_buffer_fini(&hold->bytes);
}

bool cdc_hold_add(cdc_hold *hold, const cdc_held_record *record)
{
    cdc_hold_head head = {.record = *record};
    size_t len = sizeof head + record->key.len + record->value.len + record->header.len;
    if (record->key.len > hold->bytes.max || record->value.len > hold->bytes.max ||
        record->header.len > hold->bytes.max || len > hold->bytes.max - hold->bytes.len) {
        return false;
    }
    if (cdc_buffer_reserve(&hold->bytes, len) == NULL) {
        hold->bytes.failed = false; /* out of memory: what is there is whole */
        return false;
    }
    cdc_buffer_add(&hold->bytes, &head, sizeof head);
    cdc_buffer_add(&hold->bytes, record->key.p, record->key.len);
    cdc_buffer_add(&hold->bytes, record->value.p, record->value.len);
    cdc_buffer_add(&hold->bytes, record->header.p, record->header.len);
    return true;
}

static void cdc_hold_bytes(cdc_hold *hold, cdc_bytes *bytes)
{
    bytes->p = bytes->p != NULL ? hold->bytes.data + hold->at : NULL;
    hold->at += bytes->len;
}

bool cdc_hold_take(cdc_hold *hold, cdc_held_record *record)
{
    cdc_hold_head head;
    if (hold->at == hold->bytes.len) {
        hold->at = 0;
        cdc_buffer_reset(&hold->bytes);
        return false;
    }
    memcpy(&head, hold->bytes.data + hold->at, sizeof head);
    hold->at += sizeof head;
    *record = head.record;
    cdc_hold_bytes(hold, &record->key);
    cdc_hold_bytes(hold, &record->value);
    cdc_hold_bytes(hold, &record->header);
    return true;
}
