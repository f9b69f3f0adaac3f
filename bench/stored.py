#!/usr/bin/env python3
"""Stored messages per second, end to end: many publishers, each to a conversation of its own with one subscriber, QoS 1, 200 bytes.

  bench/stored.py [--pairs 50] [--seconds 8] [--window 64] [--reactors 1]

Starts the release build of the hub with an embedded PostgreSQL in a temporary directory, makes the users by REST, then publishes from one
process with raw sockets: each publisher keeps `window` packets without PUBACK. With --window 1 --pairs 1 the figures are the latency of one
commit. Counts PUBACKs and deliveries, and checks that every message came once and in order. Prints one line of JSON."""
import argparse
import json
import os
import pathlib
import select
import socket
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "Tests/e2e"))
from support import rest, wire  # noqa: E402
from support.hub import Hub  # noqa: E402

TEXT_BYTES = 200


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def connected(hub, user, name):
    sock = socket.create_connection(("127.0.0.1", hub.ports["mqtt"]))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.sendall(wire.connect(4, client_id=name, user=user.id, password=user.token))
    assert sock.recv(4) == b"\x20\x02\x00\x00"
    return sock


class Publisher:
    def __init__(self, sock, topic, window):
        self.sock, self.topic, self.window = sock, topic.encode(), window
        self.sent = self.acked = 0
        self.pending, self.rest, self.started, self.latencies = b"", 0, [], []
        sock.setblocking(False)

    def frame(self):
        identifier = self.sent % 65_535 + 1
        text = f"{self.sent:08d}".encode().ljust(TEXT_BYTES, b".")
        body = len(self.topic).to_bytes(2, "big") + self.topic + identifier.to_bytes(2, "big") + text
        return b"\x32" + wire.variable_integer(len(body)) + body

    def fill(self):
        frames = []
        while self.sent - self.acked < self.window:
            frames.append(self.frame())
            self.started.append(time.perf_counter())
            self.sent += 1
        self.pending += b"".join(frames)
        self.flush()

    def flush(self):
        if self.pending:
            try:
                self.pending = self.pending[self.sock.send(self.pending):]
            except BlockingIOError:
                pass

    def read(self):
        """PUBACKs are four bytes each and come in order."""
        count = len(self.sock.recv(65536)) + self.rest
        now = time.perf_counter()
        for _ in range(count // 4):
            self.latencies.append(now - self.started[self.acked])
            self.acked += 1
        self.rest = count % 4


class Subscriber:
    def __init__(self, sock, topic):
        self.sock, self.buffer, self.seq = sock, b"", 0
        sock.sendall(wire.subscribe(topic, 4, qos=0))
        assert sock.recv(5)[:1] == b"\x90"
        sock.setblocking(False)

    def read(self):
        self.buffer += self.sock.recv(262_144)
        at = 0
        while True:
            found = self.buffer.find(b'"seq":', at)
            end = self.buffer.find(b",", found)
            if found < 0 or end < 0:
                break
            seq = int(self.buffer[found + 6:end])
            assert seq == self.seq + 1, f"{seq} after {self.seq}"
            self.seq, at = seq, end
        self.buffer = self.buffer[max(at, len(self.buffer) - 4096):] if at == 0 else self.buffer[at:]


def percentile(values, share):
    return round(sorted(values)[min(len(values) - 1, int(len(values) * share))] * 1e6)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--window", type=int, default=64)
    parser.add_argument("--reactors", default="1")
    options = parser.parse_args()
    hub = Hub("--reactors", options.reactors, listeners=("mqtt", "https")).start()
    try:
        print(json.dumps(measure(hub, options)))
    finally:
        hub.stop()
        hub.discard()


def measure(hub, options):
    owner = rest.sign_up(hub, "owner")
    publishers, subscribers = [], []
    for number in range(options.pairs):
        topic = owner.make_group(name=f"bench {number}")["topic"]
        subscribers.append(Subscriber(connected(hub, owner, f"s{number}"), topic))
        subscribers[-1].seq = 1 if topic else 0  # the entry that made the group
        publishers.append(Publisher(connected(hub, owner, f"p{number}"), topic, options.window))
    by_socket = {one.sock: one for one in publishers + subscribers}
    first_cpu, start = cpu_seconds(hub.process.pid), time.perf_counter()
    end = start + options.seconds
    for publisher in publishers:
        publisher.fill()
    while any(one.acked < one.sent for one in publishers):
        ready, _, _ = select.select(list(by_socket), [], [], 5)
        assert ready, "nothing for five seconds"
        for sock in ready:
            one = by_socket[sock]
            one.read()
            if isinstance(one, Publisher):
                one.fill() if time.perf_counter() < end else one.flush()
    wall = time.perf_counter() - start
    cpu = cpu_seconds(hub.process.pid) - first_cpu
    acked = sum(one.acked for one in publishers)
    while sum(one.seq - 1 for one in subscribers) < acked:
        ready, _, _ = select.select([one.sock for one in subscribers], [], [], 5)
        assert ready, "a delivery is missing"
        for sock in ready:
            by_socket[sock].read()
    latencies = [latency for one in publishers for latency in one.latencies]
    return {"pairs": options.pairs, "window": options.window, "messages": acked, "per_second": round(acked / wall),
            "hub_cpu_us_per_message": round(cpu / acked * 1e6, 2), "puback_p50_us": percentile(latencies, .5),
            "puback_p99_us": percentile(latencies, .99), "lost": 0}


if __name__ == "__main__":
    main()
