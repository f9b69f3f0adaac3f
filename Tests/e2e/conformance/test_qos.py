"""The three deliveries in both directions, and flow control."""
import time

import pytest

from conformance.protocol import (PING, PINGRESP, PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL, SUBACK, V3, V5, acknowledge,
                                  publish, subscribe)
from support.rest import unique_name

RECEIVE_MAXIMUM = 1024  # the hub's


@pytest.mark.mqtt("MQTT-3.8.4-8", "MQTT-3.3.4-1", "MQTT-2.2.1-2", "MQTT-2.2.1-5", "MQTT-4.3.1-1", "MQTT-4.3.2-2",
                  "MQTT-4.3.2-4", "MQTT-4.3.3-2", "MQTT-4.3.3-4", "MQTT-4.3.3-8", "MQTT-4.3.3-11", "MQTT-3.3.1-2",
                  "MQTT-3.4.2-1", "MQTT-3.5.2-1", "MQTT-3.6.2-1", "MQTT-3.7.2-1", "MQTT-3.3.2-3",
                  "3.1.1:MQTT-3.8.4-6", "3.1.1:MQTT-3.3.4-1", "3.1.1:MQTT-2.3.1-5", "3.1.1:MQTT-2.3.1-6",
                  "3.1.1:MQTT-4.3.1-1", "3.1.1:MQTT-4.3.2-1", "3.1.1:MQTT-4.3.2-2", "3.1.1:MQTT-4.3.3-1",
                  "3.1.1:MQTT-4.3.3-2", "3.1.1:MQTT-3.3.1-2", "3.1.1:MQTT-3.3.2-3")
@pytest.mark.parametrize("granted", [0, 1, 2])
@pytest.mark.parametrize("published", [0, 1, 2])
def test_quality_of_service(join, version, topic, published, granted):
    """Each publish is acknowledged as its QoS demands, and arrives with the lower of both."""
    listener, sender = join(version), join(version)
    listener.subscribe(topic, qos=granted)
    for index in range(3):
        sender.publish(topic, b"%d" % index, qos=published)
        listener.message(topic, b"%d" % index, qos=min(published, granted), dup=False, retain=False)
    listener.quiet()
    sender.quiet()


@pytest.mark.mqtt("MQTT-4.3.2-5", "MQTT-3.3.1-3", "3.1.1:MQTT-4.3.2-2", "3.1.1:MQTT-3.3.1-3")
def test_an_acknowledged_identifier_is_a_new_message(join, version, topic):
    """Whatever DUP says; and DUP of the publisher isn't passed on."""
    listener, sender = join(version), join(version)
    listener.subscribe(topic, qos=1)
    for payload, dup in ((b"1", False), (b"1", True), (b"2", True), (b"3", False)):
        sender.publish(topic, payload, qos=1, identifier=7, dup=dup)
    assert listener.payloads(4, dup=False, qos=1) == [b"1", b"1", b"2", b"3"]
    listener.quiet()


@pytest.mark.mqtt("MQTT-4.3.3-10", "MQTT-4.3.3-12", "MQTT-3.3.1-3", "3.1.1:MQTT-4.3.3-2", "3.1.1:MQTT-3.3.1-3")
def test_a_qos_2_identifier_counts_once_until_pubrel(join, version, topic):
    """Each repetition is answered by PUBREC, whatever its payload and DUP; after PUBCOMP it is a new message."""
    listener, sender = join(version), join(version)
    listener.subscribe(topic, qos=2)
    for turn in (b"first", b"second"):
        for payload, dup in ((turn, False), (turn, True), (b"another payload", True), (turn, False)):
            sender.start(topic, payload, qos=2, identifier=7, dup=dup)
            found = sender.expect(PUBREC)
            assert found.identifier == 7 and found.code in (0x00, 0x10, 0x91), found
        sender.release(7)
    assert listener.payloads(2, dup=False) == [b"first", b"second"]
    listener.quiet()


