#!/usr/bin/env python3
"""Counts what a message costs the hub, in instructions and calls of the Swift runtime, and holds it against bench/profile-budget.json.

  make profile, or bench/profile.py [--only REGEX] [--quick] [--top N] [--update] …

A hub runs under valgrind's callgrind on a PostgreSQL that isn't profiled. Each scenario (bench/profiling/scenarios.py) is measured twice, with
N rounds and with 3 N; a figure is the difference, so what doesn't depend on messages cancels. The exit code is 1 if a figure is more than
a tenth (stored messages: a quarter) over its budget. Figures go to bench/out/profile.json.
"""
import argparse
import collections
import json
import os
import pathlib
import platform
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "Tests/e2e"))
from logbench.cluster import PUBLIC_URL, Cluster  # noqa: E402
from profiling import budget, callgrind, scenarios  # noqa: E402
from support.hub import Hub  # noqa: E402

# The longer measurement has so many times the rounds of the shorter.
LONGER = 3
QUICK_SHARE = 1 / 3
WARM_UP_ROUNDS = 5


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="REGEX of scenario names")
    parser.add_argument("--quick", action="store_true", help="a third of the rounds, as `make test` runs it")
    parser.add_argument("--top", type=int, default=0, help="print so many functions with the most instructions of their own")
    parser.add_argument("--update", action="store_true", help="make the figures the budget")
    parser.add_argument("--budget", type=pathlib.Path, default=budget.PATH)
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "bench/out/profile.json")
    return parser.parse_args()


def about():
    """What figures depend on beside the hub's source."""
    swift = subprocess.run(["swift", "--version"], capture_output=True, text=True).stdout
    valgrind = subprocess.run(["valgrind", "--version"], capture_output=True, text=True).stdout
    found = re.search(r"Swift version [\d.]+", swift)
    return f"{found[0] if found else 'Swift'}, {platform.machine()}, {' '.join(platform.libc_ver())}, {valgrind.strip()}"


def measure(scenario, profiled, token, share):
    """(figures per unit, own instructions by function per unit)"""
    scenario.connect(profiled, token)
    rounds = max(2, round(scenario.rounds * share))
    for _ in range(WARM_UP_ROUNDS):
        scenario.round()
    profiled.take()
    profiles = []
    for count in (rounds, rounds * LONGER):
        for _ in range(count):
            scenario.round()
        profiles.append(profiled.take())
    scenario.close()
    units = rounds * (LONGER - 1) * scenario.units_per_round
    shorter, longer = profiles
    figures = {name: (value - shorter.figures()[name]) / units for name, value in longer.figures().items()}
    own = collections.Counter({name: (spent - shorter.own[name]) / units for name, spent in longer.own.items()})
    return figures, own


def row(scenario, figures, budgets):
    cells = []
    for figure, value in figures.items():
        limit = budgets.get(scenario.name, {}).get(figure)
        beside = "" if limit is None else f" ({limit:g})"
        cells.append((f"{value:,.1f}" if figure == "instructions" else f"{value:.3f}") + beside)
    return "| " + " | ".join([scenario.name, scenario.unit, *cells]) + " |"


def print_top(own, count):
    largest = own.most_common(count)
    for (_, spent), name in zip(largest, callgrind.demangle([name for name, _ in largest])):
        print(f"    {spent:10,.1f}  {name[:150]}")


def run(options):
    """[(scenario, figures)] of all that were asked for, on one hub."""
    chosen = [scenario for scenario in scenarios.all_scenarios() if re.search(options.only, scenario.name)]
    budgets = budget.load(options.budget) if options.budget.exists() else {}
    results = []
    print("| scenario | per | " + " | ".join(("instructions", *callgrind.CALLS)) + " |   (budgets in parentheses)\n|" + "---|" * 8)
    with tempfile.TemporaryDirectory(prefix="confab-profile-") as folder, Cluster(scenarios.database()) as cluster:
        callgrind.make_readable(folder)
        with cluster.fresh_database() as (url, psql):
            hub = Hub("--reactors", "1", "--anonymous", "--public-url", PUBLIC_URL, database=url, data=cluster.keys,
                      listeners=("mqtt", "http"), prefix=callgrind.prefix(folder))
            try:
                profiled = callgrind.ProfiledHub(hub.start(), folder, psql)
                for scenario in chosen:
                    figures, own = measure(scenario, profiled, cluster.token, QUICK_SHARE if options.quick else 1)
                    results.append((scenario, figures))
                    print(row(scenario, figures, budgets), flush=True)
                    print_top(own, options.top)
                hub.stop()
            finally:
                hub.discard()
    return results


def main():
    options = parse()
    results = run(options)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps({"about": about(), "scenarios": {scenario.name: figures for scenario, figures in results}}, indent=2))
    if options.update:
        budget.save(results, about(), options.budget)
        print(f"written: {options.budget}")
        return
    over = [line for scenario, figures in results for line in budget.exceeded(scenario, figures, budget.load(options.budget))]
    for line in over:
        print(f"OVER {line}")
    sys.exit(1 if over else 0)


if __name__ == "__main__":
    main()
