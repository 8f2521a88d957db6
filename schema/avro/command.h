/* Commands of Redis in the layout generic (docs/formats/avro.md, "Commands of Redis"): a row of
 * eight cells for each command, several commands in a message. Arguments are bytes, as they are. */
#ifndef CDC_AVRO_COMMAND_H
#define CDC_AVRO_COMMAND_H

#include "core/event.h"
#include "schema/avro/node.h"
#include "schema/writer.h"

/* Appends the message's key, or its value, with these n commands of one database; behind the
 * prefix. False: no room. */
bool cdc_avro_commands_key(cdc_writer *w, const cdc_event *events);
bool cdc_avro_commands_value(cdc_writer *w, const cdc_event *events, uint32_t n);

/* Reads one command, whose cells are records `cell`, into an event made by cdc_batch_add; before:
 * the command before it in the message, or NULL. Returns NULL, or what is wrong. */
const char *cdc_avro_command_read(const cdc_avro_node *cell, cdc_cursor *c, const cdc_event *before,
                                  cdc_arena *ar, cdc_event *ev) CDC_MUST_CHECK;

#endif
