"""MQTT 5 §3.3.2.3.3: what waits carries what is left of its expiry, and what is over is not delivered."""
import time

import pytest

from support import rest, wire
from support.mqtt import V5
from support.waiting import eventually
from support.wire import CONNACK, PUBACK, PUBLISH, SUBACK, Wire

EXPIRY = 0x02


@pytest.fixture
def sender(anonymous_hub, client):
    return client(anonymous_hub, version=V5, tls=False)


@pytest.fixture
def slow(anonymous_hub):
    """Subscribed to a topic of its own with a receive maximum of 1: the second message waits for the first PUBACK."""
    topic = rest.unique_name("slow")
    with Wire(anonymous_hub) as wired:
        wired.topic = topic
        wired.send(wire.connect(client_id=topic, properties=b"\x21\0\x01"))
        assert wired.expect(CONNACK)[1] == 0
        wired.send(wire.subscribe(topic, qos=1))
        assert wired.expect(SUBACK)[-1] == 1
        yield wired


def receive(wired):
    """(packet identifier, properties, payload) of the next PUBLISH, for properties below 128 bytes."""
    body = wired.expect(PUBLISH)
    position = 2 + len(wired.topic)
    length = body[position + 2]
    return body[position:position + 2], body[position + 3:position + 3 + length], body[position + 3 + length:]


def puback(identifier):
    return wire.packet(PUBACK, identifier)


def test_a_subscriber_that_is_there_gets_the_publishers_value(client, anonymous_hub, sender):
    topic = rest.unique_name("now")
    receivers = [client(anonymous_hub, version=V5, tls=False) for _ in range(4)]
    for receiver in receivers:
        receiver.subscribe(topic)
    sender.publish(topic, "x", MessageExpiryInterval=100)
    for receiver in receivers:
        assert receiver.next().properties.MessageExpiryInterval == 100


def test_what_waits_ages(slow, sender):
    """[MQTT-3.3.2-5] [MQTT-3.3.2-6]: `short` is over when its turn comes, `long` has at least a second less."""
    sender.publish(slow.topic, "first")
    sender.publish(slow.topic, "short", MessageExpiryInterval=1)
    sender.publish(slow.topic, "long", MessageExpiryInterval=100)
    sender.publish(slow.topic, "none")
    identifier, properties, payload = receive(slow)
    assert payload == b"first" and properties == b""
    end = time.monotonic() + 1.2
    eventually(lambda: time.monotonic() > end, "an expiry is a time")
    slow.send(puback(identifier))
    identifier, properties, payload = receive(slow)
    assert payload == b"long" and properties[0] == EXPIRY
    assert 90 <= int.from_bytes(properties[1:5], "big") <= 99
    slow.send(puback(identifier))
    assert receive(slow)[2] == b"none"
