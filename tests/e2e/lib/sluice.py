"""The `sluice` command under test: task files and child processes with captured stderr."""

import json
import os
import shlex
import signal
import subprocess
import threading
import time
from pathlib import Path

from lib.servers import ROOT

BIN = Path(os.environ.get("SLUICE_BIN", ROOT / "build" / "bin"))
# what the sanitizers print into stderr
SANITIZER_TEXTS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error:",
                   "WARNING: ThreadSanitizer")


def to_yaml(value, indent=0):
    """Block style for maps and lists, JSON for scalars, which YAML reads as well."""
    pad = "  " * indent
    if isinstance(value, dict) and value:
        return "".join(f"{pad}{k}:{_nested(v, indent)}" for k, v in value.items())
    if isinstance(value, list) and value:
        return "".join(f"{pad}-{_nested(v, indent)}" for v in value)
    return f"{pad}{json.dumps(value, ensure_ascii=False)}\n"


def _nested(value, indent):
    if isinstance(value, (dict, list)) and value:
        return "\n" + to_yaml(value, indent + 1)
    return " " + to_yaml(value)


def merged(base, changes):
    """A copy of base with the changes put into its maps; None takes a key away."""
    result = dict(base)
    for key, value in changes.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result


def parse_line(line):
    """A logfmt line as a dict; words without "=" are left out."""
    try:
        words = shlex.split(line)
    except ValueError:  # a quote inside free text
        words = line.split()
    return dict(word.split("=", 1) for word in words if "=" in word)


class Process:
    """A running command. stderr is kept in a file and, line by line, in `lines`."""

    def __init__(self, arguments, log_path, env=None):
        self.name = " ".join(Path(str(a)).name for a in arguments)
        self.log_path = Path(log_path)
        self.lines = []
        self._changed = threading.Condition()
        self._ended = False
        self._stdout = open(f"{log_path}.out", "w+")
        # a session of its own: what it leaves behind can be told apart and ended
        self._popen = subprocess.Popen(
            [str(a) for a in arguments],
            stdin=subprocess.DEVNULL,
            stdout=self._stdout,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env={**os.environ, **(env or {})},
            start_new_session=True,
        )
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()

    def _collect(self):
        with open(self.log_path, "w") as log:
            for line in self._popen.stderr:
                log.write(line)
                log.flush()
                with self._changed:
                    self.lines.append(line.rstrip("\n"))
                    self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    @property
    def pid(self):
        return self._popen.pid

    @property
    def stdout(self):
        return Path(self._stdout.name).read_text(errors="replace")

    @property
    def stderr(self):
        return "\n".join(self.lines)

    @property
    def returncode(self):
        """None while it runs."""
        return self._popen.poll()

    @property
    def peak_rss_mb(self):
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024

    def events(self, name):
        """The log lines of this event, as dicts."""
        return [e for e in map(parse_line, list(self.lines)) if e.get("event") == name]

    def wait_event(self, name, deadline_s=30, count=1, **fields):
        """Until `count` lines of the event hold these fields; returns the last of them as a dict.
        Fails at once when the process ends."""
        until = time.monotonic() + deadline_s
        wanted = {key: str(value) for key, value in fields.items()}
        with self._changed:
            while True:
                found = [e for e in self.events(name) if wanted.items() <= e.items()]
                if len(found) >= count:
                    return found[count - 1]
                left = until - time.monotonic()
                if self._ended or left <= 0:
                    why = f"ended ({self.returncode})" if self._ended else f"{deadline_s} s passed"
                    raise AssertionError(f"{self.name}: no event={name} {fields}, {why}\n"
                                         + "\n".join(self.lines[-20:]))
                self._changed.wait(left)

    def wait_ready(self, deadline_s=90, **fields):
        """Another test's task that was killed in a commit may hide the checkpoints for 60 s."""
        return self.wait_event("ready", deadline_s, **fields)

    def wait(self, deadline_s=60):
        """Until it ends by itself; returns the exit status."""
        try:
            self._popen.wait(deadline_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name}: still runs after {deadline_s} s\n"
                                 + "\n".join(self.lines[-20:])) from None
        self._thread.join(5)
        return self._popen.returncode

    def signal(self, number):
        if self._popen.poll() is None:
            self._popen.send_signal(number)

    def stop(self, deadline_s=20):
        """SIGTERM; returns the seconds it took. The exit status must be 0."""
        began = time.monotonic()
        self.signal(signal.SIGTERM)
        status = self.wait(deadline_s)
        took = time.monotonic() - began
        assert status == 0, f"{self.name}: exit status {status} after SIGTERM\n{self.stderr[-2000:]}"
        return took

    def kill(self):
        """SIGKILL to this process alone; returns when it is gone."""
        self.signal(signal.SIGKILL)
        self._popen.wait(10)
        return self

    def clean_up(self):
        """Ends it and what it started, whatever happened."""
        try:
            self._popen.wait(5)
        except subprocess.TimeoutExpired:
            self.kill()
        try:
            os.killpg(self.pid, signal.SIGKILL)  # the session that start_new_session made
        except ProcessLookupError:
            pass
        self._thread.join(10)
        self._stdout.close()

    def sanitizer_report(self):
        """What a sanitizer complained about, or ""."""
        text = self.stderr
        starts = [text.find(t) for t in SANITIZER_TEXTS if t in text]
        return text[min(starts):][:4000] if starts else ""


class Sluice:
    """Starts commands in a folder of the test; clean_up() ends all of them."""

    def __init__(self, directory, defaults):
        self.directory = Path(directory)
        self.defaults = defaults
        self.processes = []

    def task(self, changes=None, file="task.yaml", **more):
        """Writes a task file: the defaults of conftest.py with these changes; returns its path."""
        content = merged(merged(self.defaults, changes or {}), more)
        path = self.directory / file
        path.write_text(to_yaml(content))
        return path

    def start(self, command, *arguments, env=None):
        """sluice COMMAND ARGUMENTS... in the background."""
        program = BIN / "sluice"
        assert program.exists(), f"{program} is missing: ./dev build, or set SLUICE_BIN"
        log = self.directory / f"{len(self.processes)}-{command}.log"
        process = Process([program, command, *arguments], log, env)
        self.processes.append(process)
        return process

    def run(self, command, *arguments, deadline_s=120, status=0, env=None):
        """Runs a command to its end; status is the exit status that is expected, None for any."""
        process = self.start(command, *arguments, env=env)
        got = process.wait(deadline_s)
        assert status in (None, got), f"{process.name}: exit status {got}\n{process.stderr[-2000:]}"
        return process

    def capture(self, task, *arguments):
        """A capture that is ready."""
        process = self.start("capture", task, *arguments)
        process.wait_ready()
        return process

    def apply(self, task, *arguments):
        """An applier that is ready."""
        process = self.start("apply", task, *arguments)
        process.wait_ready()
        return process

    def clean_up(self):
        """Asks first: a Kafka transaction that a killed capture leaves open hides the checkpoints of
        the next test's tasks for transaction.timeout.ms."""
        for process in self.processes:
            process.signal(signal.SIGTERM)
        for process in self.processes:
            process.clean_up()
        reports = [r for r in (p.sanitizer_report() for p in self.processes) if r]
        assert not reports, "\n".join(reports)
