"""Definition changes among rows, between all pairs of servers, with and without other names."""

import re

import pytest

from lib.kafka_reader import read_topic
from lib.wait import wait_until

# {d}: the source's database. Statements run in it unless they say otherwise.
COMMON = """
CREATE TABLE a (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, v VARCHAR(30) DEFAULT 'x;y' COMMENT 'it''s')
INSERT INTO a (v) VALUES ('one'), ('two')
CREATE TABLE `odd ``name` (`select` INT PRIMARY KEY, `b c` VARCHAR(9) NOT NULL DEFAULT '')
INSERT INTO `odd ``name` VALUES (1, 'q'), (2, '')
ALTER TABLE a ADD COLUMN n INT NOT NULL DEFAULT 7 AFTER id, ADD INDEX iv (v(10))
INSERT INTO a (v, n) VALUES ('three', 3)
CREATE TABLE b LIKE a
INSERT INTO b SELECT id, n, v FROM a
ALTER TABLE b ADD COLUMN first_one BIGINT FIRST
UPDATE b SET first_one = id * 2
CREATE UNIQUE INDEX ub ON b (first_one DESC, v)
CREATE TABLE child (id INT PRIMARY KEY, a_id INT, CONSTRAINT fk_a FOREIGN KEY (a_id) REFERENCES a (id) ON DELETE SET NULL)
INSERT INTO child VALUES (1, 1), (2, 2)
DELETE FROM a WHERE id = 2
ALTER TABLE child ADD CONSTRAINT fk_b FOREIGN KEY (id) REFERENCES {d}.`odd ``name` (`select`) ON UPDATE CASCADE, ALGORITHM=COPY
ALTER TABLE child DROP FOREIGN KEY fk_b
ALTER TABLE a MODIFY n BIGINT UNSIGNED NULL, ALTER COLUMN v SET DEFAULT 'new'
INSERT INTO a (n) VALUES (18446744073709551615)
ALTER TABLE a CHANGE v w VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT ''
UPDATE a SET w = CONCAT(w, '!')
ALTER TABLE a RENAME COLUMN n TO m, RENAME INDEX iv TO iw
INSERT INTO a (m, w) VALUES (5, '\\\\ "quoted"')
CREATE TABLE gen (id INT PRIMARY KEY, x INT, y INT GENERATED ALWAYS AS (x + 1) STORED, z INT AS (x * 2) VIRTUAL, KEY (y))
INSERT INTO gen (id, x) VALUES (1, 10)
ALTER TABLE gen ADD COLUMN hidden INT INVISIBLE DEFAULT 4
INSERT INTO gen (id, x, hidden) VALUES (2, 20, 5)
ALTER TABLE gen ADD CONSTRAINT positive CHECK (x > 0)
UPDATE gen SET x = 30 WHERE id = 2
ALTER TABLE gen DROP CONSTRAINT positive
CREATE TABLE t1 (id INT PRIMARY KEY, v INT)
INSERT INTO t1 VALUES (1, 1)
CREATE TABLE t2 (id INT PRIMARY KEY, v INT)
INSERT INTO t2 VALUES (2, 2)
RENAME TABLE t1 TO swap_tmp, t2 TO t1, swap_tmp TO t2
INSERT INTO t1 VALUES (3, 3)
ALTER TABLE t2 RENAME TO t3
INSERT INTO t3 VALUES (4, 4)
TRUNCATE TABLE t1
INSERT INTO t1 VALUES (5, 5)
TRUNCATE t1
INSERT INTO t1 VALUES (6, 6)
CREATE TABLE gone1 (id INT PRIMARY KEY)
CREATE TABLE gone2 (id INT PRIMARY KEY)
INSERT INTO gone1 VALUES (1)
DROP TABLE gone1, {d}.gone2
CREATE TABLE gone1 (other INT PRIMARY KEY)
INSERT INTO gone1 VALUES (9)
DROP TABLE IF EXISTS never_there
CREATE TABLE part (id INT PRIMARY KEY) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN (20))
INSERT INTO part VALUES (1), (11)
ALTER TABLE part ADD PARTITION (PARTITION p2 VALUES LESS THAN (30))
INSERT INTO part VALUES (21)
CREATE TABLE exch (id INT PRIMARY KEY)
INSERT INTO exch VALUES (12)
ALTER TABLE part EXCHANGE PARTITION p1 WITH TABLE exch
ALTER TABLE part DROP PARTITION p2
INSERT INTO exch VALUES (13)
DROP INDEX ub ON b
ALTER TABLE b DROP COLUMN first_one, ADD FULLTEXT KEY ft (v)
CREATE TABLE j (id INT PRIMARY KEY, doc JSON, d DATETIME(3) DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3))
INSERT INTO j (id, doc) VALUES (1, '{{"a": [1, 2]}}')
ALTER TABLE j ADD COLUMN e ENUM('x','y') NOT NULL DEFAULT 'y', ADD s SET('p','q')
INSERT INTO j (id, doc, e, s) VALUES (2, NULL, 'x', 'p,q')
ALTER TABLE a COMMENT = 'a table, with `words`', AUTO_INCREMENT = 1000
INSERT INTO a (w) VALUES ('auto')
CREATE VIEW seen AS SELECT * FROM a
"""

