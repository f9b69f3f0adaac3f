"""MQTT 5: what CONNACK says on request, and packets that must not be larger than the client takes."""
import pytest

from support import rest, wire
from support.wire import CONNACK, DISCONNECT, PUBACK, SUBACK, Wire

RESPONSE_INFORMATION = b"\x19\x01"


def maximum(size):
    return b"\x27" + size.to_bytes(4, "big")


def connack(wired, **options):
    wired.send(wire.connect(**options))
    return wired.expect(CONNACK)


def test_response_information_is_a_prefix_that_can_be_used(anonymous_hub):
    """§3.2.2.3.15: for clients that ask, the topics below which they may take answers."""
    name = rest.unique_name("asker")
    with Wire(anonymous_hub) as asker, Wire(anonymous_hub) as other:
        prefix = f"response/{name}/"
        assert b"\x1a" + wire.text(prefix) in connack(asker, client_id=name, properties=RESPONSE_INFORMATION)
        asker.send(wire.subscribe(prefix + "#"))
        assert asker.expect(SUBACK)[-1] == 0
        assert b"response/" not in connack(other, client_id=rest.unique_name("other"))


def test_users_get_none(hub, pair):
    """Their tokens open no plain topics."""
    user = pair[0]
    with Wire(hub) as wired:
        body = connack(wired, client_id="asker", user=user.id, password=user.token, properties=RESPONSE_INFORMATION)
        assert body[1] == 0 and b"response/" not in body


@pytest.mark.parametrize("size, code, says_why", [(1000, 0x86, True), (20, 0x86, False)])
def test_a_refusal_is_no_larger_than_the_client_takes(hub, size, code, says_why):
    """[MQTT-3.1.2-24] [MQTT-3.2.2-19]"""
    with Wire(hub) as wired:
        body = connack(wired, user="x", password="nonsense", properties=maximum(size))
        assert body[1] == code and (len(body) > 3) is says_why


@pytest.mark.parametrize("size", [5, 12])
def test_a_client_that_takes_no_connack(anonymous_hub, size):
    """What CONNACK must say is more than that: 0x95, in five bytes."""
    with Wire(anonymous_hub) as wired:
        assert connack(wired, client_id=rest.unique_name("small"), properties=maximum(size)) == b"\0\x95\0"
        assert wired.read_to_end() == b""


def test_without_problem_information(hub, pair):
    """[MQTT-3.1.2-29] Neither reason string nor user properties, but in PUBLISH, CONNACK and DISCONNECT."""
    user = pair[0]
    with Wire(hub) as wired:
        connack(wired, client_id="quiet", user=user.id, password=user.token, properties=b"\x17\0")
        wired.send(wire.publish("group/1", b"x", qos=1))
        assert wired.expect(PUBACK) == b"\0\x01\x87"
        wired.send(wire.subscribe(user.inbox, qos=1))
        assert wired.expect(SUBACK) == b"\0\x01\0\x01"
        wired.send(wire.packet(0, b""))
        assert wired.expect(DISCONNECT)[0] == 0x81
