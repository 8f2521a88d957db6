/* src_mysql_gtid_set: which transactions have been executed, as MySQL and as MariaDB count them.
 *
 * MySQL: "uuid[:tag]:a-b:c[:tag2:...],uuid:..." (reference manual, GTID format and storage; tags
 * since 8.3). Held as ranges [first, last] per (uuid, tag), sorted, so that what is read back
 * prints in the server's own order. On the wire (COM_BINLOG_DUMP_GTID, PREVIOUS_GTIDS event): u64
 * header, then per (uuid, tag) the 16 bytes, with tags the tag's length * 2 in one byte and the
 * tag, u64 number of ranges, each u64 first and u64 behind the last. The header is the number of
 * (uuid, tag) pairs; with tags it is 1 | number << 8 | 1 << 56.
 *
 * MariaDB: "domain-server-seq,..." with the last transaction of each domain.
 *
 * A set belongs to one thread. Adding the next number of the transaction added last costs no
 * search. */
#ifndef SRC_MYSQL_GTID_SET_H
#define SRC_MYSQL_GTID_SET_H

#include "core/buffer.h"
#include "core/error.h"
#include "producers/mysql/event.h"

typedef struct src_mysql_gtid_set src_mysql_gtid_set;

/* NULL: out of memory. */
src_mysql_gtid_set *src_mysql_gtid_set_new(bool is_mariadb);
void src_mysql_gtid_set_free(src_mysql_gtid_set *set); /* NULL is fine */
void src_mysql_gtid_set_clear(src_mysql_gtid_set *set);
bool src_mysql_gtid_set_empty(const src_mysql_gtid_set *set);

/* Adds what the text names. FATAL (text cut off at a bad place): not a GTID set; the set then holds
 * a part. */
cdc_rc src_mysql_gtid_set_parse(src_mysql_gtid_set *set, const char *text, size_t len,
                                cdc_error *err) CDC_MUST_CHECK;
/* Adds the body of a PREVIOUS_GTIDS event (MySQL). FATAL: malformed. */
cdc_rc src_mysql_gtid_set_decode(src_mysql_gtid_set *set, const void *body, size_t len,
                                 cdc_error *err) CDC_MUST_CHECK;

/* False: out of memory. An anonymous transaction (gno 0) changes nothing. */
bool src_mysql_gtid_set_add(src_mysql_gtid_set *set, const src_mysql_gtid *gtid) CDC_MUST_CHECK;
/* MariaDB: replaces the domain's last transaction. */
bool src_mysql_gtid_set_add_mariadb(src_mysql_gtid_set *set,
                                    const src_mysql_mariadb_gtid *gtid) CDC_MUST_CHECK;
/* MariaDB: the domain's last transaction (its flags 0). False: it has none. */
bool src_mysql_gtid_set_last(const src_mysql_gtid_set *set, uint32_t domain_id,
                             src_mysql_mariadb_gtid *out);
/* Does `set` hold everything that `part` holds? */
bool src_mysql_gtid_set_includes(const src_mysql_gtid_set *set, const src_mysql_gtid_set *part);

void src_mysql_gtid_set_print(const src_mysql_gtid_set *set, cdc_buffer *out);
void src_mysql_gtid_set_encode(const src_mysql_gtid_set *set, cdc_buffer *out); /* MySQL only */

#endif
