"""Other people's readers of Canal JSON (tests/e2e/readers), as they are used by their own users."""

import json
import os
import subprocess
from pathlib import Path

from lib.servers import ROOT, STACK

READERS = Path(os.environ.get("SLUICE_CACHE", ROOT / ".cache")) / "readers"


def java():
    done = subprocess.run(
        ["bash", "-c", f'. "{STACK}/common.sh"; java17'], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def read_with(reader, columns, records):
    """The changes that the reader understood: lists of the kind and the columns."""
    done = subprocess.run(
        [java(), "-cp", f"{READERS}/classes:{READERS}/libs/*", "Readers", reader, columns],
        input=b"".join(record.value + b"\n" for record in records),
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines()]
