#!/usr/bin/env python3
"""Mixed load for a long time: make soak MINUTES=30, or bench/soak.py [--minutes N] [--interval S] …

Fifty plain pairs, 49 stored ones, REST and five hundred clients that reconnect run beside each other (bench/crowding/soak.py has the rates).
The exit code is 1 if memory grows, latency grows, or anything was lost or refused. Samples go to bench/out/soak.json.
"""
import argparse
import json
import os
import pathlib
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "Tests/e2e"))
from crowding import people, soak  # noqa: E402
from crowding.bench import Bench  # noqa: E402
from logbench.cluster import Cluster  # noqa: E402
from logbench.report import Report  # noqa: E402


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--interval", type=float, default=10, help="seconds between samples")
    parser.add_argument("--reactors", type=int, default=2)
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "bench/out/soak.json")
    return parser.parse_args()


def main():
    options = parse()
    report = Report({})
    with tempfile.TemporaryDirectory(prefix="confab-bench-") as folder, Cluster(people.database()) as cluster:
        os.chmod(folder, 0o755)
        samples = soak.run(Bench(options, report, folder, cluster, split=False), options.minutes, options.interval)
    found, wrong = soak.verdict(samples)
    wrong += report.wrong
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps({"samples": [one._asdict() for one in samples], "found": found, "wrong": wrong}, indent=1))
    print("\n".join([*found, *(f"WRONG: {what}" for what in wrong), "failed" if wrong else "passed"]))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
