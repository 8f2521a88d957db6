"""Exactly once under SIGKILL: capture and applier at random moments, Kafka five times, while a
steady mixed load runs. SLUICE_KILLS sets the number of kills; the soak run uses thousands."""

import os
import random
import time

import pytest

from lib.kafka_reader import read_topic
from lib.load import Load, check_exactly_once, contents
from lib.servers import Kafka
from lib.wait import wait_until

KILLS = int(os.environ.get("SLUICE_KILLS", "50"))
KAFKA_KILLS = int(os.environ.get("SLUICE_KAFKA_KILLS", "5"))
SEED = int(os.environ.get("SLUICE_SEED", "20261121"))


@pytest.mark.timeout(240 + 12 * KILLS)
def test_nothing_lost_nothing_twice(source, target, sluice, names, tmp_path):
    with Kafka(tmp_path / "kafka") as kafka:
        task = sluice.task(
            phases=["schema", "full", "incremental"],
            objects={"include": [f"{names.database}.*"]},
            kafka={"bootstrap.servers": kafka.address},
        )
        load = Load(source, names.database, SEED)
        load.create_tables()
        load.start()
        chaos(sluice, task, kafka, random.Random(SEED))
        load.stop()
        last = {name: sluice.start(name, task) for name in ("capture", "apply")}
        expected = contents(source, names.database)
        wait_until(
            lambda: contents(target, names.database) == expected,
            120,
            "target equal to source",
            interval_s=0.5,
        )
        for process in last.values():
            assert process.stop() < 2.0, f"{process.name} took too long to end"
        records = read_topic(kafka.address, names.task)
        transactions = check_exactly_once(records)
        assert transactions > load.transactions / 2 > 0  # some found no row to change
        print(f"{KILLS} kills, {load.transactions} transactions, {len(records)} records")


def chaos(sluice, task, kafka, rng):
    """Kills one of the two again and again, starts it again; Kafka now and then."""
    running = {name: sluice.start(name, task) for name in ("capture", "apply")}
    for process in running.values():
        process.wait_ready(60)  # what was written before is copied and no transaction of the stream
    kafka_kills = set(rng.sample(range(5, KILLS), min(KAFKA_KILLS, KILLS - 5)))
    for kill in range(KILLS):
        time.sleep(rng.choice([0.02, 0.1, 0.3, 0.6, 1.0, 1.5]) * rng.random() + 0.02)
        if kill in kafka_kills:
            kafka.kill()
            kafka.start()
        name = rng.choice(["capture", "apply"])
        assert running[name].returncode is None, f"{name} ended:\n{running[name].stderr[-2000:]}"
        running[name].kill()
        running[name] = sluice.start(name, task)
    for process in running.values():
        process.wait_ready(60)
        process.kill()
