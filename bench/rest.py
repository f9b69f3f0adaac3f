#!/usr/bin/env python3
"""Measures the REST API beside the FastAPI peer: `make bench-rest`, or bench/rest.py [--only TEXT] [--rounds N] [--seconds S] …

The peer and the load (peer.sh, rest_bench.py) are not part of this repository: they are taken from ../shared/bench/peer_fastapi, or from the
folder that --peer names. The peer's Python packages go into a virtual environment of its own; wrk is Debian's. Rounds are interleaved, and each
begins with fresh databases. Prints medians, and ratios within a round; each round's figures go to bench/out/rest.json.

With --large it measures the hub alone, on a log of 1,000,000 messages and a user with 1,000 conversations (large.py): medians of the rounds, and
the figures to bench/out/rest-large.json.
"""
import argparse
import contextlib
import fcntl
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "Tests/e2e"))

import large  # noqa: E402
from support.hub import Hub  # noqa: E402

LOCK = "/tmp/bench.lock"
PACKAGES = ("fastapi", "uvicorn", "uvloop", "httptools", "websockets", "asyncpg", "orjson", "pyjwt", "pydantic")
PEER_CPU_SHARE_MAX = 1 / 8
POST_RATE_RATIO_MIN = 5


def find_peer(named):
    candidates = [named] if named else [ROOT.parent / "shared/bench/peer_fastapi", ROOT.parents[1] / "shared/bench/peer_fastapi"]
    for candidate in candidates:
        folder = pathlib.Path(candidate)
        if (folder / "rest_bench.py").exists() and (folder / "peer.sh").exists():
            return folder.resolve()
    sys.exit("bench: no peer.sh and rest_bench.py in " + " or ".join(str(candidate) for candidate in candidates))


def peer_python():
    """The peer's virtual environment, made once and kept outside the repository."""
    folder = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "confab-bench/peer"
    if not (folder / "bin/uvicorn").exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(folder / "bin/pip"), "install", "--quiet", *PACKAGES], check=True)
    return folder / "bin/python"


@contextlib.contextmanager
def hub():
    """Yields (url, pid, pid of its PostgreSQL)."""
    server = Hub("--reactors", "1", listeners=("http",))
    try:
        server.start()
        yield f"http://127.0.0.1:{server.ports['http']}", server.process.pid, server.postgres_pid()
        server.stop()
    finally:
        server.discard()


@contextlib.contextmanager
def peer(folder):
    """Yields the same of the peer."""
    home = tempfile.mkdtemp(prefix="confab-peer-")
    os.chmod(home, 0o755)
    environment = {**os.environ, "PEER_HOME": home, "PEER_PYTHON": str(peer_python())}
    run = ["sh", str(folder / "peer.sh")]
    try:
        subprocess.run([*run, "start"], check=True, env=environment)
        words = subprocess.run([*run, "pids"], check=True, env=environment, capture_output=True, text=True).stdout.split()
        yield "http://127.0.0.1:18080", int(words[1]), int(words[3])
    finally:
        subprocess.run([*run, "stop"], env=environment)
        shutil.rmtree(home, ignore_errors=True)


def measure(folder, server, options):
    """One round: the figures by (name, connections)."""
    url, pid, postgres = server
    with tempfile.TemporaryDirectory() as place:
        report = pathlib.Path(place) / "report.json"
        command = [sys.executable, str(folder / "rest_bench.py"), "--url", url, "--server-pid", str(pid), "--postgres-pid",
                   str(postgres), "--seconds", str(options.seconds), "--rounds", "1", "--json", str(report)]
        if options.only:
            command += ["--only", options.only]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return {(row["name"], row["connections"]): row for row in json.loads(report.read_text())}


def measure_large(folder, options):
    """The load of the peer's bench, on data that this hub has and the peer has not."""
    sys.path.insert(0, str(folder))
    import rest_bench

    server = Hub("--reactors", "1", listeners=("http",))
    try:
        server.start()
        token = large.prepare(server)
        options.url = f"http://127.0.0.1:{server.ports['http']}"
        options.server_pid, options.postgres_pid = server.process.pid, server.postgres_pid()
        print("| what | connections | requests/s | median ms | p99 ms | hub CPU µs/request | PostgreSQL CPU µs/request | hub CPU share |\n" + "|---" * 8 + "|")
        rows = [rest_bench.measure(options, name, token, path, connections)
                for name, path, connections in large.work() if not options.only or options.only in name]
        server.stop()
        return rows
    finally:
        server.discard()


def budget(name, connections, cpu_share, rate_ratio):
    """Whether the row is within its budgets (docs/performance.md)."""
    missed = []
    if cpu_share > PEER_CPU_SHARE_MAX:
        missed.append("CPU")
    if name.startswith("POST") and connections == 64 and rate_ratio < POST_RATE_RATIO_MIN:
        missed.append("rate")
    return "ok" if not missed else "OVER: " + ", ".join(missed)


def table(rounds):
    """Medians of hub and peer, and the medians of the ratios within a round."""
    lines = ["| what | connections | hub requests/s | peer | ratio | hub p99 ms | peer | hub CPU µs/request | peer | ratio | "
             "hub's PostgreSQL | peer's | budgets |", "|" + "---|" * 13]
    for key in rounds[0]["hub"]:
        def figures(who, what):
            return [one[who][key][what] for one in rounds]

        def middle(who, what):
            return statistics.median(figures(who, what))

        rate = statistics.median(a / b for a, b in zip(figures("hub", "rate"), figures("peer", "rate")))
        cpu = statistics.median(a / b for a, b in zip(figures("hub", "server_us"), figures("peer", "server_us")))
        name, connections = key
        lines.append(
            f"| {name} | {connections} | {middle('hub', 'rate'):,.0f} | {middle('peer', 'rate'):,.0f} | {rate:.1f} | "
            f"{middle('hub', 'p99_ms'):.2f} | {middle('peer', 'p99_ms'):.2f} | {middle('hub', 'server_us'):.0f} | "
            f"{middle('peer', 'server_us'):.0f} | {cpu:.3f} | {middle('hub', 'postgres_us'):.0f} | "
            f"{middle('peer', 'postgres_us'):.0f} | {budget(name, connections, cpu, rate)} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="a part of the names to measure")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5, help="measured time of each load")
    parser.add_argument("--large", action="store_true", help="the hub alone, on large data")
    parser.add_argument("--peer", help="the folder with peer.sh and rest_bench.py")
    parser.add_argument("--out", help="where the figures go")
    options = parser.parse_args()
    if not shutil.which("wrk"):
        sys.exit("bench: wrk is not installed (apt install wrk)")
    folder = find_peer(options.peer)
    out = pathlib.Path(options.out or ROOT / ("bench/out/rest-large.json" if options.large else "bench/out/rest.json"))
    out.parent.mkdir(parents=True, exist_ok=True)
    rounds = []
    with open(LOCK, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if options.large:
            out.write_text(json.dumps(measure_large(folder, options), indent=1))
            return
        for number in range(options.rounds):
            # Each measurement has its server to itself, and every other round begins with the other.
            servers = [("hub", hub), ("peer", lambda: peer(folder))]
            one = {}
            for name, start in servers if number % 2 == 0 else servers[::-1]:
                with start() as server:
                    one[name] = measure(folder, server, options)
            rounds.append(one)
            kept = [{name: list(rows.values()) for name, rows in each.items()} for each in rounds]
            out.write_text(json.dumps(kept, indent=1))
            print(f"round {number + 1} of {options.rounds} is done", file=sys.stderr, flush=True)
    print(table(rounds))


if __name__ == "__main__":
    main()
