"""The full copy from end to end: beside a writer, killed and gone on, its limits and its progress.
The interleavings themselves are tested by component_mysql_copy (test_components.py)."""

import json
import re
import signal

import pytest

from lib.kafka_reader import read_topic
from lib.load import Load, check_exactly_once, contents
from lib.wait import wait_until

ALL_PHASES = ["schema", "full", "incremental"]
DIGITS = " UNION ALL ".join(f"SELECT {d}{' d' if d == 0 else ''}" for d in range(10))


def fill(server, name, columns, rows):
    """rows is a power of ten; columns is an expression of n, from 0 on."""
    tables = [f"({DIGITS}) t{i}" for i in range(len(str(rows)) - 1)]
    n = " + ".join(f"t{i}.d * {10 ** i}" for i in range(len(tables)))
    server.execute(f"INSERT INTO {name} SELECT {columns} FROM (SELECT {n} n FROM {', '.join(tables)}) s")


def same(source, target, name):
    check = f"SELECT COUNT(*), SUM(CRC32(CONCAT_WS('#', id, v))) FROM {name}"
    target.wait_for(check, source.query(check))


def copied(records, table):
    return [r for r in records if r.json["table"] == table and r.header["txn"].startswith("full:")]


def test_beside_a_writer(source, target, sluice, names):
    load = Load(source, names.database, 7, pause_s=0.002)
    load.create_tables()
    fill(source, f"{names.database}.orders", "NULL, CONCAT('c', n % 50), n, 'old', NOW()", 10000)
    task = sluice.task(phases=ALL_PHASES, full={"threads": 3, "chunk_rows": 200})
    load.start()
    capture, applier = sluice.capture(task), sluice.apply(task)
    capture.wait_event("full_copy_done")
    load.stop()
    expected = contents(source, names.database)
    wait_until(lambda: contents(target, names.database) == expected, 60, "equal tables",
               interval_s=0.2)
    capture.stop()
    applier.stop()
    check_exactly_once(read_topic(sluice.defaults["kafka"]["bootstrap.servers"], names.topic))


def test_goes_on_where_it_was_killed(source, target, sluice, names, reader):
    table = f"{names.database}.t"
    source.execute(f"CREATE DATABASE {names.database}",
                   f"CREATE TABLE {table} (id INT PRIMARY KEY, v VARCHAR(40))",
                   f"CREATE TABLE {names.database}.u (id VARCHAR(9) PRIMARY KEY, v VARCHAR(9))")
    fill(source, table, "n - 5000, CONCAT('row ', n)", 10000)
    fill(source, f"{names.database}.u", "CONCAT(IF(n % 2, 'a', 'A'), n), n", 100)
    slow = {"threads": 2, "chunk_rows": 100, "rows_per_second": 1500}
    task = sluice.task(phases=ALL_PHASES, full=slow)
    for least in (1000, 2500):
        capture = sluice.capture(task)
        wait_until(lambda n=least: len(copied(reader.read(), "t")) >= n, 30, f"{least} rows")
        source.execute(f"UPDATE {table} SET v = CONCAT(v, '!') WHERE id % 100 = 0")
        capture.kill()
    task = sluice.task(phases=ALL_PHASES, full={**slow, "rows_per_second": 0})
    capture, applier = sluice.capture(task), sluice.apply(task)
    capture.wait_event("full_copy_done")
    same(source, target, table)
    records = reader.read()
    keys = [r.json["data"][0]["id"] for r in copied(records, "t")]
    assert len(keys) == len(set(keys)), "rows were copied twice: it began again"
    assert [int(k) for k in keys] == sorted(int(k) for k in keys)
    check_exactly_once(records)
    capture.stop()
    applier.stop()


