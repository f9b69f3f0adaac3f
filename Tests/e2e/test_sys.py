"""protocol.md §1: `$SYS/#` has broker statistics under mosquitto's names; `/metrics` has them for Prometheus."""
import re
import subprocess
import time
import urllib.request

import pytest

from support import rest, tokens
from support.mqtt import V311, V5, mosquitto
from support.waiting import DEADLINE_SECONDS, eventually

# As mosquitto(8) lists them, without what is deprecated, or about bridges and memory.
NAMES = {
    "version", "uptime", "clients/total", "clients/connected", "clients/disconnected", "clients/maximum",
    "messages/received", "messages/sent", "publish/messages/received", "publish/messages/sent",
    "publish/messages/dropped", "publish/bytes/received", "publish/bytes/sent", "bytes/received", "bytes/sent",
    "subscriptions/count", "shared_subscriptions/count",
} | {
    f"load/{what}/{minutes}min"
    for what in ("messages/received", "messages/sent", "publish/received", "publish/sent", "publish/dropped",
                 "bytes/received", "bytes/sent", "connections", "sockets")
    for minutes in (1, 5, 15)}
SECONDS = 25  # new values come every ten


@pytest.fixture(scope="module")
def operator(anonymous_hub):
    return tokens.operator(anonymous_hub)


@pytest.fixture
def reader(anonymous_hub, operator, client):
    """A client that may read it."""
    return client(anonymous_hub, operator, version=V5, tls=False)


@pytest.fixture
def guest(anonymous_hub, client):
    def make(**options):
        return client(anonymous_hub, version=options.pop("version", V5), tls=False, **options)
    return make


def values(reader, accept):
    """Everything that came up to the moment when `accept` takes it, by the name behind $SYS/broker/."""
    known, limit = {}, time.monotonic() + SECONDS
    while not accept(known):
        assert time.monotonic() < limit, known
        message = reader.next(SECONDS)
        known[message.topic.removeprefix("$SYS/broker/")] = message.payload.decode()
    return known


def test_all_names(reader):
    reader.subscribe("$SYS/#")
    known = values(reader, NAMES.issubset)
    assert known["version"].startswith("confab version ")
    assert re.fullmatch(r"\d+ seconds", known["uptime"])
    assert int(known["clients/total"]) == int(known["clients/connected"]) + int(known["clients/disconnected"])
    assert all(re.fullmatch(r"\d+\.\d\d", value) for name, value in known.items() if name.startswith("load/"))


def test_current_values_are_retained_and_updates_are_not(anonymous_hub, operator, client):
    eventually(lambda: "confab_uptime_seconds 0\n" not in metrics(anonymous_hub), "there are values")
    readers = [client(anonymous_hub, operator, version=version, tls=False) for version in (V311, V5)]
    for reader in readers:
        reader.subscribe("$SYS/broker/uptime", qos=1)
        assert reader.next().retain
    for reader in readers:
        update = reader.next(SECONDS)
        assert not update.retain and update.qos == 0


def test_numbers_are_right(make_hub, client):
    """On a hub of its own: eleven clients, a hundred messages, five subscriptions and a session without a connection."""
    alone, topic = make_hub("--anonymous", "--reactors", "2").start(), rest.unique_name("sys")

    def guest(user=None, **options):
        return client(alone, user, version=V5, tls=False, **options)
    reader = guest(tokens.operator(alone))
    reader.subscribe("$SYS/#")
    absent = guest(clean=False, expiry=100)
    absent.subscribe("never/published")
    absent.disconnect()
    clients = [guest() for _ in range(10)]
    for one in clients[:4]:
        one.subscribe(topic)
    for _ in range(100):
        clients[-1].publish(topic, "x" * 100)
    for one in clients[:4]:
        one.take(100)
    exact = {"clients/connected": 11, "clients/disconnected": 1, "clients/total": 12, "clients/maximum": 11,
             "publish/messages/received": 100, "publish/messages/dropped": 0, "subscriptions/count": 5}
    load = "load/publish/received/1min"  # of the values that are made together it comes late
    known = values(reader, lambda known: float(known.get(load, 0)) > 0 and all(
        known.get(name) == str(value) for name, value in exact.items()))
    for name, least in {"publish/messages/sent": 400, "messages/received": 500, "messages/sent": 500,
                        "publish/bytes/received": 10_000, "publish/bytes/sent": 40_000, "bytes/received": 10_000,
                        "bytes/sent": 40_000}.items():
        assert int(known[name]) >= least, name


def test_only_operators_read_it_and_nobody_writes_it(hub, pair, guest, reader, client):
    """`$SYS/#`: published by the hub, subscribed by tokens with scope `admin`; others get 0x87."""
    service = tokens.mint(hub, pair[0], "--scope", "user bot service", "--acl", '{"all":["#","$SYS/#"]}')
    user, machine, stranger = client(hub, pair[0]), client(hub, service), guest()
    for one in (user, machine, stranger):
        one.subscribe("$SYS/#", "$SYS/broker/uptime", "$SYS/broker/+", "$SYS", expect=[0x87] * 4)
    for one in (user, machine, stranger, reader):
        one.publish("$SYS/broker/uptime", "x", expect=0x87)
        one.subscribe("$other/#", "$SYSTEM", expect=[0x87] * 2)


def test_wildcards_do_not_reach_it(reader):
    """[MQTT-4.7.2-1]"""
    topic = rest.unique_name("end")
    reader.subscribe("#", "+/broker/#")
    reader.publish(topic, "the end")
    seen = reader.take_until(lambda message: message.topic == topic)
    assert not [message.topic for message in seen if message.topic.startswith("$")]


@pytest.mark.parametrize("version", ["311", "5"])
def test_mosquitto_sub(anonymous_hub, operator, version):
    command = mosquitto("mosquitto_sub", anonymous_hub, operator, "-t", "$SYS/#", "-v", "-C", "30", version=version)
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stderr
    assert {line.split(" ")[0].removeprefix("$SYS/broker/") for line in done.stdout.splitlines()} <= NAMES | {
        "retained"}


def metrics(hub):
    address = f"http://127.0.0.1:{hub.ports['ops']}/metrics"
    with urllib.request.urlopen(address, timeout=DEADLINE_SECONDS) as response:
        return response.read().decode()


def test_metrics(anonymous_hub, guest):
    """The same counters in Prometheus' text format: each sample with its HELP and TYPE."""
    sender, topic = guest(), rest.unique_name("metrics")
    sender.subscribe(topic)
    sender.publish(topic, "x")
    sender.next()

    def read():
        lines = metrics(anonymous_hub).splitlines()
        samples = dict(line.split(" ") for line in lines if not line.startswith("#"))
        counts = int(samples["confab_clients_connected"]), int(samples["confab_publishes_received_total"])
        return min(counts) > 0 and (lines, samples)
    lines, samples = eventually(read, "it counts")
    for name in samples:
        assert any(line.startswith(f"# HELP {name} ") for line in lines), name
        kind = "counter" if name.endswith("_total") else "gauge"
        assert f"# TYPE {name} {kind}" in lines
    assert {"confab_" + name for name in (
        "dropped_deliveries_total", "refused_publishes_total", "packets_received_total", "packets_sent_total",
        "bytes_received_total", "bytes_sent_total", "publishes_received_total", "publishes_sent_total",
        "publish_bytes_received_total", "publish_bytes_sent_total", "connections_opened_total", "connects_total",
        "clients_connected", "clients_connected_max", "subscriptions", "shared_subscriptions", "uptime_seconds",
    )} <= set(samples)
