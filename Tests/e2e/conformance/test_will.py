"""Wills: when they are published, when not, and as what."""
import time

import pytest

from conformance.protocol import CONNACK, V3, V5, Will, connect


@pytest.fixture
def listener(join, topic):
    """Subscribed to what the wills of these tests are published to."""
    peer = join(V5)
    peer.subscribe(topic + "/#", qos=2, retain_as_published=True)
    return peer


@pytest.fixture
def silence(join, topic, listener):
    """Shows that no will was published: the marker published after it is what comes next."""

    def check():
        join(V5).publish(topic + "/marker", qos=1)
        listener.message(topic + "/marker")
        listener.quiet()

    return check


@pytest.mark.mqtt("MQTT-3.1.2-7", "MQTT-3.1.2-8", "MQTT-3.1.2-9", "MQTT-3.1.2-12", "MQTT-3.1.2-14", "MQTT-3.1.3-1",
                  "3.1.1:MQTT-3.1.2-8", "3.1.1:MQTT-3.1.2-9", "3.1.1:MQTT-3.1.2-14", "3.1.1:MQTT-3.1.2-16",
                  "3.1.1:MQTT-3.1.3-1")
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_a_connection_that_is_lost(join, version, topic, listener, qos):
    """The will is published with its QoS and not retained."""
    join(version, will=Will(topic + "/w", b"gone", qos)).close()
    listener.message(topic + "/w", b"gone", qos=qos, retain=False, dup=False)
    later = join(V5)
    later.subscribe(topic + "/w")
    later.quiet()


@pytest.mark.mqtt("MQTT-3.1.2-15", "3.1.1:MQTT-3.1.2-17")
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_a_retained_will(join, version, topic, listener, qos):
    join(version, will=Will(topic + "/w", b"gone", qos, retain=True)).close()
    listener.message(topic + "/w", b"gone", qos=qos, retain=True)
    later = join(version)
    later.subscribe(topic + "/w", qos=2)
    later.message(topic + "/w", b"gone", qos=qos, retain=True)
    later.publish(topic + "/w", b"", retain=True)


@pytest.mark.mqtt("MQTT-3.14.4-3", "MQTT-3.1.2-8", "MQTT-3.1.2-10", "3.1.1:MQTT-3.14.4-3", "3.1.1:MQTT-3.1.2-8",
                  "3.1.1:MQTT-3.1.2-10")
def test_disconnect_removes_it(join, version, topic, listener, silence):
    join(version, will=Will(topic + "/w", qos=1)).disconnect()
    silence()


@pytest.mark.mqtt("MQTT-3.1.2-8")
@pytest.mark.parametrize("code", [0x04, 0x80, 0x81, 0x98])
def test_disconnect_with_another_code_does_not(join, topic, listener, code):
    """Above all 0x04, which is there to ask for it."""
    join(V5, will=Will(topic + "/w", b"gone", qos=1)).disconnect(code)
    listener.message(topic + "/w", b"gone")


@pytest.mark.mqtt("MQTT-3.1.2-8", "3.1.1:MQTT-3.1.2-8")
def test_a_connection_that_the_hub_ends(join, version, topic, listener):
    """After a protocol error as after silence."""
    will = Will(topic + "/w", b"gone", qos=1)
    join(version, will=will).send(b"\xc1\0")
    listener.message(topic + "/w", b"gone")
    join(version, will=will).send(connect(version, "again"))
    listener.message(topic + "/w", b"gone")
    join(version, will=will, keep_alive=1)
    listener.message(topic + "/w", b"gone")
    listener.quiet()


@pytest.mark.mqtt("MQTT-3.1.2-8", "MQTT-3.1.3-9", "3.1.1:MQTT-3.1.2-8")
@pytest.mark.parametrize("version, delay, clean, comes", [
    (V3, 0, False, True), (V3, 0, True, True), (V5, 0, False, True), (V5, 0, True, True), (V5, 5, False, False),
    (V5, 5, True, True)])
def test_takeover(dial, persistent, version, topic, listener, silence, delay, clean, comes):
    """The will of the older connection is published, unless its delay lets the newer one resume the session before."""
    properties = {"will_delay": delay} if delay else {}
    older = persistent(version, topic, will=Will(topic + "/w", b"gone", qos=1, **properties))
    options = {"session_expiry": 60} if version == V5 else {}
    newer = dial(version)
    newer.connect(client_id=topic, clean=clean, **options)
    older.ends(0x8E)
    if comes:
        listener.message(topic + "/w", b"gone")
    silence()
    newer.quiet()


