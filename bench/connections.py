#!/usr/bin/env python3
"""Measures connections: what one costs, how many there can be, and what others notice of many.

  make bench-connections, or bench/connections.py [--only PARTS] [--rounds N] [--seconds S] [--flashmq PROGRAM] …

Parts: idle, crowd, storms, reconnect, group (docs/performance.md says what each measures), beside Debian's mosquitto, and FlashMQ if it is given.
Servers are pinned to CPU 0, generators to CPU 1. Tables show medians; everything goes to bench/out/connections.json, that of `storms` to
bench/out/storms.json. The exit code is 1 if connections or messages were lost, never because of slowness.
"""
import argparse
import fcntl
import os
import pathlib
import platform
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "Tests/e2e"))
from crowding import group, idle, people, reconnect  # noqa: E402
from crowding.bench import Bench  # noqa: E402
from logbench.cluster import Cluster  # noqa: E402
from logbench.report import Report  # noqa: E402
from support.hub import binary  # noqa: E402

LOCK = "/tmp/bench.lock"
PARTS = {"idle": idle.measure, "crowd": idle.measure_crowd, "reconnect": reconnect.measure, "group": group.measure}
STORMS = "storms"


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join([*PARTS, STORMS]), help="which parts, separated by commas")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10, help="for which pairs are listened to, before and meanwhile")
    parser.add_argument("--idle", type=int, default=5_000, help="connections whose memory is measured")
    parser.add_argument("--returning", type=int, default=10_000, help="clients that come back at once")
    parser.add_argument("--reactors", type=int, default=1)
    parser.add_argument("--names", default="confab,mosquitto,flashmq", help="which servers to measure")
    parser.add_argument("--flashmq", default=os.environ.get("FLASHMQ"), help="FlashMQ's program; without it FlashMQ is left out")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "bench/out/connections.json")
    options = parser.parse_args()
    options.only = options.only.split(",")
    if unknown := set(options.only) - {*PARTS, STORMS}:
        parser.error(f"no such part: {', '.join(unknown)}")
    return options


def facts(options):
    return {"time": time.strftime("%Y-%m-%dT%H:%M:%S"), "machine": f"{os.cpu_count()} × {platform.machine()}, Linux {platform.release()}",
            "binary": binary(), "options": {name: str(value) for name, value in vars(options).items()}}


def measure(options, report):
    parts = [measure for name, measure in PARTS.items() if name in options.only]
    if not parts:
        return
    with (open(LOCK, "w") as lock, tempfile.TemporaryDirectory(prefix="confab-bench-") as folder,
          Cluster(people.database(), "0") as cluster):
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.chmod(folder, 0o755)  # mosquitto runs as a user of its own
        bench = Bench(options, report, folder, cluster)
        for number in range(options.rounds):
            for part in parts:
                part(bench)
            print(f"round {number + 1} of {options.rounds} is done", file=sys.stderr, flush=True)


def storms(options):
    """Processor time per connect is what bench/run.py measures, in these scenarios."""
    command = [sys.executable, str(ROOT / "bench/run.py"), "--only", "^connect", "--rounds", str(options.rounds), "--binary", binary(),
               "--base", "mosquitto", "--names", options.names, "--reactors", str(options.reactors),
               "--out", str(options.out.with_name("storms.json"))]
    if options.flashmq:
        command += ["--flashmq", options.flashmq]
    return subprocess.run(command).returncode


def main():
    options = parse()
    report = Report(facts(options))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    measure(options, report)
    print(report.text(), flush=True)
    report.write(options.out)
    failed = storms(options) if STORMS in options.only else 0
    sys.exit(1 if report.wrong or failed else 0)


if __name__ == "__main__":
    main()
