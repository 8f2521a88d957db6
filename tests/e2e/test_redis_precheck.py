"""sluice precheck of Redis tasks: each check made to fail on real servers, then mended by the very
line that it printed."""

import contextlib
import os
import re
import selectors
import shlex
import socket
import subprocess
import threading

import pytest

from conftest import redis_task_runner
from lib.precheck import Precheck
from lib.redis import KINDS, Redis, RedisCluster, available, command
from lib.servers import STACK, TLS, free_port
from lib.wait import wait_until

# what a careful administrator has set, besides start-redis.sh's own
SOURCE = ("databases 16", "repl-backlog-ttl 0")
TARGET = ("databases 32", "appendonly yes")


def run_line(server, line, db=0):
    """A cure as it stands: a command of the server, or one for a shell with redis-cli."""
    line = line.split("; or ")[0]
    if not line.startswith("redis-cli"):
        return server.run(*shlex.split(line), db=db)
    run = shlex.quote(str(STACK / "redis-run.sh"))
    script = f"redis-cli() {{ {run} redis-7.0 redis-cli \"$@\"; }}\n"
    # xargs starts programs, not functions
    line = line.replace("' redis-cli", f"' {run} redis-7.0 redis-cli")
    done = subprocess.run(["bash", "-c", script + line], timeout=60, input="yes\n",
                          capture_output=True, text=True)
    assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"


class Liar:
    """A proxy in front of a server that changes its answers to INFO and TIME."""

    def __init__(self, server, info=lambda text: text, ahead_s=0):
        self.server, self.info, self.ahead_s = server, info, ahead_s
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with contextlib.suppress(OSError), client, \
                socket.create_connection((self.server.host, self.server.port)) as server, \
                selectors.DefaultSelector() as ready:
            ready.register(client, selectors.EVENT_READ, server)
            ready.register(server, selectors.EVENT_READ, client)
            while True:
                for key, _ in ready.select():
                    data = key.fileobj.recv(1 << 16)
                    if not data:
                        return
                    if data == command("INFO"):
                        text = self.info(self.server.run("INFO").decode())
                        client.sendall(b"$%d\r\n%s\r\n" % (len(text), text.encode()))
                    elif data == command("TIME"):
                        seconds, micros = self.server.run("TIME")
                        client.sendall(command(int(seconds) + self.ahead_s, micros))
                    else:
                        key.data.sendall(data)


