"""child.py REPORT PROGRAM [ARGS...] - runs a program and writes what it used into REPORT, as JSON:
start and end on the monotonic clock, CPU seconds of it and of the children it waited for, and the
peak resident memory of the largest of them.

A process of its own, started with `-I -S`: Linux counts the memory of the process that forks into
the peak of its child, so what forks has to be small (about 10 MB, the least that can be reported).
SIGTERM is passed on; the exit status is the program's.
"""

import json
import os
import signal
import sys
import time


def main():
    report, *command = sys.argv[1:]
    start = time.monotonic()
    pid = os.fork()
    if pid == 0:
        try:
            os.execv(command[0], command)
        finally:
            os._exit(127)
    signal.signal(signal.SIGTERM, lambda number, _: os.kill(pid, number))
    _, status, usage = os.wait4(pid, 0)
    end = time.monotonic()
    used = {
        "start": start,
        "end": end,
        "user_s": usage.ru_utime,
        "system_s": usage.ru_stime,
        "peak_mb": usage.ru_maxrss / 1024,
        "switches": [usage.ru_nvcsw, usage.ru_nivcsw],
    }
    with open(report, "w") as file:
        json.dump(used, file)
    code = os.waitstatus_to_exitcode(status)
    sys.exit(code if code >= 0 else 128 - code)


main()
