/* src_mysql_prepared: the XA transactions that are prepared but neither committed nor rolled back,
 * and where in the log their rows stand.
 *
 * Part of the restart token: "XID@FILE:POS@GTID,..." with XID as FORMAT.GTRID.BQUAL (both in hex);
 * FILE:POS is the transaction's first event; GTID finds it on another server: its own (MySQL), or
 * the one before it in its domain (MariaDB). An XID alone holds no row of a selected table. Few
 * are open at a time; more than SRC_MYSQL_PREPARED_MAX are refused. One thread. */
#ifndef SRC_MYSQL_PREPARED_H
#define SRC_MYSQL_PREPARED_H

#include "event.h"
#include "position.h"

#define SRC_MYSQL_XID_MAX 288 /* two parts of 64 bytes in hex, and the format */
#define SRC_MYSQL_PREPARED_MAX 16384

typedef struct src_mysql_prepared {
    char xid[SRC_MYSQL_XID_MAX];
    bool selected;                      /* rows of selected tables are in it */
    src_mysql_log_pos begin;            /* file "": known by GTID only */
    char gtid[SRC_MYSQL_GTID_TEXT_MAX]; /* "" = not known */
} src_mysql_prepared;

typedef struct src_mysql_prepared_list {
    src_mysql_prepared *items;
    size_t n, cap;
} src_mysql_prepared_list;

void src_mysql_prepared_fini(src_mysql_prepared_list *list);
/* NULL: not in the list. Valid until the list changes. */
const src_mysql_prepared *src_mysql_prepared_find(const src_mysql_prepared_list *list,
                                                  const char *xid);
/* Replaces one of the same xid. FATAL: too many, or no memory. */
cdc_rc src_mysql_prepared_add(src_mysql_prepared_list *list, const src_mysql_prepared *item,
                              cdc_error *err) CDC_MUST_CHECK;
void src_mysql_prepared_remove(src_mysql_prepared_list *list, const char *xid); /* none is fine */

void src_mysql_prepared_print(const src_mysql_prepared_list *list, cdc_buffer *out);
/* Fills an empty list; text NULL or "": nothing. FATAL: not what print wrote. */
cdc_rc src_mysql_prepared_parse(src_mysql_prepared_list *list, const char *text,
                                cdc_error *err) CDC_MUST_CHECK;

/* The xid of an XA_PREPARE event's body. FATAL: malformed. */
cdc_rc src_mysql_xid_of_event(const src_mysql_event *ev, char xid[SRC_MYSQL_XID_MAX],
                              bool *one_phase, cdc_error *err) CDC_MUST_CHECK;
/* The xid of "XA COMMIT X'..',X'..',1" as servers log it, from behind the verb on. False: it is not
 * in that form. */
bool src_mysql_xid_of_text(const char *text, char xid[SRC_MYSQL_XID_MAX]);

#endif
