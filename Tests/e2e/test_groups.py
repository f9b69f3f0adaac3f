"""Issue "A running hub", step 3: groups, and `group/+`, which follows membership."""
import pytest

from support import envelope, rest
from support.mqtt import V5, V311, has_text, kind_of


@pytest.fixture(scope="module")
def people(hub):
    """An owner and two friends of the owner."""
    owner, first, second = (rest.sign_up(hub, name) for name in ("owner", "member", "member"))
    owner.befriend(first)
    owner.befriend(second)
    return owner, first, second


def add(owner, group, *members):
    results = owner.post(f"/groups/{group}/add", {"user_ids": [member.id for member in members]}).json["results"]
    assert [result["user_id"] for result in results] == [member.id for member in members]
    return [result["status"] for result in results]


def remove(owner, group, member):
    owner.post(f"/groups/{group}/remove", {"user_id": member.id}, 204)


def test_create(people):
    """POST /groups: 201 Group, `Location`."""
    owner, first, second = people
    answer = owner.post("/groups", {"name": "Ünited", "members": [first.id, second.id]}, 201)
    group = answer.json
    assert answer.headers["Location"] == f"/groups/{group['id']}"
    assert group["topic"] == f"group/{group['id']}" and group["name"] == "Ünited"
    assert group["owner_id"] == owner.id and group["my_role"] == "owner"
    assert group["member_count"] == 3 and group["announcement"] is False and group["created_at"]
    seen = first.get(f"/groups/{group['id']}")
    assert {**seen, "my_role": "owner"} == group and seen["my_role"] == "member"
    assert owner.items(group["id"])[0]["type"] == "group"


def test_create_refuses(people):
    """422."""
    owner = people[0]
    for body in ({}, {"name": ""}, {"name": 5}, {"name": "x", "nope": 1}, {"name": "x", "members": "y"}):
        owner.call("POST", "/groups", body).expect_problem(422)


def test_rename(hub, people, client):
    """PUT /groups/{id}: 200 Group; the hub's own entry `group {op: renamed, …}` reaches the members."""
    owner, first, _ = people
    group = owner.make_group(first, name="old")["id"]
    member = client(hub, first)
    member.subscribe(f"group/{group}")
    answer = owner.call("PUT", f"/groups/{group}", {"name": "new", "announcement": False}).expect(200)
    assert answer.json["name"] == "new" and answer.headers["ETag"]
    event = envelope.check(member.next().payload, type="group", topic=f"group/{group}")
    assert event["body"]["op"] == "renamed" and event["body"]["name"] == "new"
    first.call("PUT", f"/groups/{group}", {"name": "mine"}).expect_problem(403)
    owner.call("PUT", f"/groups/{group}", {"name": "mine"}, {"If-Match": '"stale"'}).expect_problem(412)
    assert owner.get(f"/groups/{group}")["name"] == "new"


def test_add_tells_of_each(hub, people, stranger):
    """POST /groups/{id}/add: 200 `{results: [{user_id, status}]}` with `added`, `already_member`, `not_found`,
    `not_friend`."""
    owner, first, _ = people
    group = owner.make_group()["id"]
    assert add(owner, group, first) == ["added"]
    assert add(owner, group, first, stranger) == ["already_member", "not_friend"]
    results = owner.post(f"/groups/{group}/add", {"user_id": "1"}).json["results"]
    assert results == [{"user_id": "1", "status": "not_found"}]
    first.call("POST", f"/groups/{group}/add", {"user_id": stranger.id}).expect_problem(403)
    stranger.call("POST", f"/groups/{group}/add", {"user_id": stranger.id}).expect_problem(404)


def test_members_talk(hub, people, version, client):
    """publish and subscribe on `group/{id}`; POST /messages `{group_id}`."""
    owner, first, second = people
    group = owner.make_group(first, second)["id"]
    topic = f"group/{group}"
    receivers = [client(hub, user, version=version) for user in people]
    for receiver in receivers:
        receiver.subscribe(topic)
    receivers[1].publish(topic, "by mqtt")
    posted = second.send(group, text="by rest")
    for receiver in receivers:
        by_mqtt, by_rest = receiver.take(2)
        envelope.check(by_mqtt.payload, sender=first.id, topic=topic, body={"text": "by mqtt"})
        assert by_rest.payload == posted.body
    assert owner.history(group).body.count(posted.body) == 1


