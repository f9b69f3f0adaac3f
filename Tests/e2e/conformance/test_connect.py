"""CONNECT and CONNACK."""
import time

import pytest

from conformance import protocol
from conformance.protocol import CONNACK, DISCONNECT, PUBREC, PUBREL, V3, V5
from support.rest import unique_name

ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
THIRTY_DAYS = 30 * 24 * 3600


def refusal(version, five, three):
    return five if version == V5 else three


@pytest.mark.mqtt("MQTT-3.1.4-5", "MQTT-3.2.0-1", "MQTT-3.2.0-2", "MQTT-3.2.2-1", "MQTT-3.2.2-2", "3.1.1:MQTT-3.1.4-4",
                  "3.1.1:MQTT-3.2.0-1", "3.1.1:MQTT-3.2.2-1")
def test_connack_comes_first_and_once(dial, version, topic):
    """Packets that came with CONNECT are served after CONNACK, in their order."""
    peer = dial(version)
    peer.send(protocol.connect(version, topic) + protocol.subscribe(version, 1, [(topic, 0)])
              + protocol.publish(version, topic, b"mine") + protocol.PING)
    first = peer.next()
    assert first.kind == CONNACK and first.code == 0 and not first.session_present
    assert sorted(peer.next().kind for _ in range(3)) == sorted([protocol.SUBACK, protocol.PUBLISH, protocol.PINGRESP])
    peer.quiet()


@pytest.mark.mqtt("MQTT-3.1.3-5", "3.1.1:MQTT-3.1.3-5")
@pytest.mark.parametrize("client_id", ["a", "0", ALPHABET[:23], ALPHABET[23:46], ALPHABET[39:]])
def test_client_ids_that_every_server_takes(join, version, client_id):
    join(version, client_id=client_id).quiet()


@pytest.mark.parametrize("client_id", ["a/b/c", "with space", "+", "#", "$share", "ünïcode", "%c%u", "x" * 256])
def test_other_client_ids(join, version, client_id):
    """A client id is never a topic, a filter or a pattern (CVE-2017-7650)."""
    join(version, client_id=client_id).quiet()


@pytest.mark.mqtt("MQTT-3.1.3-6", "MQTT-3.1.3-7", "MQTT-3.2.2-16", "3.1.1:MQTT-3.1.3-6")
def test_an_empty_client_id(join, version):
    """The hub makes one, and another for each; MQTT 5 tells it, and it is as good as one of the client's own."""
    peers = [join(version, client_id="") for _ in range(3)]
    for peer in peers:
        peer.quiet()
    if version == V5:
        names = [peer.connack.properties["assigned_client_id"] for peer in peers]
        assert len(set(names)) == 3 and all(names), names
        stays = join(V5, client_id="", clean=False, session_expiry=60)
        name = stays.connack.properties["assigned_client_id"]
        stays.disconnect()
        again = join(V5, client_id=name, clean=False)
        assert again.connack.session_present and "assigned_client_id" not in again.connack.properties


@pytest.mark.mqtt("3.1.1:MQTT-3.1.3-7", "3.1.1:MQTT-3.1.3-8", "3.1.1:MQTT-3.1.3-9", "3.1.1:MQTT-3.2.2-4",
                  "3.1.1:MQTT-3.2.2-5")
def test_an_empty_client_id_needs_a_clean_session_in_3(dial):
    dial(V3).connect(client_id="", clean=False, expect=2)


@pytest.mark.mqtt("MQTT-3.1.3-8", "MQTT-3.1.4-2", "MQTT-3.2.2-6", "MQTT-3.2.2-7", "MQTT-3.2.2-8", "MQTT-4.13.2-1",
                  "3.1.1:MQTT-3.1.3-9", "3.1.1:MQTT-3.2.2-4", "3.1.1:MQTT-3.2.2-5")
def test_a_client_id_that_is_refused(dial, version):
    """More than 256 bytes: 0x85 / 2, without Session Present, and the close."""
    dial(version).connect(client_id="x" * 257, expect=refusal(version, 0x85, 2))


@pytest.mark.mqtt("MQTT-3.1.4-2", "MQTT-3.2.2-8", "3.1.1:MQTT-3.2.2-4")
def test_credentials_that_are_refused(dial, version):
    dial(version).connect(user="nobody", password="nonsense", expect=refusal(version, 0x86, 4))


@pytest.mark.mqtt("MQTT-3.1.4-6", "3.1.1:MQTT-3.1.4-5")
def test_what_follows_a_refused_connect_is_not_processed(dial, join, version, topic):
    listener = join(version)
    listener.subscribe(topic)
    peer = dial(version)
    peer.send(protocol.connect(version, "x" * 257) + protocol.publish(version, topic, b"refused"))
    assert peer.next().code and peer.next() is None
    join(version).publish(topic, b"accepted")
    listener.message(topic, b"accepted")


