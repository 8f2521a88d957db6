"""A random load of every write command over all types. Deterministic by seed, but for the moments
at which it runs.

COMMANDS holds a form on each line; words with $ are filled in:
  $s string, $n whole number, $f decimal, $b bitmap, $p HyperLogLog, $l list, $e set, $z sorted set,
  $g positions, $h hash, $x stream: a key of that type; the type stands in the key's name
  $k $K two keys of one type, whichever; $kk that of a string, number, list, set, hash or sorted set
  $v any bytes, $m member or field, $i small number of either sign, $u small positive number,
  $r decimal, $d database, $S seconds, $M milliseconds, $A $B moments in seconds and in ms,
  $c consumer, $G group, $I id of a stream's entry
A line that begins with a version is for servers from that on; what a server does not know at all is
left out.
"""

import random
import threading
import time

from lib.redis import RedisError

COMMANDS = """
SET $s $v
SET $s $v EX $S
SET $s $v PX $M
SET $s $v EXAT $A
SET $s $v PXAT $B NX
SET $s $v KEEPTTL
SET $s $v XX GET
SETNX $s $v
SETEX $s $S $v
PSETEX $s $M $v
GETSET $s $v
GETDEL $s
GETEX $s EX $S
GETEX $s PXAT $B
GETEX $s PERSIST
APPEND $s $v
APPEND $s $v
SETRANGE $s $u $v
MSET $s $v $n $u $s $v
MSETNX $s $v $s $v
INCR $n
INCR $n
DECR $n
INCRBY $n $i
DECRBY $n $i
INCRBYFLOAT $f $r
SETBIT $b $u 1
SETBIT $b $u 0
BITOP AND $b $b $b
BITOP NOT $b $b
BITOP XOR $b $b $b
BITFIELD $b SET u8 $u 200 INCRBY i5 #2 $i OVERFLOW SAT INCRBY u4 10 $u
PFADD $p $m $m $v
PFMERGE $p $p $p
PFCOUNT $p
PFCOUNT $p $p
LPUSH $l $m $v
LPUSH $l $v
RPUSH $l $v $m $m
RPUSH $l $u $u
LPUSHX $l $m
RPUSHX $l $m $v
LPOP $l
RPOP $l
LPOP $l $u
RPOPLPUSH $l $l
LMOVE $l $l LEFT RIGHT
LMOVE $l $l RIGHT RIGHT
LINSERT $l BEFORE $m $v
LINSERT $l AFTER $m $m
LSET $l 0 $v
LREM $l $i $m
LTRIM $l 0 40
BLPOP $l $l 0.01
BRPOP $l 0.01
BRPOPLPUSH $l $l 0.01
BLMOVE $l $l LEFT LEFT 0.01
LMPOP 2 $l $l LEFT COUNT 2
BLMPOP 0.01 2 $l $l RIGHT COUNT 2
SADD $e $m $m $v
SADD $e $u $u
SREM $e $m $m $u
SPOP $e
SPOP $e 3
SMOVE $e $e $m
SUNIONSTORE $e $e $e
SINTERSTORE $e $e $e
SDIFFSTORE $e $e $e
ZADD $z $r $m $i $v
ZADD $z NX $r $m
ZADD $z XX CH $i $m
ZADD $z GT CH $r $m $r $m
ZADD $z LT $r $m
ZADD $z INCR $r $m
ZINCRBY $z $r $m
ZREM $z $m $m
ZPOPMIN $z
ZPOPMAX $z 2
BZPOPMIN $z $z 0.01
BZPOPMAX $z 0.01
ZMPOP 2 $z $z MIN COUNT 2
BZMPOP 0.01 1 $z MAX
ZREMRANGEBYRANK $z -2 -1
ZREMRANGEBYSCORE $z $i ($i
ZREMRANGEBYLEX $z [a (c
ZUNIONSTORE $z 2 $z $z WEIGHTS 2 $i AGGREGATE MAX
ZINTERSTORE $z 2 $z $e
ZDIFFSTORE $z 2 $z $z
ZRANGESTORE $z $z 0 10 REV
GEOADD $g 13.36 38.11 $m 15.08 37.50 $m
GEOADD $g CH 2.$u 48.$u $m
GEORADIUS $g 15 37 800 km STORE $g
GEORADIUSBYMEMBER $g $m 800 km STOREDIST $z
GEOSEARCHSTORE $g $g FROMLONLAT 15 37 BYBOX 900 900 km
HSET $h $m $v $m $u
HSET $h $m $v
HMSET $h $m $v $v $m
HSETNX $h $m $v
HDEL $h $m $m
HINCRBY $h n$u $i
HINCRBYFLOAT $h f$u $r
HEXPIRE $h $S FIELDS 2 $m $m
HPEXPIRE $h $M FIELDS 1 $m
HEXPIREAT $h $A FIELDS 1 $m
HPEXPIREAT $h $B FIELDS 2 $m $m
HPERSIST $h FIELDS 2 $m $m
HGETEX $h EX $S FIELDS 1 $m
HGETEX $h PERSIST FIELDS 1 $m
HSETEX $h PX $M FIELDS 2 $m $v $m $u
HSETEX $h EXAT $A FIELDS 1 $m $v
HGETDEL $h FIELDS 2 $m $m
XADD $x * $m $v n $u
XADD $x * $m $v
XADD $x MAXLEN 50 * a $v
XADD $x MAXLEN ~ 30 * a $m b $m
XADD $x NOMKSTREAM * a 1
XTRIM $x MAXLEN 20
XTRIM $x MINID ~ 1-1
XDEL $x $I
XSETID $x 99999999999999-$u
XGROUP CREATE $x $G 0 MKSTREAM
XGROUP CREATE $x $G $ MKSTREAM
7 XGROUP CREATE $x $G 0 MKSTREAM ENTRIESREAD $u
XGROUP SETID $x $G 0
XGROUP CREATECONSUMER $x $G $c
XGROUP DELCONSUMER $x $G $c
XGROUP DESTROY $x $G
XREADGROUP GROUP $G $c COUNT $u STREAMS $x >
XREADGROUP GROUP $G $c COUNT 3 STREAMS $x >
XREADGROUP GROUP $G $c COUNT 2 NOACK STREAMS $x >
XREADGROUP GROUP $G $c BLOCK 1 STREAMS $x $x > >
XACK $x $G $I
XCLAIM $x $G $c 0 $I JUSTID
XCLAIM $x $G $c 0 $I FORCE RETRYCOUNT 7
XAUTOCLAIM $x $G $c 0 0 COUNT 3
DEL $k $K
DEL $k
UNLINK $k $K
RENAME $k $K
RENAMENX $k $K
COPY $k $K REPLACE
COPY $k $K DB $d
MOVE $k $d
EXPIRE $k $S
EXPIRE $k $S
PEXPIRE $k $M
PEXPIRE $k 60
EXPIREAT $k $A
PEXPIREAT $k $B
7 EXPIRE $k $S NX
7 PEXPIRE $k $M GT
7 PEXPIREAT $k $B LT
7 EXPIREAT $k $A XX
EXPIRE $k -1
PERSIST $k
TOUCH $k
SORT $l ALPHA LIMIT 0 20 STORE $l
SORT $e BY nosort STORE $l
PUBLISH channel $v
SPUBLISH channel $v
EVAL script-effects 2 $n $l $v
EVAL script-random 2 $e $s $u
EVAL script-reads 1 $h
FCALL add 2 $n $z $m
FUNCTION LOAD REPLACE library-$u
FUNCTION DELETE library$u
FUNCTION FLUSH
FUNCTION RESTORE functions REPLACE
SCRIPT LOAD script-reads
RESTORE $kk 0 payload REPLACE
RESTORE $kk $M payload REPLACE
RESTORE $kk $B payload REPLACE ABSTTL IDLETIME 5
SWAPDB $d $d
FLUSHDB
FLUSHDB ASYNC
FLUSHALL
"""

