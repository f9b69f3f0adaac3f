"""Sessions: resumed, discarded, expired, taken over; what they keep, and what is sent again."""
import time

import pytest

from conformance.protocol import (PINGRESP, PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL, V3, V5, acknowledge, connect,
                                  publish, subscribe)
from support.rest import unique_name


@pytest.mark.mqtt("MQTT-3.1.2-5", "MQTT-3.1.2-6", "MQTT-3.1.2-23", "MQTT-3.2.2-3", "MQTT-3.1.4-4", "3.1.1:MQTT-3.1.2-4",
                  "3.1.1:MQTT-3.2.2-2", "3.1.1:MQTT-3.2.2-3", "3.1.1:MQTT-3.1.4-3", "3.1.1:MQTT-4.1.0-1")
def test_a_session_is_made_and_resumed(persistent, version, topic):
    """Session Present tells it; a resumed one still has its subscription."""
    peer = persistent(version, topic)
    assert not peer.connack.session_present
    peer.subscribe(topic, qos=1)
    for end in (peer.disconnect, peer.close):
        end()
        peer = persistent(version, topic)
        assert peer.connack.session_present
        peer.publish(topic, b"again", qos=1)
        peer.message(topic, b"again", qos=1, dup=False)
        peer.quiet()
        end = peer.close


@pytest.mark.mqtt("MQTT-3.1.2-4", "MQTT-3.2.2-2", "3.1.1:MQTT-3.1.2-6", "3.1.1:MQTT-3.2.2-1")
def test_a_clean_start_discards_the_session(persistent, join, version, topic):
    peer = persistent(version, topic)
    peer.subscribe(topic, qos=1)
    peer.disconnect()
    sender = join(version)
    sender.publish(topic, b"missed", qos=1)
    clean = join(version, client_id=topic)
    assert not clean.connack.session_present
    sender.publish(topic, b"missed too", qos=1)
    clean.quiet()
    clean.disconnect()
    assert not persistent(version, topic).connack.session_present, "nothing of a clean session is left"


@pytest.mark.mqtt("MQTT-3.1.2-23", "MQTT-4.1.0-1", "MQTT-4.1.0-2", "3.1.1:MQTT-4.1.0-2")
def test_session_expiry(persistent, join, topic):
    """Counted from the end of the connection: a session whose interval is over lives as long as its connection, and is
    gone that long after it. DISCONNECT may change the interval."""
    names = [f"{topic}-{index}" for index in range(4)]
    stays, short, cut, prolonged = [persistent(V5, name, seconds) for name, seconds in zip(names, (60, 1, 60, 1))]
    time.sleep(1.8)
    for peer in (stays, short):
        peer.close()
    cut.disconnect(session_expiry=0)
    prolonged.disconnect(session_expiry=60)
    first = persistent(V5, names[1], 1)
    assert first.connack.session_present, "discarded while its connection was open"
    first.close()
    assert not persistent(V5, names[2]).connack.session_present
    time.sleep(2.4)
    assert [persistent(V5, name).connack.session_present for name in names] == [True, False, True, True]


@pytest.mark.mqtt("MQTT-4.1.0-2", "3.1.1:MQTT-3.1.2-6")
def test_a_session_without_expiry_ends_with_its_connection(join, persistent, version, topic):
    join(version, client_id=topic, clean=version == V3).subscribe(topic, qos=1)
    join(version, client_id=topic, clean=version == V3).close()
    assert not persistent(version, topic).connack.session_present


@pytest.mark.mqtt("MQTT-3.1.4-3", "3.1.1:MQTT-3.1.4-2", "MQTT-3.1.2-5")
def test_takeover(persistent, version, topic):
    """The older connection ends with 0x8E, and the session goes on; again and again."""
    older = persistent(version, topic)
    older.subscribe(topic, qos=1)
    for _ in range(5):
        newer = persistent(version, topic)
        assert newer.connack.session_present
        older.ends(0x8E)
        newer.publish(topic, b"mine", qos=1)
        newer.message(topic, b"mine")
        older = newer.quiet()
    older.quiet()


