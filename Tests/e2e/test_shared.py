"""Shared subscriptions (MQTT 5 §4.8.2) on plain topics: each message goes to one member of the group."""
import collections
import subprocess
import threading

import paho.mqtt.client as paho
import pytest
from paho.mqtt.packettypes import PacketTypes

from support import rest, wire
from support.hub import Hub
from support.mqtt import V5, V311, Client, collect, properties, unique_name
from support.waiting import DEADLINE_SECONDS, eventually

PUBREC, UNSUBSCRIBE, UNSUBACK = 5, 10, 11
SHARED_SUBSCRIPTIONS_NOT_SUPPORTED = 0x9E


@pytest.fixture(scope="module", params=["1", "3"])
def shared_hub(request):
    """One and several reactors: members, publisher and the group's home are on the same or on different ones."""
    hub = Hub("--anonymous", "--reactors", request.param)
    try:
        yield hub.start()
        hub.stop()
    finally:
        hub.discard()


@pytest.fixture
def plain(shared_hub, client):
    def make(version=V5, **options):
        return client(shared_hub, version=version, tls=False, **options)
    return make


def group(topic_filter):
    return f"$share/{unique_name('g')}/{topic_filter}"


def unsubscribe(topic_filter):
    return wire.packet(UNSUBSCRIBE, b"\0\1\0" + wire.text(topic_filter), flags=2)


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_each_message_goes_to_one_member(plain, version, qos):
    """Every message to one and only one of the sessions that subscribe; equal members get equal shares."""
    topic = rest.unique_name("work")
    members = [plain(version) for _ in range(4)]
    everybody = plain(version)
    shared = group(f"{topic}/+")
    for member in members:
        member.subscribe(shared, qos=qos)
    everybody.subscribe(f"{topic}/#", qos=qos)
    senders = [plain(version) for _ in range(2)]
    for number in range(100):
        for index, sender in enumerate(senders):
            sender.publish_later(f"{topic}/x", f"{index} {number}", qos=qos)
    expected = collections.Counter(f"{index} {number}".encode() for index in range(2) for number in range(100))
    assert collections.Counter(message.payload for message in everybody.take(200)) == expected
    got = collect(members, 200)
    assert collections.Counter(m.payload for messages in got.values() for m in messages) == expected
    assert {m.qos for messages in got.values() for m in messages} == {qos}
    mean = 200 / len(members)
    assert all(0.5 * mean <= len(messages) <= 1.5 * mean for messages in got.values())


def test_groups_are_independent(plain):
    """Each shared subscription gets its own copy, as does each session that subscribes without it."""
    topic = rest.unique_name("work")
    one, other, sender = plain(), plain(V311), plain()
    filters = [group(topic), group(topic), group("#")]
    one.subscribe(*filters, topic)
    other.subscribe(filters[0])
    for number in range(10):
        sender.publish(topic, str(number))
    got = collect([one, other], 40)
    payloads = collections.Counter(m.payload for messages in got.values() for m in messages if m.topic == topic)
    assert set(payloads.values()) == {4} and len(payloads) == 10
    assert len(got[other]) == 5


def test_a_member_that_does_not_acknowledge_blocks_nobody(plain, shared_hub):
    """skips who is full: a client without acknowledgements keeps only its receive maximum."""
    topic = rest.unique_name("work")
    shared = group(topic)
    with wire.Wire(shared_hub) as stuck:
        # Receive maximum 3.
        stuck.send(wire.connect(client_id=unique_name("stuck"), properties=b"\x21\0\3"))
        assert stuck.expect(wire.CONNACK)[1] == 0
        stuck.send(wire.subscribe(shared, qos=1)).expect(wire.SUBACK)
        worker, sender = plain(), plain()
        worker.subscribe(shared)
        for number in range(50):
            sender.publish(topic, f"{number:02}")
        held = {stuck.expect(wire.PUBLISH)[-2:] for _ in range(3)}
        done = {message.payload for message in worker.take(47)}
        assert held | done == {f"{number:02}".encode() for number in range(50)}
    assert {message.payload for message in worker.take(3)} == held


