"""The Redis source alone: full copy and stream into Kafka, replayed by a reader into another server."""

import random
import threading

import pytest
from lib.proxy import Proxy
from lib.redis import Redis
from lib.redis_replay import MARKER, check_blocks, commands, replay
from lib.wait import wait_until

HEARTBEAT = b"SLUICE_HEARTBEAT:"


def fill(connection, keys=300):
    """Keys of every type, some large enough for several commands."""
    connection.pipeline([("SET", f"s:{i}", f"value {i}") for i in range(keys)])
    connection("SET", b"bin\xff\x00", bytes(range(256)))
    connection("SET", "long", "x" * 300000)
    connection("RPUSH", "list", *range(1000))
    connection("SADD", "set", *[f"m{i}" for i in range(700)])
    connection("SADD", "ints", 1, 2, 3)
    connection("HSET", "hash", *[f"f{i}" for i in range(1200)])
    connection("ZADD", "zset", *[x for i in range(600) for x in (i / 7, f"z{i}")])
    connection("XADD", "stream", "1-1", "a", "b")
    connection("XGROUP", "CREATE", "stream", "g", "0")
    connection("PEXPIREAT", "s:1", 4102444800000)
    connection("SELECT", 3)
    connection("SET", "other", "database", "PX", 10**9)
    connection("SELECT", 0)


def workload(connection, seed, rounds=400):
    """Commands that are not idempotent, in two databases, single and in blocks."""
    rng = random.Random(seed)
    for i in range(rounds):
        db = rng.choice((0, 3))
        connection("SELECT", db)
        some = [("INCR", f"counter:{rng.randrange(5)}"), ("RPUSH", "log", i, seed),
                ("APPEND", "text", f"{seed}.{i},"), ("HINCRBY", "h", rng.randrange(9), 3),
                ("XADD", "events", "*", "n", i), ("SET", f"e:{i}", "1", "EX", 100000),
                ("LPOP", "log"), ("SADD", "set2", rng.randrange(1000)), ("SPOP", "set2"),
                ("MSET", "m1", i, "m2", seed), ("DEL", f"e:{rng.randrange(rounds)}")]
        words = rng.sample(some, rng.randrange(1, len(some)))
        if rng.random() < 0.3:
            connection.pipeline([("MULTI",), *words, ("EXEC",)])
        elif rng.random() < 0.1:
            connection("EVAL", "for i = 1, 20 do redis.call('INCR', KEYS[1]) end", 1, "scripted")
        else:
            connection.pipeline(words)


def end_of(server, reader):
    """Writes a last key and reads until it is in the topic."""
    name = b"end:%d" % random.getrandbits(60)
    server.run("SET", name, "1")
    found = []

    def there():
        found[:] = commands(reader.read())
        return any(name in c.argv for c in found)

    wait_until(there, 60, "the last command in the topic")
    return found


def same(source, reader, target):
    """What the topic holds makes the same data; returns the commands."""
    found = end_of(source, reader)
    check_blocks(found)
    assert not any(HEARTBEAT in a for c in found for a in c.argv)
    target.empty()
    replay(found, target)
    with source.connect() as connection:  # the heartbeat is ours
        for key in connection("KEYS", HEARTBEAT + b"*"):
            connection("DEL", key)
        assert connection("DEBUG", "DIGEST") == target.run("DEBUG", "DIGEST")
    return found


def markers(found):
    return [c.argv[1] for c in found if c.name == MARKER]


@pytest.mark.parametrize("diskless", ["yes", "no"])
def test_full_copy_and_stream(redis_source, redis_target, redis_sluice, reader, diskless):
    redis_source.config(repl_diskless_sync=diskless)
    with redis_source.connect() as connection:
        fill(connection)
        task = redis_sluice.task(target=None)
        capture = redis_sluice.start("capture", task)
        workload(connection, 1)
        capture.wait_ready()
        workload(connection, 2)
    found = same(redis_source, reader, redis_target)
    assert markers(found) == [b"BEGIN", b"END"]
    assert check_blocks(found) > 20
    assert {c.phase for c in found} == {"snapshot", "incr"}
    capture.stop()


