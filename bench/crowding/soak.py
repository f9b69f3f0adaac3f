"""Mixed load for a long time, samples of memory and latency, and what they say."""
import collections
import http.client
import statistics
import threading
import time

from logbench import seed

from . import generators, people
from .servers import memory_kib

PLAIN_RATE, STORED_RATE, REQUESTS_PER_SECOND = 500, 200, 20
RETURNING = 500
HANDSHAKES = 16
RECONNECT_SECONDS = 10
# At first all reconnect without a pause: as often as otherwise in an hour, so that caches, the allocator's too, are as full as they get.
RUSH_SECONDS = 60
# Memory may grow by so much of itself, and by so much, from the first fifth to the end; the p99 of the last third may be so much of the first's.
GROWTH_SHARE_MAX, GROWTH_KIB_MAX = 0.02, 1024
P99_RATIO_MAX = 1.5
SERIES = ("plain_us", "stored_us", "rest_us")

# - seconds: since the beginning.
Sample = collections.namedtuple("Sample", "seconds rss_kib " + " ".join(SERIES))


class Background(threading.Thread):
    """Calls `step` again and again, every `interval` seconds, until it is stopped."""

    def __init__(self, step, interval):
        super().__init__(daemon=True)
        self.step, self.interval = step, interval
        self.ended, self.failure = threading.Event(), None

    def run(self):
        try:
            while not self.ended.wait(self.interval):
                self.step()
        except Exception as error:  # Whatever it is, the run has failed and says so.
            self.failure = error

    def stop(self):
        self.ended.set()
        self.join()
        if self.failure:
            raise self.failure


class Requests:
    """History pages on one connection, and a message every other time."""

    def __init__(self, server, token):
        self.connection = http.client.HTTPConnection("127.0.0.1", server.ports["websocket"], timeout=20)
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self.times, self.count = [], 0

    def step(self):
        topic = f"group/{seed.group(0)}"
        self.count += 1
        started = time.monotonic()
        if self.count % 2:
            self.connection.request("GET", f"/messages/{topic}", headers=self.headers)
        else:
            self.connection.request("POST", "/messages", f'{{"topic":"{topic}","text":"soak"}}', self.headers)
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"REST: {answer.status} {body[:300]}")
        self.times.append((time.monotonic() - started) * 1e6)

    def take_p99(self):
        times, self.times = sorted(self.times), []
        return times[len(times) * 99 // 100] if times else 0.0


def run(bench, minutes, interval):
    """The samples. Raises if a client is cut off or refused; whatever was lost is in the report."""
    with (bench.servers.start("confab") as server,
          generators.crowd(server, RETURNING, *bench.visitors("confab", RETURNING, True)) as crowd,
          generators.probe(server, bench.folder, generators.plain_pairs(people.PAIRS), PLAIN_RATE) as plain,
          # A message by REST comes to the first pair too, which the probe would not know.
          generators.probe(server, bench.folder, people.stored_pairs(bench.tokens, first=1), STORED_RATE) as stored):
        rush(bench, crowd)
        requests = Requests(server, bench.tokens.token(seed.publisher(0)))
        threads = [Background(requests.step, 1 / REQUESTS_PER_SECOND), Background(lambda: reconnect(bench, crowd), RECONNECT_SECONDS)]
        for thread in threads:
            thread.start()
        samples = sample(server, (plain, stored), requests, minutes * 60, interval)
        for thread in threads:
            thread.stop()
        bench.check_probe("plain pairs", plain.end())
        bench.check_probe("stored pairs", stored.end())
    return samples


def rush(bench, crowd):
    end = time.monotonic() + RUSH_SECONDS
    while time.monotonic() < end:
        reconnect(bench, crowd)


def reconnect(bench, crowd):
    crowd.ask("close")
    bench.check_crowd("reconnects", crowd.ask(f"open {HANDSHAKES}"), RETURNING)


def sample(server, probes, requests, seconds, interval):
    begin, samples = time.monotonic(), []
    print(f"{'seconds':>8} {'RSS MiB':>8} {'plain p99 ms':>13} {'stored p99 ms':>14} {'REST p99 ms':>12}")
    while (passed := time.monotonic() - begin) < seconds:
        time.sleep(max(0, min(interval, seconds - passed)))
        p99s = [probe.ask("report")["arrival_us"]["p99"] for probe in probes] + [requests.take_p99()]
        one = Sample(time.monotonic() - begin, memory_kib(server.pid), *p99s)
        samples.append(one)
        print(f"{one.seconds:8.0f} {one.rss_kib / 1024:8.1f} {one.plain_us / 1000:13.2f} {one.stored_us / 1000:14.2f} "
              f"{one.rest_us / 1000:12.2f}", flush=True)
    return samples


def verdict(samples):
    """(what was found, what of it is too much), as sentences."""
    settled = samples[len(samples) // 5:]
    if len(settled) < 4:
        return [], ["too few samples for a verdict"]
    slope, _ = statistics.linear_regression([one.seconds for one in settled], [one.rss_kib for one in settled])
    growth = slope * (settled[-1].seconds - settled[0].seconds)
    allowed = GROWTH_SHARE_MAX * settled[0].rss_kib + GROWTH_KIB_MAX
    found = [f"memory after the first fifth: {slope * 3600 / 1024:+.2f} MiB an hour, {growth / 1024:+.2f} MiB in all, "
             f"allowed are {allowed / 1024:.2f}"]
    wrong = [found[0]] if growth > allowed else []
    third = len(samples) // 3
    for series in SERIES:
        first, last = (statistics.median(getattr(one, series) for one in part) for part in (samples[:third], samples[-third:]))
        found.append(f"{series}: median p99 {first:.0f} in the first third, {last:.0f} in the last")
        if last > P99_RATIO_MAX * first:
            wrong.append(found[-1])
    return found, wrong
