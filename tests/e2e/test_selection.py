"""objects: operations, columns and conditions, compared with what a SELECT with the same condition
gives at the source."""

import random
import threading

import pytest

from lib.wait import wait_until

ALL_PHASES = ["schema", "full", "incremental"]
DEFINITION = """
    id INT NOT NULL PRIMARY KEY, n INT, big BIGINT UNSIGNED, amount DECIMAL(12,2), r DOUBLE,
    name VARCHAR(30) COLLATE utf8mb4_bin, state ENUM('new','paid','sent'), tags SET('x','y','z'),
    d DATE, at DATETIME(3), ts TIMESTAMP(3) NULL, t TIME(1), raw VARBINARY(10), bits BIT(9),
    note TEXT, secret VARCHAR(20) NOT NULL DEFAULT '?'
"""
TAKEN = ["id", "n", "big", "amount", "r", "name", "state", "tags", "d", "at", "ts", "t", "HEX(raw)",
         "bits + 0"]
CONDITIONS = [  # the same text for us and for the source's SELECT
    "amount >= 10.50 AND state <> 'paid'",
    "n IN (1, 2, 3) OR n IS NULL",
    "NOT (n BETWEEN 2 AND 5) AND name LIKE 'a%'",
    "big > 9223372036854775807 OR 100 >= big",
    "at >= '2024-02-29 12:00:00.5' AND at < '2025-01-01'",
    "d IS NOT NULL AND d NOT IN ('2024-01-05', '2024-01-06') AND d < '2024-01-20'",
    "state = 'new' OR tags = 'x,y' OR tags IN ('z', '')",
    "raw = X'00FF' OR raw LIKE '_b%' OR bits > B'100'",
    "r < 0.5 AND NOT (r = 0.25 OR r IS NULL)",
    "ts > '2024-01-10 06:00:00' AND t <= '-00:30:00'",
    "name NOT LIKE '%b_' AND `name` <> 'ä' AND (n > 2 OR n < 2.5)",
]


def literals(dice):
    """Values from small sets, so that conditions are met about half of the time."""
    def maybe(text):
        return "NULL" if dice.random() < 0.1 else text

    return {
        "n": maybe(str(dice.randint(0, 7))),
        "big": maybe(str(dice.choice([5, 100, 101, 2**63 - 1, 2**63, 2**64 - 1]))),
        "amount": maybe(dice.choice(["10.49", "10.50", "10.51", "-3", "9999999999.99"])),
        "r": maybe(dice.choice(["0.25", "0.5", "-1e10", "0.1"])),
        "name": maybe(dice.choice(["'a'", "'abc'", "'Abc'", "'ä'", "'abb'", "'äbc'", "''"])),
        "state": maybe(dice.choice(["'new'", "'paid'", "'sent'"])),
        "tags": maybe(dice.choice(["'x'", "'x,y'", "''", "'x,z'", "'z'"])),
        "d": maybe(f"'2024-01-{dice.randint(1, 31):02}'"),
        "at": maybe(dice.choice(["'2024-02-29 12:00:00.499'", "'2024-02-29 12:00:00.5'",
                                 "'2024-12-31 23:59:59.999'", "'2025-01-01'"])),
        "ts": maybe(f"'2024-01-10 0{dice.randint(5, 7)}:00:00.001'"),
        "t": maybe(dice.choice(["'-00:30:00'", "'-00:29:59.9'", "'-100:00:00'", "'12:00'"])),
        "raw": maybe(dice.choice(["X'00FF'", "'ab'", "'abb'", "'bb'", "''"])),
        "bits": maybe(str(dice.randint(2, 7))),
        "note": maybe("REPEAT('n', 9)"),
        "secret": f"'{dice.randint(0, 9)}'",
    }


def change(dice, table, ids):
    """One random statement that changes a row."""
    what = dice.random()
    if what < 0.4 or not ids:
        ids.append(len(ids) + 1 if not ids else max(ids) + 1)
        row = literals(dice)
        return f"INSERT INTO {table} (id, {', '.join(row)}) VALUES ({ids[-1]}, {', '.join(row.values())})"
    id_ = dice.choice(ids)
    if what < 0.9:
        row = literals(dice)
        some = dice.sample(sorted(row), dice.randint(1, 4))
        if what < 0.5:
            some = ["note", "secret"]
        if what > 0.85:  # another key
            ids.remove(id_)
            ids.append(max([id_, *ids]) + 1)
            return f"UPDATE {table} SET id = {ids[-1]}, n = {row['n']} WHERE id = {id_}"
        return f"UPDATE {table} SET {', '.join(f'{c} = {row[c]}' for c in some)} WHERE id = {id_}"
    ids.remove(id_)
    return f"DELETE FROM {table} WHERE id = {id_}"


