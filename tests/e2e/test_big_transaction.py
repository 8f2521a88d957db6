"""A transaction of 1,000,000 rows through both programs, each under 128 MB, atomic at the target.
SLUICE_BIG_ROWS and SLUICE_BIG_WIDTH make it larger: `./dev soak` sends 10 GB. The measured figures are
printed; sanitizers multiply memory, so the bound is asserted without them."""

import os

import pytest

from lib.sluice import BIN
from lib.wait import wait_until

ROWS = int(os.environ.get("SLUICE_BIG_ROWS", "1000000"))
WIDTH = int(os.environ.get("SLUICE_BIG_WIDTH", "150"))
LIMIT_MB = 128
DEADLINE_S = 600 + ROWS * WIDTH // 1_000_000


def sanitized():
    return b"__asan_init" in (BIN / "sluice-capture-mysql").read_bytes()


@pytest.mark.timeout(300 + 2 * DEADLINE_S)
def test_million_rows(source, target, sluice, names):
    name = f"{names.database}.big"
    source.execute(
        f"CREATE DATABASE {names.database}",
        f"CREATE TABLE {name} (id INT PRIMARY KEY, v VARCHAR({WIDTH + 50}), n BIGINT)",
    )
    task = sluice.task(phases=["schema", "full", "incremental"])
    capture, applier = sluice.capture(task), sluice.apply(task)
    source.execute(
        f"SET SESSION cte_max_recursion_depth = {ROWS + 1}" if source.kind == "mysql" else "SELECT 1",
        f"INSERT INTO {name} WITH RECURSIVE s (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s"
        f" WHERE i < {ROWS}) SELECT i, REPEAT(CHAR(65 + i % 26), {WIDTH}), i * 7 FROM s",
    )
    seen = set()

    def arrived():
        seen.add(target.value(f"SELECT COUNT(*) FROM {name}"))
        return ROWS in seen

    wait_until(arrived, DEADLINE_S, "all rows at the target", interval_s=ROWS / 10_000_000)
    assert seen <= {0, ROWS}, f"seen at the target: {sorted(seen)}"
    check = f"SELECT COUNT(*), SUM(CRC32(CONCAT_WS('#', id, v, n))) FROM {name}"
    assert source.query(check) == target.query(check)
    peaks = {"capture": capture.peak_rss_mb, "applier": applier.peak_rss_mb}
    print({part: f"{mb:.0f} MB" for part, mb in peaks.items()})
    if not sanitized():
        assert all(mb < LIMIT_MB for mb in peaks.values()), peaks
    capture.stop()
    applier.stop()
