"""Bad input and bad servers: one clear line that names the object and the cure, the right exit
status, nothing lost, no secret printed."""

import pytest
from confluent_kafka import TopicPartition

from lib.kafka_reader import read_topic
from lib.servers import MariaDB, free_port
from lib.wait import wait_until

SECRET = "s3cret-0f-the-tests"
INCREMENTAL = {"phases": ["incremental"], "retry": {"connect_minutes": 1}}


def refused(process, status, *words):
    """The last line of stderr says all the words; the secret is nowhere."""
    got = process.wait(90)
    last = process.lines[-1] if process.lines else ""
    assert got == status, f"exit status {got}\n{process.stderr[-2000:]}"
    for word in words:
        assert word in last, f"{word!r} is not in: {last}"
    assert SECRET not in process.stderr + process.stdout
    return last


def table(server, names, definition="id INT PRIMARY KEY, v VARCHAR(100)"):
    server.execute(f"CREATE DATABASE IF NOT EXISTS {names.database}",
                   f"CREATE TABLE {names.database}.t ({definition})")
    return f"{names.database}.t"


@pytest.mark.parametrize(
    "text, words",
    [
        ("name: x\nsuorce: {type: mysql}\n", ["2:1", "suorce", "source"]),
        ("name: x\nsource: {type: mysql, hots: [a]}\n", ["2:", "hots", "hosts"]),
        ("name: x\nsource: {type: mysql, hosts: [h], user: u}\ntopics: {partitions: many}\n", ["3:", "partitions", "many"]),
        ("name: x\nsource: {type: mysql, hosts: [h], user: u}\ntopics: {partitions: 0}\n", ["3:", "partitions"]),
        ("name: 'Not A Name'\nsource: {type: mysql}\n", ["1:", "name"]),
        ("name: x\nsource: {type: oracle}\n", ["2:", "oracle", "mysql"]),
        ("name: x\nsource: {type: mysql, password: '${env:SLUICE_NOT_SET}'}\n", ["SLUICE_NOT_SET"]),
        ("name: x\n  bad: [yaml\n", ["2:"]),
        ("name: x\nname: y\n", ["2:", "name"]),
    ],
)
def test_task_file(sluice, text, words):
    path = sluice.directory / "bad.yaml"
    path.write_text(text)
    for command in ("check", "capture", "run"):
        refused(sluice.start(command, path), 2, "bad.yaml", *words)


def test_task_file_missing(sluice):
    refused(sluice.start("check", sluice.directory / "none.yaml"), 2, "none.yaml")


def test_usage(sluice):
    assert sluice.run("no-such-command", status=2).lines
    sluice.run("capture", status=2)
    assert "capture" in sluice.run("--help").stdout
    assert sluice.run("--version").stdout.startswith("sluice ")


def test_secrets_are_masked(sluice):
    task = sluice.task(source={"password": "${env:SLUICE_SECRET}"},
                       kafka={"sasl.password": SECRET})
    done = sluice.run("check", task, env={"SLUICE_SECRET": SECRET})
    assert SECRET not in done.stdout + done.stderr
    assert "****" in done.stdout


def test_source_not_reachable(sluice):
    port = free_port()
    task = sluice.task(INCREMENTAL, source={"hosts": [f"127.0.0.1:{port}"]})
    process = sluice.start("capture", task)
    process.wait_event("retry", 30)
    assert str(port) in process.lines[-1]
    assert process.stop() < 2


def test_kafka_not_reachable(sluice):
    port = free_port()
    task = sluice.task(INCREMENTAL, kafka={"bootstrap.servers": f"127.0.0.1:{port}"})
    for command in ("capture", "apply"):
        process = sluice.start(command, task)
        process.wait_event("retry", 40)
        assert str(port) in process.stderr
        assert process.stop() < 2


def test_gives_up_after_the_retry_time(sluice):
    task = sluice.task({"phases": ["incremental"], "retry": {"connect_minutes": 0}},
                       source={"hosts": [f"127.0.0.1:{free_port()}"]})
    refused(sluice.start("capture", task), 1, "127.0.0.1", "retry.connect_minutes")


def test_wrong_password(source, target, sluice):
    task = sluice.task(INCREMENTAL, source={"password": SECRET})
    refused(sluice.start("capture", task), 3, "sluice", source.address, "password")
    task = sluice.task(INCREMENTAL, target={"password": SECRET})
    refused(sluice.start("apply", task), 3, "sluice", target.address, "password")


