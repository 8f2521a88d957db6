/* A command, and what a message would say of each of a transaction: its name and key, never values.
 */
#ifndef SINK_REDIS_NOTE_H
#define SINK_REDIS_NOTE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buffer.h"
#include "core/value.h"

/* A command; key: index of its key in argv, -1: none. Borrowed. */
typedef struct sink_redis_words {
    const cdc_value *argv;
    uint32_t argc;
    int32_t key;
} sink_redis_words;

#define SINK_REDIS_NOTES_BYTES ((size_t)1 << 30) /* maximum of the buffer of notes */
#define SINK_REDIS_DESCRIPTION_MAX 320

/* Appends a note; key: index of the key in argv, -1: none. False: out of memory. */
bool sink_redis_note_add(cdc_buffer *notes, const cdc_value *argv, uint32_t argc, int32_t key);
/* "SET, key user:1" of note i: the key is escaped, and cut if it is long. "" if there is none. */
void sink_redis_note_text(const cdc_buffer *notes, uint32_t i, char *text, size_t size);
/* The same of a command at hand. */
void sink_redis_describe(const cdc_value *argv, uint32_t argc, int32_t key, char *text,
                         size_t size);

#endif
