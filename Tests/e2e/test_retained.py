"""protocol.md §1: any other topic is plain MQTT to the letter; §3.1: PUBACK means committed. Here: retained messages."""
import os
import signal
import time

import paho.mqtt.client as paho
import pytest
from paho.mqtt.packettypes import PacketTypes

from support import rest
from support.mqtt import V5, V311, properties
from support.waiting import DEADLINE_SECONDS


@pytest.fixture
def plain(anonymous_hub, client):
    def make(version=V5, **options):
        return client(anonymous_hub, version=version, tls=options.pop("tls", False), **options)
    return make


def subscribe_with(client, topic_filter, identifier=None, **options):
    """SUBSCRIBE of MQTT 5 with options; returns when SUBACK is here."""
    props = properties(PacketTypes.SUBSCRIBE, SubscriptionIdentifier=identifier) if identifier else None
    result, mid = client.paho.subscribe([(topic_filter, paho.SubscribeOptions(**options))], properties=props)
    assert result == paho.MQTT_ERR_SUCCESS
    codes, _ = client._await(client._subscribed[mid], "SUBACK")
    assert [code.value for code in codes] == [options.get("qos", 0)]


def expect_nothing(*clients):
    """A message to itself comes alone: nothing else was on its way."""
    for client in clients:
        end = rest.unique_name("end")
        client.subscribe(end)
        client.publish(end, "end")
        message = client.next()
        assert (message.topic, message.retain) == (end, False), f"{message.topic}: {message.payload}"


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_the_last_one_is_kept(plain, version, qos):
    """The server stores the message and gives it to future subscribers [MQTT-3.3.1-5]; it comes with the flag
    [MQTT-3.3.1-8], and to those who have subscribed already without [MQTT-3.3.1-9]."""
    topic = rest.unique_name("kept")
    writer, early = plain(version), plain(version)
    early.subscribe(topic)
    for number in range(3):
        writer.publish(topic, f"value {number}", qos=qos, retain=True)
    assert [(m.payload, m.retain) for m in early.take(3)] == [(f"value {n}".encode(), False) for n in range(3)]
    late = plain(version)
    late.subscribe(topic, qos=2)
    message = late.next()
    assert (message.payload, message.retain, message.qos) == (b"value 2", True, qos)
    writer.publish(topic, "not kept", qos=qos)
    assert late.next().payload == b"not kept"
    again = plain(version)
    again.subscribe(topic)
    assert again.next().payload == b"value 2"
    expect_nothing(late, again)


def test_an_empty_payload_clears(plain, version):
    """[MQTT-3.3.1-6] [MQTT-3.3.1-7]: it is delivered, removes what is kept, and is not kept itself."""
    topic = rest.unique_name("clear")
    writer, reader = plain(version), plain(version)
    writer.publish(topic, "x", retain=True)
    reader.subscribe(topic)
    assert reader.next().payload == b"x"
    writer.publish(topic, b"", retain=True)
    message = reader.next()
    assert (message.payload, message.retain) == (b"", False)
    late = plain(version)
    late.subscribe(topic)
    expect_nothing(late)


@pytest.mark.parametrize("published, subscribed, delivered", [(0, 1, 0), (1, 0, 0), (1, 1, 1), (2, 1, 1), (2, 2, 2)])
def test_it_has_the_lower_qos(plain, published, subscribed, delivered):
    topic = rest.unique_name("qos")
    plain().publish(topic, "x", qos=published, retain=True)
    reader = plain()
    reader.subscribe(topic, qos=subscribed)
    assert reader.next().qos == delivered


@pytest.mark.parametrize("topic_filter, names", [
    ("#", ["", "/a", "/a/b", "/a/b/c", "/a/ü", "/b"]), ("+", ["/a", "/b"]), ("+/+", ["/a/b", "/a/ü"]),
    ("a/#", ["/a", "/a/b", "/a/b/c", "/a/ü"]), ("a/+", ["/a/b", "/a/ü"]), ("a/+/c", ["/a/b/c"]), ("c/#", [])])
def test_wildcards(plain, version, topic_filter, names):
    base = rest.unique_name("wild")
    writer, reader = plain(version), plain(version)
    for name in ["", "/a", "/a/b", "/a/b/c", "/a/ü", "/b"]:
        writer.publish(base + name, name or "none", retain=True)
    reader.subscribe(f"{base}/{topic_filter}")
    assert {m.topic for m in reader.take(len(names))} == {base + name for name in names}
    expect_nothing(reader)


def test_first_level_wildcards(make_hub, client):
    """`#` finds everything that is kept."""
    hub = make_hub("--anonymous", "--reactors", "2").start()
    writer = client(hub, tls=False)
    for topic in ("a", "b/c", "/d"):
        writer.publish(topic, "x", retain=True)
    for topic_filter, topics in [("#", {"a", "b/c", "/d"}), ("+", {"a"}), ("+/+", {"b/c", "/d"}), ("/#", {"/d"})]:
        reader = client(hub, tls=False)
        reader.subscribe(topic_filter)
        assert {m.topic for m in reader.take(len(topics))} == topics
        expect_nothing(reader)
    hub.stop()


