"""What a PUBLISH brings along: properties, expiry, flags, large and empty payloads, and who may not get it."""
import time

import pytest

from conformance.protocol import PUBACK, PUBREC, V3, V5, publish
from support.wire import text

BOM = "\ufeff"
PROPERTIES = {
    "payload_format": 1, "content_type": "text/pläin; x=" + BOM, "response_topic": "answers/" + BOM + "/ä",
    "correlation_data": bytes(range(256)),
    "user_property": [("b", "2"), ("a", "1"), ("b", "1"), ("", ""), ("a", "1"), (BOM + "e\u0301", "\u00e9" + BOM)]}


@pytest.mark.mqtt("MQTT-3.3.2-4", "MQTT-3.3.2-15", "MQTT-3.3.2-16", "MQTT-3.3.2-17", "MQTT-3.3.2-18", "MQTT-3.3.2-20",
                  "MQTT-1.5.4-3")
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_properties_are_passed_on_unaltered(join, topic, qos):
    """To every subscriber, user properties in their order, with repetitions, and U+FEFF wherever it stands."""
    listeners, sender = [join(V5), join(V5)], join(V5)
    for listener in listeners:
        listener.subscribe(topic, qos=qos)
    sender.publish(topic, "tëxt".encode(), qos=qos, **PROPERTIES)
    for listener in listeners:
        assert listener.message(topic, "tëxt".encode(), qos=qos).properties == PROPERTIES


@pytest.mark.parametrize("name, value", [*PROPERTIES.items(), ("correlation_data", b""), ("content_type", ""),
                                         ("payload_format", 0)])
def test_one_property_alone(join, topic, name, value):
    """Nothing is added to what was sent. (Payload format 0 is the same as none.)"""
    listener = join(V5)
    listener.subscribe(topic)
    listener.publish(topic, b"x", **{name: value})
    found = listener.message(topic, b"x").properties
    assert found == {name: value} or (name == "payload_format" and not found.get(name)), found


@pytest.mark.mqtt("MQTT-2.2.2-1")
def test_between_the_versions(join, topic):
    """3.1.1 has no properties; what it publishes has none in 5.0."""
    old, new = join(V3), join(V5)
    for peer in (old, new):
        peer.subscribe(topic, qos=2)
    new.publish(topic, b"new", qos=2, **PROPERTIES)
    old.publish(topic, b"old", qos=2)
    for peer in (old, new):
        found = peer.messages(2)
        assert [one.payload for one in found] == [b"new", b"old"]
        assert [one.properties for one in found] == [PROPERTIES if peer is new else {}, {}]


@pytest.mark.mqtt("MQTT-1.5.4-3", "3.1.1:MQTT-1.5.3-3", "MQTT-4.7.3-4", "3.1.1:MQTT-4.7.3-4")
def test_strings_are_kept_to_the_byte(join, version, topic):
    """U+FEFF stays where it is, and what looks alike stays apart."""
    levels = (BOM, "", BOM + "x", "x" + BOM, "\u00e9", "e\u0301", "\u212b", "\u00c5", "ﬁ", "fi", "ß", "ss", "I", "i",
              "ı", " ", "\u00a0", "🙂", "\U0010fffd")
    names = [topic + "/" + level for level in levels]
    peer = join(version)
    for name in names:
        peer.subscribe(name)
    for name in names:
        peer.publish(name, name.encode())
        peer.message(name, name.encode())
    peer.quiet()


@pytest.mark.parametrize("level", ["\ufffe", "\uffff", "\U0001fffe", "\ufdd0", "\x01", "\x1f", "\x7f", "\x85"])
def test_disallowed_code_points(join, version, topic, level):
    """1.5.4, 1.5.3: noncharacters and controls should not be sent. The hub refuses or passes them on as they are."""
    listener, sender = join(version), join(version)
    listener.subscribe(topic + "/+", qos=1)
    sender.send(publish(version, f"{topic}/{level}", b"odd", 1, 5))
    answer = sender.next()
    if answer and answer.kind == PUBACK and answer.code < 0x80:
        listener.message(f"{topic}/{level}", b"odd")
    join(version).publish(topic + "/x", b"plain", qos=1)
    listener.message(topic + "/x", b"plain")


