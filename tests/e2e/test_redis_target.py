"""The Redis target in the life of whole programs: a full memory, a failover, servers that load, are
busy or read-only, TLS with the documented accounts, and the options that change what is written."""

import re
import threading
import time

import pytest

from lib.proxy import Proxy
from lib.redis import Redis, RedisError
from lib.redis_compare import contents, expect_same_digest, wait_equal
from lib.redis_load import Load
from lib.servers import ROOT, STACK, TLS
from lib.wait import wait_until

SEED = 20261122
COUNTING = ("INCR", "INCRBY", "LPUSH", "RPUSH", "APPEND", "XADD", "LPOP", "HINCRBY", "EVAL", "SPOP")
VERIFY = {"mode": "verify-identity", "ca": str(TLS / "ca.pem")}


# --- what passes, and what does not ---


def test_memory_full_drops_nothing(redis_source, redis_target, redis_sluice):
    """OOM stops the applier; with memory it goes on where it was."""
    task = redis_sluice.task()
    capture, apply = redis_sluice.capture(task), redis_sluice.apply(task)
    load = Load(redis_source, SEED, databases=(0, 3), only=COUNTING).run(300)
    wait_equal(redis_source, redis_target, 60)
    used = int(redis_target.info("memory")["used_memory"])
    redis_target.config(maxmemory=used + 200_000)
    try:
        redis_source.pipeline([("SETRANGE", f"large:{n}", 50_000, "x") for n in range(20)])
        load.run(500)
        assert apply.wait(60) == 1
        failed = apply.events("failed")[-1]
        assert failed["code"] == "redis_oom" and "CONFIG SET maxmemory" in failed["error"]
        apply = redis_sluice.start("apply", task)  # not mended yet
        assert apply.wait(60) == 1
    finally:
        redis_target.config(maxmemory=0)
    load.run(200)
    apply = redis_sluice.apply(task)
    wait_equal(redis_source, redis_target, 60)
    expect_same_digest_without(redis_source, redis_target, capture, apply)


def expect_same_digest_without(source, target, *processes):
    for process in processes:
        process.stop()
    expect_same_digest(source, target)


def retried(process, code):
    """Until the applier has told that it tries again because of this."""
    return process.wait_event("retry", 60, code=code)


def test_failover_of_the_target(redis_source, redis_between, tmp_path):
    """The replica that takes over may lack the last transactions, and with them their offset: the
    applier takes them again from Kafka. Until its promotion it refuses writes."""
    with Redis(tmp_path / "old") as old, Redis(tmp_path / "new") as new:
        sluice = redis_between(redis_source, old)
        new.replicate(old)
        task = sluice.task(target={"hosts": [old.address, new.address]})
        load = Load(redis_source, SEED + 1, per_s=600, databases=(0, 3), only=COUNTING).run(300)
        load.start()
        capture, apply = sluice.capture(task), sluice.apply(task)
        load.wait(600)
        old.kill()
        retried(apply, "redis_readonly")
        new.run("REPLICAOF", "NO", "ONE")
        load.wait(600)
        load.stop()
        wait_equal(redis_source, new, 60)
        assert apply.returncode is None
        expect_same_digest_without(redis_source, new, capture, apply)


def test_target_that_loads_or_is_busy(redis_source, redis_between, tmp_path):
    options = ("key-load-delay 3000", "loading-process-events-interval-bytes 1024",
               "lua-time-limit 20")
    with Redis(tmp_path / "target", *options) as target:
        sluice = redis_between(redis_source, target)
        task = sluice.task()
        load = Load(redis_source, SEED + 2, per_s=400, databases=(0,), only=COUNTING).run(300)
        redis_source.pipeline([("SET", f"filler:{n}", n) for n in range(1000)])
        load.start()
        capture, apply = sluice.capture(task), sluice.apply(task)
        wait_equal_to(target, redis_source, "filler:999")
        busy = threading.Thread(target=run_until_killed, args=(target,))
        busy.start()
        try:
            retried(apply, "redis_busy")
        finally:
            kill_script(target)
            busy.join(30)
        target.run("SAVE")
        target.kill()  # what it has got since the SAVE is lost, and so is its offset
        starting = threading.Thread(target=target.start)
        starting.start()
        retried(apply, "redis_loading")
        starting.join(60)
        load.wait(200)
        load.stop()
        wait_equal(redis_source, target, 60)
        expect_same_digest_without(redis_source, target, capture, apply)


def wait_equal_to(target, source, key):
    target.wait_for(("GET", key), source.run("GET", key))


def run_until_killed(server):
    try:
        server.run("EVAL", "while true do end", 0)
    except (RedisError, OSError):
        pass


def kill_script(server):
    def killed():
        try:
            return server.run("SCRIPT", "KILL") == b"OK"
        except RedisError as error:
            return error.code == "NOTBUSY"

    wait_until(killed, 30)


# --- accounts and TLS ---