@pytest.mark.parametrize("qos", [1, 2])
def test_a_killed_member(shared_hub, plain, qos):
    """What it did not acknowledge goes to others, in order; at QoS 2 to nobody [MQTT-4.8.2-5]."""
    topic, barrier = rest.unique_name("work"), rest.unique_name("barrier")
    shared, shared_barrier = group(topic), group(barrier)
    survivor, sender = plain(), plain()
    with wire.Wire(shared_hub) as killed:
        killed.send(wire.connect(client_id=unique_name("killed"))).expect(wire.CONNACK)
        killed.send(wire.subscribe(shared, qos=qos)).expect(wire.SUBACK)
        killed.send(wire.subscribe(shared_barrier, qos=1)).expect(wire.SUBACK)
        for number in range(10):
            sender.publish(topic, f"lost {number}", qos=qos)
        assert [killed.expect(wire.PUBLISH)[-6:] for _ in range(10)] == [f"lost {n}".encode() for n in range(10)]
        sender.publish(barrier, "it has ended")
        killed.expect(wire.PUBLISH)
        survivor.subscribe(shared, qos=qos)
        survivor.subscribe(shared_barrier)
    # The hub has noticed when this comes back.
    before = survivor.take_until(lambda message: message.topic == barrier)[:-1]
    for number in range(10):
        sender.publish(topic, f"new {number}", qos=qos)
    seen = [m.payload for m in before + survivor.take((10 if qos == 1 else 0) + 10 - len(before))]
    assert [payload for payload in seen if payload.startswith(b"lost")] == (
        [f"lost {number}".encode() for number in range(10)] if qos == 1 else [])
    assert sorted(payload for payload in seen if payload.startswith(b"new")) == [
        f"new {number}".encode() for number in range(10)]
    assert survivor.messages.empty()


@pytest.mark.parametrize("qos, answer", [(1, wire.PUBACK), (2, PUBREC)])
def test_a_refused_message_goes_to_nobody_else(shared_hub, plain, qos, answer):
    """a PUBACK or PUBREC of 0x80 or greater: the message is discarded [MQTT-4.8.2-6]."""
    topic = rest.unique_name("work")
    shared = group(topic)
    other, sender = plain(), plain()
    with wire.Wire(shared_hub) as refuser:
        refuser.send(wire.connect(client_id=unique_name("refuser"))).expect(wire.CONNACK)
        refuser.send(wire.subscribe(shared, qos=qos)).expect(wire.SUBACK)
        sender.publish(topic, "unwanted", qos=qos)
        body = refuser.expect(wire.PUBLISH)
        identifier = body[2 + len(topic):4 + len(topic)]
        other.subscribe(shared, qos=qos)
        refuser.send(wire.packet(answer, identifier + b"\x83"))
        refuser.send(unsubscribe(shared)).expect(UNSUBACK)
    sender.publish(topic, "wanted", qos=qos)
    sender.publish(topic, "also wanted", qos=qos)
    assert {message.payload for message in other.take(2)} == {b"wanted", b"also wanted"}


def test_workers_that_come_and_go(shared_hub, plain):
    """Nothing is lost and nothing acknowledged twice while a member remains, whoever joins and leaves."""
    topic = rest.unique_name("work")
    shared = group(topic)
    steady, sender = plain(), plain(V311)
    steady.subscribe(shared)
    seen, over = [], threading.Event()

    def work():
        while not over.is_set():
            # The fixture is for one thread.
            passing = Client(shared_hub, tls=False)
            passing.connect()
            passing.subscribe(shared)
            try:
                seen.append(passing.next(1).payload)
            except AssertionError:
                pass
            passing.unsubscribe(shared)
            passing.disconnect()
            while not passing.messages.empty():
                seen.append(passing.messages.get().payload)
    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    mids = [sender.publish_later(topic, str(number)) for number in range(500)]
    for mid in mids:
        sender.await_ack(mid)
    over.set()
    for thread in threads:
        thread.join(DEADLINE_SECONDS)
    eventually(lambda: len(seen) + steady.messages.qsize() >= 500, "all messages")
    seen += [steady.next().payload for _ in range(steady.messages.qsize())]
    assert collections.Counter(seen) == collections.Counter(str(number).encode() for number in range(500))


