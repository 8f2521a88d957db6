"""An applier group: several processes share a task's partitions, and nothing is lost or doubled
while they are killed, sleep, leave and come. SLUICE_KILLS sets how often; the soak run uses more."""

import os
import random
import signal

import pymysql
import pytest

from lib.load import Load, same
from lib.wait import wait_until

ROUNDS = int(os.environ.get("SLUICE_KILLS", "3"))
SEED = int(os.environ.get("SLUICE_SEED", "20261122"))
PARTITIONS = 6
# a broker takes no less than 6 s
KAFKA = {"session.timeout.ms": "6000", "heartbeat.interval.ms": "500"}


class Counters(Load):
    """Rows that count: the conflict rule of the target is report, so a row that is lost or comes
    twice stops the applier. Some change their keys, and with them their partitions."""

    tables = ("counters", "places")

    def create_tables(self):
        self.server.execute(
            f"CREATE DATABASE {self.database}",
            f"CREATE TABLE {self.database}.counters (id INT PRIMARY KEY, n INT NOT NULL,"
            " tag INT UNIQUE)",  # goes with a row that moves: applied too early, it is there twice
            f"CREATE TABLE {self.database}.places (place VARCHAR(20), item INT, n INT NOT NULL,"
            " PRIMARY KEY (place, item))",
        )
        self._next = 1

    def _transaction(self, cursor):
        for _ in range(self.random.choice([1, 1, 2, 3, 10])):
            step = self.random.choice([self._insert, self._count, self._count, self._count,
                                       self._delete, self._move, self._move_place])
            self.rows += step(cursor)

    def _insert(self, cursor):
        n = self.random.randint(1, 20)
        rows = [(i, 0) for i in range(self._next, self._next + n)]
        self._next += n
        cursor.executemany("INSERT INTO counters (id, n, tag) VALUES (%s, 0, %s)",
                           [(i, i) for i, _ in rows])
        return cursor.executemany(
            "INSERT INTO places (place, item, n) VALUES ('home', %s, %s)", rows)

    def _count(self, cursor):
        table = self.random.choice(self.tables)
        return cursor.execute(f"UPDATE {table} SET n = n + 1 ORDER BY RAND() LIMIT 20")

    def _move(self, cursor):
        return cursor.execute("UPDATE counters SET id = -id, n = n + 1 ORDER BY RAND() LIMIT 2")

    def _move_place(self, cursor):
        return cursor.execute("UPDATE places SET place = %s, n = n + 1 WHERE item = %s",
                              (f"p{self.random.randint(1, 9)}", self.random.randint(1, self._next)))

    def _delete(self, cursor):
        return sum(cursor.execute(f"DELETE FROM {t} ORDER BY RAND() LIMIT 1") for t in self.tables)


def rows_of(server, load):
    return [server.query(f"SELECT * FROM {load.database}.{t} ORDER BY 1, 2") for t in load.tables]


def has_column(server, load, name):
    return server.query("SELECT 1 FROM information_schema.COLUMNS WHERE COLUMN_NAME = "
                        f"'{name}' AND TABLE_SCHEMA = '{load.database}'")


class Group:
    """Processes of one task, each with a state folder of its own."""

    def __init__(self, sluice, target, names, partitions=PARTITIONS, **task):
        self.sluice, self.target, self.names, self.options = sluice, target, names, task
        self.partitions = partitions
        self.processes, self.started = [], 0

    def task(self, **more):
        self.started += 1
        return self.sluice.task(
            self.options, file=f"member{self.started}.yaml", kafka=KAFKA,
            state_dir=f"./state{self.started}", target={"appliers": "group"}, **more)

    def start(self, *arguments):
        process = self.sluice.start("apply", self.task(), *arguments)
        self.processes.append(process)
        return process

    def shared(self, but=None):
        """Until every partition is somebody's, and everybody who is awake has one."""
        def all_given():
            have = [partitions(p) for p in self.processes if p is not but]
            self.check()
            return (sum(have) == self.partitions and min(have) > 0
                    and all(ready(p) for p in self.processes if p is not but))
        wait_until(all_given, 120, "every partition is somebody's", interval_s=0.1)

    def check(self):
        for process in self.processes:
            assert process.returncode is None, process.stderr[-3000:]

    def kill(self, process):
        self.processes.remove(process.kill())
        self.start()
        self.shared()

    def sleep(self, _):
        """One falls asleep in the midst of a target transaction, until others apply what it has
        begun; then it wakes up and does not know that."""
        with self.target.connect(autocommit=False) as connection, connection.cursor() as cursor:
            lock_rows(cursor, f"{self.names.database}.counters")
            process = wait_until(self.blocked, 60, "a process waits for the rows")
            process.signal(signal.SIGSTOP)
        self.shared(but=process)
        process.signal(signal.SIGCONT)
        self.shared()

    def blocked(self):
        """A process that waits for a lock at the target, or None."""
        waits = self.target.query(
            "SELECT c.part FROM sluice.claims c JOIN information_schema.INNODB_TRX t"
            " ON t.trx_mysql_thread_id ="
            " IS_USED_LOCK(CONCAT('sluice.', LEFT(SHA2(c.task, 256), 32), '.', c.token))"
            f" WHERE c.task = '{self.names.task}' AND c.topic = '{self.names.task}'"
            " AND t.trx_state = 'LOCK WAIT'")
        parts = {str(part) for part, in waits}
        self.check()
        return next((p for p in self.processes if ready(p)
                     and parts & set(p.events("group")[-1]["of"].partition(":")[2].split(","))), None)

    def leave(self, process):
        self.processes.remove(process)
        process.stop()
        self.shared()
        self.start()
        self.shared()


