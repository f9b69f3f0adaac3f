"""Issue "A running hub", step 2: messages by MQTT 3.1.1 and 5.0 and POST /messages, in the envelope, in history."""
import json

import pytest

from support import envelope, rest
from support.mqtt import V5, V311, has_text, mosquitto_pub, text_of, user_properties


@pytest.fixture(scope="module")
def topic(pair):
    return pair[0].direct_topic(pair[1])


@pytest.mark.parametrize("qos", [0, 1])
def test_published_message_arrives_in_the_envelope(hub, pair, topic, version, qos, client):
    """messages published by MQTT (3.1.1 and 5.0, QoS 0 and 1) arrive at the other in the envelope and are in
    `GET /messages/{user_id}`; the same bytes over MQTT and in REST."""
    first, second = pair
    text = rest.unique_name("said")
    sender, receiver = client(hub, first, version=version), client(hub, second, version=version)
    receiver.subscribe(topic, qos=1)
    sender.publish(topic, text, qos=qos)
    message = receiver.next_where(has_text(text))
    sent = envelope.check(message.payload, type="message", topic=topic, sender=first.id, body={"text": text})
    assert message.topic == topic and message.qos == 1 and not message.retain
    for user, other in ((first, second), (second, first)):
        history = user.history(other)
        assert message.payload in history.body, "REST has other bytes than MQTT"
        assert history.json["items"][-1] == sent


def test_posted_message_arrives_in_the_envelope(hub, pair, topic, version, client):
    """`POST /messages`: 201 Message, `Location`; delivered to the other and to the sender's own sessions."""
    first, second = pair
    receiver, own = client(hub, second, version=version), client(hub, first, version=version)
    receiver.subscribe("direct/#")
    own.subscribe("direct/+/+")
    answer = first.send(second, text="posted", client_ref=rest.unique_name("ref"))
    sent = envelope.check(answer.body, type="message", topic=topic, sender=first.id, body={"text": "posted"})
    assert answer.headers["Location"] == f"/messages/{topic}/{sent['seq']}"
    assert receiver.next().payload == own.next().payload == answer.body


@pytest.mark.parametrize("target", ["user_id", "topic"])
def test_targets_of_a_post(pair, topic, target):
    """one of `{user_id}`, `{group_id}`, `{topic}`."""
    value = {"user_id": pair[1].id, "topic": topic}[target]
    assert pair[0].post("/messages", {target: value, "text": "x"}, 201).json["topic"] == topic


def test_puback_comes_after_the_commit(hub, pair, topic, version, client):
    """committed before PUBACK / 201: the message is in GET /messages the moment that the acknowledgement is here."""
    first, second = pair
    sender = client(hub, first, version=version)
    for number in range(20):
        sender.publish(topic, f"commit {number}")
        assert second.items(first, "?limit=1")[0]["body"]["text"] == f"commit {number}"
        posted = first.send(second, text="posted").json
        assert second.items(first, "?limit=1")[0] == posted


def test_sequence_is_gapless_over_all_doors(hub, pair, topic, client):
    """carry gapless `seq`: 1, 2, 3, … per topic, in commit order."""
    first, second = pair
    watcher = client(hub, second)
    watcher.subscribe(topic)
    doors = [client(hub, first, version=V311), client(hub, first, version=V5), client(hub, second, version=V5)]
    pending = []
    for round_number in range(10):
        for door in doors:
            pending.append((door, door.publish_later(topic, f"door {round_number}")))
        first.send(second, text=f"door {round_number}")
    for door, mid in pending:
        assert door.await_ack(mid).code == 0
    seen = [json.loads(message.payload) for message in watcher.take(40)]
    seqs = envelope.gapless(seen)
    page = second.history(first, "?limit=200").json
    assert [item for item in page["items"] if item["seq"] >= seqs[0]] == seen
    assert page["last_seq"] == seqs[-1]


def test_puback_tells_seq_and_id(hub, pair, topic, client):
    """MQTT 5 PUBACK carries the user properties `seq` and `id` of the entry."""
    ack = client(hub, pair[0], version=V5).publish(topic, "numbered")
    last = pair[0].items(pair[1], "?limit=1")[0]
    assert user_properties(ack.properties) == {"seq": str(last["seq"]), "id": last["id"]}


def test_mqtt5_delivery_properties(hub, pair, topic, client):
    """MQTT 5 deliveries carry content type `application/json`, payload format 1, user properties `seq`, `from`; retain,
    expiry, response topic, correlation data, content type and user properties of a publish are not forwarded."""
    first, second = pair
    receiver = client(hub, second, version=V5)
    receiver.subscribe(topic)
    ack = client(hub, first, version=V5).publish(
        topic, "plain words", retain=True, ContentType="text/plain", ResponseTopic="x/y", CorrelationData=b"z",
        UserProperty=[("mine", "1")], MessageExpiryInterval=100)
    message = receiver.next_where(has_text("plain words"))
    held = message.properties
    assert held.ContentType == "application/json" and held.PayloadFormatIndicator == 1
    assert user_properties(held) == {"seq": user_properties(ack.properties)["seq"], "from": first.id}
    for name in ("ResponseTopic", "CorrelationData", "MessageExpiryInterval"):
        assert not hasattr(held, name), name
    assert not message.retain


