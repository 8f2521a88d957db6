/* What a client library leaves out about its TCP connections. */
#ifndef CDC_SOCKET_H
#define CDC_SOCKET_H

/* Lets the kernel end a connection whose peer, or the way to it, is gone: after 20 s in which data
 * that was sent is not acknowledged, or in which a silent peer does not answer keepalives. It says
 * nothing of a peer that lives and is busy, or hangs. Best effort. */
void cdc_socket_end_when_lost(int fd);

#endif
