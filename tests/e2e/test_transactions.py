"""The transactions topic: a record for each source transaction, whatever happens to the capture."""

import random
import threading
import time

from lib.kafka_reader import read_topic
from lib.load import Load, same
from lib.transactions import check_transactions
from lib.wait import wait_until
from lib.watch import Watcher

BIG = 15000


def test_every_message_belongs_to_one_record(source, kafka, sluice, names):
    database, dice = names.database, random.Random(11)
    task = sluice.task(phases=["full", "incremental"], target=None,
                       objects={"include": [f"{database}.*"]},
                       topics={"policy": "pk", "partitions": 4, "transactions": "{task}.tx",
                               "rules": [{"match": f"{database}.stock", "topic": "{task}.stock"}]})
    load = Load(source, database, 11)
    load.create_tables()
    source.execute(f"CREATE TABLE {database}.big (id INT PRIMARY KEY, t TEXT)",
                   f"INSERT INTO {database}.stock VALUES ('p', 1, 1, NULL)")
    capture = sluice.capture(task)
    load.start()
    for kill in range(6):
        if kill == 2:
            source.execute(f"ALTER TABLE {database}.orders ADD COLUMN more INT")
        if kill == 4:  # spans many Kafka transactions
            source.execute(f"INSERT INTO {database}.big SELECT seq, REPEAT('t', 100) FROM ("
                           "WITH RECURSIVE s AS (SELECT 1 AS seq UNION ALL SELECT seq + 1 FROM s"
                           f" WHERE seq < 1000) SELECT a.seq * 1000 + b.seq AS seq FROM s a, s b"
                           f" WHERE a.seq <= {BIG // 1000}) x")
        time.sleep(0.4 * dice.random())
        capture.kill()
        capture = sluice.start("capture", task)
        capture.wait_event("start")
    wait_until(lambda: load.error or load.transactions > 100, 60, "transactions")
    load.stop()
    source.execute(f"INSERT INTO {database}.stock VALUES ('end', 1, 1, NULL)")
    wait_until(lambda: any(r.json["data"][0]["place"] == "end" for r in
                           read_topic(kafka.address, f"{names.task}.stock")), 90, "the last row")
    capture.stop()
    assert f"{names.task}.tx\t0\t0\t" in sluice.run("topics", task).stdout
    records = check_transactions(
        kafka.address, [names.task, f"{names.task}.stock", f"{names.task}.ddl"], f"{names.task}.tx")
    big = [r for r in records if {"database": database, "table": "big", "count": BIG} in r["tables"]]
    assert len(big) == 1 and len(big[0]["partitions"]) == 4
    assert any(r["id"].startswith("full:") for r in records)
    assert any(p["topic"] == f"{names.task}.ddl" for r in records for p in r["partitions"])
    assert len(records) > 30  # some transactions found no row to change


ACCOUNTS, TOTAL, ROWS = 40, 80_000, 100_000


class Bank(threading.Thread):
    """Transfers between the accounts of two tables, each with a line in a third."""

    def __init__(self, server, database, seed, papers=None):
        """papers: how many bytes each third transfer adds to the table of that name."""
        super().__init__(daemon=True)
        self.server, self.database, self.dice, self.papers = server, database, random.Random(seed), papers
        self.done, self.transfers, self.error = threading.Event(), 0, None

    def run(self):
        try:
            with self.server.connect(autocommit=False, database=self.database) as connection:
                cursor = connection.cursor()
                while not self.done.is_set():
                    for _ in range(self.dice.choice([1, 1, 2, 20])):
                        self.transfer(cursor)
                    connection.commit()
                    time.sleep(0.004)
        except Exception as error:  # handed to the test by end()
            self.error = error

    def transfer(self, cursor):
        amount, a, b = self.dice.randint(1, 9), self.dice.randrange(ACCOUNTS), self.dice.randrange(ACCOUNTS)
        if self.dice.random() < 0.2:  # a row that goes to another partition
            cursor.execute("UPDATE a SET id = id + 1000 WHERE who = %s", (a,))
        cursor.execute("UPDATE a SET balance = balance - %s, n = n + 1 WHERE who = %s", (amount, a))
        cursor.execute("UPDATE b SET balance = balance + %s, n = n + 1 WHERE who = %s", (amount, b))
        if self.papers is not None and self.transfers % 3 == 0:
            cursor.execute("INSERT INTO papers (t) VALUES (%s)", ("p" * self.papers,))
        cursor.execute("INSERT INTO log (amount) VALUES (%s)", (amount,))
        self.transfers += 1

    def end(self):
        self.done.set()
        self.join(60)
        assert not self.is_alive()
        if self.error is not None:
            raise self.error


