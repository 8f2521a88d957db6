"""A Redis cluster as the source: every master read, while its slots move, a master fails, one comes and
one goes; every key at the target is equal in the end."""

import random
import threading

import pytest
from lib.redis import Redis, RedisCluster, RedisError, available
from lib.redis_compare import wait_equal
from lib.redis_load import Load
from lib.redis_replay import MARKER, check_blocks, commands
from lib.wait import wait_until

TAGS = 20
PARTITIONS = 3
SCRIPT = "redis.call('INCR', KEYS[1]) redis.call('INCRBY', KEYS[1], 10) return 1"


class Writer:
    """Commands of which each counts, on keys of TAGS slots, from start() to stop(); follows MOVED and
    ASK, so that no slot stands still while it moves."""

    def __init__(self, cluster, seed):
        self.cluster, self.rng, self.count = cluster, random.Random(seed), 0
        self.error = None
        self._connections = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, daemon=True)

    def start(self):
        self._thread.start()
        return self

    def stop(self):
        self._stop.set()
        self._thread.join(60)
        for connection in self._connections.values():
            connection.close()
        if self.error:
            raise self.error

    def more(self, commands=300):
        """Until so many more have been answered."""
        until = self.count + commands
        wait_until(lambda: self.count >= until or self.error, 60, "the load goes on")

    def _loop(self):
        try:
            while not self._stop.is_set():
                self._write(*self._words())
                self.count += 1
        except Exception as error:  # handed over by stop()
            self.error = error

    def _words(self):
        rng = self.rng
        name = f"{{t{rng.randrange(TAGS)}}}{rng.randrange(12)}"
        kind = rng.randrange(9)
        return [("INCR", f"n:{name}"), ("RPUSH", f"l:{name}", self.count), ("LPOP", f"l:{name}"),
                ("APPEND", f"a:{name}", f"{self.count},"), ("HINCRBY", f"h:{name}", kind, 1),
                ("SET", f"s:{name}", self.count), ("DEL", f"s:{name}"),
                ("SET", f"x:{name}", self.count, "PX", rng.choice([40, 10**8])),
                ("EVAL", SCRIPT, 1, f"n:{name}")][kind]

    def _node(self, port):
        if port not in self._connections:
            node = next(n for n in self.cluster.nodes if n.port == port)
            self._connections[port] = node.connect()
        return self._connections[port]

    def _write(self, *words):
        port, asking = self.cluster.nodes[-1].port, False
        while True:
            try:
                connection = self._node(port)
                if asking:
                    connection("ASKING")
                return connection(*words)
            except RedisError as error:
                if error.code not in ("MOVED", "ASK", "TRYAGAIN", "CLUSTERDOWN"):
                    raise
                asking = error.code == "ASK"
                if error.code in ("MOVED", "ASK"):
                    port = int(str(error).rsplit(":", 1)[1])
            except OSError:  # killed; another one is asked
                self._connections.pop(port, None)
                port, asking = self.rng.choice(self.cluster.nodes).port, False


def slots_of(cluster):
    return [cluster.nodes[0].run("CLUSTER", "KEYSLOT", f"{{t{n}}}") for n in range(TAGS)]


def other(cluster, node):
    """The node behind it in the ring of three."""
    return cluster.nodes[(cluster.nodes.index(node) + 1) % 3]


def markers(reader, which=b"BEGIN"):
    return [c.argv[2] for c in commands(reader.read()) if c.name == MARKER and c.argv[1] == which]


@pytest.fixture
def own_cluster(tmp_path):
    """Of the test alone, which takes its nodes away."""
    with RedisCluster(tmp_path / "cluster") as cluster:
        yield cluster


def test_all_that_a_cluster_has(redis_cluster, redis_target, redis_between, reader):
    """Every write command that fits, copied in full while it goes on, with kills of both programs."""
    sluice = redis_between(redis_cluster, redis_target)
    task = sluice.task(topics={"partitions": PARTITIONS})
    load = Load(redis_cluster, 7, per_s=1500, tags=40).run(2000)
    load.start()
    for _ in range(4):
        capture, apply = sluice.start("capture", task), sluice.start("apply", task)
        load.wait(400)
        capture.kill()
        apply.kill()
    capture, apply = sluice.capture(task), sluice.apply(task)
    load.wait(500)
    load.stop()
    wait_equal(redis_cluster, redis_target, 90)
    found = commands(reader.read())
    assert {c.partition for c in found} == set(range(PARTITIONS))
    for part in range(PARTITIONS):
        check_blocks([c for c in found if c.partition == part])
    capture.stop()
    apply.stop()