@pytest.mark.mqtt("MQTT-3.1.2-22", "MQTT-3.2.2-22", "3.1.1:MQTT-3.1.2-24")
def test_keep_alive(join, topic):
    """One and a half times the interval without a packet ends the connection; any packet is enough to keep it."""
    listener = join(V5)
    listener.subscribe(topic)
    started = time.monotonic()
    silent = [join(version, keep_alive=1) for version in (V3, V5)]
    busy = [join(version, keep_alive=1) for version in (V3, V5)]
    endless = [join(version, keep_alive=0) for version in (V3, V5)]
    longest = join(V5, keep_alive=0xFFFF)
    for peer in [*busy, *silent, *endless]:
        assert "server_keep_alive" not in peer.connack.properties
    # What the hub tells clients without credentials (docs/protocol-choices.md).
    assert longest.connack.properties["server_keep_alive"] == 60
    while time.monotonic() < started + 2.4:
        for peer in busy:
            peer.publish(topic)
        time.sleep(0.4)
    for peer in silent:
        peer.ends(0x8D)
    for peer in [*busy, *endless, longest]:
        peer.quiet()


@pytest.mark.mqtt("MQTT-3.1.2-22", "3.1.1:MQTT-3.1.2-24")
def test_keep_alive_leaves_the_whole_time(join):
    """Not earlier than one and a half times the interval, and not much later."""
    peers = [join(version, keep_alive=2) for version in (V3, V5)]
    started = time.monotonic()
    for peer in peers:
        peer.ends(0x8D)
    waited = time.monotonic() - started
    assert 2.8 <= waited <= 5, f"ended after {waited:.2f} s"


@pytest.mark.mqtt("MQTT-3.1.2-28")
@pytest.mark.parametrize("options", [{}, {"request_response_information": 0}])
def test_no_response_information_unless_requested(join, options):
    assert "response_information" not in join(V5, **options).connack.properties


@pytest.mark.mqtt("MQTT-3.1.2-29")
def test_no_problem_information_if_not_wanted(join, topic):
    """Neither a reason string nor user properties in the refusals of everything that can be refused."""
    peer = join(V5, request_problem_information=0)
    found = [peer.subscribe("a/#/b", topic, "$SYS/#", expect=[0x8F, 0, 0x87]),
             peer.unsubscribe("absent", expect=[0x11]),
             peer.publish("$SYS/x", qos=1, expect=0x87),
             peer.publish(topic, b"\xff", qos=1, payload_format=1, expect=0x99)]
    peer.send(protocol.acknowledge(V5, PUBREL, 77))
    found.append(peer.expect(protocol.PUBCOMP))
    for one in found:
        assert not {"reason_string", "user_property"} & one.properties.keys(), one


@pytest.mark.mqtt("MQTT-3.1.2-24", "MQTT-3.1.2-25")
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_messages_above_the_clients_maximum_packet_size(join, topic, qos):
    """Such a message is dropped for this client as if it had been sent: it takes nothing of the receive maximum."""
    small = join(V5, maximum_packet_size=128, receive_maximum=1)
    large = join(V5)
    for peer in (small, large):
        peer.subscribe(topic, qos=qos)
    sender = join(V5)
    sender.publish(topic, bytes(200), qos=qos)
    sender.publish(topic, b"fits", qos=qos)
    sender.publish(topic, b"property", qos=qos, user_property=("name", "x" * 200))
    sender.publish(topic, b"fits too", qos=qos)
    assert small.payloads(2) == [b"fits", b"fits too"]
    assert large.payloads(4) == [bytes(200), b"fits", b"property", b"fits too"]
    small.quiet()


@pytest.mark.mqtt("MQTT-3.2.2-19", "MQTT-3.2.2-20")
@pytest.mark.parametrize("maximum", [8, 24, 32])
def test_a_refusing_connack_stays_below_the_clients_maximum_packet_size(dial, maximum):
    dial(V5).connect(client_id="x" * 257, maximum_packet_size=maximum, expect=0x85)


@pytest.mark.mqtt("MQTT-3.4.2-2", "MQTT-3.4.2-3", "MQTT-3.5.2-2", "MQTT-3.5.2-3",
                  "MQTT-3.6.2-2", "MQTT-3.6.2-3", "MQTT-3.7.2-2", "MQTT-3.7.2-3", "MQTT-3.9.2-1", "MQTT-3.9.2-2",
                  "MQTT-3.11.2-1", "MQTT-3.11.2-2",
                  "MQTT-3.14.2-3", "MQTT-3.14.2-4")
