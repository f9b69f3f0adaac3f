"""protocol.md §2 "Signals": typing, read receipts and presence, with real clients."""
import json

import pytest

from support import rest
from support.mqtt import V5, V311


def signal(client, kind):
    """The next signal of that type."""
    while True:
        message = client._await(client.signals, f"a {kind} signal")
        body = json.loads(message.payload)
        if body["type"] == kind:
            return message, body


@pytest.mark.parametrize("version", [V311, V5])
def test_typing(hub, client, version):
    first, second = rest.friends(hub)
    topic = first.direct_topic(second)
    writer, reader = client(hub, first, version=version), client(hub, second, version=version)
    reader.subscribe("direct/#")
    writer.publish(f"{topic}/typing", "{}")
    message, body = signal(reader, "typing")
    assert message.topic == f"{topic}/typing" and message.qos == 0 and not message.retain
    assert (body["topic"], body["from"], body["body"]) == (topic, first.id, {"state": "started"})
    assert body["sent_at"].endswith("Z")


def test_read_receipts_by_both_doors(hub, client):
    """MQTT and REST move the same watermark, and both are told; lower than it is ignored."""
    first, second = rest.friends(hub)
    topic = first.direct_topic(second)
    watcher, own = client(hub, first), client(hub, second)
    watcher.subscribe(f"{topic}/read")
    own.subscribe("+/+/+/read")
    seqs = [first.send(second, text=f"{number}").json["seq"] for number in range(3)]
    client(hub, second).publish(f"{topic}/read", {"seq": seqs[1]})
    for one in (watcher, own):
        _, body = signal(one, "read")
        assert (body["topic"], body["from"], body["body"]) == (topic, second.id, {"seq": seqs[1]})
    assert second.get("/conversations")["items"][0]["unread"] == 1
    second.call("PUT", f"/conversations/{topic}/read", {"seq": seqs[0]}).expect(204)
    second.call("PUT", f"/conversations/{topic}/read", {"seq": 10_000}).expect(204)
    assert signal(watcher, "read")[1]["body"] == {"seq": seqs[2]}, "the lower one is ignored, beyond the end is the end"
    assert second.get("/conversations")["items"][0]["unread"] == 0


def test_presence(hub, client):
    """Retained for who subscribes; a lost connection has ten seconds; strangers see nothing."""
    first, second = rest.friends(hub)
    watcher = client(hub, first)
    watcher.subscribe("presence/+")
    message, body = signal(watcher, "presence")
    assert body["from"] == first.id and message.retain
    there = client(hub, second)
    message, body = signal(watcher, "presence")
    assert (body["from"], body["body"]["status"], message.retain) == (second.id, "online", False)
    there.publish(f"presence/{second.id}", {"status": "away"})
    assert signal(watcher, "presence")[1]["body"]["status"] == "away"
    there.drop()
    _, body = signal(watcher, "presence")
    assert body["body"]["status"] == "offline" and body["body"]["last_seen"].endswith("Z")
    late = client(hub, first)
    late.subscribe(f"presence/{second.id}")
    message, again = signal(late, "presence")
    assert message.retain and again["body"] == body["body"], "as it is kept in the database"
    stranger = client(hub, rest.sign_up(hub, "stranger"))
    stranger.subscribe(f"presence/{second.id}", expect=[0x87])
    # Friendship over: nothing more.
    first.post("/friends/remove", {"user_id": second.id}, 204)
    client(hub, second)
    stranger.subscribe("group/+")
    assert late.signals.empty()
