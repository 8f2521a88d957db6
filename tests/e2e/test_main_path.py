"""The main path on real servers: full copy, stream, every common type, policies, restarts."""

import json
import signal

import pytest

from lib.kafka_reader import read_topic
from lib.load import check_exactly_once, same
from lib.wait import wait_until

CUSTOMERS = (
    "customer_id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, email VARCHAR(255) NOT NULL UNIQUE,"
    " full_name VARCHAR(255), created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,"
    " updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP"
)
FIELDS = ["id", "database", "table", "pkNames", "isDdl", "type", "es", "ts", "data", "old", "sql",
          "sqlType", "mysqlType", "gtid", "serverId"]
ALL_PHASES = ["schema", "full", "incremental"]


def create_customers(server, database):
    server.execute(f"CREATE DATABASE {database}", f"CREATE TABLE {database}.customers ({CUSTOMERS})")


def add_customers(server, database, *names):
    server.execute(*(
        f"INSERT INTO {database}.customers (email, full_name) VALUES ('{n}@example.org', '{n}')"
        for n in names
    ))


def test_copy_then_changes(source, target, sluice, names, reader):
    create_customers(source, names.database)
    add_customers(source, names.database, "ada", "alan")
    task = sluice.task(phases=ALL_PHASES)
    capture, applier = sluice.capture(task), sluice.apply(task)
    table = f"{names.database}.customers"
    same(source, target, table)
    add_customers(source, names.database, "grace")
    source.execute(f"UPDATE {table} SET full_name = 'G' WHERE email = 'grace@example.org'",
                   f"DELETE FROM {table} WHERE email = 'ada@example.org'")
    same(source, target, table)
    records = reader.wait(5)
    assert [r.json["type"] for r in records] == ["INSERT", "INSERT", "INSERT", "UPDATE", "DELETE"]
    assert [r.header["phase"] for r in records] == ["snapshot"] * 2 + ["incr"] * 3
    assert all(list(r.json) == FIELDS for r in records)
    update = records[3].json
    assert update["old"][0].keys() <= {"full_name", "updated_at"}
    assert update["old"][0]["full_name"] == "grace"
    assert update["data"][0]["full_name"] == "G"
    assert update["pkNames"] == ["customer_id"]
    assert update["sqlType"]["customer_id"] == -5 and update["mysqlType"]["customer_id"] == "bigint"
    assert records[3].json_key == [names.database, "customers", "3"]
    if source.kind == "mysql":
        assert records[3].json["gtid"] == records[3].header["txn"]
    check_exactly_once(records)
    assert capture.stop() < 2 and applier.stop() < 2


def test_restart_goes_on_without_gap(source, target, sluice, names, reader):
    create_customers(source, names.database)
    task = sluice.task(phases=ALL_PHASES)
    for round_ in range(3):
        capture, applier = sluice.capture(task), sluice.apply(task)
        add_customers(source, names.database, f"a{round_}", f"b{round_}")
        same(source, target, f"{names.database}.customers")
        capture.stop()
        applier.kill()
        add_customers(source, names.database, f"c{round_}")  # while nothing runs
    sluice.run("run", task, "--until-caught-up")
    same(source, target, f"{names.database}.customers")
    assert check_exactly_once(reader.read()) == 9


def test_until_caught_up(source, target, sluice, names, reader):
    create_customers(source, names.database)
    add_customers(source, names.database, "ada")
    task = sluice.task(phases=ALL_PHASES)
    sluice.run("capture", task, "--until-caught-up")
    assert len(reader.read()) == 1
    sluice.run("apply", task, "--until-caught-up")
    assert target.value(f"SELECT COUNT(*) FROM {names.database}.customers") == 1


@pytest.mark.parametrize("delivery", ["exactly-once", "at-least-once"])
def test_start_now_takes_only_what_comes(source, target, sluice, names, reader, delivery):
    create_customers(source, names.database)
    target.execute(f"CREATE DATABASE {names.database}",
                   f"CREATE TABLE {names.database}.customers ({CUSTOMERS})")
    add_customers(source, names.database, "before")
    task = sluice.task(phases=["incremental"], delivery=delivery)
    sluice.capture(task)
    sluice.apply(task)
    add_customers(source, names.database, "after")
    target.wait_for(f"SELECT full_name FROM {names.database}.customers", (("after",),))
    assert [r.json["data"][0]["full_name"] for r in reader.read()] == ["after"]


def test_start_at_a_position(source, sluice, names, reader):
    create_customers(source, names.database)
    add_customers(source, names.database, "before")
    statement = "SHOW BINARY LOG STATUS" if source.kind == "mysql" else "SHOW MASTER STATUS"
    file, position = source.query(statement)[0][:2]
    add_customers(source, names.database, "after")
    task = sluice.task(phases=["incremental"], source={"start": f"position:{file}:{position}"})
    sluice.run("capture", task, "--until-caught-up")
    assert [r.json["data"][0]["full_name"] for r in reader.read()] == ["after"]


