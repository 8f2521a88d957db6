"""The main job, shown from beginning to end: rows written to a source appear in a Kafka topic as Canal
JSON and, within milliseconds, in a second database.

Runs in .run/demo, takes about a minute, and stops everything that it started.
"""

import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

from lib.servers import Kafka, MariaDB, MySQL, mysql_available  # noqa: E402
from lib.sluice import Sluice  # noqa: E402
from lib.wait import wait_until  # noqa: E402

HOME = ROOT / ".run" / "demo"
TABLE = "dts_lab.customers"
BURST_ROWS = 100_000
BURST_TRANSACTION = 100

SCHEMA = f"""CREATE TABLE {TABLE} (
  customer_id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  email VARCHAR(255) NOT NULL UNIQUE,
  full_name VARCHAR(255) NOT NULL,
  created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP
)"""
INSERT = f"INSERT INTO {TABLE} (email, full_name) VALUES (%s, %s)"
CHECKSUM = (
    "SELECT COUNT(*), BIT_XOR(CAST(CRC32(CONCAT_WS('#', customer_id, email, full_name,"
    f" created_at, updated_at)) AS UNSIGNED)) FROM {TABLE}"
)


def title(text):
    print(f"\n== {text}", flush=True)


class Progress:
    """One line that is rewritten on a terminal, and said once a second elsewhere."""

    def __init__(self):
        self.terminal = sys.stdout.isatty()
        self.said = 0.0

    def show(self, text, last=False):
        now = time.monotonic()
        if self.terminal:
            print(f"\r   {text:<70}", end="\n" if last else "", flush=True)
        elif last or now - self.said >= 1:
            print(f"   {text}", flush=True)
            self.said = now


def start_servers():
    """Kafka, source and target side by side; the seconds tick while they start."""
    shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir(parents=True)
    if mysql_available():
        source = MySQL(HOME / "source")
    else:
        print("   Debian sid gives no MySQL at the moment: MariaDB is used at both ends")
        source = MariaDB(HOME / "source")
    servers = [Kafka(HOME / "kafka"), source, MariaDB(HOME / "target")]
    progress, began = Progress(), time.monotonic()
    with ThreadPoolExecutor() as pool:
        starts = [pool.submit(server.start) for server in servers]
        while not all(start.done() for start in starts):
            progress.show(f"starting Kafka, source and target: {time.monotonic() - began:.0f} s")
            time.sleep(0.1)
        progress.show(f"all three are up after {time.monotonic() - began:.1f} s", last=True)
    failed = [start.exception() for start in starts if start.exception()]
    if failed:
        stop_servers(servers)
        raise failed[0]
    return servers


def stop_servers(servers):
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda server: server.kill(), servers))


def task_file(sluice, kafka, source, target):
    account = {"user": "sluice", "password": "sluice"}
    return sluice.task(
        {
            "name": "demo",
            "source": {"type": "mysql", "hosts": [source.address], **account},
            "objects": {"include": ["dts_lab.*"]},
            "phases": ["schema", "full", "incremental"],
            "kafka": {"bootstrap.servers": kafka.address},
            "target": {"type": "mysql", "hosts": [target.address], **account},
            "state_dir": str(HOME / "state"),
        }
    )


def print_rows(server):
    for row in server.query(f"SELECT * FROM {TABLE} ORDER BY customer_id LIMIT 5"):
        print("   ", *(str(value) for value in row), sep="  ")


def timed_change(source, target, text, statement, check):
    """Runs a statement at the source; returns when the check holds at the target."""
    with source.connect() as connection, connection.cursor() as cursor:
        cursor.execute(statement)
    began = time.monotonic()
    with target.connect() as connection, connection.cursor() as cursor:

        def arrived():
            cursor.execute(check)
            return cursor.fetchone()[0] == 1

        wait_until(arrived, 30, text, interval_s=0.0005)
    print(f"   {text}: at the target {1000 * (time.monotonic() - began):.1f} ms after its commit")


def write_burst(source):
    with source.connect(autocommit=False) as connection, connection.cursor() as cursor:
        for first in range(0, BURST_ROWS, BURST_TRANSACTION):
            rows = [
                (f"user{i}@example.org", f"Burst User {i}")
                for i in range(first, first + BURST_TRANSACTION)
            ]
            cursor.executemany(INSERT, rows)
            connection.commit()


