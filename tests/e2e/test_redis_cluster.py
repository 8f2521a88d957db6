"""A cluster of Redis as the target: every command once at its node, while the applier is killed, slots
move and a replica takes over."""

import random
import time

import pytest

from lib.redis import Redis, RedisCluster
from lib.redis_compare import wait_equal
from lib.redis_load import Load
from lib.wait import wait_until

KILLS = 12
TAGS = 12
SEED = 20261121


def move_some_slots(cluster, rng):
    for _ in range(3):
        slot = cluster.nodes[0].run("CLUSTER", "KEYSLOT", f"{{t{rng.randrange(TAGS)}}}")
        cluster.move_slot(slot, rng.choice(cluster.nodes))


@pytest.mark.timeout(240)
def test_applier_killed_while_slots_move(redis_source, redis_cluster, redis_between):
    sluice = redis_between(redis_source, redis_cluster)
    rng = random.Random(SEED)
    load = Load(redis_source, SEED, per_s=600, tags=TAGS)
    load.run(500)
    load.start()
    task = sluice.task()
    sluice.capture(task)
    apply = sluice.start("apply", task)
    for _ in range(KILLS):
        time.sleep(0.1 + 0.5 * rng.random())
        move_some_slots(redis_cluster, rng)
        assert apply.returncode is None, apply.stderr[-2000:]
        apply.kill()
        apply = sluice.start("apply", task)
    load.stop()
    # MIGRATE sends how long a key has to live, not until when
    wait_equal(redis_source, redis_cluster, 60, about_ms=100)
    assert apply.returncode is None, apply.stderr[-2000:]
    assert load.commands > 2000


def test_every_master_gets_what_has_no_key(redis_source, redis_cluster, redis_between):
    sluice = redis_between(redis_source, redis_cluster)
    task = sluice.task()
    sluice.capture(task)
    sluice.apply(task)
    library = "#!lua name=lib\nredis.register_function('f', function() return 1 end)"
    with redis_source.connect() as source:
        source("MSET", *(word for n in range(60) for word in (f"k{n}", n)))
        source("FUNCTION", "LOAD", library)
        wait_equal(redis_source, redis_cluster)
        assert all(len(node.run("FUNCTION", "LIST")) == 1 for node in redis_cluster.nodes)
        source("FLUSHALL")
        source("SET", "k1", "again")
        wait_equal(redis_source, redis_cluster)


def test_what_cannot_be_split_stops(redis_source, redis_cluster, redis_between):
    sluice = redis_between(redis_source, redis_cluster)
    task = sluice.task()
    sluice.capture(task)
    redis_source.run("SET", "a", 1)
    redis_source.run("RENAME", "a", "b")
    apply = sluice.run("apply", task, deadline_s=30, status=1)
    assert "code=cross_slot" in apply.stderr
    assert "command RENAME, key a and key b" in apply.stderr


class ReplicatedCluster(RedisCluster):
    """The second master has a replica."""

    def start(self):
        super().start()
        self.replica = Redis(self.directory / "replica", "databases 1", "cluster-enabled yes",
                             "cluster-config-file nodes.conf", "cluster-node-timeout 3000")
        self.replica.start()
        self.replica.run("CLUSTER", "MEET", self.nodes[0].host, self.nodes[0].port)
        master = self.nodes[1].run("CLUSTER", "MYID")
        wait_until(lambda: master in self.replica.run("CLUSTER", "NODES"), 30)
        self.replica.run("CLUSTER", "REPLICATE", master)
        wait_until(lambda: self.replica.info("replication").get("master_link_status") == "up", 30)
        replica = self.replica.run("CLUSTER", "MYID")
        wait_until(lambda: all(replica + b" " in n.run("CLUSTER", "NODES") for n in self.nodes), 30)
        return self

    def kill(self):
        self.replica.kill()
        super().kill()

    def fail_over(self):
        self.nodes[1].kill()
        wait_until(lambda: self.replica.info("replication")["role"] == "master", 60,
                   "the replica takes over")
        self.nodes[1] = self.replica


@pytest.mark.timeout(180)
def test_replica_takes_over(tmp_path, redis_source, redis_between):
    with ReplicatedCluster(tmp_path / "cluster") as cluster:
        sluice = redis_between(redis_source, cluster)
        load = Load(redis_source, SEED, per_s=600, tags=TAGS)
        load.start()
        task = sluice.task()
        sluice.capture(task)
        apply = sluice.start("apply", task)
        load.wait(1000)
        cluster.fail_over()
        load.wait(1000)
        load.stop()
        wait_equal(redis_source, cluster, 60)
        assert apply.returncode is None, apply.stderr[-2000:]
