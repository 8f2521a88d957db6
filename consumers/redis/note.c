#include "note.h"

typedef struct note {
    char name[24];
    uint8_t len;
    bool cut;
    bool has_key;
    char key[61];
} note;

static void take(note *nt, const cdc_value *argv, uint32_t argc, int32_t key)
{
    size_t n = argv[0].len < sizeof nt->name - 1 ? argv[0].len : sizeof nt->name - 1;
    memcpy(nt->name, argv[0].p, n);
    nt->name[n] = '\0';
    nt->has_key = key >= 0 && (uint32_t)key < argc;
    nt->len = 0;
    nt->cut = false;
    if (nt->has_key) {
        size_t len = argv[key].len;
        nt->cut = len > sizeof nt->key;
        nt->len = (uint8_t)(nt->cut ? sizeof nt->key : len);
        memcpy(nt->key, argv[key].p, nt->len);
    }
}

static void print(const note *nt, char *text, size_t size)
{
    size_t at = (size_t)snprintf(text, size, nt->has_key ? "%s, key " : "%s", nt->name);
    for (size_t i = 0; i < nt->len && at + 8 < size; i++) {
        unsigned char c = (unsigned char)nt->key[i];
        bool plain = c > ' ' && c <= '~' && c != '\\';
        at += (size_t)snprintf(text + at, size - at, plain ? "%c" : "\\x%02x", c);
    }
    if (nt->cut) {
        snprintf(text + at, size - at, "...");
    }
}

bool sink_redis_note_add(cdc_buffer *notes, const cdc_value *argv, uint32_t argc, int32_t key)
{
    note nt;
    char *room = cdc_buffer_reserve(notes, sizeof nt);
    if (room == NULL) {
        return false;
    }
    take(&nt, argv, argc, key);
    memcpy(room, &nt, sizeof nt);
    notes->len += sizeof nt;
    return true;
}

void sink_redis_note_text(const cdc_buffer *notes, uint32_t i, char *text, size_t size)
{
    note nt;
    text[0] = '\0';
    if ((i + (size_t)1) * sizeof nt <= notes->len) {
        memcpy(&nt, notes->data + i * sizeof nt, sizeof nt);
        print(&nt, text, size);
    }
}

void sink_redis_describe(const cdc_value *argv, uint32_t argc, int32_t key, char *text, size_t size)
{
    note nt;
    take(&nt, argv, argc, key);
    print(&nt, text, size);
}
