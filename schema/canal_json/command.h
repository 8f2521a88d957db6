/* Commands of Redis as messages (docs/formats/canal-json.md, "Redis"): a row of nine columns for
 * each command, several commands in a message.
 *
 * Nothing is lost on the way: `argv` is a JSON text inside of the message's, in which an argument
 * that is UTF-8 is a string and any other {"b64":"..."}. Neither side builds a tree. */
#ifndef CDC_CANAL_COMMAND_H
#define CDC_CANAL_COMMAND_H

#include "core/event.h"
#include "schema/canal_json/reader.h"
#include "schema/writer.h"

/* Appends key and value of the message with these n commands, at least one, of one database. False:
 * a buffer is full, or memory is out. */
bool cdc_canal_commands_encode(const cdc_event *events, uint32_t n, cdc_buffer *key,
                               cdc_buffer *value);

/* What a message says of all its commands. */
typedef struct cdc_command_head {
    int32_t database;
    int64_t id, es, ts;
} cdc_command_head;

/* Appends the commands of the array `data` to the batch. scratch is overwritten. False: the reader
 * has the fault; the batch may have some of them. */
bool cdc_canal_commands_decode(const cdc_command_head *head, cdc_reader *data, cdc_buffer *scratch,
                               cdc_batch *batch);

#endif