class Walk:
    """Random changes of all tables, in transactions over several of them."""

    def __init__(self, server, tables, seed):
        self.server, self.dice = server, random.Random(seed)
        self.ids = {table: [] for table in tables}

    def go(self, transactions):
        with self.server.connect(autocommit=False) as connection, connection.cursor() as cursor:
            cursor.execute("SET time_zone = '+00:00', sql_mode = ''")
            for _ in range(transactions):
                for _ in range(self.dice.randint(1, 12)):
                    table = self.dice.choice(sorted(self.ids))
                    cursor.execute(change(self.dice, table, self.ids[table]))
                connection.commit()


def rows(server, table, condition="TRUE", columns=TAKEN):
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SET time_zone = '+00:00'")
        cursor.execute(f"SELECT {', '.join(columns)} FROM {table} WHERE {condition} ORDER BY id")
        return cursor.fetchall()


def wait_equal(source, target, conditions):
    for table, condition in conditions.items():
        wait_until(lambda: rows(target, table) == rows(source, table, condition), 40,
                   f"{table} WHERE {condition}", interval_s=0.1)


@pytest.mark.parametrize("policy", ["single", "pk"])
def test_target_holds_what_a_select_gives(source, target, sluice, names, policy):
    conditions = {f"{names.database}.t{i}": c for i, c in enumerate(CONDITIONS)}
    source.execute(f"CREATE DATABASE {names.database} CHARACTER SET utf8mb4",
                   *(f"CREATE TABLE {table} ({DEFINITION})" for table in conditions))
    walk = Walk(source, conditions, seed=len(policy))
    walk.go(40)
    task = sluice.task(
        phases=ALL_PHASES,
        objects=(objects := {"include": [f"{names.database}.*"], "tables": [
            {"match": table, "where": condition, "columns": {"exclude": ["note", "SECRET"]}}
            for table, condition in conditions.items()]}),
        topics={"policy": policy, "partitions": 1 if policy == "single" else 3},
    )
    capture = sluice.capture(task)
    sluice.apply(task)
    walk.go(40)
    capture.kill()
    walk.go(40)
    capture = sluice.capture(task)
    walk.go(40)
    wait_equal(source, target, conditions)
    for table, condition in conditions.items():
        some, all_ = len(rows(source, table, condition)), len(rows(source, table))
        assert 0 < some < all_, f"{table} WHERE {condition} tells nothing: {some} of {all_}"
        assert target.value(f"SELECT COUNT(*) FROM {table} WHERE note IS NOT NULL OR secret <> '?'") == 0
    changed_definitions(source, target, names, walk, conditions)


ALTERS = [  # of columns that are left out (note, secret), and of others
    "ADD COLUMN first INT DEFAULT 5 FIRST",
    "MODIFY note MEDIUMTEXT AFTER n",
    "DROP COLUMN note, ADD COLUMN note VARCHAR(99) FIRST",
    "MODIFY n BIGINT, MODIFY secret VARCHAR(30) NOT NULL DEFAULT '??' AFTER id",
    "CHANGE r r DOUBLE NULL DEFAULT 0.25, ADD INDEX (note), ADD INDEX (n)",
    "RENAME COLUMN first TO second, MODIFY name VARCHAR(40) COLLATE utf8mb4_bin FIRST",
    "ALTER COLUMN secret SET DEFAULT '!', ADD COLUMN more INT NOT NULL DEFAULT 7",
]


def changed_definitions(source, target, names, walk, conditions):
    """Columns that come, go and move, among those left out and others, while rows flow; and a table
    that comes later."""
    late, left_out = f"{names.database}.late", "note IS NOT NULL OR secret NOT IN ('?', '??', '!')"
    tables = list(conditions)[:3]
    walking = threading.Thread(target=walk.go, args=(120,))
    walking.start()
    for alter in ALTERS:
        source.execute(*(f"ALTER TABLE {table} {alter}" for table in tables))
    source.execute(f"CREATE TABLE {late} (id INT PRIMARY KEY, note TEXT)",
                   f"INSERT INTO {late} VALUES (1, 'all of it is taken')",
                   *(f"UPDATE {table} SET note = 'x'" for table in tables),
                   *(f"UPDATE {table} SET second = id, more = id WHERE n = 3" for table in tables))
    walking.join()
    wait_equal(source, target, conditions)
    for table in tables:
        added = ["id", "second", "more"]
        assert rows(target, table, columns=added) == rows(source, table, conditions[table], added)
        assert target.value(f"SELECT COUNT(*) FROM {table} WHERE {left_out}") == 0
        order = ("SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE"
                 f" CONCAT(TABLE_SCHEMA, '.', TABLE_NAME) = '{table}' ORDER BY ORDINAL_POSITION")
        assert target.query(order) == source.query(order)
    target.wait_for(f"SELECT * FROM {late}", ((1, "all of it is taken"),))


