"""Waiting with a deadline; nothing here sleeps for luck."""

import time


def wait_until(predicate, deadline_s=30, what=None, interval_s=0.02):
    """Returns the predicate's first true value; AssertionError when there is none in time."""
    until = time.monotonic() + deadline_s
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() >= until:
            what = what or getattr(predicate, "__name__", "condition")
            raise AssertionError(f"not within {deadline_s} s: {what}")
        time.sleep(interval_s)
