"""MQTT 3.1.1 and 5.0 packets: built as a client sends them, well-formed or not, and taken apart as strictly as the
specification describes what a server sends. Written from the specification, and independent of the hub's own codec."""
import struct
import types

from support.wire import packet, text, variable_integer

V3, V5 = 4, 5  # the protocol levels of 3.1.1 and 5.0
(CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ,
 PINGRESP, DISCONNECT, AUTH) = range(1, 16)
PING = packet(PINGREQ)

BYTE, TWO, FOUR, VARIABLE, STRING, BINARY, PAIR = range(7)
# Table 2-4: name → (identifier, type).
PROPERTIES = {
    "payload_format": (0x01, BYTE), "message_expiry": (0x02, FOUR), "content_type": (0x03, STRING),
    "response_topic": (0x08, STRING), "correlation_data": (0x09, BINARY), "subscription_identifier": (0x0B, VARIABLE),
    "session_expiry": (0x11, FOUR), "assigned_client_id": (0x12, STRING), "server_keep_alive": (0x13, TWO),
    "authentication_method": (0x15, STRING), "authentication_data": (0x16, BINARY),
    "request_problem_information": (0x17, BYTE), "will_delay": (0x18, FOUR),
    "request_response_information": (0x19, BYTE), "response_information": (0x1A, STRING),
    "server_reference": (0x1C, STRING), "reason_string": (0x1F, STRING), "receive_maximum": (0x21, TWO),
    "topic_alias_maximum": (0x22, TWO), "topic_alias": (0x23, TWO), "maximum_qos": (0x24, BYTE),
    "retain_available": (0x25, BYTE), "user_property": (0x26, PAIR), "maximum_packet_size": (0x27, FOUR),
    "wildcard_subscription_available": (0x28, BYTE), "subscription_identifier_available": (0x29, BYTE),
    "shared_subscription_available": (0x2A, BYTE)}
NAMES = {identifier: (name, kind) for name, (identifier, kind) in PROPERTIES.items()}
REPEATABLE = {"user_property", "subscription_identifier"}
INTEGERS = {BYTE: ">B", TWO: ">H", FOUR: ">I"}

# The properties that a server may put into a packet [table 2-4, MQTT-3.14.2-2].
REASONS = {"reason_string", "user_property"}
ALLOWED = {
    CONNACK: REASONS | {
        "session_expiry", "receive_maximum", "maximum_qos", "retain_available", "maximum_packet_size",
        "assigned_client_id", "topic_alias_maximum", "wildcard_subscription_available",
        "subscription_identifier_available", "shared_subscription_available", "server_keep_alive",
        "response_information", "server_reference", "authentication_method", "authentication_data"},
    PUBLISH: {"payload_format", "message_expiry", "topic_alias", "response_topic", "correlation_data", "user_property",
              "subscription_identifier", "content_type"},
    **{kind: REASONS for kind in (PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK)},
    DISCONNECT: REASONS | {"server_reference"}, AUTH: REASONS | {"authentication_method", "authentication_data"}}

# The reason codes that a server may put into a packet [table 2-6, and table 3-10 for DISCONNECT].
RECEIPT = {0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99}
CODES = {
    CONNACK: {0x00, *range(0x80, 0x8B), 0x8C, 0x90, 0x95, 0x97, *range(0x99, 0x9E), 0x9F},
    PUBACK: RECEIPT, PUBREC: RECEIPT, PUBREL: {0x00, 0x92}, PUBCOMP: {0x00, 0x92},
    SUBACK: {0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2},
    UNSUBACK: {0x00, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91},
    DISCONNECT: {0x00, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8D, 0x8E, 0x8F, 0x90, *range(0x93, 0xA3)},
    AUTH: {0x00, 0x18}}
OLD_CODES = {CONNACK: set(range(6)), SUBACK: {0x00, 0x01, 0x02, 0x80}}
SERVER_SENDS = {CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK, PINGRESP, DISCONNECT, AUTH}


# Building