MYSQL = """
CREATE TABLE my (id INT PRIMARY KEY, v VARCHAR(10) COLLATE utf8mb4_0900_as_cs, c INT CHECK (c > 0) NOT NULL, e VARCHAR(9) DEFAULT (CONCAT('a', 'b')), KEY kv (v) INVISIBLE) CHARSET utf8mb4
INSERT INTO my VALUES (1, 'a', 5, 'e')
ALTER TABLE my ADD u VARCHAR(36) DEFAULT 'ab' /*!80023 INVISIBLE */, ALGORITHM=INSTANT
INSERT INTO my (id, v, c, u) VALUES (2, 'b', 6, 'set')
ALTER TABLE my ADD CONSTRAINT soft CHECK (c < 6) NOT ENFORCED
INSERT INTO my (id, v, c, u) VALUES (3, 'B', 60, 'set')
CREATE TABLE from_select AS SELECT id, v FROM my
INSERT INTO from_select VALUES (9, 'later')
"""

MARIADB = """
CREATE OR REPLACE TABLE ma (id INT PRIMARY KEY, t TEXT DEFAULT 'long', c VARCHAR(20) COMPRESSED) ENGINE=InnoDB PAGE_CHECKSUM=1
INSERT INTO ma VALUES (1, 'x', 'cc')
CREATE OR REPLACE TABLE ma (id INT PRIMARY KEY, t TEXT DEFAULT 'long', d DATE DEFAULT CURDATE())
INSERT INTO ma VALUES (2, 'again', '2026-01-02')
ALTER TABLE IF EXISTS ma ADD COLUMN IF NOT EXISTS t TEXT
ALTER TABLE ma WAIT 10 ADD COLUMN IF NOT EXISTS extra INT DEFAULT 3
SET STATEMENT max_statement_time=20 FOR ALTER TABLE ma ADD KEY ke (extra) IGNORED
INSERT INTO ma (id, extra, d) VALUES (3, 30, '2026-01-03')
CREATE OR REPLACE TABLE from_select AS SELECT id, t FROM ma
INSERT INTO from_select VALUES (9, 'later')
"""

COLUMNS = """SELECT TABLE_NAME, ORDINAL_POSITION, COLUMN_NAME, IS_NULLABLE, DATA_TYPE,
 CHARACTER_MAXIMUM_LENGTH, NUMERIC_PRECISION, NUMERIC_SCALE, DATETIME_PRECISION,
 COALESCE(GENERATION_EXPRESSION, '') <> '', EXTRA LIKE '%%INVISIBLE%%', EXTRA LIKE '%%on update%%',
 COLUMN_DEFAULT IS NULL OR COLUMN_DEFAULT = 'NULL', COLUMN_TYPE LIKE '%%unsigned%%', COLUMN_COMMENT
 FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %s AND TABLE_NAME NOT IN ('seen', 'end_mark')
 ORDER BY 1, 2"""
