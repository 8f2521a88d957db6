"""check, status, topics, tail, run, and the HTTP endpoints."""

import json
import urllib.request

import pytest
from confluent_kafka import Producer

from lib.kafka_reader import read_topic
from lib.servers import free_port
from lib.wait import wait_until

PHASES = ["schema", "full", "incremental"]


def one_table(source, names):
    name = f"{names.database}.t"
    source.execute(f"CREATE DATABASE {names.database}",
                   f"CREATE TABLE {name} (id INT PRIMARY KEY, v VARCHAR(20))",
                   f"INSERT INTO {name} VALUES (1, 'a')")
    return name


def test_check_prints_the_whole_task(sluice):
    out = sluice.run("check", sluice.task(phases=PHASES)).stdout
    for word in ("policy: single", "delivery: exactly-once", "connect_minutes: 720"):
        assert word in out
    assert "password: sluice" not in out


def test_run_supervises_both(source, target, sluice, names):
    name = one_table(source, names)
    task = sluice.task(phases=PHASES)
    runner = sluice.start("run", task)
    target.wait_for(f"SELECT * FROM {name}", ((1, "a"),))
    status = json.loads(sluice.run("status", task, "--json").stdout)
    for part in ("capture", "apply"):
        assert status[part]["healthy"] is True
        assert status[part]["pid"] > 0
        assert status[part]["rss_bytes"] > 0
        assert "lag_ms" in status[part]
    # a killed child is started again
    import os
    import signal

    os.kill(status["apply"]["pid"], signal.SIGKILL)
    source.execute(f"INSERT INTO {name} VALUES (2, 'b')")
    target.wait_for(f"SELECT * FROM {name} ORDER BY id", ((1, "a"), (2, "b")))
    assert runner.stop() < 2.5


def test_caught_up_is_behind_what_is_being_committed(source, target, kafka, sluice, names):
    """What was written before the start counts, also while its transaction's end is on the way."""
    name = one_table(source, names)
    target.execute(f"CREATE DATABASE {names.database}",
                   f"CREATE TABLE {name} (id INT PRIMARY KEY, v VARCHAR(20))")
    sluice.run("capture", sluice.task(phases=["full"], target=None), "--until-caught-up")
    (record,) = [r for r in read_topic(kafka.address, names.topic) if r.json["data"]]
    topic = f"{names.topic}.again"
    kafka.create_topic(topic)
    producer = Producer({"bootstrap.servers": kafka.address, "transactional.id": topic})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(topic, record.value, record.key,
                     headers=[("cdc", f"v=1;task={names.task};txn=t;seq=1;last=1".encode())])
    producer.flush(30)
    applier = sluice.start("apply", sluice.task({"source": None, "objects": None, "topics": None,
                                                 "from": {"topics": [topic]}}), "--until-caught-up")
    applier.wait_ready()
    with pytest.raises(AssertionError, match="still runs"):
        applier.wait(3)
    producer.commit_transaction(30)
    assert applier.wait() == 0
    assert target.query(f"SELECT * FROM {name}") == ((1, "a"),)


def test_status_says_what_does_not_run(source, sluice, names):
    one_table(source, names)
    task = sluice.task(phases=PHASES)
    done = sluice.run("status", task, status=1)
    assert "not running" in done.stdout
    sluice.capture(task)
    done = sluice.run("status", task, status=1)
    assert "streaming" in done.stdout and "not running" in done.stdout
    sluice.apply(task)
    done = sluice.run("status", task)
    assert "applying" in done.stdout and "lag" in done.stdout


def test_topics_and_tail(source, sluice, names, kafka, reader):
    name = one_table(source, names)
    task = sluice.task(phases=PHASES, topics={"partitions": 2, "policy": "pk", "create": False})
    assert names.topic not in kafka.topics()
    sluice.run("topics", task, "create")
    assert {names.topic, f"{names.task}.ddl", "_sluice_checkpoints"} <= kafka.topics()
    sluice.run("capture", task, "--until-caught-up")
    out = sluice.run("topics", task).stdout
    assert names.topic in out and "2" in out
    out = sluice.run("tail", names.topic, "-b", kafka.address, "--from", "earliest", "--count", "1").stdout
    assert '"type":"INSERT"' in out and "phase=snapshot" in out and name.split(".")[0] in out


def get(port, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_http_endpoints(source, target, sluice, names):
    name = one_table(source, names)
    port = free_port()
    task = sluice.task(phases=PHASES, metrics={"listen": f"127.0.0.1:{port}"})
    sluice.capture(task)
    sluice.apply(task)
    target.wait_for(f"SELECT * FROM {name}", ((1, "a"),))
    for at in (port, port + 1):
        assert get(at, "/healthz")[0] == 200
        assert get(at, "/readyz")[0] == 200
        assert get(at, "/nothing")[0] == 404
        status, text = get(at, "/metrics")
        assert status == 200 and "# TYPE sluice_rows_total counter" in text
        wait_until(lambda: json.loads(get(at, "/status")[1])["ready"], 10, "ready in status")
