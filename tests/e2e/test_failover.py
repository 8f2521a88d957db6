"""source.hosts with several servers: when the first goes, capture goes on at the next by GTID, with
nothing lost and nothing twice; where that cannot be, it stops and says why."""

import socket
import time

import pymysql
import pytest

from lib.kafka_reader import TopicReader
from lib.load import Load, check_exactly_once, contents
from lib.proxy import Proxy
from lib.servers import MariaDB, MySQL, free_port, mysql_available
from lib.wait import wait_until

KINDS = [MariaDB, MySQL] if mysql_available() else [MariaDB]
# Out of order where the server can: MySQL within everything, MariaDB between domains.
REPLICA = {
    "mysql": ["--replica-parallel-workers=4", "--replica-preserve-commit-order=OFF"],
    "mariadb": ["--log-slave-updates", "--gtid-strict-mode", "--slave-parallel-threads=4"],
}


def replicate(replica, primary):
    if primary.kind == "mysql":
        replica.execute(
            f"CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT={primary.port},"
            " SOURCE_USER='root', SOURCE_AUTO_POSITION=1, GET_SOURCE_PUBLIC_KEY=1",
            "START REPLICA",
        )
    else:
        replica.execute(
            f"CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={primary.port},"
            " MASTER_USER='root', MASTER_USE_GTID=slave_pos",
            "START SLAVE",
        )


def promote(replica):
    """Ends replication; what was received is applied first."""
    if replica.kind == "mysql":
        replica.execute("STOP REPLICA IO_THREAD")
        wait_until(lambda: b"has read all relay log" in applier_state(replica), 30, "relay log applied")
        replica.execute("STOP REPLICA", "RESET REPLICA ALL")
    else:
        replica.execute("STOP SLAVE IO_THREAD")
        wait_until(lambda: b"has read all relay log" in applier_state(replica), 30, "relay log applied")
        replica.execute("STOP SLAVE", "RESET SLAVE ALL")


def applier_state(replica):
    rows = replica.query("SHOW PROCESSLIST")
    return " ".join(str(row[6]) for row in rows).encode()


def executed(server):
    variable = "gtid_executed" if server.kind == "mysql" else "gtid_binlog_pos"
    return server.value(f"SELECT @@GLOBAL.{variable}")


@pytest.fixture(params=KINDS, ids=lambda kind: kind.kind)
def pair(request, tmp_path):
    """A primary and its replica."""
    options = REPLICA[request.param.kind]
    with request.param(tmp_path / "a", *options) as a, request.param(tmp_path / "b", *options) as b:
        replicate(b, a)
        yield a, b


def hosts(*servers):
    return {"hosts": [server.address for server in servers]}


def test_primary_killed_under_load(pair, target, sluice, names, kafka):
    a, b = pair
    loads = [Load(a, f"{names.database}_{n}", n, pause_s=0.002) for n in range(3)]
    for load in loads:
        load.create_tables()
    with Proxy(a) as proxy:
        task = sluice.task(
            source=hosts(proxy, b),
            phases=["schema", "full", "incremental"],
            objects={"include": [f"{names.database}*.*"]},
        )
        wait_until(lambda: executed(b) == executed(a), 30, "replica up to date")
        capture, applier = sluice.capture(task), sluice.apply(task)
        proxy.delay_s = 0.4  # what the replica does not have yet shall not have been captured
        for load in loads[:2]:
            load.start()
        reader = TopicReader(kafka.address, names.topic)
        reader.wait(3000, 60)
        a.kill()
        proxy.cut()
    for load in loads[:2]:
        with pytest.raises(pymysql.err.MySQLError):
            load.stop()
    capture.wait_event("failover", 30)
    promote(b)
    loads[2].server = b
    seen = len(reader.read())
    loads[2].start()
    reader.wait(seen + 300, 60)
    loads[2].stop()
    for load in loads:
        expected = contents(b, load.database)
        wait_until(lambda: contents(target, load.database) == expected, 60, "equal", interval_s=0.3)
    capture.stop()
    applier.stop()
    assert check_exactly_once(reader.read()) > 0
    assert b.address in capture.events("source_open")[-1]["server"]