def test_every_subscribe_brings_them_again(plain):
    """3.1.1: a SUBSCRIBE with the same filter sends them again [MQTT-3.8.4-3]."""
    topic = rest.unique_name("again")
    reader = plain(V311)
    plain(V311).publish(topic, "x", retain=True)
    for _ in range(3):
        reader.subscribe(topic)
        assert reader.next().retain
    expect_nothing(reader)


def test_retain_handling(plain):
    """[MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11]: 0 always, 1 only where there was no subscription, 2 never."""
    topic = rest.unique_name("handling")
    reader = plain()
    plain().publish(topic, "x", retain=True)
    for handling, count in [(2, 0), (1, 0), (0, 1), (1, 0), (0, 1)]:
        subscribe_with(reader, topic, qos=1, retainHandling=handling)
        reader.take(count)
        expect_nothing(reader)
    reader.unsubscribe(topic)
    subscribe_with(reader, topic, qos=1, retainHandling=1)
    assert reader.next().retain
    expect_nothing(reader)


def test_retain_as_published(plain):
    """[MQTT-3.3.1-12] [MQTT-3.3.1-13]: the flag of live messages is for those who ask for it."""
    topic = rest.unique_name("rap")
    asking, other, writer = plain(), plain(), plain()
    subscribe_with(asking, topic, qos=1, retainAsPublished=True)
    subscribe_with(other, topic, qos=1)
    for retain in (True, False):
        writer.publish(topic, "x", retain=retain)
        assert asking.next().retain is retain
        assert other.next().retain is False


def test_what_comes_with_it(plain):
    """All properties in their order, and the identifier of the SUBSCRIBE."""
    topic = rest.unique_name("props")
    plain().publish(topic, "x", retain=True, ContentType="a/b", ResponseTopic="r/t", CorrelationData=b"\0\1",
                    PayloadFormatIndicator=1, UserProperty=[("b", "2"), ("a", "1"), ("b", "3")])
    reader = plain()
    subscribe_with(reader, topic, identifier=17, qos=1)
    held = reader.next().properties
    assert held.UserProperty == [("b", "2"), ("a", "1"), ("b", "3")]
    assert (held.ContentType, held.ResponseTopic, held.CorrelationData) == ("a/b", "r/t", b"\0\1")
    assert held.PayloadFormatIndicator == 1 and held.SubscriptionIdentifier == [17]
    assert not hasattr(held, "MessageExpiryInterval")


def test_expiry(plain):
    """[MQTT-3.3.2-5] [MQTT-3.3.2-6]: what is left is told, and when nothing is left it is not sent."""
    base = rest.unique_name("expiry")
    writer, reader = plain(), plain()
    writer.publish(base + "/long", "x", retain=True, MessageExpiryInterval=1000)
    published = time.monotonic()
    writer.publish(base + "/short", "x", retain=True, MessageExpiryInterval=1)
    while time.monotonic() < published + 2.1:  # there is no event to wait for but the clock's
        writer.publish(base + "/tick", "x", qos=1)
    reader.subscribe(base + "/+")
    message = reader.next()
    assert message.topic == base + "/long"
    assert 980 <= message.properties.MessageExpiryInterval <= 998
    expect_nothing(reader)


def test_connack_offers_it(plain):
    """No Retain Available 0 any more."""
    reader = plain(connect=False)
    assert getattr(reader.connect().properties, "RetainAvailable", 1) == 1


def test_a_session_that_comes_back_gets_none(plain, version):
    """Retained messages come at SUBSCRIBE, not at CONNECT."""
    topic = rest.unique_name("back")
    plain(version).publish(topic, "x", retain=True)
    session = {"client_id": rest.unique_name("session"), "clean": False, "expiry": 100}
    first = plain(version, **session)
    first.subscribe(topic)
    assert first.next().retain
    first.disconnect()
    back = plain(version, **session)
    assert back.session_present
    expect_nothing(back)


def test_only_what_may_be_received(anonymous_hub, client):
    """A token without `acl` has chat topics only; on them the flag means nothing."""
    first, second = rest.friends(anonymous_hub)
    client(anonymous_hub).publish(rest.unique_name("open"), "x", retain=True)
    reader, writer = client(anonymous_hub, second), client(anonymous_hub, first)
    reader.subscribe("#")
    topic = first.direct_topic(second)
    writer.publish(topic, "hello", retain=True)
    message = reader.next()
    assert (message.topic, message.retain) == (topic, False)
    again = client(anonymous_hub, second)
    again.subscribe(topic)
    writer.publish(topic, "live")
    assert b"live" in again.next().payload