def test_start_at_a_gtid_set(source, sluice, names, reader):
    if source.kind != "mysql":
        pytest.skip("GTID sets are MySQL's")
    create_customers(source, names.database)
    add_customers(source, names.database, "before")
    executed = source.value("SELECT @@GLOBAL.gtid_executed").replace("\n", "")
    add_customers(source, names.database, "after")
    task = sluice.task(phases=["incremental"], source={"start": f"gtid:{executed}"})
    sluice.run("capture", task, "--until-caught-up")
    assert [r.json["data"][0]["full_name"] for r in reader.read()] == ["after"]


@pytest.mark.parametrize("policy", ["table", "pk"])
def test_partition_policies(source, target, sluice, names, reader, policy):
    create_customers(source, names.database)
    source.execute(f"CREATE TABLE {names.database}.other (a INT, b INT, PRIMARY KEY (b, a))")
    add_customers(source, names.database, *(f"u{i}" for i in range(20)))
    source.execute(*(f"INSERT INTO {names.database}.other VALUES ({i}, {i})" for i in range(20)))
    task = sluice.task(phases=ALL_PHASES, topics={"policy": policy, "partitions": 4})
    sluice.capture(task)
    sluice.apply(task)
    source.execute(f"UPDATE {names.database}.other SET a = a + 100 WHERE b < 5",
                   f"DELETE FROM {names.database}.customers WHERE customer_id > 10")
    same(source, target, f"{names.database}.customers")
    same(source, target, f"{names.database}.other", "b, a")
    by_key = {}
    for record in reader.read():
        unit = record.json["table"] if policy == "table" else record.key
        by_key.setdefault(unit, set()).add(record.partition)
    assert all(len(partitions) == 1 for partitions in by_key.values())
    moved = [r.json["type"] for r in reader.records
             if r.json["table"] == "other" and r.header["phase"] == "incr"]
    assert moved == (["UPDATE"] * 5 if policy == "table" else moved)
    if policy == "pk":
        assert sorted(moved) == ["DELETE"] * 5 + ["INSERT"] * 5
        assert len({r.partition for r in reader.records}) > 1


TYPES = """
    id INT NOT NULL PRIMARY KEY,
    c_tiny TINYINT, c_utiny TINYINT UNSIGNED, c_small SMALLINT, c_usmall SMALLINT UNSIGNED,
    c_medium MEDIUMINT, c_umedium MEDIUMINT UNSIGNED, c_int INT, c_uint INT UNSIGNED,
    c_big BIGINT, c_ubig BIGINT UNSIGNED, c_zero INT(8) UNSIGNED ZEROFILL,
    c_dec DECIMAL(10,2), c_dec65 DECIMAL(65,30), c_float FLOAT, c_double DOUBLE,
    c_char CHAR(10), c_varchar VARCHAR(100), c_text TEXT, c_mtext MEDIUMTEXT,
    c_latin VARCHAR(50) CHARACTER SET latin1, c_lchar CHAR(5) CHARACTER SET latin1,
    c_bin BINARY(5), c_varbin VARBINARY(300), c_blob BLOB, c_lblob LONGBLOB,
    c_date DATE, c_time TIME, c_time6 TIME(6), c_dt DATETIME, c_dt3 DATETIME(3), c_dt6 DATETIME(6),
    c_ts TIMESTAMP NULL, c_ts1 TIMESTAMP(1) NULL, c_ts6 TIMESTAMP(6) NULL, c_year YEAR,
    c_bit BIT(1), c_bit64 BIT(64), c_enum ENUM('a','it''s','ü'), c_set SET('x','y','z'),
    c_json JSON
"""
COLUMNS = [part.split()[0] for part in TYPES.replace("\n", " ").split(", ") if part.strip()]


