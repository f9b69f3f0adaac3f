"""PostgreSQL from outside: whether the hub's own runs, and a cluster of the test's own for `--database`."""
import contextlib
import glob
import os
import pathlib
import shutil
import signal
import subprocess

from support.waiting import eventually


def running_postmaster(folder):
    """The process id in a postmaster.pid below the folder, if that process lives."""
    for path in pathlib.Path(folder).rglob("postmaster.pid"):
        try:
            pid = int(path.read_text().split()[0])
            os.kill(pid, 0)
            if "postgres" in pathlib.Path(f"/proc/{pid}/cmdline").read_text():
                return pid
        except (OSError, ValueError, IndexError):
            continue
    return None


def program(name):
    """A server program; Debian keeps them out of the PATH."""
    found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}")) or [shutil.which(name)]
    assert found[-1], f"{name} is not installed"
    return found[-1]


def as_postgres(*command):
    """PostgreSQL refuses to run as root."""
    return ["runuser", "-u", "postgres", "--", *command] if os.geteuid() == 0 else list(command)


def processes(postmaster):
    """The postmaster and its children."""
    children = pathlib.Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    return [postmaster, *map(int, children)]


@contextlib.contextmanager
def frozen(postmaster):
    """While it lasts, the server hangs: it takes connections and statements, and answers nothing."""
    stopped = processes(postmaster)
    try:
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)


class Cluster:
    """A PostgreSQL cluster on a unix socket in its own folder; given another one, its streaming standby."""

    def __init__(self, folder, name="own-postgres", primary=None):
        self.home = pathlib.Path(folder) / name
        self.home.mkdir()
        self.data = self.home / "data"
        if os.geteuid() == 0:
            shutil.chown(self.home, "postgres")
        if primary:
            run(as_postgres(program("pg_basebackup"), "--pgdata", str(self.data), "--write-recovery-conf",
                            "--checkpoint", "fast", "--no-sync", "--dbname", primary.url))
            return
        run(as_postgres(program("initdb"), "--pgdata", str(self.data), "--username", "tester", "--auth", "trust",
                        "--encoding", "UTF8", "--no-sync"))

    @property
    def url(self):
        return f"postgresql://tester@/postgres?host={self.home}"

    def start(self):
        # pg_ctl hands its output to the server for good: a pipe would never end.
        run(as_postgres(program("pg_ctl"), "start", "--wait", "--pgdata", str(self.data), "--log",
                        str(self.home / "log"), "--options", f"-c listen_addresses='' -k {self.home}"), capture=False)
        return self

    def stop(self, mode="fast"):
        run(as_postgres(program("pg_ctl"), "stop", "--wait", "--pgdata", str(self.data), "--mode", mode))

    def promote(self):
        """The standby takes over."""
        run(as_postgres(program("pg_ctl"), "promote", "--wait", "--pgdata", str(self.data)))

    def kill(self):
        """kill -9 of the postmaster and all its children."""
        pids = processes(running_postmaster(self.data))
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: running_postmaster(self.data) is None, "PostgreSQL is gone after SIGKILL")

    def query(self, sql):
        return run(["psql", "--no-psqlrc", "--tuples-only", "--no-align", self.url, "--command", sql]).stdout.strip()

    def discard(self):
        pid = running_postmaster(self.data)
        if pid:
            os.kill(pid, signal.SIGQUIT)
            eventually(lambda: running_postmaster(self.data) is None, "PostgreSQL ends at SIGQUIT")


def run(command, capture=True):
    """Runs a command to its end from a folder that every user may enter; a failure shows what it said."""
    output = subprocess.PIPE if capture else subprocess.DEVNULL
    done = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT if capture else subprocess.DEVNULL,
                          text=True, timeout=60, cwd="/")
    assert done.returncode == 0, f"{command[:4]}: exit {done.returncode}: {done.stdout}"
    return done