@pytest.mark.mqtt("MQTT-4.3.3-9")
def test_a_refused_qos_2_identifier_is_free(join, topic):
    """PUBREC of 0x80 and above ends the exchange: the next PUBLISH with the identifier is a new message."""
    listener, sender = join(V5), join(V5)
    listener.subscribe(topic, qos=2)
    sender.publish(topic, b"\xff", qos=2, identifier=7, payload_format=1, expect=0x99)
    sender.publish(topic, b"good", qos=2, identifier=7)
    listener.message(topic, b"good", qos=2)
    listener.quiet()


@pytest.mark.mqtt("MQTT-4.3.3-11", "MQTT-3.7.2-1", "3.1.1:MQTT-4.3.3-2")
def test_an_unknown_pubrel(join, version):
    peer = join(version)
    peer.send(acknowledge(version, PUBREL, 4711))
    found = peer.expect(PUBCOMP)
    assert found.identifier == 4711 and found.code == (0x92 if version == V5 else 0)
    peer.quiet()


@pytest.mark.mqtt("MQTT-4.3.3-3", "MQTT-4.3.3-5", "MQTT-4.4.0-1", "3.1.1:MQTT-4.3.3-1")
def test_nothing_is_repeated_on_a_live_connection(join, version, topic):
    """Not PUBLISH, nor PUBREL; a second PUBREC gets PUBREL again and no second message."""
    listener = join(version)
    listener.subscribe(topic, qos=2)
    join(version).publish(topic, b"once", qos=2)
    identifier = listener.message(topic, b"once", acknowledge=False).identifier
    listener.quiet()
    for _ in range(2):
        listener.receive(identifier)
        listener.quiet()
    listener.answer(PUBCOMP, identifier).quiet()


@pytest.mark.mqtt("MQTT-4.3.3-7", "MQTT-4.3.3-13", "MQTT-3.3.2-5")
def test_expiry_does_not_break_a_qos_2_exchange(join, topic):
    """Neither the one that the hub has begun to send, nor the one that it is receiving."""
    listener, sender = join(V5, receive_maximum=1), join(V5)
    listener.subscribe(topic, qos=2)
    sender.start(topic, b"begun", qos=2, identifier=5, message_expiry=1)
    sender.expect(PUBREC)
    identifier = listener.message(topic, b"begun", acknowledge=False).identifier
    time.sleep(1.5)
    sender.release(5)
    listener.receive(identifier)
    listener.answer(PUBCOMP, identifier).quiet()


@pytest.mark.mqtt("MQTT-3.3.4-9", "MQTT-3.3.4-10", "MQTT-4.9.0-1", "MQTT-4.9.0-2", "MQTT-4.9.0-3")
@pytest.mark.parametrize("qos", [1, 2])
def test_the_clients_receive_maximum(join, topic, qos):
    """No more than two are open at once; everything else goes on meanwhile. For QoS 2 it is PUBCOMP that counts."""
    listener, sender = join(V5, receive_maximum=2), join(V5)
    listener.subscribe(topic, qos=qos)
    for index in range(6):
        sender.publish(topic, b"%d" % index, qos=qos)
    waiting = listener.messages(2, acknowledge=False)
    for index in range(2, 6):
        listener.quiet()
        listener.subscribe(topic + "/other")
        oldest = waiting.pop(0)
        if qos == 2:
            listener.receive(oldest.identifier)
            listener.quiet()
        listener.answer(PUBACK if qos == 1 else PUBCOMP, oldest.identifier)
        waiting.append(listener.message(topic, b"%d" % index, acknowledge=False))
    listener.quiet()