def told(record):
    body = record.json
    data = body["data"][0] if body["data"] else None
    return body["type"], data["id"] if data else body["table"]


def test_messages(source, sluice, names, reader):
    """What each change becomes, and the mark of a transaction's last record."""
    table = f"{names.database}.t"
    source.execute(f"CREATE DATABASE {names.database}",
                   f"CREATE TABLE {table} (id INT PRIMARY KEY, v INT, note TEXT)",
                   f"INSERT INTO {table} VALUES (1, 10, 'x'), (2, 5, 'y'), (3, 20, 'z')")
    task = sluice.task(target=None, objects={"include": [f"{names.database}.*"], "tables": [
        {"match": f"{names.database}.*", "where": "v >= 10", "columns": {"exclude": ["note"]}}]})
    sluice.capture(task)
    reader.wait(2)

    def transaction(*statements):
        with source.connect(autocommit=False) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            connection.commit()

    transaction(f"UPDATE {table} SET v = 11 WHERE id = 1", f"UPDATE {table} SET v = 12 WHERE id = 2",
                f"UPDATE {table} SET v = 0 WHERE id = 3", f"UPDATE {table} SET note = '' WHERE id = 1",
                f"INSERT INTO {table} VALUES (4, 0, '')", f"UPDATE {table} SET v = 1 WHERE id = 4",
                f"DELETE FROM {table} WHERE id = 4", f"DELETE FROM {table} WHERE id = 3")
    transaction(f"INSERT INTO {table} VALUES (5, 0, '')", f"DELETE FROM {table} WHERE id = 5")
    transaction(f"UPDATE {table} SET id = 6, note = 'new' WHERE id = 2",
                f"UPDATE {table} SET v = NULL, id = 7 WHERE id = 1")
    records = reader.wait(7)
    assert [told(r) for r in records] == [
        ("INSERT", "1"), ("INSERT", "3"), ("UPDATE", "1"), ("INSERT", "2"), ("DELETE", "3"),
        ("UPDATE", "6"), ("DELETE", "1")]
    assert [r.header.get("last") for r in records[2:]] == [None, None, "1", None, "1"]
    assert [r.header["seq"] for r in records[2:]] == ["1", "2", "3", "1", "2"]
    for body in (r.json for r in records):
        for field in ("data", "old", "sqlType", "mysqlType"):
            assert "note" not in str(body[field])
        assert body["pkNames"] == ["id"]
    assert records[5].json["old"] == [{"id": "2"}]


def test_operations(source, sluice, names, kafka, reader):
    table = f"{names.database}.t"
    source.execute(f"CREATE DATABASE {names.database}",
                   f"CREATE TABLE {table} (id INT PRIMARY KEY, v INT)")
    task = sluice.task(target=None, phases=["incremental"],
                       objects={"include": [f"{names.database}.*"], "operations": ["update", "insert"]})
    capture = sluice.capture(task)
    source.execute(f"INSERT INTO {table} VALUES (1, 1)", f"DELETE FROM {table}",
                   f"ALTER TABLE {table} ADD COLUMN w INT", f"INSERT INTO {table} VALUES (2, 2, 2)",
                   f"UPDATE {table} SET v = 3")
    assert [told(r) for r in reader.wait(3)] == [("INSERT", "1"), ("INSERT", "2"), ("UPDATE", "2")]
    capture.stop()
    ddl = type(reader)(kafka.address, f"{names.task}.ddl")
    assert ddl.read() == []


