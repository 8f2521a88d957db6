"""Definition changes among the rows: each row meets the table that it had at the source, whatever
is killed when; a change that was carried out is not carried out again."""

import random
import threading
import time

import pytest

from lib.wait import wait_until

SEED = 20261121


def columns(server, table):
    database, name = table.split(".")
    return [row[0] for row in server.query(
        "SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %s"
        " AND TABLE_NAME = %s ORDER BY ORDINAL_POSITION", (database, name))]


def look(server, table):
    """Names and rows; None while the table is not there."""
    names = columns(server, table)
    return (names, server.query(f"SELECT * FROM {table} ORDER BY id")) if names else None


def same(source, target, tables, deadline_s=60):
    for table in tables:
        expected = look(source, table)
        wait_until(lambda: look(target, table) == expected, deadline_s, f"{table} equal",
                   interval_s=0.1)


class Changes(threading.Thread):
    """Rows of each shape that its tables go through, and the ALTERs between them."""

    def __init__(self, server, tables, seed):
        super().__init__(daemon=True)
        self.server, self.tables, self.random = server, tables, random.Random(seed)
        self.ended = threading.Event()
        self.alters, self.error = 0, None

    def run(self):
        try:
            with self.server.connect(autocommit=False) as connection, connection.cursor() as cursor:
                while not self.ended.is_set():
                    self.step(connection, cursor, self.random.choice(self.tables))
        except Exception as error:  # handed to the test by stop()
            self.error = error
            self.ended.set()

    def step(self, connection, cursor, table):
        cursor.execute(f"SHOW COLUMNS FROM {table}")
        names = [row[0] for row in cursor.fetchall() if row[0] != "id"]
        extra = [name for name in names if name != "v"]
        kind = self.random.random()
        if kind < 0.15 and len(extra) < 6:
            where = self.random.choice(["", " FIRST", " AFTER id"])
            cursor.execute(f"ALTER TABLE {table} ADD COLUMN c{self.alters} INT{where}")
            self.alters += 1
        elif kind < 0.3 and extra:
            cursor.execute(f"ALTER TABLE {table} DROP COLUMN {self.random.choice(extra)}")
            self.alters += 1
        elif kind < 0.31:
            cursor.execute(f"TRUNCATE TABLE {table}")
        else:
            self.rows(cursor, table, names)
            connection.commit()

    def rows(self, cursor, table, names):
        number = self.random.randint(0, 10**6)
        for _ in range(self.random.choice([1, 1, 5, 40])):
            cursor.execute(f"INSERT INTO {table} ({', '.join(names)}) VALUES"
                           f" ({', '.join(str(number + i) for i in range(len(names)))})")
        name = self.random.choice(names)
        cursor.execute(f"UPDATE {table} SET {name} = {number} ORDER BY id DESC LIMIT 7")
        cursor.execute(f"DELETE FROM {table} ORDER BY id LIMIT 2")

    def stop(self):
        self.ended.set()
        self.join(30)
        if self.error is not None:
            raise self.error


def make(server, database, *names):
    server.execute(f"CREATE DATABASE {database}", *(
        f"CREATE TABLE {database}.{name} (id INT AUTO_INCREMENT PRIMARY KEY, v INT)"
        for name in names))
    return [f"{database}.{name}" for name in names]


@pytest.mark.timeout(200)
@pytest.mark.parametrize("topics", [{}, {"partitions": 3, "policy": "pk"}, {"ddl": ""}],
                         ids=["single", "pk", "in-data-topic"])
