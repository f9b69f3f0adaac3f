"""protocol.md §3 (refusals) and §4: CONNECT by token; security.md: before CONNECT."""
import base64
import json
import os
import socket
import struct

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from support import rest, wire
from support.wire import CONNACK, PINGREQ, PINGRESP, SUBACK, Wire


@pytest.fixture(scope="module")
def user(hub):
    return rest.sign_up(hub, "connect")


def pack(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unpack(part):
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def resigned(token, **header):
    """The same claims, signed by a key that is not the hub's."""
    head, claims, _ = token.split(".")
    head = pack(json.dumps({**unpack(head), **header}).encode())
    return f"{head}.{claims}." + pack(Ed25519PrivateKey.generate().sign(f"{head}.{claims}".encode()))


def reissued(token, key, seconds):
    """The token as it would be if it had been made so many seconds later."""
    head, claims, _ = token.split(".")
    claims = unpack(claims)
    claims = pack(json.dumps({**claims, **{name: claims[name] + seconds for name in ("iat", "exp")}}).encode())
    return f"{head}.{claims}." + pack(key.sign(f"{head}.{claims}".encode()))


def unsigned(token):
    head, claims, _ = token.split(".")
    return pack(json.dumps({**unpack(head), "alg": "none"}).encode()) + f".{claims}."


def altered(token):
    head, claims, signature = token.split(".")
    return f"{head}.{pack(json.dumps({**unpack(claims), 'scope': 'admin'}).encode())}.{signature}"


def connack(hub, level, user_name, password):
    with Wire(hub, "mqtts") as connection:
        connection.send(wire.connect(level, client_id=rest.unique_name(), user=user_name, password=password))
        body = connection.expect(CONNACK)
        if body[1]:
            assert body[0] == 0 and connection.read_to_end() == b"", "a refused CONNECT ends the connection"
        return body[1]


@pytest.mark.parametrize("who", ["id", "name", "empty", "absent"])
@pytest.mark.parametrize("level", [4, 5])
def test_user_name_and_token(hub, user, level, who):
    """CONNECT: user name = user id, user name or empty; password = access token."""
    name = {"id": user.id, "name": user.name, "empty": "", "absent": None}[who]
    if who == "absent" and level == 4:
        name = ""  # 3.1.1 has no password without a user name [MQTT-3.1.2-22]
    assert connack(hub, level, name, user.token) == 0


@pytest.mark.parametrize("spoil, code5, code4", [
    (resigned, 0x87, 5), (altered, 0x87, 5), (lambda token: resigned(token, kid="other"), 0x87, 5),
    (lambda token: token[:-6] + token[-6:].swapcase(), 0x87, 5), (lambda token: "nonsense", 0x86, 4),
    (lambda token: "a.b.c", 0x86, 4), (lambda token: "", 0x86, 4)],
    ids=["foreign-key", "altered-claims", "unknown-key", "signature", "nonsense", "garbled", "empty"])
def test_spoiled_tokens(hub, user, spoil, code5, code4):
    """CONNECT: bad, expired or foreign token 0x87 / 5; malformed 0x86 / 4."""
    token = spoil(user.token)
    assert (connack(hub, 5, user.id, token), connack(hub, 4, user.id, token)) == (code5, code4)


def test_unsigned_token(hub, user):
    """The algorithm is the issuer's, never the header's."""
    assert connack(hub, 5, user.id, unsigned(user.token)) in (0x86, 0x87)
    assert connack(hub, 4, user.id, unsigned(user.token)) in (4, 5)


def test_a_user_name_that_is_not_the_tokens(hub, user, stranger):
    """or a user name that isn't the token's 0x86 / 4."""
    for name in (stranger.id, stranger.name, "nobody"):
        assert (connack(hub, 5, name, user.token), connack(hub, 4, name, user.token)) == (0x86, 4)


def test_without_credentials(hub):
    """Without `--anonymous` nobody gets in without a token."""
    assert connack(hub, 5, None, None) in (0x86, 0x87)
    assert connack(hub, 4, None, None) in (4, 5)


def test_an_expired_token(hub, user):
    """valid at that moment: a token of eleven minutes ago, signed by the hub's own key, is refused at both doors."""
    key, = (hub.data / "keys").glob("*.pem")
    key = load_pem_private_key(key.read_bytes(), None)
    shown = [reissued(user.token, key, seconds) for seconds in (-660, 0)]
    assert [connack(hub, 5, user.id, token) for token in shown] == [0x87, 0]
    assert [connack(hub, 4, user.id, token) for token in shown] == [5, 0]
    rest.request(hub, "GET", "/profile", token=shown[0]).expect_problem(401)
    rest.request(hub, "GET", "/profile", token=shown[1]).expect(200)


def test_a_good_token_of_another_hub_is_foreign(hub, make_hub):
    other = make_hub().start()
    foreigner = rest.sign_up(other)
    assert connack(hub, 5, "", foreigner.token) == 0x87
    other.stop()


GOOD = wire.connect(4, user=None)
FIRST_PACKETS = {
    "publish": wire.publish("a", b"x", level=4), "ping": wire.packet(PINGREQ), "connack": wire.packet(CONNACK, b"\0\0"),
    "subscribe": wire.subscribe("a", level=4), "http": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "zeros": b"\0" * 64,
    "ones": b"\xff" * 64, "tls-hello": bytes.fromhex("1603010200010001fc0303") + bytes(500),
    "five-byte-length": b"\x10\xff\xff\xff\xff\x01", "huge-length": b"\x10\xff\xff\xff\x7f",
    "over-64-KiB": b"\x10" + wire.variable_integer(70_000) + b"x" * 1000,
    "empty": b"\x10\x00", "reserved-flags": b"\x11" + GOOD[1:], "wrong-name": wire.connect(4, name="MQTX"),
    "empty-name": wire.connect(4, name=""), "reserved-bit": wire.connect(4, flags=0x03),
    "password-without-name": wire.connect(4, flags=0x42), "will-qos-3": wire.connect(4, flags=0x1E),
    "will-flags-without-will": wire.connect(4, flags=0x22),
    "cut-client-id": GOOD[:1] + b"\x0e" + GOOD[2:12] + b"\0\x09wi",
    "trailing": wire.packet(1, GOOD[2:] + b"xx"), "no-utf8-client-id": wire.connect(4, client_id=b"\xff\xfe"),
    "nul-client-id": wire.connect(4, client_id="a\0b"),
    "v5-properties-beyond": wire.packet(1, wire.text("MQTT") + b"\x05\x02\0\x3c\x7f\0\0"),
    "v5-unknown-property": wire.connect(5, properties=b"\x7f\x00"),
    "v5-property-twice": wire.connect(5, properties=b"\x11\0\0\0\1\x11\0\0\0\1"),
    "v5-receive-maximum-0": wire.connect(5, properties=b"\x21\0\0"),
}


@pytest.mark.parametrize("name", FIRST_PACKETS)
def test_malformed_first_packets_close_the_connection(anonymous_hub, name):
    """First packet not CONNECT, huge remaining length, malformed CONNECT: the connection closes, the hub lives."""
    with Wire(anonymous_hub) as connection:
        connection.send(FIRST_PACKETS[name])
        answer = connection.read_to_end()
    if answer:
        assert answer[0] == 0x20 and answer[3] != 0, f"more than a refusing CONNACK: {answer!r}"
    with Wire(anonymous_hub) as connection:
        assert connection.send(GOOD).expect(CONNACK) == b"\0\0"


def test_silent_connections_are_closed(hub):
    """CONNECT within 10 s; a TLS handshake and HTTP headers, too."""
    with Wire(hub, "mqtt") as mqtt, Wire(hub, "mqtts") as mqtts, Wire(hub, "http") as http:
        with socket.create_connection(("127.0.0.1", hub.ports["mqtts"]), wire.TIMEOUT_SECONDS) as handshake:
            mqtt.send(b"\x10")
            http.send(b"GET / HTTP/1.1\r\nHost:")
            for connection in (mqtt, mqtts, http):
                connection.read_to_end()
            assert handshake.recv(100) == b""


@pytest.mark.parametrize("level", [3, 6])
def test_unknown_protocol_levels(anonymous_hub, level):
    """An unacceptable protocol level gets CONNACK 1, or 0x84, then the close [MQTT-3.1.2-2]."""
    with Wire(anonymous_hub) as connection:
        connection.send(wire.connect(level))
        got = connection.read_packet()
        if got:
            assert got[0] == CONNACK and got[2][1] in (1, 0x84), got
        assert connection.read_to_end() == b""


AFTER_CONNECT = {
    "second-connect": wire.connect(4), "connack": wire.packet(CONNACK, b"\0\0"),
    "suback": wire.packet(SUBACK, b"\0\1\0"),
    "reserved-type": b"\x00\x00", "publish-qos-3": wire.publish("a", b"x", level=4, flags=6),
    "publish-wildcard": wire.publish("a/+", b"x", level=4), "publish-empty-topic": wire.publish("", b"x", level=4),
    "publish-nul": wire.publish("a\0b", b"x", level=4), "publish-id-0": wire.publish("a", b"x", 4, qos=1, packet_id=0),
    "publish-cut": b"\x32\x03\x00\x01a", "subscribe-flags": b"\x80" + wire.subscribe("a", 4)[1:],
    "subscribe-nothing": b"\x82\x02\x00\x01", "subscribe-qos-3": wire.subscribe("a", 4, qos=3),
    "subscribe-bad-filter": wire.subscribe("a/#/b", 4), "subscribe-id-0": wire.subscribe("a", 4, packet_id=0),
    "ping-with-body": b"\xc0\x01x", "five-byte-length": b"\x30\xff\xff\xff\xff\x01",
}


@pytest.mark.parametrize("name", AFTER_CONNECT)
def test_malformed_packets_close_the_connection(anonymous_hub, name):
    """Server-only packets sent by a client, malformed and forbidden ones: the connection closes, the hub lives."""
    with Wire(anonymous_hub) as connection:
        connection.send(GOOD).expect(CONNACK)
        connection.send(AFTER_CONNECT[name])
        assert connection.read_to_end() == b""
    with Wire(anonymous_hub) as connection:
        connection.send(GOOD).expect(CONNACK)
        connection.send(wire.packet(PINGREQ)).expect(PINGRESP)


def test_bytes_come_as_they_like(anonymous_hub):
    """CONNECT, SUBSCRIBE and PINGREQ byte by byte, then in one packet with a PUBLISH to oneself."""
    with Wire(anonymous_hub) as connection:
        for byte in GOOD + wire.subscribe("slow/bytes", 4) + wire.packet(PINGREQ):
            connection.send(bytes([byte]))
        for kind in (CONNACK, SUBACK, PINGRESP):
            connection.expect(kind)
    name = rest.unique_name("bytes")
    with Wire(anonymous_hub) as connection:
        connection.send(wire.connect(4, client_id=name) + wire.subscribe(name, 4) + wire.publish(name, b"mine", 4))
        for kind in (CONNACK, SUBACK):
            connection.expect(kind)
        assert connection.expect(wire.PUBLISH) == wire.text(name) + b"mine"


def test_publish_followed_at_once_by_a_close_counts(anonymous_hub):
    """PUBLISH followed at once by a close: its bytes count."""
    name = rest.unique_name("last-words")
    with Wire(anonymous_hub) as listener:
        listener.send(wire.connect(4, client_id=name) + wire.subscribe(name, 4))
        listener.expect(CONNACK)
        listener.expect(SUBACK)
        with Wire(anonymous_hub) as speaker:
            speaker.send(wire.connect(4, client_id=name + "b")).expect(CONNACK)
            speaker.send(wire.publish(name, b"last words", 4) + wire.packet(wire.DISCONNECT))
        assert listener.expect(wire.PUBLISH).endswith(b"last words")


def test_an_assigned_client_id(hub, user):
    """MQTT 5: a zero-length client id gets one from the hub [MQTT-3.1.3-7]."""
    with Wire(hub, "mqtts") as connection:
        connection.send(wire.connect(5, client_id="", user=user.id, password=user.token))
        body = connection.expect(CONNACK)
        at = body.find(b"\x12")
        length, = struct.unpack(">H", body[at + 1:at + 3])
        assert body[1] == 0 and at > 0 and length > 0 and os.fsdecode(body[at + 3:at + 3 + length])
