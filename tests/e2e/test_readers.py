"""Apache Flink's canal-json format and Canal's own client read our topic unchanged."""

import base64
import datetime
from dataclasses import dataclass
from decimal import Decimal
from typing import Callable

import pytest

from lib.readers import read_with

EPOCH = datetime.date(1970, 1, 1)


def days(text):
    return EPOCH + datetime.timedelta(days=int(text))


def milliseconds(text):
    return datetime.timedelta(milliseconds=int(text))


def instant(text):
    """As Java prints a local time: the seconds are left out when they are 0."""
    date, _, time = text.partition("T")
    whole, _, fraction = time.partition(".")
    whole += ":00" if whole.count(":") == 1 else ""
    return datetime.datetime.fromisoformat(f"{date} {whole}.{fraction:0<6}"[:26])


@dataclass
class Column:
    """definition: as MySQL declares it; flink: its type there; value: from what Flink prints to what
    the source's client gives; text: the expression whose text Canal's client must give."""

    name: str
    definition: str
    flink: str
    value: Callable = str
    text: str = "CAST({} AS CHAR)"


COLUMNS = [
    Column("id", "BIGINT NOT NULL", "BIGINT", int),
    Column("tiny", "TINYINT", "TINYINT", int),
    Column("flag", "TINYINT(1)", "TINYINT", int),
    Column("small", "SMALLINT UNSIGNED", "INT", int),
    Column("big", "BIGINT UNSIGNED", "DECIMAL(20, 0)", int),
    Column("price", "DECIMAL(12,3)", "DECIMAL(12, 3)", Decimal),
    Column("ratio", "DOUBLE", "DOUBLE", float),
    Column("name", "VARCHAR(100) CHARACTER SET utf8mb4", "STRING"),
    Column("old_name", "VARCHAR(100) CHARACTER SET latin1", "STRING"),
    Column("note", "TEXT CHARACTER SET utf8mb4", "STRING"),
    Column("picture", "BLOB", "BYTES", base64.b64decode, "REPLACE(TO_BASE64({}), '\\n', '')"),
    Column("born", "DATE", "DATE", days),
    Column("at", "TIME", "TIME(0)", milliseconds),
    Column("seen", "DATETIME(6)", "TIMESTAMP(6)", instant),
    Column("changed", "TIMESTAMP(3) NULL", "TIMESTAMP(3)", instant),
    Column("state", "ENUM('new', 'paid')", "INT", int, "CAST({} + 0 AS CHAR)"),
    Column("year", "YEAR", "INT", int),
]
ROWS = [
    "1, -128, 1, 65535, 18446744073709551615, -999999999.999, 0.1, 'null', 'Zürich', '',"
    " X'00FF80', '2024-02-29', '23:59:59', '2024-02-29 12:00:00.000001',"
    " '2038-01-19 03:14:07.999', 'paid', 2155",
    "2, 127, 0, 0, 0, 0.001, 1e300, '😀 \"quoted\" \\\\ \\n', '', 'a\\tb', '', '1970-01-01',"
    " '00:00:00', '1970-01-01 00:00:00', '1970-01-02 00:00:00', 'new', 1901",
    "3" + ", NULL" * (len(COLUMNS) - 1),
]


@pytest.fixture
def records(source, sluice, names, reader):
    """The rows copied and streamed, changed and deleted; binary as base64, which Flink needs."""
    table = f"{names.database}.things"
    definitions = ", ".join(f"`{c.name}` {c.definition}" for c in COLUMNS)
    source.execute(f"CREATE DATABASE {names.database}",
                   f"CREATE TABLE {table} ({definitions}, PRIMARY KEY (id))",
                   "SET time_zone = '+00:00'",
                   *(f"INSERT INTO {table} VALUES ({row})" for row in ROWS))
    capture = sluice.capture(sluice.task(target=None, message={"binary": "base64"}))
    capture.wait_event("full_copy_done")
    source.execute(
        "SET time_zone = '+00:00'",
        *(f"INSERT INTO {table} VALUES (1{row})" for row in ROWS),
        f"UPDATE {table} SET name = NULL, note = 'changed' WHERE id = 1",
        f"UPDATE {table} SET name = 'null', price = 1 WHERE id = 3",
        f"UPDATE {table} SET id = 20 WHERE id = 2",
        f"DELETE FROM {table} WHERE id = 13",
    )
    return reader.wait(len(ROWS) * 2 + 4)


def state_after(changes, takes, gives):
    """Rows by key: what the kinds of change in `takes` remove and those in `gives` bring."""
    rows = {}
    for kind, *values in changes:
        if kind in takes:
            assert rows.pop(values[0]) == values, f"{kind} of another row"
        else:
            assert kind in gives, kind
            assert values[0] not in rows or kind == "UPDATE"
            rows[values[0]] = values
    return sorted(rows.values(), key=lambda row: int(row[0]))


def test_flink_reads_every_message(source, names, records):
    row_type = ", ".join(f"`{c.name}` {c.flink}" for c in COLUMNS)
    changes = read_with("flink", f"ROW<{row_type}>", records)
    read = state_after(changes, ("-U", "-D"), ("+I", "+U"))
    got = [
        tuple(None if v is None else c.value(v) for c, v in zip(COLUMNS, row)) for row in read
    ]
    with source.connect(init_command="SET time_zone = '+00:00'") as connection:
        with connection.cursor() as cursor:
            listed = ", ".join(
                f"`{c.name}` + 0" if c.name == "state" else f"`{c.name}`" for c in COLUMNS
            )
            cursor.execute(f"SELECT {listed} FROM {names.database}.things ORDER BY id")
            assert got == list(cursor.fetchall())


def test_canal_client_reads_every_message(source, names, records):
    changes = read_with("canal", ",".join(c.name for c in COLUMNS), records)
    read = state_after(changes, ("BEFORE", "DELETE"), ("INSERT", "UPDATE"))
    with source.connect(init_command="SET time_zone = '+00:00'") as connection:
        with connection.cursor() as cursor:
            listed = ", ".join(c.text.format(f"`{c.name}`") for c in COLUMNS)
            cursor.execute(f"SELECT {listed} FROM {names.database}.things ORDER BY id")
            expected = [list(row) for row in cursor.fetchall()]
    doubles = [i for i, c in enumerate(COLUMNS) if c.flink == "DOUBLE"]
    for row in read + expected:  # compared as numbers: their texts differ from server to server
        for i in doubles:
            row[i] = None if row[i] is None else float(row[i])
    assert read == expected
