"""protocol.md §4: MQTT over WebSocket, on the HTTPS and HTTP ports at /mqtt (RFC 6455, MQTT 5.0 §6)."""
import os
import socket
import time

import pytest

from conftest import serving
from support.mqtt import V5, V311, has_text
from support.rest import unique_name
from support.websocket import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, WebSocketWire, frame, handshake
from support.wire import CONNACK, PINGREQ, PINGRESP, PUBACK, PUBLISH, SUBACK, Wire, connect, packet, publish, subscribe

DOORS = ["https", "http"]


@pytest.fixture(scope="module")
def hub_with_origins():
    """Another hub, which allows pages of two more origins."""
    yield from serving("--anonymous", "--public-url", "https://chat.example.com/app", "--origin", "http://localhost:5173",
                       "--origin", "https://other.example.com", environment={"CONFAB_ORIGIN": "https://unused.example"})


def websocket(hub, listener="http"):
    return WebSocketWire(hub, listener)


# With a library

@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("version", [V311, V5], ids=["3.1.1", "5.0"])
def test_conversation(hub, pair, client, door, version):
    """A stored message, there and back."""
    ann, bob = pair
    topic = ann.direct_topic(bob)
    reader = client(hub, bob, version=version, websocket=door)
    reader.subscribe(topic)
    writer = client(hub, ann, version=version, websocket=door)
    text = unique_name("by-websocket")
    writer.publish(topic, text)
    reader.next_where(has_text(text))


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("size", [0, 1, 117, 118, 119, 65_500, 65_536, 200_000, 1_000_000])
def test_sizes(anonymous_hub, client, door, size):
    """Around every length that a frame's header writes in its own way, and more than one frame takes."""
    topic = unique_name("sizes")
    one = client(anonymous_hub, websocket=door)
    one.subscribe(topic, qos=0)
    payload = os.urandom(size)
    one.publish_later(topic, payload, qos=0)
    assert one.next().payload == payload


@pytest.mark.parametrize("door", DOORS)
def test_many_messages_in_order(anonymous_hub, client, door):
    topic = unique_name("many")
    reader, writer = client(anonymous_hub, websocket=door), client(anonymous_hub, websocket=door)
    reader.subscribe(topic, qos=1)
    sent = [str(number).encode() * (1 + number % 50) for number in range(2000)]
    for payload in sent:
        writer.publish_later(topic, payload, qos=1)
    assert [message.payload for message in reader.take(len(sent))] == sent


# The handshake

