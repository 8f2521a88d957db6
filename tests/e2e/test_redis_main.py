"""Redis to Kafka to Redis: the random load of every write command, copied in full while it goes on,
and found equal to the last bit."""

import os

import pytest

from lib.kafka_reader import TopicReader
from lib.redis import Redis, available
from lib.redis_compare import expect_same_digest, wait_equal
from lib.redis_load import Load

DATABASES = (0, 1, 9, 255)
COMMANDS = int(os.environ.get("SLUICE_REDIS_COMMANDS", "4000"))
SEED = int(os.environ.get("SLUICE_SEED", "20261121"))
PAIRS = [("redis-7.0", "redis-7.0"), ("valkey-8.0", "valkey-9.1"), ("redis-6.2", "redis-8.0")]
if "SLUICE_REDIS_COMMANDS" in os.environ:
    PAIRS += [("redis-8.0", "redis-8.0"), ("valkey-9.1", "valkey-9.1"), ("redis-6.2", "valkey-9.1"),
              ("redis-7.0", "valkey-8.0")]


@pytest.fixture
def servers(request, tmp_path):
    kinds = request.param
    for kind in kinds:
        if not available(kind):
            pytest.skip(f"{kind} is not to be had")
    with Redis(tmp_path / "source", kind=kinds[0]) as source, \
            Redis(tmp_path / "target", kind=kinds[1]) as target:
        yield source, target


@pytest.mark.timeout(120 + COMMANDS // 50)
@pytest.mark.parametrize("servers", PAIRS, indirect=True, ids="-to-".join)
def test_copied_while_everything_is_written(servers, redis_between, reader):
    source, target = servers
    sluice = redis_between(source, target)
    load = Load(source, SEED, per_s=2000, databases=DATABASES).run(3000)
    task = sluice.task()
    load.start()
    capture, apply = sluice.capture(task), sluice.apply(task)
    load.wait(COMMANDS, 60 + COMMANDS / 100)
    load.stop()
    wait_equal(source, target, 60)
    for process in (capture, apply):
        process.stop()
    if source.kind == target.kind or source.kind.startswith("valkey"):
        expect_same_digest(source, target)
    assert len(reader.read()) < load.commands  # commands share messages


def test_standing_data_is_equal_in_all_that_a_server_tells(redis_source, redis_target,
                                                           redis_sluice, names, kafka):
    """A full copy alone carries what replicas are not told while they follow, too."""
    Load(redis_source, SEED + 1, databases=DATABASES, lasting=True,
         without=("FLUSHALL", "FLUSHDB")).run(6000)
    redis_sluice.run("run", redis_sluice.task(), "--until-caught-up")
    wait_equal(redis_source, redis_target, 10, strict=True)
    expect_same_digest(redis_source, redis_target)
    records = TopicReader(kafka.address, names.topic).read()
    phases = {record.header["phase"] for record in records}
    assert phases == {"snapshot"}, phases