@pytest.mark.mqtt("MQTT-3.1.4-3", "MQTT-3.2.2-3")
def test_takeover_of_a_session_without_expiry(join, topic):
    """It ends with the connection that is taken over, so there is none for the newer one."""
    older = join(V5, client_id=topic, clean=False)
    older.subscribe(topic)
    newer = join(V5, client_id=topic, clean=False)
    assert not newer.connack.session_present
    older.ends(0x8E)
    join(V5).publish(topic, qos=1)
    newer.quiet()


def test_many_connections_with_one_client_id_at_once(dial, join, version, topic):
    """One of them stays, whatever the order in which they come, and the hub lives."""
    peers = [dial(version).send(connect(version, topic, clean=False)) for _ in range(20)]
    alive = 0
    for peer in peers:
        peer.send(b"\xc0\0") if peer.read() else None
        alive += bool((found := peer.read()) and found.kind == PINGRESP)
    assert alive >= 1
    newest = join(version, client_id=topic)
    newest.quiet()


@pytest.mark.mqtt("MQTT-4.5.0-1", "3.1.1:MQTT-3.1.2-5", "3.1.1:MQTT-4.5.0-1")
def test_messages_wait_for_an_absent_session(persistent, join, version, topic):
    """QoS 1 and 2 in their order, and after them what is published next."""
    peer = persistent(version, topic)
    peer.subscribe(topic, qos=2)
    peer.disconnect()
    sender = join(version)
    for index in range(20):
        sender.publish(topic, b"%d" % index, qos=1 + index % 2)
    peer = persistent(version, topic)
    assert peer.connack.session_present
    got = peer.messages(20)
    for qos in (1, 2):
        assert [int(one.payload) for one in got if one.qos == qos] == list(range(qos - 1, 20, 2))
    sender.publish(topic, b"live", qos=1)
    peer.message(topic, b"live", qos=1)
    peer.quiet()


@pytest.mark.mqtt("MQTT-4.4.0-1", "MQTT-3.3.1-1", "MQTT-4.3.2-3", "MQTT-4.6.0-5", "3.1.1:MQTT-4.4.0-1",
                  "3.1.1:MQTT-3.3.1-1", "3.1.1:MQTT-4.3.2-1",
                  "3.1.1:MQTT-4.6.0-6", "3.1.1:MQTT-4.6.0-1", "3.1.1:MQTT-2.3.1-4")
@pytest.mark.parametrize("qos", [1, 2])
def test_unacknowledged_messages_come_again(persistent, join, version, topic, qos):
    """With the same identifiers, DUP set, in the first order; what was acknowledged stays away; nothing comes twice on
    one connection."""
    peer = persistent(version, topic)
    peer.subscribe(topic, qos=qos)
    sender = join(version)
    for index in range(10):
        sender.publish(topic, b"%d" % index, qos=qos)
    first = peer.messages(10, acknowledge=False)
    assert not any(one.dup for one in first) and [one.payload for one in first] == [b"%d" % n for n in range(10)]
    for one in first[3:5]:
        peer.acknowledge(one)
    peer.quiet()
    peer.close()
    peer = persistent(version, topic)
    left = first[:3] + first[5:]
    again = peer.messages(8, dup=True, qos=qos)
    assert [(one.identifier, one.payload) for one in again] == [(one.identifier, one.payload) for one in left]
    sender.publish(topic, b"next", qos=qos)
    peer.message(topic, b"next", dup=False)
    peer.quiet()


@pytest.mark.mqtt("MQTT-2.2.1-4", "MQTT-4.3.2-1", "MQTT-4.3.3-1", "3.1.1:MQTT-2.3.1-4")
@pytest.mark.parametrize("qos", [1, 2])
def test_identifiers_after_a_resume_do_not_collide(persistent, join, version, topic, qos):
    """What is still unacknowledged keeps its identifier, and nothing new gets it."""
    sender = join(version)
    peer = persistent(version, topic)
    peer.subscribe(topic, qos=qos)
    for turn in range(3):
        for index in range(8):
            sender.publish(topic, b"%d/%d" % (turn, index), qos=qos)
        got = peer.messages(8 * (turn + 1), acknowledge=False)
        assert len({one.identifier for one in got}) == len({one.payload for one in got}) == 8 * (turn + 1)
        peer.close()
        peer = persistent(version, topic)
    for one in peer.messages(24, acknowledge=False, dup=True):
        peer.acknowledge(one)
    peer.quiet()


