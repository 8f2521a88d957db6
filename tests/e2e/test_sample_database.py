"""A database as users have it goes through schema, full and incremental. SLUICE_SAMPLE_SQL names
files of another: `database:schema.sql:data.sql`, as a user would feed them to the mysql program."""

import os
import subprocess

import pytest

from lib.rental import TABLES, Rental, create
from lib.servers import MySQL
from lib.wait import wait_until

OBJECTS = ["tables", "views", "routines", "triggers", "events"]
VIEWS = ["staff_list", "film_count", "a_view_of_views"]


@pytest.fixture(params=["mariadb", "mysql"])
def destination(request, source, target, stack_directory):
    if request.param == "mariadb":
        target.execute("SET GLOBAL log_bin_trust_function_creators = 1")
        yield target
        target.execute("SET GLOBAL log_bin_trust_function_creators = 0")
        return
    if source.kind != "mysql":
        pytest.skip("no MySQL here")
    with MySQL(stack_directory / "sample-target", "--log-bin-trust-function-creators=1") as server:
        yield server


def rows(server, table):
    """The rows in an order of their own: collations differ between servers."""
    return sorted(map(repr, server.query(f"SELECT * FROM {table}")))


def differing(source, destination, tables):
    try:
        return [t for t in tables if rows(source, t) != rows(destination, t)]
    except Exception as error:  # not there yet
        return [str(error)]


def wait_equal(source, destination, tables):
    last = []

    def equal():
        last[:] = differing(source, destination, tables)
        return not last

    try:
        wait_until(equal, 60, interval_s=0.2)
    except AssertionError:
        raise AssertionError(f"not equal after 60 s: {last}") from None


def listed(server, database, what, columns, schema):
    return sorted(server.query(
        f"SELECT {columns} FROM information_schema.{what} WHERE {schema} LIKE '{database}%'"))


def definitions(server, database):
    """What both servers describe in the same words."""
    return {
        "columns": listed(server, database, "COLUMNS", "TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME,"
                          " ORDINAL_POSITION, IS_NULLABLE, REPLACE(DATA_TYPE, 'json', 'longtext'),"
                          " COLUMN_KEY, COLUMN_COMMENT", "TABLE_SCHEMA"),
        "indexes": listed(server, database, "STATISTICS", "TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX,"
                          " COLUMN_NAME, NON_UNIQUE, SUB_PART, INDEX_TYPE", "TABLE_SCHEMA"),
        "foreign keys": listed(server, database, "REFERENTIAL_CONSTRAINTS", "TABLE_NAME,"
                               " CONSTRAINT_NAME, REFERENCED_TABLE_NAME,"
                               " REPLACE(DELETE_RULE, 'NO ACTION', 'RESTRICT')",
                               "CONSTRAINT_SCHEMA"),
        "partitions": listed(server, database, "PARTITIONS", "TABLE_NAME, PARTITION_NAME,"
                             " PARTITION_METHOD", "PARTITION_NAME IS NOT NULL AND TABLE_SCHEMA"),
        "views": listed(server, database, "VIEWS", "TABLE_NAME", "TABLE_SCHEMA"),
        "routines": listed(server, database, "ROUTINES", "ROUTINE_NAME, ROUTINE_TYPE",
                           "ROUTINE_SCHEMA"),
        "triggers": listed(server, database, "TRIGGERS", "TRIGGER_NAME, EVENT_OBJECT_TABLE,"
                           " ACTION_TIMING, EVENT_MANIPULATION, ACTION_ORDER", "TRIGGER_SCHEMA"),
        "events": listed(server, database, "EVENTS", "EVENT_NAME, INTERVAL_VALUE", "EVENT_SCHEMA"),
    }