@pytest.mark.mqtt("MQTT-3.1.2-10", "3.1.1:MQTT-3.1.2-10", "3.1.1:MQTT-3.1.2-12")
def test_it_is_published_once(persistent, version, topic, listener, silence):
    """The session stays; the next connection has its own will, or none."""
    will = Will(topic + "/w", b"gone", qos=1)
    persistent(version, topic, will=will).close()
    listener.message(topic + "/w", b"gone")
    persistent(version, topic).close()
    silence()
    persistent(version, topic, will=Will(topic + "/other", b"other", qos=1)).close()
    listener.message(topic + "/other", b"other")
    silence()


@pytest.mark.mqtt("MQTT-3.1.2-8", "MQTT-3.1.3-9", "MQTT-4.1.0-2")
def test_will_delay(join, persistent, topic, listener, silence):
    """Published after the delay, or at the end of the session if that is earlier; not if the client is back in time."""
    names = ("delayed", "back", "session-first", "no-session")
    delays, expiries = (1, 1, 60, 60), (60, 60, 1, 0)
    peers = [join(V5, client_id=f"{topic}-{name}", session_expiry=expiry,
                  will=Will(f"{topic}/{name}", name.encode(), qos=1, will_delay=delay))
             for name, delay, expiry in zip(names, delays, expiries)]
    started = time.monotonic()
    for peer in peers:
        peer.close()
    listener.message(topic + "/no-session")
    assert time.monotonic() - started < 0.9, "the session ended at once"
    persistent(V5, f"{topic}-back")
    found = sorted(listener.message().topic for _ in range(2))
    waited = time.monotonic() - started
    assert found == [topic + "/delayed", topic + "/session-first"] and 0.9 <= waited < 4, (found, waited)
    silence()


@pytest.mark.mqtt("MQTT-3.1.2-8")
def test_a_clean_start_within_the_delay_ends_the_session(join, topic, listener):
    """And with the session the delay: the will is published at once. (3.1.2.5 alone could be read otherwise; the
    comment in 3.1.3.2.2 says why.)"""
    join(V5, client_id=topic, session_expiry=60, will=Will(topic + "/w", b"gone", qos=1, will_delay=60)).close()
    join(V5, client_id=topic, clean=True)
    listener.message(topic + "/w", b"gone")


@pytest.mark.mqtt("MQTT-3.1.3-10", "MQTT-3.3.2-4", "MQTT-3.3.2-15", "MQTT-3.3.2-16", "MQTT-3.3.2-20")
def test_its_properties_are_passed_on(join, topic, listener):
    """All but the delay, user properties in their order; the expiry counts from when it is published."""
    values = {"payload_format": 1, "content_type": "t", "response_topic": "r/ä", "correlation_data": b"\0\1",
              "user_property": [("b", "2"), ("a", "1"), ("b", "1")]}
    join(V5, will=Will(topic + "/w", b"gone", qos=1, message_expiry=60, **values)).close()
    found = listener.message(topic + "/w", b"gone").properties
    assert found.pop("message_expiry") in (59, 60) and found == values


@pytest.mark.parametrize("payload", [b"", bytes(60_000), bytes(range(256))], ids=["empty", "large", "binary"])
def test_its_payload(join, version, topic, listener, payload):
    """Nothing, much, and bytes that are no text."""
    join(version, will=Will(topic + "/w", payload, qos=1)).close()
    listener.message(topic + "/w", payload)


@pytest.mark.mqtt("MQTT-3.1.4-6", "3.1.1:MQTT-3.1.4-5", "MQTT-3.1.2-7")
def test_a_refused_connect_leaves_no_will(dial, version, topic, listener, silence):
    peer = dial(version)
    peer.connect(client_id="x" * 257, will=Will(topic + "/w", qos=1), expect=0x85 if version == V5 else 2)
    silence()


@pytest.mark.parametrize("bad", ["", "a/+", "#", "a#"])
def test_topics_that_no_will_can_have(dial, version, bad):
    """3.3.2.1 holds for wills, too: refused or closed, never accepted."""
    answer = dial(version).send(connect(version, "c", will=Will(bad))).wire.read_to_end()
    assert not answer or (answer[0] == CONNACK << 4 and answer[3] != 0), answer


def test_a_will_whose_payload_is_not_its_format(dial, topic, listener, silence):
    """0x99, or it is passed on as it is; the hub says the first."""
    dial(V5).connect(will=Will(topic + "/w", b"\xff", payload_format=1), expect=0x99)
    silence()


def test_a_will_that_may_not_be_published(dial, join):
    """Nobody here may publish to $SYS: such a CONNECT is refused, or its will goes nowhere."""
    peer = dial(V5).send(connect(V5, "c", will=Will("$SYS/broker/version", b"forged", retain=True)))
    peer.next()
    peer.close()
    join(V5).quiet()