INDEXES = """SELECT TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX, COLUMN_NAME, NON_UNIQUE, SUB_PART, INDEX_TYPE
 FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = %s AND TABLE_NAME <> 'end_mark'
 ORDER BY 1, 2, 3"""
FOREIGN = """SELECT k.TABLE_NAME, k.CONSTRAINT_NAME, k.COLUMN_NAME, k.REFERENCED_TABLE_SCHEMA,
 k.REFERENCED_TABLE_NAME, k.REFERENCED_COLUMN_NAME, r.DELETE_RULE IN ('NO ACTION', 'RESTRICT'),
 r.DELETE_RULE = 'SET NULL' FROM information_schema.KEY_COLUMN_USAGE k
 JOIN information_schema.REFERENTIAL_CONSTRAINTS r ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA
 AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME WHERE k.TABLE_SCHEMA = %s
 AND k.REFERENCED_TABLE_NAME IS NOT NULL ORDER BY 1, 2, 3"""
TABLES = """SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s
 AND TABLE_TYPE = 'BASE TABLE' AND TABLE_NAME <> 'end_mark' ORDER BY 1"""


def lines(*scripts):
    return [line for script in scripts for line in script.strip().splitlines()]


def run(server, database, statements):
    with server.connect(database=database) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement.format(d=database))


def plain(value, names):
    """Of information_schema: what means the same at both kinds of server."""
    if isinstance(value, str):
        value = names.get(value, value)
        return "longtext" if value == "json" else value
    return value


def definitions(server, database, names):
    found = {}
    for what, query in (("columns", COLUMNS), ("indexes", INDEXES), ("foreign", FOREIGN)):
        rows = server.query(query, (database,))
        found[what] = sorted(tuple(plain(v, names) for v in row) for row in rows)
    # the length of JSON is told by one of them only
    found["columns"] = [r[:5] + ((None,) if r[4] == "longtext" else (r[5],)) + r[6:]
                        for r in found["columns"]]
    return found


def rows(server, database, table):
    """All columns, invisible ones too; JSON as text without blanks, by the first column."""
    names = server.query("SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %s"
                         " AND TABLE_NAME = %s ORDER BY ORDINAL_POSITION", (database, table))
    columns = ", ".join("`" + n.replace("`", "``") + "`" for (n,) in names)
    quoted = table.replace("`", "``")
    return sorted(map(repr, server.query(f"SELECT {columns} FROM `{database}`.`{quoted}`")))


def wait_for_mark(server, database, applier):
    def there():
        assert applier.returncode is None, applier.stderr[-3000:]
        try:
            return server.query(f"SELECT id FROM {database}.end_mark") == ((77,),)
        except Exception:  # no such table yet
            return False

    wait_until(there, 60, "the last statement at the target", interval_s=0.05)


def compare(source, target, database, other, renamed):
    """renamed: the target's names of tables and columns that differ, back to the source's."""
    mine = definitions(source, database, {})
    theirs = definitions(target, other, {**renamed, other: database})
    for what in mine:
        assert theirs[what] == mine[what], what
    back = {v: k for k, v in renamed.items()}
    for (table,) in source.query(TABLES, (database,)):
        assert rows(target, other, back.get(table, table)) == rows(source, database, table), table


PAIRS = {
    "mysql-to-mariadb": ("source", "target"),
    "mariadb-to-mysql": ("target", "source"),
    "mysql-to-mysql": ("source", "source"),
    "mariadb-to-mariadb": ("target", "target"),
}