@pytest.mark.mqtt("MQTT-4.9.0-2", "MQTT-3.3.4-9")
@pytest.mark.parametrize("qos", [1, 2])
def test_a_refusal_gives_its_quota_back(join, topic, qos):
    """PUBACK and PUBREC of 0x80 and above end an exchange as success does."""
    listener, sender = join(V5, receive_maximum=1), join(V5)
    listener.subscribe(topic, qos=qos)
    for index in range(4):
        sender.publish(topic, b"%d" % index, qos=qos)
    for index in range(4):
        found = listener.message(topic, b"%d" % index, acknowledge=False)
        listener.quiet()
        listener.answer(PUBACK if qos == 1 else PUBREC, found.identifier, code=0x80)
    listener.quiet()


# (kind, distance from an identifier whose exchange is over, code)
STRAYS = {"puback-again": (PUBACK, 0, 0), "puback-unknown": (PUBACK, 1000, 0), "pubcomp-again": (PUBCOMP, 0, 0),
          "pubcomp-unknown": (PUBCOMP, 1000, 0), "pubrec-again": (PUBREC, 0, 0), "pubrec-unknown": (PUBREC, 1000, 0),
          "pubrec-refusing": (PUBREC, 1000, 0x80)}


@pytest.mark.mqtt("MQTT-3.3.4-9", "MQTT-4.9.0-2")
@pytest.mark.parametrize("name", STRAYS)
def test_stray_acknowledgements_do_not_raise_the_quota(join, topic, name):
    """They are of no exchange, or of one that is over. The hub may also end such a connection."""
    kind, distance, code = STRAYS[name]
    listener, sender = join(V5, receive_maximum=2), join(V5)
    listener.subscribe(topic, qos=1)
    for index in range(8):
        sender.publish(topic, b"%d" % index, qos=1)
    first, second = listener.messages(2, acknowledge=False)
    listener.acknowledge(first)
    third = listener.message(topic, b"2", acknowledge=False)
    identifier = first.identifier + distance
    if identifier in (second.identifier, third.identifier):
        pytest.skip("the hub has given the identifier to the next message")
    listener.send(acknowledge(V5, kind, identifier, code) * 5 + PING)
    while (found := listener.read()) and found.kind != PINGRESP:
        assert found.kind != PUBLISH, f"{found} above the receive maximum"


@pytest.mark.mqtt("MQTT-3.3.4-7")
def test_the_hubs_receive_maximum(join, topic):
    """1,024 open exchanges are served, one more is 0x93; those that were completed don't count."""
    peer = join(V5)
    assert peer.connack.properties["receive_maximum"] == RECEIVE_MAXIMUM
    peer.publish(topic, qos=2)
    peer.send(b"".join(publish(V5, topic, b"", 2, 100 + index) for index in range(RECEIVE_MAXIMUM)))
    for index in range(RECEIVE_MAXIMUM):
        assert peer.expect(PUBREC).identifier == 100 + index
    peer.start(topic, qos=2, identifier=100, dup=True)
    peer.expect(PUBREC)
    peer.release(100)
    peer.start(topic, qos=2, identifier=99)
    peer.expect(PUBREC)
    peer.start(topic, qos=2, identifier=98)
    peer.ends(0x93)


@pytest.mark.mqtt("3.1.1:MQTT-4.3.3-2")
def test_3_has_no_receive_maximum(join, topic):
    """A client may have as many exchanges open as there are identifiers; its PUBRELs come only after all PUBRECs."""
    peer = join(V3)
    identifiers = range(1, 2 * RECEIVE_MAXIMUM)
    peer.send(b"".join(publish(V3, topic, b"", 2, identifier) for identifier in identifiers))
    for identifier in identifiers:
        assert peer.expect(PUBREC).identifier == identifier
    peer.send(b"".join(acknowledge(V3, PUBREL, identifier) for identifier in identifiers))
    for identifier in identifiers:
        assert peer.expect(PUBCOMP).identifier == identifier
    peer.quiet()


