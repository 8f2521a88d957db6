"""Avro with a real schema registry: read by Confluent's own deserializer, and applied."""

import datetime
import decimal
import json
import os
import re
import struct
import threading
import time

import pymysql
import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

from lib.avro_c import read_by_avro_c, without_logical_types
from lib.kafka_reader import TopicReader, read_topic
from lib.precheck import Precheck
from lib.proxy import Proxy as TcpProxy
from lib.redis_compare import wait_equal
from lib.redis_load import Load
from lib.wait import wait_until
from test_types import change, equal_at_both, make, run_all, tables_for

DOWN_S = int(os.environ.get("SLUICE_REGISTRY_DOWN_S", "0"))  # 60: beyond the wait in place, too
FIELDS = ["id", "database", "table", "pkNames", "isDdl", "type", "es", "ts", "data", "old", "sql",
          "sqlType", "mysqlType", "gtid", "serverId"]


class Deserializer:
    """Confluent's; with the schema text of a reader, resolved to it."""

    def __init__(self, registry, reader_schema=None):
        self._client = SchemaRegistryClient({"url": registry.url})
        self._of = AvroDeserializer(self._client, reader_schema)

    def __call__(self, payload, topic="t", field=MessageField.VALUE):
        return self._of(payload, SerializationContext(topic, field))

    def key(self, record):
        return self(record.key, record.topic, MessageField.KEY)

    def value(self, record):
        return self(record.value, record.topic)


def avro_task(sluice, registry, layout="row", **changes):
    message = {"format": "avro", "avro": {"layout": layout}, "registry": {"url": registry.url}}
    message |= changes.pop("message", {})
    return sluice.task(message=message, **changes)


def schema_id(payload):
    magic, number = struct.unpack(">bI", payload[:5])
    assert magic == 0
    return number


# --- values as the source's own text ---


def clock_text(value, digits):
    fraction = f".{value.microsecond:06}"[: digits + 1] if digits else ""
    return fraction


def value_text(value, kind):
    """What the source would print; bytes in hexadecimal."""
    digits = int((re.search(r"\((\d)\)", kind) or ["", "0"])[1]) if kind[0] in "TD" else 0
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return str(int.from_bytes(value, "big")) if kind.startswith("BIT") else value.hex().upper()
    if isinstance(value, list):
        return ",".join(value)
    if isinstance(value, decimal.Decimal):
        return f"{value:f}"
    if isinstance(value, datetime.datetime):
        wall = value.replace(tzinfo=None)
        return (f"{wall.year:04}-{wall:%m-%d %H:%M:%S}" + clock_text(wall, digits))
    if isinstance(value, datetime.date):
        return f"{value.year:04}-{value:%m-%d}"
    if isinstance(value, datetime.time):
        return f"{value:%H:%M:%S}" + clock_text(value, digits)
    if kind == "YEAR":
        return f"{value:04}"
    return value if isinstance(value, float) else str(value)


def shown(name, kind):
    if kind in ("FLOAT", "DOUBLE"):
        return f"`{name}` * 1e0"
    if kind.startswith("BIT"):
        return f"CAST(`{name}` AS UNSIGNED)"
    if re.match(r"(VAR)?BINARY|.*BLOB|.*POINT|.*STRING|.*POLYGON|GEOM|VECTOR", kind):
        return f"HEX(CAST(`{name}` AS BINARY))"
    if re.match(r"JSON", kind):
        return f"CAST(`{name}` AS CHAR)"
    if re.match(r"(VAR)?CHAR|(TINY|MEDIUM|LONG)?TEXT|ENUM|SET|UUID|INET", kind):
        return f"CONVERT(`{name}` USING utf8mb4)"
    if "ZEROFILL" in kind:
        return f"`{name}` + 0"
    return f"`{name}`"


def source_rows(server, database, table):
    columns = ", ".join(["id"] + [shown(n, k) for n, k, _ in table.columns])
    with server.connect(conv={}) as connection, connection.cursor() as cursor:
        cursor.execute("SET time_zone = '+00:00'")
        cursor.execute(f"SELECT {columns} FROM {database}.{table.name}")
        return {int(row[0]): row[1:] for row in cursor.fetchall()}