@pytest.mark.parametrize("mosquitto_version", ["mqttv311", "5"])
def test_mosquitto_clients(hub, pair, topic, mosquitto_version, mosquitto_sub):
    """End-to-end tests use mosquitto clients … against a real hub; user name = user name."""
    first, second = pair
    sub = mosquitto_sub(hub, second, "direct/#", version=mosquitto_version)
    mosquitto_pub(hub, first, topic, "from the shell", version=mosquitto_version)
    line = sub.line()
    envelope.check(line.encode(), sender=first.id, body={"text": "from the shell"})
    assert line.encode() in second.history(first).body


def test_qos0_subscription_gets_qos0(hub, pair, topic, client):
    """Deliveries have the QoS of the subscription, whatever that of the publish."""
    receiver = client(hub, pair[1])
    receiver.subscribe(topic, qos=0)
    client(hub, pair[0]).publish(topic, "downgraded", qos=1)
    assert receiver.next_where(has_text("downgraded")).qos == 0


def test_client_ref_makes_sending_idempotent(hub, pair, topic, version, client):
    """same sender, topic and `client_ref` = same entry: stored and delivered once, acknowledged again with success;
    the same 201 for a repeated `client_ref` with header `Idempotency-Replayed: true`."""
    first, second = pair
    ref = rest.unique_name("ref")
    receiver, sender = client(hub, second), client(hub, first, version=version)
    receiver.subscribe(topic)
    acks = [sender.publish(topic, {"client_ref": ref, "text": "once"}) for _ in range(3)]
    if version == V5:
        assert len({str(user_properties(ack.properties)) for ack in acks}) == 1
    again = first.send(second, text="once", client_ref=ref)
    assert again.headers["Idempotency-Replayed"] == "true"
    first.send(second, text="the end")
    seen = receiver.take_until(has_text("the end"))
    assert [text_of(message) for message in seen] == ["once", "the end"]
    envelope.check(seen[0].payload, client_ref=ref)
    assert again.body == seen[0].payload
    assert [item["body"]["text"] for item in second.items(first, "?limit=2")] == ["once", "the end"]


def test_client_ref_as_user_property(hub, pair, topic, client):
    """(in the object, or the MQTT 5 user property, or the REST field; if in two places, equal)."""
    first, second = pair
    ref = rest.unique_name("ref")
    sender = client(hub, first, version=V5)
    ack = sender.publish(topic, "by property", UserProperty=[("client_ref", ref)])
    assert first.items(second, "?limit=1")[0]["client_ref"] == ref
    again = sender.publish(topic, {"text": "by property", "client_ref": ref}, UserProperty=[("client_ref", ref)])
    assert user_properties(again.properties) == user_properties(ack.properties)
    differing = sender.publish_later(topic, {"text": "x", "client_ref": ref + "b"}, UserProperty=[("client_ref", ref)])
    assert sender.await_ack(differing).code >= 0x80


def test_client_ref_with_other_content_is_refused(hub, pair, topic, client):
    """Other content: 0x83 / 409 `client-ref-reused`."""
    first, second = pair
    ref = rest.unique_name("ref")
    first.send(second, text="original", client_ref=ref)
    ack = client(hub, first, version=V5).publish(topic, {"client_ref": ref, "text": "other"}, expect=0x83)
    assert ack.properties.ReasonString == "client-ref-reused"
    answer = first.call("POST", "/messages", {"user_id": second.id, "text": "other", "client_ref": ref})
    answer.expect_problem(409, "client-ref-reused")
    client(hub, first, version=V311).publish(topic, {"client_ref": ref, "text": "other"})  # acknowledged, dropped
    assert first.items(second, "?limit=1")[0]["body"]["text"] == "original"
    # Another sender's reference is another reference.
    second.send(first, text="mine", client_ref=ref)
    assert first.items(second, "?limit=1")[0]["body"]["text"] == "mine"


def test_idempotency_key_is_a_client_ref(pair):
    """On /messages an Idempotency-Key is a `client_ref` if the body has none; quotes around a key are stripped."""
    first, second = pair
    key = rest.unique_name("key")
    body = {"user_id": second.id, "text": "keyed"}
    answer = first.call("POST", "/messages", body, {"Idempotency-Key": f'"{key}"'}).expect(201)
    assert answer.json["client_ref"] == key
    again = first.call("POST", "/messages", body, {"Idempotency-Key": key}).expect(201)
    assert again.body == answer.body and again.headers["Idempotency-Replayed"] == "true"
