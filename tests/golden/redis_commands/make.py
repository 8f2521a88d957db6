#!/usr/bin/env python3
"""make.py PORT - what a server says of its commands that write: a line `command NAME`, with each of its subcommands,
and a line `keys NUMBERS ARGUMENTS...` for each of the samples below that it knows. A number is followed by w if the
command may change that key and by r if not (before Redis 7.0, which doesn't say: by nothing)."""

import socket
import sys

# Keys are k1, k2... so that the answer tells the arguments' numbers.
SAMPLES = """
append k1 v
bitfield k1 SET u8 0 1
bitop and k1 k2 k3
bitop not k1 k2
blmove k1 k2 LEFT RIGHT 1
blmpop 1 2 k1 k2 LEFT COUNT 3
blpop k1 k2 k3 1
brpop k1 1
brpoplpush k1 k2 1
bzmpop 1 1 k1 MIN
bzpopmax k1 k2 1
bzpopmin k1 1
cluster flushslot 5
copy k1 k2
copy k1 k2 DB 3 REPLACE
decr k1
decrby k1 2
del k1
del k1 k2 k3
delifeq k1 v
eval script 2 k1 k2 a
eval script 0
evalsha hash 1 k1 a b
expire k1 5
expire k1 5 NX
expireat k1 5
fcall f 1 k1 a
flushall ASYNC
flushdb SYNC
function delete library
function flush ASYNC
function load script
function restore payload
geoadd k1 1 1 m
georadius k1 1 1 5 km
georadius k1 1 1 5 km STORE k2
georadius k1 1 1 5 km COUNT 3 ASC STOREDIST k2
georadiusbymember k1 m 5 km
georadiusbymember k1 m 5 km DESC STORE k2
geosearchstore k1 k2 FROMMEMBER m BYRADIUS 1 km
getdel k1
getex k1 PERSIST
getset k1 v
hdel k1 f
hexpire k1 5 FIELDS 1 f
hexpireat k1 5 FIELDS 1 f
hgetdel k1 FIELDS 1 f
hgetex k1 EX 5 FIELDS 1 f
hincrby k1 f 1
hincrbyfloat k1 f 1
hmset k1 f v g w
hpersist k1 FIELDS 1 f
hpexpire k1 5 FIELDS 1 f
hpexpireat k1 5 FIELDS 1 f
hset k1 f v
hsetex k1 EX 5 FIELDS 1 f v
hsetnx k1 f v
incr k1
incrby k1 2
incrbyfloat k1 2
linsert k1 BEFORE a b
lmove k1 k2 LEFT LEFT
lmpop 3 k1 k2 k3 RIGHT
lpop k1 2
lpush k1 a b
lpushx k1 a
lrem k1 1 a
lset k1 0 a
ltrim k1 0 1
migrate host 6379 k1 0 5000
migrate host 6379 k1 0 5000 COPY REPLACE AUTH KEYS
migrate host 6379 "" 0 5000 KEYS k1 k2
migrate host 6379 "" 0 5000 REPLACE AUTH2 user secret KEYS k1 k2 k3
move k1 1
mset k1 v
mset k1 v k2 w k3 x
msetex 1 k1 v
msetex 2 k1 v k2 w EX 5 NX
msetnx k1 v k2 w
persist k1
pexpire k1 5
pexpireat k1 5
pfadd k1
pfadd k1 a b
pfcount k1
pfcount k1 k2
pfdebug ENCODING k1
pfmerge k1
pfmerge k1 k2 k3
psetex k1 5 v
publish channel m
rename k1 k2
renamenx k1 k2
restore k1 0 payload REPLACE
restore-asking k1 0 payload
rpop k1
rpoplpush k1 k2
rpush k1 a
rpushx k1 a
sadd k1 a
script flush
script load text
sdiffstore k1 k2 k3
sdiffstore k1 k2
set k1 v
set k1 v EX 5 NX
setbit k1 0 1
setex k1 5 v
setnx k1 v
setrange k1 0 v
sinterstore k1 k2
smove k1 k2 m
sort k1
sort k1 BY nosort GET STORE STORE k2
sort k1 BY STORE LIMIT 0 5 STORE k2
sort k1 STORE k2 STORE k3
spop k1
spublish channel m
srem k1 a
sunionstore k1 k2 k3
swapdb 0 1
touch k1 k2
unlink k1 k2
vadd k1 VALUES 1 1 e
vrem k1 e
vsetattr k1 e a
xack k1 g 1-1
xackdel k1 g IDS 1 1-1
xadd k1 * f v
xautoclaim k1 g c 0 0-0
xclaim k1 g c 0 1-1
xdel k1 1-1
xdelex k1 IDS 1 1-1
xgroup create k1 g 0 MKSTREAM
xgroup createconsumer k1 g c
xgroup delconsumer k1 g c
xgroup destroy k1 g
xgroup setid k1 g 0
xreadgroup group g c streams k1 >
xreadgroup GROUP STREAMS c COUNT 1 NOACK STREAMS k1 k2 > 0
xsetid k1 1-1
xtrim k1 MAXLEN 5
zadd k1 1 m
zdiffstore k1 2 k2 k3
zincrby k1 1 m
zinterstore k1 1 k2 WEIGHTS 2
zmpop 2 k1 k2 MAX
zpopmax k1
zpopmin k1 2
zrangestore k1 k2 0 -1
zrem k1 m
zremrangebylex k1 - +
zremrangebyrank k1 0 1
zremrangebyscore k1 0 1
zunionstore k1 3 k2 k3 k4 AGGREGATE MAX
"""
WRITES = {"RW", "OW", "RM"}