def type_rows():
    """Column lists to SQL expressions; each row is inserted before and behind the start of the stream."""
    everything = bytes(range(256)).hex()
    rows = [
        {},
        dict(c_tiny="-128", c_utiny="255", c_small="-32768", c_usmall="65535", c_medium="-8388608",
             c_umedium="16777215", c_int="-2147483648", c_uint="4294967295",
             c_big="-9223372036854775808", c_ubig="18446744073709551615", c_zero="7",
             c_dec="-99999999.99", c_dec65="'-12345678901234567890123456789012345.123456789012345678901234567890'",
             c_float="3.4028234e38", c_double="1.7976931348623157e308"),
        dict(c_tiny="127", c_utiny="128", c_small="32767", c_usmall="32768", c_medium="8388607",
             c_umedium="8388608", c_int="2147483647", c_uint="2147483648",
             c_big="9223372036854775807", c_ubig="9223372036854775808", c_dec="0", c_dec65="0.000000000000000000000000000001",
             c_float="0.1", c_double="0.1"),
        dict(c_float="-1.17549435e-38", c_double="2.2250738585072014e-308", c_dec="1"),
        dict(c_float="16777216", c_double="123456789012345680", c_dec="-0.01"),
        dict(c_char="'  pad  '", c_varchar="'null'", c_text="''", c_mtext="REPEAT('ä€😀', 1000)",
             c_latin="'café €'", c_lchar="'ÿ'"),
        dict(c_varchar="'quote \" back \\\\ slash / tab \\t nl \\n cr \\r nul \\0 bell \\Z é'",
             c_text="'😀 𝄞'", c_char="''"),
        dict(c_bin="x'0001'", c_varbin=f"x'{everything}'", c_blob=f"x'{everything * 4}'", c_lblob="''"),
        dict(c_bin="x'6162630000'", c_varbin="''", c_blob="x'00'", c_lblob="REPEAT('z', 70000)"),
        dict(c_date="'9999-12-31'", c_time="'838:59:59'", c_time6="'-838:59:58.999999'",
             c_dt="'9999-12-31 23:59:59'", c_dt3="'1000-01-01 00:00:00.001'",
             c_dt6="'2024-02-29 12:34:56.123456'", c_ts="'2038-01-19 03:14:07'",
             c_ts1="'1970-01-01 00:00:01.5'", c_ts6="'2024-02-29 23:59:59.999999'", c_year="2155"),
        dict(c_date="'0000-00-00'", c_time="'00:00:00'", c_time6="'-00:00:00.000001'",
             c_dt="'0000-00-00 00:00:00'", c_dt3="'2024-00-00 00:00:00'", c_year="0", c_dt6="'0000-00-00'"),
        dict(c_date="'2024-02-00'", c_time="'-01:02:03'", c_time6="'12:00:00.1'", c_year="1901"),
        dict(c_bit="b'1'", c_bit64="18446744073709551615", c_enum="'ü'", c_set="'x,z'"),
        dict(c_bit="b'0'", c_bit64="0", c_enum="'it''s'", c_set="''"),
        dict(c_json="""'{"a": 1, "b": [1, 2.5, -3e100, true, false, null, "x\\\\u00e4\\\\"q"], "": {}}'"""),
        dict(c_json="'[]'"), dict(c_json="'\"text\"'"), dict(c_json="'-9223372036854775808'"),
        dict(c_json="'18446744073709551615'"), dict(c_json="'null'"),
    ]
    return rows


def insert_types(server, table, base):
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SET sql_mode = ''")
        cursor.execute("SET time_zone = '+00:00'")
        for i, row in enumerate(type_rows()):
            columns = ", ".join(["id", *row])
            values = ", ".join([str(base + i), *row.values()])
            cursor.execute(f"INSERT INTO {table} ({columns}) VALUES ({values})")


def test_every_type(source, target, sluice, names, reader):
    table = f"{names.database}.types"
    source.execute(f"CREATE DATABASE {names.database} CHARACTER SET utf8mb4",
                   f"CREATE TABLE {table} ({TYPES})")
    insert_types(source, table, 1000)
    task = sluice.task(phases=ALL_PHASES)
    sluice.capture(task)
    sluice.apply(task)
    insert_types(source, table, 2000)
    source.execute(f"UPDATE {table} SET c_int = 5, c_text = 'upd' WHERE id >= 2000",
                   f"DELETE FROM {table} WHERE id = 2003")
    n = len(type_rows())
    records = reader.wait(3 * n + 1)
    copied = {int(r.json["data"][0]["id"]): r.json for r in records[:n]}
    streamed = {int(r.json["data"][0]["id"]): r.json for r in records[n:2 * n]}
    for i in range(n):
        one, two = copied[1000 + i], streamed[2000 + i]
        for column in COLUMNS[1:]:
            assert one["data"][0][column] == two["data"][0][column], f"row {i} column {column}"
        for field in ("mysqlType", "sqlType", "pkNames"):
            assert one[field] == two[field], f"row {i} {field}"
        assert copied_version(records[i]) == copied_version(records[n + i])
    check_texts(streamed)
    hexed = ", ".join(
        f"HEX({c})" if any(w in c for w in ("bin", "blob", "bit")) else c for c in COLUMNS
        if c != "c_json"
    )
    query = f"SELECT {hexed} FROM {table} ORDER BY id"
    wait_until(lambda: try_query(target, query) == source.query(query), 30, "types at the target")
    for id_, text in source.query(f"SELECT id, CAST(c_json AS CHAR) FROM {table} ORDER BY id"):
        got = target.value(f"SELECT CAST(c_json AS CHAR) FROM {table} WHERE id = {id_}")
        assert (got is None) == (text is None)
        assert text is None or json.loads(got) == json.loads(text)