def test_rental(source, destination, sluice, names):
    db = names.database
    create(source, db)
    source.execute(f"GRANT TRIGGER, EVENT ON `{db}`.* TO sluice_source@'%'")  # docs/accounts.md
    work = Rental(source, db, seed=7)
    work.fill()
    task = sluice.task(
        phases=["schema", "full", "incremental"], schema={"objects": OBJECTS},
        full={"chunk_rows": 50}, target={"hosts": [destination.address]},
        objects={"include": [f"{db}.*", f"{db}_order.*"]})
    sluice.capture(task)
    for _ in range(100):
        work.work()
    sluice.apply(task)
    for _ in range(100):
        work.work()
    tables = [f"{db}.{t}" for t in TABLES + VIEWS] + [f"`{db}_order`.`by`"]
    wait_equal(source, destination, tables)
    there, here = definitions(source, db), definitions(destination, db)
    assert all(there.values()), "nothing to compare"
    for what, listing in there.items():
        assert listing == here[what], what
    events = destination.query(
        f"SELECT STATUS FROM information_schema.EVENTS WHERE EVENT_SCHEMA = '{db}'")
    assert events == (("DISABLED",),)
    # the target's own users get what the routines and triggers do
    before = destination.value(f"SELECT SUM(payments) FROM {db}.turnover")
    rental = destination.value(f"SELECT MAX(rental_id) FROM {db}.rental")
    destination.execute(f"USE {db}", f"CALL pay({rental}, {db}.late_fee(2), '2025-06-01')")
    assert destination.value(f"SELECT SUM(payments) FROM {db}.turnover") == before + 1
    work.close()


def feed(server, *files):
    for file in files:
        with open(file, "rb") as text:
            subprocess.run(["mariadb", "-h127.0.0.1", f"-P{server.port}", "-uroot"], stdin=text,
                           check=True, timeout=120)


def without(views, listing):
    """A view's columns have the types that a server gives to its expressions."""
    return [row for row in listing if not set(row) & set(views)]


@pytest.mark.skipif("SLUICE_SAMPLE_SQL" not in os.environ, reason="SLUICE_SAMPLE_SQL names no files")
def test_files_of_your_own(source, destination, sluice, names):
    """Copied, then emptied and filled again while its changes are carried."""
    db, schema, *data = os.environ["SLUICE_SAMPLE_SQL"].split(":")
    feed(source, schema, *data)
    source.execute(f"GRANT TRIGGER, EVENT ON `{db}`.* TO sluice_source@'%'")
    task = sluice.task(
        phases=["schema", "full", "incremental"], schema={"objects": OBJECTS},
        target={"hosts": [destination.address]}, objects={"include": [f"{db}.*"]})
    sluice.capture(task)
    sluice.apply(task)
    base, views = ([name for (name,) in source.query(
        f"SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = '{db}'"
        f" AND TABLE_TYPE = '{kind}'")] for kind in ("BASE TABLE", "VIEW"))
    tables = [f"{db}.{name}" for name in base]
    wait_equal(source, destination, tables)
    there, here = definitions(source, db), definitions(destination, db)
    for what, listing in there.items():
        assert without(views, listing) == without(views, here[what]), what
    for view in views:  # what they give may depend on an order that is nobody's
        count = f"SELECT COUNT(*) FROM {db}.{view}"
        assert source.value(count) == destination.value(count), view
    again = [statement.format(table=table, kept=f"`{names.database}`.`{table}`",
                              name=f"`{db}`.`{table}`") for statement in (
        "CREATE TABLE {kept} AS SELECT * FROM {name}", "DELETE FROM {name}",
        "REPLACE INTO {name} SELECT * FROM {kept}") for table in base]
    source.execute(f"CREATE DATABASE {names.database}", "SET FOREIGN_KEY_CHECKS = 0", *again)
    wait_equal(source, destination, tables)
    counts = {name: destination.value(f"SELECT COUNT(*) FROM {db}.{name}") for name in base}
    assert all(counts.values()), counts
    print(counts)
    source.execute(f"DROP DATABASE {db}")
    destination.execute(f"DROP DATABASE IF EXISTS {db}")