@pytest.mark.parametrize("maximum", [24, 32, 48, 64, 90])
def test_answers_stay_below_the_clients_maximum_packet_size(join, topic, maximum):
    """The peer checks the size of everything it reads. What is refused is answered all the same, with less to say."""
    peer = join(V5, maximum_packet_size=maximum)
    peer.subscribe("a/#/b", "$SYS/#", "$share//x", expect=[0x8F, 0x87, 0x8F])
    peer.unsubscribe("a/#/b", "absent", expect=[0x8F, 0x11])
    for qos in (1, 2):
        peer.publish("$SYS/x", qos=qos, expect=0x87)
        peer.publish(topic, b"\xff", qos=qos, payload_format=1, expect=0x99)
    peer.send(protocol.acknowledge(V5, PUBREL, 77))
    assert peer.expect(protocol.PUBCOMP).code == 0x92
    for found in peer.answer(PUBREC, 77).settle():
        assert found.kind == PUBREL and found.identifier == 77
    peer.send(protocol.connect(V5, "again"))
    peer.ends(0x82)


@pytest.mark.mqtt("MQTT-3.2.2-9", "MQTT-3.2.2-10", "MQTT-3.2.2-12", "MQTT-3.2.2-13")
def test_connack_tells_what_is_offered(join, topic):
    """Everything is, so none of the properties that take something back is there, or it says 1."""
    told = join(V5).connack.properties
    for name in ("retain_available", "wildcard_subscription_available", "subscription_identifier_available",
                 "shared_subscription_available"):
        assert told.get(name, 1) == 1, name
    assert "maximum_qos" not in told, "Maximum QoS 2 is told by its absence"
    assert told["receive_maximum"] == 1024 and told["maximum_packet_size"] == 1 << 20
    assert told["topic_alias_maximum"] == 16
    join(V5, will=protocol.Will(topic, qos=2, retain=True)).disconnect()
    join(V5).subscribe(topic, topic + "/1", topic + "/2", expect=[0, 0, 0])


@pytest.mark.parametrize("asked, told", [(0xFFFFFFFF, THIRTY_DAYS), (THIRTY_DAYS + 1, THIRTY_DAYS), (60, 60)])
def test_a_session_expiry_that_is_shortened_is_told(join, asked, told):
    """3.2.2.3.2: the client must use what CONNACK says."""
    peer = join(V5, session_expiry=asked)
    assert peer.connack.properties.get("session_expiry", asked) == told
    peer.disconnect(session_expiry=0)


@pytest.mark.mqtt("MQTT-3.1.3-2", "3.1.1:MQTT-3.1.3-2")
def test_the_client_id_names_the_session(persistent, version):
    """Two client ids, two sessions; they differ by one byte, and case counts."""
    name = unique_name("session")
    for client_id in (name + "a", name + "A", name + "a "):
        peer = persistent(version, client_id)
        assert not peer.connack.session_present
        peer.disconnect()
    assert persistent(version, name + "A").connack.session_present


@pytest.mark.mqtt("MQTT-3.14.4-1", "MQTT-3.14.4-2", "MQTT-3.14.2-1", "MQTT-3.14.2-2", "MQTT-4.13.1-1")
def test_the_hub_closes_after_its_disconnect(join):
    """DISCONNECT is the last that comes, without a session expiry (which the decoder would refuse)."""
    peer = join(V5)
    peer.send(protocol.connect(V5, "again") + protocol.PING + protocol.publish(V5, "a", qos=1, identifier=1))
    last = peer.next()
    assert last.kind == DISCONNECT and last.code == 0x82 and peer.next() is None


@pytest.mark.mqtt("MQTT-3.12.4-1", "3.1.1:MQTT-3.12.4-1")
def test_ping(join, version):
    peer = join(version)
    peer.send(protocol.PING * 3)
    assert [peer.next().kind for _ in range(3)] == [protocol.PINGRESP] * 3
    peer.quiet()


@pytest.mark.parametrize("data", [protocol.disconnect(V5), b"\xe0\x01\x00", b"\xe0\x02\x00\x00",
                                  protocol.disconnect(V5, 0x04), protocol.disconnect(V5, reason_string="enough")])
def test_disconnect_in_all_its_forms(join, data):
    """Code and properties may be left out; the hub closes and says nothing [MQTT-3.14.4-1]."""
    peer = join(V5).send(data)
    assert peer.next() is None


def test_disconnect_in_3(join):
    peer = join(V3).send(protocol.disconnect(V3))
    assert peer.next() is None