def test_properties_and_retain_as_published(plain):
    """The message's properties, and the identifiers and options of the member's own subscription."""
    topic = rest.unique_name("work")
    member, sender = plain(), plain()
    member.subscribe(group(topic))
    shared = group(topic)
    member.paho.subscribe([(shared, paho.SubscribeOptions(qos=1, retainAsPublished=True))],
                          properties=properties(PacketTypes.SUBSCRIBE, SubscriptionIdentifier=77))
    member.subscribe(rest.unique_name("barrier"))
    sender.publish(topic, "x", ContentType="a/b", UserProperty=[("b", "2"), ("a", "1")])
    first, second = member.take(2)
    for message in first, second:
        assert message.properties.ContentType == "a/b" and message.properties.UserProperty == [("b", "2"), ("a", "1")]
    identifiers = [getattr(message.properties, "SubscriptionIdentifier", []) for message in (first, second)]
    assert sorted(identifiers) == [[], [77]]


def test_a_persistent_member_is_back(plain):
    """A session that is resumed is a member again."""
    topic, name = rest.unique_name("work"), unique_name("persistent")
    shared = group(topic)
    other, sender = plain(), plain()
    other.subscribe(shared)
    for round_number in range(2):
        member = plain(client_id=name, clean=False, expiry=100)
        if round_number == 0:
            member.subscribe(shared)
        assert member.session_present is (round_number == 1)
        for number in range(4):
            sender.publish(topic, str(number))
        assert len(member.take(2)) == len(other.take(2)) == 2
        member.disconnect()
        for number in range(4):
            sender.publish(topic, "while away")
        assert {message.payload for message in other.take(4)} == {b"while away"}


def test_reserved_topics_have_no_shares(hub, pair, client, version):
    """`$share` on reserved topics is refused (0x9E; 3.1.1 0x80)."""
    member = client(hub, pair[0], version=version)
    refused = SHARED_SUBSCRIPTIONS_NOT_SUPPORTED if version == V5 else 0x80
    filters = [f"$share/g/inbox/{pair[0].id}", "$share/g/group/+", "$share/g/direct/#", "$share/g/presence/+"]
    member.subscribe(*filters, expect=[refused] * len(filters))
    # Its token has no plain topics.
    member.subscribe("$share/g/plain", "$share/g/#", expect=[0x87 if version == V5 else 0x80] * 2)


def test_a_share_of_everything_leaves_conversations_out(anonymous_hub, client):
    """Wildcard filters cover plain topics only."""
    topic = rest.unique_name("work")
    member = client(anonymous_hub, tls=False)
    member.subscribe("$share/g/#")
    member.publish(topic, "x")
    assert member.next_where(lambda message: message.topic == topic).payload == b"x"


@pytest.mark.parametrize("version_name", ["5", "311"])
def test_mosquitto_sub(shared_hub, version_name):
    """Programs as they are: mosquitto_sub -t '$share/…'."""
    topic = rest.unique_name("work")
    shared = group(topic)
    command = ["mosquitto_sub", "-h", "127.0.0.1", "-p", str(shared_hub.ports["mqtt"]), "-V", version_name, "-q", "1",
               "-t", shared, "-C", "5"]
    members = [subprocess.Popen(["stdbuf", "-oL", *command, "-d"], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for member in members:
        while not member.stdout.readline().startswith("Subscribed"):
            pass
    for number in range(10):
        subprocess.run(["mosquitto_pub", "-h", "127.0.0.1", "-p", str(shared_hub.ports["mqtt"]), "-q", "1", "-t", topic,
                        "-m", f"job {number}"], check=True, timeout=DEADLINE_SECONDS)
    lines = [line for member in members for line in member.communicate(timeout=DEADLINE_SECONDS)[0].splitlines()]
    assert sorted(line for line in lines if line.startswith("job")) == [f"job {number}" for number in range(10)]
