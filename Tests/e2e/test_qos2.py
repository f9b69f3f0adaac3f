"""QoS 2 is exactly once in both directions for persistent sessions, also through a crash (protocol.md §3.4; MQTT 5 §4.3.3, §4.4)."""
import os
import signal
import struct

import pytest

from support import rest, wire
from support.wire import CONNACK, PUBLISH, Wire

PUBREC, PUBREL, PUBCOMP = 5, 6, 7
EXPIRY = b"\x11" + struct.pack(">I", 3600)


def acknowledgement(kind, packet_id):
    return wire.packet(kind, struct.pack(">H", packet_id), flags=2 if kind == PUBREL else 0)


def open_session(hub, name, level=5, clean=False):
    one = Wire(hub)
    one.send(wire.connect(level, client_id=name, clean=clean, properties=EXPIRY if level == 5 else b""))
    body = one.expect(CONNACK)
    assert body[1] == 0, hex(body[1])
    return one, body[0] == 1


def log_in(hub, user):
    return Wire(hub).log_in(user, client_id="phone", clean=False, properties=EXPIRY)


def subscribe(one, topic, level=5, qos=2):
    one.send(wire.subscribe(topic, level, qos=qos))
    assert one.expect(wire.SUBACK)[-1] == qos


def read_publish(one, level=5):
    """(dup, packet identifier, payload) of the next packet, which must be a PUBLISH of QoS 2."""
    kind, flags, body = one.read_packet()
    assert kind == PUBLISH and flags & 6 == 4, (kind, flags)
    length = struct.unpack(">H", body[:2])[0]
    packet_id = struct.unpack(">H", body[2 + length:4 + length])[0]
    rest_of_it = body[4 + length:]
    return bool(flags & 8), packet_id, rest_of_it[1 + rest_of_it[0]:] if level == 5 else rest_of_it


def identifier(body):
    return struct.unpack(">H", body[:2])[0]


def kill_hub(hub):
    hub.kill()


def kill_both(hub):
    os.kill(hub.postgres_pid(), signal.SIGKILL)
    hub.kill()


def reopen(hub):
    pass


CRASHES = [reopen, kill_hub, kill_both]


def interrupt(hub, crash):
    crash(hub)
    if hub.process is None:
        hub.restart()


@pytest.mark.parametrize("level", [4, 5])
@pytest.mark.parametrize("crash", CRASHES)
def test_a_delivery_is_completed_under_its_identifier(mortal_hub, crash, level):
    """Interrupted before PUBREC the PUBLISH comes again with DUP; between PUBREC and PUBCOMP only the PUBREL."""
    name, topic = rest.unique_name("reader"), rest.unique_name("q")
    reader, _ = open_session(mortal_hub, name, level)
    subscribe(reader, topic + "/#", level)
    writer, _ = open_session(mortal_hub, "writer", clean=True)
    writer.send(wire.publish(topic + "/1", b"one", qos=2, packet_id=5))
    assert identifier(writer.expect(PUBREC)) == 5
    writer.send(acknowledgement(PUBREL, 5))
    assert identifier(writer.expect(PUBCOMP)) == 5
    dup, packet_id, payload = read_publish(reader, level)
    assert (dup, payload) == (False, b"one")
    reader.socket.close()
    interrupt(mortal_hub, crash)
    reader, present = open_session(mortal_hub, name, level)
    assert present
    assert read_publish(reader, level) == (True, packet_id, b"one")
    reader.send(acknowledgement(PUBREC, packet_id))
    assert identifier(reader.expect(PUBREL)) == packet_id
    reader.socket.close()
    interrupt(mortal_hub, crash)
    reader, _ = open_session(mortal_hub, name, level)
    assert identifier(reader.expect(PUBREL)) == packet_id
    reader.send(acknowledgement(PUBCOMP, packet_id))
    reader.send(wire.packet(wire.PINGREQ))
    reader.expect(wire.PINGRESP)
    reader.socket.close()
    interrupt(mortal_hub, crash)
    # Whatever comes first now is new.
    reader, _ = open_session(mortal_hub, name, level)
    writer, _ = open_session(mortal_hub, "writer", clean=True)
    writer.send(wire.publish(topic + "/1", b"two", qos=2, packet_id=6))
    packet = reader.read_packet()
    if packet[0] == PUBREL:
        # Its end had not been saved; the client answers with 0x92, and that is all.
        reader.send(acknowledgement(PUBCOMP, identifier(packet[2])))
        assert read_publish(reader, level)[2] == b"two"
    else:
        assert packet[0] == PUBLISH and packet[2].endswith(b"two") and not packet[1] & 8


