"""Every character of every character set of both servers, as the server itself converts it: in
values of the full copy and of the stream, at the target, in names and in statements."""

import json

import pytest

from lib.wait import wait_until

TWO_BYTES = "big5 cp932 euckr gb18030 gb2312 gbk sjis ujis eucjpms".split()
WIDE = "ucs2 utf16 utf16le utf32".split()
SKIPPED = {"binary", "utf8mb4", "utf8mb3"}  # UTF-8 is the language of all other tests
# a code stands in a row of its lead byte; 0x3f is '?', which also means "no character"
CODES = """CREATE TABLE codes (b VARBINARY(4) PRIMARY KEY, row_id INT)"""


@pytest.fixture(params=["mysql-to-mariadb", "mariadb-to-mysql"])
def ends(request, source, target):
    """(from, to)"""
    if source.kind != "mysql":
        pytest.skip("Debian sid gives no MySQL")
    return (source, target) if request.param == "mysql-to-mariadb" else (target, source)


def charsets(server):
    return sorted(set(
        row[0] for row in server.query("SELECT CHARACTER_SET_NAME FROM"
                                       " information_schema.CHARACTER_SETS")
    ) - SKIPPED)


def fill_codes(cursor):
    bytes_ = [bytes((b,)) for b in range(256)]
    pairs = [bytes((a, b)) for a in range(0x80, 0x100) for b in range(0x30, 0x100)]
    triples = [bytes((0x8F, a, b)) for a in range(0xA1, 0xFF) for b in range(0xA1, 0xFF)]
    cursor.execute(CODES)
    cursor.executemany(
        "INSERT INTO codes VALUES (%s, %s)",
        [(b, 0) for b in bytes_] + [(p, p[0]) for p in pairs] + [(t, 256 + t[1]) for t in triples],
    )
    # gb18030's codes of four bytes: the basic plane, and the ends of the others
    four = [(i, 512 + i // 1260) for i in range(39420)]
    four += [(i, 1024) for i in (189000, 189001, 1237574, 1237575)]
    cursor.execute("CREATE TABLE codes4 LIKE codes")
    cursor.executemany(
        "INSERT INTO codes4 VALUES (%s, %s)",
        [(bytes((0x81 + i // 12600, 0x30 + i // 1260 % 10, 0x81 + i // 10 % 126, 0x30 + i % 10)), k)
         for i, k in four],
    )
    # of the wide ones: every 61st code point, which passes by all sorts of them
    cursor.execute("CREATE TABLE points (u VARBINARY(4) PRIMARY KEY, row_id INT)")
    points = [u for u in range(1, 0x110000, 61) if not 0xD800 <= u <= 0xDFFF] + [0xFFFF, 0x10FFFF]
    cursor.executemany("INSERT INTO points VALUES (%s, %s)",
                       [(u.to_bytes(4, "big"), u // 10000) for u in points])


def fill_charset(cursor, charset):
    """Table c_CHARSET: all characters, those of a lead byte in a row."""
    cursor.execute(f"CREATE TABLE c_{charset} (id INT PRIMARY KEY,"
                   f" c MEDIUMTEXT CHARACTER SET {charset} NOT NULL)")
    if charset in WIDE:
        limit = "WHERE u < x'00010000'" if charset == "ucs2" else ""
        cursor.execute(f"INSERT INTO c_{charset} SELECT row_id, GROUP_CONCAT(CONVERT(CONVERT(u USING"
                       f" utf32) USING {charset}) ORDER BY u SEPARATOR '') FROM points {limit}"
                       f" GROUP BY row_id")
        return
    tables = ["codes", "codes4"] if charset == "gb18030" else ["codes"]
    for table in tables:
        limit = "" if charset in TWO_BYTES else "AND row_id = 0"
        limit += "" if charset in ("ujis", "eucjpms") else " AND (row_id < 256 OR row_id >= 512)"
        # a code is a character when the server's UTF-8 of it, converted back, is one code again
        cursor.execute(
            f"INSERT INTO c_{charset} SELECT row_id, GROUP_CONCAT(CONVERT(b USING {charset})"
            f" ORDER BY b SEPARATOR '') FROM {table} WHERE (b = x'3f' OR CONVERT(CONVERT(b USING"
            f" {charset}) USING utf8mb4) <> '?') AND CHAR_LENGTH(CONVERT(CONVERT(b USING"
            f" {charset}) USING utf8mb4)) = 1 {limit} GROUP BY row_id"
        )


def make_tables(server, database):
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SET SESSION sql_mode = '', group_concat_max_len = 10000000")
        cursor.execute(f"CREATE DATABASE {database}")
        cursor.execute(f"USE {database}")
        fill_codes(cursor)
        for charset in charsets(server):
            fill_charset(cursor, charset)
        cursor.execute("DROP TABLE codes, codes4, points")


def test_every_character(ends, sluice, names, reader):
    origin, goal = ends
    make_tables(origin, names.database)
    goal.execute(f"CREATE DATABASE {names.database}")
    known = charsets(goal)
    for charset in charsets(origin):
        there = charset if charset in known else "utf8mb4"
        goal.execute(f"CREATE TABLE {names.database}.c_{charset} (id INT PRIMARY KEY,"
                     f" c MEDIUMTEXT CHARACTER SET {there} NOT NULL)")
    task = sluice.task(source={"hosts": [origin.address]}, target={"hosts": [goal.address]})
    sluice.run("capture", task, "--until-caught-up")
    with origin.connect(database=names.database) as connection, connection.cursor() as cursor:
        cursor.execute("SET SESSION sql_mode = ''")
        for charset in charsets(origin):  # raw bytes: nothing is converted on the way
            cursor.execute(f"INSERT INTO c_{charset} SELECT id + 10000, c FROM c_{charset}")
    sluice.run("capture", task, "--until-caught-up")
    rows = {}
    for record in reader.read():
        row = record.json["data"][0]
        rows[record.json["table"], int(row["id"])] = row["c"]
    total = 0
    for charset in charsets(origin):
        table = f"c_{charset}"
        query = f"SELECT id, CONVERT(c USING utf8mb4) FROM {names.database}.{table} ORDER BY id"
        wanted = origin.query(query)
        assert len(wanted) >= 2, charset
        for id_, text in wanted:
            assert rows.pop((table, id_)) == text, f"{charset} {id_}"
            total += len(text)
    assert not rows and total > 300000
    sluice.run("apply", task, "--until-caught-up")
    for charset in charsets(origin):
        query = f"SELECT id, CONVERT(c USING utf8mb4) FROM {names.database}.c_{charset} ORDER BY id"
        assert goal.query(query) == origin.query(query), charset


NAMED = {  # client charset: (table, column, label), which it must be able to write
    "gbk": ("订单", "数量", "红"),
    "sjis": ("注文表", "能力ソ", "赤"),  # 0x5c in the middle of a character
    "big5": ("訂單", "功許", "紅"),
    "latin1": ("café", "größe", "naïve"),
    "cp1251": ("заказы", "цвет", "ёлка"),
}


def test_names_labels_and_statements(ends, sluice, names, kafka, reader):
    origin, _ = ends
    origin.execute(f"CREATE DATABASE {names.database}",
                   f"CREATE TABLE {names.database}.t (id INT PRIMARY KEY)")
    task = sluice.task(source={"hosts": [origin.address]}, phases=["incremental"],
                       topics={"ddl": ""})
    capture = sluice.capture(task)
    for charset, (table, column, label) in NAMED.items():
        with origin.connect(database=names.database, charset=charset) as connection:
            with connection.cursor() as cursor:
                cursor.execute(
                    f"CREATE TABLE `{table}` (id INT PRIMARY KEY, `{column}`"
                    f" ENUM('x','{label}') CHARACTER SET {charset} COMMENT '{label}''s',"
                    f" s SET('{label}','y') CHARACTER SET ucs2 DEFAULT '{label}')"
                )
                cursor.execute(f"INSERT INTO `{table}` VALUES (1, '{label}', DEFAULT)")
    records = [r.json for r in reader.wait(2 * len(NAMED))]
    capture.stop()
    for (charset, (table, column, label)), ddl, row in zip(
        NAMED.items(), records[::2], records[1::2], strict=True
    ):
        assert ddl["table"] == row["table"] == table, charset
        assert f"`{table}`" in ddl["sql"] and f"'x','{label}'" in ddl["sql"], charset
        assert row["data"] == [{"id": "1", column: "2", "s": "1"}]
        assert row["mysqlType"][column] == f"enum('x','{label}')"
        assert row["mysqlType"]["s"] == f"set('{label}','y')"


def test_bytes_that_are_no_text(ends, sluice, names, reader):
    """A half of a surrogate pair, which the servers keep in UCS-2; counted in copy and stream."""
    origin, _ = ends
    table = f"{names.database}.t"
    origin.execute(f"CREATE DATABASE {names.database}",
                   f"CREATE TABLE {table} (id INT PRIMARY KEY, v VARCHAR(9) CHARACTER SET ucs2)")
    insert = f"INSERT INTO {table} VALUES ({{}}, _ucs2 x'd8000041')"
    origin.execute(insert.format(1))
    task = sluice.task(source={"hosts": [origin.address]}, phases=["full", "incremental"], target=None)

    def counted():
        shown = sluice.run("status", task, "--json", status=None).stdout
        return json.loads(shown)["capture"]["metrics"]["sluice_source_bad_text_bytes_total"]

    capture = sluice.capture(task)
    reader.wait(1)
    wait_until(lambda: counted() == 2, 20, "two bytes of the copy")
    origin.execute(insert.format(2))
    records = reader.wait(2)
    wait_until(lambda: counted() == 4, 20, "two more of the stream")
    capture.stop()
    assert [r.json["data"] for r in records] == [[{"id": str(i), "v": "\ufffdA"}] for i in (1, 2)]
