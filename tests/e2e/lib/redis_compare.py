"""Whether two servers (or a server and a cluster) hold the same: every key's DEBUG DIGEST-VALUE, type
and moment of expiry, those of a hash's fields, XINFO STREAM FULL of every stream, FUNCTION LIST.

What is ours is left out: checkpoints at the target, heartbeat keys at the source. Left out too is
what the server's own replicas do not share: when a consumer was last seen, how a stream's radix tree
is cut into nodes, and, unless a test asks for strictness, how many entries a group has read (an
XREADGROUP is replicated as XCLAIMs, which do not tell it) and, after 7.0, consumers with nothing
pending (one that an XCLAIM made that had nothing to claim is not replicated). test_redis_harness.py
finds these different between a server and its replica.

DEBUG DIGEST writes scores in another way since Redis 8 and Valkey 8: where one end is older and the
other is not, sorted sets are compared by their members and scores instead.
"""

import time
from dataclasses import dataclass

from lib.redis import RedisError
from lib.wait import wait_until

OURS = (b"sluice:", b"SLUICE_HEARTBEAT:")
NOT_REPLICATED = {b"radix-tree-keys", b"radix-tree-nodes", b"seen-time", b"active-time"}
READ_COUNTS = {b"entries-read", b"lag"}
SINCE_7 = {b"max-deleted-entry-id", b"entries-added", b"recorded-first-entry-id"} | READ_COUNTS
DIGESTS_OF_SCORES = "digests of sorted sets"
OLD = {"redis-6.2", "redis-7.0"}
IDLE = "consumers with nothing pending"
ABOUT_MS = 1500  # 6.2 tells only how long a key has to live


@dataclass(frozen=True)
class Key:
    type: bytes
    digest: object
    expires_ms: int
    fields: tuple = ()  # moments of expiry of a hash's fields, by name
    stream: tuple = ()

    def differences(self, other, about_ms=0):
        """Names of what is not the same."""
        found = [n for n in ("type", "digest", "fields", "stream")
                 if getattr(self, n) != getattr(other, n)]
        a, b = self.expires_ms, other.expires_ms
        if (a < 0) != (b < 0) or abs(a - b) > about_ms:
            found.append("expires_ms")
        return found


def printable(key):
    return key.decode("ascii", "backslashreplace")


def keys_of(connection):
    """All keys but ours; SCAN removes those that have expired."""
    found, cursor = set(), b"0"
    while True:
        cursor, some = connection("SCAN", cursor, "COUNT", 1000)
        found.update(key for key in some if not key.startswith(OURS))
        if cursor == b"0":
            return sorted(found)


def stream_facts(reply, without):
    """XINFO STREAM FULL without some names, as nested tuples; its maps come as flat lists."""
    if not isinstance(reply, list):
        return reply
    if len(reply) % 2 == 0 and reply[:1] and reply[0] in (b"length", b"name"):
        pairs = zip(reply[::2], reply[1::2])
        return tuple((n, stream_facts(v, without)) for n, v in pairs if n not in without)
    facts = (stream_facts(item, without) for item in reply)
    return tuple(f for f in facts if not (IDLE in without and is_idle_consumer(f)))


def is_idle_consumer(fact):
    return (isinstance(fact, tuple) and fact[:1] and isinstance(fact[0], tuple)
            and [pair[0] for pair in fact] == [b"name", b"pel-count", b"pending"]
            and fact[1][1] == 0)


def is_gone(reply):
    return isinstance(reply, RedisError) and "no such key" in str(reply)


def contents_of_database(connection, knows, without):
    """{key: Key} of the connection's database; knows: names of commands that the server has;
    without: names of stream_facts, and DIGESTS_OF_SCORES."""
    keys = keys_of(connection)
    types = connection.pipeline([("TYPE", key) for key in keys])
    digests = [d[0] for d in connection.pipeline([("DEBUG", "DIGEST-VALUE", k) for k in keys])]
    if DIGESTS_OF_SCORES in without:
        for at in (n for n, kind in enumerate(types) if kind == b"zset"):
            flat = connection("ZRANGE", keys[at], 0, -1, "WITHSCORES")
            digests[at] = tuple(zip(flat[::2], map(float, flat[1::2])))
    if "PEXPIRETIME" in knows:
        expires = connection.pipeline([("PEXPIRETIME", key) for key in keys])
    else:
        now = int(time.time() * 1000)
        left = connection.pipeline([("PTTL", key) for key in keys])
        expires = [now + ms if ms >= 0 else ms for ms in left]
    of_type = {t: [k for k, kt in zip(keys, types) if kt == t] for t in (b"hash", b"stream")}
    streams = connection.pipeline(
        [("XINFO", "STREAM", key, "FULL", "COUNT", 0) for key in of_type[b"stream"]], check=False)
    streams = dict(zip(of_type[b"stream"], streams))
    fields = {}
    if "HPEXPIRETIME" in knows:
        fields = {key: fields_of(connection, key) for key in of_type[b"hash"]}
    found = {}
    for key, kind, digest, at in zip(keys, types, digests, expires, strict=True):
        if kind == b"none" or at == -2 or is_gone(streams.get(key)):
            continue  # expired meanwhile
        stream = stream_facts(streams.get(key), without) or ()
        found[key] = Key(kind, digest, at, fields.get(key, ()), stream)
    return found


