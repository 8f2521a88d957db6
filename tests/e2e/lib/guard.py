"""Leaves no process behind, however the test run ends.

Everything a run starts inherits a marker in its environment. The guard, a process of its own, waits
for the end of its standard input, which comes when pytest closes it or dies, then kills what still
carries the marker, and prints what that was.
"""

import os
import signal
import subprocess
import sys
import time

MARKER = "SLUICE_TEST_RUN"


def marked(value):
    """Pids whose environment holds the marker."""
    wanted = f"{MARKER}={value}".encode()
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/environ", "rb") as file:
                if wanted in file.read().split(b"\0"):
                    yield int(entry)
        except OSError:
            continue  # ended meanwhile, or somebody else's


def command_line(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().replace(b"\0", b" ").decode(errors="replace")[:120]
    except OSError:
        return "?"


def sweep(value):
    until = time.monotonic() + 10
    seen = set()
    while time.monotonic() < until:
        pids = list(marked(value))
        if not pids:
            return
        for pid in pids:
            if pid not in seen:
                print(pid, command_line(pid), flush=True)
                seen.add(pid)
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.02)


class Guard:
    """Runs the guard for this process and marks all that it starts from now on."""

    def __init__(self, value):
        environment = {k: v for k, v in os.environ.items() if k != MARKER}
        self.process = subprocess.Popen(
            [sys.executable, __file__, value],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            start_new_session=True,
        )
        os.environ[MARKER] = value

    def close(self):
        """Returns the lines of what had to be killed."""
        left, _ = self.process.communicate(timeout=30)
        return left.splitlines()


if __name__ == "__main__":
    sys.stdin.read()
    try:
        sweep(sys.argv[1])
    except BrokenPipeError:  # nobody reads any more: go on without telling
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sweep(sys.argv[1])
