"""The schema registry as a server: accounts, TLS, several of them, late and wrong answers."""

import json
import shlex

import pytest

from lib.precheck import Precheck
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


def files(cert, key):
    return {"cert": str(cert), "key": str(key)}


def test_tls_with_a_client_certificate(one_row, sluice, registry, reader, tmp_path):
    with Proxy(registry, certificate=(TLS / "server.pem", TLS / "server.key"),
               client_ca=TLS / "ca.pem") as proxy:
        def task(**ours):
            return task_with(sluice, registry, url=proxy.url, tls={"ca": str(TLS / "ca.pem"), **ours})

        for ours, words in [
                ({}, "with no certificate of ours"),
                (files(TLS / "other-ca.pem", TLS / "other-ca.key"), "with our certificate"),
                (files(TLS / "client.pem", TLS / "server.key"), "our certificate cannot be used"),
                (files(TLS / "client.pem", tmp_path / "none.key"), "our certificate cannot be used")]:
            last = sluice.run("capture", task(**ours), "--until-caught-up", status=3).stderr.splitlines()[-1]
            assert "code=registry_certificate" in last and words in last
            assert "message.registry.tls.cert" in last and "message.registry.tls.key" in last
        found = checked(sluice, registry, url=proxy.url, tls={"ca": str(TLS / "ca.pem")})
        assert "message.registry.tls.cert" in found.one("registry_connect", "fail")["reason"]
        assert proxy.asked == [] and reader.read() == []
        ours = files(TLS / "client.pem", TLS / "client.key")
        assert checked(sluice, registry, url=proxy.url,
                       tls={"ca": str(TLS / "ca.pem"), **ours}).bad() == set()
        sluice.run("capture", task(**ours), "--until-caught-up")
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


def test_away_for_longer_than_the_task_tries(one_row, sluice, registry):
    url = f"http://127.0.0.1:{free_port()}"
    task = avro_task(sluice, registry, message={"registry": {"url": url}}, retry={"connect_minutes": 0})
    done = sluice.run("capture", task, "--until-caught-up", status=1)
    failed = done.events("failed")[-1]
    assert failed["code"].startswith("registry_") and url in failed["error"]
    assert "retry.connect_minutes" in failed["error"]


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


# --- precheck ---


def checked(sluice, registry, **options):
    """What the precheck says of the registry."""
    found = Precheck(sluice, task_with(sluice, registry, **options))
    found.items = [i for i in found.items if i["name"].startswith("registry")]
    return found


def carry_out(registry, line):
    """curl -X PUT -H ... --data JSON URL"""
    words = shlex.split(line)
    assert words[:3] == ["curl", "-X", "PUT"] and words[5] == "--data"
    path = words[7].removeprefix(registry.url)
    registry.ask(path, json.loads(words[6]))


def test_precheck_passes_and_registers_nothing(one_row, sluice, registry, names):
    before = registry.ask("/subjects")
    found = checked(sluice, registry, url=registry.url)
    assert found.bad() == set()
    assert [i["name"] for i in found.items] == ["registry_connect", "registry_compatibility",
                                                "registry_register"]
    assert "FULL" in found.items[1]["reason"]
    assert registry.ask("/subjects") == before


def test_precheck_compatibility(one_row, sluice, registry, names):
    registry.compatibility("NONE")
    found = checked(sluice, registry, url=registry.url)
    assert found.bad() == {("registry_compatibility", "warn")}
    carry_out(registry, found.one("registry_compatibility", "warn")["cure"])
    assert checked(sluice, registry, url=registry.url).bad() == set()


def test_precheck_connection(one_row, sluice, registry):
    away = f"http://127.0.0.1:{free_port()}"
    found = checked(sluice, registry, url=away)
    assert found.bad() == {("registry_connect", "fail")} and found.items[0]["passing"]
    found = checked(sluice, registry, url=[away, registry.url])
    assert found.bad() == {("registry_connect", "warn")}
    assert found.one("registry_connect", "warn")["object"] == away
    found = checked(sluice, registry, url=f"http://{registry.address}/nowhere")
    assert "message.registry.url" in found.one("registry_connect", "fail")["reason"]
    with Proxy(registry, "u:p") as proxy:
        item = checked(sluice, registry, url=proxy.url, user="u", password="wrong").one(
            "registry_connect", "fail")
        assert "message.registry.user" in item["reason"] and "wrong" not in item["reason"]
        assert checked(sluice, registry, url=proxy.url, user="u", password="p").bad() == set()


