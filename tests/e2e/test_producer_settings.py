"""acks and compression of a task that has begun: a SIGHUP or a restart takes them, and the position is kept."""

import signal
import struct

import pytest

from lib.kafka_reader import read_topic
from lib.wait import wait_until

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
CONTROL = 0x20


def codecs(kafka, topic):
    """Of the batches in the broker's own files, one after the other."""
    found = []
    for file in sorted((kafka.directory / "data" / f"{topic}-0").glob("*.log")):
        data, at = file.read_bytes(), 0
        while at + 23 <= len(data) and data[at + 16] == 2:  # zeros: not written yet
            length, attributes = struct.unpack_from(">8xi9xh", data, at)
            found += [] if attributes & CONTROL else [CODECS[attributes & 7]]
            at += 12 + length
    return found


@pytest.mark.parametrize("delivery, acks", [("exactly-once", "all"), ("at-least-once", "1"), ("at-least-once", "0")])
def test_acks_and_compression_may_change(source, kafka, sluice, names, delivery, acks):
    table = f"{names.database}.t"
    source.execute(f"CREATE DATABASE {names.database}",
                   f"CREATE TABLE {table} (id INT PRIMARY KEY, t TEXT)")
    settings = [{"compression.codec": "lz4"}, {"compression.codec": "gzip", "acks": acks},
                {"compression.codec": "zstd", "acks": "all"}, {"compression.codec": "none", "acks": acks}]

    def task(kafka):
        return sluice.task(target=None, phases=["incremental"], delivery=delivery, kafka=kafka)

    def row(number):
        source.execute(f"INSERT INTO {table} VALUES ({number}, REPEAT('t', 2000))")
        wait_until(lambda: len(codecs(kafka, names.task)) > number, 60, f"row {number}")

    capture = sluice.capture(task(settings[0]))
    row(0)
    task({"acks": "1" if delivery == "exactly-once" else "some"})
    capture.signal(signal.SIGHUP)
    capture.wait_event("task_file_refused")
    for number, new in enumerate(settings[1:], start=1):
        task(new)
        capture.signal(signal.SIGHUP)
        capture.wait_event("ready", 60, number + 1)
        row(number)
    assert capture.events("restart_needed") == [] and len(capture.events("restart")) == 3
    assert capture.stop() < 5
    for number, new in enumerate(settings, start=len(settings)):
        capture = sluice.capture(task(new))
        row(number)
        capture.stop()
    ids = [int(r.json["data"][0]["id"]) for r in read_topic(kafka.address, names.task)]
    assert ids == list(range(2 * len(settings)))
    assert codecs(kafka, names.task) == [s["compression.codec"] for s in settings] * 2


def test_a_running_task_takes_them(source, target, kafka, sluice, names):
    """Both programs begin anew under `sluice run`, which goes on."""
    table = f"{names.database}.t"
    source.execute(f"CREATE DATABASE {names.database}", f"CREATE TABLE {table} (id INT PRIMARY KEY, t TEXT)",
                   f"INSERT INTO {table} VALUES (1, REPEAT('t', 2000))")
    task = sluice.task(phases=["schema", "full", "incremental"], kafka={"compression.codec": "gzip"})
    runner = sluice.start("run", task, "--skip-precheck")
    target.wait_for(f"SELECT id FROM {table}", ((1,),))
    sluice.task(phases=["schema", "full", "incremental"], kafka={"compression.codec": "zstd"})
    runner.signal(signal.SIGHUP)
    for program in ("capture", "apply"):
        runner.wait_event("ready", 60, 2, program=program)
    source.execute(f"INSERT INTO {table} VALUES (2, REPEAT('t', 2000))")
    target.wait_for(f"SELECT id FROM {table}", ((1,), (2,)))
    assert [codecs(kafka, names.task)[n] for n in (0, -1)] == ["gzip", "zstd"]
    assert len(runner.events("restart")) == 2 and runner.events("stopped") == []
    runner.stop()