def same_value(got, want):
    if isinstance(got, float):
        return struct.pack("d", got) == struct.pack("d", float(want)) or got == float(want)
    return got == want


def check_row(table, row, want):
    for (name, kind, _), source in zip(table.columns, want, strict=True):
        got = value_text(row[name], kind)
        assert same_value(got, source), f"{table.name}.{name} {kind}: {row[name]!r} is not {source!r}"


def equal_by_avro_c(tmp_path, registry, records):
    """What avro-c reads of keys and values is what Confluent's deserializer reads."""
    got = read_by_avro_c(tmp_path / "schemas", lambda number: registry.ask(f"/schemas/ids/{number}")["schema"],
                         [part for record in records for part in (record.key, record.value)])
    read = Deserializer(registry)
    want = [value for record in records for value in (read.key(record), read.value(record))]
    for number, (ours, theirs) in enumerate(zip(got, map(without_logical_types, want), strict=True)):
        assert ours == theirs, records[number // 2]


def test_all_types(source, target, sluice, names, registry, reader, tmp_path):
    """Every value as Confluent's deserializer and avro-c read it, and at the target."""
    database = names.database
    tables = list(tables_for(source, target))
    make(tables, source, target, database)
    task = avro_task(sluice, registry)
    sluice.run("capture", task, "--until-caught-up")
    read = Deserializer(registry)
    by_name = {table.name: (table, source_rows(source, database, table)) for table in tables}
    seen = 0
    for record in reader.read():
        body = read.value(record)
        table, rows = by_name[body["table"]]
        assert list(body) == FIELDS and body["type"] == "INSERT" and body["pkNames"] == ["id"]
        assert read.key(record) == {"id": body["data"][0]["id"]}
        check_row(table, body["data"][0], rows[body["data"][0]["id"]])
        seen += 1
    assert seen == sum(len(rows) for _, rows in by_name.values())
    sluice.run("apply", task, "--until-caught-up")
    change(tables, source, database)
    sluice.run("capture", task, "--until-caught-up")
    sluice.run("apply", task, "--until-caught-up")
    for table in tables:
        equal_at_both(table, source, target, database)
    assert {read.value(r)["type"] for r in reader.read()} == {"INSERT", "UPDATE", "DELETE"}
    equal_by_avro_c(tmp_path, registry, reader.records)


def row_of(body, layout):
    row, = body["data"]
    return row if layout == "row" else {column["name"]: column["value"] for column in row}


@pytest.mark.parametrize("kind, layout", [("mysql", "row"), ("mysql", "generic"), ("mariadb", "row")])
def test_every_type_is_read(source, target, sluice, names, registry, reader, tmp_path, kind, layout):
    """Also those that only one kind of server has, and by avro-c; and the precheck knows beforehand
    which schemas they will have."""
    origin = target if kind == "mariadb" else source
    if origin.kind != kind:
        pytest.skip("Debian sid gives no MySQL")
    tables = list(tables_for(origin, origin))
    run_all(origin, [f"CREATE DATABASE {names.database}"] + [
        statement for table in tables
        for statement in (table.create(names.database), *table.rows(names.database))])
    options = {"source": {"hosts": [origin.address]}, "target": None, "phases": ["schema", "full"]}
    sluice.run("capture", avro_task(sluice, registry, layout, **options), "--until-caught-up")
    read = Deserializer(registry)
    by_name = {table.name: (table, source_rows(origin, names.database, table)) for table in tables}
    for record in reader.read():
        body = read.value(record)
        table, rows = by_name[body["table"]]
        row = row_of(body, layout)
        check_row(table, row, rows.pop(row["id"]))
    assert all(not rows for _, rows in by_name.values())
    equal_by_avro_c(tmp_path, registry, reader.records)
    options |= {"message": {"registry": {"url": registry.url, "auto_register": False}}}
    found = Precheck(sluice, avro_task(sluice, registry, layout, **options))
    assert [i["status"] for i in found.of("registry_subjects")] == ["pass"], found.of("registry_subjects")


@pytest.mark.parametrize("layout, level", [("row", "FULL"), ("row", "BACKWARD"), ("generic", "FULL")])
def test_changes_and_definitions(source, target, sluice, names, registry, reader, tmp_path, layout,
                                 level):
    """Rows and statements arrive; the schema of a changed table is there before its first row, and
    a reader that began with the first version reads on."""
    table = f"{names.database}.t"
    source.execute(f"CREATE DATABASE {names.database}",
                   f"CREATE TABLE {table} (id INT PRIMARY KEY, a INT, b VARCHAR(10), c INT)",
                   f"INSERT INTO {table} VALUES (1, 1, 'x', NULL)")
    registry.compatibility(level)
    task = avro_task(sluice, registry, layout, phases=["schema", "full", "incremental"])
    capture, applier = sluice.capture(task), sluice.apply(task)
    source.execute(
        f"UPDATE {table} SET a = NULL WHERE id = 1",
        f"UPDATE {table} SET a = 7 WHERE id = 1",
        f"ALTER TABLE {table} ADD COLUMN d DATETIME(3) AFTER a",
        f"INSERT INTO {table} VALUES (2, 2, '2024-02-29 01:02:03.004', 'y', 2)",
        f"ALTER TABLE {table} DROP COLUMN c",
        f"ALTER TABLE {table} MODIFY a BIGINT NOT NULL DEFAULT 0, MODIFY b VARCHAR(300) FIRST",
        f"INSERT INTO {table} (id, a, b) VALUES (3, 1 << 40, REPEAT('z', 200))",
        f"ALTER TABLE {table} RENAME COLUMN b TO bb",
        f"INSERT INTO {table} (id, a, bb) VALUES (4, 4, 'w')",
        f"DELETE FROM {table} WHERE id = 2")
    same = f"SELECT * FROM {table} ORDER BY id"
    columns = f"SHOW COLUMNS FROM {table}"

    def equal():
        try:
            return (source.query(same) == target.query(same) and
                    [c[0] for c in source.query(columns)] == [c[0] for c in target.query(columns)])
        except Exception:  # the table may not be there yet
            return False

    wait_until(equal, 60, "both ends equal")
    records = reader.wait(7)
    capture.stop()
    applier.stop()
    ddl = TopicReader(reader._config["bootstrap.servers"], f"{names.task}.ddl").read()
    read = Deserializer(registry)
    assert [read.value(r)["type"] for r in records] == [
        "INSERT", "UPDATE", "UPDATE", "INSERT", "INSERT", "INSERT", "DELETE"]
    assert [read.value(r)["type"] for r in ddl].count("ALTER") == 4
    equal_by_avro_c(tmp_path, registry, records + ddl)
    update = read.value(records[1])
    if layout == "row":
        assert update["old"] == [{"id": 1, "a": 1, "b": "x", "c": None}]
        assert update["data"] == [{"id": 1, "a": None, "b": "x", "c": None}]
        first = registry.ask(f"/schemas/ids/{schema_id(records[0].value)}")["schema"]
        old_reader = Deserializer(registry, first)
        assert old_reader.value(records[4])["data"] == [{"id": 3, "a": 1 << 40, "b": "z" * 200,
                                                        "c": None}]
        assert old_reader.value(records[5])["data"] == [{"id": 4, "a": 4, "b": None, "c": None}]
    else:
        assert [c["value"] for c in update["old"][0]] == [1, 1, "x", None]
        assert len({schema_id(r.value) for r in records + ddl}) == 1


class Background(threading.Thread):
    """Runs until the end of the block, told by _end; what it has met is in fault."""

    def __init__(self):
        super().__init__(daemon=True)
        self.fault = None
        self._end = threading.Event()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self.join(60)


class Flow(Background):
    """Inserts and updates rows of a table until it is left, whatever columns the table has then."""

    def __init__(self, server, table):
        super().__init__()
        self.server, self.table = server, table
        self.made = 0

    def run(self):
        try:
            with self.server.connect() as connection, connection.cursor() as cursor:
                while not self._end.is_set():
                    number = self.made + 2
                    cursor.execute(f"INSERT INTO {self.table} (id, a) VALUES ({number}, {number})")
                    cursor.execute(f"UPDATE {self.table} SET a = -id WHERE id = {number}")
                    self.made += 1
        except Exception as fault:  # told by more()
            self.fault = fault

    def more(self, rows=20):
        goal = self.made + rows
        wait_until(lambda: self.made >= goal or self.fault, 60, f"{rows} more rows")
        assert self.fault is None, self.fault


class OldReader(Background):
    """Reads on and on with the schema that it was made with, as a program does that nobody touches."""

    def __init__(self, kafka, topic, deserializer):
        super().__init__()
        self._reader = TopicReader(kafka.address, topic)
        self._deserializer = deserializer
        self.rows = []

    def run(self):
        try:
            while not self._end.is_set():
                for record in self._reader.read()[len(self.rows):]:
                    self.rows += self._deserializer.value(record)["data"]
        except Exception as fault:  # the test looks at it
            self.fault = fault


# what is done to t (id, a INT, b VARCHAR(10), c INT)
EVOLUTION = ["ADD COLUMN d DATETIME(3) AFTER a", "DROP COLUMN c", "RENAME COLUMN b TO bb", "MODIFY a BIGINT",
             "MODIFY bb VARCHAR(300) FIRST", "MODIFY a BIGINT NOT NULL DEFAULT 7", "MODIFY a BIGINT NULL"]


@pytest.mark.parametrize("level", ["BACKWARD", "FULL"])
def test_evolution_while_rows_flow(source, target, sluice, names, registry, reader, kafka, level):
    """A column more, one less, another name, a wider type, another order, NOT NULL and back: the target
    is equal, and who began with the first version reads on."""
    table = f"{names.database}.t"
    source.execute(f"CREATE DATABASE {names.database}",
                   f"CREATE TABLE {table} (id INT PRIMARY KEY, a INT, b VARCHAR(10) DEFAULT 'x', c INT)",
                   f"INSERT INTO {table} (id, a) VALUES (1, 1)")
    registry.compatibility(level)
    task = avro_task(sluice, registry, phases=["schema", "full", "incremental"])
    capture, applier = sluice.capture(task), sluice.apply(task)
    first = schema_id(reader.wait(1)[0].value)
    old = Deserializer(registry, registry.ask(f"/schemas/ids/{first}")["schema"])
    with OldReader(kafka, names.topic, old) as old_reader:
        with Flow(source, table) as flow:
            flow.more()
            for change in EVOLUTION:
                source.execute(f"ALTER TABLE {table} {change}")
                flow.more()
        assert flow.fault is None, flow.fault
        wait_until(lambda: tables_equal(source, target, names.database, "t"), 90, "both ends equal")
        wait_until(lambda: old_reader.fault or len(old_reader.rows) > 2 * flow.made, 60,
                   "the old reader to be there")
    assert old_reader.fault is None, old_reader.fault
    capture.stop()
    applier.stop()
    columns = f"SHOW COLUMNS FROM {table}"
    assert [c[0] for c in source.query(columns)] == [c[0] for c in target.query(columns)]
    rows = old_reader.rows
    assert sorted({row["id"] for row in rows}) == list(range(1, flow.made + 2))
    assert all(list(row) == ["id", "a", "b", "c"] and abs(row["a"]) == row["id"] for row in rows)
    assert (rows[1]["b"], rows[-1]["b"]) == ("x", None)  # who reads b does not know its new name
    ids = {schema_id(record.value) for record in reader.read()}
    assert len(ids) == 6  # NOT NULL and back is none of its own


def partitions_of(kafka, topic, ids):
    """{id: partitions of its records}; ids: of the rows that a record tells of."""
    found = {}
    for record in read_topic(kafka.address, topic):
        found.setdefault(ids(record), set()).add(record.partition)
    return found


def test_a_row_keeps_its_partition(source, sluice, names, registry, kafka):
    """What pk hashes is the key of canal-json: neither the layout nor a new schema of the key, nor
    another id, sends a row elsewhere."""
    table = f"{names.database}.t"
    registry.compatibility("NONE")
    source.execute(f"CREATE DATABASE {names.database}",
                   f"CREATE TABLE {table} (id INT UNSIGNED, k VARCHAR(9), v INT, PRIMARY KEY (k, id))",
                   f"INSERT INTO {table} VALUES " + ", ".join(f"({i}, 'k{i}', 0)" for i in range(40)))
    topics = {"policy": "pk", "partitions": 7}
    read = Deserializer(registry)
    ids = {"json": lambda r: r.json["data"][0]["id"],
           "row": lambda r: str(read.key(r)["id"]),
           "generic": lambda r: str(read.key(r)["values"][1])}
    tasks = {}
    for kind in ids:
        own = {"name": f"{names.task}-{kind}", "file": f"{kind}.yaml",
               "topics": {**topics, "data": f"{names.task}-{kind}"}}
        tasks[kind] = sluice.task(**own) if kind == "json" else avro_task(sluice, registry, kind, **own)
    for change in (f"UPDATE {table} SET v = 1", f"ALTER TABLE {table} MODIFY id BIGINT UNSIGNED",
                   f"UPDATE {table} SET v = 2"):
        for task in tasks.values():
            sluice.run("capture", task, "--until-caught-up")
        source.execute(change)
    for task in tasks.values():
        sluice.run("capture", task, "--until-caught-up")
    found = {kind: partitions_of(kafka, f"{names.task}-{kind}", ids[kind]) for kind in ids}
    assert len(found["json"]) == 40 and {len(p) for p in found["json"].values()} == {1}
    assert found["row"] == found["json"] and found["generic"] == found["json"]
    keys = {schema_id(r.key) for r in read_topic(kafka.address, f"{names.task}-row")}
    assert len(keys) == 2  # INT UNSIGNED is long, BIGINT UNSIGNED is decimal


def test_incompatible(source, sluice, names, registry, reader):
    """A type that older readers cannot read stops the task with the registry's reason, before the
    first row that has it; each of the two ways out that the line names leads on."""
    registry.compatibility("FULL")
    table = f"{names.database}.t"
    source.execute(f"CREATE DATABASE {names.database}",
                   f"CREATE TABLE {table} (id INT PRIMARY KEY, a INT)",
                   f"INSERT INTO {table} VALUES (1, 1)")
    task = avro_task(sluice, registry)
    sluice.run("capture", task, "--until-caught-up")
    source.execute(f"ALTER TABLE {table} MODIFY a VARCHAR(20)",
                   f"INSERT INTO {table} VALUES (2, 'x')")
    line = sluice.run("capture", task, "--until-caught-up", status=1).stderr.splitlines()[-1]
    assert "code=registry_incompatible" in line and re.search("The registry says: .*[Ii]ncompatible", line)
    assert "PUT" in line and "message.registry.subjects" in line
    read = Deserializer(registry)

    def rows():
        return [row for r in reader.read() for row in read.value(r)["data"]]

    assert rows() == [{"id": 1, "a": 1}]
    own = avro_task(sluice, registry, message={"registry": {"url": registry.url, "subjects": "record"}})
    sluice.run("capture", own, "--until-caught-up")
    assert rows() == [{"id": 1, "a": 1}, {"id": 2, "a": "x"}]
    registry.compatibility("NONE")
    source.execute(f"INSERT INTO {table} VALUES (3, 'y')")
    sluice.run("capture", avro_task(sluice, registry), "--until-caught-up")
    assert rows()[2:] == [{"id": 3, "a": "y"}]


def tables_equal(source, target, database, tables):
    same = [f"SELECT * FROM {database}.{table} ORDER BY id" for table in tables]
    try:
        return all(source.query(query) == target.query(query) for query in same)
    except pymysql.Error:  # they may not be there yet
        return False


def take_ids(registry, names, last):
    """Other schemas get the ids up to this one, in an empty registry."""
    for n in range(1, last + 1):
        schema = {"type": "record", "name": f"Other{n}", "fields": []}
        got = registry.ask(f"/subjects/{names.task}-{n}/versions", {"schema": json.dumps(schema)}, "POST")
        assert got["id"] <= last
        if got["id"] == last:
            return


def test_registry_away_and_empty(source, target, sluice, names, registry, reader):
    """Down, then back without its schemas, twice: capture and applier wait, and go on, though ids
    mean other tables than before. Who has not seen the old meanings is told."""
    database, phases = names.database, ["schema", "full", "incremental"]
    source.execute(f"CREATE DATABASE {database}", f"CREATE TABLE {database}.a (id INT PRIMARY KEY, x INT)",
                   f"CREATE TABLE {database}.b (id INT PRIMARY KEY, y INT)")
    with TcpProxy(registry) as between:
        url = registry.url.replace(registry.address, between.address)
        options = {"message": {"registry": {"url": url}}, "phases": phases}
        task = avro_task(sluice, registry, **options)
        capture, applier = sluice.capture(task), sluice.apply(task)

        def arrives(statement):
            source.execute(statement)
            wait_until(lambda: tables_equal(source, target, database, "ab"), 90, "both ends equal")

        arrives(f"INSERT INTO {database}.a VALUES (1, 1)")
        arrives(f"INSERT INTO {database}.b VALUES (1, 1)")
        of_a = schema_id(reader.wait(2)[0].value)
        registry.kill()
        source.execute(f"INSERT INTO {database}.b VALUES (2, 2)")
        capture.wait_event("registry_wait", 60)
        time.sleep(DOWN_S)
        assert len(reader.read()) == 2
        between.pause()
        registry.start()
        take_ids(registry, names, of_a - 2)
        between.resume()
        arrives(f"INSERT INTO {database}.b VALUES (3, 3)")
        records = reader.wait(4)[2:]
        assert [schema_id(r.value) for r in records] == [of_a] * 2  # now of b
        applier.wait_event("schema_id_anew", id=of_a)
        read = Deserializer(registry)
        assert [read.value(r)["data"] for r in records] == [[{"id": 2, "y": 2}], [{"id": 3, "y": 3}]]
        capture.stop()  # and it begins from its checkpoint
        registry.kill()
        registry.start()
        take_ids(registry, names, of_a)
        capture = sluice.capture(task)
        arrives(f"INSERT INTO {database}.a VALUES (2, 2)")
        record = reader.wait(5)[4]
        assert schema_id(record.value) > of_a
        assert Deserializer(registry).value(record)["data"] == [{"id": 2, "x": 2}]
        other = avro_task(sluice, registry, file="other.yaml", name=f"{names.task}-other",
                          **{"from": {"topics": [names.topic], "start": "earliest"}}, topics={"ddl": ""})
        done = sluice.run("apply", other, "--until-caught-up", status=1)
        assert "code=message_foreign" in done.stderr and "offset 0" in done.stderr
        assert f"schema id {of_a} is version 1 of subject {names.task}-" in done.stderr
        assert "restore its data" in done.stderr


def test_only_what_is_registered(source, sluice, names, registry, reader):
    """With auto_register: false nothing is registered: the schemas that are there are used, and a
    table that changes waits for its next version."""
    table = f"{names.database}.t"
    registry.compatibility("FULL")
    source.execute(f"CREATE DATABASE {names.database}", f"CREATE TABLE {table} (id INT PRIMARY KEY)",
                   f"INSERT INTO {table} VALUES (1)")

    def capture(auto_register, status=0):
        task = avro_task(sluice, registry, message={"registry": {"url": registry.url, "auto_register": auto_register}})
        before = registered()
        done = sluice.run("capture", task, "--until-caught-up", status=status)
        assert auto_register == (registered() != before)
        return done.stderr.splitlines()[-1]

    def registered():
        return {s: registry.ask(f"/subjects/{s}/versions") for s in registry.ask("/subjects")}

    line = capture(False, 1)
    assert "code=registry_not_registered" in line and "its newest is none" in line
    assert reader.read() == []
    capture(True)
    source.execute(f"ALTER TABLE {table} ADD COLUMN a INT", f"INSERT INTO {table} VALUES (2, 2)")
    capture(True)
    source.execute(f"INSERT INTO {table} VALUES (3, 3)")
    capture(False)
    _, second, third = reader.read()
    assert (schema_id(second.key), schema_id(second.value)) == (schema_id(third.key), schema_id(third.value))
    source.execute(f"ALTER TABLE {table} ADD COLUMN b INT", f"INSERT INTO {table} VALUES (4, 4, 4)")
    line = capture(False, 1)
    assert "code=registry_not_registered" in line and "its newest is version 2, id " in line
    assert len(reader.read()) == 3
    capture(True)
    assert Deserializer(registry).value(reader.read()[3])["data"] == [{"id": 4, "a": 4, "b": 4}]


@pytest.mark.parametrize("subjects", ["topic", "record", "topic-record"])
def test_names_of_subjects(source, sluice, names, registry, reader, subjects):
    """Key and value each have their own, by each of the three ways to name them."""
    source.execute(f"CREATE DATABASE {names.database}",
                   f"CREATE TABLE {names.database}.t (id INT, k VARCHAR(9), v INT, PRIMARY KEY (k, id))",
                   f"INSERT INTO {names.database}.t VALUES (1, 'x', 2)")
    task = avro_task(sluice, registry, message={"registry": {"url": registry.url, "subjects": subjects}})
    before = set(registry.ask("/subjects"))
    sluice.run("capture", task, "--until-caught-up")
    space = f"{names.task}.{names.database}.t".replace("-", "_x2d")
    wanted = {"topic": {"key": f"{names.topic}-key", "value": f"{names.topic}-value"},
              "record": {"key": f"{space}.Key", "value": f"{space}.Envelope"},
              "topic-record": {"key": f"{names.topic}-{space}.Key", "value": f"{names.topic}-{space}.Envelope"}}
    assert set(registry.ask("/subjects")) - before == set(wanted[subjects].values())
    record, = reader.read()
    for part, payload in (("key", record.key), ("value", record.value)):
        latest = registry.ask(f"/subjects/{wanted[subjects][part]}/versions/latest")
        assert latest["id"] == schema_id(payload)
    assert Deserializer(registry).key(record) == {"k": "x", "id": 1}


def test_precise_topics(source, sluice, names, registry):
    """Subjects by topic, where each table has one."""
    source.execute(f"CREATE DATABASE {names.database}",
                   f"CREATE TABLE {names.database}.t (id INT PRIMARY KEY)",
                   f"INSERT INTO {names.database}.t VALUES (1)")
    task = avro_task(sluice, registry, topics={"data": "{task}.{table}"})
    sluice.run("capture", task, "--until-caught-up")
    subjects = registry.ask("/subjects")
    assert {f"{names.task}.t-key", f"{names.task}.t-value"} <= set(subjects)


def test_commands(redis_source, redis_target, redis_sluice, names, registry, kafka):
    """Commands of Redis in the layout generic: there and back, and arguments as they are."""
    Load(redis_source, 20261121, databases=(0, 9), lasting=True,
         without=("FLUSHALL", "FLUSHDB")).run(1500)
    task = avro_task(redis_sluice, registry, "generic")
    redis_sluice.run("run", task, "--until-caught-up")
    redis_source.run("SET", b"\xff\x00", b"\x80")
    redis_sluice.run("run", task, "--until-caught-up")
    wait_equal(redis_source, redis_target, 10, strict=True)
    read = Deserializer(registry)
    last = read.value(TopicReader(kafka.address, names.topic).read()[-1])
    rows = [{c["name"]: c["value"] for c in row} for row in last["data"]]
    assert (last["table"], last["type"], last["sql"]) == ("redis", "INSERT", "")
    assert [r["argv"] for r in rows if r["cmd"] == "SET"] == [[b"SET", b"\xff\x00", b"\x80"]]
    assert [r["key"] for r in rows if r["cmd"] == "SET"] == [b"\xff\x00"]
