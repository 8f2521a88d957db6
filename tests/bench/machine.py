"""What the figures were taken on, and who else used the processors meanwhile."""

import datetime
import os
import platform
import re
import subprocess
import time
from pathlib import Path

from lib.servers import ROOT
from lib.sluice import BIN

TICK = os.sysconf("SC_CLK_TCK")


def output(*command):
    """What a command prints, "?" when it cannot be had."""
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30)
    except OSError:
        return "?"
    return done.stdout.strip() if done.returncode == 0 else "?"


def cpu_model():
    found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.M)
    return found.group(1) if found else platform.machine()


def memory_gb():
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30


def kafka_version(kafka):
    found = re.search(r"kafka-([0-9.]+)/libs", Path(f"/proc/{kafka.pid}/cmdline").read_text())
    return found.group(1) if found else "?"


def words_of(server):
    return f"{server.kind.partition('-')[0]} {server.version}"


def facts(kafka, source, target):
    """An ordered dict of words for the head of the report."""
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": output("git", "--no-optional-locks", "describe", "--always", "--dirty"),
        "sluice": output(str(BIN / "sluice"), "--version"),
        "processors": f"{os.cpu_count()} x {cpu_model()}",
        "memory": f"{memory_gb():.0f} GB",
        "kernel": platform.release(),
        "source": words_of(source),
        "target": words_of(target),
        "kafka": f"{kafka_version(kafka)}, one broker",
        "librdkafka": output("pkg-config", "--modversion", "rdkafka"),
        "load average at the start": " ".join(f"{load:.2f}" for load in os.getloadavg()),
    }


def machine_ticks():
    """(busy, stolen) ticks of all processors since the boot."""
    with open("/proc/stat") as file:
        user, nice, system, _, _, irq, softirq, steal = map(int, file.readline().split()[1:9])
    return user + nice + system + irq + softirq, steal


def process_ticks(pid):
    text = Path(f"/proc/{pid}/stat").read_text()
    fields = text.rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


class Watch:
    """From its making to close(): the cores that the servers, and that anything else used. What is
    measured must have been waited for by then, which makes its time part of this process's."""

    def __init__(self, servers):
        self.load = os.getloadavg()[0]
        self._servers = servers
        self._began = self._now()

    def _now(self):
        own = sum(os.times()[:4])
        busy, steal = machine_ticks()
        servers = {s.directory.name: process_ticks(s.pid) / TICK for s in self._servers}
        return time.monotonic(), busy / TICK, steal / TICK, own, servers

    def close(self):
        at, busy, steal, own, servers = self._now()
        at0, busy0, steal0, own0, servers0 = self._began
        took = at - at0
        by_server = {name: servers[name] - servers0[name] for name in servers}
        others = busy - busy0 - (own - own0) - sum(by_server.values())
        return {
            "load": round(self.load, 2),
            "others_cores": round(max(0.0, others) / took, 2),
            "steal_cores": round((steal - steal0) / took, 2),
            "servers_cores": {name: round(s / took, 2) for name, s in by_server.items()},
        }
