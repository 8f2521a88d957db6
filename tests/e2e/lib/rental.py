"""The sample database of data/rental.sql: rows for it, and work on it through its own procedures."""

import random
from pathlib import Path

SQL = Path(__file__).resolve().parents[1] / "data" / "rental.sql"
TABLES = ["country", "city", "address", "shop", "staff", "language", "film", "actor", "film_actor",
          "inventory", "customer", "rental", "payment", "turnover"]
NAMES = ["Zoë", "Łukasz", "Ann-Marie", "O'Brien", "Jürgen", "Søren", "李", "Ünal"]


def statements(database):
    """In their order; the second database, with reserved words for names, is {database}_order."""
    for statement in SQL.read_text().split(";;"):
        lines = [line for line in statement.splitlines() if not line.startswith("--")]
        text = "\n".join(lines).strip()
        if text:
            yield text.replace("`order`", f"`{database}_order`")


def create(server, database):
    with server.connect() as connection, connection.cursor() as cursor:
        for name in (database, f"{database}_order"):
            cursor.execute(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")
        cursor.execute(f"USE `{database}`")
        for statement in statements(database):
            cursor.execute(statement)


class Rental:
    """Fills the database and works on it; deterministic by seed."""

    def __init__(self, server, database, seed, films=300, customers=200):
        self.connection = server.connect(database=database, autocommit=False)
        self.database = database
        self.random = random.Random(seed)
        self.films, self.customers = films, customers

    def many(self, table, columns, rows):
        marks = ", ".join(["%s"] * len(columns.split(",")))
        with self.connection.cursor() as cursor:
            cursor.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)

    def run(self, statement, *arguments):
        with self.connection.cursor() as cursor:
            cursor.execute(statement, arguments)

    def name(self):
        return self.random.choice(NAMES)

    def fill(self):
        pick = self.random
        self.many("country", "code, name", [("de", "Österreich & Co"), ("fr", "Côte"), ("se", "Å")])
        self.run("INSERT INTO city (country_id, name, place) VALUES (1, 'Köln', POINT(6.9, 50.9)),"
                 " (2, 'Nîmes', POINT(4.4, 43.8)), (3, 'x; y', POINT(-0.5, 0))")
        self.many("address", "city_id, street, phone",
                  [(pick.randint(1, 3), self.name(), pick.randbytes(8)) for _ in range(20)])
        self.many("shop", "address_id", [(1,), (2,), (3,)])
        self.many("staff", "shop_id, boss_id, first_name, last_name, picture, salary, hired",
                  [(pick.randint(1, 3), boss, self.name(), self.name(), pick.randbytes(3000),
                    pick.randint(0, 10**6) / 100, "2020-02-29")
                   for boss in [None, 1, 1, 2, 2, 3]])
        self.run("UPDATE shop SET manager_id = shop_id + 1")
        self.many("language", "name", [("English",), ("english",), ("日本語",)])
        self.many("film", "title, description, language_id, made, minutes, rating, features, facts",
                  [(f"{self.name()} {i}", None if i % 5 == 0 else "a 'text'\n" * (i % 40),
                    pick.randint(1, 3), pick.choice([None, 1901, 2024]), i,
                    pick.choice(["G", "NC-17"]), pick.choice(["", "Trailers,Commentaries"]),
                    '{"n": %d, "tags": ["a", null, 1.5]}' % i) for i in range(self.films)])
        self.many("actor", "actor_id, name", [(pick.randbytes(16), self.name()) for _ in range(50)])
        self.run("INSERT INTO film_actor SELECT actor_id, film_id FROM actor, film"
                 " WHERE (film_id * 7 + ORD(actor_id)) %% 11 = 0")
        self.run("INSERT INTO inventory (film_id, shop_id) SELECT film_id, 1 + film_id %% 3 FROM film")
        self.many("customer", "shop_id, email, name, balance, born",
                  [(pick.randint(1, 3), f"C{i}@Example.org", self.name(), pick.random() * 100,
                    "1999-12-31 23:59:59.999") for i in range(self.customers)])
        self.run(f"INSERT INTO `{self.database}_order`.`by` VALUES (1, 'one'), (2, NULL)")
        self.connection.commit()
        for _ in range(100):
            self.work()

    def work(self):
        """One transaction of everyday business."""
        pick = self.random
        film, customer = pick.randint(1, self.films), pick.randint(1, self.customers)
        kind = pick.randrange(8)
        if kind < 4:
            self.run("INSERT INTO rental (inventory_id, customer_id, began) SELECT inventory_id, %s,"
                     " NOW(6) FROM inventory WHERE film_id = %s", customer, film)
            self.run("CALL pay(LAST_INSERT_ID(), %s, %s)", pick.randint(1, 999) / 100,
                     pick.choice(["2024-12-31", "2025-06-01", "2026-01-01"]))
        elif kind == 4:
            self.run("UPDATE film SET title = CONCAT('The ', LEFT(title, 20)), facts = %s"
                     " WHERE film_id = %s", '{"again": true}', film)
        elif kind == 5:
            self.run("DELETE FROM actor WHERE name = %s LIMIT 1", self.name())
            self.run("INSERT INTO actor VALUES (%s, %s)", pick.randbytes(16), self.name())
            self.run("INSERT IGNORE INTO film_actor SELECT actor_id, %s FROM actor LIMIT 3", film)
        elif kind == 6:
            self.run("UPDATE customer SET email = CONCAT('New-', email) WHERE customer_id = %s"
                     " AND email NOT LIKE 'new-%%'", customer)
        else:
            self.run("INSERT INTO staff (shop_id, boss_id, first_name, last_name, hired)"
                     " SELECT 1, MAX(staff_id), 'New', %s, '2026-01-01' FROM staff", self.name())
            self.run("UPDATE country SET country_id = country_id + 100 WHERE country_id < 60000"
                     " ORDER BY country_id DESC LIMIT 1")
        self.connection.commit()

    def close(self):
        self.connection.close()
