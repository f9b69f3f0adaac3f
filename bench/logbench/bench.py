"""What the parts share: the cluster, the programs, and how a measurement is run and checked."""
import pathlib
import time

from . import programs, seed
from .report import Figure

# How long a publisher's load runs before anything counts: the first batches plan their statements.
HUB_WARMUP_SECONDS = 1.0
FLOOR_WARMUP_SECONDS = 0.5
# A measurement is good if others used no more of the machine.
OTHERS_PERCENT_MAX = 5.0


def microseconds(nanoseconds, messages):
    return nanoseconds / 1000 / max(1, messages)


class Bench:
    """One run of `bench/log.py`."""

    def __init__(self, options, report, folder):
        self.options, self.report, self.folder = options, report, pathlib.Path(folder)
        self.cluster = None
        self.floor_program = programs.build("floor", "-lpq", "-lpthread")
        self.publishers_program = programs.build("publishers")
        self.resume_program = programs.build("resume")
        self.settings = programs.writer_settings()
        self.turns = programs.Turns(options.patience)
        self.topics = self.folder / "topics"
        self.topics.write_text("\n".join(str(seed.group(number)) for number in range(seed.PAIR_COUNT)))
        # With --split, what serves has CPU 0 and what generates load CPU 1.
        self.server_cpu, self.generator_cpu = ("0", "1") if options.split else (None, None)

    def run(self, command, postmaster, hub=None, pinned=None):
        """`programs.run` when it is this one's turn."""
        with self.turns.take():
            return programs.run(command, postmaster, hub, pinned)

    def undisturbed(self, measure):
        """What `measure` returns: again, while patience lasts, if others used the machine meanwhile. Notes how much."""
        limit = time.monotonic() + self.options.patience
        while True:
            report = measure()
            others = report["usage"]["others_percent"]
            if others <= OTHERS_PERCENT_MAX or time.monotonic() > limit:
                self.report.noise(others)
                return report

    def floor(self, connections, batch):
        """The bare client's report, on a fresh database."""
        return self.undisturbed(lambda: self._floor(connections, batch))

    def _floor(self, connections, batch):
        with self.cluster.fresh_database() as (url, psql):
            report = self.run(
                [self.floor_program, "--database", url, "--topics", str(self.topics), "--batch", str(batch),
                 "--connections", str(connections), "--seconds", str(self.options.seconds),
                 "--warmup", str(FLOOR_WARMUP_SECONDS), "--settings", self.settings],
                self.cluster.postmaster, pinned=self.server_cpu)
            self.check_log(psql, f"floor, {connections} connections, batch {batch}")
        return report

    def hub(self, url):
        return self.cluster.hub(url, self.options.reactors, self.server_cpu)

    def publish(self, hub, psql, clients, what, *flags, counts_rows=False):
        """A load of stored messages: its report, with `batch`, the mean of messages in a transaction, and with `rows`, all rows that came
        into being for a message.

        - clients: lines for the program."""
        path = self.folder / "clients"
        path.write_text("".join(" ".join(map(str, line)) + "\n" for line in clients))
        rows = all_rows(psql) if counts_rows else 0
        transactions = psql.number("SELECT pg_current_xact_id()::text")
        report = self.run(
            [self.publishers_program, "--port", str(hub.ports["mqtt"]), "--clients", str(path),
             "--seconds", str(self.options.seconds), "--warmup", str(HUB_WARMUP_SECONDS), *map(str, flags)],
            self.cluster.postmaster, hub, self.generator_cpu)
        transactions = psql.number("SELECT pg_current_xact_id()::text") - transactions
        stored = self.check_log(psql, what)
        report["batch"] = stored / transactions
        report["rows"] = (all_rows(psql) - rows) / stored if counts_rows else None
        lost = report["expected"] - report["delivered"]
        if lost or report["unanswered"] or report["disordered"] or report["doubled"]:
            self.report.found_wrong(f"{what}: {lost} lost, {report['doubled']} doubled, {report['disordered']} out of order, "
                                    f"{report['unanswered']} unanswered")
        return report

    def check_log(self, psql, what):
        """Every log is gapless and ends where its topic says; returns the number of entries."""
        bad = psql.number("""
            SELECT count(*) FROM topics t
            LEFT JOIN (SELECT topic_id, count(*) AS entries, max(seq) AS last FROM messages GROUP BY topic_id) m ON m.topic_id = t.id
            WHERE t.last_seq <> coalesce(m.entries, 0) OR t.last_seq <> coalesce(m.last, 0)""")
        if bad:
            self.report.found_wrong(f"{what}: {bad} logs have gaps")
        return psql.number("SELECT count(*) FROM messages")

    def client(self, kind, user, topic):
        """A line of the publishers' clients; its id is its kind and user."""
        return (kind, f"{kind}-{user}", user, self.cluster.token(user), f"group/{topic}")


def all_rows(psql):
    """But for what the hub makes of messages later, for searches: one row for each, whoever reads it."""
    tables = psql("SELECT format('%I', relname) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace "
                  "AND relname NOT IN ('search_entries', 'log_progress')")
    return psql.number("SELECT " + " + ".join(f"(SELECT count(*) FROM {table})" for table in tables))


def load_figures(row, report):
    """The columns that every load of stored messages has."""
    usage, messages = report["usage"], report["messages"]
    writers = usage["threads_ns"].get("log-writer", 0)
    return [
        Figure(row, "messages/s", report["per_second"], 0),
        Figure(row, "PUBACK p50 µs", report["ack_us"]["p50"], 0),
        Figure(row, "p99", report["ack_us"]["p99"], 0),
        Figure(row, "arrival p50 µs", report["arrival_us"]["p50"], 0),
        Figure(row, "arrival p99", report["arrival_us"]["p99"], 0),
        Figure(row, "batch", report["batch"], 1),
        Figure(row, "hub CPU µs/msg", microseconds(usage["hub_ns"], messages), 2),
        Figure(row, "its writers", microseconds(writers, messages), 2),
        Figure(row, "PostgreSQL", microseconds(usage["server_ns"], messages), 2),
        Figure(row, "generator", report["cpu_us"], 2),
        Figure(row, "machine busy %", usage["busy_percent"], 0),
    ]
