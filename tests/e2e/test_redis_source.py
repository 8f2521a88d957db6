"""The Redis source alone: full copy and stream into Kafka, replayed by a reader into another server."""

import os
import random
import signal
import threading

import pytest
from lib.proxy import Proxy
from lib.redis import Redis
from lib.redis_compare import wait_equal
from lib.redis_replay import MARKER, check_blocks, commands, replay
from lib.sluice import BIN
from lib.wait import wait_until

HEARTBEAT = b"SLUICE_HEARTBEAT:"
BIG_KEY_MB = int(os.environ.get("SLUICE_BIG_KEY_MB", "140"))
LIMIT_MB = 128
PUSH = "for i = 1, 1000 do redis.call('RPUSH', KEYS[1], i .. ARGV[1]) end"


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
        # killed before the copy's end is committed, the next one would copy again
        wait_until(lambda: markers(commands(reader.read())) == [b"BEGIN", b"END"], 60, "the copy")
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
        new.wait_as_far_as(old)
        old.kill()
        new.run("REPLICAOF", "NO", "ONE")
        with new.connect() as connection:
            workload(connection, 2)
        found = same(new, reader, redis_target)
        assert markers(found) == [b"BEGIN", b"END"]
        assert capture.wait_event("source_reconnect")["server"] == new.address
        capture.stop()


@pytest.mark.timeout(120 + BIG_KEY_MB)
def test_key_larger_than_memory(redis_source, redis_target, redis_sluice):
    """A list passes through both programs in pieces; sanitizers multiply memory, so the bound is asserted
    without them."""
    with redis_source.connect(timeout_s=60) as connection:
        for _ in range(BIG_KEY_MB):
            connection("EVAL", PUSH, 1, "big", random.randbytes(500).hex())
        assert connection("MEMORY", "USAGE", "big") > BIG_KEY_MB * 10**6
    task = redis_sluice.task()
    apply, capture = redis_sluice.start("apply", task), redis_sluice.start("capture", task)
    capture.wait_event("full_copy_done", 60 + BIG_KEY_MB)
    wait_equal(redis_source, redis_target, 60 + BIG_KEY_MB)
    peaks = {p.name: p.peak_rss_mb for p in (capture, apply)}
    print({name: f"{mb:.0f} MB" for name, mb in peaks.items()})
    if b"__asan_init" not in (BIN / "sluice-capture-redis").read_bytes():
        assert all(mb < LIMIT_MB for mb in peaks.values()), peaks
    capture.stop()
    apply.stop()


def test_slow_target_leaves_the_source_alone(redis_source, redis_target, redis_sluice):
    """File and stream go to Kafka while the applier stands still: the server never has to hold more for
    the capture than its limit."""
    limit = redis_source.run("CONFIG", "GET", "client-output-buffer-limit")[1]
    task = redis_sluice.task()
    apply = redis_sluice.start("apply", task)
    try:
        redis_source.config(client_output_buffer_limit="replica 8mb 0 0")
        with redis_source.connect() as connection:
            push(connection, 6)
            apply.wait_ready()
            apply.signal(signal.SIGSTOP)
            capture = redis_sluice.start("capture", task)
            capture.wait_event("full_copy_begin")
            for _ in range(5):
                push(connection, 3)
                wait_until(lambda: lag_bytes(redis_source) < 1 << 20, 60, "the stream is read")
        assert not capture.events("source_lost") and not capture.events("retry")
        apply.signal(signal.SIGCONT)
        wait_equal(redis_source, redis_target, 60)
        capture.stop()
        apply.stop()
    finally:
        apply.signal(signal.SIGCONT)
        redis_source.config(client_output_buffer_limit=limit)


def push(connection, mb):
    """So much in the stream, as commands of a kilobyte."""
    connection.pipeline([("SET", f"k:{random.randrange(10**6)}", random.randbytes(1000))
                         for _ in range(1000 * mb)])


def lag_bytes(server):
    """What the capture has not read yet."""
    info = server.info("replication")
    read = info.get("slave0", "offset=0").split("offset=")[1].split(",")[0]
    return int(info["master_repl_offset"]) - int(read)


def test_heartbeat_that_may_not_be_written(redis_source, redis_sluice):
    """The lag is known only while others write then, and status says so, until the right is there."""
    redis_source.run("ACL", "SETUSER", "mute", "reset", "on", ">p", "+ping", "+info", "+replconf",
                     "+psync")
    task = redis_sluice.task(target=None, source={"user": "mute", "password": "p",
                                                  "heartbeat_seconds": 1})
    capture = redis_sluice.capture(task)
    capture.wait_event("heartbeat_refused")

    def says():
        return "the lag may be inaccurate" in redis_sluice.run("status", task, status=None).stdout

    assert says()
    redis_source.run("ACL", "SETUSER", "mute", "+set", "~SLUICE_HEARTBEAT:*")
    wait_until(lambda: not says(), 30, "the heartbeat written")
    capture.stop()
    redis_source.run("ACL", "DELUSER", "mute")
