"""Topic aliases in both directions (MQTT 5)."""
import pytest

from conformance.protocol import V5

OURS = 16  # the hub's Topic Alias Maximum


@pytest.mark.mqtt("MQTT-3.3.2-12")
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_every_alias_of_the_client_is_taken(join, topic, qos):
    """From 1 to the maximum of CONNACK: set, used, set anew, in any order."""
    listener, sender = join(V5), join(V5)
    assert sender.connack.properties["topic_alias_maximum"] == OURS
    listener.subscribe(topic + "/#", qos=qos)
    for turn in range(2):
        for alias in range(OURS, 0, -1):
            sender.publish(f"{topic}/{turn}/{alias}", b"set", qos=qos, topic_alias=alias)
            listener.message(f"{topic}/{turn}/{alias}", b"set", qos=qos)
        for alias in range(1, OURS + 1):
            sender.publish("", b"used", qos=qos, topic_alias=alias)
            listener.message(f"{topic}/{turn}/{alias}", b"used", qos=qos)
    listener.quiet()


@pytest.mark.mqtt("MQTT-3.3.2-7")
def test_the_clients_aliases_end_with_the_connection(persistent, topic):
    """Also when the session goes on."""
    peer = persistent(V5, topic)
    peer.publish(topic, qos=1, topic_alias=1)
    peer.close()
    peer = persistent(V5, topic)
    assert peer.connack.session_present
    peer.start("", qos=1, topic_alias=1)
    peer.ends(0x82, 0x94)


@pytest.mark.mqtt("MQTT-3.3.2-7")
def test_aliases_belong_to_one_connection_and_direction(join, topic):
    first, second = join(V5), join(V5, topic_alias_maximum=5)
    second.subscribe(topic + "/#", qos=1)
    first.publish(topic + "/first", topic_alias=1)
    second.publish(topic + "/second", topic_alias=1)
    first.publish("", b"1", topic_alias=1)
    second.publish("", b"2", topic_alias=1)
    found = [(one.topic[len(topic):], one.payload) for one in second.messages(4)]
    assert sorted(found) == [("/first", b""), ("/first", b"1"), ("/second", b""), ("/second", b"2")]


@pytest.mark.mqtt("MQTT-3.1.2-26", "MQTT-3.3.2-11")
@pytest.mark.parametrize("maximum", [1, 3, 0xFFFF])
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_the_hubs_aliases(join, topic, maximum, qos):
    """The peer resolves them and fails at one above its maximum; each message arrives under its own topic, also when
    there are more topics than aliases. A topic that comes again and again gets one."""
    listener, sender = join(V5, topic_alias_maximum=maximum), join(V5)
    listener.subscribe(topic + "/#", qos=qos)
    names = [f"{topic}/{'x' * 100}/{index}" for index in range(10)]
    for _ in range(3):
        for name in names:
            sender.publish(name, name.encode(), qos=qos)
    for one in listener.messages(30):
        assert one.payload == one.topic.encode()
    found = []
    for _ in range(5):
        sender.publish(names[0], b"again", qos=qos)
        found.append(listener.message(names[0], b"again"))
    assert any("topic_alias" in one.properties for one in found), "no alias where it would save a hundred bytes"
    listener.quiet()


@pytest.mark.mqtt("MQTT-3.1.2-27")
@pytest.mark.parametrize("options", [{}, {"topic_alias_maximum": 0}])
def test_no_aliases_for_who_wants_none(join, topic, options):
    peer = join(V5, **options)
    peer.subscribe(topic)
    for _ in range(10):
        peer.publish(topic)
        assert "topic_alias" not in peer.message(topic).properties


@pytest.mark.mqtt("MQTT-3.3.2-7", "MQTT-3.1.2-27")
@pytest.mark.parametrize("again", [{}, {"topic_alias_maximum": 2}])
def test_what_is_sent_again_needs_no_alias_of_before(persistent, join, topic, again):
    """The new connection may allow fewer, or none."""
    peer = persistent(V5, topic, topic_alias_maximum=10)
    peer.subscribe(topic + "/+", qos=1)
    sender = join(V5)
    names = [f"{topic}/{index % 4}" for index in range(12)]
    for name in names:
        sender.publish(name, name.encode(), qos=1)
    peer.messages(12, acknowledge=False)
    peer.close()
    peer = persistent(V5, topic, **again)
    assert [one.topic for one in peer.messages(12)] == names