def test_the_newest_wins(plain):
    """Who has PUBACK, or has just published at QoS 0 itself, and subscribes then, gets exactly that."""
    topic = rest.unique_name("newest")
    writer, reader = plain(), plain()
    for number in range(100):
        writer.publish(topic, f"{number}", retain=True)
        reader.subscribe(topic)
        message = reader.next_where(lambda m: m.retain)
        assert message.payload == b"%d" % number
        reader.unsubscribe(topic)
        writer.publish_later(topic, f"zero {number}", qos=0, retain=True)
        writer.subscribe(topic)
        message = writer.next_where(lambda m: m.retain)
        assert message.payload == b"zero %d" % number
        writer.unsubscribe(topic)


def test_values_never_go_back(plain):
    """A retained delivery is never older than what this connection has seen of the topic."""
    topic = rest.unique_name("forward")
    writer, reader = plain(), plain()
    writer.publish(topic, "0", retain=True)
    reader.subscribe(topic)
    last = int(reader.next().payload)
    for number in range(1, 301):
        writer.publish_later(topic, str(number), qos=1, retain=True)
        if number % 10 == 0:
            reader.paho.subscribe(topic, qos=1)
    while last < 300:
        message = reader.next()
        if message.retain:
            assert int(message.payload) >= last
        last = max(last, int(message.payload))


MANY = 5_000


def test_five_thousand(make_hub, client, version):
    """One subscriber gets them all, at its own pace, while others go on as ever; a restart keeps them."""
    hub = make_hub("--anonymous", "--reactors", "1").start()
    writer = client(hub, version=version, tls=False)
    expected = {f"many/{n % 50}/{n}": b"%d" % n for n in range(MANY)}
    pending = [writer.publish_later(topic, payload, retain=True) for topic, payload in expected.items()]
    for mid in pending:
        writer.await_ack(mid)
    hub.stop()
    hub.restart()
    readers = [client(hub, version=version, tls=False) for _ in range(3)]
    other = client(hub, version=version, tls=False)
    other.subscribe("ping")
    longest = 0.0
    for qos, reader in enumerate(readers):
        reader.subscribe("many/#", qos=qos)
    while any(reader.messages.qsize() < MANY for reader in readers):
        begun = time.monotonic()
        other.publish("ping", "x")
        other.next(seconds=DEADLINE_SECONDS)
        longest = max(longest, time.monotonic() - begun)
    for qos, reader in enumerate(readers):
        messages = reader.take(MANY)
        assert {m.topic: m.payload for m in messages} == expected
        assert all(m.retain and m.qos == min(qos, 1) for m in messages)
        expect_nothing(reader)
    # paho's own threads take their share of the same cores.
    assert longest < 1.0, f"a message took {longest:.2f} s"
    hub.stop()


def kill_hub(hub):
    hub.kill()


def kill_both(hub):
    os.kill(hub.postgres_pid(), signal.SIGKILL)
    hub.kill()


@pytest.mark.parametrize("crash", [kill_hub, kill_both])
def test_puback_survives_a_crash(make_hub, client, crash):
    """guarantee 1: PUBACK means committed in PostgreSQL."""
    hub = make_hub("--anonymous").start()
    for number in range(3):
        writer = client(hub, tls=False)
        for topic in range(50):
            writer.publish_later(f"crash/{topic}", f"{number}", retain=True)
        writer.publish("crash/last", f"{number}", retain=True)
        writer.publish("crash/cleared", "x" if number == 0 else b"", retain=True)
        crash(hub)
        hub.restart()
        reader = client(hub, tls=False)
        reader.subscribe("crash/#")
        messages = reader.take(51 if number else 52)
        kept = {m.topic: m.payload for m in messages}
        assert kept["crash/last"] == b"%d" % number and ("crash/cleared" in kept) == (number == 0)
        assert all(kept[f"crash/{topic}"] == b"%d" % number for topic in range(50))
        expect_nothing(reader)
    hub.stop()


def test_without_the_database(make_hub, client, cluster):
    """What can't be stored is not acknowledged; who subscribes meanwhile gets everything when it is back."""
    hub = make_hub("--anonymous", "--reactors", "2", database=cluster.url).start()
    writer, reader = client(hub, tls=False), client(hub, tls=False)
    writer.publish("away/a", "1", retain=True)
    cluster.stop()
    pending = writer.publish_later("away/a", "2", retain=True)
    writer.publish_later("away/b", "2", qos=0, retain=True)
    # Its answer shows that the hub has the messages before it.
    writer.unsubscribe("never/subscribed")
    reader.subscribe("away/#")
    expect_nothing(reader)
    cluster.start()
    assert writer.await_ack(pending).code == 0
    assert {m.topic: m.payload for m in reader.take(2)} == {"away/a": b"2", "away/b": b"2"}
    hub.stop()