def test_slots_move(redis_cluster, redis_target, redis_between, reader):
    """There while the capture reads, and while it is away; back when it has seen that."""
    cluster = redis_cluster
    sluice = redis_between(cluster, redis_target)
    task = sluice.task(topics={"partitions": PARTITIONS})
    slots = slots_of(cluster)
    owners = {slot: cluster.owner(slot) for slot in slots}
    writer = Writer(cluster, 1).start()
    try:
        writer.more()
        apply = sluice.start("apply", task)
        capture = sluice.capture(task)
        taker, _, giver = cluster.nodes  # the one that is read first takes
        ours = [s for s in slots if owners[s] is giver]
        assert len(ours) > 3
        for slot in ours[:2]:
            cluster.move_slot(slot, taker)
            writer.more(100)
        wait_settled(capture, 2)
        published(cluster, reader)
        capture.kill()
        for slot in ours[2:]:
            writer.more(100)
            cluster.move_slot(slot, taker)
        writer.more(100)
        capture = sluice.capture(task)
        wait_settled(capture, len(ours) - 2)
        published(cluster, reader)
        for n, slot in enumerate(ours):
            cluster.move_slot(slot, giver)
            if n == 0:
                capture.kill()
                capture = sluice.start("capture", task)
        writer.more(100)
    finally:
        writer.stop()
    wait_equal(cluster, redis_target, 90)
    assert not capture.events("full_resync"), capture.stderr[-3000:]
    assert len(markers(reader)) == 4  # of three masters, one of which has slots in two partitions
    assert any(c.name == b"RESTORE" for c in commands(reader.read()))
    capture.stop()
    apply.stop()


def wait_settled(capture, slots):
    """Until it has seen so many slots move; else shows what it said."""
    wait_until(lambda: settled(capture) >= slots or capture.events("full_resync"), 60,
               "the moves are followed")
    assert not capture.events("full_resync"), capture.stderr[-3000:]


def settled(capture):
    return sum(int(e["slots"]) for e in capture.events("slots_moved"))


def published(cluster, reader):
    """Returns when all that was written is in the topic, and with it the place to go on from."""
    names = [f"end:{{t{n}}}:{random.getrandbits(40)}".encode() for n in range(TAGS)]
    for name in names:
        cluster.run("SET", name, 1)

    def there():
        seen = {c.argv[1] for c in commands(reader.read()) if len(c.argv) > 1}
        return seen.issuperset(names)

    wait_until(there, 60, "the last commands in the topic")


def test_slots_that_came_and_went_unseen(redis_cluster, redis_target, redis_between, reader):
    """What their keys went through at the one in between has no order: everything is copied again."""
    cluster = redis_cluster
    sluice = redis_between(cluster, redis_target)
    task = sluice.task(topics={"partitions": PARTITIONS})
    slot = slots_of(cluster)[0]
    owner = cluster.owner(slot)
    writer = Writer(cluster, 2).start()
    try:
        writer.more()
        apply = sluice.start("apply", task)
        capture = sluice.capture(task)
        # killed before the copy's end is committed, the next one would copy again anyway
        wait_until(lambda: len(markers(reader, b"END")) == 4, 60, "the copy")
        capture.kill()
        for to in (other(cluster, owner), owner):
            cluster.move_slot(slot, to)
            writer.more(200)
        capture = sluice.start("capture", task)
        assert "all masters" in capture.wait_event("full_resync")["server"]
        writer.more(100)
    finally:
        writer.stop()
    wait_equal(cluster, redis_target, 90)
    assert len(markers(reader)) == 8
    capture.stop()
    apply.stop()


def test_crossing_without_full_stops(redis_cluster, redis_target, redis_between, reader):
    cluster = redis_cluster
    sluice = redis_between(cluster, redis_target)
    task = sluice.task(topics={"partitions": PARTITIONS}, phases=["incremental"])
    slot = slots_of(cluster)[0]
    owner = cluster.owner(slot)
    capture = sluice.capture(task)
    published(cluster, reader)
    capture.kill()
    for to in (other(cluster, owner), owner):
        cluster.move_slot(slot, to)
    capture = sluice.run("capture", task, status=3)
    assert "new name" in capture.stderr and "slot" in capture.stderr


