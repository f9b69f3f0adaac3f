"""What PostgreSQL gives a bare client for the hub's own statement."""
from .bench import microseconds
from .report import Figure

TITLE = "Floor: a bare libpq client with the hub's statement, settings and schema; one batch in flight on each connection"
BATCHES = (1, 8, 64, 512)
CONNECTIONS = (1, 2)


def figures(row, report):
    usage, messages = report["usage"], report["messages"]
    return [
        Figure(row, "messages/s", report["per_second"], 0),
        Figure(row, "statement p50 µs", report["statement_us"]["p50"], 0),
        Figure(row, "p99", report["statement_us"]["p99"], 0),
        Figure(row, "own CPU µs/msg", report["cpu_us"], 2),
        Figure(row, "PostgreSQL", microseconds(usage["server_ns"], messages), 2),
        Figure(row, "machine busy %", usage["busy_percent"], 0),
    ]


def measure(bench):
    """Returns the highest throughput, messages a second."""
    best = 0
    for connections in CONNECTIONS:
        for batch in BATCHES:
            report = bench.floor(connections, batch)
            best = max(best, report["per_second"])
            bench.report.add("floor", TITLE, figures(f"{connections} × {batch}", report))
    return best
