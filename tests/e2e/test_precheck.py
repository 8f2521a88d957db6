"""sluice precheck: each check made to fail on real servers; its line, JSON and exit status; then
mended by the very statement that it printed."""

import re

import pytest

from lib.precheck import Precheck
from lib.servers import MariaDB, MySQL, free_port, mysql_available

ALL = {"phases": ["schema", "full", "incremental"]}


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A source and a target of this module alone: their settings are turned around."""
    directory = tmp_path_factory.mktemp("precheck")
    kind = MySQL if mysql_available() else MariaDB
    with kind(directory / "source") as source, MariaDB(directory / "target") as target:
        target.execute("SET GLOBAL max_allowed_packet = 1073741824")
        yield source, target


@pytest.fixture
def ends(pair, sluice, names):
    """Makes the tables at the source; gives source, target, and a task between them."""
    source, target = pair

    def task(changes=None, **more):
        ends = {"source": {"hosts": [source.address]}, "target": {"hosts": [target.address]}}
        return sluice.task({**ALL, **ends, **(changes or {})}, **more)

    source.execute(f"CREATE DATABASE {names.database}",
                   f"CREATE TABLE {names.database}.t (id INT PRIMARY KEY, v VARCHAR(20) NOT NULL)")
    yield source, target, task
    source.execute(f"DROP DATABASE {names.database}")
    target.execute(f"DROP DATABASE IF EXISTS {names.database}")


def quiet(source):
    """What warns on any healthy pair of this stack: MariaDB is not MySQL."""
    return ["target_version"] if source.kind == "mysql" else []


def test_all_pass(ends, sluice, names, kafka):
    source, target, task = ends
    done = Precheck(sluice, task(), *quiet(source), status=0)
    assert done.bad() == set()
    seen = {i["name"] for i in done.items}
    documented = sluice.run("document-checks").stdout
    for section in re.split(r"^## ", documented, flags=re.M):
        if section.startswith(("source: mysql", "kafka", "target: mysql")):
            for name in re.findall(r"^\| `(\w+)`", section, re.M):
                assert name in seen, f"{name} is documented, and was not looked at"
    # nothing was made anywhere
    assert names.topic not in kafka.topics()
    assert target.query("SHOW DATABASES LIKE 'sluice'") == ()
    assert target.query(f"SHOW DATABASES LIKE '{names.database}'") == ()


def test_text_and_ignore(ends, sluice, names):
    source, _, task = ends
    source.execute(f"CREATE TABLE {names.database}.k (a INT)")
    path = task()
    done = sluice.run("precheck", path, *[w for i in quiet(source) for w in ("--ignore", i)], status=3)
    line, = [l for l in done.stdout.splitlines() if " source_key " in l]
    assert line.startswith("warn ") and f"{names.database}.k" in line and "ALTER TABLE" in line
    assert "0 fail" in done.stderr and "--ignore" in done.stderr
    ignored = [w for i in [*quiet(source), "source_key"] for w in ("--ignore", i)]
    done = sluice.run("precheck", path, *ignored, status=0)
    assert re.search(r"^ignored +source_key ", done.stdout, re.M)
    # by the task file; and the statement mends it
    assert Precheck(sluice, task({"precheck": {"ignore": [*quiet(source), "source_key"]}})).status == 0
    source.execute(Precheck(sluice, path).one("source_key", "warn")["cure"])
    assert Precheck(sluice, task(), *quiet(source)).bad() == set()


def test_a_failure_cannot_be_ignored(ends, sluice):
    _, _, task = ends
    path = task({"objects": {"include": ["nothing_here.*"]}})
    done = Precheck(sluice, path, "source_tables", status=3)
    assert "GRANT SELECT" in done.one("source_tables", "fail")["cure"]


def test_bad_usage(ends, sluice):
    _, _, task = ends
    assert "did you mean 'target_triggers'" in \
        sluice.run("precheck", task(), "--ignore", "target_trigers", status=2).stderr
    path = task({"precheck": {"ignore": ["nonsense"]}})
    assert "nonsense" in sluice.run("precheck", path, status=2).stderr
    assert "acks" in sluice.run("precheck", task(kafka={"acks": "perhaps"}), status=2).stderr


# --- source ---


@pytest.mark.parametrize(
    "item, status, variable, bad",
    [("source_binlog_format", "fail", "binlog_format", "'MIXED'"),
     ("source_row_image", "fail", "binlog_row_image", "'MINIMAL'"),
     ("source_row_metadata", "warn", "binlog_row_metadata", "'MINIMAL'"),
     ("source_log_retention", "warn", "binlog_expire_logs_seconds", "3600")],
)
def test_source_settings(ends, sluice, item, status, variable, bad):
    source, _, task = ends
    old = source.value(f"SELECT @@GLOBAL.{variable}")
    source.execute(f"SET GLOBAL {variable} = {bad}")
    found = Precheck(sluice, task(), *quiet(source), status=3)
    assert found.bad() == {(item, status)}
    source.execute(found.one(item, status)["cure"])
    assert Precheck(sluice, task(), *quiet(source)).bad() == set()
    source.execute(f"SET GLOBAL {variable} = '{old}'" if status == "fail" else
                   f"SET GLOBAL {variable} = {old}")


@pytest.mark.parametrize("options, item, word", [
    (["--skip-log-bin"], "source_log_bin", "log_bin"),
    (["--binlog-ignore-db=hidden"], "source_binlog_filter", "hidden"),
])
def test_source_without_a_whole_binlog(tmp_path, pair, sluice, names, options, item, word):
    with MariaDB(tmp_path / "server", *options) as server:
        server.execute(f"CREATE DATABASE {names.database}",
                       f"CREATE TABLE {names.database}.t (id INT PRIMARY KEY)")
        task = sluice.task(ALL, source={"hosts": [server.address]}, target={"hosts": [pair[1].address]})
        found = Precheck(sluice, task, "target_version", "target_max_packet")
        assert found.bad() == {(item, "fail")}
        assert word in found.one(item, "fail")["reason"] + found.one(item, "fail")["cure"]


def test_source_gtids_off_and_replica(tmp_path, pair, sluice, names):
    if not mysql_available():
        pytest.skip("GTIDs can be off at MySQL only")
    with MySQL(tmp_path / "server", "--gtid-mode=OFF", "--enforce-gtid-consistency=OFF",
               "--log-replica-updates=OFF") as server:
        server.execute(f"CREATE DATABASE {names.database}",
                       f"CREATE TABLE {names.database}.t (id INT PRIMARY KEY)",
                       "CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT=1")
        ends = {"source": {"hosts": [server.address]}, "target": {"hosts": [pair[1].address]}}
        found = Precheck(sluice, sluice.task(ALL, **ends), "target_version")
        assert found.bad() == {("source_gtid_mode", "fail"), ("source_replica", "fail")}
        assert "log_replica_updates" in found.one("source_replica", "fail")["cure"]
        for statement in found.one("source_gtid_mode", "fail")["cure"].split("SET")[1:]:
            server.execute("SET" + statement.split(";")[0])
        server.execute("RESET REPLICA ALL")
        assert Precheck(sluice, sluice.task(ALL, **ends), "target_version").bad() == set()


def test_source_server_id(ends, sluice):
    source, _, task = ends
    found = Precheck(sluice, task(source={"server_id": source.port}), *quiet(source))
    assert found.bad() == {("source_server_id", "fail")}


def test_source_privileges(ends, sluice, names):
    source, _, task = ends
    source.execute("CREATE USER bare@'%' IDENTIFIED BY 'p'")
    try:
        path = task(source={"user": "bare", "password": "p"})
        found = Precheck(sluice, path, *quiet(source))
        lines = [i for i in found.of("source_privileges") if i["status"] == "fail"]
        for item in lines:
            source.execute(item["cure"])
        assert "REPLICATION SLAVE" in lines[0]["cure"] and names.database in lines[1]["cure"]
        assert Precheck(sluice, path, *quiet(source)).bad() == set()
    finally:
        source.execute("DROP USER bare@'%'")


def objects_at(source, database):
    """One of every kind, and a foreign key."""
    source.execute(f"CREATE VIEW {database}.v AS SELECT id FROM {database}.t",
                   f"CREATE FUNCTION {database}.f() RETURNS INT DETERMINISTIC RETURN 1",
                   f"CREATE PROCEDURE {database}.p() SELECT 1",
                   f"CREATE TRIGGER {database}.tr BEFORE INSERT ON {database}.t FOR EACH ROW SET @a = 1",
                   f"CREATE EVENT {database}.e ON SCHEDULE EVERY 1 DAY DISABLE DO SELECT 1")


EVERY_KIND = {"schema": {"objects": ["tables", "views", "routines", "triggers", "events"]}}


@pytest.mark.parametrize("kind", ["as it is", "mariadb"])
def test_source_objects(ends, sluice, names, kind):
    source, target, task = ends
    if kind == "mariadb":
        source = target
        source.execute(f"CREATE DATABASE {names.database}",
                       f"CREATE TABLE {names.database}.t (id INT PRIMARY KEY, v VARCHAR(20))")
    objects_at(source, names.database)
    source.execute("CREATE USER lean@'%' IDENTIFIED BY 'p'",
                   f"GRANT SELECT ON {names.database}.* TO lean@'%'",
                   "GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO lean@'%'")
    try:
        path = task({"source": {"hosts": [source.address], "user": "lean", "password": "p"}},
                    target=None)
        assert Precheck(sluice, path).bad() == {("source_objects", "fail")}  # the view
        path = task({"source": {"hosts": [source.address], "user": "lean", "password": "p"},
                     **EVERY_KIND}, target=None)
        found = Precheck(sluice, path)
        assert found.bad() == {("source_objects", "fail")}
        lines = [i["cure"] for i in found.of("source_objects")]
        for word in ("SHOW VIEW", "TRIGGER", "EVENT", "mysql.proc" if source.kind == "mariadb"
                     else "SHOW_ROUTINE"):
            assert any(word in line for line in lines), f"{word}: {lines}"
        source.execute(*lines)
        assert Precheck(sluice, path).bad() == set()
    finally:
        source.execute("DROP USER lean@'%'")


def test_source_cascades(ends, sluice, names):
    _, source, task = ends  # MariaDB logs nothing of what a foreign key does
    d = names.database
    source.execute(f"CREATE DATABASE {d}", f"CREATE TABLE {d}.parent (a INT, b INT, PRIMARY KEY (a, b))",
                   f"CREATE TABLE {d}.child (id INT PRIMARY KEY, a INT, b INT, FOREIGN KEY (a, b)"
                   f" REFERENCES {d}.parent (a, b) ON DELETE CASCADE)",
                   f"CREATE TABLE {d}.strict (id INT PRIMARY KEY, a INT, b INT, FOREIGN KEY (a, b)"
                   f" REFERENCES {d}.parent (a, b))")
    for taken, other in (("child", "parent"), ("parent", "child")):
        def path(*tables):
            return task({"source": {"hosts": [source.address]}, "objects": {
                "include": [f"{d}.{t}" for t in tables]}}, target=None)

        found = Precheck(sluice, path(taken, "strict"))
        assert found.bad() == {("source_cascades", "warn")}
        item = found.one("source_cascades", "warn")
        assert item["object"] == f"{d}.{taken}"
        added = re.search(r'add "(.*)"', item["cure"]).group(1)
        assert added == f"{d}.{other}"
        assert Precheck(sluice, path(taken, "strict", added.split(".")[1])).bad() == set()
    assert Precheck(sluice, task({"source": {"hosts": [source.address]}, "objects": {
        "include": [f"{d}.strict"]}}, target=None)).bad() == set()


def test_source_tables(ends, sluice, names):
    source, _, task = ends
    source.execute(f"CREATE TABLE {names.database}.m (id INT PRIMARY KEY) ENGINE=MyISAM",
                   f"CREATE TABLE {names.database}.big (id INT PRIMARY KEY, t LONGTEXT)")
    found = Precheck(sluice, task(), *quiet(source))
    assert found.bad() == {("source_engine", "warn"), ("source_row_size", "warn")}
    assert found.one("source_row_size", "warn")["object"] == f"{names.database}.big"
    source.execute(found.one("source_engine", "warn")["cure"])
    path = task(message={"max_bytes": 300_000_000})
    assert ("source_row_size", "warn") not in Precheck(sluice, path, *quiet(source)).bad()


def test_clocks(ends, sluice):
    """init_connect turns the clock of every session of an ordinary account."""
    source, target, task = ends
    for server, item in ((source, "source_clock"), (target, "target_clock")):
        server.execute("SET GLOBAL init_connect = 'SET timestamp = UNIX_TIMESTAMP() - 60'")
        found = Precheck(sluice, task(), *quiet(source))
        server.execute("SET GLOBAL init_connect = ''")
        assert found.bad() == {(item, "warn")}
        assert re.search(r"6\d{4} ms behind", found.one(item, "warn")["reason"])


@pytest.mark.parametrize("end", ["source", "target"])
def test_cannot_connect(ends, sluice, end):
    source, target, task = ends
    name = f"{end}_connect"
    port = free_port()
    found = Precheck(sluice, task({}, **{end: {"hosts": [f"127.0.0.1:{port}"]}}), *quiet(source))
    item = found.one(name, "fail")
    assert "connection refused" in item["reason"] and str(port) in item["reason"] and item["passing"]
    found = Precheck(sluice, task({}, **{end: {"hosts": ["no-such-host.invalid:3306"]}}))
    assert "DNS" in found.one(name, "fail")["reason"]
    found = Precheck(sluice, task({}, **{end: {"password": "wrong"}}))
    item = found.one(name, "fail")
    assert "password" in item["reason"] and "wrong" not in item["reason"] and not item["passing"]
    # one of several is away: the rest is checked at the other
    hosts = [f"127.0.0.1:{port}", (source if end == "source" else target).address]
    found = Precheck(sluice, task({}, **{end: {"hosts": hosts}}), *quiet(source))
    assert found.bad() == {(name, "warn")}


# --- Kafka ---


def config_of(cure):
    """topic, name and value of a kafka-configs.sh line."""
    return re.search(r"--entity-name (\S+) --add-config ([\w.]+)=(\S+)", cure).groups()


@pytest.mark.parametrize(
    "item, status, config",
    [("kafka_cleanup_policy", "fail", {"cleanup.policy": "compact"}),
     ("kafka_retention", "warn", {"retention.ms": 3600000}),
     ("kafka_message_size", "warn", {"max.message.bytes": 1000000}),
     ("kafka_replication", "fail", {"min.insync.replicas": 2})],
)
def test_kafka_topic_settings(ends, sluice, names, kafka, item, status, config):
    source, _, task = ends
    good = {"max.message.bytes": 20_000_000}
    kafka.create_topic(names.topic, **{**good, **config})
    found = Precheck(sluice, task(), *quiet(source))
    assert found.bad() == {(item, status)}
    topic, name, value = config_of(found.one(item, status)["cure"])
    assert topic == names.topic
    kafka.set_topic(topic, **{**good, name: value})
    assert Precheck(sluice, task(), *quiet(source)).bad() == set()


def test_kafka_topics(ends, sluice, names, kafka):
    source, _, task = ends
    path = task(topics={"create": False})
    found = Precheck(sluice, path, *quiet(source))
    assert found.bad() == {("kafka_topics", "fail")}
    assert any(f"--create --topic {names.topic} " in i["cure"] for i in found.of("kafka_topics"))
    sluice.run("topics", path, "create")
    assert Precheck(sluice, path, *quiet(source)).bad() == set()
    # another number of partitions under a policy that hashes
    path = task(topics={"partitions": 3, "policy": "pk"})
    item = Precheck(sluice, path, *quiet(source)).one("kafka_topics", "fail")
    assert "topics.partitions: 1" in item["cure"]
    kafka.add_partitions(names.topic, 3)
    assert Precheck(sluice, path, *quiet(source)).bad() == set()
    # more replicas than brokers
    path = task(topics={"data": f"{names.topic}-new", "replication_factor": 3})
    item = Precheck(sluice, path, *quiet(source)).one("kafka_topics", "fail")
    assert "topics.replication_factor: 1" in item["cure"]


def test_topics_that_are_there_as_the_task_says(ends, sluice, names, kafka):
    source, _, task = ends
    good = {"max.message.bytes": 20_000_000, "retention.bytes": 1 << 40}
    kafka.create_topic(names.topic, **good)
    path = task(target=None, phases=["incremental"],
                topics={"retention_hours": 48, "retention_mb": -1, "cleanup_policy": "compact"})
    found = Precheck(sluice, path)
    assert found.bad() == {("kafka_retention", "warn"), ("kafka_cleanup_policy", "warn")}
    cures = [config_of(i["cure"]) for i in found.items if i["status"] == "warn"]
    assert {(topic, name) for topic, name, _ in cures} == {
        (names.topic, "retention.ms"), (names.topic, "retention.bytes"), (names.topic, "cleanup.policy")}
    kafka.set_topic(names.topic, **{**good, **{name: value for _, name, value in cures}})
    assert Precheck(sluice, path).bad() == set()


def test_topics_of_rules(ends, sluice, names, kafka):
    source, _, task = ends
    table = f"{names.database}.t"

    def rules(**rule):
        return task(topics={"rules": [{"match": table, **rule}]})

    item = Precheck(sluice, rules(policy="columns", columns=["v", "w"]), *quiet(source)).one("topic_columns", "fail")
    assert item["object"] == table and "topics.rules[0].columns has w" in item["reason"]
    left_out = {"objects": {"tables": [{"match": table, "columns": {"exclude": ["v"]}}]}}
    path = task(left_out, topics={"policy": "canal", "columns": ["v"]})
    Precheck(sluice, path, *quiet(source)).one("topic_columns", "fail")
    kafka.create_topic(f"{names.topic}-own", partitions=2)
    good = {"topic": f"{names.topic}-own", "policy": "columns", "columns": ["V"]}
    item = Precheck(sluice, rules(partitions=3, **good), *quiet(source)).one("kafka_topics", "fail")
    assert item["object"] == good["topic"] and "topics.rules[0].partitions: 2" in item["cure"]
    assert ("kafka_topics", "fail") not in Precheck(sluice, rules(partitions=2, **good), *quiet(source)).bad()
    source.execute(f"CREATE TABLE {names.database}.t$ (id INT PRIMARY KEY)",
                   f"CREATE TABLE {names.database}.t_ (id INT PRIMARY KEY)")
    shared = {"topics": {"data": "{task}.{table}", "rules": [{"match": "*.t$", "partitions": 2}]}, "target": None}
    item = Precheck(sluice, task(shared), *quiet(source)).one("kafka_topics", "fail")
    assert f"table {names.database}.t$ with 2 partitions" in item["reason"]
    assert f"table {names.database}.t_ with 1" in item["reason"] and "give one of them another topic" in item["reason"]
    assert item["reason"] in sluice.run("topics", task(shared), "create", status=3).stderr


def test_kafka_not_reachable(ends, sluice):
    source, _, task = ends
    port = free_port()
    found = Precheck(sluice, task(kafka={"bootstrap.servers": f"127.0.0.1:{port}"}), *quiet(source))
    assert found.bad() == {("kafka_connect", "fail")}
    assert "refused" in found.one("kafka_connect", "fail")["reason"]


def test_kafka_transactions(ends, sluice):
    source, _, task = ends
    path = task(kafka={"transaction.timeout.ms": "3600000"})
    found = Precheck(sluice, path, *quiet(source))
    assert found.bad() == {("kafka_transactions", "fail")}


# --- target ---


def test_target_privileges(ends, sluice, names):
    source, target, task = ends
    target.execute("CREATE USER bare@'%' IDENTIFIED BY 'p'")
    try:
        path = task(target={"user": "bare", "password": "p"})
        lines = [i for i in Precheck(sluice, path).of("target_privileges") if i["status"] == "fail"]
        assert "`sluice`.*" in lines[0]["cure"] and f"`{names.database}`.*" in lines[1]["cure"]
        for item in lines:
            target.execute(item["cure"])
        assert Precheck(sluice, path, *quiet(source)).bad() == set()
    finally:
        target.execute("DROP USER bare@'%'")


def test_target_objects(ends, sluice, names):
    source, target, task = ends
    database = names.database
    objects_at(source, database)
    sees = "SHOW_ROUTINE" if source.kind == "mysql" else "SELECT"
    source.execute("CREATE USER reader@'%' IDENTIFIED BY 'p'",
                   f"GRANT SELECT, REPLICATION SLAVE, REPLICATION CLIENT, {sees}, SHOW VIEW, TRIGGER,"
                   " EVENT ON *.* TO reader@'%'")
    target.execute("CREATE USER lean@'%' IDENTIFIED BY 'p'",
                   "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE ON sluice.* TO lean@'%'",
                   "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, REFERENCES,"
                   f" TRIGGER ON {database}.* TO lean@'%'")
    ends_of = {"source": {"user": "reader", "password": "p"}, "target": {"user": "lean", "password": "p"}}
    before = target.value("SELECT @@GLOBAL.log_bin_trust_function_creators")
    target.execute("SET GLOBAL log_bin_trust_function_creators = 0")
    try:
        found = Precheck(sluice, task(**ends_of, schema={"objects": ["tables"]}), *quiet(source))
        assert found.bad() == set()
        path = task(**ends_of, **EVERY_KIND)
        found = Precheck(sluice, path, *quiet(source))
        assert found.bad() == {("target_objects", "fail")}
        cures = [i["cure"] for i in found.of("target_objects")]
        assert len(cures) == 2 and "log_bin_trust" in cures[1]
        for word in ("CREATE VIEW", "CREATE ROUTINE", "ALTER ROUTINE", "EVENT"):
            assert word in cures[0]
        target.execute(*cures)
        assert Precheck(sluice, path, *quiet(source)).bad() == set()
        # and that was all it takes
        runner = sluice.start("run", path, "--until-caught-up", "--skip-precheck")
        assert runner.wait(60) == 0
        assert target.value(f"SELECT {database}.f()") == 1
        assert target.query(f"SHOW TRIGGERS FROM {database}") != ()
    finally:
        target.execute(f"SET GLOBAL log_bin_trust_function_creators = {before}", "DROP USER lean@'%'")
        source.execute("DROP USER reader@'%'")


def test_target_read_only_and_packet(ends, sluice):
    source, target, task = ends
    target.execute("SET GLOBAL read_only = ON", "SET GLOBAL max_allowed_packet = 1048576")
    found = Precheck(sluice, task(), *quiet(source))
    assert found.bad() == {("target_read_only", "fail"), ("target_max_packet", "warn")}
    target.execute(found.one("target_read_only", "fail")["cure"],
                   found.one("target_max_packet", "warn")["cure"])
    assert Precheck(sluice, task(), *quiet(source)).bad() == set()
    target.execute("SET GLOBAL max_allowed_packet = 1073741824")


def test_target_tables_and_columns(ends, sluice, names):
    source, target, task = ends
    path = task({"phases": ["full", "incremental"]})
    found = Precheck(sluice, path, *quiet(source))
    assert found.bad() == {("target_tables", "fail")}
    target.execute(*found.one("target_tables", "fail")["cure"].split("; "))
    assert Precheck(sluice, path, *quiet(source)).bad() == set()
    name = f"{names.database}.t"
    target.execute(f"ALTER TABLE {name} MODIFY v VARCHAR(5) NOT NULL, ADD w INT NOT NULL")
    found = Precheck(sluice, path, *quiet(source))
    assert found.bad() == {("target_columns", "fail")}
    assert [i["object"] for i in found.of("target_columns")] == [name, name]
    target.execute(*[i["cure"] for i in found.of("target_columns")])
    assert Precheck(sluice, path, *quiet(source)).bad() == set()
    target.execute(f"ALTER TABLE {name} DROP COLUMN v")
    item = Precheck(sluice, path).one("target_columns", "fail")
    assert "column v" in item["reason"]
    target.execute(re.search(r"ALTER TABLE \S+ ADD COLUMN [^,]*", item["reason"]).group())
    target.execute(f"ALTER TABLE {name} MODIFY id DATE")
    found = Precheck(sluice, path, *quiet(source))
    assert found.bad() == {("target_columns", "warn")}
    target.execute(found.one("target_columns", "warn")["cure"])
    target.execute(f"ALTER TABLE {name} DROP PRIMARY KEY, ADD PRIMARY KEY (id, v)")
    found = Precheck(sluice, path, *quiet(source))
    assert found.bad() == {("target_key", "fail")}
    target.execute(found.one("target_key", "fail")["cure"])
    target.execute(f"ALTER TABLE {name} DROP PRIMARY KEY")
    found = Precheck(sluice, path, *quiet(source))
    assert found.bad() == {("target_key", "warn")}
    target.execute(found.one("target_key", "warn")["cure"])
    target.execute(f"ALTER TABLE {name} ENGINE=MyISAM")
    found = Precheck(sluice, path, *quiet(source))
    assert found.bad() == {("target_tables", "fail")}
    assert "ENGINE=InnoDB" in found.one("target_tables", "fail")["reason"]


def test_target_under_other_names_and_fewer_columns(ends, sluice, names):
    source, target, task = ends
    there = f"{names.database}_dr"
    path = task({"phases": ["full", "incremental"],
                 "objects": {"include": [f"{names.database}.*"],
                             "tables": [{"match": f"{names.database}.t", "columns": {"exclude": ["v"]}}]}},
                target={"rename": {"databases": {names.database: there},
                                   "columns": {f"{names.database}.t": {"id": "key"}}}})
    found = Precheck(sluice, path, *quiet(source))
    item = found.one("target_tables", "fail")
    assert item["cure"] == (f"CREATE DATABASE IF NOT EXISTS `{there}`; CREATE TABLE `{there}`.`t`"
                            " (`key` int NOT NULL, PRIMARY KEY (`key`))".replace(
                                "int ", source.value("SELECT COLUMN_TYPE FROM information_schema.COLUMNS"
                                                     f" WHERE TABLE_SCHEMA='{names.database}'"
                                                     " AND COLUMN_NAME='id'") + " "))
    target.execute(*item["cure"].split("; "))
    try:
        assert Precheck(sluice, path, *quiet(source)).bad() == set()
    finally:
        target.execute(f"DROP DATABASE {there}")


def test_target_data_triggers_and_foreign_keys(ends, sluice, names):
    source, target, task = ends
    name = f"{names.database}.t"
    target.execute(f"CREATE DATABASE {names.database}",
                   f"CREATE TABLE {names.database}.parent (id INT PRIMARY KEY)",
                   f"INSERT INTO {names.database}.parent VALUES (1)",
                   f"CREATE TABLE {name} (id INT PRIMARY KEY, v VARCHAR(20) NOT NULL,"
                   f" CONSTRAINT fk FOREIGN KEY (id) REFERENCES {names.database}.parent (id))",
                   f"INSERT INTO {name} VALUES (1, 'mine')",
                   f"CREATE TRIGGER {names.database}.tr BEFORE INSERT ON {name} FOR EACH ROW SET @a = 1")
    found = Precheck(sluice, task(), *quiet(source))
    assert found.bad() == {("target_data", "fail"), ("target_triggers", "warn"),
                           ("target_foreign_keys", "warn")}
    assert ("target_data", "warn") in Precheck(sluice, task(target={"conflict": "keep"})).bad()
    target.execute(found.one("target_triggers", "warn")["cure"],
                   found.one("target_foreign_keys", "warn")["cure"],
                   found.one("target_data", "fail")["cure"])
    assert Precheck(sluice, task(), *quiet(source)).bad() == set()


def test_target_collation_and_name_case(ends, tmp_path, sluice, names):
    source, _, task = ends
    if source.kind != "mysql":
        pytest.skip("a collation that MariaDB does not know")
    source.execute(f"CREATE TABLE {names.database}.c (id INT PRIMARY KEY,"
                   " v VARCHAR(9) CHARACTER SET gb18030)",
                   f"CREATE TABLE {names.database}.T (id INT PRIMARY KEY)")
    found = Precheck(sluice, task(), *quiet(source))
    assert found.bad() == {("target_collation", "fail")}
    source.execute(found.one("target_collation", "fail")["cure"].split(": ")[1])
    assert Precheck(sluice, task(), *quiet(source)).bad() == set()
    with MariaDB(tmp_path / "folding", "--lower-case-table-names=1") as folding:
        found = Precheck(sluice, task(target={"hosts": [folding.address]}))
        assert found.one("target_name_case", "fail")["object"].endswith((".t", ".T"))
        assert found.one("target_name_case", "warn")


def test_target_offsets_engine(ends, tmp_path, sluice):
    source, _, task = ends
    with MariaDB(tmp_path / "server") as server:
        server.execute("CREATE DATABASE sluice", "CREATE TABLE sluice.applied (task VARCHAR(64)) ENGINE=MyISAM")
        found = Precheck(sluice, task(target={"hosts": [server.address]}))
        assert "sluice.applied" in found.one("target_offsets", "fail")["reason"]


# --- at the start ---


def test_run_looks_before_the_first_start_only(ends, sluice, names):
    source, target, task = ends
    name = f"{names.database}.t"
    source.execute(f"INSERT INTO {name} VALUES (1, 'a')")
    target.execute(f"CREATE DATABASE {names.database}",
                   f"CREATE TABLE {name} (id INT PRIMARY KEY, v VARCHAR(20) NOT NULL)",
                   f"INSERT INTO {name} VALUES (9, 'mine')")
    path = task()
    runner = sluice.start("run", path)
    assert runner.wait(60) == 3
    assert "target_data" in runner.stderr and "TRUNCATE TABLE" in runner.stderr
    assert "precheck" in runner.lines[-1] and "--skip-precheck" in runner.lines[-1]
    target.execute(Precheck(sluice, path).one("target_data", "fail")["cure"])
    runner = sluice.start("run", path)
    target.wait_for(f"SELECT * FROM {name}", ((1, "a"),))
    runner.stop()
    # begun: rows are no surprise, and the run does not look again
    assert Precheck(sluice, path, *quiet(source)).bad() == set()
    source.execute(f"CREATE TABLE {names.database}.keyless (a INT)")
    runner = sluice.start("run", path)
    runner.wait_event("ready", program="capture")
    assert runner.events("precheck") == []
    runner.stop()


def test_run_can_skip_it(ends, sluice, names):
    source, target, task = ends
    name = f"{names.database}.t"
    target.execute(f"CREATE DATABASE {names.database}",
                   f"CREATE TABLE {name} (id INT PRIMARY KEY, v VARCHAR(20) NOT NULL)",
                   f"INSERT INTO {name} VALUES (9, 'mine')")
    source.execute(f"INSERT INTO {name} VALUES (1, 'a')")
    runner = sluice.start("run", task(), "--skip-precheck")
    target.wait_for(f"SELECT * FROM {name} ORDER BY id", ((1, "a"), (9, "mine")))
    runner.stop()
