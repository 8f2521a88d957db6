"""Replays a topic of Redis commands as a subscriber would, to see what the capture published."""

import base64
import json

MARKER = b"SLUICE.FULLSYNC"


def argument(value):
    return base64.b64decode(value["b64"]) if isinstance(value, dict) else value.encode()


class Command:
    def __init__(self, record, row):
        message = record.json
        self.partition = record.partition
        self.db = int(message["database"])
        self.argv = [argument(a) for a in json.loads(row["argv"])]
        self.row = row
        self.phase = row["phase"]
        self.tx = row["tx"]

    @property
    def name(self):
        return self.argv[0]

    def __repr__(self):
        return f"{self.db}:{b' '.join(self.argv)!r}"


def commands(records):
    """All of them in their order."""
    return [Command(r, row) for r in records for row in r.json["data"]]


def check_blocks(commands):
    """Every MULTI block is whole and in one run; returns how many there are."""
    blocks = 0
    place = {}
    for c in commands:
        tx, seq = c.tx, int(c.row["tx_seq"] or 0)
        open_tx, last = place.get(c.partition, (None, 0))
        assert seq == (last + 1 if tx is not None and tx == open_tx else 1 if tx else 0), (c, place)
        assert open_tx in (None, tx), f"{c} inside of the block {open_tx}"
        ended = c.row["tx_end"] == "1" or tx is None
        place[c.partition] = (None, 0) if ended else (tx, seq)
        blocks += tx is not None and ended
    assert all(tx is None for tx, _ in place.values()), "a block is not ended"
    return blocks


def replay(commands, server):
    """Into an empty server; a full copy that begins anew empties it again."""
    with server.connect() as connection:
        db = 0
        pipeline = []
        for c in commands:
            if c.name == MARKER:
                if c.argv[1] == b"BEGIN":
                    pipeline.append(("FLUSHALL",))
                continue
            if c.db != db:
                db = c.db
                pipeline.append(("SELECT", db))
            pipeline.append(c.argv)
        connection.pipeline(pipeline)
