"""Retained messages."""
import time

import pytest

from conformance.protocol import V3, V5


@pytest.mark.mqtt("MQTT-3.3.1-5", "MQTT-3.3.1-9", "3.1.1:MQTT-3.3.1-5", "3.1.1:MQTT-3.3.1-6", "3.1.1:MQTT-3.3.1-8")
@pytest.mark.parametrize("granted", [0, 1, 2])
@pytest.mark.parametrize("published", [0, 1, 2])
def test_a_retained_message_meets_new_subscriptions(join, version, topic, published, granted):
    """With RETAIN set and the lower QoS, once for each subscription; the last one of the topic counts."""
    sender, listener = join(version), join(version)
    for payload in (b"old", b"new"):
        sender.publish(topic, payload, qos=published, retain=True)
    sender.quiet()
    for _ in range(2):
        listener.subscribe(topic, qos=granted)
        listener.message(topic, b"new", qos=min(published, granted), retain=True, dup=False)
        listener.quiet()
        listener.unsubscribe(topic)
    sender.publish(topic, b"", retain=True)


@pytest.mark.mqtt("MQTT-3.3.1-6", "MQTT-3.3.1-7", "3.1.1:MQTT-3.3.1-10", "3.1.1:MQTT-3.3.1-11")
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_an_empty_payload_removes_it(join, version, topic, qos):
    """Subscribers get it as any other message; there is nothing left to retain, neither this nor the older one."""
    sender, present = join(version), join(version)
    sender.publish(topic, b"kept", qos=1, retain=True)
    present.subscribe(topic, qos=1)
    present.message(topic, b"kept", retain=True)
    sender.publish(topic, b"", qos=qos, retain=True)
    present.message(topic, b"", retain=False, qos=min(qos, 1))
    later = join(version)
    later.subscribe(topic, qos=1)
    sender.publish(topic, b"live", qos=1)
    later.message(topic, b"live", retain=False)
    present.message(topic, b"live")


@pytest.mark.mqtt("MQTT-3.3.1-8", "3.1.1:MQTT-3.3.1-12")
def test_other_messages_leave_it_alone(join, version, topic):
    """Without RETAIN nothing is stored, replaced or removed, also by an empty payload."""
    sender = join(version)
    sender.publish(topic, b"never", qos=1)
    first = join(version)
    first.subscribe(topic)
    first.quiet()
    sender.publish(topic, b"kept", qos=1, retain=True)
    for payload in (b"passing", b""):
        sender.publish(topic, payload, qos=1)
    later = join(version)
    later.subscribe(topic)
    later.message(topic, b"kept", retain=True)
    later.quiet()
    sender.publish(topic, b"", retain=True)


@pytest.mark.mqtt("3.1.1:MQTT-3.3.1-7", "MQTT-3.3.1-5")
def test_qos_0_replaces_a_retained_message_of_qos_1(join, version, topic):
    sender = join(version)
    sender.publish(topic, b"one", qos=1, retain=True)
    sender.publish(topic, b"zero", qos=0, retain=True)
    sender.quiet()
    later = join(version)
    later.subscribe(topic, qos=1)
    later.message(topic, b"zero", retain=True, qos=0)
    sender.publish(topic, b"", retain=True)


@pytest.mark.mqtt("MQTT-3.3.1-12", "3.1.1:MQTT-3.3.1-9")
def test_an_established_subscription_sees_no_retain_flag(join, version, topic):
    listener, sender = join(version), join(version)
    listener.subscribe(topic, qos=1)
    for payload in (b"kept", b""):
        sender.publish(topic, payload, qos=1, retain=True)
        listener.message(topic, payload, retain=False)


@pytest.mark.mqtt("MQTT-3.3.1-13", "MQTT-3.3.1-12")
def test_retain_as_published(join, topic):
    """The flag of the publisher, either way; with overlapping subscriptions any of theirs will do."""
    listener, plain, sender = join(V5), join(V5), join(V5)
    listener.subscribe(topic, qos=1, retain_as_published=True)
    plain.subscribe(topic, qos=1)
    for retain in (True, False):
        sender.publish(topic, b"x", qos=1, retain=retain)
        listener.message(topic, retain=retain)
        plain.message(topic, retain=False)
    sender.publish(topic, b"", retain=True)


@pytest.mark.mqtt("MQTT-3.3.1-9", "MQTT-3.3.1-10", "MQTT-3.3.1-11", "MQTT-3.8.4-4")
def test_retain_handling(join, topic):
    """0: at each SUBSCRIBE; 1: only when the subscription is new; 2: never."""
    sender = join(V5)
    sender.publish(topic, b"kept", qos=1, retain=True)
    peer, known = join(V5), False
    for handling, new, comes in ((2, True, False), (1, False, False), (0, False, True), (0, False, True),
                                 (1, False, False), (1, True, True), (2, True, False), (0, True, True)):
        if new:
            peer.unsubscribe(topic, expect=[0 if known else 0x11])
        peer.subscribe(topic, qos=1, retain_handling=handling)
        known = True
        if comes:
            peer.message(topic, b"kept", retain=True)
        peer.quiet()
    sender.publish(topic, b"", retain=True)