class Refused(Exception):
    pass


class Server:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.file = self.socket.makefile("rb")

    def __call__(self, *words):
        words = [w.encode() for w in words]
        parts = [b"*%d\r\n" % len(words)] + [b"$%d\r\n%s\r\n" % (len(w), w) for w in words]
        self.socket.sendall(b"".join(parts))
        answer = self.read()
        if isinstance(answer, Refused):
            raise answer
        return answer

    def read(self):
        line = self.file.readline()
        kind, rest = line[:1], line[1:-2].decode()
        if kind == b"-":
            return Refused(rest)
        if kind == b"$":
            return None if rest == "-1" else self.file.read(int(rest) + 2)[:-2].decode()
        if kind == b"*":
            return [self.read() for _ in range(int(rest))]
        return int(rest) if kind == b":" else rest


def commands(answer):
    for entry in answer:
        if {"write", "may_replicate"} & set(entry[2]):
            yield entry[0].upper()
        yield from commands(entry[9] if len(entry) > 9 else [])


def number(words, key):
    return next(i for i in range(len(words) - 1, 0, -1) if words[i] == key)


def keys(server, words):
    """The answer as numbers; None: the server doesn't know the command, or not in this form."""
    args = ["" if w == '""' else w for w in words]
    for question in ("GETKEYSANDFLAGS", "GETKEYS"):
        try:
            found = server("COMMAND", question, *args)
        except Refused as refused:
            if "no key arguments" in str(refused):
                return []
            continue
        pairs = [k if isinstance(k, list) else (k, None) for k in found]
        return [f"{number(words, k)}{letter(flags)}" for k, flags in pairs]
    return None


def letter(flags):
    if flags is None:
        return ""
    return "w" if WRITES & set(flags) else "r"


def main():
    server = Server(int(sys.argv[1]))
    known = sorted(commands(server("COMMAND")))
    print("\n".join(f"command {name}" for name in known))
    for line in SAMPLES.strip().splitlines():
        words = line.split()
        found = keys(server, words)
        if found is not None:
            print("keys", ",".join(sorted(found, key=lambda k: int(k.rstrip("wr")))) or "-", line)


main()
