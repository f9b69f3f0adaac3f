"""rest.md "Search", mentions and message_notification, with real clients."""
import json
import time
from urllib.parse import quote

import pytest

from support import rest
from support.waiting import eventually


def found(user, words, more=""):
    return [item["seq"] for item in user.get(f"/search?query={quote(words)}{more}")["items"]]


def test_search(hub):
    """words, prefix of the last, newest first, edits by their new text, deleted and foreign excluded, within 2 s."""
    first, second = rest.friends(hub)
    stranger = rest.sign_up(hub)
    topic = first.direct_topic(second)
    one = first.send(second, text="The quick brown fox").json
    two = second.send(first, text="Quick, quicker!").json
    sent = time.monotonic()
    eventually(lambda: found(second, "quick") == [two["seq"], one["seq"]], "both are found", seconds=2)
    assert time.monotonic() - sent < 2
    assert found(first, "BROWN qui") == [one["seq"]]
    assert found(first, "brown", f"&topic={topic}") == [one["seq"]]
    assert found(stranger, "quick") == [] and found(stranger, "quick", f"&topic={topic}") == []
    page = first.get("/search?query=quick&limit=1")
    assert page["items"] == [two]
    assert first.get(page["next"])["items"] == [one]
    first.call("PATCH", f"/messages/{topic}/{one['seq']}", {"text": "A slow snail"}).expect(200)
    eventually(lambda: found(second, "snail") == [one["seq"]], "the new text is found", seconds=2)
    assert found(second, "brown") == []
    item, = second.get("/search?query=snail")["items"]
    assert item["state"]["text"] == "A slow snail"
    second.call("DELETE", f"/messages/{topic}/{two['seq']}").expect(200)
    assert found(first, "quicker") == [], "deleted is excluded at once"


@pytest.mark.parametrize("query", ["", "?query=", "?query=a&topic=inbox/1", "?query=a&topic=x", "?query=a&cursor=x",
                                   "?query=a&limit=0", "?query=" + "a" * 257])
def test_bad_searches(hub, query):
    user = rest.sign_up(hub)
    user.call("GET", f"/search{query}").expect_problem(422)


def test_mentions_and_notifications(hub, client):
    """A mention is an entry of the inbox; the notification is a signal for who has not opened the conversation."""
    owner, member = rest.friends(hub)
    group = owner.make_group(member)
    reader = client(hub, member)
    reader.subscribe(member.inbox)
    sent = owner.send(group["id"], text="hello you", mentions=[member.id, owner.id]).json

    def mention():
        items = [item for item in member.get("/notifications")["items"] if item["type"] == "mention"]
        return items
    entry, = eventually(mention, "the mention is in the inbox", seconds=2)
    body = {"topic": group["topic"], "seq": sent["seq"], "preview": "hello you"}
    assert entry["body"] == body and entry["from"] == owner.id
    assert not [item for item in owner.get("/notifications")["items"] if item["type"] == "mention"]
    signal = json.loads(reader._await(reader.signals, "a notification").payload)
    assert signal["type"] == "message_notification" and "id" not in signal and "seq" not in signal
    assert signal["body"] == {**body, "unread": 1}
    listed, = member.get("/notifications")["conversations"]
    assert {name: listed[name] for name in ("topic", "seq", "unread", "preview")} == signal["body"]
    live = reader.next_event("mention", member.inbox)
    assert live["seq"] == entry["seq"] and live["body"] == body
    owner.call("PATCH", f"/messages/{group['topic']}/{sent['seq']}", {"text": "hello again"}).expect(200)
    owner.send(group["id"], text="marker", mentions=[member.id])
    assert [item["body"]["preview"] for item in eventually(lambda: len(mention()) == 2 and mention(), "the next")] \
        == ["hello you", "marker"]