def test_many_tables(source, sluice, names, reader):
    """Created later, each with an entry of its own. (Definitions in thousands: tests/unit/test_publisher.c)"""
    task = sluice.task(target=None, phases=["incremental"],
                       objects={"include": [f"{names.database}.*"], "operations": ["insert"], "tables": [
                           {"match": f"{names.database}.t{i}", "where": f"id > {i}",
                            "columns": {"include": ["id"]}} for i in range(1000)]})
    sluice.capture(task)
    with source.connect(autocommit=False) as connection, connection.cursor() as cursor:
        cursor.execute("SET sql_log_bin = 0")
        cursor.execute(f"CREATE DATABASE {names.database}")
        for i in range(0, 1000, 10):
            cursor.execute(f"CREATE TABLE {names.database}.t{i} (id INT PRIMARY KEY, v INT)")
        cursor.execute("SET sql_log_bin = 1")
        for i in range(0, 1000, 10):
            cursor.execute(f"INSERT INTO {names.database}.t{i} VALUES ({i}, 0), ({i + 1}, 0)")
        connection.commit()
    records = reader.wait(100)
    assert [(r.json["table"], r.json["data"]) for r in records] == \
        [(f"t{i}", [{"id": str(i + 1)}]) for i in range(0, 1000, 10)]
    assert [r.header.get("last") for r in records] == [None] * 99 + ["1"]


def test_a_thousand_tables(source, target, sluice, names):
    """All of them through the phases schema, full and incremental."""
    tables = [f"{names.database}.t{i}" for i in range(1000)]

    def at_source(statements):
        with source.connect(autocommit=False) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            connection.commit()

    def contents(server):
        return server.query(" UNION ALL ".join(
            f"SELECT {i}, COUNT(*), SUM(id * v) FROM {table}" for i, table in enumerate(tables)))

    at_source([f"CREATE DATABASE {names.database}",
               *(f"CREATE TABLE {t} (id INT PRIMARY KEY, v INT)" for t in tables)])
    at_source(f"INSERT INTO {t} VALUES (1, {i}), (2, 5)" for i, t in enumerate(tables))
    task = sluice.task(phases=ALL_PHASES)
    capture, applier = sluice.capture(task), sluice.apply(task)
    capture.wait_event("full_copy_done", 60)
    at_source(f"UPDATE {t} SET v = v + {i} WHERE id = 1" for i, t in enumerate(tables))
    at_source(f"DELETE FROM {t} WHERE id = 2" for t in tables[::3])
    source.execute(f"CREATE TABLE {names.database}.end_mark (id INT PRIMARY KEY)")
    target.wait_for(f"SELECT * FROM {names.database}.end_mark", (), 60)
    assert contents(target) == contents(source)
    capture.stop()
    applier.stop()
    for server in (source, target):
        server.execute(f"DROP DATABASE {names.database}")


@pytest.mark.parametrize(
    "entry, code, words",
    [
        ({"where": "amuont > 5"}, "where", ["character 1", "amuont", "amount"]),
        ({"where": "id = 1 OR amount > 'much'"}, "where", ["character 20", "decimal(8,2)"]),
        ({"columns": {"exclude": ["id"]}}, "columns", ["id", "primary key"]),
        ({"columns": {"include": ["id", "amuont"]}}, "columns", ["amuont"]),
    ],
)
def test_entry_does_not_fit_the_table(source, sluice, names, entry, code, words):
    table = f"{names.database}.t"
    source.execute(f"CREATE DATABASE {names.database}",
                   f"CREATE TABLE {table} (id INT PRIMARY KEY, amount DECIMAL(8,2))",
                   f"INSERT INTO {table} VALUES (1, 1)")
    task = sluice.task(target=None, objects={
        "include": [f"{names.database}.*"], "tables": [{"match": table, **entry}]})
    capture = sluice.start("capture", task)
    assert capture.wait() == 1
    failed = capture.events("failed")[-1]
    assert failed["code"] == code
    for word in ["objects.tables[0]", table, *words]:
        assert word in failed["error"]


def test_check(sluice):
    task = sluice.task(objects={"include": ["shop.*"], "operations": ["insert"], "tables": [
        {"match": "shop.orders", "where": "amount > 5", "columns": {"exclude": ["note"]}}]})
    said = sluice.run("check", task).stdout
    assert "shop.orders: the rows where amount > 5; all columns but note" in said
    assert "operations: insert\n" in said and "publishes nothing" not in said
    task = sluice.task(phases=ALL_PHASES, objects={"operations": ["update"]})
    said = sluice.run("check", task).stdout
    assert "phase full publishes nothing" in said and "phase schema publishes nothing" in said
    task = sluice.task(objects={"tables": [{"match": "shop.orders", "where": "amount > > 5"}]})
    for command in ("check", "capture"):
        wrong = sluice.run(command, task, status=2).stderr
        assert "shop.orders: where, character 10: a number or 'text' is expected here, not >" in wrong