def test_cluster_to_cluster(own_cluster, redis_cluster, redis_between):
    """While a slot moves at the source and both programs are killed."""
    sluice = redis_between(own_cluster, redis_cluster)
    task = sluice.task(topics={"partitions": PARTITIONS})
    writer = Writer(own_cluster, 8).start()
    try:
        writer.more()
        capture, apply = sluice.capture(task), sluice.start("apply", task)
        own_cluster.move_slot(slots_of(own_cluster)[0], own_cluster.nodes[1])
        writer.more()
        capture.kill()
        apply.kill()
        writer.more()
        capture, apply = sluice.capture(task), sluice.apply(task)
    finally:
        writer.stop()
    wait_equal(own_cluster, redis_cluster, 90)
    capture.stop()
    apply.stop()


def test_a_master_comes_and_goes(own_cluster, redis_target, redis_between, reader, tmp_path):
    cluster = own_cluster
    sluice = redis_between(cluster, redis_target)
    task = sluice.task(topics={"partitions": PARTITIONS})
    slots = slots_of(cluster)[:6]
    owners = {slot: cluster.owner(slot) for slot in slots}
    writer = Writer(cluster, 5).start()
    try:
        writer.more()
        apply = sluice.start("apply", task)
        capture = sluice.capture(task)
        with cluster.node(tmp_path / "more") as more:
            cluster.nodes.append(more)
            for slot in slots[:3]:  # maybe before the capture knows of it
                cluster.move_slot(slot, more)
            wait_settled(capture, 3)
            published(cluster, reader)
            capture.kill()
            for slot in slots[3:]:
                cluster.move_slot(slot, more)
            writer.more(100)
            capture = sluice.capture(task)
            wait_settled(capture, 3)
            published(cluster, reader)
            for slot in slots:
                cluster.move_slot(slot, owners[slot])
            writer.more(100)
            wait_settled(capture, 9)
            writer.stop()
            gone = more.run("CLUSTER", "MYID")
            cluster.nodes.remove(more)
            for node in cluster.nodes:
                node.run("CLUSTER", "FORGET", gone)
        writer = Writer(cluster, 6).start()
        writer.more(200)
        capture.kill()
        capture = sluice.capture(task)
        writer.more(200)
    finally:
        writer.stop()
    wait_equal(cluster, redis_target, 90)
    assert not capture.events("full_resync"), capture.stderr[-3000:]
    assert len(markers(reader)) == 4
    capture.stop()
    apply.stop()


def test_a_master_fails(own_cluster, redis_target, redis_between, reader, tmp_path):
    """Its replica takes over, with its history."""
    cluster = own_cluster
    sluice = redis_between(cluster, redis_target)
    task = sluice.task(topics={"partitions": PARTITIONS})
    lost = cluster.nodes[0]
    with cluster.node(tmp_path / "replica") as replica:
        replica.run("CLUSTER", "REPLICATE", lost.run("CLUSTER", "MYID"))
        replica.wait_for(("CLUSTER", "COUNTKEYSINSLOT", 0), 0)
        wait_until(lambda: replica.info("replication").get("master_link_status") == "up", 60,
                   "the replica in step")
        writer = Writer(cluster, 3).start()
        try:
            writer.more()
            apply = sluice.start("apply", task)
            capture = sluice.capture(task)
            writer.more()
            writer.stop()
            replica.wait_as_far_as(lost)
            lost.kill()
            wait_until(lambda: replica.info("replication")["role"] == "master", 60, "failover")
            cluster.nodes[0] = replica
            wait_until(lambda: all(b"cluster_state:ok" in n.run("CLUSTER", "INFO")
                                   for n in cluster.nodes), 60, "the cluster is whole")
            writer = Writer(cluster, 4).start()
            writer.more()
        finally:
            writer.stop()
        wait_equal(cluster, redis_target, 90)
        assert not capture.events("full_resync"), capture.stderr[-3000:]
        assert len(markers(reader)) == 4
        capture.stop()
        apply.stop()


@pytest.mark.skipif(not available("valkey-9.1"), reason="valkey-9.1 is not to be had")
def test_slots_moved_as_a_whole_stop(tmp_path, redis_target, redis_between):
    """CLUSTER MIGRATESLOTS sends keys that no command of the one master takes away in order."""
    with RedisCluster(tmp_path / "cluster", kind="valkey-9.1") as cluster:
        sluice = redis_between(cluster, redis_target)
        capture = sluice.capture(sluice.task(topics={"partitions": PARTITIONS}))
        cluster.run("SET", "{t0}k", 1)
        slot = slots_of(cluster)[0]
        owner = cluster.owner(slot)
        owner.run("CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", slot, slot, "NODE",
                  other(cluster, owner).run("CLUSTER", "MYID"))
        assert capture.wait(60) == 1
        assert "redis_slots_atomic" in capture.stderr and "reshard" in capture.stderr
