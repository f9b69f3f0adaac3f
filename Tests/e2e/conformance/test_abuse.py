"""What broke other brokers (CVEs and their kin): everything here ends in bounded time and memory, and the hub lives."""
import os
import socket
import time

import pytest

from conformance import protocol
from conformance.protocol import (PING, PINGRESP, PUBLISH, PUBREC, SUBACK, UNSUBACK, V3, V5, Will, publish,
                                  subscribe, unsubscribe)
from conformance.test_malformed import FIRST, FIRST_IN_5
from support.wire import variable_integer

LEVELS = "/" * 0xFFFF
PAGE = os.sysconf("SC_PAGE_SIZE")
MIB = 1 << 20


def resident(hub):
    """Bytes of memory that the hub's process has."""
    with open(f"/proc/{hub.process.pid}/statm") as file:
        return int(file.read().split()[1]) * PAGE


@pytest.fixture
def within():
    """`with within(seconds):` the block must not take longer."""

    class Limit:
        def __init__(self, seconds):
            self.seconds = seconds

        def __enter__(self):
            self.started = time.monotonic()

        def __exit__(self, kind, *_):
            assert kind or time.monotonic() - self.started < self.seconds, f"took longer than {self.seconds} s"

    return Limit


def hurl(port, packets, count):
    """Opens `count` connections, a hundred at once, each with one of the packets, and waits for the end of each."""
    for start in range(0, count, 100):
        opened = []
        for index in range(start, min(start + 100, count)):
            one = socket.create_connection(("127.0.0.1", port), 10)
            one.sendall(packets[index % len(packets)])
            opened.append(one)
        for one in opened:
            try:
                while one.recv(4096):
                    pass
            except ConnectionError:
                pass
            one.close()


def test_100_000_malformed_connects(anonymous_hub, join):
    """CVE-2017-7651, 2017-7654, 2023-0809, 2023-3592: what they leave behind is nothing."""
    packets = [one.values[0](version) for one in FIRST for version in (V3, V5) if one.id != "huge-length"]
    packets += [one.values[0] for one in FIRST_IN_5]
    port = anonymous_hub.ports["mqtt"]
    hurl(port, packets, 5_000)
    before = resident(anonymous_hub)
    hurl(port, packets, 95_000)
    grown = resident(anonymous_hub) - before
    assert grown < 8 * MIB, f"grown by {grown / MIB:.1f} MiB"
    join(V5).quiet()


def attempt(peer, data):
    """Sends what the hub may refuse by a code or by the end of the connection; returns what it answered until then."""
    found = []
    try:
        peer.send(data + PING)
    except ConnectionError:  # closed before it had read all of it
        return found
    while (one := peer.read()) and one.kind not in (PINGRESP, protocol.DISCONNECT):
        found.append(one)
    return found


@pytest.mark.parametrize("name", [LEVELS, "+/" * 0x7FFF + "+", "a/" * 0x7FFF + "#", "+/" * 0x7FFF + "#"],
                         ids=["slashes", "plus", "hash", "plus-hash"])
def test_filters_of_very_many_levels(join, version, within, name):
    """CVE-2019-11779: SUBSCRIBE, messages that deep, and UNSUBSCRIBE."""
    peer = join(version)
    with within(3):
        answers = attempt(peer, subscribe(version, 1, [(name, 0)]))
        for deep in (LEVELS, "a/" * 0x7FFF):
            attempt(join(version), publish(version, deep, b"deep", 1, 5))
        if answers:
            assert attempt(peer, unsubscribe(version, 2, [name]))[-1].kind == UNSUBACK
        join(version).quiet()


def test_messages_of_very_many_levels(join, version, within):
    """A retained message and a will, and filters that look that deep for what is retained."""
    with within(5):
        attempt(join(version), publish(version, LEVELS, b"deep", 1, 5, retain=True))
        for name in ("+/" * 0x7FFF + "+", "/" * 0x7FFF + "#", "+/" * 100 + "#", LEVELS):
            attempt(join(version), subscribe(version, 1, [(name, 0)]))
        join(version, will=Will("/" * 60_000, b"deep")).close()
        attempt(join(version), publish(version, LEVELS, b"", 1, 5, retain=True))
        join(version).quiet()


def test_many_filters_with_many_wildcards(join, topic, within):
    """Each of 900 matches, so there is one message with 900 identifiers; and it is found without trying 2^n ways."""
    peer, sender = join(V5), join(V5)
    levels = 14
    names = [topic + "/" + "/".join("+" if index * 0x9E37 >> bit & 1 else "a" for bit in range(levels))
             for index in range(900)]
    with within(10):
        for start in range(0, 900, 90):
            peer.subscribe(*names[start:start + 90], subscription_identifier=start + 1)
        for _ in range(20):
            sender.publish(topic + "/a" * levels, qos=1)
        for _ in range(20):
            assert len(set(peer.message().properties["subscription_identifier"])) == 10
        for depth in (50, 500, 5000):
            sender.publish(topic + "/a" * depth, qos=1)
        peer.quiet()