@pytest.mark.parametrize("level", [4, 5])
@pytest.mark.parametrize("crash", CRASHES)
def test_a_publish_is_stored_once(mortal_hub, client, crash, level):
    """PUBLISH, sent again after each interruption until PUBREC; then PUBREL, sent again until PUBCOMP: one message."""
    reading, sending, topic = (rest.unique_name(part) for part in ("reader", "sender", "once"))
    reader, _ = open_session(mortal_hub, reading)
    subscribe(reader, topic, qos=1)
    reader.socket.close()
    sender, _ = open_session(mortal_hub, sending, level)
    packet = wire.publish(topic, b"x", level, qos=2, packet_id=9)
    again = wire.publish(topic, b"x", level, qos=2, packet_id=9, flags=0b1100)
    sender.send(packet)
    sender.socket.close()
    interrupt(mortal_hub, crash)
    sender, present = open_session(mortal_hub, sending, level)
    assert present
    sender.send(again)
    assert identifier(sender.expect(PUBREC)) == 9
    sender.socket.close()
    interrupt(mortal_hub, crash)
    sender, _ = open_session(mortal_hub, sending, level)
    sender.send(again)
    assert identifier(sender.expect(PUBREC)) == 9
    sender.send(acknowledgement(PUBREL, 9))
    assert identifier(sender.expect(PUBCOMP)) == 9
    sender.socket.close()
    interrupt(mortal_hub, crash)
    sender, _ = open_session(mortal_hub, sending, level)
    # The identifier is free: the same packet is another message now.
    sender.send(packet)
    assert identifier(sender.expect(PUBREC)) == 9
    reader, _ = open_session(mortal_hub, reading)
    for _ in range(2):
        kind, flags, body = reader.read_packet()
        assert kind == PUBLISH and flags & 6 == 2 and body.endswith(b"x")
        reader.send(acknowledgement(wire.PUBACK, struct.unpack(">H", body[2 + len(topic):4 + len(topic)])[0]))
    reader.send(wire.packet(wire.PINGREQ))
    reader.expect(wire.PINGRESP)


@pytest.mark.parametrize("crash", [reopen, kill_hub])
def test_a_publish_that_expires_is_stored_once(mortal_hub, crash):
    """What comes again expires later by the clock, and is the same message: neither its sender nor anybody else is held up."""
    reading, sending, topic = (rest.unique_name(part) for part in ("reader", "sender", "expires"))
    reader, _ = open_session(mortal_hub, reading)
    subscribe(reader, topic, qos=1)
    reader.socket.close()
    expiry = b"\x02" + struct.pack(">I", 3600)
    for flags in (0b0100, 0b1100, 0b1100):
        sender, _ = open_session(mortal_hub, sending)
        sender.send(wire.publish(topic, b"x", qos=2, packet_id=9, properties=expiry, flags=flags))
        assert sender.expect(PUBREC) == b"\x00\x09"
        sender.socket.close()
        interrupt(mortal_hub, crash)
    sender, _ = open_session(mortal_hub, sending)
    sender.send(acknowledgement(PUBREL, 9))
    assert identifier(sender.expect(PUBCOMP)) == 9
    sender.send(wire.publish(topic, b"y", qos=2, packet_id=9, properties=expiry))
    assert sender.expect(PUBREC) == b"\x00\x09"
    reader, _ = open_session(mortal_hub, reading)
    for payload in (b"x", b"y"):
        kind, _, body = reader.read_packet()
        assert kind == PUBLISH and body.endswith(payload)
        reader.send(acknowledgement(wire.PUBACK, struct.unpack(">H", body[2 + len(topic):4 + len(topic)])[0]))


