"""Logs that no session can write: damaged, of newer servers, over a restart of the server. What
sessions write is in tests/component/test_mysql_events.c."""

import struct
import zlib

import pytest

from lib.servers import MariaDB, MySQL, mysql_available

INCREMENTAL = {"phases": ["incremental"], "retry": {"connect_minutes": 1}}
ROWS_QUERY, INCIDENT, UNKNOWN, IGNORABLE = 29, 26, 77, 0x80


@pytest.fixture(params=[MySQL, MariaDB])
def server(request, tmp_path):
    if request.param is MySQL and not mysql_available():
        pytest.skip("Debian sid gives no MySQL")
    with request.param(tmp_path / "server") as started:
        yield started


def task(sluice, server, **source):
    return sluice.task(INCREMENTAL, source={"hosts": [server.address], **source}, target=None)


def change_event(path, old, new, flags):
    """Makes the log's only event of type `old` one of type `new`, with a right checksum."""
    log = bytearray(path.read_bytes())
    at, found = 4, 0
    while at < len(log):
        size = struct.unpack_from("<I", log, at + 9)[0]
        if log[at + 4] == old:
            log[at + 4] = new
            struct.pack_into("<H", log, at + 17, flags)
            crc = zlib.crc32(log[at:at + size - 4])
            struct.pack_into("<I", log, at + size - 4, crc)
            found += 1
            end = at + size
        at += size
    assert found == 1
    path.write_bytes(log)
    return end


@pytest.mark.parametrize("kind, flags, code", [
    (UNKNOWN, IGNORABLE, None),
    (UNKNOWN, 0, "mysql_event_unknown"),
    (INCIDENT, IGNORABLE, "mysql_incident"),
])
def test_event_types(tmp_path, sluice, names, reader, kind, flags, code):
    if not mysql_available():
        pytest.skip("Debian sid gives no MySQL")
    with MySQL(tmp_path / "server", "--binlog-rows-query-log-events=ON") as server:
        server.execute(f"CREATE DATABASE {names.database}",
                       f"CREATE TABLE {names.database}.t (id INT PRIMARY KEY)",
                       "FLUSH BINARY LOGS",
                       f"INSERT INTO {names.database}.t VALUES (1)",
                       "FLUSH BINARY LOGS")
        log = sorted((server.directory / "data").glob("binlog.0*"))[-2]
        end = change_event(log, ROWS_QUERY, kind, flags)
        path = task(sluice, server, start=f"position:{log.name}:4")
        if code is None:
            sluice.run("capture", path, "--until-caught-up")
            assert [r.json["data"] for r in reader.wait(1)] == [[{"id": "1"}]]
        else:
            last = sluice.run("capture", path, "--until-caught-up", status=1).lines[-1]
            for word in (code, f"{log.name}:{end}", str(end)):
                assert word in last
            if kind == UNKNOWN:
                assert "type 77" in last


def test_xa_over_a_restart_of_the_server(server, sluice, names, reader):
    table = f"{names.database}.t"
    server.execute(f"CREATE DATABASE {names.database}",
                   f"CREATE TABLE {table} (id INT PRIMARY KEY)")
    capture = sluice.capture(task(sluice, server))
    for xid, row in (("kept", 1), ("dropped", 2)):
        server.execute(f"XA START '{xid}'", f"INSERT INTO {table} VALUES ({row})",
                       f"XA END '{xid}'", f"XA PREPARE '{xid}'")
    server.execute(f"INSERT INTO {table} VALUES (3)")
    assert [r.json["data"] for r in reader.wait(1)] == [[{"id": "3"}]]
    capture.kill()
    server.restart()
    server.execute("XA COMMIT 'kept'", "XA ROLLBACK 'dropped'",
                   f"DELETE FROM {table} WHERE id = 3")
    sluice.run("capture", sluice.directory / "task.yaml", "--until-caught-up")
    assert [(r.json["type"], r.json["data"]) for r in reader.wait(3)] == [
        ("INSERT", [{"id": "3"}]), ("INSERT", [{"id": "1"}]), ("DELETE", [{"id": "3"}])]
    assert {r.header["last"] for r in reader.records} == {"1"}


def test_a_restart_inside_of_a_payload(tmp_path, sluice, names, reader):
    """A compressed transaction of several Kafka transactions, killed in the middle of it."""
    if not mysql_available():
        pytest.skip("Debian sid gives no MySQL")
    rows = 60000
    with MySQL(tmp_path / "server", "--binlog-transaction-compression=ON") as server:
        table = f"{names.database}.t"
        server.execute(f"CREATE DATABASE {names.database}",
                       f"CREATE TABLE {table} (id INT PRIMARY KEY, v VARCHAR(20))")
        path = task(sluice, server)
        sluice.capture(path).stop()
        slow = sluice.task(INCREMENTAL, file="slow.yaml", source={"hosts": [server.address]},
                           target=None, incremental={"rows_per_second": 20000})
        server.execute(f"SET cte_max_recursion_depth = {rows}",
                       f"INSERT INTO {table} WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT "
                       f"i + 1 FROM n WHERE i < {rows}) SELECT i, 'some text' FROM n")
        capture = sluice.start("capture", slow)
        reader.wait(1)
        capture.kill()
        assert len(reader.read()) < rows
        sluice.run("capture", path, "--until-caught-up", deadline_s=120)
        records = reader.wait(rows)
        assert [int(r.header["seq"]) for r in records] == list(range(1, rows + 1))
        assert all(r.json["data"][0]["id"] == r.header["seq"] for r in records[::997])
        assert [r.header["seq"] for r in records if "last" in r.header] == [str(rows)]
