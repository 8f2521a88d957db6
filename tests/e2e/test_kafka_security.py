"""Against a broker that trusts nobody: each way to log in, with no other rights than the lines that
`sluice precheck` printed; rights that lack; and what is refused, with a line that says why."""

import ctypes
import re

import pytest

from lib.precheck import Precheck
from lib.secure_kafka import CERTIFICATE, SecureKafka, parse_acl_line
from lib.servers import KAFKA_NEXT, ROOT, TLS, kafka_next_available

SCRAM_USERS = {"capture": "SCRAM-SHA-256", "applier": "SCRAM-SHA-256", "both": "SCRAM-SHA-512"}
PLAIN_USERS = ["plain", "narrow", "prefixed"]
CHECKPOINTS = "_sluice_checkpoints"


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    with SecureKafka(tmp_path_factory.mktemp("secure") / "kafka", PLAIN_USERS) as server:
        server.add_scram_users(SCRAM_USERS)
        yield server


@pytest.fixture
def rows(source, target, names):
    """A table of three rows; rows() waits until the target has them."""
    source.execute(f"CREATE DATABASE {names.database}",
                   f"CREATE TABLE {names.database}.t (id INT PRIMARY KEY, v VARCHAR(20))",
                   f"INSERT INTO {names.database}.t VALUES (1, 'a'), (2, 'b'), (3, NULL)")
    yield lambda: target.wait_for(f"SELECT * FROM {names.database}.t",
                                  ((1, "a"), (2, "b"), (3, None)))


def kafka_items(sluice, task):
    """What is not well about Kafka, by the check's name: (object, line)."""
    items = [i for i in Precheck(sluice, task).items
             if i["name"].startswith("kafka") and i["status"] != "pass"]
    return {(i["name"], i["status"], i["object"]): i["cure"] for i in items}


def gain_rights(sluice, broker, task):
    """From nothing: carries out what the precheck prints, until it prints nothing."""
    found = kafka_items(sluice, task)
    assert {(name, status) for name, status, _ in found} == {("kafka_rights", "fail")}
    for line in found.values():
        broker.carry_out(line)
    assert kafka_items(sluice, task) == {}
    return found


def capture_task(sluice, properties, **changes):
    return sluice.task({"target": None, "phases": ["schema", "full", "incremental"]}, "capture.yaml",
                       kafka=properties, **changes)


def applier_task(sluice, properties, names):
    return sluice.task({"name": f"{names.task}-apply", "source": None, "objects": None,
                        "topics": None, "from": {"topics": [names.topic]}}, "apply.yaml",
                       kafka=properties)


def documented(account, names):
    """The ACLs of docs/kafka-security.md for an account, with this test's names."""
    text = (ROOT / "docs" / "kafka-security.md").read_text()
    lines = [l for l in re.findall(r"^kafka-acls\.sh .*$", text, re.M) if f"User:{account} " in l]
    broker = type("Documented", (), {"address": "kafka:9093", "tls_address": None})
    acls = set().union(*(parse_acl_line(line, broker)[1] for line in lines))
    return {(kind, name.replace("shop-to-dr", names.task), pattern, operation)
            for kind, name, pattern, operation in acls}


def test_scram_sha_256_with_an_account_for_each_end(sluice, broker, rows, names):
    capture = capture_task(sluice, broker.sasl("SCRAM-SHA-256", "capture"))
    gain_rights(sluice, broker, capture)
    sluice.run("capture", capture, "--until-caught-up")
    applier = applier_task(sluice, broker.sasl("SCRAM-SHA-256", "applier"), names)
    gain_rights(sluice, broker, applier)
    sluice.run("apply", applier, "--until-caught-up")
    rows()
    for account in ("capture", "applier"):
        assert broker.acls(f"User:{account}") == documented(account, names)


@pytest.mark.parametrize("way", ["SCRAM-SHA-512", "PLAIN", "certificate"])
def test_one_account_for_the_whole_task(sluice, broker, rows, way):
    properties, principal = {
        "SCRAM-SHA-512": lambda: (broker.sasl("SCRAM-SHA-512", "both"), "User:both"),
        "PLAIN": lambda: (broker.sasl("PLAIN", "plain"), "User:plain"),
        "certificate": lambda: (broker.certificate(), CERTIFICATE),
    }[way]()
    task = sluice.task({"phases": ["schema", "full", "incremental"]}, kafka=properties)
    lines = gain_rights(sluice, broker, task)
    assert {parse_acl_line(line, broker)[0] for line in lines.values()} == {principal}
    sluice.run("run", task, "--until-caught-up", "--skip-precheck")
    rows()


