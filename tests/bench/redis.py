"""Redis -> Kafka -> Redis, measured on real servers: run.sh redis [--help].

The source holds --rows keys of 100 bytes. Its own replication to a third server is measured first,
on the same data and in the same run; then the full copy into Kafka, from Kafka to the target, and
commands that redis-benchmark pipelines into the source while capture and applier run. What arrived
is counted or compared, so a run that loses a key is no figure. How: docs/benchmarks.md.
"""

import subprocess
import time
from pathlib import Path

import bench
import machine
from bench import say
from lib.redis import Redis
from lib.redis_compare import expect_same_digest
from lib.servers import STACK, Kafka
from lib.wait import wait_until

GROUPS = ["replica", "copy", "apply", "commands"]
VALUE_BYTES = 100
COPY_TARGET, COMMANDS_TARGET, MEMORY_TARGET_MB = 400_000, 200_000, 64
DONE = "bench:done"


def arguments():
    parser = bench.parser("redis", __doc__, GROUPS, 10_000_000)
    parser.add_argument("--commands", type=int, default=3_000_000, metavar="N",
                        help="commands of redis-benchmark, in each run [3000000]")
    return bench.parse(parser, GROUPS, {"rows": 200_000, "repeat": 1, "commands": 200_000})


def cpu_s(*pids):
    return sum(machine.process_ticks(pid) for pid in pids) / machine.TICK


def peak_mb(pid):
    return int(Path(f"/proc/{pid}/status").read_text().split("VmHWM:")[1].split()[0]) / 1024


class RedisBench(bench.Bench):
    def __init__(self, options, servers):
        account = {"password": "sluice"}
        super().__init__(options, servers, "Redis to Kafka to Redis", {
            "source": {"type": "redis", "hosts": servers[1].addresses, "user": "sluice_source",
                       **account},
            "phases": ["full", "incremental"],
            "target": {"type": "redis", "hosts": servers[2].addresses, "user": "sluice_target",
                       "conflict": "overwrite", **account},
        })
        self.replica = servers[3]

    def prepare(self):
        say(f"the source: {self.options.rows:,} keys of {VALUE_BYTES} bytes")
        with self.source.connect(timeout_s=300) as connection:
            connection("DEBUG", "POPULATE", self.options.rows, "key", VALUE_BYTES)
        used = int(self.source.info("memory")["used_memory"])
        self.report.facts["source"] += f", {used / self.options.rows:.0f} bytes of memory a key"

    def benchmark(self):
        """Pipelines the commands into the source, then one that tells when all have arrived."""
        subprocess.run(
            [STACK / "redis-run.sh", "redis-7.0", "redis-benchmark", "-h", self.source.host,
             "-p", str(self.source.port), "-t", "set", "-n", str(self.options.commands),
             "-r", str(self.options.rows), "-d", str(VALUE_BYTES), "-c", "20", "-P", "100", "-q"],
            check=True, stdout=subprocess.DEVNULL, timeout=600)
        self.source.run("SET", DONE, time.time())

    def arrived(self, server):
        wanted = self.source.run("GET", DONE)
        wait_until(lambda: server.run("GET", DONE) == wanted, 600, "the last command's arrival")

    # The server's own replication

    def own_replication(self):
        say("the server's own replication")
        copies, streams = [], []
        for _ in range(self.options.repeat):
            self.replica.run("REPLICAOF", "NO", "ONE")
            self.replica.empty()
            began = time.monotonic()
            self.replica.run("REPLICAOF", self.source.host, self.source.port)
            wait_until(
                lambda: self.replica.info("replication").get("master_link_status") == "up", 600,
                "the replica's copy")
            copies.append(self.options.rows / (time.monotonic() - began))
            began = time.monotonic()
            self.benchmark()
            self.arrived(self.replica)
            streams.append(self.options.commands / (time.monotonic() - began))
        self.replica.run("REPLICAOF", "NO", "ONE")
        self.replica.empty()
        self.report.add("the server's own replication, full: keys/s", copies, "")
        self.report.add("the server's own replication, commands/s", streams, "")

    # Ours

    def copy(self):
        name = "full copy into Kafka"
        say(name)
        keys = sum(self.source.databases().values())

        def run():
            task, file = self.task()
            used = self.measure("capture", file, keys, ready=False)
            self.drop_topic(task)
            return used

        self.add_usual(name, self.repeated(name, run), COPY_TARGET, None, MEMORY_TARGET_MB)

    def apply(self):
        name = "full copy from Kafka to the target"
        say(name)
        keys = sum(self.source.databases().values())
        task, file = self.task()
        self.measure("capture", file, keys, ready=False)

        def run():
            self.target.empty()
            used = self.measure("apply", file, keys, ready=False)
            expect_same_digest(self.source, self.target)
            return used

        self.add_usual(name, self.repeated(name, run), None, None, MEMORY_TARGET_MB)
        self.drop_topic(task)

    def commands(self):
        """End to end, from the first command's sending to the last one's being at the target."""
        name = "commands, end to end"
        say(f"{name}: {self.options.commands:,} by redis-benchmark")
        results = []
        for _ in range(self.options.repeat):
            results.append(self.commands_run())
            self.report.note(measure=name, **results[-1])
            print(f"   {results[-1]}", flush=True)
        for key, unit, target, more in (
                ("commands_per_second", "", COMMANDS_TARGET, True),
                ("capture_s_per_million", "s", None, False), ("apply_s_per_million", "s", None, False),
                ("capture_peak_mb", "MB", MEMORY_TARGET_MB, False),
                ("apply_peak_mb", "MB", MEMORY_TARGET_MB, False)):
            title = f"{name}: {key.replace('_', ' ').replace(' per ', '/').replace('mb', 'memory')}"
            self.report.add(title, [r[key] for r in results], unit, target, more)

    def commands_run(self):
        """The target then holds what the source got since the start, and nothing else."""
        self.target.empty()
        task, file = self.task(source={"start": "now"}, phases=["incremental"])
        running = {"capture": self.sluice.capture(file), "apply": self.sluice.apply(file)}
        watch = machine.Watch(self.servers)
        before = {name: cpu_s(process.pid) for name, process in running.items()}
        began = time.monotonic()
        self.benchmark()
        self.arrived(self.target)
        took = time.monotonic() - began
        million = self.options.commands / 1e6
        result = {"commands_per_second": self.options.commands / took}
        for name, process in running.items():
            result[f"{name}_s_per_million"] = (cpu_s(process.pid) - before[name]) / million
            result[f"{name}_peak_mb"] = peak_mb(process.pid)
        result |= watch.close()
        for process in running.values():
            process.stop()
        self.drop_topic(task)
        return result

    def run(self):
        self.prepare()
        steps = {"replica": self.own_replication, "copy": self.copy, "apply": self.apply,
                 "commands": self.commands}
        for group, measure in steps.items():
            if group in self.options.only:
                self.attempt(measure)


def servers(home):
    return [Kafka(home / "kafka"), *(Redis(home / n) for n in ("source", "target", "replica"))]


if __name__ == "__main__":
    bench.main("redis", arguments(), servers, RedisBench)
