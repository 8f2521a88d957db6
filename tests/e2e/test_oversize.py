"""Rows over message.max_bytes: `fail` stops, `split` sends parts that the applier puts together,
`side-topic` keeps them out of the data topic. Exactly once over kills."""

import os
import re

import pytest

from lib.kafka_reader import TopicReader, read_topic
from lib.load import check_exactly_once
from lib.wait import wait_until

MB = 1 << 20
LARGE = "REPEAT(RANDOM_BYTES(1024), 19 * 1024)"


@pytest.fixture
def large(source, target, names):
    """A table that can take LONGBLOBs of 19 MB at both ends."""
    for server in (source, target):
        server.execute(f"SET GLOBAL max_allowed_packet = {256 * MB}")
    name = f"{names.database}.large"
    source.execute(
        f"CREATE DATABASE {names.database}",
        f"CREATE TABLE {name} (id INT PRIMARY KEY, n INT NOT NULL, v LONGBLOB)",
    )
    return name


def transaction(server, *statements):
    with server.connect(autocommit=False) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        connection.commit()


def contents(server, name):
    return server.query(f"SELECT id, n, LENGTH(v), SHA2(v, 256) FROM {name} ORDER BY id")


def join_parts(records):
    """The messages of a topic; parts must stand in a row, with one key and one (txn, seq)."""
    messages, parts = [], []
    for record in records:
        if "split" not in record.header:
            assert not parts, f"offset {record.offset}: inside of {parts[0].header}"
            messages.append(record)
            continue
        i, n = map(int, record.header["split"].split("/"))
        assert i == len(parts) + 1, f"offset {record.offset}: {record.header}"
        parts.append(record)
        first = parts[0]
        assert record.key == first.key and record.partition == first.partition
        assert record.header["seq"] == first.header["seq"]
        assert record.header["txn"] == first.header["txn"]
        assert i == n or "last" not in record.header
        if i == n:
            record.value = b"".join(part.value for part in parts)
            messages.append(record)
            parts = []
    assert not parts, f"the topic ends inside of {parts[0].header}"
    return messages


def test_fail(source, sluice, names, large):
    task = sluice.task(source={"start": "now"})
    capture = sluice.capture(task)
    source.execute(f"INSERT INTO {large} VALUES (7, 0, {LARGE})")
    assert capture.wait(60) == 1
    text = capture.events("failed")[-1]["error"]
    assert f"{large} at binlog.0" in text
    assert re.search(r'"7"\]: the message has \d{8} bytes, message.max_bytes allows 10485760', text)


def test_split(kafka, source, target, sluice, names, large):
    task = sluice.task(phases=["schema", "full", "incremental"], message={"oversize": "split"})
    source.execute(f"INSERT INTO {large} VALUES (1, 0, 'small'), (2, 0, {LARGE})")
    capture, applier = sluice.capture(task), sluice.apply(task)
    target.wait_for(f"SELECT COUNT(*) FROM {large}", ((2,),), 60)
    for i in range(3, 5):
        transaction(
            source,
            f"INSERT INTO {large} VALUES ({i}, 0, 'before'), ({i + 10}, 0, {LARGE})",
            f"UPDATE {large} SET n = n + 1 WHERE id = {i + 10}",
            f"INSERT INTO {large} VALUES ({i + 20}, 0, 'behind')" if i % 2 else "DO 0",
        )
        victim = (capture, applier)[i % 2].kill()
        if victim is capture:
            capture = sluice.start("capture", task)
        else:
            applier = sluice.start("apply", task)
    source.execute(f"DELETE FROM {large} WHERE id IN (3, 13)")
    cheap = f"SELECT id, n, LENGTH(v) FROM {large} ORDER BY id"
    target.wait_for(cheap, source.query(cheap), 120)
    assert contents(target, large) == contents(source, large)
    capture.stop()
    applier.stop()
    records = read_topic(kafka.address, names.topic)
    assert any(record.header.get("split") in ("4/4", "5/5") for record in records)
    assert all(len(record.key) + len(record.value) <= 10 * MB for record in records)
    check_exactly_once(join_parts(records))


