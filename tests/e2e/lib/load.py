"""A steady mixed load on three tables: inserts, updates of values and of keys, deletes, in
transactions of 1 to 500 rows. Deterministic by seed, but for the moments at which it runs. And marks,
which tell how far a task has come."""

import random
import threading
import time

from lib.wait import wait_until

TABLES = {
    # name: (definition, key columns)
    "orders": (
        "id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, customer VARCHAR(40) NOT NULL,"
        " amount DECIMAL(12,2) NOT NULL, note TEXT, changed TIMESTAMP(3) NOT NULL"
        " DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)",
        "id",
    ),
    "stock": (
        "place VARCHAR(20) NOT NULL, item INT UNSIGNED NOT NULL, n INT NOT NULL, tag VARBINARY(16),"
        " PRIMARY KEY (place, item)",
        "place, item",
    ),
    "people": (
        "id INT NOT NULL PRIMARY KEY, email VARCHAR(100) NOT NULL, born DATE, weight DOUBLE,"
        " UNIQUE KEY (email)",
        "id",
    ),
}


class Load:
    """Writes to `database` in its own thread until stop()."""

    def __init__(self, server, database, seed, pause_s=0.005):
        self.server, self.database, self.pause_s = server, database, pause_s
        self.random = random.Random(seed)
        self.transactions = self.rows = 0
        self.error = None
        self._next_person = 1
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def create_tables(self):
        self.server.execute(
            f"CREATE DATABASE {self.database}",
            *(
                f"CREATE TABLE {self.database}.{name} ({definition})"
                for name, (definition, _) in TABLES.items()
            ),
        )

    def start(self):
        self._thread.start()
        return self

    def stop(self):
        self._stop.set()
        self._thread.join(60)
        assert not self._thread.is_alive(), "the load does not end"
        if self.error is not None:
            raise self.error

    def _run(self):
        try:
            with self.server.connect(autocommit=False, database=self.database) as connection:
                with connection.cursor() as cursor:
                    while not self._stop.is_set():
                        self._transaction(cursor)
                        connection.commit()
                        self.transactions += 1
                        time.sleep(self.pause_s)
        except Exception as error:  # handed to the test by stop()
            self.error = error

    def _transaction(self, cursor):
        size = self.random.choice([1, 1, 1, 2, 3, 5, 10, 20, 50, 500])
        done = 0
        while done < size:
            step = self.random.choice(
                [self._insert_orders, self._update_orders, self._delete_orders, self._stock,
                 self._move_stock, self._insert_people, self._move_people]
            )
            done += max(1, step(cursor, size - done))
        self.rows += done

    def _insert_orders(self, cursor, most):
        n = self.random.randint(1, most)
        rows = [
            (f"c{self.random.randint(1, 50)}", f"{self.random.randint(-10**6, 10**6)}.25", "x" * 20)
            for _ in range(n)
        ]
        return cursor.executemany(
            "INSERT INTO orders (customer, amount, note) VALUES (%s, %s, %s)", rows
        )

    def _update_orders(self, cursor, most):
        return cursor.execute(
            "UPDATE orders SET amount = amount + 1, note = IF(note IS NULL, 'again', NULL)"
            " WHERE customer = %s ORDER BY id LIMIT %s",
            (f"c{self.random.randint(1, 50)}", self.random.randint(1, most)),
        )

    def _delete_orders(self, cursor, most):
        return cursor.execute(
            "DELETE FROM orders ORDER BY id LIMIT %s", (self.random.randint(1, most),)
        )

    def _stock(self, cursor, _):
        key = (f"p{self.random.randint(1, 5)}", self.random.randint(1, 400))
        tag = bytes(self.random.randrange(256) for _ in range(self.random.randint(0, 16)))
        return cursor.execute(
            "INSERT INTO stock VALUES (%s, %s, 1, %s) ON DUPLICATE KEY UPDATE n = n + 1, tag = %s",
            (*key, tag, tag),
        )

    def _move_stock(self, cursor, _):
        return cursor.execute(
            "UPDATE IGNORE stock SET item = item + 1000000 + %s WHERE place = %s"
            " ORDER BY item DESC LIMIT 3",
            (self.random.randint(0, 1000), f"p{self.random.randint(1, 5)}"),
        )

    def _insert_people(self, cursor, most):
        n = min(most, self.random.randint(1, 5))
        for _ in range(n):
            who = self._next_person
            self._next_person += 1
            cursor.execute(
                "INSERT INTO people VALUES (%s, %s, '2000-02-29', %s)",
                (who, f"user{who}@example.org", who / 7),
            )
        return n

    def _move_people(self, cursor, _):
        """A key changes, and a unique value moves from one row to another in one transaction."""
        if self._next_person < 10:
            return 0
        a = self.random.randint(1, self._next_person - 2)  # a + 1 is no new one
        rows = cursor.execute("DELETE FROM people WHERE id = %s", (a + 1,))
        rows += cursor.execute(
            "UPDATE people SET email = %s WHERE id = %s", (f"user{a + 1}@example.org", a)
        )
        rows += cursor.execute("UPDATE people SET id = -id WHERE id = %s", (a,))
        return rows


class Marks:
    """A table beside the load's."""

    def __init__(self, source, target, database):
        self.source, self.target, self.table = source, target, f"{database}.marks"
        self.n = 0
        source.execute(f"CREATE TABLE {self.table} (id INT PRIMARY KEY)")

    def pass_through(self, deadline_s=90):
        """What is written now arrives at the target."""
        self.n += 1
        self.source.execute(f"INSERT INTO {self.table} VALUES ({self.n})")
        self.target.wait_for(f"SELECT id FROM {self.table} WHERE id = {self.n}", ((self.n,),),
                             deadline_s)


def same(source, target, table, order="1", deadline_s=30):
    """Until the table has the same rows at both ends."""
    def check():
        query = f"SELECT * FROM {table} ORDER BY {order}"
        try:
            return source.query(query) == target.query(query)
        except Exception:  # the table may not be there yet
            return False

    wait_until(check, deadline_s, f"{table} equal on both sides", interval_s=0.05)


def contents(server, database):
    """All rows of the load's tables in key order."""
    return {
        name: server.query(f"SELECT * FROM {database}.{name} ORDER BY {key}")
        for name, (_, key) in TABLES.items()
    }


def check_exactly_once(records):
    """Every (txn, seq) once and in order, every transaction whole, ids strictly increasing."""
    last_id, open_txn, seq, seen = 0, None, 0, set()
    for record in records:
        where = f"offset {record.offset} {record.header}"
        assert record.json["id"] > last_id, f"{where}: id {record.json['id']} after {last_id}"
        last_id = record.json["id"]
        txn = record.header["txn"]
        if open_txn is None:
            assert txn not in seen, f"{where}: transaction again"
            seen.add(txn)
            open_txn, seq = txn, 0
        assert txn == open_txn, f"{where}: inside {open_txn}"
        seq += 1
        assert int(record.header["seq"]) == seq, f"{where}: seq {seq} expected"
        if record.header.get("last") == "1":
            open_txn = None
    assert open_txn is None, f"{open_txn} has no end"
    return len(seen)
