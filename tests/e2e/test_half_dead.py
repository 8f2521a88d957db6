"""Connections that stay open while nothing comes any more are noticed within 30 s, on both sides, and
a statement that only takes long is left alone."""

import time

from lib.proxy import Proxy
from lib.servers import MariaDB, MySQL, mysql_available
from lib.wait import wait_until


def test_silent_servers(source, target, sluice, names):
    table = f"{names.database}.t"
    source.execute(f"CREATE DATABASE {names.database}", f"CREATE TABLE {table} (id INT PRIMARY KEY)")
    with Proxy(source) as source_proxy, Proxy(target) as target_proxy:
        task = sluice.task(
            source={"hosts": [source_proxy.address]},
            target={"hosts": [target_proxy.address]},
            phases=["schema", "full", "incremental"],
        )
        capture, applier = sluice.capture(task), sluice.apply(task)
        source.execute(f"INSERT INTO {table} VALUES (1)")
        target.wait_for(f"SELECT id FROM {table}", ((1,),))
        # a statement that takes longer than the watch's patience
        target.execute(f"CREATE TRIGGER {names.database}.slow BEFORE INSERT ON {table} FOR EACH ROW"
                       " DO SLEEP(12)")
        source.execute(f"INSERT INTO {table} VALUES (2)")
        target.wait_for(f"SELECT id FROM {table} ORDER BY id", ((1,), (2,)), 40)
        assert not applier.events("target_silent") and not applier.events("retry")
        target.execute(f"DROP TRIGGER {names.database}.slow")

        target_proxy.pause()
        source.execute(f"INSERT INTO {table} VALUES (3)")
        wait_until(lambda: target_proxy.held > 0, 10, "a statement under way")
        began = time.monotonic()
        source_proxy.pause()
        retry = capture.wait_event("retry", 30)
        assert retry["code"] in ("mysql_silence", "mysql_error")
        applier.wait_event("retry", 30 - (time.monotonic() - began))
        assert applier.events("target_silent")
        source_proxy.resume()
        target_proxy.resume()
        source.execute(f"INSERT INTO {table} VALUES (4)")
        target.wait_for(f"SELECT COUNT(*) FROM {table}", ((4,),), 60)
        capture.stop()
        applier.stop()


def test_the_server_restarts_and_purges(tmp_path, sluice, names, target):
    """A restart is survived; a log that is purged while the capture is away is named."""
    kind = MySQL if mysql_available() else MariaDB
    with kind(tmp_path / "a") as server:
        table = f"{names.database}.t"
        server.execute(f"CREATE DATABASE {names.database}",
                       f"CREATE TABLE {table} (id INT PRIMARY KEY)")
        task = sluice.task(source={"hosts": [server.address]},
                           phases=["schema", "full", "incremental"])
        capture, applier = sluice.capture(task), sluice.apply(task)
        server.execute(f"INSERT INTO {table} VALUES (1)")
        target.wait_for(f"SELECT id FROM {table}", ((1,),))
        server.restart()
        server.execute(f"INSERT INTO {table} VALUES (2)")
        target.wait_for(f"SELECT id FROM {table} ORDER BY id", ((1,), (2,)), 60)
        with Proxy(server) as proxy:
            capture.stop()
            away = sluice.task(source={"hosts": [proxy.address]}, file="away.yaml")
            capture = sluice.capture(away)
            proxy.pause()
            server.execute(f"INSERT INTO {table} VALUES (3)", "FLUSH LOGS")
            server.execute(f"INSERT INTO {table} VALUES (4)")
            last = server.query("SHOW BINARY LOGS")[-1][0]
            proxy.drop()  # the connections end, what was on its way is lost
            server.execute(f"PURGE BINARY LOGS TO '{last}'")
            proxy.resume()
            assert capture.wait(60) == 3
            failed = capture.events("failed")[-1]
            assert failed["code"] == "mysql_purged" and "full copy" in failed["error"]
        applier.stop()
