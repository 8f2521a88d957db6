"""consumer.py BOOTSTRAP TOPIC COUNT OUT - a subscriber that notes when each record reaches it.

Reads COUNT records of partition 0 from its beginning, read_committed, and writes a line "ID NS" for
each into OUT: the id in the record, and the monotonic clock when the record was handed out. Prints
"ready" when it waits for the first. Nothing is parsed until the last has come.
"""

import gc
import json
import sys
import time

from confluent_kafka import Consumer, KafkaException, TopicPartition

IDLE_DEADLINE_S = 30


def receive(consumer, count):
    got = []
    until = time.monotonic() + IDLE_DEADLINE_S
    while len(got) < count:
        message = consumer.poll(0.5)
        now = time.monotonic_ns()
        if message is None:
            if time.monotonic() > until:
                sys.exit(f"{len(got)} of {count} records, then none for {IDLE_DEADLINE_S} s")
            continue
        if message.error():
            raise KafkaException(message.error())
        got.append((now, message.value()))
        until = time.monotonic() + IDLE_DEADLINE_S
    return got


def main():
    bootstrap, topic, count, out = sys.argv[1:]
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "bench-consumer",  # never commits
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "fetch.wait.max.ms": 100,  # a record ends the wait
            "socket.nagle.disable": True,
        }
    )
    consumer.assign([TopicPartition(topic, 0, 0)])
    consumer.poll(1.0)
    gc.disable()
    print("ready", flush=True)
    got = receive(consumer, int(count))
    consumer.close()
    with open(out, "w") as file:
        for now, value in got:
            file.write(f"{json.loads(value)['data'][0]['id']} {now}\n")


main()
