"""Redis and Valkey for the tests: a client of our own, which leaves every byte as it is, and the
servers of tests/stack/start-redis.sh and start-redis-cluster.sh."""

import functools
import socket
import ssl
import subprocess
from pathlib import Path

from lib.servers import STACK, TLS, Server, free_port, run_script
from lib.wait import wait_until

NOT_TO_BE_HAD = 3  # exit status of redis-fetch.sh
KINDS = ("redis-6.2", "redis-7.0", "redis-8.0", "valkey-8.0", "valkey-9.1")


class RedisError(Exception):
    """An error reply; `code` is its first word."""

    @property
    def code(self):
        return str(self).split(" ", 1)[0]


def to_bytes(value):
    return value if isinstance(value, bytes) else str(value).encode()


def command(*words):
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        word = to_bytes(word)
        parts.append(b"$%d\r\n%s\r\n" % (len(word), word))
    return b"".join(parts)


class Connection:
    """One connection. Replies are bytes, int, None, list; error replies are raised, inside a list
    they are RedisError values."""

    def __init__(self, host, port, db=0, user=None, password=None, tls=False, timeout_s=30):
        self.address = (host, port)
        self._socket = socket.create_connection((host, port), timeout_s)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            context = ssl.create_default_context(cafile=TLS / "ca.pem")
            self._socket = context.wrap_socket(self._socket, server_hostname=host)
        self._file = self._socket.makefile("rb", 1 << 16)
        if user or password:
            self("AUTH", *filter(None, (user, password)))
        if db:
            self("SELECT", db)

    def __call__(self, *words):
        self._socket.sendall(command(*words))
        return self._raise(self._reply())

    def pipeline(self, commands, check=True):
        """The replies of all commands, in one go; with check the first error is raised."""
        replies = []
        for begin in range(0, len(commands), 1000):
            part = commands[begin : begin + 1000]
            self._socket.sendall(b"".join(command(*words) for words in part))
            replies += [self._reply() for _ in part]
        if check:
            for reply in replies:
                self._raise(reply)
        return replies

    def close(self):
        self._file.close()
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @staticmethod
    def _raise(reply):
        if isinstance(reply, RedisError):
            raise reply
        return reply

    def _reply(self):
        line = self._file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("%s:%d closed the connection" % self.address)
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest
        if kind == b"-":
            return RedisError(rest.decode(errors="replace"))
        if kind == b":":
            return int(rest)
        if rest == b"-1":
            return None
        if kind == b"$":
            return self._file.read(int(rest) + 2)[:-2]
        assert kind == b"*", line
        return [self._reply() for _ in range(int(rest))]


@functools.cache
def available(kind):
    """False when no registry has it."""
    done = subprocess.run([STACK / "redis-fetch.sh", kind], stdin=subprocess.DEVNULL, timeout=600)
    if done.returncode not in (0, NOT_TO_BE_HAD):
        raise RuntimeError(f"redis-fetch.sh: exit status {done.returncode}")
    return done.returncode == 0


class Redis(Server):
    """options: lines of redis.conf, kept over restarts."""

    script = "start-redis.sh"
    timeout_s = 30  # of connections to it

    def __init__(self, directory, *options, kind="redis-7.0", tls=False):
        super().__init__(directory, *options)
        self.kind = kind  # of KINDS
        self.tls_port = free_port() if tls else None
        if tls:
            self.options = (f"tls-port {self.tls_port}", *options)

    def start(self):
        run_script(self.script, self.directory, self.port, self.kind, *self.options)
        return self

    @property
    def addresses(self):
        return [self.address]

    @property
    def masters(self):
        """Itself, as a cluster has several."""
        return [self]

    def connect(self, db=0, **options):
        return Connection(self.host, self.port, db, **{"timeout_s": self.timeout_s, **options})

    def run(self, *words, db=0):
        """One command in a connection of its own."""
        with self.connect(db) as connection:
            return connection(*words)

    def pipeline(self, commands, db=0):
        with self.connect(db) as connection:
            return connection.pipeline(commands)

    @property
    def version(self):
        info = self.info("server")
        return info.get("valkey_version") or info["redis_version"]

    def info(self, section="default"):
        text = self.run("INFO", section).decode()
        return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)

    def config(self, **values):
        """CONFIG SET; _ in a name stands for -."""
        for name, value in values.items():
            self.run("CONFIG", "SET", name.replace("_", "-"), value)

    def databases(self):
        """{database: number of keys}"""
        info = self.info("keyspace").items()
        return {int(n[2:]): int(v.split("=")[1].split(",")[0]) for n, v in info if n[:2] == "db"}

    def empty(self):
        """Without keys and functions."""
        with self.connect() as connection:
            connection("FLUSHALL")
            if self.kind != "redis-6.2":
                connection("FUNCTION", "FLUSH")

    def wait_for(self, words, reply, db=0, deadline_s=30):
        """Until the command gives this reply; says what it gave last when it does not."""
        last = None

        def equal():
            nonlocal last
            try:
                last = self.run(*words, db=db)
            except (OSError, RedisError) as error:
                last = error
            return last == reply

        try:
            wait_until(equal, deadline_s)
        except AssertionError:
            raise AssertionError(f"within {deadline_s} s {words} gave {last!r}") from None

    def replicate(self, master):
        """Becomes a replica of it; returns when it has its data."""
        self.run("REPLICAOF", master.host, master.port)
        wait_until(
            lambda: self.info("replication").get("master_link_status") == "up", 30,
            "replica in step"
        )

    def wait_as_far_as(self, master):
        """Until this replica has all that its master has now. WAIT does not tell it: a capture that has
        acknowledged the stream counts as a replica too."""
        offset = int(master.info("replication")["master_repl_offset"])
        wait_until(lambda: int(self.info("replication")["master_repl_offset"]) >= offset, 30,
                   f"the replica at offset {offset}")


