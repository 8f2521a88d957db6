"""Redis -> Kafka -> Redis, measured on real servers: run.sh redis [--help].

The source holds --rows keys of 100 bytes, which are copied into Kafka and from there to the target;
then redis-benchmark pipelines commands into the source while capture and applier run. In front of
each, the server's own replication to a third one does the same. What arrived is compared, so a run
that loses a key is no figure. How: docs/benchmarks.md.
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

GROUPS = ["copy", "apply", "commands"]
VALUE_BYTES = 100
COPY_TARGET, COMMANDS_TARGET, MEMORY_TARGET_MB = 400_000, 200_000, 64
DONE = "bench:done"
KEYS_AT_ONCE = 100_000
# keys as redis-benchmark's, values of words; DEBUG POPULATE pads with NULs, each of which becomes
# seven bytes in JSON
FILL = """
local words = {}
for word in string.gmatch(ARGV[4], '%S+') do words[#words + 1] = word end
local n = 88172645463 + tonumber(ARGV[1])
for i = tonumber(ARGV[1]), tonumber(ARGV[2]) do
  local text = {}
  for at = 1, 18 do
    n = (n * 16807) % 2147483647
    text[at] = words[n % #words + 1]
  end
  redis.call('SET', string.format('key:%012d', i),
             string.sub(table.concat(text, ' '), 1, tonumber(ARGV[3])))
end"""
WORDS = ("account active address amount article basket blue cancelled city colour confirmed country"
         " customer delivery discount email express green house invoice invoice large letter London"
         " monday number order Paris paid parcel payment pending phone price product quantity red"
         " refund returned season sent shipment small status stock street sunday tax today total"
         " town update vienna voucher waiting weight white yellow zone 17 2024 42 99.90 true null")


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
        with self.source.connect() as connection:
            for first in range(0, self.options.rows, KEYS_AT_ONCE):
                last = min(first + KEYS_AT_ONCE, self.options.rows) - 1
                connection("EVAL", FILL, 0, first, last, VALUE_BYTES, WORDS)
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

    def follow(self):
        """The replica gets everything; keys a second."""
        self.replica.run("REPLICAOF", "NO", "ONE")
        self.replica.empty()
        began = time.monotonic()
        self.replica.run("REPLICAOF", self.source.host, self.source.port)
        wait_until(lambda: self.replica.info("replication").get("master_link_status") == "up", 600,
                   "the replica's copy")
        return self.options.rows / (time.monotonic() - began)

    def leave(self):
        self.replica.run("REPLICAOF", "NO", "ONE")
        self.replica.empty()

    def own_copy(self):
        say("full copy by the server's own replication")
        copies = [self.follow() for _ in range(self.options.repeat)]
        self.leave()
        self.report.add("the server's own replication, full: keys/s", copies, "")

    def own_commands(self):
        say("commands by the server's own replication")
        self.follow()
        rates = [self.options.commands / self.sent_and_arrived(self.replica)
                 for _ in range(self.options.repeat)]
        self.leave()
        self.report.add("the server's own replication, commands/s", rates, "")

    def sent_and_arrived(self, server):
        """Seconds from the first command's sending to the last one's being there."""
        began = time.monotonic()
        self.benchmark()
        self.arrived(server)
        return time.monotonic() - began

    # Ours

    def copy(self):
        self.own_copy()
        name = "full copy into Kafka"
        say(name)

        def run():
            task, file = self.task()
            used = self.measure("capture", file, self.options.rows, ready=False)
            self.drop_topic(task)
            return used

        self.add_usual(name, self.repeated(name, run), COPY_TARGET, None, MEMORY_TARGET_MB)

    def apply(self):
        """Once: comparing the two takes longer than the copy."""
        name = "full copy from Kafka to the target"
        say(name)
        task, file = self.task()
        self.measure("capture", file, self.options.rows, ready=False)
        self.target.empty()
        used = self.measure("apply", file, self.options.rows, ready=False)
        expect_same_digest(self.source, self.target)
        self.report.note(measure=name, **used)
        self.add_usual(name, [used], None, None, MEMORY_TARGET_MB)
        self.drop_topic(task)

    def commands(self):
        self.own_commands()
        name = "commands, end to end"
        say(f"{name}: {self.options.commands:,} by redis-benchmark")
        self.target.empty()
        task, file = self.task()
        running = {c: self.sluice.start(c, file) for c in ("capture", "apply")}
        for process in running.values():
            process.wait_ready(600)
        self.source.run("SET", DONE, "copied")
        self.arrived(self.target)
        results = []
        for _ in range(self.options.repeat):
            results.append(self.commands_run(running))
            self.report.note(measure=name, **results[-1])
            print(f"   {results[-1]}", flush=True)
        for process in running.values():
            process.stop()
        expect_same_digest(self.source, self.target)
        self.drop_topic(task)
        for key, unit, target, more in (
                ("commands_per_second", "", COMMANDS_TARGET, True),
                ("capture_s_per_million", "s", None, False), ("apply_s_per_million", "s", None, False),
                ("capture_peak_mb", "MB", MEMORY_TARGET_MB, False),
                ("apply_peak_mb", "MB", MEMORY_TARGET_MB, False)):
            title = f"{name}: {key.replace('_', ' ').replace(' per ', '/').replace('mb', 'memory')}"
            self.report.add(title, [r[key] for r in results], unit, target, more)

    def commands_run(self, running):
        watch = machine.Watch(self.servers)
        before = {name: cpu_s(process.pid) for name, process in running.items()}
        result = {"commands_per_second":
                  self.options.commands / self.sent_and_arrived(self.target)}
        for name, process in running.items():
            used = cpu_s(process.pid) - before[name]
            result[f"{name}_s_per_million"] = used * 1e6 / self.options.commands
            result[f"{name}_peak_mb"] = peak_mb(process.pid)
        return result | watch.close()

    def run(self):
        self.prepare()
        for group in GROUPS:
            if group in self.options.only:
                self.attempt(getattr(self, group))


def servers(home):
    redis = [Redis(home / name) for name in ("source", "target", "replica")]
    for server in redis:
        server.timeout_s = 600  # DEBUG DIGEST
    return [Kafka(home / "kafka"), *redis]


if __name__ == "__main__":
    bench.main("redis", arguments(), servers, RedisBench)
