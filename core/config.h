/* Task files: YAML checked against option tables.
 *
 * Every part of sluice exports a table of the options that it reads (struct cdc_option). The tables
 * are the whole truth: the file is validated against them, --help and docs/configuration.md are
 * made from them, and cdc_config_* gives their defaults. Unknown names, wrong types, and values out
 * of range are refused with file, line and column, and the nearest known name.
 *
 * A path is names joined by dots ("source.tls.mode"); an element of a list of maps is
 * "topics.rules[].match" in the table and "topics.rules[0].match" in a call. Secrets: "${env:NAME}"
 * and "${file:PATH}" are put in place of the text in any string; options of type SECRET never leave
 * through print or log. A plug-in's table says whose it is by its own "source.type" or
 * "target.type" option, with its name as the only choice: the choices of all tables together are
 * the known types, and a table of another type than the file's is left out, so several plug-ins may
 * have options of the same path. A plug-in's option stands before a shared one.
 *
 * A config is immutable after load and may be read from any thread. */
#ifndef CDC_CONFIG_H
#define CDC_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"
#include "error.h"

typedef enum cdc_option_type {
    CDC_OPTION_STRING,
    CDC_OPTION_SECRET,  /* string that is never printed */
    CDC_OPTION_BOOL,    /* true | false */
    CDC_OPTION_INT,     /* min..max */
    CDC_OPTION_ENUM,    /* one of choices */
    CDC_OPTION_STRINGS, /* list of strings (a single string is a list of one) */
    CDC_OPTION_ENUMS,   /* list, each one of choices */
    CDC_OPTION_MAP,     /* free names to strings: kafka, target.rename.databases */
    CDC_OPTION_MAP2,    /* free names to maps of free names to strings: target.rename.columns */
    CDC_OPTION_LIST,    /* list of maps, whose members have paths "this[].member" */
} cdc_option_type;

enum {
    CDC_OPTION_REQUIRED = 1, /* must be given (when its section is there) */
    CDC_OPTION_RESERVED = 2, /* known to the format, but this version does not carry it out: giving
                              * it a value other than the default is refused, never ignored */
};

typedef struct cdc_option {
    const char *path; /* NULL ends the table */
    cdc_option_type type;
    unsigned flags;
    const char *def;  /* default as text; lists: comma-separated; NULL = none */
    int64_t min, max; /* INT */
    /* ENUM, ENUMS: "a|b|c". STRING: patterns with * and ?, "full|gtid:*"; NULL = any text. One that
     * ends in ! is known to the format, but not carried out by this version: it is refused as a
     * RESERVED option is. */
    const char *choices;
    const char *help; /* one sentence, units in it */
} cdc_option;

typedef struct cdc_config cdc_config;

/* Reads a task file. tables: NULL-ended array of option tables. Errors have exit code 2. */
cdc_rc cdc_config_load(cdc_config **out, const char *path, const cdc_option *const *tables,
                       cdc_error *err) CDC_MUST_CHECK;
/* The same from memory; `name` stands for the file in messages. */
cdc_rc cdc_config_parse(cdc_config **out, const char *name, const char *text, size_t len,
                        const cdc_option *const *tables, cdc_error *err) CDC_MUST_CHECK;
void cdc_config_free(cdc_config *cfg);

/* Was the path (option or section) written in the file? */
bool cdc_config_has(const cdc_config *cfg, const char *path);
/* "file:line:column" of the path, or the file's name: for errors found later. Borrowed from a
 * buffer in cfg that the next call overwrites; main thread only. */
const char *cdc_config_where(const cdc_config *cfg, const char *path);

/* Value or default. Asking for a path that no table has, or as another type, is a bug and aborts.
 * Strings are borrowed from cfg; NULL when there is neither value nor default. */
const char *cdc_config_str(const cdc_config *cfg, const char *path); /* STRING, ENUM */
const char *cdc_config_secret(const cdc_config *cfg, const char *path);
int64_t cdc_config_int(const cdc_config *cfg, const char *path);
bool cdc_config_bool(const cdc_config *cfg, const char *path);
/* STRINGS, ENUMS, LIST, MAP, MAP2: number of elements; then each by index. */
size_t cdc_config_count(const cdc_config *cfg, const char *path);
const char *cdc_config_item(const cdc_config *cfg, const char *path, size_t i); /* STRINGS, ENUMS */
/* MAP, MAP2: name and value (MAP) of entry i. */
void cdc_config_entry(const cdc_config *cfg, const char *path, size_t i, const char **name,
                      const char **value);
/* MAP2: name and value of member j of entry i; NULL behind the last. */
void cdc_config_entry2(const cdc_config *cfg, const char *path, size_t i, size_t j,
                       const char **name, const char **value);
/* MAP: the value of a name, or NULL. */
const char *cdc_config_lookup(const cdc_config *cfg, const char *path, const char *name);
/* MAP2: value of names a, b ("shop.orders", "old_column"), or NULL. */
const char *cdc_config_lookup2(const cdc_config *cfg, const char *path, const char *a,
                               const char *b);

/* Calls each with the path of every option whose value or default differs between the two; a list
 * of maps and a map are one option. */
void cdc_config_changes(const cdc_config *a, const cdc_config *b,
                        void (*each)(void *arg, const char *path), void *arg);

/* Prints every option that is set or has a default, as YAML, secrets as "****" (also Kafka
 * properties whose name holds "password" or "secret", and any value that came from ${env:} or
 * ${file:}). */
void cdc_config_print(const cdc_config *cfg, cdc_buffer *out);
/* The option tables as Markdown (docs/configuration.md), and as plain text (--help). */
void cdc_config_document(const cdc_option *const *tables, cdc_buffer *out);
void cdc_config_help(const cdc_option *const *tables, cdc_buffer *out);

/* Edits (insert, delete, replace, swap of neighbours) that turn a into b; names are cut at 63
 * bytes. */
size_t cdc_config_distance(const char *a, const char *b);

#endif
