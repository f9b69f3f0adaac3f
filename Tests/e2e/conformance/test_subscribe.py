"""SUBSCRIBE, UNSUBSCRIBE and what answers them; overlapping and replaced subscriptions."""
import pytest

from conformance.protocol import PUBCOMP, PUBLISH, SUBACK, UNSUBACK, V5, options, subscribe, unsubscribe


@pytest.mark.mqtt("MQTT-3.8.4-1", "MQTT-3.8.4-2", "MQTT-2.2.1-6", "3.1.1:MQTT-3.8.4-1", "3.1.1:MQTT-3.8.4-2",
                  "3.1.1:MQTT-2.3.1-7")
@pytest.mark.parametrize("identifier", [1, 255, 256, 0xFFFF])
def test_each_subscribe_is_answered_under_its_identifier(join, version, topic, identifier):
    peer = join(version)
    peer.send(subscribe(version, identifier, [(topic, 0)]) + unsubscribe(version, identifier, [topic]))
    assert peer.expect(SUBACK).identifier == identifier == peer.expect(UNSUBACK).identifier
    peer.quiet()


@pytest.mark.mqtt("MQTT-3.8.4-5", "MQTT-3.8.4-6", "MQTT-3.8.4-7", "MQTT-3.9.3-1", "MQTT-3.9.3-2", "3.1.1:MQTT-3.8.4-4",
                  "3.1.1:MQTT-3.8.4-5", "3.1.1:MQTT-3.9.3-1", "3.1.1:MQTT-3.9.3-2")
def test_many_filters_in_one_packet(join, version, topic):
    """One code for each, in their order; a refused one leaves the others as they are; each of them works."""
    peer = join(version)
    entries = [(f"{topic}/{index}", index % 3) for index in range(12)]
    entries[5], entries[8] = ("$SYS/#", 1), ("$SYS/broker/+", 2)
    expected = [index % 3 for index in range(12)]
    expected[5] = expected[8] = 0x87 if version == V5 else 0x80
    peer.subscribe(*entries, expect=expected)
    for index in set(range(12)) - {5, 8}:
        peer.publish(f"{topic}/{index}", qos=2)
        peer.message(f"{topic}/{index}", qos=index % 3)
    peer.quiet()


@pytest.mark.mqtt("MQTT-3.8.4-5", "3.1.1:MQTT-3.8.4-4")
def test_a_filter_twice_in_one_packet(join, version, topic):
    """As in two packets: the later one counts."""
    peer = join(version)
    peer.subscribe((topic, 0), (topic, 1), (topic, 2), (topic, 1))
    peer.publish(topic, qos=2)
    peer.message(topic, qos=1)
    peer.quiet()


@pytest.mark.mqtt("MQTT-3.8.4-5", "3.1.1:MQTT-3.8.4-4")
def test_a_filter_many_times_in_one_packet(join, version, topic):
    """It is one subscription, however often it is named, so none of them is one too many."""
    peer = join(version)
    peer.subscribe(*[topic] * 1_100, qos=1)
    peer.publish(topic, qos=1)
    peer.message(topic, qos=1)
    peer.quiet()


@pytest.mark.mqtt("MQTT-3.8.4-3", "3.1.1:MQTT-3.8.4-3")
def test_the_same_filter_replaces_the_subscription(join, version, topic):
    """With its QoS, in either direction; there is one copy and one UNSUBSCRIBE."""
    peer = join(version)
    for qos in (0, 2, 1, 0):
        peer.subscribe(topic + "/#", qos=qos)
        peer.publish(topic, qos=2)
        peer.message(topic, qos=qos)
    peer.unsubscribe(topic + "/#")
    peer.publish(topic, qos=1)
    peer.quiet()


@pytest.mark.mqtt("MQTT-3.8.4-4", "3.1.1:MQTT-3.8.4-3")
def test_nothing_is_lost_while_a_subscription_is_replaced(join, version, topic):
    listener, sender = join(version), join(version)
    listener.subscribe(topic, qos=1)
    count = 200
    for index in range(count):
        sender.start(topic, b"%d" % index, qos=1, identifier=index + 1)
        if index % 10 == 0:
            listener.send(subscribe(version, index + 1, [(topic, 1)]))
    got = listener.payloads(count)
    assert got == [b"%d" % index for index in range(count)]
    for index in range(0, count, 10):
        assert listener.expect(SUBACK).identifier == index + 1
    listener.quiet()


