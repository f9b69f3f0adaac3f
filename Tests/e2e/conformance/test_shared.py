"""Shared subscriptions."""
import pytest

from conformance.peer import gather
from conformance.protocol import PUBACK, PUBCOMP, PUBREC, V3, V5
from support.rest import unique_name


@pytest.fixture
def group():
    return "$share/" + unique_name("group") + "/"


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_each_message_goes_to_one_member(join, version, topic, group, qos):
    """4.8.2: none is lost and none comes twice; every member gets some; who has subscribed for itself gets all."""
    members, other, sender = [join(version) for _ in range(3)], join(version), join(version)
    for member in members:
        member.subscribe(group + topic + "/+", qos=qos)
    other.subscribe(topic + "/#", qos=qos)
    count = 60
    for index in range(count):
        sender.publish(f"{topic}/{index % 7}", b"%d" % index, qos=qos)
    assert [int(one) for one in other.payloads(count)] == list(range(count))
    taken = [[int(one.payload) for one in messages] for messages in gather(members, count)]
    assert sorted(sum(taken, [])) == list(range(count)), taken
    assert all(taken), "a member without any message"


def test_each_group_gets_its_own_copy(join, version, topic, group):
    """Also for two groups of one client, and for its subscription without a group."""
    peer, sender = join(version), join(version)
    peer.subscribe(group + topic, group + topic + "/#", group[:-1] + "x/" + topic, topic, qos=1)
    sender.publish(topic, b"x", qos=1)
    gather([peer], 4)


@pytest.mark.mqtt("MQTT-4.8.2-1", "MQTT-4.8.2-2")
@pytest.mark.parametrize("bad", ["$share", "$share/", "$share//a", "$share/g", "$share/g/", "$share/g+/a",
                                 "$share/g#/a", "$share/+/a", "$share/#", "$share/#/a", "$share/g/a#", "$share/g/#/a"])
def test_malformed_shared_filters(join, bad):
    """Refused by 0x8F; a name needs a character, none of + and #, and a filter after it."""
    peer = join(V5)
    peer.subscribe(bad, "still/good", expect=[0x8F, 0])
    peer.quiet()


@pytest.mark.parametrize("name", ["g", "a group", "$g", "ä", "0"])
def test_share_names(join, topic, name):
    """The filter after the name may begin with a slash, and is an ordinary one."""
    peer = join(V5)
    peer.subscribe(f"$share/{name}//{topic}/+")
    peer.publish(f"/{topic}/x")
    peer.message(f"/{topic}/x")
    peer.publish(f"{topic}/x")
    peer.quiet()


@pytest.mark.mqtt("MQTT-4.8.2-3")
def test_each_member_has_its_own_qos(join, topic, group):
    """The one that was granted to it is the most that it gets."""
    members = [join(V5) for _ in range(3)]
    for qos, member in enumerate(members):
        member.subscribe(group + topic, qos=qos)
    sender = join(V5)
    for _ in range(30):
        sender.publish(topic, qos=2)
    for qos, messages in enumerate(gather(members, 30)):
        assert {one.qos for one in messages} <= {qos}


@pytest.mark.mqtt("MQTT-3.8.4-3")
def test_subscribing_twice_counts_once(join, topic, group):
    """And so does UNSUBSCRIBE, by the whole filter."""
    peer, sender = join(V5), join(V5)
    for qos in (0, 1):
        peer.subscribe(group + topic, qos=qos)
    sender.publish(topic, qos=2)
    peer.message(topic, qos=1)
    peer.unsubscribe(topic, expect=[0x11])
    sender.publish(topic)
    peer.message(topic)
    peer.unsubscribe(group + topic)
    sender.publish(topic, qos=1)
    peer.quiet()