def test_a_message_to_a_conversation_is_stored_once(make_hub):
    """The same on a stored topic: history has it once."""
    hub = make_hub("--reactors", "2").start()
    first, second = rest.friends(hub)
    topic = first.direct_topic(second)
    for crash in (reopen, kill_hub):
        packet = wire.publish(topic, f"after {crash.__name__}".encode(), qos=2, packet_id=3)
        for _ in range(2):
            one = log_in(hub, first)
            one.send(packet)
            assert identifier(one.expect(PUBREC)) == 3
            one.socket.close()
            interrupt(hub, crash)
        one = log_in(hub, first)
        one.send(acknowledgement(PUBREL, 3))
        assert identifier(one.expect(PUBCOMP)) == 3
        one.socket.close()
    texts = [item["body"]["text"] for item in second.items(first, "?after=0")]
    assert texts == ["after reopen", "after kill_hub"]
    hub.stop()


@pytest.mark.parametrize("is_persistent", [False, True])
def test_repeated_without_release(anonymous_hub, is_persistent):
    """CVE-2023-28366: the same identifier again and again is one message and no growth."""
    topic = rest.unique_name("repeat")
    with Wire(anonymous_hub) as one:
        one.send(wire.connect(5, client_id=topic, properties=EXPIRY if is_persistent else b""))
        one.expect(CONNACK)
        subscribe(one, topic, qos=0)
        one.send(wire.publish(topic, b"x", qos=2, packet_id=7) * 500)
        kinds = []
        while kinds.count(PUBREC) == 0 or kinds.count(PUBLISH) == 0:
            kinds.append(one.read_packet()[0])
        one.send(wire.publish(topic, b"x", qos=2, packet_id=7) + wire.packet(wire.PINGREQ))
        while kinds[-1] != wire.PINGRESP:
            kinds.append(one.read_packet()[0])
        assert kinds.count(PUBLISH) == 1 and kinds[-2] == PUBREC
        assert is_persistent or kinds.count(PUBREC) == 501


def test_stray_acknowledgements_change_nothing(anonymous_hub):
    """PUBREL and PUBREC of unknown identifiers are answered with 0x92, PUBACK and PUBCOMP with nothing."""
    one, _ = open_session(anonymous_hub, rest.unique_name("stray"), clean=True)
    strays = [(wire.PUBACK, 1), (PUBCOMP, 2), (PUBREL, 3), (PUBREC, 4)]
    one.send(b"".join(acknowledgement(kind, packet_id) for kind, packet_id in strays))
    assert one.expect(PUBCOMP) == b"\x00\x03\x92"
    assert one.expect(PUBREL) == b"\x00\x04\x92"
    one.send(wire.packet(wire.PINGREQ))
    one.expect(wire.PINGRESP)


def test_a_refused_publish_frees_its_identifier(hub, pair):
    """MQTT 5: PUBREC with an error ends the exchange."""
    first, _ = pair
    with Wire(hub) as one:
        one.log_in(first, client_id=rest.unique_name("refused"))
        for _ in range(2):
            one.send(wire.publish("group/1", b"x", qos=2, packet_id=7))
            assert one.expect(PUBREC)[:3] == b"\x00\x07\x87"
        one.send(acknowledgement(PUBREL, 7))
        assert one.expect(PUBCOMP) == b"\x00\x07\x92"


def test_an_error_from_the_subscriber_ends_the_delivery(anonymous_hub):
    """PUBREC with 0x80 or more: no PUBREL, the room is free again."""
    topic = rest.unique_name("error")
    reader = Wire(anonymous_hub)
    reader.send(wire.connect(5, client_id=rest.unique_name("reader"), properties=b"\x21\x00\x01"))
    reader.expect(CONNACK)
    subscribe(reader, topic)
    writer, _ = open_session(anonymous_hub, rest.unique_name("writer"), clean=True)
    writer.send(b"".join(wire.publish(topic, bytes([n]), qos=2, packet_id=n + 1) for n in range(3)))
    seen = []
    for _ in range(3):
        _, packet_id, payload = read_publish(reader)
        seen.append(payload)
        reader.send(wire.packet(PUBREC, struct.pack(">HB", packet_id, 0x97)))
    assert seen == [b"\0", b"\1", b"\2"]
