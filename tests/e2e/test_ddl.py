"""Definition changes among rows."""

import pytest

from lib.kafka_reader import read_topic
from lib.wait import wait_until

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
