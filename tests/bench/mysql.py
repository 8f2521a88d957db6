"""MySQL -> Kafka -> MySQL, measured on real servers: run.sh mysql [--help].

One backlog serves all runs: inserts, updates and deletes in the source's binlog, in transactions
of 100 rows. Every run is a new task with a topic of its own that starts in front of the backlog and
ends with --until-caught-up; what it left in Kafka or at the target is then counted or compared, so
a run that loses a row is no figure. How each figure is taken: docs/benchmarks.md.
"""

import gc
import statistics
import subprocess
import sys
import time

import bench
import machine
import workload
from bench import HERE, HOME, say
from confluent_kafka import Consumer, KafkaException, TopicPartition
from lib.servers import Kafka, MariaDB, MySQL, mysql_available

GROUPS = ["capture", "copy", "apply", "spread", "run", "latency", "start"]
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


def arguments():
    parser = bench.parser("mysql", __doc__, GROUPS, 1_000_000)
    parser.add_argument("--seconds", type=int, default=20, metavar="N",
                        help="how long latency is measured, in each run [20]")
    return bench.parse(parser, GROUPS, {"rows": 100_000, "repeat": 1, "seconds": 5})


class MySQLBench(bench.Bench):
    """--rows rows are inserted; a fifth of it is updated, a tenth deleted."""

    def __init__(self, options, servers):
        account = {"user": "sluice", "password": "sluice"}
        super().__init__(options, servers, "MySQL to Kafka to MySQL", {
            "source": {"type": "mysql", "hosts": [servers[1].address], **account},
            "objects": {"include": [workload.ORDERS]},
            "phases": ["incremental"],
            "target": {"type": "mysql", "hosts": [servers[2].address], **account},
        })
        self.updates, self.deletes = options.rows // 5, options.rows // 10
        self.changes = options.rows + self.updates + self.deletes
        self.start_position = None

    # What the runs are made of

    def backlog_task(self, **changes):
        return self.task(source={"start": f"position:{self.start_position}"}, **changes)

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

    def spread(self):
        """The same rows by key over four partitions; also put together again, as they were."""
        topics = {"partitions": 4, "policy": "pk", "transactions": "{task}.transactions"}
        task, file = self.backlog_task(topics=topics)
        say("apply a backlog of four partitions")
        self.measure("capture", file, self.changes)
        for atomic in ("partition", "transaction"):
            name = f"apply four partitions, atomic {atomic}"
            _, file = self.task(name=task, topics=topics, target={"atomic": atomic})

            def run(file=file):
                self.empty_target()
                used = self.measure("apply", file, self.changes)
                self.expect_equal()
                return used

            self.add_usual(name, self.repeated(name, run), None, None)
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
        if {"capture", "copy", "apply", "spread", "run"} & set(wanted):
            self.prepare_rows()
        else:
            workload.create(self.source, workload.ORDERS, workload.TICKS)
        if "copy" in wanted:
            self.attempt(self.copy)
        if {"capture", "apply", "spread", "run"} & set(wanted):
            self.prepare_changes()
        steps = {
            "capture": [lambda d=d: self.capture(d) for d in DELIVERIES],
            "apply": [self.apply],
            "spread": [self.spread],
            "run": [self.both],
            "latency": [lambda d=d: self.latency(d) for d in DELIVERIES],
            "start": [self.start],
        }
        for group, measures in steps.items():
            for measure in measures if group in wanted else []:
                self.attempt(measure)


def quantiles(values):
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return {"p50": round(cuts[49], 2), "p99": round(cuts[98], 2), "max": round(max(values), 2)}


def servers(home):
    source = (MySQL if mysql_available() else MariaDB)(home / "source", *SOURCE_OPTIONS)
    return [Kafka(home / "kafka"), source, MariaDB(home / "target", *TARGET_OPTIONS)]


if __name__ == "__main__":
    bench.main("mysql", arguments(), servers, MySQLBench)
