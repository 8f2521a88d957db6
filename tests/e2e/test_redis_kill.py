"""Exactly once for Redis under SIGKILL: the source's connection cut, capture, applier and Kafka killed
at random moments while commands run of which each counts (INCR, LPUSH, APPEND, XADD and all others).
SLUICE_KILLS sets the number; the soak run uses more."""

import os
import random
import time

import pytest

from lib.kafka_reader import read_topic
from lib.proxy import Proxy
from lib.redis_compare import expect_same_digest, wait_equal
from lib.redis_load import Load
from lib.redis_replay import check_blocks, commands
from lib.servers import Kafka

KILLS = int(os.environ.get("SLUICE_KILLS", "50"))
KAFKA_KILLS = int(os.environ.get("SLUICE_KAFKA_KILLS", "4"))
SEED = int(os.environ.get("SLUICE_SEED", "20261121"))
DATABASES = (0, 3)
COUNTING = ("INCR", "INCRBY", "LPUSH", "RPUSH", "APPEND", "XADD", "LPOP", "ZINCRBY", "HINCRBY", "EVAL",
            "RPOPLPUSH", "SPOP", "SETRANGE", "XREADGROUP", "XGROUP")


@pytest.mark.timeout(240 + 12 * KILLS)
@pytest.mark.parametrize("only", [COUNTING], ids=["counting"])
def test_nothing_lost_nothing_twice(redis_source, redis_target, redis_sluice, names, tmp_path, only):
    with Kafka(tmp_path / "kafka") as kafka, Proxy(redis_source) as proxy:
        task = redis_sluice.task(
            kafka={"bootstrap.servers": kafka.address},
            source={"hosts": [proxy.address]},
        )
        load = Load(redis_source, SEED, per_s=600, databases=DATABASES, only=only)
        load.run(500)
        load.start()
        chaos(redis_sluice, task, kafka, proxy, random.Random(SEED))
        load.stop()
        last = {name: redis_sluice.start(name, task) for name in ("capture", "apply")}
        wait_equal(redis_source, redis_target, 120)
        for process in last.values():
            assert process.stop() < 2.0, f"{process.name} took too long to end"
        expect_same_digest(redis_source, redis_target)
        records = read_topic(kafka.address, names.topic)
        check_blocks(commands(records))
        ids = [record.json["id"] for record in records]
        assert ids == sorted(set(ids)), "ids do not increase"
        print(f"{KILLS} kills, {load.commands} commands, {len(records)} records")


def chaos(sluice, task, kafka, proxy, rng):
    """Kills one of the two again and again, starts it again; cuts the source's connection in between,
    kills Kafka now and then."""
    running = {name: sluice.start(name, task) for name in ("capture", "apply")}
    # a copy that begins anew has no pending entries of those that were trimmed meanwhile
    running["capture"].wait_event("full_copy_done", 60)
    kafka_kills = set(rng.sample(range(5, KILLS), min(KAFKA_KILLS, KILLS - 5)))
    for kill in range(KILLS):
        time.sleep(rng.choice([0.02, 0.1, 0.3, 0.6, 1.0, 1.5]) * rng.random() + 0.02)
        if kill in kafka_kills:
            kafka.kill()
            kafka.start()
        name = rng.choice(["capture", "apply", "source"])
        if name == "source":
            proxy.drop()
            continue
        assert running[name].returncode is None, f"{name} ended:\n{running[name].stderr[-2000:]}"
        running[name].kill()
        running[name] = sluice.start(name, task)
    for process in running.values():
        process.wait_ready(60)
        process.kill()
