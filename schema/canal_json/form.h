/* cdc_form: the constant parts of a table's messages, made once per table definition. */
#ifndef CDC_CANAL_FORM_H
#define CDC_CANAL_FORM_H

#include "core/table.h"
#include "schema/writer.h"

/* Part of a form's text. At least 32 bytes may be read from its start. */
typedef struct cdc_piece {
    const char *p;
    size_t n;
} cdc_piece;

/* A column of an unsigned integer type whose java.sql.Types number depends on the row's value. */
typedef struct cdc_slot {
    uint32_t col;
    uint64_t small_max; /* up to this value `small`, above it `wide` */
    int16_t small, wide;
    cdc_piece lead; /* what stands before the number */
} cdc_slot;

typedef struct cdc_form {
    uint32_t uid;    /* of the cdc_table; 0: empty */
    size_t bytes;    /* memory used */
    cdc_piece head;  /* ,"database":"d","table":"t","pkNames":["id"],"isDdl":false,"type":" */
    cdc_piece tail;  /* "sql" up to and with "gtid":" ; with slots: from behind the last one */
    cdc_piece key;   /* ["d","t" */
    cdc_piece *cols; /* "name":" and, but for the first column, a comma before it */
    cdc_slot *slots;
    uint32_t nslots;
    cdc_buffer text;
} cdc_form;

/* Fills a zeroed form. False: out of memory. */
bool cdc_form_init(cdc_form *form, const cdc_table *tbl);
void cdc_form_fini(cdc_form *form);

#endif