def test_each_right_that_lacks_is_named(sluice, broker, rows, names):
    """One at a time of every object, before and after the topics are there."""
    task = sluice.task({"phases": ["schema", "full", "incremental"]},
                       kafka=broker.sasl("PLAIN", "narrow"))
    gain_rights(sluice, broker, task)
    data, ddl = names.topic, f"{names.task}.ddl"

    def without(*acls):
        broker.take_away("User:narrow", *acls)
        found = kafka_items(sluice, task)
        given = [parse_acl_line(line, broker)[1] for line in found.values()]
        assert sorted(given, key=sorted) == sorted([{a} for a in acls], key=sorted)
        for line in found.values():
            broker.carry_out(line)
        return {name for name, _, _ in found}

    group = ("GROUP", names.task, "LITERAL", "READ")
    assert without(("TOPIC", data, "LITERAL", "CREATE"), group,
                   ("TRANSACTIONAL_ID", names.task, "LITERAL", "WRITE")) == {"kafka_rights"}
    sluice.run("run", task, "--until-caught-up", "--skip-precheck")
    rows()
    ends = [broker.end(topic) for topic in (data, ddl, CHECKPOINTS)]
    assert without(("TOPIC", data, "LITERAL", "WRITE"), ("TOPIC", ddl, "LITERAL", "READ"),
                   ("TOPIC", CHECKPOINTS, "LITERAL", "READ"), group) == {"kafka_rights"}
    assert without(("TOPIC", data, "LITERAL", "READ"), ("TOPIC", CHECKPOINTS, "LITERAL", "WRITE"),
                   ("TOPIC", ddl, "LITERAL", "DESCRIBE_CONFIGS")) == {"kafka_rights", "kafka_settings"}
    # nothing that was tried has left a record
    assert ends == [broker.end(topic) for topic in (data, ddl, CHECKPOINTS)]


def test_topics_by_table_by_their_prefix(sluice, broker, rows, names):
    task = capture_task(sluice, broker.sasl("PLAIN", "prefixed"),
                        topics={"data": "{task}.{database}.{table}"})
    gain_rights(sluice, broker, task)
    prefix = f"{names.task}.{names.database}."
    assert {a for a in broker.acls("User:prefixed") if a[2] == "PREFIXED"} == {
        ("TOPIC", prefix, "PREFIXED", o) for o in ("WRITE", "CREATE", "DESCRIBE_CONFIGS")}
    sluice.run("capture", task, "--until-caught-up")
    assert f"{prefix}t" in broker.topics()


# --- what is refused ---


def librdkafka_version():
    """Of the library that sluice is linked with."""
    return ctypes.CDLL("librdkafka.so.1").rd_kafka_version()


def refused(sluice, broker, properties, code, *words):
    """By the precheck and by a start, in the same words; never with a secret."""
    task = capture_task(sluice, properties)
    found = Precheck(sluice, task).one("kafka_connect", "fail")
    capture = sluice.start("capture", task)
    assert capture.wait(60) == 1, capture.stderr
    last = capture.lines[-1]
    assert f"code={code}" in last
    for text in (found["reason"], last):
        for word in words:
            assert word in text, f"{word!r} is not in {text}"
        assert "secret" not in text
    assert not found["passing"]
    assert "secret" not in capture.stderr
    return found["reason"]


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "PLAIN"])
def test_wrong_password(sluice, broker, rows, mechanism):
    user = "capture" if mechanism != "PLAIN" else "plain"
    properties = broker.sasl(mechanism, user, **{"sasl.password": "not-the-secret"})
    text = refused(sluice, broker, properties, "kafka_auth", user, mechanism, "kafka.sasl.password",
                   "127.0.0.1")
    # an old librdkafka with SCRAM is refused by Kafka 4 in the same words, whatever the password
    trap = mechanism != "PLAIN" and librdkafka_version() < 0x020601FF
    assert ("older than 2.6.1" in text and "Kafka 4" in text) == trap


@pytest.mark.skipif(not kafka_next_available(), reason="Maven has no Kafka 4")
def test_scram_and_kafka_4(tmp_path, sluice, rows):
    """The right password; an old librdkafka is refused all the same, and it is said why."""
    with SecureKafka(tmp_path / "kafka", [], KAFKA_NEXT) as broker:
        broker.add_scram_users({"capture": "SCRAM-SHA-256"})
        properties = broker.sasl("SCRAM-SHA-256", "capture")
        if librdkafka_version() < 0x020601FF:
            refused(sluice, broker, properties, "kafka_auth", "older than 2.6.1", "Kafka 4",
                    "take PLAIN over TLS")
        else:
            gain_rights(sluice, broker, capture_task(sluice, properties))


def test_wrong_ca(sluice, broker, rows):
    properties = broker.sasl("PLAIN", "plain", **{"ssl.ca.location": str(TLS / "other-ca.pem")})
    refused(sluice, broker, properties, "kafka_tls", broker.address, "not trusted",
            "kafka.ssl.ca.location")


def test_a_certificate_for_another_name(sluice, broker, rows):
    properties = broker.sasl("PLAIN", "plain", **{"bootstrap.servers": broker.other_name_address})
    text = refused(sluice, broker, properties, "kafka_tls", broker.other_name_address, "another name",
                   "kafka.bootstrap.servers")
    assert "ca.location" not in text


def test_no_client_certificate(sluice, broker, rows):
    properties = {k: v for k, v in broker.certificate().items()
                  if k not in ("ssl.certificate.location", "ssl.key.location")}
    refused(sluice, broker, properties, "kafka_tls", broker.tls_address, "no certificate of ours",
            "kafka.ssl.certificate.location", "kafka.ssl.key.location")
