"""Fixtures: the shared servers of a session, and for each test names and a `sluice` of its own."""

import os
import re
import secrets
import signal
import uuid
from types import SimpleNamespace

import pytest

from lib.guard import Guard
from lib.kafka_reader import TopicReader
from lib.redis import Redis, RedisCluster
from lib.redis_load import Load as RedisLoad
from lib.servers import TLS, Kafka, MariaDB, MySQL, Registry, mysql_available, registry_available
from lib.sluice import Sluice

GUARD = pytest.StashKey()
LEFT_BEHIND = pytest.StashKey()


def pytest_configure(config):
    def interrupt(*_):
        raise KeyboardInterrupt  # lets the fixtures end what they started

    signal.signal(signal.SIGTERM, interrupt)
    signal.signal(signal.SIGHUP, interrupt)
    config.stash[GUARD] = Guard(uuid.uuid4().hex)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session):
    session.config.stash[LEFT_BEHIND] = session.config.stash[GUARD].close()


def pytest_terminal_summary(terminalreporter, config):
    for line in config.stash.get(LEFT_BEHIND, []):
        terminalreporter.write_line(f"left behind, killed: {line}")
    repeat_closing_lines(terminalreporter, "CTEST_LOG", "ctest", r"^\d+% tests passed.*\Z")
    repeat_closing_lines(terminalreporter, "FUZZ_LOG", "fuzz targets", r"([^\n]*\n){1,60}\Z")


def repeat_closing_lines(terminalreporter, variable, title, pattern):
    log = os.environ.get(variable)
    if log and os.path.exists(log):
        with open(log, errors="replace") as file:
            closing = re.search(pattern, file.read(), re.M | re.S)
        terminalreporter.section(title)
        terminalreporter.write(closing.group() if closing else "no summary: see the top\n")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    report = yield
    if report.failed:
        sluice = getattr(item, "funcargs", {}).get("sluice")
        for process in sluice.processes if sluice else []:
            tail = "\n".join(process.lines[-50:])
            report.sections.append((f"stderr of {process.name} ({process.returncode})", tail))
    return report


@pytest.fixture(scope="session")
def stack_directory(tmp_path_factory):
    return tmp_path_factory.mktemp("stack", numbered=False)


@pytest.fixture(scope="session")
def kafka(stack_directory):
    with Kafka(stack_directory / "kafka") as server:
        yield server


@pytest.fixture(scope="session")
def source(stack_directory):
    """MySQL 9; MariaDB where Debian sid gives no MySQL (see source.kind)."""
    kind = MySQL if mysql_available() else MariaDB
    with kind(stack_directory / "source") as server:
        yield server


@pytest.fixture(scope="session")
def target(stack_directory):
    with MariaDB(stack_directory / "target") as server:
        yield server


@pytest.fixture(scope="session")
def registry(stack_directory):
    if not registry_available():
        pytest.skip("Maven has no schema registry")
    with Registry(stack_directory / "registry") as server:
        yield server


@pytest.fixture(scope="session")
def redis_source(stack_directory):
    """Redis 7.0, with TLS besides; redis_empty gives it to a test without keys."""
    with Redis(stack_directory / "redis-source", tls=True) as server:
        yield server


@pytest.fixture(scope="session")
def redis_target(stack_directory):
    with Redis(stack_directory / "redis-target", tls=True) as server:
        yield server


@pytest.fixture(scope="session")
def redis_cluster(stack_directory):
    """Three masters of Redis 7.0."""
    with RedisCluster(stack_directory / "redis-cluster") as cluster:
        yield cluster


@pytest.fixture
def names(request):
    """task, topic and database of this test alone."""
    word = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower().removeprefix("test_")).strip("-")
    task = f"{word[:30].rstrip('-')}-{secrets.token_hex(3)}"
    return SimpleNamespace(task=task, topic=task, database=task.replace("-", "_"))


@pytest.fixture
def sluice(tmp_path, kafka, source, target, names):
    """Runs `sluice`; its task files go from the source's database of this test to the target's."""
    account = {"password": "sluice", "tls": {"mode": "verify-identity", "ca": str(TLS / "ca.pem")}}
    runner = Sluice(
        tmp_path,
        {
            "name": names.task,
            "source": {"type": "mysql", "hosts": [source.address], "user": "sluice_source", **account},
            "objects": {"include": [f"{names.database}.*"]},
            "kafka": {"bootstrap.servers": kafka.address},
            "topics": {"data": names.topic},
            "target": {"type": "mysql", "hosts": [target.address], "user": "sluice_target", **account},
            "state_dir": str(tmp_path / "state"),
        },
    )
    yield runner
    runner.clean_up()


@pytest.fixture
def redis_between(tmp_path, kafka, names):
    """redis_between(source, target): runs `sluice` for tasks from one server or cluster to another,
    both without a key at first."""
    runners = []

    def make(source, target):
        directory = tmp_path / f"redis-{len(runners)}"  # a test may have a `sluice` besides
        directory.mkdir()
        runners.append(redis_task_runner(directory, kafka, names, source, target))
        return runners[-1]

    yield make
    RedisLoad.end_all()
    for runner in runners:
        runner.clean_up()


@pytest.fixture
def redis_sluice(redis_between, redis_source, redis_target):
    """From redis_source to redis_target."""
    return redis_between(redis_source, redis_target)


def redis_task_runner(directory, kafka, names, source, target):
    """A Sluice whose task files go from one server (or cluster) to the other, as emptied."""
    source.empty()
    target.empty()
    account = {"password": "sluice"}
    return Sluice(
        directory,
        {
            "name": names.task,
            "source": {"type": "redis", "hosts": source.addresses, "user": "sluice_source",
                       **account},
            "kafka": {"bootstrap.servers": kafka.address},
            "topics": {"data": names.topic},
            "target": {"type": "redis", "hosts": target.addresses, "user": "sluice_target",
                       **account},
            "state_dir": str(directory / "state"),
        },
    )


@pytest.fixture
def reader(kafka, names):
    """Of this test's data topic."""
    return TopicReader(kafka.address, names.topic)