def partitions(process):
    events = process.events("group")
    return int(events[-1]["partitions"]) if events else 0


def ready(process):
    """Has it begun with the partitions that the group has given to it?"""
    begun, given = process.events("ready"), process.events("group")
    return begun and given and begun[-1]["ts"] > given[-1]["ts"]


def lock_rows(cursor, table):
    def try_it():
        try:
            return cursor.execute(f"SELECT id FROM {table} FOR UPDATE")
        except pymysql.err.OperationalError:  # a deadlock: the appliers do not wait for us
            return False
    wait_until(try_it, 60, "the rows locked")


def wait_same(source, target, load, group, deadline_s=120):
    expected = rows_of(source, load)

    def check():
        group.check()
        try:
            return rows_of(target, load) == expected
        except Exception:  # the tables may not be there yet
            return False
    wait_until(check, deadline_s, "target equal to source", interval_s=0.3)


def begin(source, target, sluice, names, **more):
    load = Counters(source, names.database, SEED, pause_s=0.05)
    load.create_tables()
    options = {"phases": ["schema", "full", "incremental"],
               "topics": {"policy": "pk", "partitions": PARTITIONS}, **more}
    sluice.capture(sluice.task(options, target={"appliers": "group"}, kafka=KAFKA))
    return load, Group(sluice, target, names, **options)


@pytest.mark.timeout(240 + 20 * ROUNDS)
def test_processes_come_and_go(source, target, sluice, names):
    load, group = begin(source, target, sluice, names)
    first = group.start()
    load.start()
    wait_until(lambda: partitions(first) == PARTITIONS, 60, "the first process has all")
    for _ in range(2):
        group.start()
    group.shared()
    rng = random.Random(SEED)
    ways = [group.kill, group.sleep, group.leave]
    for n in range(ROUNDS):
        source.execute(f"ALTER TABLE {load.database}.counters ADD COLUMN c{n} INT DEFAULT {n}")
        if ways[n % 3] == group.sleep:  # a table with locked rows cannot be altered
            wait_until(lambda n=n: has_column(target, load, f"c{n}"), 120, "the column is there")
        ways[n % 3](rng.choice(group.processes))
    load.stop()
    wait_same(source, target, load, group)
    print(f"{ROUNDS} leaves, sleeps and kills, {load.transactions} transactions, {load.rows} records")


def test_one_and_group_fence_each_other(source, target, sluice, names):
    load, group = begin(source, target, sluice, names)
    member = group.start()
    member.wait_ready(partitions=PARTITIONS)
    load.start()
    one = sluice.apply(sluice.task(group.options, file="one.yaml", state_dir="./one"))
    load.stop()
    assert member.wait() == 1
    assert member.events("failed")[-1]["code"] == "applier_fenced"
    wait_same(source, target, load, Group(sluice, target, names))
    source.execute(f"INSERT INTO {load.database}.counters VALUES (0, 0, NULL)")
    group.processes = []
    group.start()
    wait_same(source, target, load, group)
    source.execute(f"DELETE FROM {load.database}.counters WHERE id = 0")  # one has something to commit
    assert one.wait() == 1 and one.events("failed")[-1]["code"] == "applier_fenced"


