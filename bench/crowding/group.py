"""Whether pairs notice that a large group next to them gets a message each second."""
import time

from logbench.report import Figure

from . import generators, people
from .reconnect import HANDSHAKES, PROBE_RATE, WARM_UP_SECONDS, listen

TITLE = "50 pairs beside a group whose members are all online and get a message each second, QoS 1"
RATIO_MAX = 2
SETTLE_SECONDS = 2


def measure(bench):
    if "confab" not in bench.servers.names():
        return
    for count in people.LARGE:
        credentials = bench.folder / f"members-{count}"
        people.write_members(credentials, bench.tokens, count)
        for is_stored in (False, True):
            measure_one(bench, count, credentials, is_stored)


def measure_one(bench, count, credentials, is_stored):
    clients = people.stored_pairs(bench.tokens) if is_stored else generators.plain_pairs(people.PAIRS)
    row = f"{count:,} members, {'stored' if is_stored else 'plain'} pairs"
    bench.progress(row)
    flags = ("--filter", f"group/{people.LARGE[count]}", "--qos", "1", "--credentials", str(credentials))
    with (bench.servers.start("confab") as server,
          generators.crowd(server, count - 1, *flags, cpu=bench.generator_cpu) as crowd,):
        bench.check_crowd(row, crowd.ask(f"open {HANDSHAKES}"), count - 1)
        time.sleep(SETTLE_SECONDS)
        with generators.probe(server, bench.folder, clients, PROBE_RATE, bench.generator_cpu) as probe:
            without = listen(probe, WARM_UP_SECONDS, bench.options.seconds)
            with generators.probe(server, bench.folder, people.speaker(bench.tokens, count), 1, bench.generator_cpu) as speaker:
                beside = listen(probe, WARM_UP_SECONDS, bench.options.seconds)
                spoken = speaker.end()
            time.sleep(SETTLE_SECONDS)
            heard = crowd.ask("report")
            bench.check_probe(row, probe.end())
        if spoken["acked"] != spoken["sent"] or heard["received"] != spoken["sent"] * (count - 1):
            bench.report.found_wrong(f"{row}: {heard['received']} deliveries of {spoken['sent']} messages to {count - 1} members")
        bench.report.add("group", TITLE, [
            Figure(row, "pairs' p99 µs without", without["arrival_us"]["p99"], 0),
            Figure(row, "with", beside["arrival_us"]["p99"], 0),
            Figure(row, "ratio", beside["arrival_us"]["p99"] / without["arrival_us"]["p99"], 2, ("<=", RATIO_MAX)),
            Figure(row, "p50 without", without["arrival_us"]["p50"], 0),
            Figure(row, "p50 with", beside["arrival_us"]["p50"], 0),
            Figure(row, "members' p50 ms", heard["arrival_us"]["p50"] / 1000, 1),
            Figure(row, "members' p99 ms", heard["arrival_us"]["p99"] / 1000, 1),
        ])
