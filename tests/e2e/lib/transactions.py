"""The records of topics.transactions against the messages that they speak of."""

from collections import Counter

from lib.kafka_reader import read_topic


def check_transactions(bootstrap, topics, transactions):
    """Every message belongs to one record, and every record says what there is; returns the
    records."""
    messages = sorted((m for t in topics for m in read_topic(bootstrap, t)),
                      key=lambda m: m.json["id"])
    records = [r.json for r in read_topic(bootstrap, transactions)]
    at = 0
    for record in records:
        mine = messages[at:at + record["count"]]
        at += len(mine)
        ids = [m.json["id"] for m in mine]
        assert ids == list(range(record["first"], record["last"] + 1)), record
        assert [int(m.header["id"]) for m in mine] == ids
        assert {m.header["txn"] for m in mine} == {record["id"]}, record
        assert record["es"] == mine[-1].json["es"] and record["ts"] > 0 and record["v"] == 1
        tables = Counter((m.json["database"], m.json["table"]) for m in mine)
        assert {(t["database"], t["table"]): t["count"] for t in record["tables"]} == tables
        parts = {}
        for m in mine:
            parts.setdefault((m.topic, m.partition), []).append(m.json["id"])
        assert {(p["topic"], p["partition"]): (p["count"], p["first"], p["last"])
                for p in record["partitions"]} == {
            key: (len(ids), ids[0], ids[-1]) for key, ids in parts.items()}
    assert at == len(messages), f"{len(messages) - at} messages behind the last record"
    return records
