"""MySQL -> Kafka -> MySQL, measured on real servers: run.sh mysql [--help].

One backlog serves all runs: inserts, updates and deletes in the source's binlog, in transactions
of 100 rows. Every run is a new task with a topic of its own that starts in front of the backlog and
ends with --until-caught-up; what it left in Kafka or at the target is then counted or compared, so
a run that loses a row is no figure. How each figure is taken: docs/benchmarks.md.
"""

import argparse
import contextlib
import fcntl
import gc
import json
import os
import shutil
import signal
import statistics
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
import workload  # noqa: E402
from confluent_kafka import Consumer, KafkaException, TopicPartition  # noqa: E402
from confluent_kafka.admin import AdminClient  # noqa: E402
from lib.guard import Guard  # noqa: E402
from lib.servers import ROOT, Kafka, MariaDB, MySQL, mysql_available  # noqa: E402
from lib.sluice import BIN, Process, Sluice  # noqa: E402
from report import Report, figure  # noqa: E402

HOME = ROOT / ".run" / "bench"
GROUPS = ["capture", "copy", "apply", "run", "latency", "start"]
DELIVERIES = ["exactly-once", "at-least-once"]
SHORT = {"exactly-once": "exactly once", "at-least-once": "at least once"}
LATENCY_TARGETS_MS = {"exactly-once": (8, 20), "at-least-once": (1, 3)}
COMMITS_PER_SECOND = 200
WARM_UP_COMMITS = 200
START_RUNS = 5
# what a server of this size would have, and a target that loses no commit when the power fails
SOURCE_OPTIONS = ["--innodb-buffer-pool-size=1G"]
TARGET_OPTIONS = ["--innodb-buffer-pool-size=1G", "--innodb-log-file-size=512M", "--sync-binlog=1",
                  "--innodb-flush-log-at-trx-commit=1"]


def say(text):
    print(f"== {text}", flush=True)