def test_rows_updated_while_they_are_copied(source, target, sluice, names, reader):
    """With operations that leave updates out: no row may be missing because of one."""
    table = f"{names.database}.t"
    source.execute(f"CREATE DATABASE {names.database}",
                   f"CREATE TABLE {table} (id INT PRIMARY KEY, v VARCHAR(40))")
    fill(source, table, "n, 'old'", 1000)
    task = sluice.task(phases=ALL_PHASES, objects={
        "include": [f"{names.database}.*"], "operations": ["insert", "delete", "ddl"]},
        full={"threads": 2, "chunk_rows": 100, "rows_per_second": 300})
    capture, applier = sluice.capture(task), sluice.apply(task)
    updates = 0
    with source.connect() as connection, connection.cursor() as cursor:
        while not capture.events("full_copy_done"):
            cursor.execute(f"UPDATE {table} SET v = 'new{updates}' WHERE id % 5 = {updates % 5}")
            cursor.execute(f"UPDATE {table} SET id = id + 10000 WHERE id = {updates * 7 % 1000}")
            updates += 1
    assert updates >= 5, "hardly anything was updated beside the copy"

    def missing():  # what was moved behind the end of the table's copy has its old key
        there = {r[0] for r in target.query(f"SELECT id FROM {table}")}
        return [i for (i,) in source.query(f"SELECT id FROM {table}")
                if i not in there and i - 10000 not in there]

    wait_until(lambda: not missing(), 20, "every row at the target")
    assert any(r.json["type"] == "INSERT" and not r.header["txn"].startswith("full:")
               for r in reader.read() if r.json["table"] == "t")
    source.execute(f"UPDATE {table} SET v = 'strict'", f"INSERT INTO {table} VALUES (-1, 'end')")
    target.wait_for(f"SELECT v FROM {table} WHERE id = -1", (("end",),))
    assert target.value(f"SELECT COUNT(*) FROM {table} WHERE v = 'strict'") == 0
    capture.stop()
    applier.stop()


def test_progress(source, sluice, names, reader):
    table = f"{names.database}.t"
    source.execute(f"CREATE DATABASE {names.database}",
                   f"CREATE TABLE {table} (id INT PRIMARY KEY, v VARCHAR(40))",
                   f"CREATE TABLE {names.database}.empty (id INT PRIMARY KEY)")
    fill(source, table, "n, CONCAT('row ', n)", 10000)
    source.execute(f"ANALYZE TABLE {table}")

    def limited(rows):
        return sluice.task(phases=["full", "incremental"], target=None, full={"rows_per_second": rows})

    capture = sluice.capture(limited(20))
    wait_until(reader.read, 20, "rows")
    task = limited(2000)
    capture.signal(signal.SIGHUP)
    assert capture.wait_event("task_file_read")["changed"] == "full.rows_per_second"
    wait_until(lambda: len(reader.read()) >= 500, 20, "rows, faster than 20 in a second")

    def progress():
        done = sluice.run("status", task, "--json", status=None)
        return json.loads(done.stdout)["capture"]["copy"]

    shown = wait_until(lambda: (p := progress())["rows"] >= 1000 and p, 20, "progress")
    assert shown["tables"] == 2 and shown["rows_estimated"] >= 5000
    assert 5 < shown["percent"] < 100 and shown["seconds_left"] > 0 and shown["bytes"] > 5000
    text = sluice.run("status", task, status=None).stdout
    assert re.search(r"full copy \d+\.\d%: tables [01] of 2, rows \d+ of about \d+", text), text
    capture.wait_event("full_copy_done")
    reader.wait(10000)
    assert progress() | {"bytes": 0} == {
        "tables": 2, "tables_done": 2, "rows": 10000, "rows_estimated": 10000, "bytes": 0,
        "percent": 100.0, "seconds_left": 0}
    capture.stop()


@pytest.mark.parametrize("engine", ["InnoDB", "MyISAM"])
def test_tables_without_a_key(source, target, sluice, names, engine):
    """Written to until the copy begins: it looks for a moment without a change."""
    table = f"{names.database}.t"
    for server, engine_there in ((source, engine), (target, "InnoDB")):
        server.execute(f"CREATE DATABASE {names.database}",
                       f"CREATE TABLE {table} (id INT, v VARCHAR(40)) ENGINE={engine_there}")
    fill(source, table, "n, CONCAT('row ', n)", 10000)
    fill(source, table, "n, CONCAT('row ', n)", 100)
    task = sluice.task(phases=["full", "incremental"])
    capture = sluice.capture(task)
    for i in range(50):
        source.execute(f"INSERT INTO {table} VALUES ({i}, 'more')",
                       f"UPDATE {table} SET v = 'changed' WHERE id = {i + 100}")
    capture.wait_event("full_copy_done")
    source.execute(f"DELETE FROM {table} WHERE id = 7777")
    applier = sluice.apply(task)
    same(source, target, table)
    capture.stop()
    applier.stop()
