"""protocol.md §4: `--anonymous`; §1: any other topic is plain MQTT, payload untouched."""
import subprocess

import pytest

from support import rest
from support.hub import binary
from support.mqtt import V5, V311

SUBSCRIBERS = 8


@pytest.fixture
def plain(anonymous_hub, client):
    def make(version=V5, **options):
        return client(anonymous_hub, version=version, tls=options.pop("tls", False), **options)
    return make


@pytest.mark.parametrize("qos", [0, 1])
def test_every_subscriber_gets_every_message(plain, version, qos):
    """Plain QoS 0 and 1 across reactors: nothing lost, doubled or out of order, bytes untouched."""
    topic = rest.unique_name("plain")
    receivers = [plain(version) for _ in range(SUBSCRIBERS)]
    for receiver in receivers:
        receiver.subscribe(topic, qos=qos)
    senders = [plain(version) for _ in range(3)]
    payloads = {sender: [bytes([index, number, 0, 255]) for number in range(100)]
                for index, sender in enumerate(senders)}
    for number in range(100):
        for sender in senders:
            sender.publish_later(topic, payloads[sender][number], qos=qos)
    for receiver in receivers:
        seen = receiver.take(300)
        assert {message.qos for message in seen} == {qos}
        for index, sender in enumerate(senders):
            assert [m.payload for m in seen if m.payload[0] == index] == payloads[sender]
        assert receiver.messages.empty()


@pytest.mark.parametrize("topic_filter, topic, matches", [
    ("a/b", "a/b", True), ("a/b", "a/c", False), ("a/b", "a/b/c", False), ("a/+", "a/b", True), ("a/+", "a", False),
    ("a/+", "a/b/c", False), ("a/+", "a/", True), ("+", "a", True), ("+", "/a", False), ("+/+", "/a", True),
    ("/+", "/a", True), ("a/#", "a", True), ("a/#", "a/b/c", True), ("a/#", "b", False), ("#", "a/b/c", True),
    ("a/+/c", "a/b/c", True), ("a/+/c", "a/b/d", False), ("+/b/#", "a/b", True), ("a//b", "a//b", True),
    ("a/+/b", "a//b", True), ("ä/+", "ä/ö", True), ("a", "A", False)])
def test_filters(plain, topic_filter, topic, matches):
    """Topic filters [MQTT-4.7]: the sentinel shows what didn't come."""
    base = rest.unique_name("f")
    if topic_filter in ("#", "+", "+/+", "/+") or topic_filter.startswith("+"):
        prefix = ""
    else:
        prefix = base + "/"
    receiver, sender = plain(), plain(V311)
    receiver.subscribe(prefix + topic_filter)
    receiver.subscribe(base + "/sentinel-")
    sender.publish(prefix + topic, base)
    sender.publish(base + "/sentinel-", "the end")
    seen = receiver.take_until(lambda message: message.payload == b"the end")
    assert (base.encode() in [message.payload for message in seen]) is matches


@pytest.mark.parametrize("published, subscribed, delivered", [(0, 1, 0), (1, 0, 0), (1, 1, 1), (0, 0, 0)])
def test_delivery_has_the_lower_qos(plain, published, subscribed, delivered):
    """The lower of both QoS [MQTT-3.8.4-8]."""
    topic = rest.unique_name("qos")
    receiver, sender = plain(), plain()
    receiver.subscribe(topic, qos=subscribed)
    sender.publish(topic, "x", qos=published)
    assert receiver.next().qos == delivered


def test_unsubscribe_ends_delivery(plain, version):
    topic = rest.unique_name("topic")
    receiver, sender = plain(version), plain(version)
    receiver.subscribe(topic, topic + "/more")
    receiver.unsubscribe(topic)
    sender.publish(topic, "unwanted")
    sender.publish(topic + "/more", "wanted")
    assert receiver.next().payload == b"wanted"


def test_mqtt5_properties_pass_through(plain):
    """plain MQTT to the letter: user properties in order, content type, response topic, correlation data."""
    topic = rest.unique_name("props")
    receiver, sender = plain(), plain()
    receiver.subscribe(topic)
    sender.publish(topic, "x", ContentType="a/b", ResponseTopic="r/t", CorrelationData=b"\0\1",
                   PayloadFormatIndicator=1, UserProperty=[("b", "2"), ("a", "1"), ("b", "3")])
    held = receiver.next().properties
    assert held.UserProperty == [("b", "2"), ("a", "1"), ("b", "3")]
    assert (held.ContentType, held.ResponseTopic, held.CorrelationData) == ("a/b", "r/t", b"\0\1")


def test_big_payloads(plain, version):
    """A payload larger than any buffer, over TLS, to several subscribers."""
    topic, payload = rest.unique_name("big"), bytes(range(256)) * 2000
    receivers = [plain(version, tls=True) for _ in range(3)]
    for receiver in receivers:
        receiver.subscribe(topic)
    plain(version, tls=True).publish(topic, payload)
    for receiver in receivers:
        assert receiver.next().payload == payload


def test_chat_topics_stay_closed(plain, version):
    """every plain topic, `#` …: but `inbox`, `direct`, `group`, `presence` are opened only by their rules."""
    guest = plain(version)
    guest.subscribe("inbox/1", "direct/1/2", "group/1", "#", expect=[*[0x87 if version == V5 else 0x80] * 3, 1])
    if version == V5:
        guest.publish("group/1", "x", expect=0x87)


def test_users_still_log_in(anonymous_hub, client):
    """--anonymous adds a door; tokens work as ever."""
    user = rest.sign_up(anonymous_hub)
    client(anonymous_hub, user).subscribe(user.inbox)


def test_anonymous_is_for_loopback_only(tmp_path):
    """loopback listeners only unless `--anonymous=force`."""
    command = [binary(), "serve", "--anonymous", "--data", str(tmp_path / "data"), "--bind", "0.0.0.0", "--mqtt", "0",
               "--mqtts", "off", "--https", "off", "--ops", "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode in (1, 64) and "anonymous" in done.stderr
