"""The PostgreSQL that all parts share: a hub's own cluster, so with the hub's settings, and in it a fresh database for each measurement.

An idle hub keeps the cluster. The databases are copies of a template that the hub's own migrations made and `seed` filled, so the floor and the
hub begin with the same tables, and none inherits what another has written."""
import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile

from support import postgres
from support.hub import Hub
from support.tokens import run as run_token

TEMPLATE = "bench_template"
PUBLIC_URL = "https://bench.invalid"
TOKEN_SECONDS = "86400"


class Psql:
    """One connection that stays, so that a question costs no process."""

    def __init__(self, socket_folder, database):
        self.process = subprocess.Popen(
            ["psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1", "--host", socket_folder,
             "--username", "confab", database], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/")

    def __call__(self, sql):
        """The answer's lines; fields are separated by |."""
        self.process.stdin.write(sql.rstrip("; \n") + ";\n\\echo done\n")
        self.process.stdin.flush()
        lines = []
        while (line := self.process.stdout.readline()) != "done\n":
            if not line:
                raise RuntimeError(f"psql has ended at: {sql[:200]}")
            lines.append(line.rstrip("\n"))
        return lines

    def number(self, sql):
        return int(self(sql)[0])

    def close(self):
        self.process.stdin.close()
        self.process.wait(20)


class Cluster:
    """The shared cluster; use as a context."""

    def __init__(self, seed, pinned=None):
        """- seed: SQL that fills the template.
        - pinned: the CPUs that PostgreSQL may use; None: all."""
        self.seed, self.pinned = seed, pinned
        self.count = 0
        self.tokens = {}

    def __enter__(self):
        self.keeper = Hub(listeners=("ops",)).start()
        self.keys = pathlib.Path(tempfile.mkdtemp(prefix="confab-bench-"))
        self.keys.chmod(0o755)
        self.postmaster = self.keeper.postgres_pid()
        self.socket_folder = next(self.keeper.data.rglob("postmaster.pid")).read_text().split("\n")[4]
        if self.pinned is not None:
            pin_server(self.postmaster, self.pinned)
        self.admin = Psql(self.socket_folder, "postgres")
        self._make_template()
        return self

    def __exit__(self, *_):
        self.admin.close()
        self.keeper.stop()
        self.keeper.discard()
        shutil.rmtree(self.keys)

    def _make_template(self):
        self.admin(f"CREATE DATABASE {TEMPLATE}")
        with self.hub(self.url(TEMPLATE)):
            pass  # Its start has run the migrations.
        psql = Psql(self.socket_folder, TEMPLATE)
        psql(self.seed)
        psql("VACUUM ANALYZE")
        psql.close()

    def url(self, database):
        return f"host={self.socket_folder} user=confab dbname={database}"

    @contextlib.contextmanager
    def fresh_database(self):
        """A copy of the template: yields (connection string, Psql)."""
        self.count += 1
        name = f"bench_{self.count}"
        self.admin(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        # No measurement pays for what an earlier one has left dirty.
        self.admin("CHECKPOINT")
        psql = Psql(self.socket_folder, name)
        try:
            yield self.url(name), psql
        finally:
            psql.close()
            self.admin(f"DROP DATABASE {name} WITH (FORCE)")

    @contextlib.contextmanager
    def hub(self, url, reactors=1, pinned=None):
        """A hub on that database, on loopback without TLS."""
        prefix = ["taskset", "-c", pinned] if pinned is not None else []
        hub = Hub("--reactors", str(reactors), "--public-url", PUBLIC_URL, database=url, data=self.keys,
                  listeners=("mqtt",), prefix=prefix)
        try:
            yield hub.start()
            hub.stop()
        finally:
            hub.discard()

    def token(self, user):
        """An access token of the user, good for all hubs of this cluster."""
        if user not in self.tokens:
            self.tokens[user] = mint_token(self.keys, user)
        return self.tokens[user]


def mint_token(data, user):
    """- data: the hub's folder, which has its keys."""
    done = run_token("--data", str(data), "--public-url", PUBLIC_URL, "--user", str(user), "--lifetime", TOKEN_SECONDS)
    if done.returncode:
        raise RuntimeError(f"confab token: {done.stderr}")
    return done.stdout.strip()


def pin_server(postmaster, cpus):
    """The postmaster and what it has started; what it starts later inherits."""
    children = pathlib.Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    for pid in [postmaster, *map(int, children)]:
        os.sched_setaffinity(pid, {int(cpu) for cpu in cpus.split(",")})


def server_version():
    return subprocess.run([postgres.program("postgres"), "--version"], capture_output=True, text=True,
                          check=True).stdout.strip()