def test_small_parts(kafka, source, target, sluice, names):
    """Thousands of parts of 1 KB, cut inside of characters; also a definition in parts."""
    wide = f"{names.database}.wide"
    source.execute(
        f"CREATE DATABASE {names.database}",
        f"CREATE TABLE {wide} (id INT PRIMARY KEY, v LONGBLOB, t LONGTEXT) COMMENT '{'c' * 2000}'",
    )
    task = sluice.task(
        phases=["schema", "incremental"], message={"oversize": "split", "max_bytes": 1024}
    )
    capture, applier = sluice.capture(task), sluice.apply(task)
    source.execute(
        f"INSERT INTO {wide} VALUES (1, REPEAT(RANDOM_BYTES(1024), 1024), REPEAT('aé中🐬', 3000))",
        f"INSERT INTO {wide} VALUES (2, NULL, NULL)",
    )
    check = f"SELECT id, LENGTH(v), SHA2(v, 256), SHA2(t, 256) FROM {wide} ORDER BY id"
    target.wait_for(check, source.query(check), 60)
    capture.stop()
    applier.stop()
    messages = join_parts(read_topic(kafka.address, f"{names.topic}.ddl"))
    assert sum("c" * 2000 in message.json["sql"] for message in messages) == 1
    check_exactly_once(join_parts(read_topic(kafka.address, names.topic)))


HUGE_MB = int(os.environ.get("SLUICE_HUGE_MB", "0"))


@pytest.mark.timeout(900)
@pytest.mark.skipif(HUGE_MB == 0, reason="takes gigabytes of memory: SLUICE_HUGE_MB=500")
def test_huge(source, target, sluice, names):
    """A row event towards the servers' own limit of 1 GB, in the full copy and in the stream."""
    for server in (source, target):
        server.execute("SET GLOBAL max_allowed_packet = 1073741824")
    table = f"{names.database}.huge"
    value = f"REPEAT('0123456789abcdef', {HUGE_MB} * 65536)"
    source.execute(f"CREATE DATABASE {names.database}",
                   f"CREATE TABLE {table} (id INT PRIMARY KEY, v LONGTEXT CHARACTER SET ascii)",
                   f"INSERT INTO {table} VALUES (1, {value})")
    task = sluice.task(phases=["schema", "full", "incremental"], message={"oversize": "split"})
    capture, applier = sluice.capture(task), sluice.apply(task)
    source.execute(f"INSERT INTO {table} VALUES (2, {value})", f"DELETE FROM {table} WHERE id = 1",
                   f"INSERT INTO {table} VALUES (3, 'small')")
    check = f"SELECT id, LENGTH(v), SHA2(v, 256) FROM {table} ORDER BY id"
    target.wait_for(f"SELECT id FROM {table} ORDER BY id", ((2,), (3,)), 600)
    assert target.query(check) == source.query(check)
    print(f"{HUGE_MB} MB: capture {capture.peak_rss_mb:.0f} MB, applier {applier.peak_rss_mb:.0f} MB")
    applier.stop()
    for server in (source, target):
        server.execute(f"DROP DATABASE {names.database}")


def test_side_topic(kafka, source, target, sluice, names, large):
    task = sluice.task(
        phases=["schema", "full", "incremental"], message={"oversize": "side-topic"}
    )
    source.execute(f"INSERT INTO {large} VALUES (1, 0, 'small')")
    capture, applier = sluice.capture(task), sluice.apply(task)
    assert f"{names.task}.oversize" in applier.wait_event("oversize_not_applied")["topic"]
    target.wait_for(f"SELECT COUNT(*) FROM {large}", ((1,),), 60)
    for i in range(2, 4):
        transaction(
            source,
            f"INSERT INTO {large} VALUES ({i}, 0, 'before'), ({i + 10}, 0, {LARGE})",
            f"UPDATE {large} SET n = n + 1 WHERE id = 1",
            f"UPDATE {large} SET n = n + 1 WHERE id = {i + 10}",  # the last record is a large one
        )
        capture.kill()
        capture = sluice.start("capture", task)
    rows = source.query(f"SELECT id, n FROM {large} WHERE id < 10 ORDER BY id")
    target.wait_for(f"SELECT id, n FROM {large} ORDER BY id", rows, 60)
    wait_until(lambda: len(applier.events("oversize_left_out")) == 4, 60, "4 lines of what is left out")
    capture.stop()
    applier.stop()

    side = TopicReader(kafka.address, f"{names.task}.oversize").read()
    data = read_topic(kafka.address, names.topic)
    assert len(side) == 4, "whole messages, each in one record"
    assert all("split" not in r.header and len(r.value) > 20 * MB for r in side)
    assert {r.json["data"][0]["id"] for r in side} == {"12", "13"}
    both = sorted(data + side, key=lambda r: r.json["id"])
    seen = [(r.header["txn"], int(r.header["seq"])) for r in both]
    assert len(seen) == len(set(seen)), "a record twice"
    for txn in {txn for txn, _ in seen}:
        mine = [r for r in both if r.header["txn"] == txn]
        assert [int(r.header["seq"]) for r in mine] == list(range(1, len(mine) + 1)), txn
        assert [r.header.get("last") for r in data if r.header["txn"] == txn][-1] == "1"