def one_property(name, value):
    identifier, kind = PROPERTIES[name]
    if kind in INTEGERS:
        return bytes([identifier]) + struct.pack(INTEGERS[kind], value)
    if kind == VARIABLE:
        return bytes([identifier]) + variable_integer(value)
    if kind == PAIR:
        return bytes([identifier]) + text(value[0]) + text(value[1])
    return bytes([identifier]) + text(value)


def property_bytes(values):
    """The properties without their length. A list stands for several of the same name; bytes are taken as they are."""
    if isinstance(values, bytes):
        return values
    return b"".join(one_property(name, one) for name, value in values.items()
                    for one in (value if isinstance(value, list) else [value]))


def properties(version, values):
    """What stands where the properties belong: nothing in 3.1.1."""
    if version != V5:
        assert not values, "3.1.1 has no properties"
        return b""
    encoded = property_bytes(values)
    return variable_integer(len(encoded)) + encoded


class Will:
    """A will as CONNECT carries it."""

    def __init__(self, topic, payload=b"gone", qos=0, retain=False, **properties):
        self.topic, self.payload, self.properties = topic, payload, properties
        self.bits = 0x04 | qos << 3 | (0x20 if retain else 0)


def connect(version, client_id, clean=True, keep_alive=60, will=None, user=None, password=None, flags=None, name="MQTT",
            level=None, raw=None, **values):
    """CONNECT; `flags`, `name`, `level` and `raw` (the bytes of the properties) replace what would be right."""
    bits = (0x02 if clean else 0) | (will.bits if will else 0)
    bits |= (0x80 if user is not None else 0) | (0x40 if password is not None else 0)
    body = text(name) + bytes([version if level is None else level, bits if flags is None else flags])
    body += struct.pack(">H", keep_alive) + properties(version, values if raw is None else raw) + text(client_id)
    if will:
        body += properties(version, will.properties) + text(will.topic) + text(will.payload)
    return packet(CONNECT, body + b"".join(text(part) for part in (user, password) if part is not None))


def publish(version, topic, payload=b"", qos=0, identifier=None, retain=False, dup=False, raw=None, **values):
    body = text(topic)
    if identifier is not None:
        body += struct.pack(">H", identifier)
    body += properties(version, values if raw is None else raw)
    return packet(PUBLISH, body + payload, flags=(8 if dup else 0) | qos << 1 | (1 if retain else 0))


def acknowledge(version, kind, identifier, code=0, **values):
    """PUBACK, PUBREC, PUBREL or PUBCOMP; in the short form where there is no more to say."""
    body = struct.pack(">H", identifier)
    if code or values:
        assert version == V5, "3.1.1 acknowledges without a code"
        body += bytes([code]) + properties(version, values)
    return packet(kind, body, flags=2 if kind == PUBREL else 0)


def subscribe(version, identifier, entries, raw=None, **values):
    """`entries` are (filter, options byte)."""
    body = struct.pack(">H", identifier) + properties(version, values if raw is None else raw)
    return packet(SUBSCRIBE, body + b"".join(text(one) + bytes([options]) for one, options in entries), flags=2)


def unsubscribe(version, identifier, filters, **values):
    body = struct.pack(">H", identifier) + properties(version, values)
    return packet(UNSUBSCRIBE, body + b"".join(text(one) for one in filters), flags=2)


def disconnect(version, code=0, **values):
    if not code and not values:
        return packet(DISCONNECT)
    return packet(DISCONNECT, bytes([code]) + properties(version, values))


def auth(code, **values):
    return packet(AUTH, bytes([code]) + properties(V5, values))


def options(qos=0, no_local=False, retain_as_published=False, retain_handling=0):
    """The byte of subscription options; in 3.1.1 it is the QoS alone."""
    return qos | (4 if no_local else 0) | (8 if retain_as_published else 0) | retain_handling << 4


# Taking apart

