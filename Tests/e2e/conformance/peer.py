"""A client of the tests: one connection. Every packet of the hub is decoded strictly and awaited with a deadline."""
import collections
import socket
import time

from conformance import protocol
from conformance.protocol import (AUTH, CONNACK, DISCONNECT, PINGRESP, PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL, SUBACK,
                                  UNSUBACK, V5)
from support.rest import unique_name
from support.wire import Wire, variable_integer
from support.websocket import WebSocketWire

DEADLINE_SECONDS = 10
OPTIONS = ("no_local", "retain_as_published", "retain_handling")
TRANSPORTS = {"tcp": lambda hub: Wire(hub, "mqtt"), "tls": lambda hub: Wire(hub, "mqtts"),
              "websocket": lambda hub: WebSocketWire(hub, "http"), "wss": lambda hub: WebSocketWire(hub, "https")}


class Peer:
    """Speaks one protocol version over one connection. `expect` holds back what it wasn't asked for, in its order, and
    `quiet` fails if anything is held back: so no test overlooks a packet that shouldn't be there."""

    def __init__(self, hub, version=V5, transport="tcp"):
        self.wire, self.version = TRANSPORTS[transport](hub), version
        self.wire.socket.settimeout(DEADLINE_SECONDS)
        # An acknowledgement that follows another one must not wait for the hub's delayed TCP acknowledgement.
        self.wire.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.held, self.aliases, self.next_identifier = collections.deque(), {}, 1
        self.client_id, self.maximum_packet_size, self.alias_maximum = None, None, 0
        self.connack = None

    def close(self):
        """Ends the connection without DISCONNECT."""
        self.wire.socket.close()

    # Bytes and packets

    def send(self, data):
        self.wire.send(data)
        return self

    def read(self):
        """The next packet, None at the end of the connection."""
        first = self.wire.read(1)
        if not first:
            return None
        encoded = b""
        while len(encoded) < 4 and (not encoded or encoded[-1] >= 0x80):
            encoded += self.wire.read(1)
        length = sum((byte & 0x7F) << 7 * index for index, byte in enumerate(encoded))
        assert encoded == variable_integer(length), f"remaining length {encoded!r} [MQTT-1.5.5-1]"
        found = protocol.decode(self.version, first[0] >> 4, first[0] & 15, self.wire.read(length))
        if self.maximum_packet_size:
            assert found.size <= self.maximum_packet_size, "above the Maximum Packet Size [MQTT-3.1.2-24]"
        if found.kind == PUBLISH:
            self.resolve(found)
        return found

    def resolve(self, found):
        """Replaces a topic alias by its topic, if the hub was allowed to send it."""
        alias = found.properties.get("topic_alias")
        if alias is not None:
            assert 0 < alias <= self.alias_maximum, f"topic alias {alias} [MQTT-3.1.2-26]"
            if found.topic:
                self.aliases[alias] = found.topic
            found.topic = self.aliases[alias]
        assert found.topic, "a PUBLISH without a topic [MQTT-4.7.3-1]"

    def next(self):
        """The next packet, those that were held back first."""
        return self.held.popleft() if self.held else self.read()

    def expect(self, kind):
        """The next packet of this kind."""
        for index, found in enumerate(self.held):
            if found.kind == kind:
                del self.held[index]
                return found
        while True:
            found = self.read()
            assert found, f"the connection ended where packet type {kind} was expected; before it {list(self.held)}"
            if found.kind == kind:
                return found
            assert found.kind != DISCONNECT, f"DISCONNECT {found.code:#x} where packet type {kind} was expected"
            self.held.append(found)

    def quiet(self):
        """Nothing else has come, and the connection lives: the answer to a PINGREQ is what is next."""
        self.send(protocol.PING).expect(PINGRESP)
        assert not self.held, f"not expected: {list(self.held)}"
        return self

    def settle(self):
        """All that comes until two PINGREQs in turn bring nothing else: for what has no number to wait for."""
        taken, silent = list(self.held), 0
        self.held.clear()
        while silent < 2:
            self.send(protocol.PING)
            silent += 1
            while (found := self.expect_any()).kind != PINGRESP:
                taken.append(found)
                silent = 0
        return taken

    def expect_any(self):
        found = self.next()
        assert found, "the connection ended"
        return found

    def ends(self, *codes):
        """The hub ends the connection: in MQTT 5 by DISCONNECT with one of these codes, in 3.1.1 without a word."""
        found = self.next()
        if self.version == V5 and codes:
            assert found, "closed without DISCONNECT"
            assert found.kind == DISCONNECT, f"not a DISCONNECT: {found}"
            assert found.code in codes, f"DISCONNECT {found.code:#x}, expected {[hex(code) for code in codes]}"
            found = self.next()
        assert found is None, f"{found} after the end [MQTT-3.14.4-1]"

    # CONNECT and DISCONNECT

    def connect(self, client_id=None, expect=0, **options):
        """CONNECT and its CONNACK, whose code must be `expect`; a refusal ends the connection [MQTT-3.2.2-7]."""
        self.client_id = unique_name("peer") if client_id is None else client_id
        self.maximum_packet_size = options.get("maximum_packet_size")
        self.alias_maximum = options.get("topic_alias_maximum", 0)
        self.send(protocol.connect(self.version, self.client_id, **options))
        self.connack = self.read()
        assert self.connack, "the connection ended without CONNACK"
        assert self.connack.kind == CONNACK, f"{self.connack} before CONNACK [MQTT-3.2.0-1]"
        assert self.connack.code == expect, f"CONNACK {self.connack.code:#x}, expected {expect:#x}"
        if expect:
            assert self.read() is None, "a packet after a refusal"
        return self.connack

    def disconnect(self, code=0, **properties):
        """DISCONNECT, and the hub closes."""
        self.send(protocol.disconnect(self.version, code, **properties))
        while self.next():
            pass
        self.close()

    # Subscribing

    def identifier(self):
        self.next_identifier = self.next_identifier % 0xFFFF + 1
        return self.next_identifier

    def subscribe(self, *filters, qos=0, expect=None, **more):
        """SUBSCRIBE and its SUBACK. A filter may be (filter, options byte); without `expect` each is granted its QoS.
        Of `more`, subscription options go to all filters and the rest are properties."""
        chosen = {name: more.pop(name) for name in OPTIONS if name in more}
        entries = [one if isinstance(one, tuple) else (one, protocol.options(qos, **chosen)) for one in filters]
        identifier = self.identifier()
        self.send(protocol.subscribe(self.version, identifier, entries, **more))
        found = self.expect(SUBACK)
        assert found.identifier == identifier, "another packet's SUBACK [MQTT-2.2.1-6]"
        expected = [entry[1] & 3 for entry in entries] if expect is None else expect
        assert found.codes == expected, f"SUBACK {[hex(code) for code in found.codes]}"
        return found

    def unsubscribe(self, *filters, expect=None):
        """UNSUBSCRIBE and its UNSUBACK; in MQTT 5 each filter must have been there, or have the code of `expect`."""
        identifier = self.identifier()
        self.send(protocol.unsubscribe(self.version, identifier, filters))
        found = self.expect(UNSUBACK)
        assert found.identifier == identifier, "another packet's UNSUBACK [MQTT-2.2.1-6]"
        if self.version == V5:
            assert found.codes == (expect or [0] * len(filters)), f"UNSUBACK {[hex(code) for code in found.codes]}"
        return found

    # Publishing

    def start(self, topic, payload=b"", qos=0, identifier=None, **more):
        """PUBLISH alone; returns its packet identifier."""
        if qos and identifier is None:
            identifier = self.identifier()
        self.send(protocol.publish(self.version, topic, payload, qos, identifier, **more))
        return identifier

    def publish(self, topic, payload=b"", qos=0, expect=None, **more):
        """PUBLISH and all that belongs to it. Without `expect` the hub must accept it; returns PUBACK or PUBREC."""
        identifier = self.start(topic, payload, qos, **more)
        if not qos:
            return None
        found = self.expect(PUBACK if qos == 1 else PUBREC)
        assert found.identifier == identifier, "another packet's acknowledgement [MQTT-2.2.1-5]"
        good = found.code in (0x00, 0x10) if expect is None else found.code == expect
        assert good, f"{'PUBACK' if qos == 1 else 'PUBREC'} {found.code:#x}"
        if qos == 2 and found.code < 0x80:
            self.release(identifier)
        return found

    def release(self, identifier):
        """PUBREL and its PUBCOMP."""
        self.send(protocol.acknowledge(self.version, PUBREL, identifier))
        done = self.expect(PUBCOMP)
        assert done.identifier == identifier and done.code == 0, f"PUBCOMP {done} [MQTT-4.3.3-11]"

    # Receiving

    def message(self, topic=None, payload=None, acknowledge=True, **fields):
        """The next PUBLISH, acknowledged to its end, with this topic, payload and fields (`qos=1`, `retain=True`)."""
        found = self.expect(PUBLISH)
        if acknowledge:
            self.acknowledge(found)
        assert topic is None or found.topic == topic, f"topic {found.topic!r}"
        assert payload is None or found.payload == payload, f"payload {found.payload!r}, expected {payload!r}"
        for name, value in fields.items():
            assert getattr(found, name) == value, f"{name} is {getattr(found, name)!r} in {found}"
        return found

    def acknowledge(self, found):
        if found.qos == 1:
            self.answer(PUBACK, found.identifier)
        elif found.qos == 2:
            self.receive(found.identifier)
            self.answer(PUBCOMP, found.identifier)

    def receive(self, identifier):
        """PUBREC, and the PUBREL that answers it."""
        self.answer(PUBREC, identifier)
        found = self.expect(PUBREL)
        assert found.identifier == identifier and found.code == 0, f"PUBREL {found} [MQTT-4.3.3-4]"

    def answer(self, kind, identifier, code=0, **properties):
        return self.send(protocol.acknowledge(self.version, kind, identifier, code, **properties))

    def messages(self, count, **options):
        return [self.message(**options) for _ in range(count)]

    def payloads(self, count, **options):
        return [found.payload for found in self.messages(count, **options)]

    def authenticate(self, code, **properties):
        """AUTH, and the AUTH that answers it."""
        return self.send(protocol.auth(code, **properties)).expect(AUTH)


def gather(peers, count):
    """What each of the peers gets, acknowledged to its end, until together they have `count` messages; one more fails."""
    found, limit = [[] for _ in peers], time.monotonic() + DEADLINE_SECONDS
    while sum(map(len, found)) < count and time.monotonic() < limit:
        for messages, peer in zip(found, peers):
            for one in peer.settle():
                peer.acknowledge(one)
                messages.append(one)
    assert sum(map(len, found)) == count, [len(messages) for messages in found]
    for peer in peers:
        peer.quiet()
    return found