@pytest.mark.parametrize("pair", PAIRS)
def test_script(pair, request, sluice, names):
    source, target = (request.getfixturevalue(name) for name in PAIRS[pair])
    database = names.database
    own = MYSQL if source.kind == "mysql" else MARIADB
    same_kind = pair in ("mysql-to-mariadb", "mariadb-to-mysql")
    rename = None if same_kind else {
        "databases": {database: database + "_dr"},
        "tables": {f"{database}.gone1": f"{database}_dr.G-1"},
        "columns": {f"{database}.gen": {"x": "the x", "hidden": "h"}},
    }
    other = database if same_kind else database + "_dr"
    source.execute(f"CREATE DATABASE {database} CHARACTER SET utf8mb4",
                   f"CREATE TABLE {database}.before_all (id INT PRIMARY KEY)")
    task = sluice.task({
        "source": {"hosts": [source.address]},
        "target": {"hosts": [target.address], **({"rename": rename} if rename else {})},
        "phases": ["schema", "full", "incremental"],
    })
    sluice.capture(task)
    applier = sluice.apply(task)
    run(source, database, lines(COMMON, own, "CREATE TABLE end_mark (id INT PRIMARY KEY)\n"
                                             "INSERT INTO end_mark VALUES (77)"))
    wait_for_mark(target, other, applier)
    compare(source, target, database, other, {} if same_kind else
            {"G-1": "gone1", "the x": "x", "h": "hidden"})
    skipped = applier.events("ddl_skipped")
    assert len(skipped) == 1 and re.search("VIEW", skipped[0]["statement"])
    source.execute(f"DROP DATABASE {database}")


COLLATIONS = """SELECT TABLE_NAME, COLUMN_NAME, COLLATION_NAME FROM information_schema.COLUMNS
 WHERE TABLE_SCHEMA = %s AND COLLATION_NAME IS NOT NULL ORDER BY 1, 2"""
DEFAULT = "SELECT DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = %s"


@pytest.mark.parametrize("pair", ["mysql-to-mariadb", "mariadb-to-mysql"])
def test_database_without_a_character_set(pair, request, sluice, names):
    """It means what the session's collation_server was at the source."""
    source, target = (request.getfixturevalue(name) for name in PAIRS[pair])
    one, two, three = (f"{names.database}_{n}" for n in ("one", "two", "three"))
    source.execute(f"CREATE DATABASE {names.database}")
    sluice.capture(task := sluice.task({
        "source": {"hosts": [source.address]}, "target": {"hosts": [target.address]},
        "phases": ["incremental"], "objects": {"include": [f"{names.database}_*.*"]}}))
    applier = sluice.apply(task)
    run(source, names.database, [
        "SET collation_server = latin1_german1_ci",
        f"CREATE DATABASE {one} /* CHARSET utf8mb4 */",
        "SET collation_server = koi8r_bin",
        f"CREATE SCHEMA IF NOT EXISTS `{two}` -- the end",
        f"CREATE DATABASE {three} COLLATE cp1251_bin",
        *(f"CREATE TABLE {d}.t (a VARCHAR(9), b TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin)"
          for d in (one, two, three)),
        f"CREATE TABLE {three}.end_mark (id INT PRIMARY KEY)", f"INSERT INTO {three}.end_mark VALUES (77)"])
    wait_for_mark(target, three, applier)
    for database, collation in ((one, "latin1_german1_ci"), (two, "koi8r_bin"), (three, "cp1251_bin")):
        assert target.value(DEFAULT, (database,)) == collation
        assert target.query(COLLATIONS, (database,)) == source.query(COLLATIONS, (database,))
        for server in (source, target):
            server.execute(f"DROP DATABASE IF EXISTS {database}")