def test_source_without_binlog(tmp_path, sluice):
    with MariaDB(tmp_path / "server", "--skip-log-bin") as server:
        task = sluice.task(INCREMENTAL, source={"hosts": [server.address]})
        refused(sluice.start("capture", task), 3, "log_bin")


@pytest.mark.parametrize(
    "variable, value, good",
    [("binlog_format", "STATEMENT", "ROW"), ("binlog_row_image", "MINIMAL", "FULL")],
)
def test_source_with_wrong_settings(tmp_path, sluice, variable, value, good):
    with MariaDB(tmp_path / "server") as server:
        server.execute(f"SET GLOBAL {variable} = '{value}'")
        task = sluice.task(INCREMENTAL, source={"hosts": [server.address]})
        refused(sluice.start("capture", task), 3, variable, value, f"SET GLOBAL {variable}", good)


def test_position_purged(tmp_path, sluice, names):
    with MariaDB(tmp_path / "server") as server:
        table(server, names)
        server.execute("FLUSH BINARY LOGS", "FLUSH BINARY LOGS")
        first = server.query("SHOW BINARY LOGS")
        last = first[-1][0]
        server.execute(f"PURGE BINARY LOGS TO '{last}'")
        task = sluice.task(INCREMENTAL, source={"hosts": [server.address],
                                                "start": f"position:{first[0][0]}:4"})
        process = sluice.start("capture", task)
        assert process.wait(60) in (1, 3)
        assert first[0][0] in process.lines[-1] and "purged" in process.lines[-1]


def test_gtids_purged(source, sluice, names):
    if source.kind != "mysql":
        pytest.skip("GTID sets are MySQL's")
    table(source, names)
    source.execute("FLUSH BINARY LOGS")
    last = source.query("SHOW BINARY LOGS")[-1][0]
    source.execute(f"PURGE BINARY LOGS TO '{last}'")
    uuid = source.value("SELECT @@GLOBAL.server_uuid")
    task = sluice.task(INCREMENTAL, source={"start": f"gtid:{uuid}:1"})
    process = sluice.start("capture", task)
    assert process.wait(60) in (1, 3)
    assert "purged" in process.lines[-1]


def test_missing_privilege(source, sluice, names):
    user = f"u{names.task[-6:]}"
    source.execute(f"CREATE USER {user}@'%' IDENTIFIED BY '{SECRET}'")
    task = sluice.task(INCREMENTAL, source={"user": user, "password": SECRET})
    refused(sluice.start("capture", task), 3, user, "GRANT", "REPLICATION SLAVE")


def test_target_missing_privilege(target, sluice, names):
    user = f"u{names.task[-6:]}"
    target.execute(f"CREATE USER {user}@'%' IDENTIFIED BY '{SECRET}'")
    task = sluice.task(INCREMENTAL, target={"user": user, "password": SECRET})
    refused(sluice.start("apply", task), 3, user, "GRANT")


def test_topic_missing_and_not_to_be_created(sluice, names):
    task = sluice.task(INCREMENTAL, topics={"create": False, "data": f"{names.topic}-none"})
    refused(sluice.start("capture", task), 3, f"{names.topic}-none", "topics.create")


def test_refused_kafka_property(sluice):
    task = sluice.task(INCREMENTAL, kafka={"acks": "perhaps"})
    refused(sluice.start("capture", task), 2, "kafka.acks", "task.yaml:")


def test_message_over_the_limit(source, sluice, names, reader):
    name = table(source, names, "id INT PRIMARY KEY, v MEDIUMTEXT")
    task = sluice.task(INCREMENTAL, message={"max_bytes": 100000})
    capture = sluice.capture(task)
    source.execute(f"INSERT INTO {name} VALUES (7, REPEAT('x', 200000))")
    refused(capture, 1, name, "7", "100000", "message.max_bytes")
    assert reader.read() == []
    # nothing is lost: with a higher limit it goes on with that very row
    task = sluice.task(INCREMENTAL, message={"max_bytes": 1000000})
    sluice.run("capture", task, "--until-caught-up")
    assert [r.json["data"][0]["id"] for r in reader.read()] == ["7"]


