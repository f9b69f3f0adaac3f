#!/usr/bin/env python3
"""Measures stored messages: what PostgreSQL gives a bare client for the hub's statement, and what of that the hub gives its own.

  make bench-log, or bench/log.py [--only PARTS] [--rounds N] [--seconds S] …

Parts: floor, pairs, group, catchup, startup (docs/performance.md says what each measures). Rounds are interleaved, every measurement has a
fresh database in one cluster with the hub's settings, and tables show medians with budgets beside them. Everything goes to bench/out/.
The exit code is 1 if anything was lost, doubled, out of order or unanswered, never because of slowness."""
import argparse
import os
import pathlib
import platform
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "Tests/e2e"))
from logbench import catchup, cluster, floor, group, pairs, seed, startup  # noqa: E402
from logbench.bench import Bench  # noqa: E402
from logbench.report import Report  # noqa: E402
from support.hub import binary  # noqa: E402

PARTS = ("floor", "pairs", "group", "catchup", "startup")

SHARED = ("Nothing is pinned: the hub, its PostgreSQL and the generator share the cores, as the floor and PostgreSQL do. So the generator's CPU "
          "time counts against the hub, and `generator` says how much that is.")
SPLIT = ("What serves (hub or floor, and PostgreSQL) has CPU 0, what generates load CPU 1. So the generator takes nothing from the hub, but "
         "two writers share one core.")


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(PARTS), help="which parts, separated by commas")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4, help="measured time of each load")
    parser.add_argument("--windows", default="1,16,64", help="of the publishers in `pairs`; the last is the one for throughput")
    parser.add_argument("--reactors", type=int, default=1)
    parser.add_argument("--rows", type=int, default=1_000_000, help="stored sessions in `startup`, and as many topics")
    parser.add_argument("--backlog", type=int, default=100_000, help="messages in `catchup`")
    parser.add_argument("--patience", type=float, default=0, 
                        help="seconds for which a measurement waits until the machine is quiet, and is repeated if it was not")
    parser.add_argument("--split", action="store_true", help="the server side on CPU 0, the generator on CPU 1")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "bench/out/log.json")
    options = parser.parse_args()
    options.only = options.only.split(",")
    if unknown := set(options.only) - set(PARTS):
        parser.error(f"no such part: {', '.join(unknown)}")
    options.windows = [int(window) for window in options.windows.split(",")]
    return options


def facts(options):
    cpu = next((line.partition(":")[2].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                if line.startswith("model name")), "?")
    return {"time": time.strftime("%Y-%m-%dT%H:%M:%S"), "machine": f"{os.cpu_count()} × {cpu}, Linux {platform.release()}",
            "postgres": cluster.server_version(), "binary": binary(),
            "options": {name: str(value) for name, value in vars(options).items()}}


def main():
    options = parse()
    report = Report(facts(options))
    print(f"{report.facts['machine']}; {report.facts['postgres']}; {report.facts['binary']}; {options.reactors} reactor(s)\n"
          f"{options.rounds} rounds of {options.seconds:g} s. {SPLIT if options.split else SHARED}\n", flush=True)
    with tempfile.TemporaryDirectory(prefix="confab-bench-") as folder:
        bench = Bench(options, report, folder)
        if set(options.only) - {"startup"}:
            with cluster.Cluster(seed.template(), bench.server_cpu) as bench.cluster:
                for number in range(options.rounds):
                    run_round(bench)
                    print(f"round {number + 1} of {options.rounds} is done", file=sys.stderr)
        if "startup" in options.only:
            startup.measure(bench)
    print(report.text())
    report.write(options.out)
    print(f"written: {options.out}")
    sys.exit(1 if report.wrong else 0)


def run_round(bench):
    only = bench.options.only
    best = floor.measure(bench) if "floor" in only else 0
    if "pairs" in only:
        pairs.measure(bench, best)
    if "group" in only:
        group.measure(bench)
    if "catchup" in only:
        catchup.measure(bench)


if __name__ == "__main__":
    main()
