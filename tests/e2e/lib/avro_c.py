"""Messages as avro-c reads them (avro_c.c), and what another reader gives in the same form: avro-c
knows no logical types, so dates are days, decimals bytes."""

import datetime
import decimal
import json
import struct
import subprocess

from lib.sluice import BIN

EPOCH = datetime.datetime(1970, 1, 1)
MICROSECOND = datetime.timedelta(microseconds=1)


def read_by_avro_c(folder, schema_of, payloads):
    """schema_of: the text of the schema with this id."""
    folder.mkdir()
    for number in {struct.unpack(">I", payload[1:5])[0] for payload in payloads}:
        (folder / str(number)).write_text(schema_of(number))
    done = subprocess.run(
        [BIN / "avro_c", folder], capture_output=True, timeout=120,
        input=b"".join(struct.pack(">I", len(payload)) + payload for payload in payloads))
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    values = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(values) == len(payloads)
    return values


def decimal_octets(value):
    """The shortest in two's complement."""
    sign, digits, _ = value.as_tuple()
    whole = int("".join(map(str, digits))) * (-1 if sign else 1)
    size = ((whole + 1 if whole < 0 else whole).bit_length() + 8) // 8
    return whole.to_bytes(size, "big", signed=True)


def without_logical_types(value):
    if isinstance(value, dict):
        return {name: without_logical_types(part) for name, part in value.items()}
    if isinstance(value, list):
        return [without_logical_types(part) for part in value]
    if isinstance(value, decimal.Decimal):
        value = decimal_octets(value)
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if isinstance(value, datetime.datetime):  # TIMESTAMP is in UTC
        return (value.replace(tzinfo=None) - EPOCH) // MICROSECOND
    if isinstance(value, datetime.date):
        return (value - EPOCH.date()).days
    if isinstance(value, datetime.time):
        return (datetime.datetime.combine(EPOCH, value) - EPOCH) // MICROSECOND
    return str(value) if type(value).__name__ == "UUID" else value
