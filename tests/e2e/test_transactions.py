"""The transactions topic: a record for each source transaction, whatever happens to the capture."""

import random
import time

from lib.kafka_reader import read_topic
from lib.load import Load
from lib.transactions import check_transactions
from lib.wait import wait_until

BIG = 15000


def test_every_message_belongs_to_one_record(source, kafka, sluice, names):
    database, dice = names.database, random.Random(11)
    task = sluice.task(phases=["full", "incremental"], target=None,
                       objects={"include": [f"{database}.*"]},
                       topics={"policy": "pk", "partitions": 4, "transactions": "{task}.tx",
                               "rules": [{"match": f"{database}.stock", "topic": "{task}.stock"}]})
    load = Load(source, database, 11)
    load.create_tables()
    source.execute(f"CREATE TABLE {database}.big (id INT PRIMARY KEY, t TEXT)",
                   f"INSERT INTO {database}.stock VALUES ('p', 1, 1, NULL)")
    capture = sluice.capture(task)
    load.start()
    for kill in range(6):
        if kill == 2:
            source.execute(f"ALTER TABLE {database}.orders ADD COLUMN more INT")
        if kill == 4:  # spans many Kafka transactions
            source.execute(f"INSERT INTO {database}.big SELECT seq, REPEAT('t', 100) FROM ("
                           "WITH RECURSIVE s AS (SELECT 1 AS seq UNION ALL SELECT seq + 1 FROM s"
                           f" WHERE seq < 1000) SELECT a.seq * 1000 + b.seq AS seq FROM s a, s b"
                           f" WHERE a.seq <= {BIG // 1000}) x")
        time.sleep(0.4 * dice.random())
        capture.kill()
        capture = sluice.start("capture", task)
        capture.wait_event("start")
    wait_until(lambda: load.error or load.transactions > 100, 60, "transactions")
    load.stop()
    source.execute(f"INSERT INTO {database}.stock VALUES ('end', 1, 1, NULL)")
    wait_until(lambda: any(r.json["data"][0]["place"] == "end" for r in
                           read_topic(kafka.address, f"{names.task}.stock")), 90, "the last row")
    capture.stop()
    assert f"{names.task}.tx\t0\t0\t" in sluice.run("topics", task).stdout
    records = check_transactions(
        kafka.address, [names.task, f"{names.task}.stock", f"{names.task}.ddl"], f"{names.task}.tx")
    big = [r for r in records if {"database": database, "table": "big", "count": BIG} in r["tables"]]
    assert len(big) == 1 and len(big[0]["partitions"]) == 4
    assert any(r["id"].startswith("full:") for r in records)
    assert any(p["topic"] == f"{names.task}.ddl" for r in records for p in r["partitions"])
    assert len(records) > 30  # some transactions found no row to change
