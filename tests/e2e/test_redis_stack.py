"""Proves the ground the Redis tests stand on: the servers and their client."""

import pytest

from lib.redis import KINDS, Connection, Redis, RedisError, available


@pytest.mark.parametrize("kind", KINDS)
def test_every_server_starts_again_with_what_it_saved(tmp_path, kind):
    if not available(kind):
        pytest.skip(f"{kind} is not to be had")
    with Redis(tmp_path / kind, kind=kind) as server:
        name, _, version = kind.partition("-")
        assert server.info("server")[f"{name}_version"].startswith(version + ".")
        value = bytes(range(256))
        assert server.run("SET", b"\x00\r\n", value, db=255) == b"OK"
        assert len(server.run("DEBUG", "DIGEST")) == 40
        server.run("SAVE")
        server.kill()
        server.start()
        assert server.run("GET", b"\x00\r\n", db=255) == value
        assert server.databases() == {255: 1}


def test_client(redis_source):
    redis_source.empty()
    with redis_source.connect(user="sluice_target", password="sluice", tls=False) as connection:
        assert connection.pipeline([("RPUSH", "l", "a", b"\xff"), ("LRANGE", "l", 0, -1),
                                    ("GET", "none"), ("EVAL", "return {}", 0)]) == [
            2, [b"a", b"\xff"], None, []]
        with pytest.raises(RedisError, match="WRONGTYPE") as caught:
            connection("GET", "l")
        assert caught.value.code == "WRONGTYPE"
    with pytest.raises(RedisError, match="WRONGPASS"):
        redis_source.connect(user="sluice_target", password="wrong")


def test_tls(redis_source):
    with Connection("127.0.0.1", redis_source.tls_port, tls=True) as connection:
        assert connection("PING") == b"PONG"


def test_cluster_and_a_slot_that_moves(redis_cluster):
    redis_cluster.empty()
    for n in range(100):
        redis_cluster.run("SET", f"{{tag}}{n}", n)
    slot = redis_cluster.nodes[0].run("CLUSTER", "KEYSLOT", "{tag}")
    origin = redis_cluster.owner(slot)
    to = redis_cluster.nodes[(redis_cluster.nodes.index(origin) + 1) % 3]
    redis_cluster.move_slot(slot, to)
    assert redis_cluster.owner(slot) is to
    assert to.databases() == {0: 100} and origin.databases() == {}
    with pytest.raises(RedisError, match="MOVED"):
        origin.run("GET", "{tag}1")
    assert redis_cluster.run("GET", "{tag}1") == b"1"
    redis_cluster.move_slot(slot, origin)