def test_a_member_that_leaves(join, topic, group):
    """By UNSUBSCRIBE, DISCONNECT or the end of its session: the others get everything."""
    stays, leaves, ends, sender = (join(V5) for _ in range(4))
    for member in (stays, leaves, ends):
        member.subscribe(group + topic, qos=1)
    leaves.unsubscribe(group + topic)
    ends.disconnect()
    for index in range(10):
        sender.publish(topic, b"%d" % index, qos=1)
    assert stays.payloads(10) == [b"%d" % index for index in range(10)]
    leaves.quiet()


def test_no_retained_messages(join, topic, group):
    """4.8.2: a shared subscription gets none when it is made."""
    peer = join(V5)
    peer.publish(topic, b"kept", qos=1, retain=True)
    peer.subscribe(group + topic)
    peer.quiet()
    peer.publish(topic, b"", qos=1, retain=True)
    peer.message(topic, b"")


def test_subscription_identifiers_of_members(join, topic, group):
    first, second = join(V5), join(V5)
    first.subscribe(group + topic, subscription_identifier=1)
    second.subscribe(group + topic, subscription_identifier=2)
    sender = join(V5)
    for _ in range(20):
        sender.publish(topic, qos=1)
    for identifier, messages in enumerate(gather([first, second], 20), start=1):
        assert all(one.properties["subscription_identifier"] == [identifier] for one in messages)


@pytest.mark.mqtt("MQTT-4.8.2-4")
def test_a_qos_2_delivery_is_completed_with_its_member(persistent, join, topic, group):
    """What one member has begun to receive is sent again to this one when it is back, and to no other."""
    chosen, sender = persistent(V5, topic), join(V5)
    chosen.subscribe(group + topic, qos=2)
    sender.publish(topic, b"1", qos=2)
    sender.publish(topic, b"2", qos=2)
    first, second = chosen.messages(2, acknowledge=False)
    chosen.receive(first.identifier)
    other = join(V5)
    other.subscribe(group + topic, qos=2)
    chosen.close()
    other.quiet()
    chosen = persistent(V5, topic)
    chosen.expect(6)
    chosen.answer(PUBCOMP, first.identifier)
    chosen.message(topic, b"2", identifier=second.identifier, dup=True)
    chosen.quiet()
    other.quiet()


@pytest.mark.mqtt("MQTT-4.8.2-5")
def test_a_qos_2_delivery_ends_with_the_session(join, topic, group):
    """It isn't sent to another member."""
    chosen, sender = join(V5), join(V5)
    chosen.subscribe(group + topic, qos=2)
    sender.publish(topic, b"begun", qos=2)
    chosen.message(topic, b"begun", acknowledge=False)
    other = join(V5)
    other.subscribe(group + topic, qos=2)
    chosen.disconnect()
    sender.publish(topic, b"next", qos=2)
    other.message(topic, b"next")
    other.quiet()


@pytest.mark.mqtt("MQTT-4.8.2-6")
@pytest.mark.parametrize("qos, kind", [(1, PUBACK), (2, PUBREC)])
def test_a_refused_message_goes_to_nobody_else(join, topic, group, qos, kind):
    chosen, sender = join(V5), join(V5)
    chosen.subscribe(group + topic, qos=qos)
    sender.publish(topic, b"unwanted", qos=qos)
    found = chosen.message(topic, b"unwanted", acknowledge=False)
    other = join(V5)
    other.subscribe(group + topic, qos=qos)
    chosen.answer(kind, found.identifier, code=0x83)
    chosen.quiet()
    chosen.disconnect()
    sender.publish(topic, b"next", qos=qos)
    other.message(topic, b"next")
    other.quiet()


def test_both_versions_in_one_group(join, topic, group):
    old, new, sender = join(V3), join(V5), join(V5)
    for member in (old, new):
        member.subscribe(group + topic, qos=1)
    for index in range(20):
        sender.publish(topic, b"%d" % index, qos=1)
    found = sum(gather([old, new], 20), [])
    assert sorted(int(one.payload) for one in found) == list(range(20))