def test_target_table_missing(source, target, sluice, names):
    name = table(source, names)
    task = sluice.task(INCREMENTAL)
    sluice.capture(task)
    applier = sluice.apply(task)
    source.execute(f"INSERT INTO {name} VALUES (1, 'a')")
    refused(applier, 1, name, "schema")
    target.execute(f"CREATE DATABASE {names.database}", f"CREATE TABLE {name} (id INT PRIMARY KEY, v VARCHAR(100))")
    sluice.apply(task)
    target.wait_for(f"SELECT * FROM {name}", ((1, "a"),))


def test_target_table_with_other_columns(source, target, sluice, names):
    name = table(source, names)
    table(target, names, "id INT PRIMARY KEY, w VARCHAR(100)")
    task = sluice.task(INCREMENTAL)
    sluice.capture(task)
    applier = sluice.apply(task)
    source.execute(f"INSERT INTO {name} VALUES (1, 'a')")
    refused(applier, 1, name, "column v")


@pytest.mark.parametrize("what", ["insert", "update", "delete"])
def test_conflict_report(source, target, sluice, names, what):
    name = table(source, names)
    table(target, names)
    source.execute(f"INSERT INTO {name} VALUES (1, 'a'), (2, 'b')")
    task = sluice.task(INCREMENTAL)
    sluice.capture(task)
    target.execute(f"INSERT INTO {name} VALUES (9, 'mine')")
    applier = sluice.apply(task)
    good = f"INSERT INTO {name} VALUES (3, 'c')"
    bad = {"insert": f"INSERT INTO {name} VALUES (9, 'theirs')",
           "update": f"UPDATE {name} SET v = 'x' WHERE id = 1",
           "delete": f"DELETE FROM {name} WHERE id = 2"}[what]
    key = {"insert": "9", "update": "1", "delete": "2"}[what]
    source.execute(good, bad, f"INSERT INTO {name} VALUES (4, 'd')")
    refused(applier, 1, name, key, "target.conflict")
    # all before the conflict is applied, nothing behind it
    assert target.query(f"SELECT * FROM {name} ORDER BY id") == ((3, "c"), (9, "mine"))


def test_conflict_overwrite_and_keep(source, target, sluice, names):
    name = table(source, names)
    table(target, names)
    source.execute(f"INSERT INTO {name} VALUES (1, 'a')")
    sluice.capture(sluice.task(INCREMENTAL))
    target.execute(f"INSERT INTO {name} VALUES (9, 'mine')")
    changes = [f"INSERT INTO {name} VALUES (9, 'theirs')", f"UPDATE {name} SET v = 'x' WHERE id = 1"]
    keep = sluice.apply(sluice.task(INCREMENTAL, target={"conflict": "keep"}))
    source.execute(*changes, f"INSERT INTO {name} VALUES (5, 'e')")
    target.wait_for(f"SELECT * FROM {name} ORDER BY id", ((5, "e"), (9, "mine")))
    keep.stop()
    sluice.apply(sluice.task(INCREMENTAL, target={"conflict": "overwrite"}))
    source.execute(f"DELETE FROM {name} WHERE id = 9", f"INSERT INTO {name} VALUES (9, 'theirs')",
                   f"UPDATE {name} SET v = 'y' WHERE id = 1")
    target.wait_for(f"SELECT * FROM {name} ORDER BY id", ((1, "y"), (5, "e"), (9, "theirs")))


def test_offsets_deleted_by_retention(source, target, sluice, names, kafka):
    """The applier never jumps over records that are gone."""
    name = table(source, names)
    table(target, names)
    task = sluice.task(INCREMENTAL)
    sluice.capture(task)
    applier = sluice.apply(task)
    source.execute(f"INSERT INTO {name} VALUES (1, 'a')")
    target.wait_for(f"SELECT * FROM {name}", ((1, "a"),))
    applier.stop()
    source.execute(f"INSERT INTO {name} VALUES (2, 'b')", f"INSERT INTO {name} VALUES (3, 'c')")
    wait_until(lambda: len(read_topic(kafka.address, names.topic)) == 3, 30, "three records")
    last = read_topic(kafka.address, names.topic)[-1].offset
    admin = kafka.admin()  # its requests end with it
    deleted = admin.delete_records([TopicPartition(names.topic, 0, last)])
    list(deleted.values())[0].result(30)
    refused(sluice.start("apply", task), 1, names.topic, "offset")
    assert target.query(f"SELECT * FROM {name}") == ((1, "a"),)
