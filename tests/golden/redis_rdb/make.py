#!/usr/bin/env python3
"""make.py SERVER CLI NAME - makes NAME_small.rdb and NAME_large.rdb beside this file: every type that the server
has in its packed and in its plain form, written by the real server. Kept: redis7 (7.0), redis6 (6.2), valkey91.
The commands that the reader makes of a file F.rdb stand in F.txt and, with two elements in each, in F.few.txt
(tests/unit/test_redis_rdb.c prints them when they differ)."""
import pathlib
import random
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
PLAIN = ["list-max-ziplist-size 4", "hash-max-ziplist-entries 2", "zset-max-ziplist-entries 2",
         "set-max-intset-entries 2", "stream-node-max-entries 3"]
FOREVER = "4102444800123"  # an expiry in 2100
LIBRARY = "#!lua name=lib\nredis.register_function('one', function() return 1 end)"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    def __init__(self, program, cli, folder, options):
        self.port, self.cli = free_port(), cli
        conf = folder / "redis.conf"
        conf.write_text("\n".join([f"port {self.port}", "bind 127.0.0.1", f"dir {folder}", "save ''", *options]))
        self.process = subprocess.Popen([program, str(conf)], stdout=subprocess.DEVNULL)

    def wait(self):
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except OSError:
                time.sleep(0.05)
        raise SystemExit("the server does not answer")

    def knows(self, command):
        return self("COMMAND", "INFO", command).strip() != b""

    def __call__(self, *args, db=0):
        line = [self.cli, "-p", str(self.port), "-n", str(db), "-e", *args]
        return subprocess.run(line, check=True, capture_output=True).stdout


def strings(do):
    for key, value in {"text": "hello", "empty": "", "int8": "-5", "int16": "-30000", "int32": "2000000000",
                       "int64": "9000000000000000000", "lzf": "abc" * 60}.items():
        do("SET", key, value)
    do("SET", b"bytes\xff\x01", b"\xfe\xfd\x0a")
    do("SET", "expires", "x", "PXAT", FOREVER)
    do("SET", "other", "db", db=3)
    if do.knows("FUNCTION"):
        do("FUNCTION", "LOAD", LIBRARY)


def collections(do):
    do("RPUSH", "list", "a", "", "1", "-1", "300", "-5000", "100000", "-9000000", "3000000000", "9000000000000000000",
       "12", "b" * 70, "c" * 500)
    do("SADD", "intset16", "1", "-2", "300")
    do("SADD", "intset32", "1", "100000", "-100000")
    do("SADD", "intset64", "1", "9000000000000000000", "-7")
    do("SADD", "set", "single")
    do("HSET", "hash", "f", "v", "n", "17", "long", "w" * 100)
    do("PEXPIREAT", "hash", FOREVER)
    if do.knows("HPEXPIREAT"):
        do("HSET", "fields", "short", "1", "ever", "2")
        do("HPEXPIREAT", "fields", FOREVER, "FIELDS", "1", "short")
    do("ZADD", "zset", "1", "one", "-1.5", "minus", "inf", "top", "-inf", "bottom", "0.1", "tenth",
       "3.0000000000000004", "third", "1e300", "huge", "-0.0", "zero")


def streams(do):
    for i in range(1, 8):
        do("XADD", "stream", f"1700000000000-{i}", "a", str(i), "b", "x" * i)
    do("XADD", "stream", "1700000000005-0", "other", "field", "names", "1")
    do("XDEL", "stream", "1700000000000-2", "1700000000005-0")
    do("XGROUP", "CREATE", "stream", "g", "0")
    do("XREADGROUP", "GROUP", "g", "alice", "COUNT", "2", "STREAMS", "stream", ">")
    do("XREADGROUP", "GROUP", "g", "bob", "COUNT", "1", "STREAMS", "stream", ">")
    do("XCLAIM", "stream", "g", "bob", "0", "1700000000000-1", "TIME", "1700000000999", "RETRYCOUNT", "7", "JUSTID")
    for entry in ("3", "4"):
        do("XCLAIM", "stream", "g", "alice" if entry == "3" else "bob", "0", f"1700000000000-{entry}",
           "TIME", "1700000001000", "JUSTID")
    do("XGROUP", "CREATECONSUMER", "stream", "g", "idle")
    do("XGROUP", "CREATE", "stream", "unread", "$")
    do("XADD", "emptied", "5-5", "k", "v")
    do("XDEL", "emptied", "5-5")
    do("XGROUP", "CREATE", "void", "g", "$", "MKSTREAM")


def make(program, cli, name, options, seed):
    with tempfile.TemporaryDirectory() as folder:
        server = Server(program, cli, pathlib.Path(folder), [f"dbfilename {name}", *options])
        try:
            server.wait()
            for fill in (strings, collections, streams):
                fill(server)
            if seed:
                rnd = random.Random(seed)
                server("SET", "long", "".join(rnd.choice("ab") for _ in range(6000)))
                server("RPUSH", "plain", "p" * 9000, "q")
                server("SADD", "many", *(f"member:{i}" for i in range(20)))
            server("SAVE")
            (HERE / name).write_bytes((pathlib.Path(folder) / name).read_bytes())
        finally:
            server.process.terminate()
            server.process.wait()


if __name__ == "__main__":
    make(sys.argv[1], sys.argv[2], f"{sys.argv[3]}_small.rdb", ["rdbcompression yes"], 0)
    make(sys.argv[1], sys.argv[2], f"{sys.argv[3]}_large.rdb", PLAIN, 7)