def test_random_alters_under_kills(source, target, sluice, names, topics):
    tables = make(source, names.database, "a", "b")
    task = sluice.task(phases=["schema", "full", "incremental"], topics=topics)
    changes = Changes(source, tables, SEED)
    rng = random.Random(SEED)
    running = {name: sluice.start(name, task) for name in ("capture", "apply")}
    running["capture"].wait_ready()
    changes.start()
    for _ in range(7):
        time.sleep(rng.random())
        name = rng.choice(["apply", "apply", "capture"])
        assert running[name].returncode is None, running[name].stderr[-2000:]
        running[name].kill()
        running[name] = sluice.start(name, task)
    wait_until(lambda: changes.alters > 20 or changes.ended.is_set(), 30, "twenty ALTERs")
    changes.stop()
    same(source, target, tables)
    assert target.query(f"SELECT * FROM sluice.ddl WHERE task = '{names.task}'") == ()
    for process in running.values():
        process.stop()


def test_done_but_not_committed(source, target, sluice, names):
    """The applier is killed between the statement and the commit of its offset."""
    table, = make(source, names.database, "t")
    source.execute(f"INSERT INTO {table} (v) VALUES (1), (2)")
    task = sluice.task(phases=["schema", "full", "incremental"])
    sluice.capture(task)
    applier = sluice.apply(task)
    same(source, target, [table])
    with target.connect() as lock, lock.cursor() as cursor:
        cursor.execute("LOCK TABLES sluice.applied WRITE")  # the offset cannot be written
        source.execute(f"ALTER TABLE {table} ADD COLUMN w INT DEFAULT 5",
                       f"INSERT INTO {table} (v, w) VALUES (3, 7)")
        wait_until(lambda: columns(target, table) == ["id", "v", "w"], 20, "the column is there")
        applier.kill()
        cursor.execute("UNLOCK TABLES")
    assert target.value(f"SELECT COUNT(*) FROM sluice.ddl WHERE task = '{names.task}'") == 1
    again = sluice.apply(task)
    same(source, target, [table])
    assert again.events("ddl_was_done")
    assert target.query(f"SELECT * FROM sluice.ddl WHERE task = '{names.task}'") == ()
    again.stop()


def test_killed_before_it_is_done(source, target, sluice, names):
    """The applier is killed while the statement waits for somebody at the target."""
    table, = make(source, names.database, "t")
    source.execute(f"INSERT INTO {table} (v) VALUES (1), (2)")
    task = sluice.task(phases=["schema", "full", "incremental"])
    sluice.capture(task)
    applier = sluice.apply(task)
    same(source, target, [table])
    with target.connect(autocommit=False) as reader, reader.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table}")  # an ALTER waits for the end of this
        source.execute(f"ALTER TABLE {table} ADD COLUMN w INT DEFAULT 5",
                       f"INSERT INTO {table} (v, w) VALUES (3, 7)")
        intents = f"SELECT COUNT(*) FROM sluice.ddl WHERE task = '{names.task}'"
        wait_until(lambda: target.value(intents) == 1, 20, "an intent")
        applier.kill()
        assert columns(target, table) == ["id", "v"]
    again = sluice.apply(task)
    same(source, target, [table])
    assert target.value(intents) == 0
    again.stop()


def test_refused_statement(source, target, sluice, names):
    """on_ddl_error: stop names everything that is needed; skip goes on and counts."""
    table, = make(source, names.database, "t")
    task = sluice.task(phases=["schema", "full", "incremental"])
    sluice.capture(task)
    applier = sluice.apply(task)
    same(source, target, [table])
    target.execute(f"ALTER TABLE {table} ADD COLUMN w INT")
    source.execute(f"ALTER TABLE {table} ADD COLUMN w INT", f"INSERT INTO {table} (v) VALUES (1)")
    assert applier.wait() == 1
    line = applier.lines[-1]
    for word in ("ADD COLUMN w INT", f"topic {names.topic}.ddl", "offset", "source position",
                 table, "target.on_ddl_error: skip"):
        assert word in line, f"no {word!r} in {line}"
    assert look(target, table) == (["id", "v", "w"], ())
    skipping = sluice.task(phases=["schema", "full", "incremental"],
                           target={"on_ddl_error": "skip"}, file="skip.yaml")
    again = sluice.apply(skipping)
    same(source, target, [table])
    assert again.events("ddl_skipped")
    again.stop()