@pytest.mark.mqtt("MQTT-3.8.4-4", "3.1.1:MQTT-3.8.4-3")
@pytest.mark.parametrize("qos", [1, 2])
def test_nothing_is_lost_while_the_qos_changes(persistent, join, version, topic, qos):
    """In sessions that stay, half of them from QoS 0 to a higher one, half of them back: with a filter of their own and with others' filters."""
    filters = [topic + "/a", topic + "/a", topic + "/+", topic + "/#"] * 3
    listeners = [persistent(version, f"{topic}-{index}") for index in range(len(filters))]
    for index, listener in enumerate(listeners):
        listener.subscribe(filters[index], qos=index % 2 * qos)
    sender, count = join(version), 20 * len(filters)
    for number in range(count):
        sender.start(topic + "/a", b"%d" % number, qos=qos, identifier=number + 1)
        if number % 20 == 10:
            index = number // 20
            listeners[index].send(subscribe(version, 9, [(filters[index], (index + 1) % 2 * qos)]))
    for listener in listeners:
        assert listener.payloads(count) == [b"%d" % number for number in range(count)]
        assert listener.expect(SUBACK).identifier == 9
        listener.quiet()


@pytest.mark.mqtt("MQTT-3.3.4-2", "3.1.1:MQTT-3.3.5-1")
def test_overlapping_subscriptions(join, version, topic):
    """One copy with the highest QoS that was granted."""
    peer = join(version)
    peer.subscribe((topic + "/#", 0), (topic + "/+", 2), (topic + "/a", 1))
    for published, received in ((0, 0), (1, 1), (2, 2)):
        peer.publish(topic + "/a", b"%d" % published, qos=published)
        peer.message(topic + "/a", b"%d" % published, qos=received)
    peer.unsubscribe(topic + "/+")
    peer.publish(topic + "/a", qos=2)
    peer.message(topic + "/a", qos=1)
    peer.quiet()


@pytest.mark.mqtt("MQTT-3.3.4-3", "MQTT-3.3.4-4", "MQTT-3.3.4-5")
def test_subscription_identifiers(join, topic):
    """A message bears those of all subscriptions that match, and no other; also the largest."""
    peer = join(V5)
    peer.subscribe(topic + "/#", subscription_identifier=1)
    peer.subscribe(topic + "/+", subscription_identifier=0xFFFFFFF)
    peer.subscribe(topic + "/a", subscription_identifier=128)
    peer.subscribe(topic + "/b/#")
    for name, expected in (("/a", {1, 128, 0xFFFFFFF}), ("/b", {1, 0xFFFFFFF}), ("/b/c", {1}), ("", {1})):
        peer.publish(topic + name)
        found = peer.message(topic + name).properties["subscription_identifier"]
        assert set(found) == expected and len(found) == len(expected), found
    peer.subscribe(topic + "/a", subscription_identifier=7)
    peer.subscribe(topic + "/+")
    peer.publish(topic + "/a")
    assert set(peer.message(topic + "/a").properties["subscription_identifier"]) == {1, 7}
    peer.unsubscribe(topic + "/#", topic + "/a")
    peer.publish(topic + "/a")
    assert "subscription_identifier" not in peer.message(topic + "/a").properties
    peer.quiet()


@pytest.mark.mqtt("MQTT-3.3.4-3", "MQTT-3.1.2-5")
def test_subscription_identifiers_are_kept_with_the_session(persistent, join, topic):
    peer = persistent(V5, topic)
    peer.subscribe(topic, qos=1, subscription_identifier=42, no_local=True)
    peer.disconnect()
    peer = persistent(V5, topic)
    peer.publish(topic, b"mine", qos=1)
    join(V5).publish(topic, b"yours", qos=1)
    assert peer.message(topic, b"yours").properties["subscription_identifier"] == [42]
    peer.quiet()


@pytest.mark.mqtt("MQTT-3.10.4-2", "MQTT-3.10.4-4", "MQTT-3.10.4-5", "MQTT-3.10.4-6", "MQTT-3.11.3-1", "MQTT-3.11.3-2",
                  "3.1.1:MQTT-3.10.4-2", "3.1.1:MQTT-3.10.4-4", "3.1.1:MQTT-3.10.4-5", "3.1.1:MQTT-3.10.4-6")