class RedisCluster:
    """Three masters; nodes are Redis servers. options: lines of redis.conf for each."""

    def __init__(self, directory, *options, kind="redis-7.0"):
        self.directory = Path(directory)
        self.kind = kind
        self.options = options
        self.nodes = [Redis(self.directory / str(n), kind=kind) for n in (1, 2, 3)]
        for node in self.nodes:
            while not bus_is_free(node.port + 10000):
                node.port = free_port()

    @property
    def addresses(self):
        return [node.address for node in self.nodes]

    @property
    def masters(self):
        return self.nodes

    def start(self):
        ports = [node.port for node in self.nodes]
        run_script("start-redis-cluster.sh", self.directory, *ports, self.kind, *self.options)
        return self

    def kill(self):
        run_script("stop.sh", "-9", *(node.directory for node in self.nodes))

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.kill()

    def empty(self):
        """No keys, and every slot where start-redis-cluster.sh has put it."""
        for node in self.nodes:
            node.empty()
        for first, last, master, *_ in self.nodes[0].run("CLUSTER", "SLOTS"):
            for slot in range(first, last + 1):
                home = self.nodes[(slot > 5460) + (slot > 10922)]
                if home.port != master[1]:
                    self.move_slot(slot, home)

    def node_of(self, key):
        return self.owner(self.nodes[0].run("CLUSTER", "KEYSLOT", key))

    def run(self, *words):
        """A command at the node of its first key, words[1]."""
        return self.node_of(words[1]).run(*words)

    def move_slot(self, slot, to):
        """With its keys, as redis-cli --cluster reshard does."""
        by_id = {node.run("CLUSTER", "MYID"): node for node in self.nodes}
        origin = self.owner(slot)
        if origin is to:
            return
        ids = {node.port: name for name, node in by_id.items()}
        to.run("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[origin.port])
        origin.run("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[to.port])
        while keys := origin.run("CLUSTER", "GETKEYSINSLOT", slot, 100):
            origin.run("MIGRATE", to.host, to.port, "", 0, 10000, "KEYS", *keys)
        for node in (to, origin, *self.nodes):
            try:
                node.run("CLUSTER", "SETSLOT", slot, "NODE", ids[to.port])
            except RedisError as error:  # whose last slot it was, it is a replica now
                if "only with masters" not in str(error):
                    raise
        # a slot that moves on before all know of the newest epoch can get two owners of one
        wait_until(lambda: len(set(map(current_epoch, self.nodes))) == 1, 30, "one epoch at all nodes")

    def node(self, directory):
        """One more, which becomes a member as it starts: a master without slots."""
        return ClusterNode(self, directory)

    def owner(self, slot):
        for first, last, master, *_ in self.nodes[0].run("CLUSTER", "SLOTS"):
            if first <= slot <= last:
                return next(n for n in self.nodes if n.port == master[1])
        raise AssertionError(f"slot {slot} is not served")


def current_epoch(node):
    """What a member of a cluster takes for the newest."""
    facts = dict(line.split(":", 1) for line in node.run("CLUSTER", "INFO").decode().splitlines())
    return int(facts["cluster_current_epoch"])


class ClusterNode(Redis):
    def __init__(self, cluster, directory):
        super().__init__(directory, "databases 1", "cluster-enabled yes",
                         "cluster-config-file nodes.conf", "cluster-node-timeout 3000",
                         kind=cluster.kind)
        self.cluster = cluster
        while not bus_is_free(self.port + 10000):
            self.port = free_port()

    def start(self):
        super().start()
        nodes = [*self.cluster.nodes, self]
        self.run("CLUSTER", "MEET", self.cluster.nodes[0].host, self.cluster.nodes[0].port)
        name = self.run("CLUSTER", "MYID")
        wait_until(lambda: all(name in n.run("CLUSTER", "NODES") and b"cluster_state:ok" in
                               n.run("CLUSTER", "INFO") for n in nodes), 60, "a member of the cluster")
        return self


def bus_is_free(port):
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False