@pytest.mark.mqtt("MQTT-4.6.0-5", "MQTT-4.6.0-6", "3.1.1:MQTT-4.6.0-5", "3.1.1:MQTT-4.6.0-6")
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_order(join, version, topic, qos):
    """300 messages of one client arrive in its order, also while those of another are between them."""
    listener, first, second = (join(version) for _ in range(3))
    listener.subscribe(topic, qos=2)
    count = 300
    for start in range(0, count, 50):
        for name, peer in (b"a", first), (b"b", second):
            peer.send(b"".join(publish(version, topic, name + b"%d" % index, qos, index + 1 if qos else None)
                               for index in range(start, start + 50)))
        for peer in (first, second):
            for index in range(start, start + 50 if qos else start):
                assert peer.expect(PUBACK if qos == 1 else PUBREC).identifier == index + 1
                peer.release(index + 1) if qos == 2 else None
    got = listener.payloads(2 * count, qos=qos)
    for name in (b"a", b"b"):
        assert [one for one in got if one[:1] == name] == [name + b"%d" % index for index in range(count)]
    listener.quiet()


@pytest.mark.mqtt("MQTT-2.2.1-4", "MQTT-4.3.2-1", "MQTT-3.3.4-10", "3.1.1:MQTT-2.3.1-4")
def test_a_client_that_acknowledges_nothing(join, version, topic):
    """However many messages the hub has open, each has its own identifier; each acknowledgement lets one more go."""
    listener, sender = join(version), join(version)
    listener.subscribe(topic, qos=1)
    total = 3 * RECEIVE_MAXIMUM
    for start in range(0, total, RECEIVE_MAXIMUM):
        sender.send(b"".join(publish(version, topic, b"%d" % (start + index), 1, index + 1)
                             for index in range(RECEIVE_MAXIMUM)))
        for _ in range(RECEIVE_MAXIMUM):
            sender.expect(PUBACK)
    opened = listener.settle()
    assert len({found.identifier for found in opened}) == len(opened) > 0
    got = [int(found.payload) for found in opened]
    while opened:
        listener.answer(PUBACK, opened.pop(0).identifier)
        if len(got) < total:
            found = listener.message(topic, acknowledge=False)
            assert found.identifier not in {one.identifier for one in opened}, "an identifier in use"
            opened.append(found)
            got.append(int(found.payload))
    assert got == list(range(total))
    listener.quiet()


@pytest.mark.mqtt("MQTT-2.2.1-4", "MQTT-4.3.2-1", "3.1.1:MQTT-2.3.1-4")
def test_identifiers_wrap_around(join, topic):
    """More messages than there are identifiers, acknowledged in their order while the next 512 are open already."""
    listener, sender = join(V3), join(V3)
    listener.subscribe(topic, qos=1)
    size, before = 512, []
    for _ in range(0xFFFF // size + 2):
        sender.send(b"".join(publish(V3, topic, b"", 1, index + 1) for index in range(size)))
        taken = [listener.expect(PUBLISH).identifier for _ in range(size)]
        assert len({*taken, *before, 0}) == len(taken) + len(before) + 1, "an identifier in use, or 0"
        listener.send(b"".join(acknowledge(V3, PUBACK, identifier) for identifier in before))
        before = taken
        for _ in range(size):
            sender.expect(PUBACK)
    listener.quiet()


def test_a_subscribe_during_an_open_exchange(join, version, topic):
    """Identifiers of SUBSCRIBE and of PUBLISH from the other side are independent [2.2.1, 3.1.1: 2.3.1]."""
    listener = join(version)
    listener.subscribe(topic, qos=1)
    join(version).publish(topic, b"open", qos=1)
    found = listener.message(topic, acknowledge=False)
    listener.send(subscribe(version, found.identifier, [(unique_name("other"), 1)]))
    assert listener.expect(SUBACK).identifier == found.identifier
    listener.publish(topic, b"mine", qos=1, identifier=found.identifier)
    assert listener.message(topic, b"mine").identifier != found.identifier
    listener.acknowledge(found)
    listener.quiet()
