#!/usr/bin/env python3
"""craft.py - makes old.rdb, redis74.rdb and valkey9.rdb beside this file: forms that the server at hand does not
write (old encodings, expiries of fields, modules), put together by hand from the format."""
import pathlib
import struct

HERE = pathlib.Path(__file__).resolve().parent


def crc64(data):
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x95AC9329AC4BC9B5 if crc & 1 else 0)
    return crc


def length(n):
    if n < 64:
        return bytes([n])
    if n < 16384:
        return struct.pack(">H", 0x4000 | n)
    return b"\x80" + struct.pack(">I", n) if n < 1 << 32 else b"\x81" + struct.pack(">Q", n)


def string(s):
    s = s if isinstance(s, bytes) else s.encode()
    return length(len(s)) + s


def key(kind, name, value):
    return bytes([kind]) + string(name) + value


def ziplist(*entries):
    body, before = b"", 0
    for e in entries:
        if isinstance(e, int):
            codes = ((b"\xfe", "<b"), (b"\xc0", "<h"), (b"\xd0", "<i"), (b"\xe0", "<q"))
            coded = bytes([0xF1 + e]) if 0 <= e <= 12 else None
            for code, form in codes:
                if coded is None and -1 << (8 * struct.calcsize(form) - 1) <= e < 1 << (8 * struct.calcsize(form) - 1):
                    coded = code + struct.pack(form, e)
        else:
            n = len(e)
            head = bytes([n]) if n < 64 else struct.pack(">H", 0x4000 | n) if n < 300 else b"\x80" + struct.pack(">I", n)
            coded = head + e.encode()
        entry = (bytes([before]) if before < 254 else b"\xfe" + struct.pack("<I", before)) + coded
        body, before = body + entry, len(entry)
    size = 10 + len(body) + 1
    return string(struct.pack("<IIH", size, size - 1 - before, len(entries)) + body + b"\xff")


def listpack(*entries):
    body = b""
    for e in entries:
        if isinstance(e, int):
            coded = bytes([e]) if 0 <= e < 128 else b"\xf4" + struct.pack("<q", e)
        else:
            coded = bytes([0x80 | len(e)]) + e.encode()
        body += coded + bytes([len(coded)])
    return string(struct.pack("<IH", 6 + len(body) + 1, len(entries)) + body + b"\xff")


def write(name, magic, *parts):
    data = magic + b"".join(parts) + b"\xff"
    (HERE / name).write_bytes(data + struct.pack("<Q", crc64(data)))


def aux(name, value):
    return b"\xfa" + string(name) + string(value)


def module_id(name, version):
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    number = 0
    for c in name:
        number = number << 6 | letters.index(c)
    return length(number << 10 | version)


ZIPMAP = b"\x02" + b"\x01a\x02\x00vv" + b"\x02bb\x01\x02wxx" + b"\xff"
MODULE = (module_id("test_type", 3) + b"\x02\x05" + b"\x01\x40\xff" + b"\x03" + struct.pack("<f", 1.5) + b"\x04"
          + struct.pack("<d", 2.5) + b"\x05" + string("part") + b"\x00")
STREAM_NODE = string(struct.pack(">QQ", 100, 1)) + listpack(
    2, 1, 2, "f", "g", 0, 2, 0, 0, "v", "w", 5, 3, 0, 1, "x", "x", 5, 0, 7, -1, 1, "own", 9, 6)


def pending(ms, seq):
    return struct.pack(">QQ", ms, seq)


def stream(version):
    value = length(1) + STREAM_NODE + length(2) + length(107) + length(0)
    if version > 1:
        value += length(100) + length(1) + length(100) + length(2) + length(3)
    value += length(1) + string("group") + length(107) + length(0)
    value += (length((1 << 64) - 1) if version > 1 else b"")
    value += length(1) + pending(100, 1) + struct.pack("<q", 1700000000000) + length(4)
    value += length(1) + string("consumer") + struct.pack("<q", 1700000000001)
    value += (struct.pack("<q", 1700000000002) if version > 2 else b"")
    return value + length(1) + pending(100, 1)


write("old.rdb", b"REDIS0009",
      aux("redis-ver", "5.0.0"), aux("repl-stream-db", "2"), aux("lua", "return 1"), b"\xfe\x02\xfb\x0a\x02",
      b"\xf7" + module_id("test_type", 3) + b"\x02\x01" + b"\x02\x07" + b"\x00",
      key(9, "zipmap", string(ZIPMAP)), key(10, "ziplist", ziplist("a", 0, 12, 13, -200, 70000, 1 << 40, "b" * 70, "z")),
      key(12, "zset_ziplist", ziplist("m", 1, "n", "2.5")), key(13, "hash_ziplist", ziplist("f", "v", "n", -3)),
      b"\xfd" + struct.pack("<i", 2000000000) + key(14, "quicklist", length(2) + ziplist("a", "b" * 300, "c") + ziplist(5)),
      b"\xfc" + struct.pack("<q", 4102444800123) + b"\xf8\x05\xf9\x09" + key(1, "list", length(2) + string("a") + b"\xc0\xfb"),
      key(3, "zset", length(4) + string("a") + b"\x031.5" + string("b") + b"\xfe" + string("c") + b"\xff"
          + string("d") + b"\x130.10000000000000001"),
      key(4, "hash", length(1) + string("f") + string("v")), key(15, "stream", stream(1)), key(7, "module", MODULE),
      key(2, "nothing", length(0)))
write("redis74.rdb", b"REDIS0012", b"\xf5" + string("#!lua name=x\n"), b"\xfe\x00\xf4\x05\x02\x01",
      key(18, "plain", length(2) + length(1) + string("p" * 70) + length(2) + listpack("q", 7)),
      key(20, "set", listpack("a", 5, -5)), key(16, "hash", listpack("a", 5)), key(17, "zset", listpack("a", 5, "b", "-inf")),
      key(22, "hash_rc", length(2) + length(4102444800000) + string("f") + string("v") + length(0) + string("g") + string("w")),
      key(23, "pack_rc", listpack("f", "v", 4102444800000, "g", "w", 0)),
      key(24, "hash_ttl", struct.pack("<q", 4102444800000) + length(2) + length(6) + string("f") + string("v")
          + length(0) + string("g") + string("w")),
      key(25, "pack_ttl", struct.pack("<q", 4102444800000) + listpack("f", "v", 4102444800000, "g", "w", 0)),
      key(19, "stream2", stream(2)), key(21, "stream3", stream(3)))
write("valkey9.rdb", b"VALKEY080", b"\xfe\x00",
      key(22, "hash", length(2) + string("f") + string("v") + struct.pack("<q", 4102444800000) + string("g") + string("w")
          + struct.pack("<q", -1)))