@pytest.mark.mqtt("MQTT-4.4.0-1", "MQTT-4.3.3-5", "MQTT-4.3.3-6", "3.1.1:MQTT-4.4.0-1", "3.1.1:MQTT-4.3.3-1")
def test_pubrel_comes_again(persistent, join, version, topic):
    """After PUBREC the message isn't sent any more, PUBREL is, until PUBCOMP."""
    peer = persistent(version, topic)
    peer.subscribe(topic, qos=2)
    join(version).publish(topic, b"once", qos=2)
    identifier = peer.message(topic, b"once", acknowledge=False).identifier
    peer.receive(identifier)
    for _ in range(2):
        peer.close()
        peer = persistent(version, topic)
        found = peer.next()
        assert found.kind == PUBREL and found.identifier == identifier
        peer.quiet()
    peer.answer(PUBCOMP, identifier).quiet()
    peer.close()
    peer = persistent(version, topic)
    peer.publish(topic, b"next", qos=1)
    peer.message(topic, b"next", dup=False)
    peer.quiet()


@pytest.mark.mqtt("MQTT-4.4.0-2")
@pytest.mark.parametrize("qos, kind", [(1, PUBACK), (2, PUBREC)])
def test_a_refused_message_is_not_sent_again(persistent, join, topic, qos, kind):
    """Nor is there a PUBREL for it [MQTT-4.3.3-4]."""
    peer = persistent(V5, topic)
    peer.subscribe(topic, qos=qos)
    sender = join(V5)
    sender.publish(topic, b"unwanted", qos=qos)
    peer.answer(kind, peer.message(acknowledge=False).identifier, code=0x83).quiet()
    peer.close()
    peer = persistent(V5, topic)
    sender.publish(topic, b"next", qos=qos)
    peer.message(topic, b"next", dup=False)


@pytest.mark.mqtt("MQTT-4.3.3-10", "MQTT-4.1.0-1", "3.1.1:MQTT-4.3.3-2", "3.1.1:MQTT-4.1.0-1")
def test_a_qos_2_publish_across_connections_is_delivered_once(persistent, join, version, topic):
    """PUBLISH is repeated with DUP after a reconnect, also after PUBREC; so is PUBREL."""
    listener = join(version)
    listener.subscribe(topic, qos=2)
    client_id = unique_name("publisher")
    peer = persistent(version, client_id)
    peer.start(topic, b"once", qos=2, identifier=9)
    assert peer.expect(PUBREC).identifier == 9
    for _ in range(2):
        peer.close()
        peer = persistent(version, client_id)
        assert peer.connack.session_present
        peer.start(topic, b"once", qos=2, identifier=9, dup=True)
        found = peer.expect(PUBREC)
        assert found.identifier == 9 and found.code < 0x80
    peer.release(9)
    peer.close()
    peer = persistent(version, client_id)
    peer.send(acknowledge(version, PUBREL, 9))
    found = peer.expect(PUBCOMP)
    assert found.identifier == 9 and found.code == (0x92 if version == V5 else 0)
    peer.publish(topic, b"other", qos=2, identifier=9)
    assert listener.payloads(2, qos=2) == [b"once", b"other"]
    listener.quiet()


def test_what_is_sent_in_one_go_with_a_resume(dial, persistent, join, version, topic):
    """CONNECT, SUBSCRIBE and PUBLISH in one segment: nothing of the resumed session comes before CONNACK."""
    peer = persistent(version, topic)
    peer.subscribe(topic, qos=1)
    join(version).publish(topic, b"first", qos=1)
    peer.message(topic, b"first", acknowledge=False)
    peer.close()
    options = {"session_expiry": 60} if version == V5 else {}
    peer = dial(version).send(connect(version, topic, clean=False, **options) + subscribe(version, 5, [(topic, 1)])
                              + publish(version, topic, b"second", 1, 6))
    assert peer.next().session_present
    got = []
    while len(got) < 2:
        if (found := peer.next()).kind == PUBLISH:
            got.append(found.payload)
            peer.acknowledge(found)
    assert got == [b"first", b"second"]
