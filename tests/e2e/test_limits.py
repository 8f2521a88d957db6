"""Rate limits of the change stream, and SIGHUP, which reads them again."""

import bisect
import signal

from lib.wait import wait_until

ROWS = 24000


def backlog(source, database):
    """ROWS rows of 1 KB, more than all socket buffers hold; returns where it begins in the log."""
    digits = "(SELECT 0 d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5" \
             " UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9)"
    source.execute(f"CREATE DATABASE {database}",
                   f"CREATE TABLE {database}.t (id INT PRIMARY KEY AUTO_INCREMENT, v CHAR(250))")
    statement = "SHOW BINARY LOG STATUS" if source.kind == "mysql" else "SHOW MASTER STATUS"
    file, position = source.query(statement)[0][:2]
    thousand = f"{digits} a, {digits} b, {digits} c"
    source.execute(*[f"INSERT INTO {database}.t (v) SELECT REPEAT('€', 250) FROM {thousand}"]
                   * (ROWS // 1000))
    return f"position:{file}:{position}"


def check_rate(records, rate):
    """By the times at which the records were made: the busiest second is within a tenth of the
    rate. (A quiet one only says that the machine had other things to do.)"""
    times = sorted(r.timestamp_ms for r in records)
    assert times[-1] - times[0] > 1000, "too few records to tell"
    busiest = max(bisect.bisect_left(times, start + 1000) - i for i, start in enumerate(times))
    assert rate * 0.9 <= busiest <= rate * 1.1, f"{busiest} records in a second, not {rate}"


def test_rate_limits_follow_the_task_file(source, sluice, names, reader):
    start = backlog(source, names.database)
    usual = source.value("SELECT @@GLOBAL.net_write_timeout")
    # a server that gives up on slow readers: the stream must not fall under it
    source.execute("SET GLOBAL net_write_timeout = 1")
    try:
        def task(rows):
            return sluice.task(phases=["incremental"], source={"start": start}, target=None,
                               incremental={"rows_per_second": rows})

        def seen(count):
            """The records from the first to be seen now up to count more."""
            begin = len(reader.read()) + 1
            return reader.wait(begin + count)[begin:]

        run = sluice.start("run", task(20))
        run.wait_event("start")  # ready comes with the first whole transaction
        check_rate(reader.wait(80), 20)

        task(2000)
        run.signal(signal.SIGHUP)
        run.wait_event("task_file_read", changed="incremental.rows_per_second")
        seen(100)
        check_rate(seen(4000), 2000)

        task("many")
        run.signal(signal.SIGHUP)
        refused = run.wait_event("task_file_refused")
        assert "incremental.rows_per_second" in refused["error"]
        check_rate(seen(3000), 2000)

        task(0)
        run.signal(signal.SIGHUP)
        run.wait_event("task_file_read", count=2)
        reader.wait(ROWS)
        assert not run.events("retry") and not run.events("child_restarts")
        run.stop()
    finally:
        source.execute(f"SET GLOBAL net_write_timeout = {usual}")
    wait_until(lambda: len(reader.read()) == ROWS, 5)
