/* A server's version as a number, from its text: 90704 for "9.7.4-2", 101119 for
 * "5.5.5-10.11.19-MariaDB". MariaDB up to 10.11 puts "5.5.5-" before its own, for old replicas;
 * Connector/C takes it away, Oracle's library and its mysql_get_server_version do not. */
#ifndef CDC_SERVER_VERSION_H
#define CDC_SERVER_VERSION_H

/* 0: no version. */
unsigned cdc_server_version(const char *text);

#endif
