"""The rows that are measured with: orders of about 200 B, in transactions of 100."""

import datetime
import random

DATABASE = "bench"
ORDERS = f"{DATABASE}.orders"
TICKS = f"{DATABASE}.ticks"
COLUMNS = (
    "id BIGINT NOT NULL PRIMARY KEY, customer_id INT UNSIGNED NOT NULL, sku VARCHAR(32) NOT NULL,"
    " quantity SMALLINT NOT NULL, amount DECIMAL(12,2) NOT NULL,"
    " state ENUM('new','paid','sent','done') NOT NULL, email VARCHAR(80) NOT NULL,"
    " note VARCHAR(250) NOT NULL, created_at DATETIME(3) NOT NULL, updated_at TIMESTAMP NOT NULL"
)
CHECKSUM = (
    "SELECT COUNT(*), BIT_XOR(CAST(CRC32(CONCAT_WS('#', id, customer_id, sku, quantity, amount,"
    f" state, email, note, created_at, updated_at)) AS UNSIGNED)) FROM {ORDERS}"
)
TRANSACTION_ROWS = 100
EPOCH = datetime.datetime(2026, 1, 1)


class Rows:
    """Values of rows as SQL text; the same for the same seed. The notes are made of random words,
    so that they compress as text does."""

    def __init__(self, seed=1):
        self.random = rng = random.Random(seed)
        letters = "abcdefghijklmnopqrstuvwxyz"
        words = ["".join(rng.choices(letters, k=rng.randint(3, 10))) for _ in range(3000)]
        self.notes = [" ".join(rng.choices(words, k=17)) for _ in range(5000)]

    def values(self, row_id):
        number = self.random.getrandbits
        created = EPOCH + datetime.timedelta(milliseconds=row_id * 37)
        return (
            f"({row_id},{number(20)},'SKU-{number(32):08x}',{1 + number(5)},"
            f"{number(16)}.{10 + number(6)},{1 + number(2)},'user{number(20)}@example.org',"
            f"'{self.notes[number(12)]}','{created:%F %T}.{row_id % 1000:03}',"
            f"'{created:%F %T}')"
        )


def create(server, *tables):
    statements = [f"CREATE TABLE {table} ({COLUMNS})" for table in tables]
    server.execute(f"CREATE DATABASE {DATABASE}", *statements)


def transactions(server, statements):
    """Runs each statement as a transaction of its own."""
    with server.connect() as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def insert_all(server, table, count):
    rows = Rows()
    transactions(
        server,
        (
            f"INSERT INTO {table} VALUES "
            + ",".join(map(rows.values, range(first, min(first + TRANSACTION_ROWS, count + 1))))
            for first in range(1, count + 1, TRANSACTION_ROWS)
        ),
    )


def spread(count, rows):
    """First ids of `count` / 100 blocks of 100 rows, evenly over the table."""
    blocks, wanted = rows // TRANSACTION_ROWS, count // TRANSACTION_ROWS
    return [1 + TRANSACTION_ROWS * (i * blocks // wanted) for i in range(wanted)]


def update_some(server, table, count, rows):
    transactions(
        server,
        (
            f"UPDATE {table} SET amount = amount + 1, state = 'done',"
            f" updated_at = updated_at + INTERVAL 1 HOUR"
            f" WHERE id BETWEEN {first} AND {first + TRANSACTION_ROWS - 1}"
            for first in spread(count, rows)
        ),
    )


def delete_some(server, table, count, rows):
    transactions(
        server,
        (
            f"DELETE FROM {table} WHERE id BETWEEN {first} AND {first + TRANSACTION_ROWS - 1}"
            for first in spread(count, rows)
        ),
    )


def position(server):
    """file:position of the end of the server's binlog."""
    statement = "SHOW BINARY LOG STATUS" if server.kind == "mysql" else "SHOW MASTER STATUS"
    return "{}:{}".format(*server.query(statement)[0][:2])


def binlog_bytes(server):
    return sum(row[1] for row in server.query("SHOW BINARY LOGS"))
