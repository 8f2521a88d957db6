"""What a Redis source takes by database and key prefix, of commands over several keys too."""

import time

import pytest
from lib.redis_replay import commands
from lib.wait import wait_until


def end_of(source, reader, db, key):
    """Until the last command is there; the commands without the copy's and the last one."""
    source.pipeline([("SET", key, "end")], db)
    found = []

    def there():
        found[:] = [c for c in commands(reader.read()) if c.phase == "incr"]
        return any(c.argv == [b"SET", key.encode(), b"end"] for c in found)

    wait_until(there, 30, "the last command in the topic")
    return [(c.db, *(a.decode() for a in c.argv)) for c in found[:-1]]


def test_prefixes_and_databases(redis_source, redis_sluice, reader):
    task = redis_sluice.task({"target": None}, objects={"include": ["0", "3"], "key_prefixes": ["u:", "o:"]},
                             source={"unsplittable": "skip"})
    redis_source.pipeline([("MSET", "u:0", "copied", "x", "not")])
    redis_source.pipeline([("SET", "u:0", "not")], db=1)
    capture = redis_sluice.capture(task)
    wait_until(lambda: any(c.argv[:2] == [b"SLUICE.FULLSYNC", b"END"]
                           for c in commands(reader.read())), 30)
    copied = [c.argv for c in commands(reader.read()) if c.argv[0] == b"SET"]
    assert copied == [[b"SET", b"u:0", b"copied"]]
    moment = int(time.time() * 1000) + 10**7
    redis_source.pipeline([
        ("MSET", "x", 1, "u:1", 2, "y", 3, "o:2", 4), ("MSET", "x", 1, "y", 2),
        ("SADD", "u:s", "a"), ("SADD", "x:s", "a"), ("SADD", "o:s", "a"),
        ("SUNIONSTORE", "o:t", "u:s", "o:s"), ("SUNIONSTORE", "x:t", "u:s"),
        ("SUNIONSTORE", "u:t", "x:s", "u:s"), ("DEL", "x", "u:1", "y"),
        ("RENAME", "u:s", "x:r"), ("RENAME", "x:r", "u:s"), ("MOVE", "o:2", 1),
        ("PEXPIREAT", "o:t", moment), ("PUBLISH", "u:channel", "m"),
        ("MULTI",), ("SET", "x", 1), ("INCR", "u:n"), ("INCR", "x:n"), ("EXEC",),
        ("EVAL", "redis.call('SET','x',1) redis.call('SET','u:e',1)", 0),
    ])
    redis_source.pipeline([("SET", "u:z", 1)], db=1)
    redis_source.pipeline([("COPY", "u:z", "o:z", "DB", 3)], db=1)
    assert end_of(redis_source, reader, 3, "u:end") == [
        (0, "MSET", "u:1", "2", "o:2", "4"),
        (0, "SADD", "u:s", "a"), (0, "SADD", "o:s", "a"),
        (0, "SUNIONSTORE", "o:t", "u:s", "o:s"),
        (0, "DEL", "u:1"),
        (0, "DEL", "u:s"),
        (0, "DEL", "o:2"),
        (0, "PEXPIREAT", "o:t", str(moment)),
        (0, "INCR", "u:n"),
        (0, "SET", "u:e", "1"),
    ]
    left_out = [e["reason"] for e in capture.events("command_left_out")]
    assert left_out == ["its key 'u:s' is selected, 'x:s' is not",
                        "its key 'u:s' is selected, 'x:r' is not",
                        "the key that it moves or copies is not selected"]
    capture.stop()


def test_what_cannot_be_split_stops(redis_source, redis_sluice, reader):
    capture = redis_sluice.capture(redis_sluice.task({"target": None}, objects={"key_prefixes": ["u:"]}))
    redis_source.pipeline([("SADD", "x", "a"), ("SADD", "u:a", "b"), ("SMOVE", "x", "u:a", "a")])
    assert capture.wait(30) == 1
    error = capture.events("failed")[-1]
    assert error["code"] == "redis_unsplittable"
    assert "command SMOVE in database 0" in error["error"] and "'u:a'" in error["error"]
    assert "source.unsplittable: skip" in error["error"] and ":637" not in error["error"]


@pytest.mark.parametrize("flush", ["carry", "refuse", "skip"])
def test_flush(redis_source, redis_sluice, reader, flush):
    task = redis_sluice.task({"target": None}, objects={"include": ["0", "3"]}, source={"flush": flush})
    capture = redis_sluice.capture(task)
    redis_source.pipeline([("FLUSHDB",)], db=1)
    redis_source.pipeline([("SET", "a", 1), ("FLUSHALL",)])
    if flush == "refuse":
        assert capture.wait(30) == 1
        assert capture.events("failed")[-1]["code"] == "redis_flush"
        return
    taken = [(0, "FLUSHDB"), (3, "FLUSHDB")] if flush == "carry" else []
    assert end_of(redis_source, reader, 3, "end") == [(0, "SET", "a", "1"), *taken]
    assert len(capture.events("flush_left_out")) == (flush == "skip")
    capture.stop()