def test_mariadbs_own_types_at_mysql(source, target, sluice, names):
    """UUID and INET columns that come with a CREATE and an ALTER of the log."""
    if source.kind != "mysql":
        pytest.skip("Debian sid gives no MySQL")
    source, target = target, source
    table, database = f"{names.database}.t", names.database
    source.execute(f"CREATE DATABASE {database}",
                   f"CREATE TABLE {database}.copied (id UUID PRIMARY KEY, b INET6 NOT NULL DEFAULT '::')",
                   f"INSERT INTO {database}.copied VALUES (UUID(), '::7')")
    sluice.capture(task := sluice.task({
        "source": {"hosts": [source.address]}, "target": {"hosts": [target.address]},
        "phases": ["schema", "full", "incremental"]}))
    applier = sluice.apply(task)
    some = "123e4567-e89b-12d3-a456-42661417400"
    steps = [  # the capture keeps up: docs/adr/0010-what-the-log-does-not-tell.md
        [f"CREATE TABLE {table} (id UUID NOT NULL DEFAULT UUID() PRIMARY KEY, a INET4, b INET6 NOT NULL"
         " DEFAULT '::1', KEY (b))",
         f"INSERT INTO {table} VALUES ('{some}1', '10.0.0.1', 'fe80::1'), ('{some}2', NULL, '::')"],
        [f"ALTER TABLE {table} ADD COLUMN u UUID AFTER id, ADD UNIQUE KEY (u)",
         f"UPDATE {table} SET u = '{some}3', a = '255.255.255.255' WHERE id = '{some}2'",
         f"INSERT INTO {table} (id, u, b) VALUES ('{some}4', '{some}5', DEFAULT)"],
        [f"ALTER TABLE {table} ADD COLUMN (i6 INET6 DEFAULT 'ff02::2', i4 INET4), DROP KEY b",
         f"INSERT INTO {table} VALUES (UUID(), UUID(), '1.2.3.5', '::2', '::3', '1.2.3.4')",
         f"DELETE FROM {table} WHERE id = '{some}1'"],
        [f"CREATE TABLE {database}.other LIKE {table}",
         f"INSERT INTO {database}.other SELECT * FROM {table}"],
    ]
    for number, step in enumerate(steps):
        run(source, database, step)
        name = f"{database}.other" if number == 3 else table
        query = f"SELECT * FROM {name} ORDER BY CAST(id AS CHAR)"
        wanted = tuple(tuple(v if v is None else str(v) for v in row) for row in source.query(query))
        target.wait_for(query, wanted)
        assert len(wanted) == (2 if number == 0 else 3) and applier.returncode is None
    query = f"SELECT id, b FROM {database}.copied"
    assert target.query(query) == tuple(tuple(map(str, r)) for r in source.query(query))


@pytest.mark.parametrize("selected", ["t", "*"])
def test_dropped_database(selected, source, target, sluice, names):
    """The target's is dropped with everything in it only where all of the source's is captured."""
    database = names.database
    source.execute(f"CREATE DATABASE {database}",
                   *(f"CREATE TABLE {database}.{t} (id INT PRIMARY KEY)" for t in ("t", "other")))
    changes = {"phases": ["schema", "full", "incremental"],
               "objects": {"include": [f"{database}.{selected}", f"{database}_2.*"]}}
    task = sluice.task(changes)
    sluice.capture(task)
    applier = sluice.apply(task)
    target.wait_for(f"SELECT * FROM {database}.t", ())
    target.execute(f"CREATE TABLE {database}.of_the_target (id INT PRIMARY KEY)")
    source.execute(f"ALTER DATABASE {database} CHARACTER SET latin1", f"DROP DATABASE {database}",
                   f"CREATE DATABASE {database}_2", f"CREATE TABLE {database}_2.end_mark (id INT)")
    if selected == "t":
        assert applier.wait() == 1
        for word in ("only some tables", "DROP TABLE", database, "target.on_ddl_error: skip"):
            assert word in applier.lines[-1], f"no {word!r} in {applier.lines[-1]}"
        assert target.query(TABLES, (database,)) == (("of_the_target",), ("t",))
        applier = sluice.apply(sluice.task(changes, target={"on_ddl_error": "skip"}, file="skip.yaml"))
    target.wait_for(f"SELECT * FROM {database}_2.end_mark", ())
    left = (("of_the_target",), ("t",)) if selected == "t" else ()
    assert target.query(TABLES, (database,)) == left
    assert len(applier.events("ddl_skipped")) == (selected == "t")
    source.execute(f"DROP DATABASE {database}_2")