def documented():
    """The ACL SETUSER lines of docs/accounts.md, without their head and `reset`."""
    text = (ROOT / "docs" / "accounts.md").read_text()
    return re.findall(r"^ACL SETUSER (sluice_\w+) reset (.*)$", text, re.M)


def test_the_tests_run_with_the_documented_accounts():
    mine = re.findall(r"^user (sluice_\w+) (.*)$", (STACK / "redis.acl").read_text(), re.M)
    order = [(name, sorted(rights.replace("PASSWORD", "sluice").split()))
             for name, rights in documented()]
    assert [(name, sorted(rights.split())) for name, rights in mine] == order and len(order) == 2


def test_tls_with_the_least_accounts(redis_source, redis_target, redis_sluice):
    """Every form of the load, over TLS alone; PORT in clear text is not connected to."""
    task = redis_sluice.task(
        source={"hosts": [f"127.0.0.1:{redis_source.tls_port}"], "tls": VERIFY},
        target={"hosts": [f"127.0.0.1:{redis_target.tls_port}"], "tls": VERIFY})
    load = Load(redis_source, SEED + 3, per_s=1500, databases=(0, 9)).run(1000)
    load.start()
    capture, apply = redis_sluice.capture(task), redis_sluice.apply(task)
    load.wait(2000)
    load.stop()
    wait_equal(redis_source, redis_target, 60)
    for server, user in ((redis_source, "sluice_source"), (redis_target, "sluice_target")):
        clients = server.run("CLIENT", "LIST").decode().splitlines()
        ours = [line for line in clients if f" user={user} " in line]
        assert ours and all(f" laddr=127.0.0.1:{server.tls_port} " in line for line in ours), clients
    expect_same_digest_without(redis_source, redis_target, capture, apply)


@pytest.mark.parametrize("end, command", [("source", "capture"), ("target", "apply")])
def test_certificates_that_are_not_trusted(redis_source, redis_target, redis_sluice, end, command):
    server = redis_source if end == "source" else redis_target
    address = f"127.0.0.1:{server.tls_port}"
    other = {"mode": "verify-ca", "ca": str(TLS / "other-ca.pem")}
    task = redis_sluice.task({end: {"hosts": [address], "tls": other}})
    failed = redis_sluice.run(command, task, status=3).events("failed")[-1]
    assert failed["code"] == "net_tls" and address in failed["error"]
    # its other port waits for a line of text to end
    task = redis_sluice.task({end: {"hosts": [server.address], "tls": VERIFY}})
    error = retried(redis_sluice.start(command, task), "net_connect")["error"]
    assert "TLS handshake" in error and "a port without TLS" in error


# --- options ---


def test_conflict(redis_source, redis_target, redis_sluice):
    """Keys that the target has before the first copy."""
    def begin(conflict):
        redis_target.empty()
        redis_target.pipeline([("SET", "both", "theirs"), ("SET", "only", "theirs")], db=1)
        redis_sluice.defaults["name"] = redis_sluice.defaults["topics"]["data"] = f"{name}-{conflict}"
        return redis_sluice.task(target={"conflict": conflict})

    name = redis_sluice.defaults["name"]
    redis_source.pipeline([("SET", "both", "ours"), ("SET", "new", "ours")], db=1)
    task = begin("report")
    precheck = redis_sluice.run("precheck", task, status=None)
    assert re.search(r"^fail +target_data .*database 1", precheck.stdout, re.M), precheck.stdout
    capture = redis_sluice.capture(task)
    apply = redis_sluice.run("apply", task, status=3)
    failed = apply.events("failed")[-1]
    assert failed["code"] == "target_data" and "database 1 has keys already (key " in failed["error"]
    assert redis_target.databases()[1] == 2
    capture.stop()
    expected = {
        "keep": {"both": b"theirs+", "only": b"theirs", "new": b"ours+"},
        "overwrite": {"both": b"ours+", "only": None, "new": b"ours+"},
    }
    for conflict, values in expected.items():
        task = begin(conflict)
        redis_source.pipeline([("SET", "both", "ours"), ("SET", "new", "ours")], db=1)
        capture, apply = redis_sluice.capture(task), redis_sluice.apply(task)
        capture.wait_event("full_copy_done")
        redis_source.pipeline([("APPEND", "both", "+"), ("APPEND", "new", "+")], db=1)
        redis_target.wait_for(("GET", "new"), b"ours+", db=1)
        found = {key: redis_target.run("GET", key, db=1) for key in values}
        assert found == values, conflict
        capture.stop()
        apply.stop()


