"""Rows of tables as keys of a Redis (target.map): exact under kills; definition changes; expiry."""

import base64
import json
import random
import time

import pytest

from lib.load import Load
from lib.wait import wait_until

KILLS = 12
ORDERS = "SELECT id, customer, amount, note, CAST(changed AS CHAR) FROM {}.orders"
STOCK = "SELECT place, item, n, tag FROM {}.stock"
PEOPLE = "SELECT id, email, CAST(born AS CHAR), weight FROM {}.people"


@pytest.fixture
def to_redis(redis_target, names):
    """What a task file has besides for this target."""
    redis_target.empty()

    def changes(map_of, **more):
        return {
            "target": {
                "type": "redis",
                "hosts": redis_target.addresses,
                "user": "sluice_target",
                "password": "sluice",
                "map": {f"{names.database}.{table}": entry for table, entry in map_of.items()},
            },
            **more,
        }

    return changes


def rows_task(sluice, changes):
    return sluice.task({"target": None}, **changes)


MAP = {
    "orders": {"key": "order:{id}", "as": "hash"},
    "stock": {"key": "stock:{place}:{item}", "as": "json", "database": 1},
    "people": {"key": "person:{id}", "as": "hash"},
}


def expected(source, database):
    """{database of Redis: {key: value}} as the rows are."""
    with source.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SET time_zone = '+00:00'")
        cursor.execute(ORDERS.format(database))
        keys = {}
        for row in cursor.fetchall():
            fields = zip(("id", "customer", "amount", "note", "changed"), row)
            keys[f"order:{row[0]}"] = {f: str(v) for f, v in fields if v is not None}
        cursor.execute(PEOPLE.format(database))
        for row in cursor.fetchall():
            keys[f"person:{row[0]}"] = {"id": str(row[0]), "email": row[1], "born": row[2],
                                        "weight": float(row[3])}
        cursor.execute(STOCK.format(database))
        stock = {
            f"stock:{place}:{item}": {
                "place": place, "item": item, "n": n,
                "tag": None if tag is None else base64.b64encode(tag).decode(),
            }
            for place, item, n, tag in cursor.fetchall()
        }
    return {0: keys, 1: stock}


def found(server):
    """The same of the target, without what is ours."""
    result = {}
    for db in (0, 1):
        with server.connect(db) as connection:
            keys = [k for k in connection("KEYS", "*") if not k.startswith(b"sluice:{")]
            words = "HGETALL" if db == 0 else "GET"
            values = connection.pipeline([(words, key) for key in keys])
        result[db] = {k.decode(): readable(v) for k, v in zip(keys, values)}
    return result


def readable(value):
    if isinstance(value, bytes):
        return json.loads(value)
    texts = [v.decode() for v in value]
    fields = dict(zip(texts[::2], texts[1::2]))
    if "weight" in fields:
        fields["weight"] = float(fields["weight"])
    return fields


def differing(source, database, server):
    want, have = expected(source, database), found(server)
    return [(db, key, want[db].get(key), have[db].get(key)) for db in (0, 1)
            for key in want[db].keys() | have[db].keys()
            if want[db].get(key) != have[db].get(key)][:3]


def wait_equal(source, database, server):
    wait_until(lambda: not differing(source, database, server), 60, "keys as the rows are",
               interval_s=0.3)


@pytest.mark.timeout(180)
def test_keys_are_as_the_rows(source, redis_target, sluice, to_redis, names):
    rng = random.Random(7)
    task = rows_task(sluice, to_redis(MAP))
    load = Load(source, names.database, 11)
    load.create_tables()
    load.start()
    running = {name: sluice.start(name, task) for name in ("capture", "apply")}
    for _ in range(KILLS):
        time.sleep(0.1 + 0.6 * rng.random())
        name = rng.choice(["capture", "apply", "apply", "apply"])
        assert running[name].returncode is None, running[name].stderr[-2000:]
        running[name].kill()
        running[name] = sluice.start(name, task)
    load.stop()
    wait_equal(source, names.database, redis_target)
    assert load.transactions > 50
    running["apply"].kill()
    source.execute(  # behind the full copy for sure
        f"UPDATE {names.database}.orders SET note = NULL",
        f"UPDATE {names.database}.people SET id = id + 500000",
        f"UPDATE {names.database}.stock SET n = n + 1, tag = NULL",
        f"DELETE FROM {names.database}.orders ORDER BY id LIMIT 5",
    )
    running["apply"] = sluice.start("apply", task)
    wait_equal(source, names.database, redis_target)
    keys = found(redis_target)[0]
    assert any(k.startswith("order:") for k in keys) and any(k.startswith("person:") for k in keys)
    for process in running.values():
        process.stop()


