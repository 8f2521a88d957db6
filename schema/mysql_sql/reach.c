#include "reach.h"

#include <stdio.h>
#include <string.h>

/* Client errors: https://dev.mysql.com/doc/mysql-errors/9.7/en/client-error-reference.html */
enum { SOCKET_FAILED = 2002, HOST_FAILED = 2003, UNKNOWN_HOST = 2005, CONNECTION_LOST = 2013 };

const char *cdc_reach_hint(unsigned number, const char *text, const char *option)
{
    static _Thread_local char hint[160];
    const char *why = NULL;
    if (number == UNKNOWN_HOST) {
        why = "the name has no address (DNS)";
    } else if (number == SOCKET_FAILED || number == HOST_FAILED) {
        /* Connector/C tells EINPROGRESS (115) for a connection that was refused */
        why = strstr(text, "111") != NULL || strstr(text, "115") != NULL
                  ? "nothing listens there (connection refused): is the server running"
              : strstr(text, "110") != NULL ? "no answer (timed out): is there a firewall between"
                                            : "the host is not reachable";
    } else if (number == CONNECTION_LOST) {
        why = "the connection ended before the greeting: is it a MySQL or MariaDB server";
    }
    if (why == NULL) {
        return "";
    }
    snprintf(hint, sizeof hint, "; %s; check %s", why, option);
    return hint;
}

bool cdc_reach_tls_cut(const char *text)
{
    static const char *const marks[] = {"eof", "reset", "timed out", "closed", "terminated"};
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        if (strcasestr(text, marks[i]) != NULL) {
            return true;
        }
    }
    return false;
}
