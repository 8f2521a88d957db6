"""The main path against the second version of Kafka: the other tests have 3.9, this has 4."""

import ctypes
import os

import pytest
from confluent_kafka.admin import (ScramCredentialInfo, ScramMechanism,
                                   UserScramCredentialUpsertion)

from lib.kafka_reader import read_topic
from lib.load import Load, Marks, check_exactly_once, contents
from lib.precheck import Precheck
from lib.servers import KAFKA_NEXT, Kafka, free_port, kafka_next_available
from lib.wait import wait_until

SEED = int(os.environ.get("SLUICE_SEED", "20261121"))
SCRAM_FIXED = 0x020601FF  # librdkafka 2.6.1
PASSWORD = "the right one"


class KafkaNext(Kafka):
    """With a listener for SCRAM besides."""

    environment = KAFKA_NEXT

    def __init__(self, directory):
        super().__init__(directory)
        self.sasl = f"{self.host}:{free_port()}"
        controller = f"{self.host}:{free_port()}"
        self.options = (
            f"listeners=PLAINTEXT://{self.address},SASL_PLAINTEXT://{self.sasl},"
            f"CONTROLLER://{controller}",
            f"advertised.listeners=PLAINTEXT://{self.address},SASL_PLAINTEXT://{self.sasl}",
            f"controller.quorum.voters=1@{controller}",
            "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,"
            "SASL_PLAINTEXT:SASL_PLAINTEXT",
            "sasl.enabled.mechanisms=SCRAM-SHA-256",
            "listener.name.sasl_plaintext.scram-sha-256.sasl.jaas.config="
            "org.apache.kafka.common.security.scram.ScramLoginModule required;",
        )


@pytest.fixture(scope="module")
def kafka_next(tmp_path_factory):
    if not kafka_next_available():
        pytest.skip("Maven has no second version of Kafka")
    with KafkaNext(tmp_path_factory.mktemp("kafka-next")) as server:
        assert "Kafka version: 4." in server.log
        yield server


@pytest.mark.timeout(300)
def test_main_path_through_kills(source, target, sluice, names, kafka_next):
    task = sluice.task(phases=["schema", "full", "incremental"],
                       kafka={"bootstrap.servers": kafka_next.address})
    load = Load(source, names.database, SEED)
    load.create_tables()
    marks = Marks(source, target, names.database)
    load.start()
    wait_until(lambda: load.transactions > 20, 60, "rows for the full copy", interval_s=0.1)
    running = {name: sluice.start(name, task) for name in ("capture", "apply")}
    for process in running.values():
        process.wait_ready()
    for name in ["capture", "kafka", "apply", "capture"]:
        if name == "kafka":
            kafka_next.kill()
            kafka_next.start()
        else:
            running[name].kill()
            running[name] = sluice.start(name, task)
        marks.pass_through()
    kafka_next.restart()
    marks.pass_through()
    load.stop()
    expected = contents(source, names.database)
    wait_until(lambda: contents(target, names.database) == expected, 120, "target equal to source",
               interval_s=0.2)
    for process in running.values():
        assert process.stop() < 5, f"{process.name} took too long to end"
    records = read_topic(kafka_next.address, names.topic)
    assert {r.header["phase"] for r in records} == {"snapshot", "incr"}
    transactions = check_exactly_once(records)
    assert transactions > load.transactions / 2 > 0  # some found no row to change


def test_precheck(source, sluice, names, kafka_next):
    source.execute(f"CREATE DATABASE {names.database}",
                   f"CREATE TABLE {names.database}.t (a INT PRIMARY KEY)")
    task = sluice.task(kafka={"bootstrap.servers": kafka_next.address})
    found = Precheck(sluice, task)
    assert {i["status"] for i in found.items if i["name"].startswith("kafka_")} == {"pass"}


def test_scram_of_an_old_client_is_no_wrong_password(source, sluice, names, kafka_next):
    """Kafka 4 refuses what a librdkafka before 2.6.1 sends; the account and its password are right."""
    admin = kafka_next.admin()
    alteration = UserScramCredentialUpsertion(
        "alice", ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 4096), PASSWORD.encode())
    admin.alter_user_scram_credentials([alteration])["alice"].result(30)
    source.execute(f"CREATE DATABASE {names.database}",
                   f"CREATE TABLE {names.database}.t (a INT PRIMARY KEY)")
    task = sluice.task(kafka={
        "bootstrap.servers": kafka_next.sasl, "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "SCRAM-SHA-256", "sasl.username": "alice", "sasl.password": PASSWORD})
    found = Precheck(sluice, task)
    if ctypes.CDLL("librdkafka.so.1").rd_kafka_version() >= SCRAM_FIXED:
        assert found.one("kafka_connect", "pass")
        return
    reason = found.one("kafka_connect", "fail")["reason"]
    assert "alice" in reason and PASSWORD not in reason
    assert "older than 2.6.1, cannot use SCRAM with Kafka 4" in reason