def create_bank(source, database):
    account = "id INT PRIMARY KEY, who INT NOT NULL, balance INT NOT NULL, n INT NOT NULL"
    rows = ", ".join(f"({i}, {i}, {TOTAL // 2 // ACCOUNTS}, 0)" for i in range(ACCOUNTS))
    source.execute(
        f"CREATE DATABASE {database}",
        f"CREATE TABLE {database}.a ({account})", f"CREATE TABLE {database}.b ({account})",
        f"CREATE TABLE {database}.log (id INT AUTO_INCREMENT PRIMARY KEY, amount INT NOT NULL)",
        f"CREATE TABLE {database}.big (id INT PRIMARY KEY, t VARCHAR(20))",
        f"INSERT INTO {database}.a VALUES {rows}", f"INSERT INTO {database}.b VALUES {rows}")


def bank_task(sluice, database, atomic="transaction", **more):
    return sluice.task({
        "phases": ["schema", "full", "incremental"], "objects": {"include": [f"{database}.*"]},
        "target": {"atomic": atomic},
        "topics": {"policy": "pk", "partitions": 4, "transactions": "{task}.tx",
                   "repartition": "barrier", "rules": [
            {"match": f"{database}.b", "topic": "{task}.b", "policy": "table", "partitions": 2},
            {"match": f"{database}.log", "topic": "{task}.log", "policy": "single", "partitions": 1},
        ]}, **more})


def watched(database):
    """0 whenever transactions are whole, and how many rows of the large one are there."""
    sums = [f"(SELECT {what} FROM {database}.{table})" for what, table in [
        ("SUM(balance)", "a"), ("SUM(balance)", "b"), ("SUM(n)", "a"), ("SUM(n)", "b"),
        ("COUNT(*)", "log"), ("COUNT(*)", "a"), ("COUNT(*)", "big")]]
    a, b, n_a, n_b, log, rows, big = sums
    return f"SELECT {a} + {b} - {TOTAL}, {n_a} - {n_b}, {n_a} - {log}, {rows} - {ACCOUNTS}, {big}"


def large_transaction(source, database):
    with source.connect(autocommit=False, database=database) as connection:
        cursor = connection.cursor()
        cursor.execute("UPDATE a SET balance = balance - 5, n = n + 1 WHERE who = 1")
        cursor.execute("INSERT INTO big SELECT id, 'x' FROM digits")
        cursor.execute("INSERT INTO log (amount) VALUES (5)")
        cursor.execute("UPDATE b SET balance = balance + 5, n = n + 1 WHERE who = 2")
        connection.commit()


def test_the_target_has_whole_transactions(source, target, sluice, names):
    database, dice = names.database, random.Random(5)
    create_bank(source, database)
    digits = "(SELECT 0 d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5" \
             " UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9)"
    source.execute(f"CREATE VIEW {database}.digits AS SELECT p.d + 10 * q.d + 100 * r.d + 1000 * s.d"
                   f" + 10000 * t.d AS id FROM {digits} p, {digits} q, {digits} r, {digits} s, {digits} t")
    task = bank_task(sluice, database)
    running = {"capture": sluice.capture(task), "apply": sluice.apply(task)}
    for table in ("a", "b"):
        same(source, target, f"{database}.{table}", deadline_s=60)
    bank = Bank(source, database, 5)
    with Watcher(target, watched(database)) as watcher:
        bank.start()
        for kill in range(12):
            if kill == 3:
                source.execute(f"ALTER TABLE {database}.a ADD COLUMN more INT")
            if kill == 6:
                large_transaction(source, database)
            if kill == 8:
                source.execute(f"ALTER TABLE {database}.log ADD COLUMN note TEXT, ADD KEY (amount)")
            time.sleep(0.5 * dice.random())
            name = "capture" if kill % 3 == 2 else "apply"
            running[name].kill()
            running[name] = sluice.start(name, task)
            running[name].wait_event("ready", 60)
        wait_until(lambda: bank.error or bank.transfers > 200, 60, "transfers")
        bank.end()
        for table in ("a", "b", "log", "big"):
            same(source, target, f"{database}.{table}", deadline_s=120)
    for process in running.values():
        process.stop()
    assert watcher.seen.keys() <= {(0, 0, 0, 0, 0), (0, 0, 0, 0, ROWS)}, watcher.seen
    assert sum(watcher.seen.values()) > 100


