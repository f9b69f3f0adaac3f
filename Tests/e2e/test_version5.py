"""MQTT 5: topic aliases of the client, enhanced authentication with the method JWT, and a new token on a live connection."""
import pytest

from support import rest, wire
from support.wire import AUTH, CONNACK, DISCONNECT, PINGREQ, PINGRESP, PUBACK, Wire, auth, connect_by_method, credentials


def publish_by_alias(topic, alias, payload, identifier):
    return wire.publish(topic, payload, qos=1, packet_id=identifier, properties=b"\x23" + alias.to_bytes(2, "big"))


@pytest.fixture(scope="module")
def user(hub):
    return rest.sign_up(hub, "five")


@pytest.fixture
def connection(hub, user):
    """Connected with the method JWT."""
    with Wire(hub) as wired:
        wired.send(connect_by_method("JWT", user.token, rest.unique_name()))
        body = wired.expect(CONNACK)
        assert body[1] == 0 and credentials("JWT", None) in body, "CONNACK names the method [MQTT-4.12.0-5]"
        yield wired


@pytest.mark.parametrize("method, token, code", [
    ("JWT", "nonsense", 0x86), ("JWT", None, 0x86), ("SCRAM-SHA-1", "x", 0x8C), ("jwt", "x", 0x8C)])
def test_refused_methods(hub, method, token, code):
    """Unknown method 0x8C; the token is the authentication data."""
    with Wire(hub) as wired:
        wired.send(connect_by_method(method, token, rest.unique_name()))
        assert wired.expect(CONNACK)[1] == code


def test_a_new_token_on_the_live_connection(hub, user, connection):
    """AUTH 0x19 replaces the token; the connection then belongs to the new log-in session, and ends with that."""
    fresh = rest.log_in(hub, user)
    connection.send(auth(0x19, "JWT", fresh.token))
    body = connection.expect(AUTH)
    assert body[0] == 0 and credentials("JWT", None) in body
    connection.send(wire.packet(PINGREQ))
    connection.expect(PINGRESP)
    fresh.post("/logout", None, status=204)
    assert connection.expect(DISCONNECT)[0] == 0x87


@pytest.mark.parametrize("reason, method, token, code", [
    (0x19, "JWT", "nonsense", 0x87), (0x19, "OTHER", "nonsense", 0x82), (0x18, "JWT", "nonsense", 0x82)])
def test_refused_reauthentication(connection, reason, method, token, code):
    connection.send(auth(reason, method, token))
    assert connection.expect(DISCONNECT)[0] == code


def test_another_users_token_is_refused(hub, connection):
    connection.send(auth(0x19, "JWT", rest.sign_up(hub, "other").token))
    assert connection.expect(DISCONNECT)[0] == 0x87


def test_aliases(hub, user, connection):
    """A topic alias is set by a packet that has both, used by one with an empty topic, and set anew at will."""
    topics = [user.make_group()["topic"] for _ in range(2)]
    connection.send(publish_by_alias(topics[0], 1, b"first", 1))
    connection.send(publish_by_alias("", 1, b"second", 2))
    connection.send(publish_by_alias(topics[1], 1, b"third", 3))
    connection.send(publish_by_alias("", 1, b"fourth", 4))
    for _ in range(4):
        assert connection.expect(PUBACK)[2:3] in (b"", b"\0")
    texts = [[item["body"]["text"] for item in user.get("/messages/" + topic)["items"] if item["type"] == "message"]
             for topic in topics]
    assert texts == [["first", "second"], ["third", "fourth"]]


@pytest.mark.parametrize("topic, alias, code", [("", 5, 0x82), ("a", 0, 0x94), ("a", 17, 0x94), ("a", 65535, 0x94)])
def test_bad_aliases(connection, topic, alias, code):
    """Alias 0, above the maximum of CONNACK, unknown."""
    connection.send(publish_by_alias(topic, alias, b"x", 1))
    assert connection.expect(DISCONNECT)[0] == code
