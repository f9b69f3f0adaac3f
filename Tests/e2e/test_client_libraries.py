"""protocol.md §3.7: "MQTT 3.1.1 and 5.0 in full on plain topics: any conformant client library works unchanged"."""
import subprocess

import pytest

from support.libraries import LIBRARIES, Message, Will
from support.mqtt import V311, V5, mosquitto_options
from support.relay import Relay
from support.rest import unique_name
from support.waiting import DEADLINE_SECONDS


@pytest.fixture(params=LIBRARIES)
def library(request, anonymous_hub):
    """Clients of one library and one protocol version: `library(clean=False)` is not connected yet."""
    kind, version = LIBRARIES[request.param]
    made = []

    def make(**options):
        made.append(kind(anonymous_hub, version, **options))
        return made[-1]

    make.listener = kind.listener
    yield make
    for one in made:
        one.close()


@pytest.fixture
def other(anonymous_hub, client):
    """A paho client at the other end."""
    return client(anonymous_hub, tls=False)


@pytest.fixture
def relay(anonymous_hub, library):
    """A network before the library's listener that can fail."""
    made = Relay(anonymous_hub.ports[library.listener])
    yield made
    made.cut()


def test_every_quality_of_service(library):
    """Published by the library, delivered to the library, bytes untouched."""
    topic = unique_name("library")
    one = library()
    one.connect()
    one.subscribe(topic, 2)
    for qos in (0, 1, 2):
        payload = bytes([qos, 0, 10, 255]) * 1000
        one.publish(topic, payload, qos)
        assert one.next() == Message(topic, payload, qos, False)


def test_retained_messages(library, other):
    """A retained message comes with the subscription, marked as such; an empty one removes it."""
    topic = unique_name("library")
    one = library()
    one.connect()
    one.publish(topic, b"kept", 1, retain=True)
    one.subscribe(topic, 1)
    # gmqtt, which doesn't tell of acknowledgements, is subscribed after its publish by MQTT's order of packets.
    assert one.next() == Message(topic, b"kept", 1, True)
    one.publish(topic, b"", 1, retain=True)
    assert one.next() == Message(topic, b"", 1, False)
    other.subscribe(topic)
    other.publish(topic, "live")
    message = other.next()
    assert (message.payload, message.retain) == (b"live", False)


def test_will(library, relay, other):
    """The hub publishes the will of a connection that breaks."""
    topic = unique_name("library")
    other.subscribe(topic, qos=2)
    one = library(will=Will(topic, b"gone", 2, True), port=relay.port)
    one.connect()
    one.subscribe(unique_name("library"), 0)
    relay.cut()
    message = other.next()
    assert (message.payload, message.qos, message.retain) == (b"gone", 2, False)
    other.unsubscribe(topic)
    other.subscribe(topic, qos=2)
    message = other.next()
    assert (message.payload, message.retain) == (b"gone", True)
    other.publish(topic, "", retain=True)


def test_will_after_disconnect(library, other):
    """A client that says good-bye takes its will along, unless it says otherwise (DISCONNECT 0x04)."""
    topic = unique_name("library")
    other.subscribe(topic)
    one = library(will=Will(topic, b"gone", 1, False))
    one.connect()
    one.subscribe(unique_name("library"), 0)
    one.disconnect()
    if one.disconnects_with_will:
        assert other.next().payload == b"gone"
    other.publish(topic, "the end")
    assert other.next().payload == b"the end"


def test_persistent_session(library, other):
    """What came while the library was away, in order, once, and then what comes live. (QoS 2 has an order of its own: libraries
    hand a message over when it is released.)"""
    topic = unique_name("library")
    first = library(clean=False)
    first.connect()
    first.subscribe(topic, 2)
    first.disconnect()
    for number in range(20):
        other.publish(topic, str(number), qos=1 + number % 2)
    second = library(clean=False, client_id=first.client_id)
    assert second.resume(topic, 2) in (None, True)
    other.publish(topic, "live", qos=2)
    taken = [second.next() for _ in range(21)]
    for qos, late in ((1, []), (2, [b"live"])):
        assert [message.payload for message in taken if message.qos == qos] == [
            *(str(number).encode() for number in range(qos - 1, 20, 2)), *late]


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_mosquitto_rr(anonymous_hub, client, version, qos):
    """Request and response: MQTT 5 has properties for it, 3.1.1 an agreement."""
    request, response = unique_name("request"), unique_name("response")
    responder = client(anonymous_hub, version=version)
    responder.subscribe(request, qos=qos)
    asking = subprocess.Popen(
        ["mosquitto_rr", *mosquitto_options(anonymous_hub, "5" if version == V5 else "311"), "-t", request, "-e", response,
         "-m", "how much?", "-q", str(qos)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        message = responder.next()
        assert (message.payload, message.qos) == (b"how much?", qos)
        if version == V311:
            responder.publish(response, "nothing", qos=qos)
        else:
            held = message.properties
            assert held.ResponseTopic == response
            correlation = {name: getattr(held, name) for name in ["CorrelationData"] if hasattr(held, name)}
            responder.publish(held.ResponseTopic, "nothing", qos=qos, **correlation)
        output, _ = asking.communicate(timeout=DEADLINE_SECONDS)
        assert (asking.returncode, output.strip()) == (0, "nothing")
    finally:
        asking.kill()
        asking.communicate()
