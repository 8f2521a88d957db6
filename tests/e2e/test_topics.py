"""Where rows go: rules for single tables, the policies that hash columns, and rows that move from one partition to
another while somebody reads the target."""

import random

from lib.kafka_reader import read_topic
from lib.load import same
from lib.wait import wait_until
from lib.watch import Watcher

ALL_PHASES = ["schema", "full", "incremental"]
ROWS = 60


def create(server, names, tables):
    server.execute(f"CREATE DATABASE {names.database}", *(
        f"CREATE TABLE {names.database}.{table} ({columns})" for table, columns in tables.items()))


def java_hash(text):
    value = 0
    for unit in memoryview(text.encode("utf-16-le")).cast("H"):
        value = (value * 31 + unit) & 0xFFFFFFFF
    return value


def canal_partition(database, values, partitions):
    value = java_hash(database)
    for text in values:
        value ^= java_hash(text)
    return abs(value - (1 << 32) if value >> 31 else value) % partitions


def test_rules_of_single_tables(source, target, kafka, sluice, names):
    database = names.database
    create(source, names, {"orders": "id INT PRIMARY KEY, customer INT, note TEXT",
                           "items": "id INT PRIMARY KEY, a VARCHAR(20), b VARCHAR(20)",
                           "other": "id INT PRIMARY KEY"})
    with source.connect() as connection:
        cursor = connection.cursor()
        for i in range(ROWS):
            cursor.execute(f"INSERT INTO {database}.orders VALUES (%s, %s, 'n')", (i, i % 7))
            cursor.execute(f"INSERT INTO {database}.items VALUES (%s, %s, %s)", (i, f"ä{i}", f"€😀\"{i * i}"))
            cursor.execute(f"INSERT INTO {database}.other VALUES (%s)", (i,))
        connection.commit()
    task = sluice.task(phases=ALL_PHASES, topics={"rules": [
        {"match": f"{database}.orders", "topic": "{task}.orders", "partitions": 5, "policy": "columns",
         "columns": ["customer"]},
        {"match": f"{database}.it*", "topic": "{task}.items", "partitions": 3, "policy": "canal", "columns": ["a", "b"]},
    ]})
    sluice.capture(task)
    sluice.apply(task)
    for table in ("orders", "items", "other"):
        same(source, target, f"{database}.{table}", deadline_s=60)
    by_customer = {}
    for record in read_topic(kafka.address, f"{names.task}.orders"):
        by_customer.setdefault(record.json["data"][0]["customer"], set()).add(record.partition)
    assert len(by_customer) == 7 and all(len(partitions) == 1 for partitions in by_customer.values())
    assert len(set.union(*by_customer.values())) > 1
    items = read_topic(kafka.address, f"{names.task}.items")
    assert len(items) == ROWS and len({record.partition for record in items}) == 3
    for record in items:
        row = record.json["data"][0]
        assert record.partition == canal_partition(database, (row["a"], row["b"]), 3)
    assert {r.json["table"] for r in read_topic(kafka.address, names.task)} == {"other"}
    listed = sluice.run("topics", task).stdout
    assert f"{names.task}.orders\t4\t" in listed and f"{names.task}.items\t2\t" in listed


# policy, columns that it hashes, and the column that the test changes
MOVES = [("pk", [], "id"), ("columns", ["k"], "k"), ("canal", ["k"], "k")]


def change_at_random(source, database, dice):
    """A transaction over the three tables; most of its changes move a row to another partition."""
    with source.connect() as connection:
        cursor = connection.cursor()
        for _ in range(dice.randint(1, 30)):
            policy, _, hashed = dice.choice(MOVES)
            moved = f"{hashed} = {hashed} + 1000, " if dice.random() < 0.7 else ""
            cursor.execute(f"UPDATE {database}.{policy} SET {moved}v = v + 1 WHERE who = %s", (dice.randrange(ROWS),))
        connection.commit()


