"""acks and compression of a task that has begun: SIGHUP names them, a restart takes them, and the position is kept."""

import signal

import pytest

from lib.kafka_reader import read_topic


@pytest.mark.parametrize("delivery, acks", [("exactly-once", "all"), ("at-least-once", "1"), ("at-least-once", "0")])
def test_acks_and_compression_may_change(source, kafka, sluice, names, delivery, acks):
    table = f"{names.database}.t"
    source.execute(f"CREATE DATABASE {names.database}", f"CREATE TABLE {table} (id INT PRIMARY KEY)",
                   f"INSERT INTO {table} VALUES (0)")
    settings = [{"compression.codec": "lz4"}, {"compression.codec": "gzip", "acks": acks},
                {"compression.codec": "zstd", "acks": "all"}, {"compression.codec": "none", "acks": acks}]
    task = sluice.task(target=None, delivery=delivery, kafka=settings[0])
    for i, new in enumerate(settings[1:], start=1):
        capture = sluice.capture(task)
        if i == 1:  # a row that comes while its table is copied may come twice: with phase snapshot
            capture.wait_event("full_copy_done")
        source.execute(f"INSERT INTO {table} VALUES ({2 * i - 1})")
        sluice.task(target=None, delivery=delivery, kafka=new)
        capture.signal(signal.SIGHUP)
        assert "kafka" in capture.wait_event("restart_needed")["changed"]
        capture.stop()
        source.execute(f"INSERT INTO {table} VALUES ({2 * i})")
        sluice.run("capture", task, "--until-caught-up")
    ids = [int(r.json["data"][0]["id"]) for r in read_topic(kafka.address, names.task)]
    assert ids == list(range(2 * len(settings) - 1))
