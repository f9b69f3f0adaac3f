"""The hub as a process: started with its flags, read from its `ready` line, stopped, killed and started again."""
import os
import pathlib
import queue
import shutil
import signal
import ssl
import subprocess
import tempfile
import threading
import time

from support import postgres
from support.waiting import eventually

ROOT = pathlib.Path(__file__).resolve().parents[3]
START_SECONDS = 60
STOP_SECONDS = 30
LISTENERS = ("mqtts", "mqtt", "https", "http", "ops")


def binary():
    """The program under test: CONFAB_BINARY, else the release build, else the debug build."""
    named = os.environ.get("CONFAB_BINARY")
    candidates = [named] if named else [ROOT / ".build/release/confab", ROOT / ".build/debug/confab"]
    for candidate in candidates:
        if os.access(candidate, os.X_OK):
            return str(pathlib.Path(candidate).resolve())
    raise RuntimeError(f"no hub to test: build it first (looked for {', '.join(map(str, candidates))})")


def temporary_folder():
    """A folder that PostgreSQL's own user can enter too (pytest's tmp_path is closed to it)."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="confab-e2e-"))
    folder.chmod(0o755)
    return folder


def parse_ready(line):
    """`ready mqtts=127.0.0.1:8883 ops=…` to {"mqtts": 8883, "ops": …} (protocol.md §5)."""
    words = line.split()
    assert words and words[0] == "ready", line
    return {name: int(address.rpartition(":")[2]) for name, _, address in (word.partition("=") for word in words[1:])}


class Hub:
    """One data directory, and the process that serves it."""

    known = []  # every hub that is not discarded yet, for the reports of failures

    def __init__(self, *flags, database=None, data=None, listeners=LISTENERS, prefix=(), environment=None,
                 limits_off=True):
        Hub.known.append(self)
        self.folder = temporary_folder()
        self.data = pathlib.Path(data) if data else self.folder / "data"
        self.log = self.folder / "log"
        self.process, self.ports, self.certificate = None, {}, None
        self.prefix, self.environment = list(prefix), environment or {}
        self.flags = ["--data", str(self.data), "--bind", "127.0.0.1"]
        for name in LISTENERS:
            self.flags += [f"--{name}", "0" if name in listeners else "off"]
        if limits_off:
            self.flags += ["--limits", "off"]
        if database:
            self.flags += ["--database", database]
        self.flags += flags

    # Life and death

    def start(self):
        """Starts the process and returns when it says that every listener accepts."""
        assert self.process is None, "already running"
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [*self.prefix, binary(), "serve", *self.flags], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=log, env={**os.environ, **self.environment}, start_new_session=True)
        lines = queue.Queue()
        threading.Thread(target=self._pump, args=(self.process.stdout, lines), daemon=True).start()
        limit = time.monotonic() + START_SECONDS
        while True:
            try:
                line = lines.get(timeout=max(0.0, limit - time.monotonic()))
            except queue.Empty:
                line = None
            if line is None:
                self.kill()
                raise AssertionError(f"the hub did not become ready; its log ends:\n{self.log_tail()}")
            if line.startswith("ready "):
                break
        self.ports = parse_ready(line)
        self._fetch_certificate()
        return self

    @staticmethod
    def _pump(stream, lines):
        for line in stream:
            lines.put(line.decode(errors="replace").rstrip("\n"))
        lines.put(None)

    def _fetch_certificate(self):
        port = self.ports.get("https") or self.ports.get("mqtts")
        if port:
            self.certificate = self.folder / "certificate.pem"
            self.certificate.write_text(ssl.get_server_certificate(("127.0.0.1", port), timeout=10))

    def stop(self):
        """Ends it as an administrator does: SIGTERM, and it must exit with 0 and take its PostgreSQL along."""
        self.process.send_signal(signal.SIGTERM)
        code = self._reap(STOP_SECONDS)
        assert code == 0, f"exit code {code} after SIGTERM; the log ends:\n{self.log_tail()}"
        assert self.postgres_pid() is None, "PostgreSQL is still running after the hub's end"

    def hang_up(self):
        """SIGHUP: it reads its files again."""
        self.process.send_signal(signal.SIGHUP)

    def kill(self):
        """kill -9 of the hub alone; its PostgreSQL is left behind."""
        if self.process:
            self.process.kill()
            self._reap(STOP_SECONDS)

    def _reap(self, seconds):
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"still running {seconds} s after its end was asked for:\n{self.log_tail()}") from None
        finally:
            self.process = None

    def restart(self):
        """Starts again on the same data; the ports are new ones."""
        return self.start()

    def postgres_pid(self):
        """The embedded PostgreSQL's postmaster, None where none runs."""
        return postgres.running_postmaster(self.data)

    def discard(self):
        """Ends whatever still runs and removes the data: for fixtures, after any outcome of the test."""
        self.kill()
        pid = self.postgres_pid()
        if pid:
            os.kill(pid, signal.SIGQUIT)
            eventually(lambda: self.postgres_pid() is None, "PostgreSQL ends at SIGQUIT")
        shutil.rmtree(self.folder, ignore_errors=True)
        Hub.known.remove(self)

    # What is seen of it

    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def log_tail(self, lines=30):
        return "\n".join(self.log_text().splitlines()[-lines:])

    def tls_context(self):
        """Trusts exactly the hub's own certificate."""
        context = ssl.create_default_context(cafile=str(self.certificate))
        context.check_hostname = False
        return context