def create(source, database, definition="id INT PRIMARY KEY, name VARCHAR(20)"):
    source.execute(f"CREATE DATABASE {database}", f"CREATE TABLE {database}.users ({definition})",
                   f"INSERT INTO {database}.users VALUES (1, 'Ann'), (2, NULL)")


def test_rows_to_a_cluster(source, redis_cluster, sluice, to_redis, names):
    """A row whose key changes may go from one node to another, over a kill of the applier too."""
    redis_cluster.empty()
    db = names.database
    create(source, db)
    changes = to_redis({"users": {"key": "user:{id}", "as": "hash"}})
    changes["target"]["hosts"] = redis_cluster.addresses
    task = rows_task(sluice, changes)
    sluice.capture(task)
    apply = sluice.apply(task)

    def hashes():
        found = {}
        for node in redis_cluster.nodes:
            keys = node.run("KEYS", "user:*")
            values = node.pipeline([("HGETALL", key) for key in keys])
            found |= {key.decode(): readable(value) for key, value in zip(keys, values)}
        return found

    def rows(first):
        return {f"user:{n}": {"id": str(n), "name": f"n{n % 1000}"} for n in range(first, first + 99)}

    source.execute(f"DELETE FROM {db}.users", f"INSERT INTO {db}.users VALUES "
                   + ", ".join(f"({n}, 'n{n}')" for n in range(1, 100)))
    wait_until(lambda: hashes() == rows(1), 60, "keys as the rows are")
    apply.kill()
    source.execute(f"UPDATE {db}.users SET id = id + 1000")
    sluice.start("apply", task)
    wait_until(lambda: hashes() == rows(1001), 60, "keys as the rows are")


def test_expiry_and_definition_changes(source, redis_target, sluice, to_redis, names):
    db = names.database
    create(source, db)
    keep = {"key": "{{{id}}}:user", "expire_seconds": 500, "truncate": "keep"}
    task = rows_task(sluice, to_redis({"users": keep}))
    capture, apply = sluice.capture(task), sluice.apply(task)
    redis_target.wait_for(("HGETALL", "{1}:user"), [b"id", b"1", b"name", b"Ann"])
    redis_target.wait_for(("HGETALL", "{2}:user"), [b"id", b"2"])
    assert 490_000 < redis_target.run("PTTL", "{2}:user") <= 500_000
    source.execute(f"ALTER TABLE {db}.users ADD level INT NOT NULL DEFAULT 3",
                   f"UPDATE {db}.users SET name = NULL WHERE id = 1",
                   f"DELETE FROM {db}.users WHERE id = 2")
    redis_target.wait_for(("HGETALL", "{1}:user"), [b"id", b"1", b"level", b"3"])
    redis_target.wait_for(("EXISTS", "{2}:user"), 0)
    source.execute(f"TRUNCATE {db}.users", f"INSERT INTO {db}.users VALUES (4, 'D', 4)")
    redis_target.wait_for(("HGET", "{4}:user", "name"), b"D")
    assert redis_target.run("EXISTS", "{1}:user") == 1
    apply.wait_event("map_keys_left", table=f"{db}.users", ddl="TRUNCATE")
    apply.stop()
    stop = {**keep, "truncate": "stop"}
    task = rows_task(sluice, to_redis({"users": stop}))
    apply = sluice.apply(task)
    source.execute(f"DROP TABLE {db}.users")
    assert apply.wait(30) == 1
    assert "code=map_truncate" in apply.stderr and f"ERASE of {db}.users" in apply.stderr
    capture.stop()


def test_precheck_of_the_map(source, sluice, to_redis, names):
    db = names.database
    create(source, db)

    def lines(map_of):
        run = sluice.run("precheck", rows_task(sluice, to_redis(map_of)), "--json", status=None)
        items = json.loads(run.stdout)["items"]
        return [(i["status"], i["object"], i["reason"]) for i in items if i["name"] == "target_map"]

    assert lines({"users": {"key": "u:{id}"}}) == [
        ("pass", f"{db}.users", "each row has a key of its own")]
    assert lines({"users": {"key": "u:{uid}"}, "other": {"key": "o:{id}"}}) == [
        ("fail", f"{db}.users", "the key 'u:{uid}' needs a column uid, which the table has not"),
        ("fail", f"{db}.other", "the task does not capture this table, or the source has it not")]
    assert lines({"users": {"key": "u:{name}"}}) == [
        ("warn", f"{db}.users",
         "the key 'u:{name}' needs the column name: a row where it is NULL stops the task")]
    source.execute(f"CREATE TABLE {db}.pairs (a INT, b INT, PRIMARY KEY (a, b))")
    assert lines({"pairs": {"key": "p:{a}"}}) == [
        ("warn", f"{db}.pairs", "the key 'p:{a}' has not the primary key's column b: rows that "
                                "differ in it alone share a key"),
        ("warn", "users", f"1 tables are captured that target.map has not, one is {db}.users: "
                          "their rows are dropped by the applier")]
