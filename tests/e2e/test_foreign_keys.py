"""Foreign keys at both ends: cascades that the source logs, and those that it does not."""

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
    def check():
        return all(
            source.query(f"SELECT * FROM {database}.{t} ORDER BY id")
            == target.query(f"SELECT * FROM {database}.{t} ORDER BY id")
            for t in tables
        )

    wait_until(check, 30, "rows equal at both ends", interval_s=0.05)


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
