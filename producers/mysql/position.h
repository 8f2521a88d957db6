/* src_mysql_position: where a capture goes on; the restart token as text and back.
 *
 *   v1;server=1f0c...;file=binlog.000003;pos=1934;gtid=UUID:1-77;xa=1.6162.@binlog.000003:77@UUID:9
 *   v1;server=...;file=...;pos=...;gtid=...;until=binlog.000003:8000;stage=rows;db=shop;table=orders;
 *      key=_utf8mb4 X'6162',7;chunk=12;keydef=912;rows=240000;bytes=3000000;mark=`shop`.`new`
 *
 * name=value joined by ";"; in values "%", ";", and control characters are percent-encoded. Unknown
 * names are skipped, another version is refused: v1 stays readable by what comes later. file, pos,
 * and gtid say where the stream goes on, also while the full copy runs beside it; the rest says how
 * far that is (docs/adr/0015-full-copy-by-watermarks.md). */
#ifndef SRC_MYSQL_POSITION_H
#define SRC_MYSQL_POSITION_H

#include "core/arena.h"
#include "core/buffer.h"
#include "core/error.h"

#define SRC_MYSQL_FILE_MAX 255

typedef struct src_mysql_log_pos {
    char file[SRC_MYSQL_FILE_MAX + 1]; /* "" = not known */
    uint64_t pos;
} src_mysql_log_pos;

/* How far the full copy is. */
typedef enum src_mysql_stage {
    SRC_MYSQL_STREAM = 0, /* no copy, or it is complete */
    SRC_MYSQL_SCHEMA,     /* definitions: those of all databases up to database were sent */
    SRC_MYSQL_ROWS,       /* rows: behind key of db.table, then the tables behind it */
} src_mysql_stage;

/* A table whose place in the copy does not follow from its name; several may stand in a token. */
typedef struct src_mysql_mark {
    struct src_mysql_mark *next;
    char *database, *table;         /* its name now */
    char *was_database, *was_table; /* NULL: it is not to be copied, although its name stands
                                             behind the table that the copy is at; else: it is
                                             copied in the place of this name */
} src_mysql_mark;

typedef struct src_mysql_position {
    const char *server; /* which server file:pos counts on; "" = not known */
    src_mysql_log_pos at;
    const char *gtid;        /* executed set as text; NULL = not known, file:pos counts */
    src_mysql_log_pos until; /* the target's definitions may be as late as this; file "" = none */
    src_mysql_stage stage;
    const char *database, *table; /* ROWS: the table the copy is at; "" = before the first */
    const char *key;         /* its last copied primary key as SQL literals; "" = from its start */
    bool table_done;         /* nothing of it is left */
    uint64_t chunk;          /* number of its last chunk */
    uint32_t key_definition; /* fingerprint of the key that `key` belongs to; 0 = not known */
    uint64_t rows, bytes;    /* copied so far, of all tables */
    src_mysql_mark *marks;   /* NULL: none */
    const char *xa;          /* prepared XA transactions, see prepared.h; "" = none */
    const char *shadows;     /* online schema changes under way, see shadow.h; "" = none */
} src_mysql_position;

/* <0, 0, >0 as a stands before, at, or behind b. Files are ordered by the number at their end. */
int src_mysql_log_pos_compare(const src_mysql_log_pos *a, const src_mysql_log_pos *b);
/* Moves on within the file to the place whose low 32 bits an event's header gives. */
void src_mysql_log_pos_advance(src_mysql_log_pos *at, uint32_t end_pos);
/* "file:pos" or "FILE:POS" as a task file gives it. */
bool src_mysql_log_pos_parse(src_mysql_log_pos *out, const char *text, size_t len);

void src_mysql_position_print(const src_mysql_position *pos, cdc_buffer *out);
/* Strings of *pos are copied into the arena. FATAL: not a token of this source. */
cdc_rc src_mysql_position_parse(src_mysql_position *pos, const char *text, size_t len,
                                cdc_arena *ar, cdc_error *err) CDC_MUST_CHECK;

#endif
