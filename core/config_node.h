/* Inside of the configuration: the tree that a task file is read into, and the options that apply
 * to it. config_yaml.c reads the tree, config_check.c checks it, config.c answers questions,
 * config_text.c prints. */
#ifndef CDC_CONFIG_NODE_H
#define CDC_CONFIG_NODE_H

#include "arena.h"
#include "config.h"

#define CDC_CONFIG_PATH_MAX 256
#define CDC_CONFIG_DEPTH_MAX 12

typedef enum cdc_node_kind { CDC_NODE_SCALAR, CDC_NODE_LIST, CDC_NODE_MAP } cdc_node_kind;

typedef struct cdc_node {
    struct cdc_node *next;  /* in the list or map that holds it */
    struct cdc_node *first; /* LIST, MAP: children */
    size_t count;
    const char *name; /* as a map's member; NULL otherwise */
    const char *text; /* SCALAR */
    cdc_node_kind kind;
    int line, column; /* of the name for members, else of the value; from 1; 0 = a default */
    bool quoted;
    bool foreign; /* the text, or a part of it, came from ${env:} or ${file:} */
} cdc_node;

/* An option that applies to this file. */
typedef struct cdc_setting {
    const cdc_option *opt;
    const char
        *choices; /* opt's, or those of all tables together for source.type and target.type */
    const cdc_node *def; /* the default as a node; NULL = none */
    bool plugin;         /* from a plug-in's table */
} cdc_setting;

struct cdc_config {
    cdc_arena arena; /* holds everything below */
    const char *file;
    cdc_node *root;
    cdc_setting *settings;
    size_t nsettings;
    char where[1200];
};

/* Reads the text into cfg->root; secrets are put in place. */
cdc_rc cdc_config_read(cdc_config *cfg, const char *text, size_t len,
                       cdc_error *err) CDC_MUST_CHECK;

/* Chooses the settings that apply, and makes their default nodes; root may be NULL (documentation).
 */
cdc_rc cdc_config_settings(cdc_config *cfg, const cdc_option *const *tables,
                           cdc_error *err) CDC_MUST_CHECK;
cdc_rc cdc_config_check(cdc_config *cfg, cdc_error *err) CDC_MUST_CHECK;

/* The node written at a path ("topics.rules[0].match"), or NULL. */
const cdc_node *cdc_config_find(const cdc_config *cfg, const char *path);
const cdc_node *cdc_node_member(const cdc_node *map, const char *name, size_t len);
const cdc_setting *cdc_config_setting(const cdc_config *cfg, const char *path);

/* "file:line:column: text", exit code 2. */
cdc_rc cdc_config_fault(const cdc_config *cfg, const cdc_node *node, cdc_error *err,
                        const char *fmt, ...) CDC_PRINTF(4, 5);

/* The first of the choices ("a|b*|c!") that s matches, by equality or as a pattern: 1 taken, -1
 * known but reserved, 0 none. */
int cdc_config_choice(const char *choices, const char *s, bool patterns);

#endif