def test_primary_killed_inside_a_transaction(pair, target, sluice, names, kafka):
    """The rest of a transaction that was sent in part comes from the other server, where it stands
    behind one that was committed later."""
    a, b = pair
    big, small = f"{names.database}.big", f"{names.database}.small"
    rows = 60000
    a.execute(
        f"CREATE DATABASE {names.database}",
        f"CREATE TABLE {big} (id INT PRIMARY KEY, v VARCHAR(120) NOT NULL)",
        f"CREATE TABLE {small} (id INT PRIMARY KEY)",
    )
    wait_until(lambda: executed(b) == executed(a), 30, "replica up to date")
    b.execute("SET GLOBAL innodb_lock_wait_timeout = 100")
    with Proxy(a, bytes_per_s=1_500_000) as proxy, b.connect(autocommit=False) as gate:
        task = sluice.task(source=hosts(proxy, b), phases=["schema", "full", "incremental"])
        capture, applier = sluice.capture(task), sluice.apply(task)
        gate.cursor().execute(f"INSERT INTO {big} VALUES ({rows}, 'the replica must wait')")
        a.execute(
            f"INSERT INTO {big} SELECT seq, REPEAT('x', 100 + seq % 20) FROM "
            f"(WITH RECURSIVE s (seq) AS (SELECT 1 UNION ALL SELECT seq + 1 FROM s WHERE seq < 300)"
            f" SELECT (p.seq - 1) * 300 + q.seq AS seq FROM s p, s q) n WHERE seq <= {rows}",
            "SET SESSION gtid_domain_id = 1" if a.kind == "mariadb" else "DO 0",
            f"INSERT INTO {small} VALUES (1)",
        )
        b.wait_for(f"SELECT id FROM {small}", ((1,),))
        assert b.value(f"SELECT COUNT(*) FROM {big}") == 0
        reader = TopicReader(kafka.address, names.topic)
        sent = len(reader.wait(2000, 60))
        proxy.pause()
        gate.rollback()
        b.wait_for(f"SELECT COUNT(*) FROM {big}", ((rows,),))
        sent = len(reader.read())
        assert sent < rows
        a.kill()
        proxy.cut()
    capture.wait_event("failover_unfinished", 30)
    promote(b)
    b.execute(f"INSERT INTO {small} VALUES (2)")
    target.wait_for(f"SELECT id FROM {small} ORDER BY id", ((1,), (2,)), 60)
    check = f"SELECT COUNT(*), SUM(CRC32(CONCAT(id, v))) FROM {big}"
    target.wait_for(check, b.query(check), 60)
    capture.stop()
    applier.stop()
    assert check_exactly_once(reader.read()) == 3


def test_what_cannot_go_on_is_refused(pair, sluice, names, kafka):
    """The new server lacks what was captured, or has purged what was not."""
    a, b = pair
    table = f"{names.database}.t"
    a.execute(f"CREATE DATABASE {names.database}", f"CREATE TABLE {table} (id INT PRIMARY KEY)")
    wait_until(lambda: executed(b) == executed(a), 30, "replica up to date")
    task = sluice.task(source={**hosts(a, b), "start": "now"})
    capture = sluice.capture(task)
    promote(b)
    b.execute(f"INSERT INTO {table} VALUES (100)")
    b.execute("FLUSH LOGS", f"INSERT INTO {table} VALUES (101)")
    last = b.query("SHOW BINARY LOGS")[-1][0]

    def purge():  # a log that recovery may need stays, in silence
        b.execute(f"PURGE BINARY LOGS TO '{last}'")
        return len(b.query("SHOW BINARY LOGS")) == 1

    wait_until(purge, 30, "logs purged", interval_s=0.1)
    purged = sluice.task(source=hosts(b), file="purged.yaml")

    # nothing was captured yet that b has not
    capture.stop()
    text = sluice.run("capture", purged, status=3).events("failed")[-1]
    assert text["code"] == "mysql_purged"
    gone = f"{b.value('SELECT @@server_uuid')}:1" if b.kind == "mysql" else f"0-{b.port}-3"
    assert gone in text["error"]

    capture = sluice.capture(task)
    a.execute(f"INSERT INTO {table} VALUES (1)", f"INSERT INTO {table} VALUES (2)")
    TopicReader(kafka.address, names.topic).wait(2)
    lost = executed(a).replace("\n", "")
    a.kill()
    ended = time.monotonic()
    assert capture.wait(60) == 3
    assert time.monotonic() - ended < 40
    failed = capture.events("failed")[-1]
    assert failed["code"] == "mysql_gtid_diverged"
    assert (lost.replace(":1-", ":") if b.kind == "mysql" else lost).split(":")[0] in failed["error"]
    assert "new full copy" in failed["error"] or "full copy under a new name" in failed["error"]
    assert not capture.events("failover"), "it must not have gone on"