def copied_version(record):
    return record.header["schema"]


def try_query(server, query):
    try:
        return server.query(query)
    except Exception:
        return None


def check_texts(streamed):
    """Some of the texts as canal-json says them; the golden files have them all."""
    def text(row, column):
        return streamed[2000 + row]["data"][0][column]

    assert all(text(0, c) is None for c in COLUMNS[1:])
    assert text(1, "c_ubig") == "18446744073709551615" and text(1, "c_utiny") == "255"
    assert text(1, "c_zero") == "7" and text(3, "c_dec") == "1.00"
    assert text(1, "c_dec65") == "-12345678901234567890123456789012345.123456789012345678901234567890"
    assert text(2, "c_float") == "0.1" and text(2, "c_double") == "0.1"
    assert text(5, "c_varchar") == "null" and text(5, "c_latin") == "café €"
    assert text(7, "c_bin") == "\x00\x01\x00\x00\x00"
    assert text(7, "c_varbin") == "".join(map(chr, range(256)))
    assert text(9, "c_time") == "838:59:59" and text(9, "c_time6") == "-838:59:58.999999"
    assert text(9, "c_dt3") == "1000-01-01 00:00:00.001" and text(9, "c_ts1") == "1970-01-01 00:00:01.5"
    assert text(10, "c_date") == "0000-00-00" and text(10, "c_dt3") == "2024-00-00 00:00:00.000"
    assert text(10, "c_year") == "0000" and text(11, "c_date") == "2024-02-00"
    assert text(12, "c_bit64") == "18446744073709551615"
    assert text(12, "c_enum") == "3" and text(12, "c_set") == "5" and text(13, "c_set") == "0"


def test_rows_without_primary_key(source, target, sluice, names):
    table = f"{names.database}.log"
    source.execute(f"CREATE DATABASE {names.database}", f"CREATE TABLE {table} (a INT, b VARCHAR(20))",
                   f"INSERT INTO {table} VALUES (1, 'x'), (1, 'x'), (2, NULL)")
    task = sluice.task(phases=ALL_PHASES)
    sluice.capture(task)
    sluice.apply(task)
    source.execute(f"INSERT INTO {table} VALUES (3, 'y'), (3, 'y')",
                   f"DELETE FROM {table} WHERE a = 1 LIMIT 1", f"UPDATE {table} SET b = 'z' WHERE a = 2")
    same(source, target, table, "a, b")


def test_second_capture_fences_the_first(source, sluice, names, reader):
    create_customers(source, names.database)
    task = sluice.task(phases=["incremental"])
    first = sluice.capture(task)
    add_customers(source, names.database, "a")
    reader.wait(1)
    second = sluice.capture(task)
    add_customers(source, names.database, "b")
    assert first.wait(30) == 1
    assert "another capture" in first.lines[-1]
    add_customers(source, names.database, "c")
    assert [r.json["data"][0]["full_name"] for r in reader.wait(3)] == ["a", "b", "c"]
    second.stop()
    check_exactly_once(reader.read())


def test_second_applier_fences_the_first(source, target, sluice, names):
    create_customers(source, names.database)
    task = sluice.task(phases=ALL_PHASES)
    sluice.capture(task)
    first = sluice.apply(task)
    first.signal(signal.SIGSTOP)
    second = sluice.apply(task)
    add_customers(source, names.database, "a", "b")
    same(source, target, f"{names.database}.customers")
    first.signal(signal.SIGCONT)
    add_customers(source, names.database, "c")
    assert first.wait(30) == 1
    assert "another applier" in first.lines[-1]
    same(source, target, f"{names.database}.customers")
    second.stop()
    assert target.value(f"SELECT COUNT(*) FROM {names.database}.customers") == 3


def test_messages_of_one_transaction_share_it(source, sluice, names, kafka):
    create_customers(source, names.database)
    task = sluice.task(phases=["incremental"])
    sluice.capture(task)
    with source.connect(autocommit=False) as connection, connection.cursor() as cursor:
        for i in range(3):
            cursor.execute(f"INSERT INTO {names.database}.customers (email) VALUES ('{i}')")
        cursor.execute(f"DELETE FROM {names.database}.customers WHERE email = '1'")
        connection.commit()
    wait_until(lambda: len(read_topic(kafka.address, names.topic)) == 4, 30, "four records")
    records = read_topic(kafka.address, names.topic)
    assert len({r.header["txn"] for r in records}) == 1
    assert [r.header["seq"] for r in records] == ["1", "2", "3", "4"]
    assert [r.header.get("last") for r in records] == [None, None, None, "1"]