def arguments():
    parser = argparse.ArgumentParser(prog="run.sh mysql", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, metavar="N",
                        help="rows inserted; a fifth of it is updated, a tenth deleted [1000000]")
    parser.add_argument("--repeat", type=int, default=3, metavar="N",
                        help="runs of each kind, of which the median is told [3]")
    parser.add_argument("--seconds", type=int, default=20, metavar="N",
                        help="how long latency is measured, in each run [20]")
    parser.add_argument("--only", default=",".join(GROUPS), metavar="LIST",
                        help=f"some of {','.join(GROUPS)}")
    parser.add_argument("--quick", action="store_true",
                        help="100,000 rows, one run, 5 s: to see that it works, not how fast")
    options = parser.parse_args()
    options.only = options.only.split(",")
    unknown = set(options.only) - set(GROUPS)
    if unknown:
        parser.error(f"--only: no {', '.join(sorted(unknown))}; there are {', '.join(GROUPS)}")
    if options.quick:
        options.rows, options.repeat, options.seconds = 100_000, 1, 5
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
    def __init__(self, options, kafka, source, target):
        self.options, self.kafka, self.source, self.target = options, kafka, source, target
        self.servers = [kafka, source, target]
        self.admin = AdminClient({"bootstrap.servers": kafka.address, "log_level": 0})
        self.updates, self.deletes = options.rows // 5, options.rows // 10
        self.changes = options.rows + self.updates + self.deletes
        self.start_position = None
        self.tasks = 0
        self.report = Report("MySQL to Kafka to MySQL", machine.facts(kafka, source, target))
        account = {"user": "sluice", "password": "sluice"}
        self.sluice = Measured(HOME, {
            "source": {"type": "mysql", "hosts": [source.address], **account},
            "objects": {"include": [workload.ORDERS]},
            "phases": ["incremental"],
            "kafka": {"bootstrap.servers": kafka.address},
            "target": {"type": "mysql", "hosts": [target.address], **account},
            "state_dir": str(HOME / "state"),
        })

    # What the runs are made of

    def task(self, **changes):
        """(name, file) of a new task; its data topic has its name."""
        self.tasks += 1
        name = f"bench-{self.tasks}"
        return name, self.sluice.task({"name": name, **changes}, file=f"{name}.yaml")

    def backlog_task(self, **changes):
        return self.task(source={"start": f"position:{self.start_position}"}, **changes)

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

    def expect_records(self, topic, expected):
        """Counts what a read_committed reader gets."""
        consumer = Consumer({
            "bootstrap.servers": self.kafka.address, "group.id": "bench-count",
            "enable.auto.commit": False, "isolation.level": "read_committed",
        })
        try:
            consumer.assign([TopicPartition(topic, 0, 0)])
            count, idle_until = 0, time.monotonic() + 30
            while count < expected and time.monotonic() < idle_until:
                messages = consumer.consume(10_000, 0.5)
                for message in messages:
                    if message.error():
                        raise KafkaException(message.error())
                if messages:
                    count, idle_until = count + len(messages), time.monotonic() + 30
            count += len(consumer.consume(10_000, 1.0))
        finally:
            consumer.close()
        if count != expected:
            raise AssertionError(f"{topic} holds {count:,} records and not {expected:,}")

    def expect_equal(self):
        ours, theirs = (s.query(workload.CHECKSUM)[0] for s in (self.source, self.target))
        if ours != theirs:
            raise AssertionError(f"rows and checksum: source {ours}, target {theirs}")

    def empty_target(self):
        self.target.execute(
            f"DROP DATABASE IF EXISTS {workload.DATABASE}", "DROP DATABASE IF EXISTS sluice"
        )
        workload.create(self.target, workload.ORDERS)

    def drop_topic(self, topic):
        self.admin.delete_topics([topic])[topic].result(30)

    # The measures

    def prepare_rows(self):
        say(f"the source: {self.options.rows:,} rows")
        began = time.monotonic()
        workload.create(self.source, workload.ORDERS, workload.TICKS)
        self.start_position = workload.position(self.source)
        before = workload.binlog_bytes(self.source)
        workload.insert_all(self.source, workload.ORDERS, self.options.rows)
        size = (workload.binlog_bytes(self.source) - before) / self.options.rows
        self.report.facts["backlog"] = (
            f"{self.options.rows:,} inserts, {self.updates:,} updates, {self.deletes:,} deletes,"
            f" in transactions of {workload.TRANSACTION_ROWS} rows")
        self.report.facts["bytes of binlog per inserted row"] = round(size)
        print(f"   {time.monotonic() - began:.0f} s, {size:.0f} bytes of binlog a row")

    def prepare_changes(self):
        say(f"the source: {self.updates:,} updates, {self.deletes:,} deletes")
        began = time.monotonic()
        rows = self.options.rows
        workload.update_some(self.source, workload.ORDERS, self.updates, rows)
        workload.delete_some(self.source, workload.ORDERS, self.deletes, rows)
        print(f"   {time.monotonic() - began:.0f} s")

    def copy(self):
        name = "full copy"
        say(f"{name} of {self.options.rows:,} rows into Kafka")

        def run():
            task, file = self.task(phases=["full", "incremental"])
            used = self.measure("capture", file, self.options.rows, ready=False)
            self.expect_records(task, self.options.rows)
            self.drop_topic(task)
            return used

        self.add_usual(name, self.repeated(name, run), 300_000, None)

    def capture(self, delivery):
        name = f"backlog capture, {SHORT[delivery]}"
        say(name)

        def run():
            task, file = self.backlog_task(delivery=delivery)
            used = self.measure("capture", file, self.changes)
            self.expect_records(task, self.changes)
            self.drop_topic(task)
            return used

        self.add_usual(name, self.repeated(name, run), 300_000, 3)

    def apply(self):
        name = "apply a backlog"
        say(f"{name} that is in Kafka")
        task, file = self.backlog_task()
        self.measure("capture", file, self.changes)

        def run():
            self.empty_target()
            used = self.measure("apply", file, self.changes)
            self.expect_equal()
            return used

        self.add_usual(name, self.repeated(name, run), 120_000, None)
        self.drop_topic(task)

    def both(self):
        name = "capture and apply"
        say(f"{name} together, on the backlog")

        def run():
            self.empty_target()
            task, file = self.backlog_task()
            used = self.measure("run", file, self.changes, ready=False)
            self.expect_equal()
            self.drop_topic(task)
            return used

        self.add_usual(name, self.repeated(name, run), 120_000, 10)

    def latency(self, delivery):
        name = f"commit to consumer, {SHORT[delivery]}"
        say(f"{name}: {COMMITS_PER_SECOND} commits/s for {self.options.seconds} s")
        p50_target, p99_target = LATENCY_TARGETS_MS[delivery]
        runs = []
        for _ in range(self.options.repeat):
            watch = machine.Watch(self.servers)
            after, before = self.latency_run(delivery)
            runs.append((after, before))
            noise = watch.close()
            self.report.note(measure=name, **noise, after_commit_ms=quantiles(after),
                             before_commit_ms=quantiles(before))
            print(f"   after the commit returned: {quantiles(after)} ms, since before it:"
                  f" {quantiles(before)} ms; others {noise['others_cores']} cores", flush=True)
        for key, target in (("p50", p50_target), ("p99", p99_target), ("max", None)):
            values = [quantiles(after)[key] for after, _ in runs]
            self.report.add(f"{name}: {key}", values, "ms", target)
        values = [quantiles(before)["p50"] for _, before in runs]
        self.report.add(f"{name}: p50 with the commit itself", values, "ms")

    def latency_run(self, delivery):
        """Two lists of ms from a commit to the consumer: since it returned, since it was sent."""
        self.source.execute(f"TRUNCATE {workload.TICKS}")
        count = WARM_UP_COMMITS + COMMITS_PER_SECOND * self.options.seconds
        task, file = self.task(objects={"include": [workload.TICKS]}, delivery=delivery)
        capture = self.sluice.capture(file)
        out = HOME / f"{task}.received"
        consumer = subprocess.Popen(
            [sys.executable, HERE / "consumer.py", self.kafka.address, task, str(count), out],
            stdout=subprocess.PIPE, text=True)
        try:
            if consumer.stdout.readline().strip() != "ready":
                raise AssertionError("the consumer did not start")
            sent = self.write_steadily(count)
            if consumer.wait(60) != 0:
                raise AssertionError(f"the consumer failed\n{capture.stderr[-2000:]}")
        finally:
            consumer.kill()
            consumer.wait()
        capture.stop()
        self.drop_topic(task)
        received = [tuple(map(int, line.split())) for line in out.read_text().splitlines()]
        if [row for row, _ in received] != list(range(1, count + 1)):
            raise AssertionError("the consumer's records are not the rows in their order")
        measured = received[WARM_UP_COMMITS:]
        return ([(at - sent[row - 1][1]) / 1e6 for row, at in measured],
                [(at - sent[row - 1][0]) / 1e6 for row, at in measured])

    def write_steadily(self, count):
        """Commits a row every 5 ms; (ns before the COMMIT, ns after it) of each."""
        rows, sent = workload.Rows(2), []
        statements = [f"INSERT INTO {workload.TICKS} VALUES {rows.values(i + 1)}"
                      for i in range(count)]
        gc.disable()
        with self.source.connect(autocommit=False) as connection, connection.cursor() as cursor:
            began = time.monotonic()
            for i, statement in enumerate(statements):
                time.sleep(max(0.0, began + i / COMMITS_PER_SECOND - time.monotonic()))
                cursor.execute(statement)
                before = time.monotonic_ns()
                connection.commit()
                sent.append((before, time.monotonic_ns()))
        gc.enable()
        return sent

    def start(self):
        say("start to streaming")
        new, again = [], []
        for _ in range(START_RUNS):
            _, file = self.task()
            new.append(self.time_to_ready(file))
            again.append(self.time_to_ready(file))
        self.report.add("start to streaming, task goes on", again, "s", 0.3)
        self.report.add("start to streaming, new task and topics", new, "s", 0.3)

    def time_to_ready(self, file):
        began = time.monotonic()
        capture = self.sluice.capture(file)
        took = time.monotonic() - began
        capture.stop()
        return took

    def run(self):
        wanted = self.options.only
        if {"capture", "copy", "apply", "run"} & set(wanted):
            self.prepare_rows()
        else:
            workload.create(self.source, workload.ORDERS, workload.TICKS)
        if "copy" in wanted:
            self.attempt(self.copy)
        if {"capture", "apply", "run"} & set(wanted):
            self.prepare_changes()
        steps = {
            "capture": [lambda d=d: self.capture(d) for d in DELIVERIES],
            "apply": [self.apply],
            "run": [self.both],
            "latency": [lambda d=d: self.latency(d) for d in DELIVERIES],
            "start": [self.start],
        }
        for group, measures in steps.items():
            for measure in measures if group in wanted else []:
                self.attempt(measure)

    def attempt(self, measure):
        """A measure that fails is told as such, and the others still have their turn."""
        try:
            measure()
        except (AssertionError, KafkaException) as error:
            print(f"   FAILED: {error}", flush=True)
            self.report.failures.append(str(error).splitlines()[0])