def test_a_replica_that_does_not_log(tmp_path, sluice):
    kind = KINDS[-1]
    off = "--log-replica-updates=OFF" if kind is MySQL else "--skip-log-slave-updates"
    with kind(tmp_path / "a") as a, kind(tmp_path / "b", off) as b:
        replicate(b, a)
        task = sluice.task(source={**hosts(b), "start": "now"})
        failed = sluice.run("capture", task, status=3).events("failed")[-1]
        assert failed["code"] == "mysql_variable" and "_updates=ON" in failed["error"]


@pytest.mark.skipif(MySQL not in KINDS, reason="MariaDB always has GTIDs")
def test_without_gtids_no_other_server(tmp_path, sluice, names):
    off = ["--gtid-mode=OFF", "--enforce-gtid-consistency=OFF"]
    with MySQL(tmp_path / "a", *off) as a, MySQL(tmp_path / "b", *off) as b:
        task = sluice.task(source={**hosts(a, b), "start": "now"})
        sluice.capture(task).stop()
        other = sluice.task(source={**hosts(b), "start": "now"}, file="other.yaml")
        failed = sluice.run("capture", other, status=3).events("failed")[-1]
        assert failed["code"] == "mysql_other_server"


def test_dead_hosts_cost_seconds(sluice, source):
    """One refuses connections, one takes them and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        dead = [f"127.0.0.1:{free_port()}", "127.0.0.1:%d" % silent.getsockname()[1]]
        task = sluice.task(source={"hosts": [*dead, source.address], "start": "now"})
        began = time.monotonic()
        capture = sluice.capture(task)
        assert time.monotonic() - began < 20
        assert len(capture.events("source_skipped")) == 2
        capture.stop()


def test_xa_transactions_prepared_before_it(pair, sluice, names, reader):
    """Prepared at the server that goes, committed and rolled back at the next one."""
    a, b = pair
    table = f"{names.database}.t"
    a.execute(f"CREATE DATABASE {names.database}",
              f"CREATE TABLE {table} (id INT PRIMARY KEY, v VARCHAR(20))")
    wait_until(lambda: executed(b) == executed(a), 30, "replica up to date")
    capture = sluice.capture(sluice.task(source=hosts(a, b), phases=["incremental"], target=None))
    for xid, id_, rows in (("taken", 1, "(1, 'x'), (2, 'x')"), ("undone", 3, "(3, 'y')")):
        a.execute(f"XA START '{xid}'", f"INSERT INTO {table} VALUES {rows}",
                  f"UPDATE {table} SET v = CONCAT(v, '!') WHERE id = {id_}", f"XA END '{xid}'",
                  f"XA PREPARE '{xid}'")
    a.execute(f"INSERT INTO {table} VALUES (10, 'before')")
    reader.wait(1)
    wait_until(lambda: executed(b) == executed(a), 30, "replica up to date")
    a.kill()
    capture.wait_event("failover", 30)
    promote(b)
    b.execute(f"INSERT INTO {table} VALUES (11, 'between')", "XA ROLLBACK 'undone'", "XA COMMIT 'taken'",
              f"INSERT INTO {table} VALUES (12, 'behind')")
    records = reader.wait(6)
    capture.stop()
    assert [(r.json["type"], r.json["data"][0]["id"]) for r in records] == [
        ("INSERT", "10"), ("INSERT", "11"), ("INSERT", "1"), ("INSERT", "2"), ("UPDATE", "1"),
        ("INSERT", "12")]
    assert len({r.header["txn"] for r in records[2:5]}) == 1
    assert [r.header.get("last") for r in records[2:5]] == [None, None, "1"]
    assert check_exactly_once(reader.read()) == 4
