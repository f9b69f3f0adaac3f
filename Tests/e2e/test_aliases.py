"""MQTT 5 §3.3.2.3.4: topic aliases that the hub sets, for clients whose CONNECT says that they take some."""
import pytest

from support import rest, wire
from support.mqtt import V5
from support.wire import CONNACK, PUBLISH, SUBACK, Wire


def subscriber(wired, topic_filter, maximum, **options):
    properties = b"\x22" + maximum.to_bytes(2, "big") if maximum else b""
    wired.send(wire.connect(client_id=rest.unique_name("alias"), properties=properties, **options))
    assert wired.expect(CONNACK)[1] == 0
    wired.send(wire.subscribe(topic_filter))
    assert wired.expect(SUBACK)[-1] == 0
    return wired


def receive(wired):
    """(topic, alias, payload) of the next PUBLISH of QoS 0, for properties below 128 bytes."""
    body = wired.expect(PUBLISH)
    topic, rest_of_it = body[2:2 + int.from_bytes(body[:2], "big")].decode(), body[2 + int.from_bytes(body[:2], "big"):]
    properties, payload = rest_of_it[1:1 + rest_of_it[0]], rest_of_it[1 + rest_of_it[0]:]
    alias = int.from_bytes(properties[1:3], "big") if properties[:1] == b"\x23" else 0
    return topic, alias, payload


@pytest.mark.parametrize("maximum, aliases", [(0, [0, 0, 0, 0]), (1, [1, 1, 1, 1]), (2, [1, 2, 1, 2]),
                                              (65535, [1, 2, 1, 2])])
def test_plain_topics(anonymous_hub, client, maximum, aliases):
    """Never above the client's Topic Alias Maximum [MQTT-3.1.2-26]; without it none at all [MQTT-3.1.2-27]."""
    base = rest.unique_name("alias")
    topics = [f"{base}/one", f"{base}/two"] * 2
    with Wire(anonymous_hub) as wired:
        subscriber(wired, base + "/+", maximum)
        sender = client(anonymous_hub, version=V5, tls=False)
        for number, topic in enumerate(topics):
            sender.publish(topic, str(number))
        known = {}
        for number, (topic, alias) in enumerate(zip(topics, aliases)):
            name, used, payload = receive(wired)
            assert (used, payload) == (alias, b"%d" % number)
            known[used] = name or known[used]
            assert known[used] == topic, "the topic, or the alias that stands for it"
            assert bool(name) is (maximum < 2 or number < 2), "said once, if there is an alias for it"


def test_conversations(hub, pair):
    """The same for what comes from the log."""
    reader, writer = pair
    topic = reader.direct_topic(writer)
    with Wire(hub) as wired:
        subscriber(wired, topic, 10, user=reader.id, password=reader.token)
        for text in ("one", "two", "three"):
            writer.send(reader, text=text)
        names = []
        for text in ("one", "two", "three"):
            body = wired.expect(PUBLISH)
            name = body[2:2 + int.from_bytes(body[:2], "big")].decode()
            assert b"\x23\0\x01" in body and f'"text":"{text}"'.encode() in body
            names.append(name)
        assert names == [topic, "", ""]