def fields_of(connection, key):
    names = sorted(connection("HKEYS", key))
    if not names:
        return ()
    times = connection("HPEXPIRETIME", key, "FIELDS", len(names), *names)
    return tuple((n, t) for n, t in zip(names, times) if t >= 0)


def contents(server, without, databases=None):
    """{(database, key): Key} of a server or cluster; databases: {here: there} renames them."""
    found = {}
    for node in server.masters:
        with node.connect() as connection:
            knows = {name[0].upper().decode() for name in connection("COMMAND")}
            for db in node.databases():
                connection("SELECT", db)
                name = (databases or {}).get(db, db)
                part = contents_of_database(connection, knows, without)
                found |= {(name, key): value for key, value in part.items()}
    return found


def functions(server):
    """FUNCTION LIST WITHCODE of each master, as sets of its libraries."""
    if server.kind == "redis-6.2":
        return [set() for _ in server.masters]
    lists = [node.run("FUNCTION", "LIST", "WITHCODE") for node in server.masters]
    return [{as_tuple(library) for library in libraries} for libraries in lists]


def as_tuple(library):
    """The list of a library's functions comes in the order of a hash table."""
    if isinstance(library, list):
        items = tuple(as_tuple(item) for item in library)
        nested = all(isinstance(item, tuple) for item in items)
        return tuple(sorted(items)) if nested else items
    return library


def innermost(a, b, path=""):
    """Where two nested tuples first differ: path, the one's value, the other's."""
    if not (isinstance(a, tuple) and isinstance(b, tuple) and len(a) == len(b)):
        return path, a, b
    for n, (x, y) in enumerate(zip(a, b)):
        if x != y:
            name = printable(a[0]) if n == 1 and isinstance(a[0], bytes) else str(n)
            return innermost(x, y, f"{path}/{name}")
    return path, a, b


def differences(source, target, databases=None, where=None, strict=False, about_ms=0):
    """Lines that say what is not the same, [] when all is; where(database, key): what counts;
    about_ms: how far expiries may be apart."""
    about_ms = ABOUT_MS if "redis-6.2" in (source.kind, target.kind) else about_ms
    without = set(NOT_REPLICATED)
    if "redis-6.2" in (source.kind, target.kind):
        without |= SINCE_7
    if not strict:
        without |= READ_COUNTS
        without |= set() if source.kind in OLD else {IDLE}
    if (source.kind in OLD) != (target.kind in OLD):
        without.add(DIGESTS_OF_SCORES)
    ours, theirs = contents(source, without, databases), contents(target, without)
    if where:
        ours, theirs = ({k: v for k, v in side.items() if where(*k)} for side in (ours, theirs))
    lines = []
    for at in sorted(ours.keys() | theirs.keys()):
        name = f"db {at[0]} {printable(at[1])}"
        if at not in theirs:
            lines.append(f"{name}: missing at the target ({ours[at]})")
        elif at not in ours:
            lines.append(f"{name}: at the target only ({theirs[at]})")
        else:
            for what in ours[at].differences(theirs[at], about_ms):
                a, b = getattr(ours[at], what), getattr(theirs[at], what)
                where_in, a, b = innermost(a, b)
                lines.append(f"{name}: {what}{where_in} {a} at the source, {b} at the target")
    if set().union(*functions(source)) != set().union(*functions(target)):
        lines.append(f"functions: {functions(source)} at the source, {functions(target)}")
    return lines[:20]


def wait_equal(source, target, deadline_s=60, **options):
    """Until there is no difference; the source has to stand still."""
    last = []

    def equal():
        last[:] = differences(source, target, **options)
        return not last

    try:
        wait_until(equal, deadline_s, interval_s=0.1)
    except AssertionError:
        raise AssertionError(f"not equal within {deadline_s} s:\n" + "\n".join(last)) from None


def expect_same_digest(source, target, deadline_s=15):
    """DEBUG DIGEST of whole servers, which counts keys that have expired until the server drops them,
    hence the deadline; takes away what is ours from both, so nothing may run."""
    for server in (source, target):
        with server.connect() as connection:
            for db in server.databases():
                connection("SELECT", db)
                for pattern in ("sluice:*", "SLUICE_HEARTBEAT:*"):
                    for key in connection("KEYS", pattern):
                        connection("DEL", key)
    digests = []

    def equal():
        digests[:] = [server.run("DEBUG", "DIGEST") for server in (source, target)]
        return digests[0] == digests[1]

    try:
        wait_until(equal, deadline_s, interval_s=0.1)
    except AssertionError:
        raise AssertionError(f"DEBUG DIGEST {digests}") from None