@pytest.mark.mqtt("MQTT-3.3.2-5", "MQTT-3.3.2-6")
@pytest.mark.parametrize("qos", [1, 2])
def test_message_expiry(persistent, join, topic, qos):
    """The time in the hub is taken off, and what has expired while its subscriber was away isn't delivered."""
    peer = persistent(V5, topic)
    peer.subscribe(topic, qos=qos)
    sender = join(V5)
    sender.publish(topic, b"at once", qos=qos, message_expiry=60)
    assert peer.message(topic, b"at once").properties["message_expiry"] in (59, 60)
    peer.disconnect()
    sender.publish(topic, b"expires", qos=qos, message_expiry=1)
    sender.publish(topic, b"stays", qos=qos, message_expiry=60)
    sender.publish(topic, b"for ever", qos=qos)
    sender.publish(topic, b"longest", qos=qos, message_expiry=0xFFFFFFFF)
    time.sleep(2.1)
    peer = persistent(V5, topic)
    stays, forever, longest = peer.messages(3)
    assert [one.payload for one in (stays, forever, longest)] == [b"stays", b"for ever", b"longest"]
    assert 55 <= stays.properties["message_expiry"] <= 58 and "message_expiry" not in forever.properties
    assert 0xFFFFFFFF - 5 <= longest.properties["message_expiry"] <= 0xFFFFFFFF - 2
    peer.quiet()


@pytest.mark.mqtt("MQTT-3.3.2-5")
def test_a_message_that_expires_before_its_turn(join, topic):
    """It waits for the receive maximum of a subscriber that is connected; its place goes to the next one."""
    peer, sender = join(V5, receive_maximum=1), join(V5)
    peer.subscribe(topic, qos=1)
    sender.publish(topic, b"first", qos=1)
    first = peer.message(topic, b"first", acknowledge=False)
    sender.publish(topic, b"expires", qos=1, message_expiry=1)
    sender.publish(topic, b"last", qos=1)
    time.sleep(1.6)
    peer.acknowledge(first)
    peer.message(topic, b"last")
    peer.quiet()


@pytest.mark.parametrize("size", [0, 1, 127, 128, 16_383, 16_384, 200_000, (1 << 20) - 100])
def test_payload_sizes(join, version, topic, size):
    """Around the steps of the remaining length, up to the hub's maximum packet size."""
    peer = join(version)
    peer.subscribe(topic, qos=1)
    payload = bytes(index * 7 % 251 for index in range(size))
    peer.publish(topic, payload, qos=1)
    peer.message(topic, payload)


@pytest.mark.mqtt("MQTT-3.8.3-3")
def test_no_local(join, topic):
    """What a client published doesn't come back to it by such a subscription, whatever becomes of others' messages."""
    peer, other = join(V5), join(V5)
    peer.subscribe(topic, qos=1, no_local=True)
    for qos in (0, 1):
        peer.publish(topic, b"mine", qos=qos)
        other.publish(topic, b"yours", qos=qos)
        peer.message(topic, b"yours", qos=qos)
    peer.quiet()
    peer.subscribe(topic, qos=1)
    peer.publish(topic, b"mine", qos=1)
    peer.message(topic, b"mine")


@pytest.mark.mqtt("MQTT-3.8.3-3")
def test_no_local_beside_another_subscription(join, topic):
    """The other one still delivers it, once and under its own identifier."""
    peer = join(V5)
    peer.subscribe(topic, no_local=True, subscription_identifier=1)
    peer.subscribe(topic + "/#", subscription_identifier=2)
    peer.publish(topic, b"mine")
    assert 2 in peer.message(topic, b"mine").properties["subscription_identifier"]
    peer.quiet()


@pytest.mark.mqtt("3.1.1:MQTT-3.3.5-2", "MQTT-3.4.2-1", "MQTT-3.5.2-1")
@pytest.mark.parametrize("qos, kind", [(1, PUBACK), (2, PUBREC)])
def test_a_publish_without_the_right(join, version, qos, kind):
    """0x87 in MQTT 5; 3.1.1 can't say it, so there it is acknowledged as any other."""
    peer = join(version)
    peer.publish("$SYS/broker/uptime", b"x", qos=qos, expect=0x87 if version == V5 else None)
    peer.quiet()


@pytest.mark.mqtt("MQTT-3.4.2-1", "MQTT-3.5.2-1")
@pytest.mark.parametrize("qos", [1, 2])
def test_payload_format(join, topic, qos):
    """A payload that is not the UTF-8 that it claims to be gets 0x99 and reaches nobody."""
    peer = join(V5)
    peer.subscribe(topic, qos=qos)
    for bad in (b"\xff", b"a\xed\xa0\x80", b"\xc0\x80", b"cut \xe2\x82"):
        peer.publish(topic, bad, qos=qos, payload_format=1, expect=0x99)
    for good in (b"", "ä€🙂".encode(), b"with \0"):
        peer.publish(topic, good, qos=qos, payload_format=1)
        peer.message(topic, good)
    peer.publish(topic, b"\xff", qos=qos, payload_format=0)
    peer.message(topic, b"\xff")
    peer.quiet()


def test_a_publish_ends_where_its_packet_ends(join, topic):
    """QoS 0 has no identifier, so its first payload bytes are not taken for one [MQTT-2.2.1-2]."""
    peer = join(V3)
    peer.subscribe(topic)
    peer.send(b"\x30" + bytes([len(topic) + 4]) + text(topic) + b"\0\1")
    peer.message(topic, b"\0\1", qos=0)