def test_databases_change_their_numbers(redis_source, redis_target, redis_sluice):
    """The whole load with MOVE, COPY, SWAPDB and FLUSHALL; also those that hold the offsets."""
    numbers = {0: 255, 255: 0, 3: 77, 9: 3}
    task = redis_sluice.task({"objects": {"include": [str(n) for n in numbers]}},
                             target={"databases": numbers})
    redis_target.run("SET", "not ours", 1, db=9)
    load = Load(redis_source, SEED + 4, per_s=2000, databases=tuple(numbers),
                without=("FUNCTION", "FCALL")).run(1500)  # go with all databases only
    load.start()
    capture, apply = redis_sluice.capture(task), redis_sluice.apply(task)
    load.wait(3000)
    load.stop()
    redis_source.pipeline([("FLUSHALL",), ("SET", "after", 1)], db=3)
    load.run(1500)
    at_9 = {(9, b"not ours")}
    wait_until(lambda: contents(redis_target, set()).keys() >= at_9, 30)
    wait_equal(redis_source, redis_target, 60, databases=numbers,
               where=lambda db, key: (db, key) not in at_9)
    for process in (capture, apply):
        process.stop()


def test_expiries_are_extended(redis_source, redis_target, redis_sluice):
    """Of the copy and of the stream, exactly; what has none gets none."""
    seconds = 86_400
    Load(redis_source, SEED + 5, lasting=True, without=("FLUSHALL", "FLUSHDB", "FUNCTION")).run(2000)
    task = redis_sluice.task(target={"extend_expiry_seconds": seconds})
    capture, apply = redis_sluice.capture(task), redis_sluice.apply(task)
    capture.wait_event("full_copy_done")
    load = Load(redis_source, SEED + 6, lasting=True, without=("FLUSHALL", "FLUSHDB", "FUNCTION"))
    load.run(2000)
    redis_source.run("SET", "last", 1)
    redis_target.wait_for(("GET", "last"), b"1")
    ours, theirs = contents(redis_source, set()), contents(redis_target, set())
    assert ours.keys() == theirs.keys()
    moments = {key: (value.expires_ms, theirs[key].expires_ms) for key, value in ours.items()}
    wrong = {key: (a, b) for key, (a, b) in moments.items()
             if b != (a + seconds * 1000 if a >= 0 else a)}
    assert not wrong, wrong
    assert sum(a >= 0 for a, _ in moments.values()) > 20
    capture.stop()
    apply.stop()


def test_key_that_expires_or_is_renewed_while_the_applier_is_away(redis_source, redis_target,
                                                                 redis_sluice):
    """Copied with an expiry that is past when it is applied: what the source renewed is there with
    the renewed one, what it has dropped is not."""
    redis_source.pipeline([("SET", "renewed", "a", "PX", 1500), ("SET", "gone", "a", "PX", 1500),
                           ("SET", "lasting", "a", "PX", 86_400_000)])
    task = redis_sluice.task()
    capture = redis_sluice.capture(task)
    capture.wait_event("full_copy_done")
    redis_source.pipeline([("APPEND", "renewed", "b"), ("PEXPIRE", "renewed", 86_400_000),
                           ("SET", "short", "a", "PX", 100), ("INCR", "n"), ("PEXPIRE", "n", 300),
                           ("INCR", "n"), ("PERSIST", "n")])
    redis_source.wait_for(("EXISTS", "gone", "short"), 0)
    apply = redis_sluice.apply(task)
    wait_equal(redis_source, redis_target, 30)
    assert redis_target.run("MGET", "renewed", "gone", "short", "n") == [b"ab", None, None, b"2"]
    expect_same_digest_without(redis_source, redis_target, capture, apply)


# --- a slow target ---


def test_a_target_that_stands_still_holds_nobody_up(redis_source, redis_target, redis_sluice):
    """All goes to Kafka, and nothing is left in the source's output buffer."""
    with Proxy(redis_target) as proxy:
        redis_source.pipeline([("SET", f"copied:{n}", "x" * 1000) for n in range(10_000)])
        task = redis_sluice.task(target={"hosts": [proxy.address]})
        capture, apply = redis_sluice.capture(task), redis_sluice.apply(task)
        proxy.pause()
        for n in range(5):
            redis_source.pipeline([("SET", f"s:{n}:{i}", "x" * 1000) for i in range(4_000)])
        end = int(redis_source.info("replication")["master_repl_offset"])
        wait_until(lambda: acknowledged(redis_source) >= end, 60, "the capture has read it all")
        clients = redis_source.run("CLIENT", "LIST", "TYPE", "REPLICA").decode()
        assert int(re.search(r" omem=(\d+) ", clients).group(1)) < 1_000_000, clients
        assert redis_target.databases().get(0, 0) < 30_000
        proxy.resume()
        wait_equal(redis_source, redis_target, 120)
    capture.stop()
    apply.kill()


def acknowledged(server):
    """How far the replica of the server says that it is, each second."""
    line = server.info("replication").get("slave0", "")
    found = re.search(r"state=online,offset=(\d+)", line)
    return int(found.group(1)) if found else -1


def test_the_capture_tells_each_second_how_far_it_is(redis_source, redis_sluice):
    capture = redis_sluice.capture(redis_sluice.task({"target": None}))
    for n in range(3):
        redis_source.run("SET", "k", n)
        end = int(redis_source.info("replication")["master_repl_offset"])
        asked = time.monotonic()
        wait_until(lambda: acknowledged(redis_source) >= end, 20)
        assert time.monotonic() - asked < 15
    capture.stop()