def test_unsubscribe(join, version, topic):
    """One answer, one code for each filter in its order, also where there was nothing; nothing is added from then."""
    peer = join(version)
    names = [f"{topic}/{index}" for index in range(6)]
    peer.subscribe(*names, qos=1)
    peer.unsubscribe(names[1], "absent", names[3], names[1], "a/#/b", expect=[0, 0x11, 0, 0x11, 0x8F]
                     ) if version == V5 else peer.unsubscribe(names[1], "absent", names[3], names[1])
    for name in names:
        peer.publish(name, qos=1)
    assert [one.topic for one in peer.messages(4)] == [names[index] for index in (0, 2, 4, 5)]
    peer.unsubscribe("absent", expect=[0x11])
    peer.quiet()


@pytest.mark.mqtt("MQTT-3.10.4-1", "3.1.1:MQTT-3.10.4-1")
def test_unsubscribe_compares_character_by_character(join, version, topic):
    """It neither matches by wildcards nor normalises."""
    peer = join(version)
    kept = [topic + "/+", topic + "/a", topic + "/\u00e9"]
    peer.subscribe(*kept)
    peer.unsubscribe(topic + "/#", topic + "/A", topic + "/a/", topic + "/e\u0301", "+/a", topic, expect=[0x11] * 6)
    for name in ("/a", "/b", "/\u00e9"):
        peer.publish(topic + name)
        peer.message(topic + name)
    peer.unsubscribe(*kept)
    peer.publish(topic + "/a")
    peer.quiet()


@pytest.mark.mqtt("MQTT-3.10.4-3", "3.1.1:MQTT-3.10.4-3")
def test_unsubscribe_completes_what_has_begun(persistent, join, version, topic):
    """An exchange that is open goes on, and what is unacknowledged comes again after a reconnect."""
    peer = persistent(version, topic)
    peer.subscribe(topic, qos=2)
    sender = join(version)
    for qos in (1, 2, 2):
        sender.publish(topic, b"%d" % qos, qos=qos)
    first, second, third = peer.messages(3, acknowledge=False)
    peer.unsubscribe(topic)
    sender.publish(topic, b"late", qos=1)
    peer.receive(second.identifier)
    peer.answer(PUBCOMP, second.identifier).quiet()
    peer.close()
    peer = persistent(version, topic)
    again = peer.messages(2, dup=True)
    assert [one.identifier for one in again] == [first.identifier, third.identifier]
    peer.publish(topic, b"later", qos=1)
    peer.quiet()


@pytest.mark.mqtt("MQTT-3.2.2-10")
def test_every_qos_may_be_asked_for(join, version, topic):
    peer = join(version)
    peer.send(subscribe(version, 1, [(topic + str(qos), qos) for qos in range(3)]))
    assert all(code <= qos for qos, code in enumerate(peer.expect(SUBACK).codes))


def test_all_subscription_options_together(join, topic):
    """Every combination that MQTT 5 has is granted."""
    peer = join(V5)
    entries = [(f"{topic}/{qos}{local}{published}{handling}", options(qos, local, published, handling))
               for qos in range(3) for local in (0, 1) for published in (0, 1) for handling in range(3)]
    peer.subscribe(*entries)
    peer.unsubscribe(*[name for name, _ in entries])


def test_user_properties_of_subscribe_are_no_error(join, topic):
    peer = join(V5)
    peer.subscribe(topic, user_property=[("a", "b"), ("a", "c")])
    peer.publish(topic, qos=1)
    assert peer.expect(PUBLISH).topic == topic
    assert peer.send(unsubscribe(V5, 3, [topic], user_property=("a", "b"))).expect(UNSUBACK).codes == [0]


@pytest.mark.mqtt("MQTT-3.9.3-2", "3.1.1:MQTT-3.9.3-2")
def test_a_thousand_subscriptions(join, version, topic):
    """A session has room for 1,000, each of which works."""
    peer = join(version)
    names = [f"{topic}/{index}/+" for index in range(1000)]
    for start in range(0, 1000, 100):
        peer.subscribe(*names[start:start + 100])
    peer.subscribe("one/more", expect=[0x97 if version == V5 else 0x80])
    for index in (0, 500, 999):
        peer.publish(f"{topic}/{index}/x")
        peer.message(f"{topic}/{index}/x")
    peer.quiet()