def test_goes_on_behind_the_checkpoint(redis_source, redis_target, redis_sluice, reader):
    task = redis_sluice.task(target=None)
    with redis_source.connect() as connection:
        fill(connection)
        capture = redis_sluice.capture(task)
        workload(connection, 1)
        capture.kill()
        workload(connection, 2)
        capture = redis_sluice.capture(task)
        workload(connection, 3)
        capture.stop()
        workload(connection, 4)
        capture = redis_sluice.capture(task)
    found = same(redis_source, reader, redis_target)
    assert markers(found) == [b"BEGIN", b"END"]


def test_connection_lost_without_a_new_session(redis_source, redis_target, redis_sluice, reader):
    with Proxy(redis_source) as proxy, redis_source.connect() as connection:
        fill(connection)
        capture = redis_sluice.capture(
            redis_sluice.task(target=None, source={"hosts": [proxy.address]}))
        capture.wait_event("full_copy_done")
        for i in range(5):
            workload(connection, i, rounds=60)
            proxy.drop()
            workload(connection, 10 + i, rounds=60)
            capture.wait_event("source_reconnect", count=i + 1)
        found = same(redis_source, reader, redis_target)
    assert markers(found) == [b"BEGIN", b"END"]
    assert len(capture.events("start")) == 1


def test_large_block(redis_source, redis_target, redis_sluice, reader):
    """A block of more than a batch."""
    capture = redis_sluice.capture(redis_sluice.task(target=None))
    with redis_source.connect() as connection:
        connection("EVAL", "for i = 1, 30000 do redis.call('RPUSH', 'big', i) end", 0)
    found = same(redis_source, reader, redis_target)
    block = [c for c in found if c.tx is not None]
    assert len(block) == 30000 and block[-1].row["tx_seq"] == "30000"
    capture.stop()


def test_backlog_gone_is_copied_again(redis_source, redis_target, redis_sluice, reader):
    task = redis_sluice.task(target=None)
    with redis_source.connect() as connection:
        fill(connection)
        capture = redis_sluice.capture(task)
        end_of(redis_source, reader)
        capture.kill()
        connection("DEL", "list")
        connection("CONFIG", "SET", "repl-backlog-size", 16384)
        connection("SET", "pushes it out", "x" * 100000)
        connection("CONFIG", "SET", "repl-backlog-size", 64 << 20)
        capture = redis_sluice.capture(task)
        capture.wait_event("full_resync")
        capture.wait_event("full_copy_done")
        workload(connection, 5)
    found = same(redis_source, reader, redis_target)
    assert markers(found) == [b"BEGIN", b"END"] * 2
    capture.stop()


def test_backlog_gone_without_full_stops(redis_source, redis_sluice, reader):
    task = redis_sluice.task(target=None, phases=["incremental"])
    with redis_source.connect() as connection:
        capture = redis_sluice.capture(task)
        connection("SET", "before", "1")
        end_of(redis_source, reader)  # with it there is a checkpoint
        capture.kill()
        connection("CONFIG", "SET", "repl-backlog-size", 16384)
        connection("SET", "pushes it out", "x" * 100000)
        connection("CONFIG", "SET", "repl-backlog-size", 64 << 20)
    capture = redis_sluice.run("capture", task, status=3)
    assert "repl-backlog-size" in capture.stderr and "new name" in capture.stderr


def test_start_now(redis_source, redis_sluice, reader):
    with redis_source.connect() as connection:
        fill(connection)
        capture = redis_sluice.capture(redis_sluice.task(target=None, source={"start": "now"}))
        connection("SELECT", 7)
        connection("SET", "later", "1")
    found = end_of(redis_source, reader)
    assert [(c.db, c.name, c.argv[1]) for c in found[:-1]] == [(7, b"SET", b"later")]
    capture.stop()


def test_failover(redis_source, redis_target, redis_sluice, reader, tmp_path):
    """The replica that takes over has the history of its master."""
    with Redis(tmp_path / "old") as old, Redis(tmp_path / "new") as new:
        new.replicate(old)
        with old.connect() as connection:
            fill(connection)
            capture = redis_sluice.capture(redis_sluice.task(
                target=None, source={"hosts": [old.address, new.address], "heartbeat_seconds": 1}))
            workload(connection, 1)
            connection("WAIT", 1, 10000)
        old.kill()
        new.run("REPLICAOF", "NO", "ONE")
        with new.connect() as connection:
            workload(connection, 2)
        found = same(new, reader, redis_target)
        assert markers(found) == [b"BEGIN", b"END"]
        assert capture.wait_event("source_reconnect")["server"] == new.address
        capture.stop()