def test_begins_late_grows_and_ends(source, target, kafka, registry, sluice, names):
    """From MariaDB to MySQL, by Avro, hashed by a column: begins at the newest records, goes on
    behind a barrier with more partitions, and ends when it is caught up."""
    origin, goal = target, source
    table = f"{names.database}.t"
    rows = f"INSERT INTO {table} VALUES " + ", ".join(f"({i}, {i}, 0)" for i in range(1, 61))
    for server in (origin, goal):
        server.execute(f"CREATE DATABASE {names.database}",
                       f"CREATE TABLE {table} (id INT AUTO_INCREMENT PRIMARY KEY, k INT NOT NULL,"
                       " v INT NOT NULL)")
    group = Group(
        sluice, goal, names, partitions=3, phases=["incremental"],
        **{"from": {"topics": [names.task], "start": "latest"}},
        source={"hosts": [origin.address]},
        message={"format": "avro", "registry": {"url": registry.url}},
        topics={"policy": "columns", "columns": ["k"], "partitions": 3, "repartition": "barrier"})
    group.options["target"] = {"hosts": [goal.address]}
    capture = sluice.task(group.options)
    sluice.run("capture", capture, "--until-caught-up")
    origin.execute(rows)
    goal.execute(rows)  # would be there twice if the group began at the first record
    sluice.run("capture", capture, "--until-caught-up")
    for _ in range(2):
        group.start()
    group.shared()
    running = sluice.capture(capture)
    change(origin, table, 5)
    same(origin, goal, table, deadline_s=60)
    running.stop()
    kafka.add_partitions(names.task, 5)
    running = sluice.capture(capture)
    change(origin, table, 5)
    group.partitions = 5
    group.shared()
    change(origin, table, 5)
    same(origin, goal, table, deadline_s=60)
    running.stop()
    for process in group.processes:
        process.stop()
    change(origin, table, 5)
    sluice.run("capture", capture, "--until-caught-up")
    for process in [group.start("--until-caught-up") for _ in range(2)]:
        assert process.wait(90) == 0, process.stderr[-3000:]
    assert goal.query(f"SELECT * FROM {table} ORDER BY id") == origin.query(
        f"SELECT * FROM {table} ORDER BY id")


def change(server, table, times):
    """All rows change, half of them move, some go and others come."""
    for _ in range(times):
        server.execute(f"UPDATE {table} SET v = v + 1",
                       f"UPDATE {table} SET k = k + 1, v = v + 1 WHERE id % 2 = 0",
                       f"DELETE FROM {table} WHERE id % 7 = 0",
                       f"INSERT INTO {table} (k, v) SELECT k, 0 FROM {table} WHERE id < 10")


def test_a_moved_row_that_is_too_large(source, target, sluice, names):
    """Its DELETE is applied, its INSERT lies aside, and nobody waits for it."""
    table = f"{names.database}.t"
    source.execute(f"CREATE DATABASE {names.database}",
                   f"CREATE TABLE {table} (id INT PRIMARY KEY, k INT, v TEXT)",
                   f"INSERT INTO {table} VALUES " + ", ".join(f"({i}, {i}, '')" for i in range(60)))
    group = Group(sluice, target, names, partitions=6 + 1,  # and that of the side topic
                  phases=["schema", "full", "incremental"],
                  message={"oversize": "side-topic", "max_bytes": 10000},
                  topics={"policy": "columns", "columns": ["k"], "partitions": 6})
    sluice.capture(sluice.task(group.options))
    for _ in range(2):
        group.start()
    group.shared()
    target.wait_for(f"SELECT COUNT(*) FROM {table}", ((60,),), 60)
    source.execute(f"UPDATE {table} SET k = k + 1, v = 'small' WHERE id >= 10",
                   f"UPDATE {table} SET k = k + 100, v = REPEAT('x', 20000) WHERE id < 10")
    rows = f"SELECT * FROM {table} WHERE v = 'small' ORDER BY id"
    target.wait_for(f"SELECT * FROM {table} ORDER BY id", source.query(rows), 60)
    wait_until(lambda: sum(len(p.events("oversize_left_out")) for p in group.processes) == 10, 60,
               "10 lines of what is left out")
    assert not [p.events("move_half") for p in group.processes if p.events("move_half")]


def test_what_a_group_cannot_do(sluice):
    options = {"target": {"appliers": "group"}, "topics": {"policy": "pk", "partitions": PARTITIONS}}
    for changes, word in (({"delivery": "at-least-once"}, "exactly-once"),
                          ({"topics": {"ddl": "", "partitions": 2}}, "topics.ddl")):
        refused = sluice.run("apply", sluice.task(options, **changes), status=2)
        assert "target.appliers: group" in refused.stderr and word in refused.stderr


def test_redis_targets_have_no_groups(redis_sluice):
    refused = redis_sluice.run("apply", redis_sluice.task(target={"appliers": "group"}), status=2)
    assert "target.appliers: group" in refused.stderr and "set it to one" in refused.stderr