def test_a_row_that_moves_is_never_missing_nor_twice(source, target, kafka, sluice, names):
    database, dice = names.database, random.Random(7)
    tables = [f"{database}.{policy}" for policy, _, _ in MOVES]
    create(source, names, {policy: "id INT PRIMARY KEY, k INT NOT NULL, who INT NOT NULL, v INT"
                           for policy, _, _ in MOVES})
    rows = ", ".join(f"({i}, {i}, {i}, 0)" for i in range(ROWS))
    source.execute(*(f"INSERT INTO {table} VALUES {rows}" for table in tables))
    task = sluice.task(phases=ALL_PHASES, topics={"partitions": 6, "rules": [
        {"match": f"{database}.{policy}", "topic": f"{{task}}.{policy}", "policy": policy,
         **({"columns": columns} if columns else {})} for policy, columns, _ in MOVES]})
    sluice.capture(task)
    applier = sluice.apply(task)
    for table in tables:
        same(source, target, table, deadline_s=60)
    counts = [f"(SELECT COUNT(*) FROM {t}), (SELECT COUNT(DISTINCT who) FROM {t})" for t in tables]
    with Watcher(target, f"SELECT {', '.join(counts)}") as watcher:
        for round_ in range(60):
            change_at_random(source, database, dice)
            if round_ % 5 == 4:  # partitions stop there in the midst of moves
                source.execute(f"ALTER TABLE {dice.choice(tables)} ADD COLUMN c{round_} INT DEFAULT {round_}")
            if round_ == 20:
                applier.stop()
            if round_ == 40:  # all at once, from several partitions
                applier = sluice.apply(task)
        for table in tables:
            same(source, target, table, deadline_s=60)
    assert watcher.seen.keys() == {(ROWS,) * 2 * len(MOVES)}
    stayed = [0, 0]
    for policy, _, _ in MOVES:
        moved = {r.json["id"]: r for r in read_topic(kafka.address, f"{names.task}.{policy}") if "move" in r.header}
        deletes = [r for r in moved.values() if r.json["type"] == "DELETE"]
        assert len(deletes) > 100 and len(moved) == 2 * len(deletes)
        for r in deletes:
            insert = moved[r.json["id"] + 1]
            assert insert.json["type"] == "INSERT" and int(r.header["move"]) == insert.partition
            assert insert.header["move"] == f"{r.partition}:{r.json['id']}"
            stayed[insert.partition == r.partition] += 1
    assert min(stayed) > 20


def test_topics_are_made_as_the_task_says(source, kafka, sluice, names):
    source.execute(f"CREATE DATABASE {names.database}")
    task = sluice.task(target=None, topics={
        "partitions": 3, "retention_hours": 36, "retention_mb": 200, "cleanup_policy": "compact-delete",
        "rules": [{"match": "*.own", "topic": "{task}.own", "partitions": 2, "policy": "pk"}]})
    topics = {names.task: 3, f"{names.task}.own": 2, f"{names.task}.ddl": 1}
    out = sluice.run("topics", task, "create", "--dry-run").stdout
    kept = "retention.ms=129600000 retention.bytes=209715200 cleanup.policy="
    for topic, partitions in topics.items():
        line, = [line for line in out.splitlines() if line.startswith(f"{topic}\t")]
        cleanup = "delete" if topic.endswith(".ddl") else "compact,delete"
        assert f"would be made\tpartitions={partitions} replicas=1 " in line and line.endswith(kept + cleanup), line
    assert not topics.keys() & kafka.topics()
    sluice.run("topics", task, status=1)
    sluice.run("topics", task, "create")
    for topic, partitions in topics.items():
        found = kafka.settings(topic)
        assert int(found["max.message.bytes"]) > 10_000_000
        assert " ".join(f"{n}={found[n]}" for n in ("retention.ms", "retention.bytes", "cleanup.policy")) == kept + (
            "delete" if topic.endswith(".ddl") else "compact,delete")
    assert kafka.settings("_sluice_checkpoints")["cleanup.policy"] == "compact"
    listed = sluice.run("topics", task, "create", "--dry-run").stdout
    assert f"{names.task}.own\t1\t0\t0" in listed and "would" not in listed


