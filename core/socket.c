#include "socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

enum { LOST_MS = 20000, IDLE_S = 10, INTERVAL_S = 5, PROBES = 2 };

static void cdc_socket_set(int fd, int level, int name, int value)
{
    (void)setsockopt(fd, level, name, &value, sizeof value);
}

void cdc_socket_end_when_lost(int fd)
{
    cdc_socket_set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    cdc_socket_set(fd, IPPROTO_TCP, TCP_KEEPIDLE, IDLE_S);
    cdc_socket_set(fd, IPPROTO_TCP, TCP_KEEPINTVL, INTERVAL_S);
    cdc_socket_set(fd, IPPROTO_TCP, TCP_KEEPCNT, PROBES);
    cdc_socket_set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, LOST_MS);
}
