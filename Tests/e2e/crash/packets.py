"""MQTT packets for clients that need control over every byte, on top of support/wire."""
import struct

from support import wire
from support.wire import text, variable_integer

CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP = 2, 3, 4, 5, 6, 7
SUBACK, PINGRESP, DISCONNECT = 9, 13, 14
NAMES = {1: "CONNECT", CONNACK: "CONNACK", PUBLISH: "PUBLISH", PUBACK: "PUBACK", PUBREC: "PUBREC", PUBREL: "PUBREL",
         PUBCOMP: "PUBCOMP", 8: "SUBSCRIBE", SUBACK: "SUBACK", 12: "PINGREQ", PINGRESP: "PINGRESP",
         DISCONNECT: "DISCONNECT"}
PING = wire.packet(wire.PINGREQ)
EXPIRY_SECONDS = 24 * 3600
# Encoded one by one for each acknowledgement, these cost the most: so each has its beginning ready.
BEGINNINGS = {PUBACK: b"\x40\x02", PUBREC: b"\x50\x02", PUBREL: b"\x62\x02", PUBCOMP: b"\x70\x02"}
FIXED_PROPERTIES = {0x01: 1, 0x02: 4, 0x11: 4, 0x13: 2, 0x17: 1, 0x19: 1, 0x21: 2, 0x22: 2, 0x23: 2, 0x24: 1, 0x25: 1,
                    0x27: 4, 0x28: 1, 0x29: 1, 0x2A: 1}
USER_PROPERTY = 0x26


def user_property(name, value):
    return bytes([USER_PROPERTY]) + text(name) + text(value)


def connect(level, client_id, user, clean, is_persistent, receive_maximum=None):
    properties = b""
    if level == 5:
        properties = wire.session_expiry(EXPIRY_SECONDS) if is_persistent else b""
        properties += struct.pack(">BH", 0x21, receive_maximum) if receive_maximum else b""
    return wire.connect(level, client_id, user.id, user.token, clean=clean, properties=properties)


def publish(level, topic, payload, qos, packet_id, is_repeated=False, is_retained=False, properties=b""):
    flags = qos << 1 | (8 if is_repeated else 0) | (1 if is_retained else 0)
    return wire.publish(topic, payload, level, qos, packet_id, properties, flags=flags)


def acknowledge(kind, packet_id):
    return BEGINNINGS[kind] + struct.pack(">H", packet_id)


def subscribe(level, packet_id, filters, qos, after=()):
    """`after` are values of that user property (protocol.md §1)."""
    properties = b"".join(user_property("after", value) for value in after)
    body = struct.pack(">H", packet_id)
    body += variable_integer(len(properties)) + properties if level == 5 else b""
    return wire.packet(wire.SUBSCRIBE, body + b"".join(text(one) + bytes([qos]) for one in filters), flags=2)


def disconnect(level):
    return wire.disconnect() if level == 5 else wire.packet(wire.DISCONNECT)


def split(buffer):
    """The whole packets at the beginning of a buffer, as [(first byte, body)], and how many bytes they have."""
    found, at, end = [], 0, len(buffer)
    while at + 2 <= end:
        length, shift, start = 0, 0, at + 1
        while start < end:
            byte = buffer[start]
            length |= (byte & 0x7F) << shift
            shift += 7
            start += 1
            if byte < 0x80:
                break
        else:
            break
        if start + length > end:
            break
        found.append((buffer[at], bytes(buffer[start:start + length])))
        at = start + length
    return found, at


def read_integer(body, at):
    """A variable byte integer; returns it and where it ends."""
    value, shift = 0, 0
    while True:
        byte = body[at]
        value |= (byte & 0x7F) << shift
        shift += 7
        at += 1
        if byte < 0x80:
            return value, at


def user_properties(body, at):
    """The user properties of the property block at `at`, as a list of pairs."""
    length, at = read_integer(body, at)
    end, found = at + length, []
    while at < end:
        identifier = body[at]
        at += 1
        if identifier == USER_PROPERTY:
            name, at = read_text(body, at)
            value, at = read_text(body, at)
            found.append((name, value))
        elif identifier in FIXED_PROPERTIES:
            at += FIXED_PROPERTIES[identifier]
        elif identifier == 0x0B:
            _, at = read_integer(body, at)
        else:
            _, at = read_text(body, at)
    return found


def read_text(body, at):
    length = body[at] << 8 | body[at + 1]
    return body[at + 2:at + 2 + length].decode(), at + 2 + length


def acknowledgement(level, body):
    """(packet identifier, reason code, user properties as a dict)."""
    packet_id = body[0] << 8 | body[1]
    if level == 5 and len(body) > 2:
        return packet_id, body[2], dict(user_properties(body, 3)) if len(body) > 3 else {}
    return packet_id, 0, {}


def delivery(level, first, body):
    """(topic, QoS, DUP, packet identifier, payload) of a PUBLISH."""
    qos, at = first >> 1 & 3, 2 + (body[0] << 8 | body[1])
    topic, packet_id = body[2:at].decode(), 0
    if qos:
        packet_id = body[at] << 8 | body[at + 1]
        at += 2
    if level == 5:
        length, at = read_integer(body, at)
        at += length
    return topic, qos, bool(first & 8), packet_id, body[at:]