def burst(source, target):
    progress = Progress()
    began = time.monotonic()
    writer = threading.Thread(target=write_burst, args=(source,))
    writer.start()
    count = 0
    while count < BURST_ROWS + 3:
        count = target.value(f"SELECT COUNT(*) FROM {TABLE}")
        progress.show(f"{count:,} rows at the target after {time.monotonic() - began:.1f} s")
        if time.monotonic() - began > 120:
            raise AssertionError("the burst has not arrived within 120 s; see .run/demo/*.log")
        time.sleep(0.05)
    took = time.monotonic() - began
    writer.join()
    progress.show(
        f"{BURST_ROWS:,} rows in {BURST_ROWS // BURST_TRANSACTION:,} transactions:"
        f" written, captured and applied in {took:.1f} s = {BURST_ROWS / took:,.0f} rows/s",
        last=True,
    )


def compare(source, target):
    """Counts and checksums; False when they differ."""
    ours, theirs = (server.query(CHECKSUM)[0] for server in (source, target))
    print(f"   source {ours[0]:,} rows, checksum {ours[1]}")
    print(f"   target {theirs[0]:,} rows, checksum {theirs[1]}")
    print("   equal" if ours == theirs else "   DIFFERENT")
    return ours == theirs


def show(sluice, *arguments):
    """Runs a command and prints what it prints."""
    done = sluice.run(*arguments, deadline_s=30, status=None)
    for line in done.stdout.splitlines():
        print(f"   {line}")
    if done.returncode != 0:
        print(done.stderr)


def run(kafka, source, target):
    sluice = Sluice(HOME, {})
    try:
        title(f"{source.kind} {source.version} -> Kafka -> {target.kind} {target.version}")
        source.execute("CREATE DATABASE dts_lab", SCHEMA)
        source.execute(
            f"INSERT INTO {TABLE} (email, full_name) VALUES"
            " ('ada@example.org', 'Ada Lovelace'), ('alan@example.org', 'Alan Turing')"
        )
        task = task_file(sluice, kafka, source, target)
        print(f"   two customers at the source; sluice run {task.relative_to(ROOT)}")

        title("the initial copy")
        began = time.monotonic()
        runner = sluice.start("run", task)
        runner.wait_ready(60)
        target.wait_for(f"SELECT COUNT(*) FROM {TABLE}", ((2,),), 60)
        print(f"   database, table and rows at the target {time.monotonic() - began:.2f} s after start")
        print_rows(target)

        title("an INSERT and an UPDATE")
        timed_change(
            source,
            target,
            "INSERT",
            f"INSERT INTO {TABLE} (email, full_name) VALUES ('grace@example.org', 'Grace Hopper')",
            f"SELECT COUNT(*) FROM {TABLE} WHERE email = 'grace@example.org'",
        )
        timed_change(
            source,
            target,
            "UPDATE",
            f"UPDATE {TABLE} SET full_name = 'Rear Admiral Hopper' WHERE customer_id = 3",
            f"SELECT COUNT(*) FROM {TABLE} WHERE full_name = 'Rear Admiral Hopper'",
        )
        print_rows(target)

        title("a burst")
        burst(source, target)

        title("messages in the topic demo (partition, offset, key, header, value)")
        show(sluice, "tail", "demo", "-b", kafka.address, "--from", "earliest", "--count", "4")

        title("both sides")
        equal = compare(source, target)

        title("sluice status")
        show(sluice, "status", task)

        took = runner.stop()
        title(f"stopped within {took:.1f} s; to look further")
        print("   ./dev up                    the same three servers, to play with; prints addresses")
        print("   build/bin/sluice --help     all commands; docs/guide.md walks through them")
        print("   .run/demo/task.yaml         the task of this demo; docs/configuration.md has every option")
        print("   .run/demo/*.log             what capture and applier said")
        return equal
    finally:
        sluice.clean_up()


def main():
    title("servers")
    servers = start_servers()
    try:
        return 0 if run(*servers) else 1
    finally:
        stop_servers(servers)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (AssertionError, subprocess.SubprocessError) as error:
        sys.exit(f"demo: {error}")