def test_topics_of_tables_are_made(source, kafka, sluice, names):
    """Templates with {database} and {table}: of the tables that the source has."""
    database, task_name = names.database, names.task
    topics = {"data": "{task}.{database}.{table}", "partitions": 2, "policy": "pk", "create": False, "rules": [
        {"match": "*.order*", "topic": "{task}.o.{table}", "partitions": 5},
        {"match": f"{database}.log", "topic": "{task}.log", "partitions": 1, "policy": "single"}]}
    task = sluice.task(target=None, phases=ALL_PHASES, topics={**topics, "retention_hours": 48},
                       objects={"include": [f"{database}.*"], "exclude": [f"{database}.left*"]})
    source.execute(f"CREATE DATABASE {database}")
    none = sluice.run("topics", task, "create", status=1)
    assert "has nothing yet" in none.stderr
    source.execute(*(f"CREATE TABLE {database}.{table} (id INT PRIMARY KEY)"
                     for table in ("orders", "order_items", "log", "other", "left_out")),
                   *(f"INSERT INTO {database}.{table} VALUES (1)" for table in ("orders", "other", "log")))
    wanted = {f"{task_name}.o.orders": 5, f"{task_name}.o.order_items": 5, f"{task_name}.log": 1,
              f"{task_name}.{database}.other": 2, f"{task_name}.ddl": 1}
    planned = sluice.run("topics", task, "create", "--dry-run").stdout.splitlines()[1:]
    lines = {topic: rest for topic, rest in (line.split("\t", 1) for line in planned) if topic in wanted}
    assert {topic: int(line.split("partitions=")[1].split()[0]) for topic, line in lines.items()} == wanted
    assert all(line.startswith("would be made") and "retention.ms=172800000" in line for line in lines.values())
    assert not wanted.keys() & kafka.topics()
    missing = sluice.run("topics", task, status=1).stdout
    assert all(f"{topic}\tmissing\n" in missing for topic in wanted)
    sluice.run("topics", task, "create")
    made = kafka.admin().list_topics(timeout=30).topics
    assert {topic: len(made[topic].partitions) for topic in made if topic.startswith(task_name)} == wanted
    assert kafka.settings(f"{task_name}.o.orders")["retention.ms"] == "172800000"
    sluice.run("capture", task, "--until-caught-up")  # finds all that it needs: it may make none
    assert [r.json["table"] for r in read_topic(kafka.address, f"{task_name}.o.orders")] == ["orders"]
    assert [r.json["table"] for r in read_topic(kafka.address, f"{task_name}.log")] == ["log"]
    gone = sluice.task(target=None, topics=topics, source={"hosts": ["127.0.0.1:1"]})
    assert "could not be asked for its tables" in sluice.run("topics", gone, "create", status=3).stderr


def test_topics_that_cannot_be_made(kafka, sluice, names):
    task = sluice.task(topics={"replication_factor": 3})
    process = sluice.run("topics", task, "create", "--dry-run", status=1)
    assert f"{names.task}\trefused" in process.stdout and "3 replicas" in process.stdout
    assert f"{names.task}.ddl\trefused" in process.stdout and "could not be made" in process.stderr
    assert names.task not in kafka.topics()
    assert sluice.run("topics", task, "--dry-run", status=2).stdout == ""


def more_partitions(kafka, topic, source, table, process, total):
    """The topic gets more partitions while nobody looks; all rows are changed before and after."""
    source.execute(f"UPDATE {table} SET v = v + 1")
    process.stop()
    kafka.add_partitions(topic, total)
    source.execute(f"UPDATE {table} SET v = v + 1", f"DELETE FROM {table} WHERE id % 5 = 0",
                   f"INSERT INTO {table} SELECT id + {total}000, v FROM {table} WHERE id % 3 = 0",
                   f"UPDATE {table} SET v = v + 1")


def test_more_partitions_behind_a_barrier(source, target, kafka, sluice, names):
    table = f"{names.database}.t"
    for server in (source, target):
        create(server, names, {"t": "id INT PRIMARY KEY, v INT"})
    topics = {"policy": "pk", "partitions": 3}
    # where a partition ends that is added later is not where the applier begins
    more = {"phases": ["incremental"], "from": {"topics": [names.task], "start": "latest"}}
    task = sluice.task(more, topics=topics)
    capture, applier = sluice.capture(task), sluice.apply(task)
    source.execute(f"INSERT INTO {table} VALUES " + ", ".join(f"({i}, 0)" for i in range(ROWS)))
    same(source, target, table, deadline_s=60)
    applier.stop()  # what it has not applied yet lies in the old partitions
    more_partitions(kafka, names.task, source, table, capture, 5)
    refused = sluice.run("capture", sluice.task(more, topics={**topics, "partitions": 5}), status=1)
    assert "had 3 when the task last wrote to it" in refused.stderr and "topics.repartition" in refused.stderr
    task = sluice.task(more, topics={**topics, "repartition": "barrier"})
    capture = sluice.capture(task)
    applier = sluice.apply(task)
    same(source, target, table, deadline_s=60)
    # and while the applier runs, which does not know the new ones yet
    more_partitions(kafka, names.task, source, table, capture, 8)
    sluice.capture(task)
    same(source, target, table, deadline_s=60)
    assert applier.events("repartitioned")
    marks = [r for r in read_topic(kafka.address, f"{names.task}.ddl") if "barrier" in r.header]
    assert [r.json["type"] for r in marks] == ["QUERY"] * 2
    first, second = (r.json["id"] for r in marks)
    for record in read_topic(kafka.address, names.task):
        behind = int(record.header.get("ddl", 0))
        assert behind == (second if record.json["id"] > second else first if record.json["id"] > first else behind)
        assert record.partition < (8 if behind >= second else 5 if behind >= first else 3)
