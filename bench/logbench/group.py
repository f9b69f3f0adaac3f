"""One group of ten thousand members, ten of them online."""
from . import seed
from .bench import load_figures
from .report import Figure

TITLE = f"A group of {seed.MEMBER_COUNT:,} members, 10 of them online, QoS 1, window 64"
ONLINE_COUNT = 10
PUBLISHER_COUNTS = (1, 10)
WINDOW = 64


def clients(bench, publisher_count):
    """The publishers are members that do not listen."""
    return ([bench.client("pub", seed.member(1_000 + number), seed.BIG_GROUP) for number in range(publisher_count)]
            + [bench.client("sub", seed.member(2_000 + number), seed.BIG_GROUP) for number in range(ONLINE_COUNT)])


def load(bench, count, row):
    with bench.cluster.fresh_database() as (url, psql), bench.hub(url) as hub:
        return bench.publish(hub, psql, clients(bench, count), row, "--window", WINDOW, counts_rows=True)


def measure(bench):
    for count in PUBLISHER_COUNTS:
        row = "1 publisher" if count == 1 else f"{count} publishers"
        report = bench.undisturbed(lambda: load(bench, count, row))
        if report["rows"] != 1:
            bench.report.found_wrong(f"group, {row}: {report['rows']:.4f} rows a message")
        bench.report.add("group", TITLE, load_figures(row, report) + [Figure(row, "rows/msg", report["rows"], 2, ("<=", 1))])