@pytest.mark.mqtt("3.1.1:MQTT-3.8.4-3", "MQTT-3.8.4-4")
def test_subscribing_again_sends_it_again(join, version, topic):
    join(version).publish(topic, b"kept", qos=1, retain=True)
    peer = join(version)
    for _ in range(3):
        peer.subscribe(topic + "/#", qos=1)
        peer.message(topic, b"kept", retain=True)
    peer.publish(topic, b"", retain=True)
    peer.message(topic, b"", retain=False)
    peer.quiet()


@pytest.mark.mqtt("3.1.1:MQTT-3.1.2.7")
def test_it_outlives_the_session_that_published_it(join, persistent, version, topic):
    sender = join(version, client_id=topic)
    sender.publish(topic, b"kept", qos=1, retain=True)
    sender.disconnect()
    persistent(version, topic).disconnect()
    join(version, client_id=topic).disconnect()
    later = join(version)
    later.subscribe(topic)
    later.message(topic, b"kept", retain=True)
    later.publish(topic, b"", retain=True)


@pytest.mark.mqtt("MQTT-3.3.1-9", "3.1.1:MQTT-3.3.1-6")
def test_wildcards_find_all_of_them(join, version, topic):
    """Each matching topic has one; a filter of several levels finds its parent, too."""
    sender = join(version)
    names = [topic, topic + "/a", topic + "/a/b", topic + "/b", topic + "//", topic + "x"]
    for name in names:
        sender.publish(name, name.encode(), qos=1, retain=True)
    for suffix, found in (("/#", names[:5]), ("/+", [names[1], names[3]]), ("/+/+", [names[2], names[4]]),
                          ("/+/b", [names[2]])):
        peer = join(version)
        peer.subscribe(topic + suffix, qos=1)
        assert sorted(one.topic for one in peer.messages(len(found), retain=True)) == sorted(found)
        peer.quiet()
    for name in names:
        sender.publish(name, b"", qos=1, retain=True)


@pytest.mark.mqtt("MQTT-3.3.4-3", "MQTT-3.3.2-17", "MQTT-3.3.2-18")
def test_it_keeps_its_properties(join, topic):
    """And bears the identifier of the subscription that asks for it."""
    values = {"content_type": "x", "user_property": [("b", "1"), ("a", "2"), ("b", "0")], "response_topic": "r",
              "correlation_data": b"\0", "payload_format": 1}
    peer = join(V5)
    peer.publish(topic, b"kept", qos=1, retain=True, **values)
    peer.subscribe(topic, subscription_identifier=9)
    assert peer.message(topic, retain=True).properties == {**values, "subscription_identifier": [9]}
    peer.publish(topic, b"", retain=True)


@pytest.mark.mqtt("MQTT-3.3.2-5", "MQTT-3.3.2-6")
def test_it_expires(join, topic):
    """3.3.1.3: then there is none; before that, its time is taken off for each who asks."""
    sender = join(V5)
    sender.publish(topic + "/short", b"gone", qos=1, retain=True, message_expiry=1)
    sender.publish(topic + "/long", b"kept", qos=1, retain=True, message_expiry=60)
    time.sleep(2.1)
    peer = join(V5)
    peer.subscribe(topic + "/#")
    found = peer.message(topic + "/long", b"kept", retain=True)
    assert 55 <= found.properties["message_expiry"] <= 58
    peer.quiet()
    sender.publish(topic + "/long", b"", retain=True)


def test_the_clients_receive_maximum_holds_for_retained_messages(join, topic):
    """[MQTT-3.3.4-9] with many of them at once, and none is lost."""
    peer = join(V5, receive_maximum=3)
    names = [f"{topic}/{index}" for index in range(20)]
    for name in names:
        peer.publish(name, b"kept", qos=1, retain=True)
    peer.subscribe(topic + "/+", qos=1)
    first = peer.messages(3, acknowledge=False)
    peer.quiet()
    for one in first:
        peer.acknowledge(one)
    assert sorted(one.topic for one in first + peer.messages(17, retain=True)) == sorted(names)
    for name in names:
        peer.publish(name, b"", qos=0, retain=True)


def test_between_the_versions(join, topic):
    old, new = join(V3), join(V5)
    for sender, listener in ((old, new), (new, old)):
        sender.publish(topic, b"kept", qos=2, retain=True)
        listener.subscribe(topic, qos=2)
        listener.message(topic, b"kept", qos=2, retain=True)
        listener.unsubscribe(topic)
        sender.publish(topic, b"", qos=1, retain=True)
