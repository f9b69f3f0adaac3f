"""The C programs `crowd` and `probe` as objects, and the access tokens of their clients."""
import contextlib
import json
import pathlib
import subprocess
import time

import jwt
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from logbench import programs

# A crowd on the probe's CPU must not be what the probe measures.
CROWD_NICENESS = 10


class Commanded:
    """A program that answers each line with a line of JSON."""

    def __init__(self, command):
        self.name = pathlib.Path(command[0]).name
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name}: exit {self.process.wait()}")
        return json.loads(line)

    def end(self):
        """The last line, if there is one."""
        self.process.stdin.close()
        lines = self.process.stdout.read().splitlines()
        if self.process.wait():
            raise RuntimeError(f"{self.name}: exit {self.process.returncode}")
        return json.loads(lines[-1]) if lines else None

    def discard(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def crowd(server, count, *flags, kind="plain", cpu=None):
    """Clients that are away at first.

    - kind: plain, tls, websocket or websocket-tls."""
    over = {"plain": [], "tls": ["--tls"], "websocket": ["--websocket"], "websocket-tls": ["--websocket", "--tls"]}[kind]
    process = Commanded([programs.build("crowd", "-lssl", "-lcrypto"), "--port", str(server.ports[kind]), "--clients", str(count),
                         *over, *flags])
    with started(process, cpu, CROWD_NICENESS):
        yield process


@contextlib.contextmanager
def probe(server, folder, clients, rate, cpu=None):
    """Clients that publish from now on; `ask("report")` tells how long that took since the last time.

    - clients: lines for the program."""
    path = pathlib.Path(folder) / f"clients-{time.monotonic_ns()}"
    path.write_text("".join(" ".join(map(str, line)) + "\n" for line in clients))
    process = Commanded([programs.build("probe"), "--port", str(server.ports["plain"]), "--clients", str(path), "--rate", str(rate)])
    with started(process, cpu, 0):
        process.answer()
        yield process


@contextlib.contextmanager
def started(process, cpu, niceness):
    try:
        pid = str(process.process.pid)
        if cpu is not None:
            subprocess.run(["taskset", "-cp", cpu, pid], check=True, stdout=subprocess.DEVNULL)
        if niceness:
            subprocess.run(["renice", "-n", str(niceness), "-p", pid], check=True, stdout=subprocess.DEVNULL)
        yield
    finally:
        process.discard()


def plain_pairs(count):
    """Lines for `probe`: pairs on plain topics, without credentials."""
    return ([("pub", f"probe-p{number}", "-", "-", f"probe/{number}") for number in range(count)]
            + [("sub", f"probe-s{number}", "-", "-", f"probe/{number}") for number in range(count)])


class TokenMaker:
    """Access tokens of many users: like one that `confab token` made, signed with the same key.

    - cluster: whose hubs take them."""

    def __init__(self, cluster):
        model = cluster.token(1)
        self.headers, self.claims = jwt.get_unverified_header(model), jwt.decode(model, options={"verify_signature": False})
        self.key = load_pem_private_key(max((cluster.keys / "keys").glob("*.pem")).read_bytes(), None)

    def token(self, user):
        headers = {name: value for name, value in self.headers.items() if name != "alg"}
        return jwt.encode({**self.claims, "sub": str(user)}, self.key, algorithm=self.headers["alg"], headers=headers)
