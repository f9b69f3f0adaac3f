"""The C programs: compiled once into a cache folder, run with their marks watched."""
import contextlib
import fcntl
import json
import os
import pathlib
import re
import subprocess
import time

from .usage import CPUS, Sample, machine_ns

BENCH = pathlib.Path(__file__).resolve().parents[1]
PERSISTENCE = BENCH.parent / "Sources/Persistence"
FLAGS = ["-O2", "-g", "-std=gnu11", "-Wall", "-Wextra", "-Werror"]


def build(name, *libraries):
    """The program of bench/NAME.c, compiled if a source is newer."""
    folder = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "confab-bench"
    folder.mkdir(parents=True, exist_ok=True)
    program, source = folder / name, BENCH / f"{name}.c"
    newest = max(path.stat().st_mtime for path in [source, *BENCH.glob("*.h")])
    if not program.exists() or program.stat().st_mtime < newest:
        subprocess.run([os.environ.get("CC", "cc"), *FLAGS, "-I/usr/include/postgresql", "-o", str(program), str(source),
                        *libraries], check=True)
    return str(program)


def writer_settings():
    """The SQL with which the hub's log writers set up their sessions, from its source: the floor must not have others."""
    settings = re.search(r'sessionSettings = """\n(.*?)"""', (PERSISTENCE / "Log/BatchLoop.swift").read_text(), re.S)
    common = re.search(r'let session = "(.*?) \\\(settings\)"',
                       (PERSISTENCE / "Postgres/ServerConnection.swift").read_text())
    if not settings or not common:
        raise RuntimeError("the settings of the hub's log writers are not where they were")
    return f"{common[1]} {' '.join(settings[1].split())} SET statement_timeout = 16000;"


class Turns:
    """Lets one measurement on this machine run at a time (bench/run.py's driver holds the same lock), and not before the machine is quiet."""
    LOCK = "/tmp/bench.lock"
    LOOK_SECONDS = 0.2
    QUIET_SHARE = 0.1

    def __init__(self, patience_seconds):
        self.patience_seconds = patience_seconds

    @contextlib.contextmanager
    def take(self):
        with open(self.LOCK, "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            limit = time.monotonic() + self.patience_seconds
            while time.monotonic() < limit and not self._is_quiet():
                pass
            yield

    def _is_quiet(self):
        before, _ = machine_ns()
        time.sleep(self.LOOK_SECONDS)
        after, _ = machine_ns()
        return after - before < self.QUIET_SHARE * self.LOOK_SECONDS * 1e9 * CPUS


def run(command, postmaster, hub=None, pinned=None):
    """Runs a generator to its end: its report, and with it what it, the hub and PostgreSQL used between its marks."""
    prefix = ["taskset", "-c", pinned] if pinned is not None else []
    pid = hub.process.pid if hub else None
    process = subprocess.Popen(prefix + command, stdout=subprocess.PIPE, text=True)
    samples, report = {}, None
    for line in process.stdout:
        if line in ("start\n", "end\n"):
            samples[line.strip()] = Sample(postmaster, pid)
        else:
            report = json.loads(line)
    if process.wait() or report is None:
        raise RuntimeError(f"{pathlib.Path(command[0]).name}: exit {process.returncode}")
    if len(samples) == 2:
        own = int(report["cpu_us"] * report["messages"] * 1000)
        report["usage"] = samples["start"].until(samples["end"], own)
    return report
