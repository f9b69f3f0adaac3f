"""Persistent sessions that come back: one far behind in one topic, and ones with two hundred topics, all moved or none."""
import collections
import pathlib
import re
import statistics
import time

from support import wire

from . import seed
from .bench import microseconds
from .report import Figure

TITLE = "A session comes back to a backlog in one topic, QoS 1 (memory: the peak above what the hub had before)"
WIDE_TITLE = f"A session with {seed.ROAMED_COUNT} topics comes back; `cold` is the first after the hub's start"
ENTRIES_PER_TOPIC = 5
WARM_COUNT = 3
# storage.md: half a millisecond for each topic that has moved, and what nothing has moved in is found out in one statement.
MEMORY_MIB_MAX = 16
MOVED_MILLISECONDS_MAX = 0.5 * seed.ROAMED_COUNT
STILL_MILLISECONDS_MAX = 10
FIRST_ID = 270_000_000_000_000_000
SETTLE_SECONDS = 0.5


def make_session(bench, hub, user, client_id, topic_filter):
    with wire.Wire(hub) as connection:
        connection.send(wire.connect(4, client_id, str(user), bench.cluster.token(user), clean=False))
        connection.expect(wire.CONNACK)
        connection.send(wire.subscribe(topic_filter, 4, qos=1))
        connection.expect(wire.SUBACK)
        connection.send(b"\xe0\x00").read_to_end()


def resume(bench, hub, user, client_id, expected, what):
    report = bench.run(
        [bench.resume_program, "--port", str(hub.ports["mqtt"]), "--client-id", client_id, "--user", str(user),
         "--token", bench.cluster.token(user), "--expect", str(expected)],
        bench.cluster.postmaster, hub, bench.generator_cpu)
    if report["messages"] != expected or report["disordered"]:
        bench.report.found_wrong(f"{what}: {report['messages']} of {expected} messages, {report['disordered']} out of order")
    return report


def measure(bench):
    wide = [f"wide-{number}" for number in range(WARM_COUNT + 2)]
    with bench.cluster.fresh_database() as (url, psql):
        with bench.hub(url) as hub:
            make_session(bench, hub, seed.DEEP_READER, "deep", f"group/{seed.DEEP_GROUP}")
            for client_id in wide:
                make_session(bench, hub, seed.WIDE_READER, client_id, "group/+")
        psql(seed.append(f"id = {seed.DEEP_GROUP}", bench.options.backlog, FIRST_ID))
        psql(seed.append(f"id BETWEEN {seed.roamed(0)} AND {seed.roamed(seed.ROAMED_COUNT - 1)}", ENTRIES_PER_TOPIC,
                         FIRST_ID + 10_000_000))
        psql("VACUUM ANALYZE")
        with bench.hub(url) as hub:
            measure_deep(bench, hub)
        with bench.hub(url) as hub:
            measure_wide(bench, hub, psql, wide)


def measure_deep(bench, hub):
    pathlib.Path(f"/proc/{hub.process.pid}/clear_refs").write_text("5")  # The peak counts from now on.
    before = memory_kib(hub, "VmRSS")
    report = resume(bench, hub, seed.DEEP_READER, "deep", bench.options.backlog, "catch-up")
    growth = (memory_kib(hub, "VmHWM") - before) / 1024
    seconds = report["last_ms"] / 1000
    row = f"{bench.options.backlog:,} messages"
    bench.report.add("catchup", TITLE, [
        Figure(row, "seconds", seconds, 2),
        Figure(row, "messages/s", report["messages"] / seconds, 0),
        Figure(row, "hub CPU µs/msg", microseconds(report["usage"]["hub_ns"], report["messages"]), 2),
        Figure(row, "PostgreSQL", microseconds(report["usage"]["server_ns"], report["messages"]), 2),
        Figure(row, "memory MiB", growth, 1, ("<=", MEMORY_MIB_MAX)),
    ])


def measure_wide(bench, hub, psql, client_ids):
    """The last session's statements are counted, which costs time, so its time isn't."""
    cold, *warm, counted = client_ids
    for row, expected, limit in (("all moved", seed.ROAMED_COUNT * ENTRIES_PER_TOPIC, MOVED_MILLISECONDS_MAX),
                                 ("none moved", 0, STILL_MILLISECONDS_MAX)):
        first = resume(bench, hub, seed.WIDE_READER, cold, expected, row)
        others = [resume(bench, hub, seed.WIDE_READER, client_id, expected, row) for client_id in warm]
        statements = count_statements(
            bench, psql, lambda: resume(bench, hub, seed.WIDE_READER, counted, expected, row))
        done = "last_ms" if expected else "connack_ms"
        bench.report.add("resume", WIDE_TITLE, [
            Figure(row, "CONNACK ms", statistics.median(report["connack_ms"] for report in others), 2),
            Figure(row, "complete ms", statistics.median(report[done] for report in others), 2, ("<=", limit)),
            Figure(row, "cold ms", first[done], 2),
            Figure(row, "hub CPU ms", statistics.median(report["usage"]["hub_ns"] for report in others) / 1e6, 2),
            Figure(row, "PostgreSQL ms", statistics.median(report["usage"]["server_ns"] for report in others) / 1e6, 2),
            Figure(row, "statements", sum(statements.values()), 0),
        ])
        bench.report.statements[row] = statements.most_common(8)


def memory_kib(hub, name):
    status = pathlib.Path(f"/proc/{hub.process.pid}/status").read_text()
    return int(re.search(rf"{name}:\s+(\d+) kB", status)[1])


def count_statements(bench, psql, action):
    """How often the hub had each statement run during the action and the saving that follows it."""
    def log_all(value):
        bench.cluster.admin(f"ALTER SYSTEM SET log_statement = {value}")
        bench.cluster.admin("SELECT pg_reload_conf()")
        time.sleep(SETTLE_SECONDS)

    path = max(bench.cluster.keeper.data.rglob("postgresql-*.log"), key=lambda path: path.stat().st_mtime)
    log_all("'all'")
    begin = path.stat().st_size
    action()
    time.sleep(SETTLE_SECONDS)
    with path.open("rb") as log:
        log.seek(begin)
        text = log.read().decode()
    log_all("DEFAULT")
    pids = set(psql("SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'confab'"))
    found = re.findall(r"\[(\d+)\] LOG:  (?:execute \w+|statement): (.*(?:\n\t.*)*)", text)
    return collections.Counter(" ".join(sql.split())[:100] for pid, sql in found if pid in pids)
