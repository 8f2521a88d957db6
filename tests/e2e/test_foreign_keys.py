"""Foreign keys at both ends: cascades that the source logs, and those that it does not."""

import random
import threading
import time

import pytest

from lib.servers import MariaDB
from lib.wait import wait_until

PARENT = "CREATE TABLE {db}.parent (id INT PRIMARY KEY, note VARCHAR(20), boss INT," \
         " FOREIGN KEY (boss) REFERENCES {db}.parent (id) ON DELETE SET NULL)"
CHILD = "CREATE TABLE {db}.child (id INT PRIMARY KEY, parent INT, FOREIGN KEY (parent)" \
        " REFERENCES {db}.parent (id) ON DELETE CASCADE ON UPDATE CASCADE)"


@pytest.fixture(params=["mysql", "mariadb"])
def origin(request, source, stack_directory):
    """MySQL 9 logs what a cascade does row by row, MariaDB does not."""
    if request.param == "mysql":
        if source.kind != "mysql":
            pytest.skip("no MySQL here")
        yield source
    else:
        with MariaDB(stack_directory / "foreign-keys") as server:
            yield server


def equal_at(source, target, database, *tables):
    last = []

    def check():
        last.clear()
        for table in tables:
            query = f"SELECT * FROM {database}.{table} ORDER BY id"
            there, here = set(source.query(query)), set(target.query(query))
            if there != here:
                last.append((table, "missing", sorted(there - here, key=str)[:5], "too many",
                             sorted(here - there, key=str)[:5]))
        return not last

    try:
        wait_until(check, 30, interval_s=0.05)
    except AssertionError:
        raise AssertionError(f"not equal at both ends: {last}") from None


@pytest.mark.parametrize("careful", [False, True])
def test_cascades(origin, target, sluice, names, careful):
    db = names.database
    tables = [PARENT.format(db=db), CHILD.format(db=db)]
    origin.execute(f"CREATE DATABASE {db}", *tables)
    target.execute(f"CREATE DATABASE {db}", *tables)
    task = sluice.task(phases=["incremental"], source={"hosts": [origin.address]},
                       target={"conflict": "overwrite" if careful else "report"})
    sluice.capture(task)
    sluice.apply(task)
    if careful:  # a conflict lets the applier go row by row from there on
        target.execute(f"INSERT INTO {db}.parent VALUES (9, 'here', NULL)")
        origin.execute(f"INSERT INTO {db}.parent VALUES (9, 'there', NULL)")
    origin.execute(
        f"INSERT INTO {db}.parent VALUES (1, 'a', NULL), (2, 'b', 1), (3, 'c', 2)",
        f"INSERT INTO {db}.child VALUES (1, 1), (2, 2), (3, 3), (4, 3)",
        f"DELETE FROM {db}.parent WHERE id = 1",
        f"UPDATE {db}.parent SET id = 30, boss = NULL WHERE id = 3",
        f"INSERT INTO {db}.child VALUES (5, 30)",
        "SET foreign_key_checks = 0",
        f"INSERT INTO {db}.child VALUES (6, 100)",
        "SET foreign_key_checks = 1",
        f"INSERT INTO {db}.child VALUES (7, 2)",
    )
    target.wait_for(f"SELECT parent FROM {db}.child WHERE id = 7", ((2,),))
    equal_at(origin, target, db, "parent", "child")
    assert target.query(f"SELECT id, parent FROM {db}.child ORDER BY id") == (
        (2, 2), (3, 30), (4, 30), (5, 30), (6, 100), (7, 2))


class Family:
    """Parents that go and change their keys, and take their children with them."""

    def __init__(self, server, database):
        self.server, self.database = server, database
        self.random = random.Random(11)
        self.stop = threading.Event()
        self.error = None

    def create(self):
        db = self.database
        self.server.execute(
            f"CREATE DATABASE {db}", PARENT.format(db=db), CHILD.format(db=db),
            f"CREATE TABLE {db}.grandchild (id INT PRIMARY KEY, child INT, FOREIGN KEY (child)"
            f" REFERENCES {db}.child (id) ON DELETE CASCADE)",
            *(f"INSERT INTO {db}.{table} VALUES " + ", ".join(
                row.format(i=i, up=1 + i % 300) for i in range(1, n))
              for table, n, row in (("parent", 301, "({i}, 'x', NULL)"),
                                    ("child", 3001, "({i}, {up})"),
                                    ("grandchild", 3001, "({i}, {i})"))),
        )

    def work(self):
        try:
            with self.server.connect(database=self.database) as connection:
                with connection.cursor() as cursor:
                    while not self.stop.is_set():
                        self.step(cursor)
        except Exception as error:  # told by the test
            self.error = error

    def step(self, cursor):
        parent = self.random.randint(1, 300)
        cursor.execute(f"DELETE FROM parent WHERE id = {parent}")
        cursor.execute(f"INSERT INTO parent VALUES ({parent}, 'y', NULL)")
        cursor.execute(f"UPDATE IGNORE parent SET id = id + 1000 WHERE id = {self.random.randint(1, 300)}")
        time.sleep(0.005)  # the copy shall come on as well


def test_cascades_while_copied(origin, target, sluice, names):
    db = names.database
    family = Family(origin, db)
    family.create()
    writer = threading.Thread(target=family.work, daemon=True)
    writer.start()
    task = sluice.task(phases=["schema", "full", "incremental"], source={"hosts": [origin.address]},
                       full={"chunk_rows": 200, "threads": 3, "rows_per_second": 4000})
    try:
        sluice.apply(task)
        capture = sluice.capture(task)
        capture.wait_event("full_copy_done", 60)
    finally:
        family.stop.set()
        writer.join(30)
    assert family.error is None
    equal_at(origin, target, db, "parent", "child", "grandchild")
    assert origin.value(f"SELECT COUNT(*) FROM {db}.child") < 2900, "no cascade happened"
