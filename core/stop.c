#include "stop.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "clock.h"

/* The eventfd is written once and never read, so that every thread that waits on it wakes up. */
static atomic_bool requested;
static atomic_bool signalled;
static atomic_int wake_fd = -1;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void cdc_stop_open(void)
{
    atomic_store(&wake_fd, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
}

void cdc_stop_request(void)
{
    int saved = errno;
    uint64_t one = 1;
    int fd = atomic_load(&wake_fd);
    atomic_store(&requested, true);
    if (fd >= 0 && write(fd, &one, sizeof one) < 0) {
        /* the counter is full: it is readable already */
    }
    errno = saved;
}

static void cdc_stop_signal(int signo)
{
    (void)signo;
    atomic_store(&signalled, true);
    cdc_stop_request();
}

void cdc_stop_install(void)
{
    struct sigaction sa = {.sa_handler = cdc_stop_signal};
    pthread_once(&once, cdc_stop_open);
    sigemptyset(&sa.sa_mask);
    /* no SA_RESTART: blocking calls end with EINTR */
    sigaction(SIGTERM, &sa, NULL);
    sigaction(SIGINT, &sa, NULL);
    sa.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &sa, NULL);
}

bool cdc_stop_requested(void)
{
    return atomic_load_explicit(&requested, memory_order_relaxed);
}

bool cdc_stop_wait(int64_t ms)
{
    pthread_once(&once, cdc_stop_open);
    int64_t deadline = cdc_clock_mono_ms() + ms;
    while (!cdc_stop_requested()) {
        int64_t left = deadline - cdc_clock_mono_ms();
        if (left <= 0) {
            break;
        }
        struct pollfd pfd = {.fd = atomic_load(&wake_fd), .events = POLLIN};
        poll(&pfd, 1, left > 60000 ? 60000 : (int)left);
    }
    return cdc_stop_requested();
}

void cdc_stop_reset(void)
{
    uint64_t count;
    int fd = atomic_load(&wake_fd);
    if (fd >= 0 && read(fd, &count, sizeof count) < 0) {
        /* nothing was written */
    }
    atomic_store(&requested, false);
}

bool cdc_stop_take_back(void)
{
    cdc_stop_reset();
    if (atomic_load(&signalled)) { /* perhaps just now, and forgotten by the line above */
        cdc_stop_request();
        return false;
    }
    return true;
}