@pytest.mark.parametrize("door", DOORS)
def test_accept(anonymous_hub, door):
    with WebSocketWire(anonymous_hub, door, Sec_WebSocket_Key="dGhlIHNhbXBsZSBub25jZQ==",
                       Sec_WebSocket_Extensions="permessage-deflate") as wire:
        assert wire.fields["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        assert wire.fields["sec-websocket-protocol"] == "mqtt"
        assert "sec-websocket-extensions" not in wire.fields


@pytest.mark.parametrize("changes, status", [
    ({"Sec_WebSocket_Version": "8"}, 426), ({"Upgrade": None}, 426), ({"Connection": "close"}, 426),
    ({"Sec_WebSocket_Key": "c2hvcnQ="}, 400), ({"Sec_WebSocket_Protocol": "chat"}, 400),
    ({"Sec_WebSocket_Protocol": None}, 400), ({"Origin": "https://evil.example"}, 403), ({"Origin": "null"}, 403),
    ({"path": "/mqtt2"}, 404), ({"method": "POST", "Content_Length": "0"}, 404)], ids=str)
def test_refused_handshakes(anonymous_hub, changes, status):
    with WebSocketWire(anonymous_hub, upgrade=False) as wire:
        wire.raw(handshake(**changes))
        assert wire.read_head() == status
        if status == 426:
            assert wire.fields["sec-websocket-version"] == "13"
        assert wire.fields["content-type"] == "application/problem+json"


@pytest.mark.parametrize("origin, status", [
    ("https://chat.example.com", 101), ("http://localhost", 101), ("http://localhost:5173", 101), ("https://other.example.com", 101), (None, 101),
    ("https://unused.example", 403), ("http://chat.example.com", 403), ("https://chat.example.com:8443", 403),
    ("https://chat.example.com.evil.example", 403), ("null", 403)], ids=str)
def test_origins(hub_with_origins, origin, status):
    """An `Origin`, if present, must be the hub's own or one of `--origin`; the flag wins over the environment."""
    with WebSocketWire(hub_with_origins, upgrade=False) as wire:
        wire.raw(handshake(Origin=origin))
        assert wire.read_head() == status


def test_not_on_the_operators_port(anonymous_hub):
    with WebSocketWire(anonymous_hub, "ops", upgrade=False) as wire:
        wire.raw(handshake())
        assert wire.read_head() == 404


def test_frames_at_once(anonymous_hub):
    """What comes in one piece with the handshake, and behind a request that is still being answered, is not lost."""
    with WebSocketWire(anonymous_hub, upgrade=False) as wire:
        wire.raw(b"GET /profile HTTP/1.1\r\nHost: localhost\r\n\r\n" + handshake() + frame(BINARY, connect())
                 + frame(PING, b"at once"))
        assert wire.read_head() == 401
        Wire.read(wire, int(wire.fields["content-length"]))
        assert wire.read_head() == 101
        assert wire.expect(CONNACK)[1] == 0
        wire.send(packet(PINGREQ)).expect(PINGRESP)
        assert wire.pongs == [b"at once"]


# Frames

@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("cut", [1, 2, 3, 7, 1000])
def test_packets_and_frames_are_cut_anywhere(anonymous_hub, door, cut):
    """[MQTT-6.0.0-2] Packets need not be aligned on frames."""
    stream = connect() + subscribe("cut", qos=0) + publish("cut", b"x" * 300) + publish("cut", b"y")
    frames = b"".join(frame(BINARY, stream[start:start + cut]) for start in range(0, len(stream), cut))
    with websocket(anonymous_hub, door) as wire:
        for start in range(0, len(frames), 61):
            wire.raw(frames[start:start + 61])
        wire.expect(CONNACK)
        wire.expect(SUBACK)
        assert wire.expect(PUBLISH).endswith(b"x" * 300)
        assert wire.expect(PUBLISH).endswith(b"y")


def test_fragments_and_pings_between(anonymous_hub):
    with websocket(anonymous_hub) as wire:
        data = connect()
        wire.send_frame(BINARY, data[:5], final=False).send_frame(PING, b"1").send_frame(CONTINUATION, data[5:9], final=False)
        wire.send_frame(CONTINUATION, b"", final=False).send_frame(PONG, b"nothing")
        wire.send_frame(CONTINUATION, data[9:])
        wire.expect(CONNACK)
        wire.send(packet(PINGREQ)).expect(PINGRESP)
        assert wire.pongs == [b"1"]


@pytest.mark.parametrize("data, code", [
    (frame(TEXT, b"text"), 1003), (frame(BINARY, b"x", masked=False), 1002), (frame(BINARY, b"x", reserved=4), 1002),
    (frame(3), 1002), (frame(11), 1002), (frame(CONTINUATION, b"x"), 1002), (frame(PING, b"x", final=False), 1002),
    (frame(PING, b"x" * 126), 1002), (frame(BINARY, length=65_537), 1009), (frame(BINARY, length=1 << 62), 1009),
    (frame(BINARY, length=1 << 63), 1002), (frame(BINARY, b"\x10", final=False) + frame(BINARY, b"y"), 1002),
    (frame(CLOSE, b"\x03"), 1002), (frame(CLOSE, b"\x03\xed"), 1002), (frame(CLOSE, b"\x03\xe8\xff"), 1007)],
    ids=["text", "no-mask", "reserved", "opcode", "control-opcode", "continuation", "ping-fragment", "long-ping", "large",
         "huge", "sign-bit", "nested", "short-close", "close-code", "close-reason"])
@pytest.mark.parametrize("door", DOORS)
def test_violations(anonymous_hub, door, data, code):
    with websocket(anonymous_hub, door) as wire:
        wire.raw(data)
        assert wire.read_close() == code


def test_large_frames_once_connected(anonymous_hub):
    """The limit for strangers ends with CONNACK."""
    with websocket(anonymous_hub) as wire:
        wire.send(connect()).expect(CONNACK)
        wire.send(b"".join(publish("nobody", b"x" * 60_000, qos=1, packet_id=number) for number in range(1, 30)))
        for _ in range(29):
            wire.expect(PUBACK)
        wire.send_frame(BINARY, length=1 << 40)
        assert wire.read_close() == 1009


@pytest.mark.parametrize("door", DOORS)
def test_close_by_the_client(anonymous_hub, client, door):
    """What came before the close frame counts, its code comes back, and others learn at once that the client is gone."""
    topic = unique_name("last-words")
    reader = client(anonymous_hub)
    reader.subscribe(topic, qos=0)
    with websocket(anonymous_hub, door) as wire:
        wire.send(connect()).expect(CONNACK)
        wire.raw(frame(BINARY, publish(topic, b"bye")) + frame(CLOSE, b"\x03\xe9going"))
        assert wire.read_close() == 1001
    assert reader.next().payload == b"bye"


def test_all_at_once(anonymous_hub, client):
    """A client that says everything and closes in one segment, before its CONNECT can have been answered, is heard."""
    topic = unique_name("all-at-once")
    reader = client(anonymous_hub)
    reader.subscribe(topic, qos=0)
    with websocket(anonymous_hub) as wire:
        wire.raw(frame(BINARY, connect(client_id=unique_name("brief"), clean=False)) + frame(BINARY, publish(topic, b"bye"))
                 + frame(CLOSE, b"\x03\xe8"))
        assert wire.read_close() == 1000
    assert reader.next().payload == b"bye"


def test_close_by_the_hub(anonymous_hub):
    """After MQTT's own end there is a close frame."""
    with websocket(anonymous_hub) as wire:
        wire.send(publish("too", b"early"))
        assert wire.read_close() == 1000


def test_takeover(anonymous_hub):
    with websocket(anonymous_hub, "https") as old, websocket(anonymous_hub, "http") as new:
        client_id = unique_name("takeover")
        old.send(connect(client_id=client_id)).expect(CONNACK)
        new.send(connect(client_id=client_id)).expect(CONNACK)
        assert old.expect(14)[0] == 0x8E
        assert old.read_close() == 1000


def test_pings_of_a_reader_that_does_not_read(anonymous_hub, client):
    """Pongs for a hundred thousand pings take no memory, and the stream is whole afterwards."""
    topic = unique_name("slow")
    writer = client(anonymous_hub)
    with websocket(anonymous_hub) as wire:
        wire.send(connect() + subscribe(topic, qos=1))
        wire.expect(CONNACK)
        wire.expect(SUBACK)
        sent = [os.urandom(50_000) for _ in range(60)]
        for payload in sent:
            writer.publish(topic, payload, qos=1)
            wire.raw(b"".join(frame(PING, b"%d" % number) for number in range(100)))
        for payload in sent:
            assert wire.expect(PUBLISH).endswith(payload)
        wire.raw(frame(PING, b"last")).send(packet(PINGREQ))
        wire.expect(PINGRESP)
        assert wire.pongs[-1] == b"last"


def test_half_open_upgrades_end(anonymous_hub):
    """Neither half a handshake nor an upgrade without CONNECT lasts longer than ten seconds (and a tick)."""
    with WebSocketWire(anonymous_hub, upgrade=False) as half, websocket(anonymous_hub) as silent:
        started = time.monotonic()
        half.raw(handshake()[:-2])
        silent.send_frame(PING)
        silent.raw(frame(BINARY, connect())[:-5])
        for wire in (half, silent):
            Wire.read_to_end(wire)
        assert 8 < time.monotonic() - started < 14


def test_byte_by_byte(anonymous_hub):
    """MQTT in frames in TLS, a record for each byte."""
    with websocket(anonymous_hub, "https") as wire:
        wire.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in frame(BINARY, connect()) + frame(BINARY, packet(PINGREQ)):
            wire.raw(bytes([byte]))
        wire.expect(CONNACK)
        wire.expect(PINGRESP)
