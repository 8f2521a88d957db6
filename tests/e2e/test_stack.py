"""Proves the ground the other tests stand on: the servers, the reader, the process harness."""

import os
import signal
import subprocess
import time

import pytest
from confluent_kafka import Producer

from lib.guard import MARKER, Guard
from lib.kafka_reader import TopicReader, parse_header
from lib.servers import Kafka, MySQL, mysql_available
from lib.sluice import Process, merged, to_yaml
from lib.wait import wait_until


def test_source_is_mysql_9(source):
    if source.kind != "mysql":
        pytest.skip("no MySQL from Debian sid")
    assert source.version.startswith("9.")
    (row,) = source.query(
        "SELECT @@log_bin, @@binlog_format, @@binlog_row_image, @@binlog_row_metadata, @@gtid_mode,"
        " @@local_infile, @@performance_schema, @@time_zone, @@character_set_server"
    )
    assert row == (1, "ROW", "FULL", "FULL", "ON", 1, 0, "+00:00", "utf8mb4")


def test_target_is_mariadb(target):
    assert "MariaDB" in target.version
    (row,) = target.query(
        "SELECT @@log_bin, @@binlog_format, @@binlog_row_image, @@binlog_row_metadata,"
        " @@local_infile, @@time_zone, @@character_set_server"
    )
    assert row == (1, "ROW", "FULL", "FULL", 1, "+00:00", "utf8mb4")


def test_the_account_of_a_task_may_write_and_replicate(source, target, names):
    for server in (source, target):
        with server.connect("sluice", "sluice") as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {names.database}")
            cursor.execute(f"CREATE TABLE {names.database}.t (a INT PRIMARY KEY)")
            cursor.execute(f"INSERT INTO {names.database}.t VALUES (1)")
            cursor.execute("SHOW BINARY LOGS")
            assert cursor.fetchall()
        server.wait_for(f"SELECT a FROM {names.database}.t", [(1,)])


def test_commits_survive_the_kill_of_mysql(tmp_path):
    if not mysql_available():
        pytest.skip("no MySQL from Debian sid")
    with MySQL(tmp_path / "mysql") as server:
        server.execute("CREATE DATABASE d", "CREATE TABLE d.t (a INT PRIMARY KEY)",
                       "INSERT INTO d.t VALUES (7)")
        before = server.value("SELECT @@gtid_executed")
        server.kill()
        server.start()
        assert server.value("SELECT a FROM d.t") == 7
        assert server.value("SELECT @@gtid_executed") == before


def test_two_mysql_have_their_own_uuid(tmp_path, source):
    if source.kind != "mysql":
        pytest.skip("no MySQL from Debian sid")
    with MySQL(tmp_path / "mysql", "--binlog-row-image=MINIMAL") as server:
        assert server.value("SELECT @@binlog_row_image") == "MINIMAL"
        assert server.value("SELECT @@server_uuid") != source.value("SELECT @@server_uuid")


def produce(kafka, names, commit, values):
    producer = Producer({"bootstrap.servers": kafka.address, "transactional.id": names.task})
    producer.init_transactions(30)
    producer.begin_transaction()
    for value in values:
        headers = [("cdc", f"v=1;task={names.task};txn=a%3Bb:1;seq={value}".encode())]
        producer.produce(names.topic, str(value).encode(), b'["d","t"]', headers=headers)
    producer.flush(30)
    if commit:
        producer.commit_transaction(30)
    else:
        producer.abort_transaction(30)


def test_reader_sees_committed_records_only(kafka, names, reader):
    kafka.create_topic(names.topic)
    produce(kafka, names, True, [1, 2])
    produce(kafka, names, False, [3, 4])
    assert [r.json for r in reader.read()] == [1, 2]
    produce(kafka, names, True, [5])
    assert [r.json for r in reader.wait(3)] == [1, 2, 5]
    record = reader.records[-1]
    assert record.json_key == ["d", "t"]
    assert record.header == {"v": "1", "task": names.task, "txn": "a;b:1", "seq": "5"}


def test_kafka_survives_its_kill(tmp_path, names):
    with Kafka(tmp_path / "kafka") as kafka:
        kafka.create_topic(names.topic, partitions=3)
        produce(kafka, names, True, range(10))
        kafka.kill()
        kafka.start()
        produce(kafka, names, True, range(10, 20))
        values = [r.json for r in TopicReader(kafka.address, names.topic).read()]
        assert sorted(values) == list(range(20))


def test_header_is_parsed():
    assert parse_header("v=1;pos=binlog.000003:1934") == {"v": "1", "pos": "binlog.000003:1934"}


def test_task_file_is_yaml():
    base = {"name": "a", "source": {"type": "mysql", "hosts": ["h:1"]}, "rules": [{"m": 1, "n": []}]}
    changed = merged(base, {"source": {"user": "u", "type": None}, "name": 'b: "c"'})
    assert to_yaml(changed) == (
        'name: "b: \\"c\\""\n'
        'source:\n  hosts:\n    - "h:1"\n  user: "u"\n'
        "rules:\n  -\n    m: 1\n    n: []\n"
    )


READY_UNTIL_TERM = """
trap 'echo "ts=1 event=ended reason=\\"end of work\\"" >&2; exit 0' TERM
echo 'ts=1 level=info event=ready task=x' >&2
while :; do sleep 0.01; done
"""


def test_process_is_awaited_stopped_and_killed(tmp_path):
    process = Process(["bash", "-c", READY_UNTIL_TERM], tmp_path / "a.log")
    assert process.wait_ready(task="x")["level"] == "info"
    assert process.stop() < 5
    assert process.events("ended")[0]["reason"] == "end of work"

    process = Process(["bash", "-c", READY_UNTIL_TERM], tmp_path / "b.log")
    process.wait_ready()
    assert process.kill().returncode == -signal.SIGKILL

    process = Process(["bash", "-c", "echo 'event=failed' >&2; exit 3"], tmp_path / "c.log")
    with pytest.raises(AssertionError, match="no event=ready"):
        process.wait_ready(deadline_s=60)
    assert process.wait(10) == 3


def test_guard_kills_what_is_left():
    marker = os.environ[MARKER]
    try:
        guard = Guard("test-of-the-guard")
        sleeper = subprocess.Popen(["setsid", "sleep", "600"])
    finally:
        os.environ[MARKER] = marker
    wait_until(lambda: os.path.exists(f"/proc/{sleeper.pid}/environ"))
    assert [line for line in guard.close() if "sleep" in line]
    assert sleeper.wait(5) == -signal.SIGKILL


def test_wait_until_has_a_deadline():
    began = time.monotonic()
    with pytest.raises(AssertionError, match="not within 0.1 s: never"):
        wait_until(lambda: False, 0.1, "never")
    assert time.monotonic() - began < 5