SCRIPTS = {
    # whatever a script writes arrives as its effects, in a MULTI block
    "script-effects": "redis.call('INCR', KEYS[1]) for i = 1, 3 do redis.call('RPUSH', KEYS[2],"
                      " ARGV[1], i) end return redis.call('LTRIM', KEYS[2], 0, 30)",
    "script-random": "redis.call('SADD', KEYS[1], 'a', 'b', ARGV[1]) local t = redis.call('TIME')"
                     " redis.call('SET', KEYS[2], t[1] .. '.' .. t[2])"
                     " redis.call('PEXPIRE', KEYS[2], 4000) return redis.call('SPOP', KEYS[1])",
    "script-reads": "return redis.call('HGETALL', KEYS[1])",
}
RARE = {"FLUSHALL": 0.02, "FLUSHDB": 0.05, "SWAPDB": 0.2, "FUNCTION": 0.3, "XGROUP": 1.5, "XADD": 3,
        "HSET": 2, "ZADD": 1.5, "DEL": 0.5, "UNLINK": 0.5, "BLPOP": 0.1, "BRPOP": 0.1, "BLMOVE": 0.1,
        "BRPOPLPUSH": 0.1, "BLMPOP": 0.1, "BZPOPMIN": 0.1, "BZPOPMAX": 0.1, "BZMPOP": 0.1}
