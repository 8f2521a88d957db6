"""The schema registry as a server: accounts, TLS, several of them, late and wrong answers."""

import pytest

from lib.registry_proxy import Proxy
from lib.servers import TLS, free_port
from test_avro import Deserializer, avro_task


@pytest.fixture
def one_row(source, names, registry):
    registry.compatibility("FULL")
    source.execute(f"CREATE DATABASE {names.database}",
                   f"CREATE TABLE {names.database}.t (id INT PRIMARY KEY)",
                   f"INSERT INTO {names.database}.t VALUES (1)")


def task_with(sluice, registry, **options):
    return avro_task(sluice, registry, message={"registry": options})


def check_row(reader, registry):
    records = reader.read()
    assert [Deserializer(registry).value(r)["data"] for r in records] == [[{"id": 1}]]


@pytest.mark.parametrize("account, options", [
    ("u:p", {"user": "u", "password": "p"}), ("Bearer abc", {"token": "abc"})])
def test_accounts(one_row, sluice, registry, reader, account, options):
    with Proxy(registry, account) as proxy:
        wrong = task_with(sluice, registry, url=proxy.url, user="u", password="wrong")
        done = sluice.run("capture", wrong, "--until-caught-up", status=3)
        assert "registry_login" in done.stderr and "wrong" not in done.stderr
        right = task_with(sluice, registry, url=proxy.url, **options)
        sluice.run("capture", right, "--until-caught-up")
    check_row(reader, registry)


def test_tls(one_row, sluice, registry, reader):
    with Proxy(registry, certificate=(TLS / "server.pem", TLS / "server.key")) as proxy:
        unknown = task_with(sluice, registry, url=proxy.url, tls={"ca": str(TLS / "other-ca.pem")})
        done = sluice.run("capture", unknown, "--until-caught-up", status=1)
        assert "registry_connection" in done.stderr and "tls" in done.stderr
        known = task_with(sluice, registry, url=proxy.url, tls={"ca": str(TLS / "ca.pem")})
        sluice.run("capture", known, "--until-caught-up")
    check_row(reader, registry)


@pytest.mark.parametrize("status, code, exit_status", [
    (403, "registry_rights", 3), (404, "registry_not_found", 1),
    (422, "registry_schema_refused", 1), (418, "registry_refused", 1)])
def test_refusals(one_row, sluice, registry, reader, status, code, exit_status):
    with Proxy(registry, status=status) as proxy:
        done = sluice.run("capture", task_with(sluice, registry, url=proxy.url),
                          "--until-caught-up", status=exit_status)
    assert f"code={code}" in done.stderr and "as the test wants" in done.stderr
    assert reader.read() == []


def test_answers_500_then_recovers(one_row, sluice, registry, reader):
    with Proxy(registry, status=500) as proxy:
        capture = sluice.capture(task_with(sluice, registry, url=proxy.url))
        capture.wait_event("registry_wait", 60)
        assert reader.read() == []
        proxy.status = None
        reader.wait(1)
        capture.stop()
    check_row(reader, registry)


def test_slow(one_row, sluice, registry, reader):
    """Slower than timeout_ms: no answer; slow, but within it: the task is only slower."""
    with Proxy(registry, delay_s=30) as proxy:
        capture = sluice.capture(task_with(sluice, registry, url=proxy.url, timeout_ms=2000))
        capture.wait_event("registry_wait", 60)
        assert reader.read() == []
        proxy.delay_s = 0.1
        reader.wait(1)
        capture.stop()
    check_row(reader, registry)


def test_the_next_url_is_asked(one_row, sluice, registry, reader):
    with Proxy(registry, status=503) as ill, Proxy(registry) as well:
        urls = [f"http://127.0.0.1:{free_port()}", ill.url, well.url]
        sluice.run("capture", task_with(sluice, registry, url=urls), "--until-caught-up")
        assert ill.asked and well.asked
    check_row(reader, registry)
