"""Reads topics as a subscriber does: read_committed, every record, the `cdc` header parsed."""

import json
import time
from dataclasses import dataclass, field
from urllib.parse import unquote

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from lib.wait import wait_until


def parse_header(text):
    """{"v": "1", "txn": ...} of a `cdc` header."""
    return {name: unquote(value) for name, value in (p.split("=", 1) for p in text.split(";") if p)}


@dataclass
class Record:
    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes
    value: bytes
    header: dict = field(default_factory=dict)

    @property
    def json(self):
        return json.loads(self.value)

    @property
    def json_key(self):
        return json.loads(self.key)


def record_of(message):
    headers = dict(message.headers() or [])
    return Record(
        topic=message.topic(),
        partition=message.partition(),
        offset=message.offset(),
        timestamp_ms=message.timestamp()[1],
        key=message.key(),
        value=message.value(),
        header=parse_header(headers["cdc"].decode()) if "cdc" in headers else {},
    )


class TopicReader:
    """All records of a topic so far; read() adds what has come since the last one.

    Order is kept within a partition; a topic that does not exist yet has no records.
    """

    def __init__(self, bootstrap, topic):
        self.topic = topic
        self.records = []
        self._next = {}
        self._config = {
            "bootstrap.servers": bootstrap,
            "group.id": "kafka-reader",  # never commits
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 10,  # the end is told by a fetch that found nothing
        }

    def _assign(self, consumer):
        partitions = consumer.list_topics(self.topic, timeout=30).topics[self.topic].partitions
        wanted = [TopicPartition(self.topic, p, self._next.get(p, 0)) for p in partitions]
        consumer.assign(wanted)
        return set(partitions)

    def read(self, deadline_s=60):
        """Reads to the end of every partition and returns all records so far."""
        consumer = Consumer(self._config)
        until = time.monotonic() + deadline_s
        try:
            open_partitions = self._assign(consumer)
            while open_partitions:
                if time.monotonic() > until:
                    raise AssertionError(f"{self.topic}: end not reached within {deadline_s} s")
                for message in consumer.consume(1000, 0.1):
                    self._take(message, open_partitions)
        finally:
            consumer.close()
        return self.records

    def _take(self, message, open_partitions):
        error = message.error()
        if error is None:
            self.records.append(record_of(message))
            self._next[message.partition()] = message.offset() + 1
        elif error.code() == KafkaError._PARTITION_EOF:
            open_partitions.discard(message.partition())
        elif not error.retriable():
            raise KafkaException(error)

    def wait(self, count, deadline_s=30):
        """Until the topic has at least count records; returns all of them."""
        wait_until(
            lambda: len(self.read()) >= count,
            deadline_s,
            f"{count} records in {self.topic} ({len(self.records)} at first)",
            interval_s=0.05,
        )
        return self.records


def read_topic(bootstrap, topic, deadline_s=60):
    return TopicReader(bootstrap, topic).read(deadline_s)