def test_a_filter_of_plus_signs_against_deep_topics(join, topic, within):
    """`+/+/…/x` fails at the last level only."""
    peer = join(V5)
    with within(5):
        peer.subscribe(*[topic + "/+" * depth + "/x" for depth in range(1, 120)])
        for depth in range(1, 120):
            peer.publish(topic + "/y" * depth, qos=1)
        peer.publish(topic + "/y/x")
        peer.message(topic + "/y/x")
        peer.quiet()


def test_60_kilobytes_of_user_properties(join, topic, within):
    """CVE-2021-41039: in linear time, in every packet that may have them, and passed on."""
    peer = join(V5)
    many = [("a", "b")] * 8_500
    few = [(f"name-{index}", "x" * 10) for index in range(100)]
    with within(5):
        peer.subscribe(topic, qos=1, user_property=many)
        for values in (many, few):
            for _ in range(20):
                peer.publish(topic, b"x", qos=1, user_property=values)
            for found in peer.messages(20):
                assert found.properties["user_property"] == values
        peer.send(unsubscribe(V5, 77, [topic], user_property=many)).expect(UNSUBACK)
        join(V5, user_property=many[:7_000], will=Will(topic, user_property=many[:100])).disconnect(user_property=many)


@pytest.mark.mqtt("MQTT-4.3.3-10", "3.1.1:MQTT-4.3.3-2")
def test_one_qos_2_identifier_again_and_again(anonymous_hub, join, version, topic):
    """CVE-2023-28366: without PUBREL, 20,000 times; it takes no memory and is one message."""
    listener, sender = join(version), join(version)
    listener.subscribe(topic, qos=2)
    first = publish(version, topic, b"x" * 1000, 2, 7)
    again = publish(version, topic, b"x" * 1000, 2, 7, dup=True)

    def repeat(count):
        for _ in range(count // 500):
            sender.send(again * 500)
            for _ in range(500):
                assert sender.expect(PUBREC).identifier == 7

    sender.send(first).expect(PUBREC)
    repeat(2_000)
    before = resident(anonymous_hub)
    repeat(18_000)
    grown = resident(anonymous_hub) - before
    assert grown < 4 * MIB, f"grown by {grown / MIB:.1f} MiB"
    sender.release(7)
    listener.message(topic, b"x" * 1000, qos=2)
    listener.quiet()


@pytest.mark.parametrize("qos", [0, 1])
@pytest.mark.parametrize("end", ["disconnect", "close", "shutdown"])
def test_last_words_count(join, version, topic, qos, end):
    """PUBLISH followed at once by a close. (A QoS 2 message may wait for its PUBREL.)"""
    listener, sender = join(version), join(version)
    listener.subscribe(topic)
    sender.send(publish(version, topic, b"last words", qos, 5 if qos else None)
                + (protocol.disconnect(version) if end == "disconnect" else b""))
    if end == "shutdown":
        sender.wire.socket.shutdown(socket.SHUT_WR)
    else:
        sender.close()
    listener.message(topic, b"last words")
    listener.quiet()


def test_half_a_packet_and_a_close(join, version, topic):
    """What hasn't come whole doesn't count."""
    listener = join(version)
    listener.subscribe(topic)
    whole = publish(version, topic, b"x" * 100)
    for cut in (1, 2, 10, len(whole) - 1):
        peer = join(version)
        peer.send(whole[:cut])
        peer.close()
    join(version).publish(topic, b"whole")
    listener.message(topic, b"whole")
    listener.quiet()


def test_a_length_is_not_memory(anonymous_hub, join, version):
    """200 connections that announce the largest packet and send little of it."""
    before = resident(anonymous_hub)
    peers = [join(version) for _ in range(200)]
    for peer in peers:
        peer.send(b"\x30" + variable_integer(MIB - 10) + b"\0\x05topic")
    join(version).quiet()
    grown = resident(anonymous_hub) - before
    assert grown < 30 * MIB, f"grown by {grown / MIB:.1f} MiB"


def test_pings_and_subscribes_without_reading(join, topic):
    """A client that asks 20,000 times before it reads an answer gets them all."""
    peer = join(V5)
    one = subscribe(V5, 9, [(topic, 0)])
    for _ in range(20):
        peer.send((PING + one) * 500)
    kinds = [peer.next().kind for _ in range(20_000)]
    assert kinds.count(PINGRESP) == kinds.count(SUBACK) == 10_000
    peer.publish(topic)
    assert peer.next().kind == PUBLISH