def gh_ost(database):
    """What gh-ost writes for ALTER TABLE t ADD COLUMN c ..., DROP COLUMN gone; None: rows go on."""
    t, new, log, old = (f"`{database}`.`{n}`" for n in ("t", "_t_gho", "_t_ghc", "_t_del"))
    return [
        f"drop /* gh-ost */ table if exists {new}",
        f"create /* gh-ost */ table {log} (id bigint auto_increment, hint varchar(64) not null,"
        " value varchar(4096), primary key (id), unique key hint_uidx (hint))",
        f"create /* gh-ost */ table {new} like {t}",
        f"alter /* gh-ost */ table {new} ADD COLUMN c VARCHAR(20) NOT NULL DEFAULT 'fresh',"
        " DROP COLUMN gone, ADD INDEX ic (c)",
        f"insert /* gh-ost */ into {log} (hint, value) values ('state', 'x')",
        None,
        f"insert /* gh-ost */ ignore into {new} (id, v) (select id, v from {t})",
        None,
        f"insert ignore into {new} (id, v) select id, v from {t}",
        f"create /* gh-ost */ table {old} (id int auto_increment primary key)",
        f"drop /* gh-ost */ table {old}",
        f"rename /* gh-ost */ table {t} to {old}, {new} to {t}",
        None,
        f"drop /* gh-ost */ table {log}",
        f"drop /* gh-ost */ table {old}",
    ]


def pt_osc(database):
    t, new, old = (f"`{database}`.`{n}`" for n in ("t", "_t_new", "_t_old"))
    trigger = f"`{database}`.`pt_osc_{database[-20:]}_t_ins`"
    return [
        f"CREATE TABLE {new} (`id` int NOT NULL AUTO_INCREMENT, `v` int DEFAULT NULL,"
        " `gone` int DEFAULT NULL, PRIMARY KEY (`id`))",
        f"ALTER TABLE {new} ADD COLUMN c VARCHAR(20) NOT NULL DEFAULT 'fresh', DROP COLUMN gone,"
        " ADD INDEX ic (c)",
        f"CREATE TRIGGER {trigger} AFTER INSERT ON {t} FOR EACH ROW"
        f" REPLACE INTO {new} (id, v) VALUES (NEW.id, NEW.v)",
        None,
        f"INSERT LOW_PRIORITY IGNORE INTO {new} (id, v) SELECT id, v FROM {t} LOCK IN SHARE MODE",
        None,
        f"ANALYZE TABLE {new}",
        f"RENAME TABLE {t} TO {old}, {new} TO {t}",
        None,
        f"DROP TABLE IF EXISTS {old}",
        f"DROP TRIGGER IF EXISTS {trigger}",
    ]


@pytest.mark.parametrize("tool", [gh_ost, pt_osc])
@pytest.mark.parametrize("mode", ["skip-shadow", "capture"])
def test_online_schema_change(tool, mode, kafka, source, target, sluice, names):
    database = names.database
    source.execute(f"CREATE DATABASE {database}",
                   f"CREATE TABLE {database}.t (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, v INT,"
                   " gone INT)",
                   f"INSERT INTO {database}.t (v, gone) VALUES (1, 1), (2, 2)")
    task = sluice.task({"source": {"online_schema_change": mode},
                        "phases": ["schema", "full", "incremental"]})
    capture = sluice.capture(task)
    applier = sluice.apply(task)
    for number, statement in enumerate(tool(database)):
        if statement is not None:
            source.execute(statement)
            continue
        source.execute(f"INSERT INTO {database}.t (v) VALUES ({100 + number})")
        capture.stop()  # what was remembered of the new table survives it
        capture = sluice.capture(task)
    source.execute(f"CREATE TABLE {database}.end_mark (id INT PRIMARY KEY)",
                   f"INSERT INTO {database}.end_mark VALUES (77)")
    wait_for_mark(target, database, applier)
    assert rows(target, database, "t") == rows(source, database, "t")
    assert definitions(target, database, {}) == definitions(source, database, {})
    assert target.query(TABLES, (database,)) == (("t",),)
    ddl = read_topic(kafka.address, names.topic + ".ddl")
    if mode == "skip-shadow":
        assert [r.json["type"] for r in ddl if r.header["phase"] == "incr"] == ["ALTER", "CREATE"]
        assert [r for r in read_topic(kafka.address, names.topic) if r.json["table"] != "t"
                and r.json["table"] != "end_mark"] == []