class Reader:
    """Reads the fields of one packet's body; every deviation from the specification is an AssertionError."""

    def __init__(self, body):
        self.body, self.at = body, 0

    @property
    def ended(self):
        return self.at == len(self.body)

    def take(self, count):
        assert self.at + count <= len(self.body), f"the packet ends within a field: {self.body!r}"
        self.at += count
        return self.body[self.at - count:self.at]

    def rest(self):
        return self.take(len(self.body) - self.at)

    def integer(self, form):
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def variable(self):
        start, value = self.at, 0
        for shift in (0, 7, 14, 21):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
        assert self.body[start:self.at] == variable_integer(value), "not the shortest form [MQTT-1.5.5-1]"
        return value

    def binary(self):
        return self.take(self.integer(">H"))

    def string(self):
        value = self.binary().decode()  # strict: neither surrogates nor overlong forms [MQTT-1.5.4-1]
        assert "\0" not in value, "U+0000 in a string [MQTT-1.5.4-2]"
        return value

    def properties(self, kind):
        length = self.variable()
        inner, found = Reader(self.take(length)), {}
        while not inner.ended:
            name, form = NAMES[inner.variable()]
            assert name in ALLOWED[kind], f"packet type {kind} may not carry {name}"
            if form in INTEGERS:
                value = inner.integer(INTEGERS[form])
            elif form == VARIABLE:
                value = inner.variable()
            elif form == PAIR:
                value = (inner.string(), inner.string())
            else:
                value = inner.string() if form == STRING else inner.binary()
            if name in REPEATABLE:
                found.setdefault(name, []).append(value)
            else:
                assert name not in found, f"{name} twice"
                found[name] = value
        return found


def reason(reader, kind, version, found):
    """A code that may be left out when it is 0, and properties that may be left out when there are none."""
    found.code, found.properties = 0, {}
    if version == V5 and not reader.ended:
        found.code = reader.integer(">B")
        if not reader.ended:
            found.properties = reader.properties(kind)


def decode(version, kind, flags, body):
    """What a server sent, as a namespace; nothing may be left over."""
    assert kind in SERVER_SENDS, f"a server doesn't send packet type {kind}"
    assert version == V5 or kind not in (DISCONNECT, AUTH), f"packet type {kind} in 3.1.1"
    assert kind == PUBLISH or flags == (2 if kind == PUBREL else 0), f"flags {flags} [MQTT-2.1.3-1]"
    reader = Reader(body)
    found = types.SimpleNamespace(kind=kind, properties={}, code=0, size=len(packet(kind, body)))
    if kind == CONNACK:
        acknowledge_flags = reader.integer(">B")
        assert acknowledge_flags in (0, 1), "reserved bits of CONNACK [MQTT-3.2.2-1]"
        found.session_present, found.code = bool(acknowledge_flags), reader.integer(">B")
        found.properties = reader.properties(kind) if version == V5 else {}
        assert not (found.code and found.session_present), "a refusal with Session Present [MQTT-3.2.2-6]"
    elif kind == PUBLISH:
        found.dup, found.qos, found.retain = bool(flags & 8), flags >> 1 & 3, bool(flags & 1)
        assert found.qos < 3, "both QoS bits [MQTT-3.3.1-4]"
        assert found.qos or not found.dup, "DUP with QoS 0 [MQTT-3.3.1-2]"
        found.topic = reader.string()
        assert "+" not in found.topic and "#" not in found.topic, "a wildcard in a topic [MQTT-3.3.2-2]"
        found.identifier = reader.integer(">H") if found.qos else None
        assert found.identifier != 0, "packet identifier 0 [MQTT-2.2.1-4]"
        found.properties = reader.properties(kind) if version == V5 else {}
        found.payload = reader.rest()
    elif kind in (PUBACK, PUBREC, PUBREL, PUBCOMP):
        found.identifier = reader.integer(">H")
        reason(reader, kind, version, found)
    elif kind in (SUBACK, UNSUBACK):
        found.identifier = reader.integer(">H")
        found.properties = reader.properties(kind) if version == V5 else {}
        found.codes = list(reader.rest()) if version == V5 or kind == SUBACK else []
    elif kind in (DISCONNECT, AUTH):
        reason(reader, kind, version, found)
    assert reader.ended, f"bytes left over in packet type {kind}: {body[reader.at:]!r}"
    allowed = (CODES if version == V5 else OLD_CODES).get(kind)
    for code in getattr(found, "codes", [found.code]):
        assert allowed is None or code in allowed, f"code {code:#x} is not one of packet type {kind}"
    return found
