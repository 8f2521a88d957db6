"""A Kafka cluster for the tests: three brokers, each also a controller, whose topics have three
replicas; two of them must have what is acknowledged. Brokers can be killed, stopped and started as
any server, and others added."""

import json
import secrets
from concurrent.futures import ThreadPoolExecutor

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from lib.servers import Kafka, free_port, run_script, topic_settings
from lib.wait import wait_until

CONTROLLERS = (1, 2, 3)
SETTINGS = (
    "default.replication.factor=3",
    "min.insync.replicas=2",
    "offsets.topic.replication.factor=3",
    "transaction.state.log.replication.factor=3",
    "transaction.state.log.min.isr=2",
)


class Broker(Kafka):
    """voters: addresses of the controllers by node id."""

    def __init__(self, directory, node, cluster_id, voters):
        super().__init__(directory)
        self.node = node
        listeners = f"PLAINTEXT://{self.address}"
        roles = "broker"
        if node in voters:
            listeners += f",CONTROLLER://{voters[node]}"
            roles += ",controller"
        quorum = ",".join(f"{n}@{address}" for n, address in voters.items())
        self.options = (f"node.id={node}", f"process.roles={roles}", f"listeners={listeners}",
                        f"controller.quorum.voters={quorum}", *SETTINGS)
        self.environment = {"KAFKA_CLUSTER_ID": cluster_id, "KAFKA_HEAP": "256m"}


class KafkaCluster:
    def __init__(self, directory):
        self.directory = directory
        self._id = secrets.token_hex(11)
        self._voters = {node: f"127.0.0.1:{free_port()}" for node in CONTROLLERS}
        self.brokers = [self._broker(node) for node in CONTROLLERS]

    def _broker(self, node):
        return Broker(self.directory / str(node), node, self._id, self._voters)

    @property
    def address(self):
        """Of all brokers, as bootstrap.servers wants it."""
        return ",".join(broker.address for broker in self.brokers)

    def __enter__(self):
        with ThreadPoolExecutor() as pool:  # the first one is ready when there is a second
            list(pool.map(Broker.start, self.brokers))
        self._admin = AdminClient({"bootstrap.servers": self.address})
        return self

    def __exit__(self, *_):
        for broker in self.brokers:
            broker.kill()

    def add(self):
        """One more broker, which is no controller, started; it has no partition at first."""
        broker = self._broker(len(self.brokers) + 1).start()
        self.brokers.append(broker)
        return broker

    def create_topic(self, name, replicas):
        self._admin.create_topics([NewTopic(name, 1, replicas)])[name].result(30)

    def settings(self, topic):
        return topic_settings(self._admin, topic)

    def partitions(self):
        """(topic, number, what brokers know of it) of all partitions, internal topics' included."""


        def ask():
            try:
                return self._admin.list_topics(timeout=10)
            except KafkaException:  # of a broker that has just gone
                return None

        return [(name, number, partition)
                for name, topic in wait_until(ask, 60, "metadata", interval_s=0.1).topics.items()
                for number, partition in topic.partitions.items()]

    def _first(self, topic):
        """Partition 0. Not every broker knows at once of a topic that was made."""

        def find():
            return [p for name, n, p in self.partitions() if (name, n) == (topic, 0)]

        return wait_until(find, 30, f"{topic} is there")[0]

    def replicas(self, topic):
        """Node ids, of partition 0."""
        return self._first(topic).replicas

    def leader(self, topic):
        """The broker that leads partition 0."""
        node = self._first(topic).leader
        return next(broker for broker in self.brokers if broker.node == node)

    def wait_in_sync(self, deadline_s=120):
        """Until every replica of every partition has what is acknowledged."""

        def behind():
            return [f"{name}/{n}: {p.isrs} of {p.replicas}" for name, n, p in self.partitions()
                    if set(p.isrs) != set(p.replicas)]

        last = []

        def none_behind():
            last[:] = behind()
            return not last

        wait_until(none_behind, deadline_s, f"all in sync, not {last}", interval_s=0.1)

    def move(self, old, new, deadline_s=120):
        """Every partition that `old` has goes to `new`, while it is used."""
        moved = [(name, n, [new.node if r == old.node else r for r in p.replicas])
                 for name, n, p in self.partitions() if old.node in p.replicas]
        plan = {"version": 1, "partitions": [
            {"topic": name, "partition": n, "replicas": replicas} for name, n, replicas in moved]}
        file = self.directory / "move.json"
        file.write_text(json.dumps(plan))
        run_script("kafka-move.sh", self.address, file)

        def done():
            return all(old.node not in p.replicas for _, _, p in self.partitions())

        wait_until(done, deadline_s, f"{len(moved)} partitions moved", interval_s=0.1)
        self.wait_in_sync()
