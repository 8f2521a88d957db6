"""The accounts of docs/accounts.md to the letter, over TLS with the server's identity checked; and
what must not be trusted is refused, with a line that says why."""

import re

import pytest

from lib.servers import ROOT, STACK, TLS, MariaDB, MySQL, mysql_available

PHASES = ["schema", "full", "incremental"]
VERIFY = {"mode": "verify-identity", "ca": str(TLS / "ca.pem")}
KINDS = [MariaDB, pytest.param(MySQL, marks=pytest.mark.skipif(
    not mysql_available(), reason="no MySQL from Debian sid"))]


def documented():
    """The statements of docs/accounts.md."""
    text = (ROOT / "docs" / "accounts.md").read_text()
    return [s for block in re.findall(r"```sql\n(.*?)```", text, re.S) for s in block.split(";\n") if s]


def test_the_tests_run_with_the_documented_accounts():
    stack = re.sub(r"--.*", "", (STACK / "grants.sql").read_text())
    mine = [s.strip() for s in stack.split(";") if re.search(r"\bsluice_(source|target)\b", s)]
    assert mine == [s.replace("shop.*", "*.*").replace("'…'", "'sluice'") for s in documented()]


@pytest.mark.parametrize("kind", KINDS)
def test_least_privilege_on_databases(tmp_path, sluice, names, kind):
    """From a server to itself would be a loop: each end of its own kind, the target under another
    database's name. The accounts may do nothing elsewhere."""
    with kind(tmp_path / "source") as source, kind(tmp_path / "target") as target:
        source.execute("CREATE DATABASE shop", "CREATE DATABASE other",
                       "CREATE TABLE shop.t (id INT PRIMARY KEY, v VARCHAR(20))",
                       "CREATE TABLE other.t (id INT PRIMARY KEY)", "INSERT INTO shop.t VALUES (1, 'a')")
        for server, account in ((source, "sluice_source"), (target, "sluice_target")):
            server.execute(f"DROP USER {account}@'%'", *[
                s.replace("'…'", "'sluice'") for s in documented() if account in s])
        task = sluice.task({"phases": PHASES, "objects": {"include": ["shop.*"]}},
                           source={"hosts": [source.address]}, target={"hosts": [target.address]})
        warnings = ["--ignore", "target_max_packet"]
        sluice.run("precheck", task, *warnings)
        runner = sluice.start("run", task)
        target.wait_for("SELECT * FROM shop.t", ((1, "a"),))
        source.execute("INSERT INTO shop.t VALUES (2, 'b')", "ALTER TABLE shop.t ADD COLUMN w INT",
                       "UPDATE shop.t SET w = 7 WHERE id = 1", "CREATE TABLE shop.u (id INT PRIMARY KEY)",
                       "INSERT INTO shop.u VALUES (5)", "DELETE FROM shop.t WHERE id = 2")
        target.wait_for("SELECT * FROM shop.u", ((5,),))
        target.wait_for("SELECT * FROM shop.t", ((1, "a", 7),))
        runner.stop()


def test_it_is_encrypted(source, target, sluice, names):
    source.execute(f"CREATE DATABASE {names.database}",
                   f"CREATE TABLE {names.database}.t (id INT PRIMARY KEY)")
    out = sluice.run("precheck", sluice.task({"phases": PHASES}), status=None).stdout
    for end in ("source", "target"):
        assert re.search(rf"^pass +{end}_tls .*encrypted \(\S+\)", out, re.M), out
    # REQUIRE SSL: without it the account may not come in
    for end, command in (("source", "capture"), ("target", "apply")):
        task = sluice.task({"phases": ["incremental"]}, **{end: {"tls": {"mode": "off", "ca": None}}})
        process = sluice.start(command, task)
        assert process.wait(60) == 3, process.stderr


def refused(sluice, end, server, tls, *words):
    command = "capture" if end == "source" else "apply"
    task = sluice.task({"phases": ["incremental"]}, **{end: {"hosts": [server], "tls": tls}})
    process = sluice.start(command, task)
    assert process.wait(60) == 3, process.stderr
    last = process.lines[-1]
    assert "mysql_tls" in last and f"{end}.tls" in last, last
    assert any(word in last.lower() for word in words), last


@pytest.mark.parametrize("mode", ["verify-ca", "verify-identity"])
@pytest.mark.parametrize("end", ["source", "target"])
def test_another_ca(source, target, sluice, end, mode):
    server = source if end == "source" else target
    refused(sluice, end, server.address, {"mode": mode, "ca": str(TLS / "other-ca.pem")},
            "trust", "certificate", "issuer", "signed")


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_name_and_out_of_date(tmp_path, sluice, kind):
    with kind(tmp_path / "named", f"--ssl-cert={TLS}/other-name.pem") as server:
        for end in ("source", "target"):
            refused(sluice, end, server.address, VERIFY, "name", "owner", "match")
            # who only wants to know the CA gets in
            command = "capture" if end == "source" else "apply"
            task = sluice.task({"phases": ["incremental"]},
                               **{end: {"hosts": [server.address], "tls": {"mode": "verify-ca"}}})
            sluice.start(command, task).wait_ready()
    with kind(tmp_path / "old", f"--ssl-cert={TLS}/expired.pem") as server:
        for end in ("source", "target"):
            refused(sluice, end, server.address, VERIFY, "expired")


@pytest.mark.parametrize("kind", KINDS)
def test_client_certificates(tmp_path, sluice, kind):
    with kind(tmp_path / "server") as server:
        server.execute("ALTER USER sluice_source@'%' REQUIRE X509",
                       "ALTER USER sluice_target@'%' REQUIRE X509")
        own = {**VERIFY, "cert": str(TLS / "client.pem"), "key": str(TLS / "client.key")}
        for end, command in (("source", "capture"), ("target", "apply")):
            task = sluice.task({"phases": ["incremental"]}, **{end: {"hosts": [server.address]}})
            process = sluice.start(command, task)
            assert process.wait(60) == 3, process.stderr
            task = sluice.task({"phases": ["incremental"]},
                               **{end: {"hosts": [server.address], "tls": own}})
            sluice.start(command, task).wait_ready()


def test_localhost_by_name(source, target, sluice, names):
    """The certificate holds the name, too."""
    ends = {"source": {"hosts": [f"localhost:{source.port}"]},
            "target": {"hosts": [f"localhost:{target.port}"]}}
    task = sluice.task({"phases": ["incremental"]}, **ends)
    sluice.capture(task)
    sluice.apply(task)


@pytest.mark.parametrize("end", ["source", "target"])
def test_a_server_without_tls(tmp_path, sluice, end):
    with MariaDB(tmp_path / "server", "--skip-ssl") as server:
        server.execute("ALTER USER sluice_source@'%' REQUIRE NONE",
                       "ALTER USER sluice_target@'%' REQUIRE NONE")
        for mode in ("required", "verify-ca", "verify-identity"):
            task = sluice.task({"phases": ["incremental"]},
                               **{end: {"hosts": [server.address], "tls": {"mode": mode}}})
            process = sluice.start("capture" if end == "source" else "apply", task)
            assert process.wait(60) == 3, process.stderr
            assert "tls" in process.lines[-1].lower()
