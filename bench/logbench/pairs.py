"""The hub end to end: fifty publishers with QoS 1, each with a topic and a subscriber of its own, and the floor beside it."""
from . import seed
from .bench import load_figures, microseconds
from .report import Figure

TITLE = "50 publishers, 50 topics, 50 subscribers, QoS 1, texts of 200 bytes; `window` is what a publisher has unacknowledged"
LATENCY_TITLE = "One publisher that waits for each PUBACK, beside the statement alone"
SHARE_MIN = 0.7
OWN_CPU_MICROSECONDS_MAX = 3.0
LATENCY_RATIO_MAX = 1.3
WRITERS = 2


def clients(bench, count):
    return ([bench.client("pub", seed.publisher(number), seed.group(number)) for number in range(count)]
            + [bench.client("sub", seed.subscriber(number), seed.group(number)) for number in range(count)])


def load(bench, count, row, *flags):
    """One load on a fresh database and a fresh hub."""
    def measure_once():
        with bench.cluster.fresh_database() as (url, psql), bench.hub(url) as hub:
            return bench.publish(hub, psql, clients(bench, count), row, *flags)

    return bench.undisturbed(measure_once)


def beside_floor(row, report, like, best, is_throughput):
    """- like: the floor's report at the batch size that the hub had.
    - best: the highest throughput of any floor; 0: not measured.
    - is_throughput: whether the budgets are for this load."""
    own = microseconds(report["usage"]["hub_ns"], report["messages"]) - like["cpu_us"]
    found = [
        Figure(row, "libpq", like["cpu_us"], 2),
        Figure(row, "hub beyond libpq", own, 2, ("<=", OWN_CPU_MICROSECONDS_MAX) if is_throughput else None),
        Figure(row, "floor at that batch", like["per_second"], 0),
        Figure(row, "share", report["per_second"] / like["per_second"], 2, (">=", SHARE_MIN) if is_throughput else None),
    ]
    if best:
        found.append(Figure(row, "of the best floor", report["per_second"] / best, 2))
    return found


def measure(bench, best):
    """- best: as `beside_floor` has it."""
    *_, widest = bench.options.windows
    for window in bench.options.windows:
        row = f"window {window}"
        report = load(bench, seed.PAIR_COUNT, row, "--window", window)
        like = bench.floor(WRITERS, max(1, round(report["batch"])))
        bench.report.add("pairs", TITLE, load_figures(row, report)
                         + beside_floor(row, report, like, best, window == widest))
    row = "half of that rate"
    half = load(bench, seed.PAIR_COUNT, row, "--window", widest, "--rate", report["per_second"] / 2)
    bench.report.add("pairs", TITLE, load_figures(row, half))
    row = f"window {widest}, client_ref"
    bench.report.add("pairs", TITLE, load_figures(row, load(bench, seed.PAIR_COUNT, row, "--window", widest, "--client-ref")))
    latency(bench)


def latency(bench):
    """The floor before and after the hub, since a ratio of two quick things suffers most when the machine's pace changes."""
    row = "1 publisher"
    before = bench.floor(1, 1)["statement_us"]
    report = load(bench, 1, row, "--window", 1)
    after = bench.floor(1, 1)["statement_us"]
    statement = (before["p50"] + after["p50"]) / 2
    bench.report.add("latency", LATENCY_TITLE, [
        Figure(row, "PUBACK p50 µs", report["ack_us"]["p50"], 0),
        Figure(row, "p99", report["ack_us"]["p99"], 0),
        Figure(row, "statement p50 µs", statement, 0),
        Figure(row, "statement p99", (before["p99"] + after["p99"]) / 2, 0),
        Figure(row, "ratio of p50", report["ack_us"]["p50"] / statement, 2, ("<=", LATENCY_RATIO_MAX)),
        Figure(row, "hub CPU µs/msg", microseconds(report["usage"]["hub_ns"], report["messages"]), 1),
        Figure(row, "PostgreSQL", microseconds(report["usage"]["server_ns"], report["messages"]), 1),
    ])
