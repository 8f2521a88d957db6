"""What the measurements on real servers share: tasks, runs of a command with what they used, the
report, and servers with new data that are ended whatever happens. Suites: mysql.py, redis.py."""

import argparse
import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))

import machine  # noqa: E402
from confluent_kafka import KafkaException  # noqa: E402
from confluent_kafka.admin import AdminClient  # noqa: E402
from lib.guard import Guard  # noqa: E402
from lib.servers import ROOT  # noqa: E402
from lib.sluice import BIN, Process, Sluice  # noqa: E402
from report import Report, figure  # noqa: E402

HOME = ROOT / ".run" / "bench"


def say(text):
    print(f"== {text}", flush=True)


def parser(suite, description, groups, rows):
    """With the options that every suite has; see parse."""
    it = argparse.ArgumentParser(prog=f"run.sh {suite}", description=description)
    it.add_argument("--rows", type=int, default=rows, metavar="N",
                    help=f"how much there is to copy [{rows}]")
    it.add_argument("--repeat", type=int, default=3, metavar="N",
                    help="runs of each kind, of which the median is told [3]")
    it.add_argument("--only", default=",".join(groups), metavar="LIST",
                    help=f"some of {','.join(groups)}")
    it.add_argument("--quick", action="store_true",
                    help="little of everything and one run: to see that it works, not how fast")
    return it


def parse(parser, groups, quick):
    """The options, `only` as a list; quick: what --quick sets."""
    options = parser.parse_args()
    options.only = options.only.split(",")
    unknown = set(options.only) - set(groups)
    if unknown:
        parser.error(f"--only: no {', '.join(sorted(unknown))}; there are {', '.join(groups)}")
    if options.quick:
        vars(options).update(quick)
    if options.rows < 1000 or options.rows % 1000 != 0:
        parser.error("--rows: a multiple of 1000, please")
    return options


class Measured(Sluice):
    """Starts commands through child.py, which tells what they used."""

    def start_measured(self, command, task):
        number = len(self.processes)
        report = self.directory / f"{number}-{command}.json"
        process = Process(
            [sys.executable, "-I", "-S", HERE / "child.py", report, BIN / "sluice", command, task,
             "--until-caught-up"],
            self.directory / f"{number}-{command}.log",
        )
        process.report = report
        self.processes.append(process)
        return process


class Bench:
    """servers: Kafka first, source, target; defaults: of the task files, `kafka` is added."""

    def __init__(self, options, servers, title, defaults):
        self.options, self.servers = options, servers
        self.kafka, self.source, self.target = servers[:3]
        self.admin = AdminClient({"bootstrap.servers": self.kafka.address, "log_level": 0})
        self.tasks = 0
        self.report = Report(title, machine.facts(*servers[:3]))
        self.sluice = Measured(HOME, {
            "kafka": {"bootstrap.servers": self.kafka.address},
            "state_dir": str(HOME / "state"),
            **defaults,
        })

    def task(self, **changes):
        """(name, file) of a new task; its data topic has its name."""
        self.tasks += 1
        name = f"bench-{self.tasks}"
        return name, self.sluice.task({"name": name, **changes}, file=f"{name}.yaml")

    def measure(self, command, task, rows, ready=True):
        """Runs a command until it has caught up; what it used, in all and for a row."""
        watch = machine.Watch(self.servers)
        process = self.sluice.start_measured(command, task)
        at_ready = None
        if ready:
            process.wait_ready(60)
            at_ready = time.monotonic()
        status = process.wait(120 + rows / 2000)
        if status != 0:
            raise AssertionError(f"{process.name}: exit status {status}\n{process.stderr[-2000:]}")
        used = json.loads(process.report.read_text())
        used |= watch.close()
        used["rows_per_second"] = rows / (used["end"] - used["start"])
        if at_ready is not None:
            used["ready_s"] = at_ready - used["start"]
            used["rows_per_second_from_ready"] = rows / (used["end"] - at_ready)
        used["cpu_s_per_million"] = (used["user_s"] + used["system_s"]) * 1e6 / rows
        return used

    def repeated(self, name, run):
        """The results of run(), as often as asked for; each is kept in the report."""
        results = []
        for i in range(self.options.repeat):
            used = run()
            self.report.note(measure=name, **used)
            servers = ", ".join(f"{n} {c}" for n, c in used["servers_cores"].items())
            print(f"   run {i + 1}: {figure(used['rows_per_second'])} rows/s,"
                  f" {used['user_s'] + used['system_s']:.2f} CPU s, {used['peak_mb']:.0f} MB;"
                  f" cores: {servers}, others {used['others_cores']}", flush=True)
            results.append(used)
        return results

    def add_usual(self, name, results, rows_target, cpu_target, memory_target=64):
        def all_of(key):
            return [used[key] for used in results]

        add = self.report.add
        add(f"{name}: rows/s", all_of("rows_per_second"), "", rows_target, True)
        if "rows_per_second_from_ready" in results[0]:
            add(f"{name}: rows/s from ready on", all_of("rows_per_second_from_ready"), "")
        add(f"{name}: CPU s per million rows", all_of("cpu_s_per_million"), "s", cpu_target)
        add(f"{name}: peak memory", all_of("peak_mb"), "MB", memory_target)

    def drop_topic(self, topic):
        self.admin.delete_topics([topic])[topic].result(30)

    def attempt(self, measure):
        """A measure that fails is told as such, and the others still have their turn."""
        try:
            measure()
        except (AssertionError, KafkaException) as error:
            print(f"   FAILED: {error}", flush=True)
            self.report.failures.append(str(error).splitlines()[0])


@contextlib.contextmanager
def running(make):
    """The servers that make(HOME) gives, with new data; ended whatever happens."""
    os.environ["KAFKA_BENCH"] = "1"
    HOME.parent.mkdir(exist_ok=True)
    lock = open(HOME.parent / "bench.lock", "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise RuntimeError("another measurement is running in .run/bench") from None
    shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir()
    started = make(HOME)
    try:
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda server: server.start(), started))
        yield started
    finally:
        for server in started:
            server.kill()


def measure(suite, options, make_servers, make_bench):
    """Measures and writes the report; the exit status tells whether all measures could be taken."""

    def interrupt(*_):
        raise KeyboardInterrupt  # so that everything is ended

    signal.signal(signal.SIGTERM, interrupt)
    guard = Guard(uuid.uuid4().hex)
    try:
        say("servers")
        with running(make_servers) as started:
            bench = make_bench(options, started)
            try:
                bench.run()
            finally:
                bench.sluice.clean_up()
    finally:
        for line in guard.close():
            print(f"left behind, killed: {line}")
    stamp = datetime.now(timezone.utc).strftime("%Y%m%d-%H%M%S")
    stem = ROOT / "build" / "bench" / f"{suite}-{stamp}"
    bench.report.write(stem)
    print(f"\n{bench.report.markdown()}\nwritten to {stem.relative_to(ROOT)}.md and .json")
    if bench.report.failures:
        sys.exit("bench: some measures failed, see above; logs in .run/bench")
    shutil.rmtree(HOME)


def main(*args):
    """measure(*args); an error is one line."""
    try:
        measure(*args)
    except (AssertionError, RuntimeError, OSError, subprocess.SubprocessError) as error:
        sys.exit(f"bench: {error}")
