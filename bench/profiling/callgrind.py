"""The hub under callgrind: what it executes between two moments, in instructions and in calls of the Swift runtime.

Everything on the hub's threads counts, that of its libraries too; the kernel's work doesn't, and PostgreSQL is a process of its own."""
import collections
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

from support import hub as hub_process

CALLS = ("swift_retain", "swift_release", "swift_allocObject", "swift_beginAccess", "malloc")
# Conversations with messages whose words are not stored yet.
UNFOLLOWED = ("SELECT count(*) FROM topics t LEFT JOIN log_progress p ON p.topic_id = t.id "
              "WHERE t.kind IN (2, 3) AND t.last_seq > coalesce(p.followed_seq, 0)")
SETTLE_SECONDS_MAX = 60
NAMED = re.compile(r"(c?fn)=\((\d+)\)(?: (.*))?")


class Profile:
    """What happened between two dumps.

    - instructions: all.
    - calls: by name, of CALLS.
    - own: instructions by function, without those of the functions that it calls."""

    def __init__(self, path):
        self.instructions = 0
        self.calls, self.own = collections.Counter(), collections.Counter()
        names, function, is_call = {}, None, False
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                if named := NAMED.match(line):
                    kind, number, name = named.groups()
                    if name:
                        names[number] = name
                    if kind == "fn":
                        function = names[number]
                    else:
                        called = names[number]
                elif line.startswith("calls="):
                    is_call = True
                    if called in CALLS:
                        self.calls[called] += int(line[6:].split()[0])
                elif line.startswith("totals:"):
                    self.instructions = int(line.split()[1])
                elif function and line[0] in "0123456789+-*":
                    # The line after `calls=` has what the called function cost, with all that it called.
                    if not is_call:
                        self.own[function] += int(line.split()[1])
                    is_call = False

    def figures(self):
        """One figure for each budget."""
        return {"instructions": self.instructions, **{name: self.calls[name] for name in CALLS}}


class ProfiledHub:
    """A hub that runs under callgrind.

    - hub: a `Hub` that was started with `prefix(folder)`.
    - folder: where the dumps go.
    - psql: asks its database."""

    def __init__(self, hub, folder, psql):
        self.hub, self.folder, self.psql, self.count = hub, pathlib.Path(folder), psql, 0

    @property
    def pid(self):
        return self.hub.process.pid

    def take(self):
        """What was executed since the last call, with what the hub does in the background for what was stored."""
        self._settle()
        self.count += 1
        done = subprocess.run(["callgrind_control", "--dump", str(self.pid)], capture_output=True, text=True)
        path = self.folder / f"dump.{self.count}"
        if done.returncode or not path.exists():
            raise RuntimeError(f"callgrind_control: {done.stdout}{done.stderr}")
        return Profile(path)


    def _settle(self):
        begin = time.monotonic()
        while self.psql.number(UNFOLLOWED):
            if time.monotonic() - begin > SETTLE_SECONDS_MAX:
                raise RuntimeError("the hub does not follow its conversations' logs")
            time.sleep(0.05)


def prefix(folder):
    """What a hub is started with to be profiled. `--fair-sched`: threads take turns, so that repetitions are alike."""
    return ["valgrind", "--tool=callgrind", "--quiet", "--fair-sched=yes", f"--callgrind-out-file={folder}/dump"]


def make_readable(folder):
    """Valgrind 3.19 gives up at what Swift writes as debug information, so the hub is run from a copy that has only its symbols."""
    for program in ("valgrind", "callgrind_control", "strip"):
        if not shutil.which(program):
            sys.exit(f"profile: {program} is not installed (make setup)")
    copy = pathlib.Path(folder) / "confab"
    subprocess.run(["strip", "--strip-debug", "-o", str(copy), hub_process.binary()], check=True)
    os.environ["CONFAB_BINARY"] = str(copy)


def demangle(names):
    """Swift's names as its source has them, where the toolchain is there to say so."""
    swift = shutil.which("swift-demangle")
    if not swift or not names:
        return names
    command = [swift, "--simplified", "--compact"]
    return subprocess.run(command, input="\n".join(names), capture_output=True, text=True, check=True).stdout.splitlines()