def quantiles(values):
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return {"p50": round(cuts[49], 2), "p99": round(cuts[98], 2), "max": round(max(values), 2)}


@contextlib.contextmanager
def servers():
    """Kafka, source and target with new data; ended whatever happens."""
    os.environ["KAFKA_BENCH"] = "1"
    HOME.parent.mkdir(exist_ok=True)
    lock = open(HOME.parent / "bench.lock", "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise RuntimeError("another measurement is running in .run/bench") from None
    shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir()
    source = (MySQL if mysql_available() else MariaDB)(HOME / "source", *SOURCE_OPTIONS)
    started = [Kafka(HOME / "kafka"), source, MariaDB(HOME / "target", *TARGET_OPTIONS)]
    try:
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda server: server.start(), started))
        yield started
    finally:
        for server in started:
            server.kill()


def main():
    def interrupt(*_):
        raise KeyboardInterrupt  # so that everything is ended

    signal.signal(signal.SIGTERM, interrupt)
    options = arguments()
    guard = Guard(uuid.uuid4().hex)
    try:
        say("servers")
        with servers() as started:
            bench = Bench(options, *started)
            try:
                bench.run()
            finally:
                bench.sluice.clean_up()
    finally:
        for line in guard.close():
            print(f"left behind, killed: {line}")
    stamp = datetime.now(timezone.utc).strftime("%Y%m%d-%H%M%S")
    stem = ROOT / "build" / "bench" / f"mysql-{stamp}"
    bench.report.write(stem)
    print(f"\n{bench.report.markdown()}\nwritten to {stem.relative_to(ROOT)}.md and .json")
    if bench.report.failures:
        sys.exit("bench: some measures failed, see above; logs in .run/bench")
    shutil.rmtree(HOME)


if __name__ == "__main__":
    try:
        main()
    except (AssertionError, RuntimeError, subprocess.SubprocessError) as error:
        sys.exit(f"bench: {error}")
