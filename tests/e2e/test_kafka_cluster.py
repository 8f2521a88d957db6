"""A cluster of three brokers, of which each in turn is killed and started again, one is stopped, a
fourth is added and takes the place of another, while rows and commands of which each counts flow:
no process of a task starts anew, nothing is lost, nothing comes twice."""

import os

import pytest

from lib.kafka_cluster import KafkaCluster
from lib.kafka_reader import read_topic
from lib.load import Load, Marks, check_exactly_once, contents
from lib.precheck import Precheck
from lib.redis_compare import wait_equal
from lib.redis_load import Load as RedisLoad
from lib.redis_replay import check_blocks, commands
from lib.wait import wait_until

SEED = int(os.environ.get("SLUICE_SEED", "20261121"))
COUNTING = ("INCR", "INCRBY", "LPUSH", "APPEND", "HINCRBY", "ZINCRBY")
CHECKPOINTS = "_sluice_checkpoints"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with KafkaCluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


def test_replicas(cluster, source, sluice, names):
    source.execute(f"CREATE DATABASE {names.database}",
                   f"CREATE TABLE {names.database}.t (a INT PRIMARY KEY)")
    task = sluice.task(kafka={"bootstrap.servers": cluster.address},
                       topics={"data": names.topic, "ddl": f"{names.topic}.two"})
    one, two = names.topic, f"{names.topic}.two"
    away = "one replica of 3 brokers: it is away with its broker"
    never = "its min.insync.replicas is 2, and it has 1: with acks all nothing can be written"
    tight = "its min.insync.replicas is 2 of 2 replicas: while one broker is away nothing can be written"

    def look():
        return {(i["object"], i["status"], i["reason"]): i["cure"]
                for i in Precheck(sluice, task).of("kafka_replication")}

    def told():
        last.clear()
        last.update(look())
        return last.keys() == {(one, "fail", never), (one, "warn", away), (two, "warn", tight)}

    assert look()[one, "fail", never] == "topics.replication_factor: 3"
    cluster.create_topic(two, replicas=2)
    planned = sluice.run("topics", task, "create", "--dry-run").stdout
    assert f"{CHECKPOINTS}\twould be made\tpartitions=50 replicas=3" in planned
    sluice.run("topics", task, "create")
    assert len(cluster.replicas(one)) == 1  # topics.replication_factor
    assert len(cluster.replicas(CHECKPOINTS)) == 3
    last = {}  # brokers learn of new topics one by one
    wait_until(told, 30, last, interval_s=0.5)
    assert "min.insync.replicas=1" in last[one, "fail", never]
    assert cluster.settings(CHECKPOINTS)["min.insync.replicas"] == "2"
    assert "min.insync.replicas" not in cluster.settings(one)


def test_acknowledged_by_two_of_three(cluster, sluice, names):
    """Topics of three replicas, unless the task says otherwise; the precheck knows what they would have."""
    def topics(**more):
        return sluice.task(kafka={"bootstrap.servers": cluster.address},
                           topics={"replication_factor": 3, **more})

    def made(task, topic):
        sluice.run("topics", task, "create")
        return cluster.settings(topic).get("min.insync.replicas")

    planned = sluice.run("topics", topics(), "create", "--dry-run").stdout.splitlines()
    line, = [line for line in planned if line.startswith(f"{names.topic}\t")]
    assert "replicas=3 min.insync.replicas=2 " in line
    assert made(topics(), names.topic) == "2" and cluster.settings(f"{names.task}.ddl")["min.insync.replicas"] == "2"
    assert made(topics(data=f"{names.topic}.one", min_insync_replicas=1), f"{names.topic}.one") == "1"
    assert made(topics(data=f"{names.topic}.broker", min_insync_replicas=0), f"{names.topic}.broker") is None
    assert made(topics(data=f"{names.topic}.all", min_insync_replicas=3), f"{names.topic}.all") is None


class Rows:
    """A task from MySQL to MariaDB under load."""

    def __init__(self, source, target, sluice, names, cluster):
        self.source, self.target, self.sluice = source, target, sluice
        self.topic, self.database = names.topic, names.database
        self.task = sluice.task(phases=["schema", "full", "incremental"],
                                kafka={"bootstrap.servers": cluster.address},
                                topics={"replication_factor": 3})
        self.load = Load(source, names.database, SEED, pause_s=0.02)
        self.load.create_tables()
        self.marks = Marks(source, target, names.database)

    def start(self):
        self.load.start()
        return [self.sluice.start(program, self.task) for program in ("capture", "apply")]

    def pass_through(self):
        self.marks.pass_through()

    def check(self, cluster):
        self.load.stop()
        expected = contents(self.source, self.database)
        wait_until(lambda: contents(self.target, self.database) == expected, 120,
                   "target equal to source", interval_s=0.2)
        transactions = check_exactly_once(read_topic(cluster.address, self.topic))
        assert transactions > self.load.transactions / 2 > 0  # some found no row to change
        return f"{self.load.transactions} transactions, {self.load.rows} rows"


class Commands:
    """A task from Redis to Redis under load, with a key as mark."""

    def __init__(self, source, target, sluice, names, cluster):
        self.source, self.target, self.sluice = source, target, sluice
        self.topic = f"{names.topic}.commands"
        self.task = sluice.task(name=f"{names.task}-commands",
                                kafka={"bootstrap.servers": cluster.address},
                                topics={"data": self.topic, "replication_factor": 3})
        self.load = RedisLoad(source, SEED, per_s=200, only=COUNTING)
        self.mark = 0

    def start(self):
        self.load.start()
        return [self.sluice.start(program, self.task) for program in ("capture", "apply")]

    def pass_through(self):
        self.mark += 1
        self.source.run("SET", "mark", self.mark)
        wait_until(lambda: self.target.run("GET", "mark") == b"%d" % self.mark, 90,
                   f"mark {self.mark} at the target")

    def check(self, cluster):
        self.load.stop()
        wait_equal(self.source, self.target, 120)
        records = read_topic(cluster.address, self.topic)
        check_blocks(commands(records))
        ids = [record.json["id"] for record in records]
        assert ids == sorted(set(ids)), "ids do not increase"
        return f"{self.load.commands} commands"


@pytest.mark.timeout(600)
def test_brokers_come_and_go(source, target, redis_source, redis_target, sluice, redis_sluice, names,
                             cluster):
    tasks = [Rows(source, target, sluice, names, cluster),
             Commands(redis_source, redis_target, redis_sluice, names, cluster)]
    processes = [process for task in tasks for process in task.start()]
    for process in processes:
        process.wait_ready()

    def goes_on():
        """What is written now arrives, by the same processes."""
        for task in tasks:
            task.pass_through()
        for process in processes:
            assert process.returncode is None, f"{process.name} ended:\n{process.stderr[-3000:]}"

    goes_on()
    cluster.wait_in_sync()
    for topic in (CHECKPOINTS, *(task.topic for task in tasks)):
        assert len(cluster.replicas(topic)) == 3
    for broker in cluster.brokers[:]:
        broker.kill()
        goes_on()
        broker.start()
        cluster.wait_in_sync()
    leader = cluster.leader(names.topic)
    leader.stop()
    goes_on()
    leader.start()
    cluster.wait_in_sync()
    leader = cluster.leader(names.topic)
    cluster.move(leader, cluster.add())
    goes_on()
    leader.stop()
    goes_on()
    print([task.check(cluster) for task in tasks],
          [len(process.events("retry")) for process in processes], "sessions anew")
    for process in processes:
        assert process.stop() < 5, f"{process.name} took too long to end"
