"""protocol.md §2: edits, deletions and reactions, by both doors; what history makes of them; who may."""
import json

import pytest

from support import envelope, rest
from support.mqtt import V5, V311, user_properties


@pytest.fixture
def group(hub):
    """A group of an owner, an admin and a member, who are friends of the owner."""
    owner, admin, member = (rest.sign_up(hub, name) for name in ("owner", "admin", "member"))
    for other in (admin, member):
        owner.befriend(other)
    made = owner.make_group(admin, member)
    owner.call("PUT", f"/groups/{made['id']}/members/{admin.id}", {"role": "admin"}).expect(200)
    return owner, admin, member, made


def path(topic, seq, more=""):
    return f"/messages/{topic}/{seq}{more}"


def test_an_edit(hub, client):
    """The author edits; the entry itself stays as it was, and history shows the newest text."""
    first, second = rest.friends(hub)
    reader = client(hub, second)
    reader.subscribe("direct/#")
    sent = first.send(second, text="frist").json
    topic, seq = sent["topic"], sent["seq"]
    edit = first.call("PATCH", path(topic, seq), {"text": "first"}).expect(200).json
    assert (edit["type"], edit["body"]) == ("edit", {"seq": seq, "text": "first"})
    ack = client(hub, first).publish(topic, {"type": "edit", "seq": seq, "text": "first!"})
    assert user_properties(ack.properties)["seq"] == str(edit["seq"] + 1)
    assert [json.loads(message.payload) for message in reader.take(2)] == [sent, edit]
    third = json.loads(reader.next().payload)
    assert third["body"] == {"seq": seq, "text": "first!"}
    items = second.items(first)
    assert envelope.gapless(items)
    message = next(item for item in items if item["seq"] == seq)
    assert message == {**sent, "state": {"edited_seq": third["seq"], "text": "first!"}}
    assert second.get(path(topic, seq)) == message
    # Not the other's to edit, and nothing that is no message.
    second.call("PATCH", path(topic, seq), {"text": "no"}).expect_problem(403, "forbidden")
    first.call("PATCH", path(topic, edit["seq"]), {"text": "no"}).expect_problem(404, "not-found")
    first.call("PATCH", path(topic, 999), {"text": "no"}).expect_problem(404, "not-found")
    assert client(hub, second).publish(topic, {"type": "edit", "seq": seq, "text": "no"}, expect=0x87)
    assert client(hub, first).publish(topic, {"type": "edit", "seq": 999, "text": "no"}, expect=0x99)


def test_too_old_to_be_edited(make_hub, cluster):
    """After 24 hours: 409 too-old. (The id holds the time, so the message is made old in the database.)"""
    hub = make_hub(database=cluster.url).start()
    first, second = rest.friends(hub)
    sent = first.send(second, text="old").json
    day = 86_400_001
    cluster.query(f"UPDATE messages SET id = id - ({day}::bigint << 22) WHERE seq = {sent['seq']} AND id = {sent['id']}")
    first.call("PATCH", path(sent["topic"], sent["seq"]), {"text": "x"}).expect_problem(409, "too-old")
    assert first.call("DELETE", path(sent["topic"], sent["seq"])).status == 200
    hub.stop()


@pytest.mark.parametrize("version", [V311, V5])
def test_a_deletion(hub, client, version):
    """The text is gone from history, from replays and from edits; the entry stays, with its numbers."""
    first, second = rest.friends(hub)
    sent = first.send(second, text="secret", client_ref="r1").json
    topic, seq = sent["topic"], sent["seq"]
    first.call("PATCH", path(topic, seq), {"text": "secret 2"}).expect(200)
    second.call("POST", path(topic, seq, "/reactions"), {"emoji": "👀"}).expect(200)
    publisher = client(hub, first, version=version)
    publisher.publish(topic, {"type": "delete", "seq": seq})
    items = second.items(first)
    assert "secret" not in json.dumps(items)
    message = next(item for item in items if item["seq"] == seq)
    assert message == {**sent, "body": {"deleted": True}}
    replay = client(hub, second)
    replay.subscribe(topic, after=[f"{seq - 1}"])
    assert json.loads(replay.next().payload) == message
    # Again is success, with the same entry; nothing else can be done with it.
    deletion = first.call("DELETE", path(topic, seq)).expect(200).json
    assert deletion["seq"] == items[-1]["seq"]
    first.call("PATCH", path(topic, seq), {"text": "x"}).expect_problem(404, "not-found")
    second.call("POST", path(topic, seq, "/reactions"), {"emoji": "👀"}).expect_problem(404, "not-found")
    # A late repetition of the message is still that message.
    again = first.send(second, text="secret", client_ref="r1")
    assert again.json["seq"] == seq and again.headers["Idempotency-Replayed"] == "true"


