"""Rate limits of the change stream and of the full copy, and SIGHUP, which reads them again."""

import bisect
import json
import signal
import time

from lib.wait import wait_until

ROWS = 24000


def backlog(source, database):
    """ROWS rows of 750 bytes, more than all socket buffers hold; returns where it begins in the log,
    and how many bytes of it a row takes."""
    digits = "(SELECT 0 d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5" \
             " UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9)"
    source.execute(f"CREATE DATABASE {database}",
                   f"CREATE TABLE {database}.t (id INT PRIMARY KEY AUTO_INCREMENT, v CHAR(250))")
    statement = "SHOW BINARY LOG STATUS" if source.kind == "mysql" else "SHOW MASTER STATUS"
    source.execute("FLUSH BINARY LOGS")
    file, position = source.query(statement)[0][:2]
    thousand = f"{digits} a, {digits} b, {digits} c"
    source.execute(*[f"INSERT INTO {database}.t (v) SELECT REPEAT('€', 250) FROM {thousand}"]
                   * (ROWS // 1000))
    end_file, end = source.query(statement)[0][:2]
    assert end_file == file
    return f"position:{file}:{position}", (end - position) / ROWS


def check_rate(times, rate, tolerance=0.1):
    """By the times in ms: no more than the rate over the whole of them (a second alone may get what
    the one before it could not commit), and in the busiest second no less (a quiet one only says
    that the machine had other things to do)."""
    times = sorted(times)
    average = len(times) * 1000 / (times[-1] - times[0])
    busiest = max(bisect.bisect_left(times, start + 1000) - i for i, start in enumerate(times))
    assert average <= rate * (1 + tolerance), f"{average:.0f} records/s at a limit of {rate}"
    assert busiest >= rate * (1 - tolerance), f"{busiest} records in a second, not {rate}"


def made(records):
    return [r.timestamp_ms for r in records]


def read_at(records):
    """When the full copy read them at the source; they are published as the producer comes to it."""
    return [r.json["ts"] for r in records]


def test_rate_limits_follow_the_task_file(source, sluice, names, reader):
    start, row_bytes = backlog(source, names.database)
    usual = source.value("SELECT @@GLOBAL.net_write_timeout")
    # a server that gives up on slow readers: the stream must not fall under it
    source.execute("SET GLOBAL net_write_timeout = 1")
    try:
        def task(rows, mb=0):
            return sluice.task(phases=["incremental"], source={"start": start}, target=None,
                               incremental={"rows_per_second": rows, "mb_per_second": mb})

        def seen(count):
            """The records from the first to be seen now up to count more."""
            begin = len(reader.read()) + 1
            return reader.wait(begin + count)[begin:]

        run = sluice.start("run", task(20))
        run.wait_event("start")  # ready comes with the first whole transaction
        reader.wait(20)  # the first wait for their transaction to begin
        check_rate(made(seen(100)), 20)

        task(1000)
        run.signal(signal.SIGHUP)
        run.wait_event("task_file_read", changed="incremental.rows_per_second")
        seen(100)
        check_rate(made(seen(4000)), 1000)

        task("many")
        run.signal(signal.SIGHUP)
        refused = run.wait_event("task_file_refused")
        assert "incremental.rows_per_second" in refused["error"]
        check_rate(made(seen(1500)), 1000, 0.25)

        task(0, mb=1)
        run.signal(signal.SIGHUP)
        changed = run.wait_event("task_file_read", count=2)["changed"]
        assert changed == "incremental.rows_per_second incremental.mb_per_second"
        seen(100)
        check_rate(made(seen(5000)), 1000000 / row_bytes)

        task(0)
        run.signal(signal.SIGHUP)
        run.wait_event("task_file_read", count=3)
        reader.wait(ROWS)
        assert not run.events("retry") and not run.events("child_restarts")
        run.stop()
    finally:
        source.execute(f"SET GLOBAL net_write_timeout = {usual}")
    wait_until(lambda: len(reader.read()) == ROWS, 5)


def check_query_rate(source, rate, count=100):
    """By the SELECTs that the server counts, from one to the count-th after it."""
    def asked():
        return int(source.query("SHOW GLOBAL STATUS LIKE 'Com_select'")[0][1])

    def next_one(before):
        return wait_until(lambda: (now := asked()) > before and now, 20, "a query of the full copy")

    first = next_one(asked())
    began = time.monotonic()
    last = wait_until(lambda: (now := asked()) >= first + count and now, 60, "queries of the full copy")
    measured = (last - first) / (time.monotonic() - began)
    assert rate * 0.9 <= measured <= rate * 1.1, f"{measured:.1f} queries/s at a limit of {rate}"


def test_full_copy_follows_the_task_file(source, sluice, names, reader):
    backlog(source, names.database)

    def task(**limits):
        return sluice.task(phases=["full", "incremental"], target=None,
                           full={"chunk_rows": 100, "threads": 2, **limits})

    def seen(count):
        begin = len(reader.read())
        return reader.wait(begin + count)[begin:]

    def changed_to(count, **limits):
        file = task(**limits)
        capture.signal(signal.SIGHUP)
        capture.wait_event("task_file_read", count=count)
        return file

    capture = sluice.capture(task(rows_per_second=400))
    reader.wait(100)
    check_rate(read_at(seen(1200)), 400)
    file = changed_to(1, rows_per_second=1500)
    seen(300)
    check_rate(read_at(seen(6000)), 1500)

    shown = json.loads(sluice.run("status", file, "--json", status=None).stdout)["capture"]["copy"]
    changed_to(2, mb_per_second=1)
    seen(200)
    check_rate(read_at(seen(5000)), 1000000 * shown["rows"] / shown["bytes"])

    changed_to(3, queries_per_second=20)
    seen(200)
    check_query_rate(source, 20)
    changed_to(4)
    capture.wait_event("full_copy_done")
    reader.wait(ROWS)
    capture.stop()


def test_applier_reads_the_task_file_again(source, target, sluice, names):
    """It has no rates of its own; what else changes needs a restart, and a bad file stops nothing."""
    table = f"{names.database}.t"
    source.execute(f"CREATE DATABASE {names.database}", f"CREATE TABLE {table} (id INT PRIMARY KEY)")
    task = sluice.task(phases=["schema", "full", "incremental"])
    sluice.capture(task)
    applier = sluice.apply(task)

    def goes_on(id_):
        source.execute(f"INSERT INTO {table} VALUES ({id_})")
        target.wait_for(f"SELECT COUNT(*) FROM {table} WHERE id = {id_}", ((1,),))

    goes_on(1)
    sluice.task(phases=["schema", "full", "incremental"], incremental={"rows_per_second": 5000},
                target={"conflict": "overwrite"})
    applier.signal(signal.SIGHUP)
    assert applier.wait_event("task_file_read")["changed"] == "incremental.rows_per_second"
    assert applier.wait_event("restart_needed")["changed"] == "target.conflict"
    goes_on(2)
    sluice.task(phases=["schema", "full", "incremental"], target={"conflict": "perhaps"})
    applier.signal(signal.SIGHUP)
    assert "target.conflict" in applier.wait_event("task_file_refused")["error"]
    goes_on(3)
    target.execute(f"INSERT INTO {table} VALUES (4)")  # report is still what counts
    source.execute(f"INSERT INTO {table} VALUES (4)")
    assert applier.wait() == 1
    assert applier.events("failed")[-1]["code"].startswith("conflict")
