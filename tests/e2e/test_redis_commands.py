"""The servers of the tests say of their commands what tests/golden/redis_commands holds, against
which the unit test holds our table."""

import subprocess
import sys

import pytest
from lib.redis import KINDS, Redis, available
from lib.servers import ROOT

GOLDEN = ROOT / "tests" / "golden" / "redis_commands"


@pytest.mark.parametrize("kind", KINDS)
def test_the_golden_answers_are_the_servers(tmp_path, kind):
    if not available(kind):
        pytest.skip(f"{kind} is not to be had")
    with Redis(tmp_path / "server", kind=kind) as server:
        port = server.address.rsplit(":", 1)[1]
        made = subprocess.run([sys.executable, GOLDEN / "make.py", port], capture_output=True,
                              text=True, timeout=60, check=True)
    assert made.stdout == (GOLDEN / f"{kind}.txt").read_text()