def test_precheck_of_the_right_to_register(one_row, sluice, registry):
    denied = {"error_code": 40301, "message": "User is denied operation Write"}
    with Proxy(registry, answers={("GET", "/mode"): (200, {"mode": "READONLY"})}) as proxy:
        found = checked(sluice, registry, url=proxy.url)
        assert found.bad() == {("registry_register", "fail")}
        assert "READWRITE" in found.one("registry_register", "fail")["cure"]
        for method, path in [a for a in proxy.asked if a[0] == "POST"]:
            proxy.answers[method, path] = (403, denied)
        proxy.answers["GET", "/mode"] = (200, {"mode": "READWRITE"})
        found = checked(sluice, registry, url=proxy.url)
        assert found.bad() == {("registry_register", "fail")}
        items = found.of("registry_register")
        assert len(items) == 4 and all("give it the right" in i["reason"] for i in items)


def test_precheck_of_subjects_that_must_be_there(one_row, source, sluice, registry, names):
    found = checked(sluice, registry, url=registry.url, auto_register=False)
    assert found.bad() == {("registry_subjects", "fail")}
    missing = {i["object"] for i in found.of("registry_subjects")}
    whole = avro_task(sluice, registry, phases=["schema", "full"])
    sluice.run("capture", whole, "--until-caught-up")
    assert missing == {s for s in registry.ask("/subjects") if s.startswith(names.topic)}
    assert checked(sluice, registry, url=registry.url, auto_register=False).bad() == set()
    source.execute(f"ALTER TABLE {names.database}.t ADD COLUMN a INT")
    found = checked(sluice, registry, url=registry.url, auto_register=False)
    assert found.bad() == {("registry_subjects", "fail")}
    item = found.one("registry_subjects", "fail")
    assert item["object"] == subject_of(registry, names)
    assert "does not have the schema of the table as it is now" in item["reason"]


def subject_of(registry, names):
    """That of the rows of t."""
    subject, = [s for s in registry.ask("/subjects") if s.startswith(names.topic) and s.endswith(".t.Envelope")]
    return subject


def test_precheck_of_a_table_that_changed(one_row, source, sluice, registry, names):
    """What the registry would refuse when the first row comes is said before, with its reason."""
    sluice.run("capture", task_with(sluice, registry, url=registry.url), "--until-caught-up")
    table, subject = f"{names.database}.t", subject_of(registry, names)
    source.execute(f"ALTER TABLE {table} ADD COLUMN a INT", f"INSERT INTO {table} VALUES (2, 2)")
    assert checked(sluice, registry, url=registry.url).bad() == set()
    sluice.run("capture", task_with(sluice, registry, url=registry.url), "--until-caught-up")
    before = registry.ask(f"/subjects/{subject}/versions")
    source.execute(f"ALTER TABLE {table} MODIFY a VARCHAR(9)")
    item = checked(sluice, registry, url=registry.url).one("registry_compatibility", "fail")
    assert item["object"] == subject and "at /fields/" in item["reason"] and subject in item["cure"]
    assert registry.ask(f"/subjects/{subject}/versions") == before
    question = f"/compatibility/subjects/{subject}/versions"
    with Proxy(registry) as proxy:  # as Confluent's registry says it, and of all versions
        proxy.answers["GET", f"/config/{subject}"] = (200, {"compatibilityLevel": "FULL_TRANSITIVE"})
        proxy.answers["POST", f"{question}?verbose=true"] = (
            200, {"is_compatible": False, "messages": ["READER_FIELD_MISSING_DEFAULT_VALUE", "and more"]})
        item = checked(sluice, registry, url=proxy.url).one("registry_compatibility", "fail")
        assert "READER_FIELD_MISSING_DEFAULT_VALUE; and more" in item["reason"]
        proxy.answers = {("GET", f"/config/{subject}"): (200, {"compatibilityLevel": "NONE"})}
        for tail in ("", "?verbose=true"):
            proxy.answers["POST", f"{question}/latest{tail}"] = (200, {"is_compatible": True})
        found = checked(sluice, registry, url=proxy.url)
        assert found.bad() == {("registry_compatibility", "warn")}
        item = found.one("registry_compatibility", "warn")
        assert item["object"] == subject and item["cure"].endswith(f"/config/{subject}")
