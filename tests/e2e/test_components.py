"""The component tests once more, with the servers that ctest does not have: what they skip there
runs here."""

import os
import re
import subprocess

import pytest

from lib.redis import RedisCluster
from lib.servers import CACHE, Kafka, MariaDB, MySQL, mysql_available
from lib.sluice import BIN


# where libmysqlclient finds MariaDB's way to log in
CLIENT_PLUGINS = {"LIBMYSQL_PLUGIN_DIR": str(CACHE / "mysql/root/usr/lib/mysql/plugin")}


def run(program, timeout_s=280, **servers):
    path = BIN / program
    if not path.exists():
        pytest.skip(f"{path.name} is built by ./dev test only")
    done = subprocess.run([path], env={**os.environ, **servers}, capture_output=True, text=True,
                          timeout=timeout_s)
    text = done.stdout + done.stderr
    # a test that fails frees nothing, and what the sanitizer says of that would hide why
    said = text.partition("ERROR: LeakSanitizer")[0] if "[  FAILED  ]" in text else text
    assert done.returncode == 0, said[-6000:]
    assert not re.search(r"\[ *SKIPPED *\]", text), text[-3000:]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("program", ["component_pipeline", "component_ddl_order",
                                     "component_topics_producer", "component_topics_consumer",
                                     "component_topics_checkpoint", "component_topics_router"])
def test_with_kafka(kafka, program):
    run(program, SLUICE_TEST_KAFKA=kafka.address)


@pytest.mark.timeout(300)
def test_broker_restarts(tmp_path):
    """It kills the broker itself, so it gets one of its own."""
    with Kafka(tmp_path / "kafka") as kafka:
        run("component_topics_restart", SLUICE_TEST_KAFKA=kafka.address,
            SLUICE_TEST_KAFKA_DIR=str(kafka.directory))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("server", ["target", "source"])
def test_sink(request, server):
    run("component_sink_mysql", SLUICE_TEST_MYSQL_TARGET=request.getfixturevalue(server).address)


def test_redis_sink(redis_target):
    run("component_sink_redis", SLUICE_TEST_REDIS_TARGET=redis_target.address)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", ["redis-6.2", "redis-7.0"])
def test_redis_cluster_sink(tmp_path, kind):
    """Slots move about in it, so it gets one of its own. 6.2 tells errors in scripts otherwise."""
    with RedisCluster(tmp_path / "cluster", kind=kind) as cluster:
        run("component_sink_redis_cluster", SLUICE_TEST_REDIS_CLUSTER=cluster.nodes[0].address)


def source_program(client, name):
    """With MariaDB Connector/C, or with Oracle's libmysqlclient from the unpacked MySQL."""
    if client == "mysqlclient" and not (BIN / f"component_oracle_{name}").exists():
        pytest.skip("no libmysqlclient: the second client backend is not built")
    return f"component_oracle_{name}" if client == "mysqlclient" else f"component_{name}"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("client", ["connectorc", "mysqlclient"])
@pytest.mark.parametrize("server", ["source", "target"])
def test_source(request, server, client):
    run(source_program(client, "mysql_source"), **CLIENT_PLUGINS,
        SLUICE_TEST_MYSQL_SOURCE=request.getfixturevalue(server).address)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("client", ["connectorc", "mysqlclient"])
@pytest.mark.parametrize("kind", [MySQL, MariaDB])
def test_source_events(tmp_path, kind, client):
    """They change the server's settings and reset its log, so they get one of their own."""
    if kind is MySQL and not mysql_available():
        pytest.skip("Debian sid gives no MySQL")
    program = source_program(client, "mysql_events")
    with kind(tmp_path / "server") as server:
        run(program, **CLIENT_PLUGINS, SLUICE_TEST_MYSQL_SOURCE=server.address)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("server", ["source", "target"])
def test_copy(request, server):
    """100 random runs each of a full copy beside a writer."""
    run("component_mysql_copy", 580, SLUICE_TEST_MYSQL_SOURCE=request.getfixturevalue(server).address)
