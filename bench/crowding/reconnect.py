"""What chatting clients notice when thousands of others lose their connections and come back at once."""
import time

from logbench.report import Figure

from . import generators, people

TITLE = ("Clients with a persistent session and a subscription all lose their connections and come back at once, while 50 pairs chat, "
         "QoS 1, on plain or stored topics")
HANDSHAKES = 64
WARM_UP_SECONDS = 2
PROBE_RATE = 1_000


def measure(bench):
    for kind in ("plain", "tls"):
        for name in bench.servers.names():
            measure_one(bench, name, kind, False)
        if "confab" in bench.servers.names():
            measure_one(bench, "confab", kind, True)


def measure_one(bench, name, kind, is_stored):
    clients = people.stored_pairs(bench.tokens) if is_stored else generators.plain_pairs(people.PAIRS)
    row = f"{kind}, {name}{', stored' if is_stored else ''}"
    bench.progress(row)
    flags = bench.visitors(name, bench.options.returning, True)
    with (bench.servers.start(name) as server,
          generators.crowd(server, bench.options.returning, *flags, kind=kind, cpu=bench.generator_cpu) as crowd):
        crowd.ask(f"open {HANDSHAKES}")
        with generators.probe(server, bench.folder, clients, PROBE_RATE, bench.generator_cpu) as probe:
            before = listen(probe, WARM_UP_SECONDS, bench.options.seconds)
            crowd.ask("close")
            storm = crowd.ask("open")
            during = probe.ask("report")
            time.sleep(bench.options.seconds)
            after = probe.ask("report")
            bench.check_probe(row, probe.end())
        bench.check_crowd(row, storm, bench.options.returning)
        bench.report.add("reconnect", TITLE, [
            Figure(row, "arrival p99 µs before", before["arrival_us"]["p99"], 0),
            Figure(row, "meanwhile", during["arrival_us"]["p99"], 0),
            Figure(row, "ratio", during["arrival_us"]["p99"] / before["arrival_us"]["p99"], 2),
            Figure(row, "p50 meanwhile", during["arrival_us"]["p50"], 0),
            Figure(row, "p99 after", after["arrival_us"]["p99"], 0),
            Figure(row, "seconds until all were back", storm["seconds"], 2),
            Figure(row, "an attempt's p50 ms", storm["waited_us"]["p50"] / 1000, 1),
            Figure(row, "p99", storm["waited_us"]["p99"] / 1000, 1),
            Figure(row, "refused attempts", storm["failed"], 0),
            Figure(row, "sessions kept", storm["kept_sessions"], 0),
        ])


def listen(probe, warm_up, seconds):
    """The probe's report of so many seconds after a warm-up."""
    time.sleep(warm_up)
    probe.ask("report")
    time.sleep(seconds)
    return probe.ask("report")