def whole_while(bank, target, database, change):
    """Transfers, and a change in their midst; whoever reads the target sees whole transactions."""
    with Watcher(target, watched(database)) as watcher:
        bank.start()
        wait_until(lambda: bank.error or bank.transfers > 50, 60, "transfers")
        change()
        wait_until(lambda: bank.error or bank.transfers > 150, 60, "transfers")
        bank.end()
        for table in ("a", "b", "log"):
            same(bank.server, target, f"{database}.{table}", deadline_s=90)
    assert watcher.seen.keys() == {(0, 0, 0, 0, 0)}, watcher.seen


def test_partitions_are_added_and_atomic_is_changed(source, target, kafka, sluice, names):
    database = names.database
    create_bank(source, database)
    task = bank_task(sluice, database, "partition")
    capture, applier = sluice.capture(task), sluice.apply(task)
    bank = Bank(source, database, 9)
    bank.start()
    wait_until(lambda: bank.error or bank.transfers > 50, 60, "transfers")
    applier.kill()  # partitions are applied up to different places
    task = bank_task(sluice, database)
    applier = sluice.apply(task)
    bank.end()
    for table in ("a", "b", "log"):
        same(source, target, f"{database}.{table}", deadline_s=60)

    def more_partitions():
        kafka.add_partitions(names.task, 6)
        capture.stop()
        again = sluice.capture(task)
        again.wait_event("repartitioned", 60, topic=names.task)

    whole_while(Bank(source, database, 10), target, database, more_partitions)
    assert {r.partition for r in read_topic(kafka.address, names.task)} == set(range(6))
    applier.stop()
    late = sluice.task({"name": f"{names.task}-late", "source": None, "phases": None, "objects": None, "from": {
        "topics": [names.task, f"{names.task}.b", f"{names.task}.log"], "start": "latest"},
        "target": {"atomic": "transaction"},
        "topics": {"transactions": f"{names.task}.tx", "ddl": f"{names.task}.ddl"}}, file="late.yaml")
    refused = sluice.run("apply", late, status=None)
    assert refused.returncode != 0 and "transaction_start" in refused.stderr


def test_whole_transactions_in_avro(source, target, kafka, registry, sluice, names):
    """Over kills of both ends. What is too large goes to its own topic, as a part of its transaction,
    and is not applied; all else of the transaction is."""
    database = names.database
    create_bank(source, database)
    source.execute(f"CREATE TABLE {database}.papers (id INT AUTO_INCREMENT PRIMARY KEY, t TEXT)",
                   f"INSERT INTO {database}.papers VALUES (0, 'small')")
    task = bank_task(sluice, database, message={
        "format": "avro", "registry": {"url": registry.url}, "oversize": "side-topic", "max_bytes": 8192})
    running = {"capture": sluice.capture(task), "apply": sluice.apply(task)}
    for table in ("a", "b", "papers"):
        same(source, target, f"{database}.{table}", deadline_s=60)

    def kills():
        for name in ("apply", "capture"):
            running[name].kill()
            running[name] = sluice.start(name, task)
            running[name].wait_event("ready", 60)

    bank = Bank(source, database, 12, papers=10_000)
    whole_while(bank, target, database, kills)
    (large,), = source.query(f"SELECT COUNT(*) FROM {database}.papers WHERE t <> 'small'")
    assert target.query(f"SELECT t FROM {database}.papers") == (("small",),)
    assert len(read_topic(kafka.address, f"{names.task}.oversize")) == large > 40
    assert all(r.value[0] == 0 for topic in (names.task, f"{names.task}.b", f"{names.task}.log")
               for r in read_topic(kafka.address, topic))
    wait_until(lambda: running["apply"].events("oversize_left_out"), 60, "a line of what is left out")
    for process in running.values():
        process.stop()
