"""What a connection costs in memory that only is there, and how many there can be."""
import resource
import time

from logbench.report import Figure

from . import generators
from .servers import memory_kib

TITLE = "Memory per idle connection, each with a persistent session; `subscribed`: and a subscription of its own (the hub: the inbox), QoS 1"
CROWD_TITLE = "As many connections as one process may have descriptors here, each with a persistent session"
HANDSHAKES = 32
SETTLE_SECONDS = 2
# Budgets of the hub, in bytes (docs/performance.md); WebSocket has none of its own.
BYTES_MAX = {"plain": 1_500, "tls": 17 * 1024}
# What a hub has open beside connections: libraries, listeners, PostgreSQL.
OTHER_DESCRIPTORS = 120


def measure(bench):
    for kind in ("plain", "tls", "websocket", "websocket-tls"):
        for name in bench.servers.names():
            measure_kind(bench, name, kind, kind, False)
    for name in bench.servers.names():
        measure_kind(bench, name, "plain", "plain, subscribed", True)


def measure_kind(bench, name, kind, row, is_subscribed):
    bench.progress(f"{row}, {name}")
    with bench.servers.start(name) as server:
        if kind not in server.ports:
            return
        figures = fill(bench, server, bench.options.idle, kind, is_subscribed)
        budget = ("<=", BYTES_MAX[kind]) if name == "confab" and row in BYTES_MAX else None
        bench.report.add("idle", TITLE, [
            Figure(f"{row}, {name}", "bytes/connection", figures["bytes"], 0, budget),
            Figure(f"{row}, {name}", "there", figures["present"], 0),
            Figure(f"{row}, {name}", "seconds to come", figures["seconds"], 2),
        ])


def fill(bench, server, count, kind, is_subscribed=False):
    """Has so many come; what `crowd` says, and `bytes`, what each has added to the server's resident memory."""
    with generators.crowd(server, count, *bench.visitors(server.name, count, is_subscribed), kind=kind, cpu=bench.generator_cpu) as crowd:
        before = memory_kib(server.pid)
        answer = crowd.ask(f"open {HANDSHAKES}")
        time.sleep(SETTLE_SECONDS)
        still = crowd.ask("report")["present"]
        answer["bytes"] = (memory_kib(server.pid) - before) * 1024 / max(1, still)
        if still != count:
            bench.report.found_wrong(f"{server.name}, {kind}: {still} of {count} connections")
        return answer


def measure_crowd(bench):
    """Twenty thousand, or what the descriptor limit of one process leaves."""
    count = min(20_000, resource.getrlimit(resource.RLIMIT_NOFILE)[1] - OTHER_DESCRIPTORS)
    for name in bench.servers.names():
        with bench.servers.start(name) as server:
            figures = fill(bench, server, count, "plain")
            bench.report.add("crowd", CROWD_TITLE, [
                Figure(name, "wanted", count, 0), Figure(name, "there", figures["present"], 0),
                Figure(name, "seconds to come", figures["seconds"], 2),
                Figure(name, "bytes/connection", figures["bytes"], 0),
                Figure(name, "resident MiB", memory_kib(server.pid) / 1024, 1),
            ])