ALL_DATABASES = {"FLUSHALL", "SWAPDB", "FLUSHDB"}
BLOCKING = {"BLPOP", "BRPOP", "BLMOVE", "BRPOPLPUSH", "BLMPOP", "BZPOPMIN", "BZPOPMAX", "BZMPOP",
            "XREADGROUP"}
TYPES = "snfbplezghx"
KEYS_OF_A_TYPE = 12
LIBRARY = """#!lua name=library%s
redis.register_function('add%s', function(keys, args)
  redis.call('INCRBY', keys[1], %s) redis.call('ZINCRBY', keys[2], 1, args[1]) return 1 end)"""
# what these may say of keys that are not there, are there already, or expired a moment ago
EXPECTED_ERRORS = ("BUSYGROUP", "NOGROUP", "ERR no such key", "ERR The XGROUP", "ERR index out",
                   "ERR Function not found", "ERR member", "ERR Library not found", "ERR source and destination",
                   "ERR The ID specified in XSETID is smaller", "ERR could not decode requested zset",
                   "ERR hash value is not", "ERR increment or decrement would", "ERR value is NaN",
                   "ERR The ID specified in XADD", "ERR Invalid", "BUSYKEY", "ERR The stream has")


class Forms:
    """The commands of a server, filled in by a random generator.

    tags: keys get one of so many hash tags, all keys of a command the same one, and nothing is done
    that a cluster refuses; only: the names of the commands that come; lasting: nothing expires
    before the test has ended."""

    def __init__(self, server, rng, databases=(0,), tags=0, only=None, without=(), lasting=False):
        self.rng, self.databases, self.tags = rng, list(databases), tags
        self.lasting = lasting
        self.ids = [b"1-1"]  # that XADD gave lately, of any stream
        node = server.masters[0]
        info = node.info("server")
        version = int(info["redis_version"].split(".")[0])  # Valkey says 7 here
        known = {name[0].upper().decode() for name in node.run("COMMAND")}
        self.payloads = self._payloads(server.node_of("{tmp}") if len(server.masters) > 1 else node)
        has_functions = "FUNCTION" in known and not tags
        self.functions = self._functions(node) if has_functions else None
        self.lines, self.weights = [], []
        for line in COMMANDS.strip().splitlines():
            words = line.split()
            since = int(words.pop(0)) if words[0].isdigit() else 0
            name = words[0]
            if name not in known or version < since or name in without:
                continue
            if lasting and ("60" in words or "script-random" in words):
                continue
            if (only and name not in only) or (tags and not self._fits_cluster(name, words)):
                continue
            self.lines.append(words)
            self.weights.append(RARE.get(name, 1))

    def _payloads(self, node):
        with node.connect() as connection:
            connection.pipeline([
                ("SET", "{tmp}:s", "restored"), ("SET", "{tmp}:n", 77),
                ("RPUSH", "{tmp}:l", 1, "b", "x" * 70),
                ("SADD", "{tmp}:e", 1, 2, "three"), ("HSET", "{tmp}:h", "a", "1", "b", "2"),
                ("ZADD", "{tmp}:z", 1.5, "a", 2, "b")])
            dumps = {t: connection("DUMP", f"{{tmp}}:{t}") for t in "snlehz"}
            connection("DEL", *(f"{{tmp}}:{t}" for t in "snlehz"))
        return dumps

    @staticmethod
    def _functions(node):
        """What FUNCTION DUMP gives of a library."""
        with node.connect() as connection:
            connection("FUNCTION", "LOAD", "REPLACE", LIBRARY % (0, 0, 9))
            dump = connection("FUNCTION", "DUMP")
            connection("FUNCTION", "DELETE", "library0")
        return dump

    @staticmethod
    def _fits_cluster(name, words):
        return name not in ALL_DATABASES | {
            "FUNCTION", "FCALL", "MOVE", "SCRIPT", "SPUBLISH"} and "$d" not in words

    def fill(self, form, tag=None):
        """The command of a form; with a tag all its keys carry that."""
        kind = self.rng.choice(TYPES)
        if "$kk" in form:
            kind = self.rng.choice("snlehz")
        words = [self._word(word, kind, tag) for word in form]
        if "payload" in form:
            words[form.index("payload")] = self.payloads[kind]
        if "functions" in form:
            words[form.index("functions")] = self.functions
        if form[0] == "FCALL":
            words[1] = f"add{self.rng.randrange(3)}"
        return words

    def key(self, kind, tag=None):
        number = self.rng.randrange(KEYS_OF_A_TYPE)
        if tag is not None:
            return f"{kind}:{{t{tag}}}{number}".encode()
        # a key may be any bytes
        return f"{kind}:{number}".encode() + (b"\xff\x00\r\n\"" if number == 3 else b"")

    def _word(self, word, kind, tag):
        at = word.find("$")
        if word in SCRIPTS:
            return SCRIPTS[word]
        if at < 0 or len(word) == at + 1:
            return word
        name, rest = word[at + 1 :], word[:at]
        if name in ("k", "K", "kk"):
            return self.key(kind, tag)
        if name in TYPES:
            return self.key(name, tag)
        if rest == "library-":
            n = self.rng.randrange(3)
            return LIBRARY % (n, n, n + 1)
        value = self._value(name)
        return value if not rest else rest + str(value)

    def _value(self, name):
        rng = self.rng
        if name == "v":
            return rng.randbytes(rng.choice([0, 1, 5, 5, 20, 80, 300]))
        if name == "m":
            return rng.choice("abcdefghij")
        if name in ("c", "G"):
            return name.lower() + str(rng.randrange(3))
        if name == "i":
            return rng.randint(-5, 20)
        if name == "u":
            return rng.randint(1, 9) if rng.random() < 0.9 else rng.randint(10, 600)
        if name == "r":
            return rng.choice([1.5, -0.25, 3, 1e10, 0.1, 17.77])
        if name == "d":
            return rng.choice(self.databases)
        if name == "I":
            return rng.choice(self.ids)
        # what expires: some of it soon, most of it after the test
        ahead_ms = rng.randint(1_000_000, 90_000_000)
        if not self.lasting and rng.random() < 0.33:
            ahead_ms = rng.randint(20, 900)
        if name == "M":
            return ahead_ms
        if name == "S":
            return max(1, ahead_ms // 1000)
        if name == "B":
            return int(time.time() * 1000) + ahead_ms
        assert name == "A", name
        return int(time.time()) + max(1, ahead_ms // 1000)

    def saw(self, command, reply):
        """Ids of new entries serve XDEL, XACK and XCLAIM later."""
        if command[0] == "XADD" and isinstance(reply, bytes):
            self.ids = [*self.ids[-40:], reply]


class Load:
    """Writes in its own thread from start() to stop(), at most per_s commands a second; run() does
    it here and now. `counts` tells how often each form went well, `errors` what did not."""

    _running = set()

    @classmethod
    def end_all(cls):
        """Those that a failed test has left: the next one has the same servers."""
        for load in list(cls._running):
            load._end()

    def __init__(self, server, seed, per_s=None, **forms):
        self.server, self.per_s = server, per_s
        self.forms = Forms(server, random.Random(seed), **forms)
        self.counts = {" ".join(form): 0 for form in self.forms.lines}
        self.errors = {}
        self.commands = 0
        self.error = None
        self._connections = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, daemon=True)

    def start(self):
        self._thread.start()
        self._running.add(self)
        return self

    def _end(self):
        self._stop.set()
        self._thread.join(60)
        self._running.discard(self)

    def stop(self):
        """Ends it; raises what went wrong in the thread, and unexpected error replies."""
        self._end()
        assert not self._thread.is_alive(), "the load does not end"
        if self.error is not None:
            raise self.error
        self.check()

    def check(self):
        strange = {t: c for t, c in self.errors.items() if not t.startswith(EXPECTED_ERRORS)}
        assert not strange, f"unexpected error replies: {strange}"

    def run(self, commands):
        until = self.commands + commands
        try:
            while self.commands < until:
                self._step()
        finally:
            self._close()
        return self

    def wait(self, commands, deadline_s=60):
        """Until so many more commands have gone out."""
        until, end = self.commands + commands, time.monotonic() + deadline_s
        while self.commands < until:
            assert self._thread.is_alive() and time.monotonic() < end, f"load stands: {self.error}"
            time.sleep(0.01)

    def _loop(self):
        began, done = time.monotonic(), 0
        try:
            while not self._stop.is_set():
                self._step()
                if self.per_s:
                    done = self.commands / self.per_s
                    self._stop.wait(max(0.0, began + done - time.monotonic()))
        except Exception as error:  # handed to the test by stop()
            self.error = error
        finally:
            self._close()

    def _close(self):
        for connection in self._connections.values():
            connection.close()
        self._connections = {}

    def _connection(self, node, db):
        if (node, db) not in self._connections:
            self._connections[node, db] = node.connect(db)
        return self._connections[node, db]

    def _step(self):
        """Some commands of one database in a go; a third of the times in a MULTI block."""
        rng = self.forms.rng
        db = rng.choice(self.forms.databases)
        tag = rng.randrange(self.forms.tags) if self.forms.tags else None
        batch = []
        for _ in range(rng.choice([1, 2, 5, 20])):
            form = rng.choices(self.forms.lines, self.forms.weights)[0]
            batch.append((" ".join(form), self.forms.fill(form, tag)))
        block = rng.random() < 0.33 and not any(c[0] in BLOCKING for _, c in batch)
        commands = [command for _, command in batch]
        if block:
            commands = [("MULTI",), *commands, ("EXEC",)]
        node = self._node(tag)
        replies = self._connection(node, db).pipeline(commands, check=False)
        if block:
            assert isinstance(replies[-1], list), f"EXEC of {commands}: {replies}"
            replies = replies[-1]
        for (form, command), reply in zip(batch, replies, strict=True):
            self._count(form, command, reply)
        self.commands += len(batch)

    def _node(self, tag):
        if tag is None or len(self.server.masters) == 1:
            return self.server.masters[0]
        return self.server.node_of(f"{{t{tag}}}")

    def _count(self, form, command, reply):
        if isinstance(reply, RedisError):
            text = str(reply)
            self.errors[text] = self.errors.get(text, 0) + 1
        else:
            self.counts[form] += 1
            self.forms.saw(command, reply)
