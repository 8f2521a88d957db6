"""Kafka, MySQL and MariaDB for the tests, by the scripts in tests/stack (Redis: redis.py).

Each server has a data folder and a port of its own; `with MySQL(path) as server:` gives one that a
test may kill, the session's shared ones come from conftest.py.
"""

import functools
import json
import os
import random
import signal
import socket
import subprocess
import urllib.request
from pathlib import Path

import pymysql
from confluent_kafka.admin import (AdminClient, ConfigResource, ConfigSource, NewPartitions,
                                   NewTopic, ResourceType)

from lib.wait import wait_until

ROOT = Path(__file__).resolve().parents[3]
STACK = ROOT / "tests" / "stack"
TLS = Path(os.environ.get("SLUICE_CACHE", ROOT / ".cache")).resolve() / "tls"  # make-certs.sh
CACHE = Path(os.environ.get("SLUICE_CACHE", ROOT / ".cache"))
NOT_THERE = 3  # exit status of the fetch scripts when there is none to be had
KAFKA_NEXT = {"KAFKA_VERSION": "next"}  # environment of the scripts for Kafka's second version
PORTS_GIVEN = set()


def free_port():
    """Below the ephemeral range: an outgoing connection cannot take it while its server restarts.
    Never the same one twice."""
    while True:
        port = random.randint(15000, 31000)
        if port in PORTS_GIVEN:
            continue
        PORTS_GIVEN.add(port)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def run_script(name, *args, deadline_s=120, env=None):
    done = subprocess.run(
        [STACK / name, *map(str, args)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=deadline_s,
        env={**os.environ, **(env or {})},
    )
    if done.returncode != 0:
        raise RuntimeError(f"{name}: exit status {done.returncode}\n{done.stdout}{done.stderr}")


@functools.cache
def mysql_available():
    """False when Debian sid gives no MySQL; MariaDB then stands in at both ends."""
    return available("mysql-fetch.sh")


@functools.cache
def registry_available():
    return available("registry-fetch.sh")


@functools.cache
def kafka_next_available():
    return available("kafka-fetch.sh", KAFKA_NEXT)


def available(script, env=None):
    done = subprocess.run([STACK / script], stdin=subprocess.DEVNULL, timeout=600,
                          env={**os.environ, **(env or {})})
    if done.returncode not in (0, NOT_THERE):
        raise RuntimeError(f"{script}: exit status {done.returncode}")
    return done.returncode == 0


class Server:
    """What start-*.sh and stop.sh can do; options are the server's own, kept over restarts."""

    script = None
    environment = {}  # of the script

    def __init__(self, directory, *options):
        self.directory = Path(directory)
        self.options = options
        self.host = "127.0.0.1"
        self.port = free_port()

    @property
    def address(self):
        return f"{self.host}:{self.port}"

    @property
    def pid(self):
        return int((self.directory / "server.pid").read_text())

    @property
    def log(self):
        return (self.directory / "server.log").read_text(errors="replace")

    def start(self):
        run_script(self.script, self.directory, self.port, *self.options, env=self.environment)
        return self

    def stop(self):
        run_script("stop.sh", self.directory)

    def kill(self):
        """SIGKILL; returns when the process is gone."""
        run_script("stop.sh", "-9", self.directory)

    def restart(self):
        self.stop()
        self.start()

    def pause(self):
        """SIGSTOP: connections stay open and nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self):
        os.kill(self.pid, signal.SIGCONT)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.kill()


def topic_settings(admin, topic):
    """{name: value} of those that were given to the topic itself."""
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    found = admin.describe_configs([resource])[resource].result(30)
    return {name: entry.value for name, entry in found.items()
            if entry.source == ConfigSource.DYNAMIC_TOPIC_CONFIG.value}


class Kafka(Server):
    """options: "property=value" of the broker."""

    script = "start-kafka.sh"

    def admin(self):
        return AdminClient({"bootstrap.servers": self.address})

    def settings(self, topic):
        return topic_settings(self.admin(), topic)

    def create_topic(self, name, partitions=1, **config):
        topic = NewTopic(name, partitions, 1, config={k: str(v) for k, v in config.items()})
        admin = self.admin()  # its requests end with it
        admin.create_topics([topic])[name].result(30)

    def set_topic(self, name, **config):
        """Sets the topic's configuration to these values and nothing else."""
        resource = ConfigResource(ResourceType.TOPIC, name, {k: str(v) for k, v in config.items()})
        admin = self.admin()
        admin.alter_configs([resource])[resource].result(30)

    def add_partitions(self, name, total):
        admin = self.admin()
        admin.create_partitions([NewPartitions(name, total)])[name].result(30)

    def topics(self):
        return set(self.admin().list_topics(timeout=30).topics)


class Registry(Server):
    """A schema registry with Confluent's API, empty after each start; options: "property=value"."""

    script = "start-registry.sh"

    @property
    def url(self):
        return f"http://{self.address}/apis/ccompat/v7"

    def ask(self, path, body=None, method=None):
        """GET, or PUT (POST...) of a body; the answer's JSON."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.url + path, data, {"Content-Type": "application/vnd.schemaregistry.v1+json"},
            method=method or ("PUT" if body else "GET"))
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def compatibility(self, level):
        self.ask("/config", {"compatibility": level})

    def start(self):
        super().start()
        self.compatibility("BACKWARD")  # Confluent's own default
        return self


class Database(Server):
    """options: the server's command-line options."""

    kind = None

    def connect(self, user="root", password="", **options):
        options = {"autocommit": True, "charset": "utf8mb4", "local_infile": True, **options}
        return pymysql.connect(
            host=self.host, port=self.port, user=user, password=password, **options
        )

    def execute(self, *statements):
        """Runs the statements in one connection, each committed."""
        with self.connect() as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def query(self, statement, args=None):
        """All rows, as a tuple of tuples."""
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(statement, args)
            return cursor.fetchall()

    def value(self, statement, args=None):
        return self.query(statement, args)[0][0]

    @property
    def version(self):
        return self.value("SELECT VERSION()")

    def wait_for(self, statement, rows, deadline_s=30):
        """Until the query gives these rows; says what it gave last when it does not."""
        last = None

        def equal():
            nonlocal last
            try:
                last = self.query(statement)
            except (pymysql.err.ProgrammingError, pymysql.err.OperationalError) as error:
                # the table or its database may not be there yet
                last = error
            return last == tuple(rows)

        try:
            wait_until(equal, deadline_s, interval_s=0.05)
        except AssertionError:
            raise AssertionError(f"within {deadline_s} s {statement} gave {last}") from None


class MySQL(Database):
    script = "start-mysql.sh"
    kind = "mysql"


class MariaDB(Database):
    script = "start-mariadb.sh"
    kind = "mariadb"