def test_who_deletes_in_a_group(group):
    """Own messages; admins any."""
    owner, admin, member, made = group
    by_member = member.send(made["id"], text="a").json
    by_owner = owner.send(made["id"], text="b").json
    member.call("DELETE", path(made["topic"], by_owner["seq"])).expect_problem(403, "forbidden")
    admin.call("DELETE", path(made["topic"], by_owner["seq"])).expect(200)
    admin.call("DELETE", path(made["topic"], by_member["seq"])).expect(200)
    admin.call("PATCH", path(made["topic"], member.send(made["id"], text="c").json["seq"]), {"text": "x"}).expect_problem(
        403, "forbidden")


def test_reactions(hub, client):
    """Added, taken back; what is so already is success with the earlier entry."""
    first, second = rest.friends(hub)
    sent = first.send(second, text="hi").json
    url = path(sent["topic"], sent["seq"], "/reactions")
    answer = second.call("POST", url, {"emoji": "👍"}).expect(200).json
    assert answer == {**sent, "state": {"reactions": [{"emoji": "👍", "count": 1, "me": True}]}}
    first.call("POST", url, {"emoji": "👍", "op": "add"}).expect(200)
    publisher = client(hub, second)
    before = second.history(first).json["last_seq"]
    ack = publisher.publish(sent["topic"], {"type": "reaction", "seq": sent["seq"], "emoji": "👍"})
    assert int(user_properties(ack.properties)["seq"]) < before
    publisher.publish(sent["topic"], {"type": "reaction", "seq": sent["seq"], "emoji": "🎉", "op": "add"})
    publisher.publish(sent["topic"], {"type": "reaction", "seq": sent["seq"], "emoji": "👍", "op": "remove"})
    state = first.get(path(sent["topic"], sent["seq"]))["state"]
    assert state == {"reactions": [{"emoji": "👍", "count": 1, "me": True}, {"emoji": "🎉", "count": 1, "me": False}]}
    assert second.history(first).json["last_seq"] == before + 2


@pytest.mark.parametrize("body", [
    {"type": "edit", "seq": 1}, {"type": "edit", "text": "x"}, {"type": "edit", "seq": 1, "text": ""},
    {"type": "delete"}, {"type": "delete", "seq": 0}, {"type": "delete", "seq": "1"},
    {"type": "delete", "seq": 1, "text": "x"}, {"type": "reaction", "seq": 1}, {"type": "reaction", "seq": 1, "emoji": ""},
    {"type": "reaction", "seq": 1, "emoji": "x" * 33}, {"type": "reaction", "seq": 1, "emoji": "a b"},
    {"type": "reaction", "seq": 1, "emoji": "x", "op": "toggle"}, {"type": "typing"}, {"type": 7}])
def test_what_is_refused(hub, client, pair, body):
    first, second = pair
    first.send(second, 422, **body).expect_problem(422, "invalid-message")
    client(hub, first).publish(first.direct_topic(second), body, expect=0x99)


def test_an_announcement_group(hub, client, group):
    """Only admins write; every member may react."""
    owner, _, member, made = group
    owner.call("PATCH", f"/groups/{made['id']}", {"announcement": True}).expect(200)
    sent = owner.send(made["id"], text="news").json
    publisher = client(hub, member)
    publisher.publish(made["topic"], "hello", expect=0x87)
    publisher.publish(made["topic"], {"type": "reaction", "seq": sent["seq"], "emoji": "👍"})
    member.call("POST", path(made["topic"], sent["seq"], "/reactions"), {"emoji": "🎉"}).expect(200)
    member.call("DELETE", path(made["topic"], sent["seq"])).expect_problem(403, "announcement-only")


def test_unread_counts_no_deleted_messages(hub):
    first, second = rest.friends(hub)
    sent = [first.send(second, text=f"{number}").json for number in range(3)]
    def unread():
        return second.get("/conversations")["items"][0]["unread"]
    assert unread() == 3
    first.call("DELETE", path(sent[1]["topic"], sent[1]["seq"])).expect(200)
    assert unread() == 2


def test_strangers_see_nothing(hub, pair):
    first, second = pair
    stranger = rest.sign_up(hub, "stranger")
    sent = first.send(second, text="private").json
    for method, more, body in (("GET", "", None), ("PATCH", "", {"text": "x"}), ("DELETE", "", None),
                               ("POST", "/reactions", {"emoji": "x"})):
        stranger.call(method, path(sent["topic"], sent["seq"], more), body).expect_problem(404, "not-found")