def version(redis, valkey=None):
    def lie(text):
        own = f"\r\nvalkey_version:{valkey}" if valkey else ""
        return re.sub(r"redis_version:.*\r", f"redis_version:{redis}{own}\r", text)

    return lie


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A source and a target of this module alone: their settings are turned around."""
    directory = tmp_path_factory.mktemp("redis-precheck")
    with Redis(directory / "source", *SOURCE) as source, \
            Redis(directory / "target", *TARGET) as target:
        yield source, target


@pytest.fixture
def ends(pair, tmp_path, kafka, names):
    """source, target, the runner, and a task between them that has nothing to warn of."""
    source, target = pair
    runner = redis_task_runner(tmp_path, kafka, names, source, target)

    def task(changes=None, source=None, **more):
        return runner.task(changes, source={"flush": "refuse", **(source or {})}, **more)

    yield source, target, runner, task
    runner.clean_up()
    for server, appendonly in ((source, "no"), (target, "yes")):
        server.config(maxmemory=0, maxmemory_policy="noeviction", appendonly=appendonly)


def test_all_pass(ends, names, kafka):
    source, target, sluice, task = ends
    source.run("SET", "k", "v")
    done = Precheck(sluice, task(), status=0)
    assert done.bad() == set()
    seen = {i["name"] for i in done.items}
    documented = sluice.run("document-checks").stdout
    for section in re.split(r"^## ", documented, flags=re.M):
        if section.startswith(("source: redis", "target: redis")):
            for name in set(re.findall(r"^\| `(\w+)`", section, re.M)) - {"target_map"}:
                assert name in seen, f"{name} is documented, and was not looked at"
    # nothing was made or changed anywhere
    assert names.topic not in kafka.topics()
    assert source.databases() == {0: 1} and target.databases() == {}
    assert source.info("replication")["connected_slaves"] == "0"


@pytest.mark.parametrize("kind", [k for k in KINDS if k != "redis-7.0"])
def test_all_pass_on_every_server(tmp_path, kafka, names, kind):
    """With the accounts of docs/accounts.md, whose rules are read alike by all."""
    if not available(kind):
        pytest.skip(f"{kind} is not to be had")
    with Redis(tmp_path / "source", *SOURCE, kind=kind) as source, \
            Redis(tmp_path / "target", *TARGET, kind=kind) as target:
        sluice = redis_task_runner(tmp_path, kafka, names, source, target)
        path = sluice.task(source={"flush": "refuse"})
        done = Precheck(sluice, path)
        if kind == "redis-8.0":  # vector sets are in no category of commands
            run_line(target, done.one("target_privileges", "warn")["cure"])
            done = Precheck(sluice, path)
        assert done.bad() == set(), done.items
        # rights are found lacking, and mended, on each
        for server, end in ((source, "source"), (target, "target")):
            server.run("ACL", "SETUSER", "bare", "reset", "on", ">p", "+info")
            path = sluice.task(**merge({"source": {"flush": "refuse"}},
                                       {end: {"user": "bare", "password": "p"}}))
            found = Precheck(sluice, path)
            assert (f"{end}_privileges", "fail") in found.bad()
            for item in found.items:
                if item["cure"].startswith("ACL SETUSER"):
                    server.run(*shlex.split(item["cure"]))
            found = Precheck(sluice, path)
            if (kind, end) == ("redis-8.0", "target"):
                run_line(target, found.one("target_privileges", "warn")["cure"])
                found = Precheck(sluice, path)
            assert found.bad() == set(), found.items
        sluice.clean_up()


def merge(a, b):
    return {k: {**a.get(k, {}), **b.get(k, {})} for k in {**a, **b}}


# --- source ---


@pytest.mark.parametrize("item, setting, value", [
    ("source_backlog", "repl-backlog-size", "1mb"),
    ("source_backlog_ttl", "repl-backlog-ttl", "3600"),
    ("source_repl_timeout", "repl-timeout", "20"),
    ("source_output_buffer", "client-output-buffer-limit", "replica 100mb 64mb 60"),
    ("source_output_buffer", "client-output-buffer-limit", "replica 256mb 1mb 60"),
])
def test_source_settings(ends, item, setting, value):
    source, _, sluice, task = ends
    source.run("CONFIG", "SET", setting, value)
    found = Precheck(sluice, task())
    assert found.bad() == {(item, "warn")}
    run_line(source, found.one(item, "warn")["cure"])
    assert Precheck(sluice, task()).bad() == set()


def test_source_backlog_by_its_writes(ends):
    """What is wanted grows with what is written."""
    source, _, sluice, task = ends
    lie = lambda text: re.sub(r"instantaneous_input_kbps:.*\r",
                              "instantaneous_input_kbps:20480.5\r", text)
    with Liar(source, lie) as liar:
        found = Precheck(sluice, task(source={"hosts": [liar.address]}))
        assert found.bad() == {("source_backlog", "warn")}
        assert found.one("source_backlog", "warn")["cure"].endswith(f" {20480 * 1024 * 600}")


def test_source_privileges(ends):
    source, _, sluice, task = ends
    source.run("ACL", "SETUSER", "bare", "reset", "on", ">p")
    path = task(source={"user": "bare", "password": "p"})
    item = Precheck(sluice, path).one("source_privileges", "fail")
    assert "+info" in item["reason"]
    run_line(source, item["cure"])
    found = Precheck(sluice, path)
    assert found.bad() == {("source_heartbeat", "warn")}
    cure = found.one("source_heartbeat", "warn")["cure"]
    assert cure == "ACL SETUSER bare +set ~SLUICE_HEARTBEAT:*"
    run_line(source, cure)
    assert Precheck(sluice, path).bad() == set()
    source.run("ACL", "SETUSER", "bare", "-psync", "-config", "resetkeys")
    found = Precheck(sluice, path)
    assert found.bad() == {("source_privileges", "fail"), ("source_heartbeat", "warn"),
                           ("source_settings", "warn")}
    assert found.one("source_privileges", "fail")["cure"] == "ACL SETUSER bare +psync"
    for item in found.items:
        if item["status"] != "pass":
            run_line(source, item["cure"])
    assert Precheck(sluice, path).bad() == set()
    assert source.databases() == {}


def test_source_replica(ends, tmp_path):
    source, _, sluice, task = ends
    with Redis(tmp_path / "replica", *SOURCE) as replica:
        replica.replicate(source)
        at_replica = {"hosts": [replica.address]}
        found = Precheck(sluice, task(source=at_replica))
        assert found.bad() == {("source_replica", "warn"), ("source_heartbeat", "warn")}
        assert source.address in found.one("source_replica", "warn")["cure"]
        quiet = task(source={**at_replica, "heartbeat_seconds": 0})
        assert Precheck(sluice, quiet).bad() == {("source_replica", "warn")}
        # both: they have the same data
        both = {"hosts": [source.address, replica.address], "heartbeat_seconds": 0}
        assert Precheck(sluice, task(source=both)).bad() == {("source_replica", "warn")}
        replica.run("REPLICAOF", "127.0.0.1", free_port())
        found = Precheck(sluice, task(source=at_replica))
        assert found.one("source_replica", "fail")["passing"]
        replica.run("REPLICAOF", "NO", "ONE")
        assert Precheck(sluice, task(source=at_replica)).bad() == set()
        # a history of its own from here on
        assert Precheck(sluice, task(source=both)).bad() == {("source_hosts", "fail")}


def test_source_hosts(ends, tmp_path):
    source, _, sluice, task = ends
    with Redis(tmp_path / "other", *SOURCE) as other:
        found = Precheck(sluice, task(source={"hosts": [source.address, other.address]}))
        assert found.bad() == {("source_hosts", "fail")}
        item = found.one("source_hosts", "fail")
        assert other.address in item["cure"] and source.address in item["reason"]


def test_source_databases(ends):
    _, _, sluice, task = ends
    found = Precheck(sluice, task({"objects": {"include": ["15", "16"]}}))
    assert found.bad() == {("source_databases", "fail")}
    assert "16" in found.one("source_databases", "fail")["cure"]
    assert Precheck(sluice, task({"objects": {"include": ["15"]}})).bad() == set()


def test_source_save(ends, tmp_path):
    _, _, sluice, task = ends
    with Redis(tmp_path / "server", *SOURCE, "dbfilename folder.rdb",
               "repl-diskless-sync no") as server:
        (server.directory / "folder.rdb").mkdir()
        server.run("BGSAVE")
        wait_until(lambda: server.info("persistence")["rdb_last_bgsave_status"] == "err", 20)
        path = task(source={"hosts": [server.address]})
        found = Precheck(sluice, path)
        assert found.bad() == {("source_save", "warn")}
        run_line(server, found.one("source_save", "warn")["cure"])
        assert Precheck(sluice, path).bad() == set()


@pytest.mark.parametrize("flush, status", [("carry", "warn"), ("skip", "warn"), ("refuse", "pass")])
def test_source_flush(ends, flush, status):
    _, _, sluice, task = ends
    found = Precheck(sluice, task(source={"flush": flush}))
    assert found.one("source_flush", status)
    assert Precheck(sluice, task(source={"flush": flush}), "source_flush", status=0).bad() == (
        {("source_flush", "warn")} - {("source_flush", "warn")})


@pytest.mark.parametrize("lie, status", [
    (version("6.0.16"), "fail"), (version("7.2.4", "99.1.0"), "warn"),
    (lambda text: text.replace("mode:standalone", "mode:sentinel"), "fail"),
])
def test_source_version(ends, lie, status):
    source, _, sluice, task = ends
    with Liar(source, lie) as liar:
        found = Precheck(sluice, task(source={"hosts": [liar.address]}))
        assert ("source_version", status) in found.bad()
        assert found.one("source_version", status)["cure"]


def test_source_cluster(ends, redis_cluster):
    _, _, sluice, task = ends
    redis_cluster.empty()
    node = redis_cluster.nodes[0]
    quiet = ["source_backlog_ttl"]
    path = task(source={"hosts": redis_cluster.addresses})
    found = Precheck(sluice, path, *quiet)
    assert found.bad() == {("source_cluster", "warn")}
    assert found.one("source_cluster", "warn")["cure"] == "topics.partitions: 3"
    # every master is looked at, though only one is named
    path = task(source={"hosts": [node.address]}, topics={"partitions": 3})
    found = Precheck(sluice, path, *quiet)
    assert found.bad() == set()
    assert {i["object"] for i in found.of("source_backlog")} == set(redis_cluster.addresses)
    node.run("CLUSTER", "DELSLOTS", 5)
    wait_until(lambda: b"cluster_state:fail" in node.run("CLUSTER", "INFO"), 20)
    item = Precheck(sluice, path, *quiet).one("source_cluster", "fail")
    assert "16383 of 16384" in item["reason"]
    run_line(node, item["cure"])
    wait_until(lambda: b"cluster_state:ok" in node.run("CLUSTER", "INFO"), 20)
    assert Precheck(sluice, path, *quiet).bad() == set()


# --- both ends ---


@pytest.mark.parametrize("end", ["source", "target"])
def test_clocks(ends, end):
    source, target, sluice, task = ends
    with Liar(source if end == "source" else target, ahead_s=60) as liar:
        found = Precheck(sluice, task(**merge({"source": {}}, {end: {"hosts": [liar.address]}})))
        assert found.bad() == {(f"{end}_clock", "warn")}
        assert re.search(r"(6\d|59)\d{3} ms ahead", found.one(f"{end}_clock", "warn")["reason"])


@pytest.mark.parametrize("end", ["source", "target"])
def test_cannot_connect(ends, end):
    source, target, sluice, task = ends
    name = f"{end}_connect"
    port = free_port()

    def at(**options):
        return task(**{end: options})

    item = Precheck(sluice, at(hosts=[f"127.0.0.1:{port}"])).one(name, "fail")
    assert str(port) in item["reason"] and item["passing"]
    item = Precheck(sluice, at(password="wrong")).one(name, "fail")
    assert "password" in item["reason"] and "wrong" not in item["reason"].replace(
        "wrong user", "") and not item["passing"]
    item = Precheck(sluice, at(hosts=["no-such-host.invalid:6379"])).one(name, "fail")
    assert "no-such-host.invalid" in item["reason"]
    # one of several is away: the rest is checked at the other
    hosts = [f"127.0.0.1:{port}", (source if end == "source" else target).address]
    assert Precheck(sluice, at(hosts=hosts)).bad() == {(name, "warn")}


@pytest.mark.parametrize("end", ["source", "target"])
def test_tls(ends, tmp_path, end):
    """Over a real network the precheck asks for TLS."""
    _, _, sluice, task = ends
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("198.51.100.1", 9))  # sends nothing
        except OSError:
            pytest.skip("this host has no other address than loopback")
        own = probe.getsockname()[0]
    options = SOURCE if end == "source" else TARGET
    with Redis(tmp_path / "server", *options, f"bind 127.0.0.1 {own}", "protected-mode no",
               tls=True) as server:
        found = Precheck(sluice, task(**{end: {"hosts": [f"{own}:{server.port}"]}}))
        assert found.bad() == {(f"{end}_tls", "warn")}
        assert found.one(f"{end}_tls", "warn")["cure"] == (
            f"{end}.tls: {{mode: verify-identity, ca: FILE}}")
        tls = {"mode": "verify-ca", "ca": str(TLS / "ca.pem")}
        path = task(**{end: {"hosts": [f"{own}:{server.tls_port}"], "tls": tls}})
        assert Precheck(sluice, path).bad() == set()


# --- target ---


def test_target_privileges(ends):
    _, target, sluice, task = ends
    path = task(target={"user": "bare", "password": "p"})
    target.run("SET", "sluice:{0}:", "mine", db=9)  # the key that commands are tried with
    for rights in (["+info"], ["+@all", "-multi", "~*"], ["+@all", "~*", "-@write"],
                   ["+@all", "-incr", "-function|load", "-swapdb", "~*"], ["+@all", "~user:*"]):
        target.run("ACL", "SETUSER", "bare", "reset", "on", ">p", *rights)
        found = Precheck(sluice, path)
        assert ("target_privileges", "fail") in found.bad(), rights
        cure = found.one("target_privileges", "fail")["cure"]
        if "-incr" in rights:
            assert set(cure.split()[3:]) == {"+incr", "+function|load", "+swapdb"}
        for item in found.items:
            if item["cure"].startswith("ACL SETUSER"):
                run_line(target, item["cure"])
        found = Precheck(sluice, path)
        assert found.bad() == set(), (cure, found.of("target_privileges"))
    # nothing that was tried was done
    assert target.run("GET", "sluice:{0}:", db=9) == b"mine"
    assert target.databases() == {9: 1}
    target.empty()


def test_target_privileges_of_prefixes(ends):
    _, target, sluice, task = ends
    target.run("ACL", "SETUSER", "bare", "reset", "on", ">p", "+@all", "~sluice:*")
    path = task({"objects": {"key_prefixes": ["user:", "cart:"]}},
                target={"user": "bare", "password": "p"})
    cure = Precheck(sluice, path).one("target_privileges", "fail")["cure"]
    assert cure == "ACL SETUSER bare ~user:* ~cart:*"
    run_line(target, cure)
    assert Precheck(sluice, path).bad() == set()


def test_target_settings_lacking(ends):
    _, target, sluice, task = ends
    target.run("ACL", "SETUSER", "bare", "reset", "on", ">p", "+@all", "-config", "~*")
    path = task(target={"user": "bare", "password": "p"})
    found = Precheck(sluice, path)
    assert found.bad() == {("target_settings", "warn")}
    run_line(target, found.one("target_settings", "warn")["cure"])
    assert Precheck(sluice, path).bad() == set()


def test_target_read_only(ends, tmp_path):
    source, target, sluice, task = ends
    with Redis(tmp_path / "replica", *TARGET) as replica:
        replica.replicate(target)
        both = task(target={"hosts": [replica.address, target.address]})
        assert Precheck(sluice, both).bad() == {("target_read_only", "warn")}
        path = task(target={"hosts": [replica.address]})
        found = Precheck(sluice, path)
        assert found.bad() == {("target_read_only", "fail")}
        run_line(replica, found.one("target_read_only", "fail")["cure"])
        assert Precheck(sluice, path).bad() == set()


def test_target_eviction(ends):
    _, target, sluice, task = ends
    target.run("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    assert Precheck(sluice, task()).bad() == {("target_eviction", "warn")}
    target.run("CONFIG", "SET", "maxmemory", "1gb")
    found = Precheck(sluice, task())
    assert found.bad() == {("target_eviction", "fail")}
    run_line(target, found.one("target_eviction", "fail")["cure"])
    assert Precheck(sluice, task()).bad() == set()


def test_target_memory(ends):
    source, target, sluice, task = ends
    source.run("DEBUG", "POPULATE", 400, "user", 50_000)  # written, they would ask for more backlog
    used = int(target.info("memory")["used_memory"])
    target.run("CONFIG", "SET", "maxmemory", used + 5_000_000)
    found = Precheck(sluice, task())
    assert found.bad() == {("target_memory", "fail")}
    # a part of it may fit
    part = task({"objects": {"key_prefixes": ["user:1"]}})
    assert Precheck(sluice, part).bad() == {("target_memory", "warn")}
    target.run("CONFIG", "SET", "maxmemory", used + 15_000_000)
    assert Precheck(sluice, task()).bad() == {("target_memory", "warn")}
    run_line(target, found.one("target_memory", "fail")["cure"])
    assert Precheck(sluice, task()).bad() == set()


def test_target_databases(ends):
    source, target, sluice, task = ends
    source.run("SET", "k", "v", db=3)
    path = task(target={"databases": {3: 32}})
    found = Precheck(sluice, path)
    assert found.bad() == {("target_databases", "fail")}
    assert "databases 33" in found.one("target_databases", "fail")["cure"]
    assert Precheck(sluice, task(target={"databases": {3: 31}})).bad() == set()


def test_target_data(ends):
    source, target, sluice, task = ends
    target.run("SET", "other:1", "v")
    target.run("SET", "user:\xff\n", "v", db=4)
    target.run("SET", "sluice:{x}:another-task:topic:0", "7")
    found = Precheck(sluice, task())
    assert found.bad() == {("target_data", "fail")}
    items = found.of("target_data")
    assert "other:1" in items[0]["reason"] and "user:\\xc3\\xbf\\x0a" in items[1]["reason"]
    # other databases, other prefixes: nothing is in the way
    assert Precheck(sluice, task({"objects": {"include": ["3"]}})).bad() == set()
    assert Precheck(sluice, task({"objects": {"key_prefixes": ["cart:"]}})).bad() == set()
    assert Precheck(sluice, task({"objects": {"include": ["3"]}},
                                 target={"databases": {3: 4}})).bad() == {("target_data", "fail")}
    assert Precheck(sluice, task(target={"conflict": "keep"})).bad() == {("target_data", "warn")}
    for item in items:
        run_line(target, item["cure"])
    assert Precheck(sluice, task()).bad() == set()
    assert target.run("KEYS", "*") == [b"sluice:{x}:another-task:topic:0"]


def test_target_persistence(ends):
    _, target, sluice, task = ends
    target.run("CONFIG", "SET", "appendonly", "no")
    found = Precheck(sluice, task())
    assert found.bad() == {("target_persistence", "warn")}
    run_line(target, found.one("target_persistence", "warn")["cure"])
    assert Precheck(sluice, task()).bad() == set()


def test_target_modules(ends):
    source, target, sluice, task = ends
    add = lambda text: text + "# Modules\r\nmodule:name=ReJSON,ver=20609,api=1\r\n"
    with Liar(source, add) as liar, Liar(target, add) as other:
        path = task(source={"hosts": [liar.address]})
        found = Precheck(sluice, path)
        assert found.bad() == {("target_modules", "warn")}
        assert "ReJSON" in found.one("target_modules", "warn")["reason"]
        path = task(source={"hosts": [liar.address]}, target={"hosts": [other.address]})
        assert Precheck(sluice, path).bad() == set()


@pytest.mark.parametrize("source_is, target_is, status", [
    (version("7.2.4"), version("7.0.15"), "warn"),
    (version("8.0.2"), version("7.2.4", "8.1.0"), "warn"),
    (version("7.0.15"), version("7.2.4", "8.1.0"), "pass"),
    (version("7.2.4", "9.0.0"), version("7.0.15"), "warn"),
    (version("7.2.4", "8.1.0"), version("7.2.4", "9.0.0"), "pass"),
    (version("7.0.15"), version("6.0.16"), "fail"),
])
def test_target_version(ends, source_is, target_is, status):
    source, target, sluice, task = ends
    with Liar(source, source_is) as one, Liar(target, target_is) as other:
        found = Precheck(sluice, task(source={"hosts": [one.address]},
                                      target={"hosts": [other.address]}))
        assert found.one("target_version", status)
        assert found.bad() == ({("target_version", status)} if status != "pass" else set())


def test_target_cluster(ends, redis_cluster):
    source, _, sluice, task = ends
    redis_cluster.empty()
    node = redis_cluster.nodes[1]
    quiet = ["target_persistence"]
    path = task(target={"hosts": [node.address]})
    found = Precheck(sluice, path, *quiet)
    assert found.bad() == set()
    assert {i["object"] for i in found.of("target_eviction")} == set(redis_cluster.addresses)
    # a cluster has one database
    source.run("SET", "k", "v", db=2)
    found = Precheck(sluice, path, *quiet)
    assert found.bad() == {("target_databases", "fail")}
    source.empty()
    node.run("CLUSTER", "DELSLOTS", 6000)
    wait_until(lambda: b"cluster_state:fail" in node.run("CLUSTER", "INFO"), 20)
    item = Precheck(sluice, path, *quiet).one("target_cluster", "fail")
    run_line(node, item["cure"])
    wait_until(lambda: all(b"cluster_state:ok" in n.run("CLUSTER", "INFO")
                           for n in redis_cluster.nodes), 20)
    assert Precheck(sluice, path, *quiet).bad() == set()
    redis_cluster.node_of("user:1").run("SET", "user:1", "v")
    found = Precheck(sluice, path, *quiet)
    assert found.bad() == {("target_data", "fail")}
    run_line(redis_cluster.node_of("user:1"), found.one("target_data", "fail")["cure"])
    assert Precheck(sluice, path, *quiet).bad() == set()


def test_topics_of_databases(redis_sluice, redis_source, kafka, names):
    task = redis_sluice.task(target=None, topics={"data": "{task}.{database}"})
    assert "has its topic when it has keys" in redis_sluice.run("topics", task, "create", status=1).stderr
    redis_source.run("SET", "key", "value", db=3)
    redis_sluice.run("topics", task, "create")
    assert {topic for topic in kafka.topics() if topic.startswith(names.task)} == {f"{names.task}.3"}