def test_group_wildcard_follows_membership(hub, people, version, client):
    """`group/+` follows membership: who is added sees the `member` entry first, then all that comes; who is removed
    sees nothing more, and its inbox gets `group_removed`."""
    owner, first, _ = people
    group = owner.make_group()["id"]
    topic = f"group/{group}"
    owner.send(group, text="before")
    member, sender = client(hub, first, version=version), client(hub, owner)
    member.subscribe("group/+", "inbox/+")

    assert add(owner, group, first) == ["added"]
    sender.publish(topic, "inside")
    seen = member.take_until(has_text("inside"))
    in_group = [message for message in seen if message.topic == topic]
    entry = envelope.check(in_group[0].payload, type="member", topic=topic)
    assert entry["body"]["op"] == "added" and entry["body"]["user_id"] == first.id
    assert len(in_group) == 2
    told = [message for message in seen if message.topic == first.inbox] or [member.next()]
    event = envelope.check(told[0].payload, type="group_added")
    assert event["body"]["group"]["id"] == group and event["body"]["role"] == "member"

    remove(owner, group, first)
    sender.publish(topic, "outside")
    owner.make_group(first)
    seen = member.take_until(lambda message: kind_of(message) == "group_added")
    event = envelope.check(seen[0].payload, type="group_removed", topic=first.inbox)
    assert event["body"] == {"group_id": group, "reason": "removed"}
    assert topic not in [message.topic for message in seen]

    assert add(owner, group, first) == ["added"]
    sender.publish(topic, "back")
    seen = member.take_until(has_text("back"))
    kinds = [kind_of(message) for message in seen if message.topic == topic]
    assert kinds == ["member", "message"], "the subscription stays and covers again if access comes back"


def test_who_is_removed_is_out_at_every_door(hub, people, client):
    """Losing access: publish, subscribe, history."""
    owner, first, second = people
    group = owner.make_group(first, second)["id"]
    topic = f"group/{group}"
    sender5, sender4, witness = client(hub, first, version=V5), client(hub, first, version=V311), client(hub, second)
    for one in (sender5, sender4, witness):
        one.subscribe(topic)
    remove(owner, group, first)
    sender5.publish(topic, "still in?", expect=0x87)
    sender4.publish(topic, "still in?")
    for path in (f"/groups/{group}", f"/messages/group/{group}"):
        first.call("GET", path).expect_problem(404, "not-found")
    first.call("POST", "/messages", {"group_id": group, "text": "x"}).expect_problem(404)
    sender5.subscribe(topic, expect=[0x87])
    owner.send(group, text="the end")
    seen = witness.take_until(has_text("the end"))
    assert [kind_of(message) for message in seen] == ["member", "message"]
    assert sender5.messages.empty() and sender4.messages.empty()


def test_who_is_offline_when_added_misses_nothing(hub, people, client):
    """for a topic that becomes readable while the session is offline: it starts just before the entry that gave
    access."""
    owner, first, _ = people
    options = {"version": V5, "client_id": rest.unique_name("offline"), "clean": False, "expiry": 3600}
    absent = client(hub, first, **options)
    absent.subscribe("group/+")
    absent.disconnect()
    group = owner.make_group()["id"]
    owner.send(group, text="before")
    add(owner, group, first)
    owner.send(group, text="first")
    owner.send(group, text="second")
    back = client(hub, first, **options)
    assert back.session_present
    seen = [message for message in back.take_until(has_text("second")) if message.topic == f"group/{group}"]
    assert [kind_of(message) for message in seen] == ["member", "message", "message"]
    # A member sees a group's whole log, also from before it joined.
    assert "before" in [item["body"].get("text") for item in first.items(group)]


def test_roles(people, stranger):
    """member: read, publish; admin: also remove members; owner can't be removed; non-members get 404, not 403."""
    owner, first, second = people
    group = owner.make_group(first, second)["id"]
    first.call("POST", f"/groups/{group}/remove", {"user_id": second.id}).expect_problem(403)
    stranger.call("GET", f"/groups/{group}").expect_problem(404)
    stranger.call("PUT", f"/groups/{group}", {"name": "x"}).expect_problem(404)
    owner.call("POST", f"/groups/{group}/remove", {"user_id": owner.id}).expect_problem(409, "last-owner")
    owner.call("POST", f"/groups/{group}/remove", {"user_id": stranger.id}).expect_problem(404)
    envelope.gapless(owner.items(group))
