"""The load of the Redis tests writes what it says, and their comparer sees every difference."""

import time

import pytest

from lib.redis import Redis, available
from lib.redis_compare import differences, expect_same_digest, wait_equal
from lib.redis_load import Load
from lib.wait import wait_until

KINDS = ["redis-7.0", "valkey-9.1"]


@pytest.fixture(scope="module")
def pair(kind, tmp_path_factory):
    """Two servers of a kind, the second a replica that may be written to."""
    if not available(kind):
        pytest.skip(f"{kind} is not to be had")
    directory = tmp_path_factory.mktemp("pair")
    with Redis(directory / "a", kind=kind) as a, \
            Redis(directory / "b", "replica-read-only no", kind=kind) as b:
        b.replicate(a)
        yield a, b


def in_step(a, b):
    """The replica has all of it."""
    wait_until(lambda: a.info("replication")["master_repl_offset"]
               == b.info("replication")["slave_repl_offset"], 10)


@pytest.mark.parametrize("kind", KINDS, scope="module")
def test_every_form_of_the_load_goes_well(pair):
    """And the server's own replica is then found equal, but for what it is not told."""
    a, b = pair
    load = Load(a, seed=1, databases=(0, 1, 9)).run(12_000)
    load.check()
    never = [form for form, count in load.counts.items() if count == 0 and "FLUSHALL" not in form]
    assert len(load.counts) > 150 and len(never) <= 2, never
    in_step(a, b)
    wait_equal(a, b, 10)
    told = ("entries-read", "lag") + (("consumers",) if a.kind == "valkey-9.1" else ())
    lines = [line for line in differences(a, b, strict=True) if ": stream" in line]
    assert lines and all(any(word in line for word in told) for line in lines), lines
    expect_same_digest(a, b)


DIFFERENT = {
    # name: (commands at both, commands at the second only, what is said)
    "missing": ([("SET", "k", 1)], [("DEL", "k")], "missing at the target"),
    "more": ([], [("SET", "k", 1)], "at the target only"),
    "string": ([("SET", "k", 1)], [("APPEND", "k", "\0")], "digest"),
    "type": ([("SADD", "k", "a")], [("DEL", "k"), ("RPUSH", "k", "a")], "type"),
    "list order": ([("RPUSH", "k", "a", "b")], [("DEL", "k"), ("RPUSH", "k", "b", "a")], "digest"),
    "score": ([("ZADD", "k", 1, "a")], [("ZADD", "k", 1.5, "a")], "digest"),
    "field": ([("HSET", "k", "a", 1)], [("HSET", "k", "b", 1)], "digest"),
    "entry": ([("XADD", "k", "1-1", "a", 1)], [("XADD", "k", "1-2", "a", 1)], "digest"),
    "expiry": ([("SET", "k", 1, "PXAT", 4102444800000)], [("PEXPIREAT", "k", 4102444800001)],
               "expires_ms"),
    "no expiry": ([("SET", "k", 1, "PXAT", 4102444800000)], [("PERSIST", "k")], "expires_ms"),
    "another database": ([("SET", "k", 1)], [("MOVE", "k", 5)], "db 5 k: at the target only"),
    "last id": ([("XADD", "k", "1-1", "a", 1)], [("XSETID", "k", "5-5")], "last-generated-id"),
    "entries added": ([("XADD", "k", "1-1", "a", 1)],
                      [("XSETID", "k", "1-1", "ENTRIESADDED", 5, "MAXDELETEDID", "0-1")], "max-deleted"),
    "group": ([("XGROUP", "CREATE", "k", "g", 0, "MKSTREAM")],
              [("XGROUP", "CREATE", "k", "h", 0)], "stream"),
    "group's id": ([("XADD", "k", "1-1", "a", 1), ("XGROUP", "CREATE", "k", "g", 0)],
                   [("XGROUP", "SETID", "k", "g", "1-1")], "stream"),
    "read count": ([("XADD", "k", "1-1", "a", 1), ("XGROUP", "CREATE", "k", "g", 0)],
                   [("XGROUP", "SETID", "k", "g", 0, "ENTRIESREAD", 1)], "entries-read"),
    "consumer": ([("XGROUP", "CREATE", "k", "g", 0, "MKSTREAM")],
                 [("XGROUP", "CREATECONSUMER", "k", "g", "c")], "stream"),
    "pending": ([("XADD", "k", "1-1", "a", 1), ("XGROUP", "CREATE", "k", "g", 0),
                 ("XREADGROUP", "GROUP", "g", "c", "STREAMS", "k", ">")],
                [("XACK", "k", "g", "1-1")], "stream"),
    "delivery count": ([("XADD", "k", "1-1", "a", 1), ("XGROUP", "CREATE", "k", "g", 0),
                        ("XREADGROUP", "GROUP", "g", "c", "STREAMS", "k", ">")],
                       [("XCLAIM", "k", "g", "c", 0, "1-1", "RETRYCOUNT", 9)], "stream"),
    "function": ([], [("FUNCTION", "LOAD", "#!lua name=l\nredis.register_function('f',"
                                           " function() return 1 end)")], "functions"),
}


@pytest.mark.parametrize("name", DIFFERENT)
@pytest.mark.parametrize("kind", KINDS, scope="module")
def test_comparer_sees(pair, name):
    expect_seen(*pair, name, *DIFFERENT[name])


@pytest.mark.parametrize("kind", ["valkey-9.1"], scope="module")
def test_comparer_sees_when_a_field_expires(pair):
    expect_seen(
        *pair, "field's expiry",
        [("HSET", "k", "a", 1), ("HPEXPIREAT", "k", 4102444800000, "FIELDS", 1, "a")],
        [("HPEXPIREAT", "k", 4102444800001, "FIELDS", 1, "a")], "fields")


def expect_seen(a, b, name, both, second, said):
    a.empty()
    a.pipeline([("SET", "other", 1), *both])
    in_step(a, b)
    assert differences(a, b) == []
    b.pipeline(second)
    lines = differences(a, b, strict=name in ("read count", "consumer"))
    assert lines and any(said in line for line in lines), lines
    assert all(" k:" in line or line.startswith("functions") for line in lines), lines
    if said not in ("functions", "expires_ms", "stream", "last-generated-id", "max-deleted", "fields",
                    "entries-read"):
        with pytest.raises(AssertionError, match="DEBUG DIGEST"):
            expect_same_digest(a, b, deadline_s=0)
    b.empty()
    b.replicate(a)


@pytest.mark.parametrize("kind", KINDS, scope="module")
def test_what_is_ours_does_not_count(pair):
    a, b = pair
    a.empty()
    a.run("SET", "SLUICE_HEARTBEAT:t", int(time.time()), "EX", 100)
    in_step(a, b)
    b.run("SET", "sluice:{0}:t:t:0", "5")
    b.run("DEL", "SLUICE_HEARTBEAT:t")
    assert differences(a, b) == []
    expect_same_digest(a, b)
