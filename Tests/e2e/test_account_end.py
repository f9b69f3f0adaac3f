"""rest.md: POST /account/delete, GET /account/export."""
import json

import pytest

from support import rest, tokens
from support.mqtt import V5


def lines(user):
    """All pages of the export."""
    found, target = [], "/account/export"
    while target:
        answer = user.call("GET", target).expect(200)
        assert answer.headers.get_content_type() == "application/x-ndjson"
        page = [json.loads(line) for line in answer.body.decode().splitlines()]
        target = page.pop()["next"] if page[-1]["kind"] == "next" else None
        found += page
    return found


def test_export(hub):
    """200 `application/x-ndjson`, one object a line with `kind`."""
    user, friend = rest.friends(hub, "export")
    group = user.make_group(friend)
    sent = [user.send(group["id"], text=f"number {n}").json["id"] for n in range(3)]
    got = friend.send(user, text="for you").json["id"]
    export = lines(user)
    kinds = [line["kind"] for line in export]
    assert {"profile", "session", "friend", "group", "entry"} <= set(kinds)
    assert export[0]["profile"]["email"] == f"{user.name}@example.org"
    assert [line["user"]["id"] for line in export if line["kind"] == "friend"] == [friend.id]
    entries = [line["entry"] for line in export if line["kind"] == "entry"]
    assert set(sent) | {got} <= {entry["id"] for entry in entries}
    assert len({entry["id"] for entry in entries}) == len(entries)
    rest.request(hub, "GET", "/account/export").expect_problem(401)


@pytest.fixture
def three(hub):
    """A user whom two others have as friend."""
    user, first, second = (rest.sign_up(hub, "leaving") for _ in range(3))
    user.befriend(first)
    user.befriend(second)
    return user, first, second


def test_delete(hub, client, three):
    """204; messages stay, their author becomes a deleted user; friendships end with their events; connections end."""
    user, friend, _ = three
    topic = user.direct_topic(friend)
    user.send(friend, text="I was here")
    minted = tokens.mint(hub, user)
    clients = [client(hub, user, version=V5), client(hub, minted, version=V5, clean=False, expiry=3600)]
    watching = client(hub, friend)
    watching.subscribe(friend.inbox)
    user.call("POST", "/account/delete", {"password": "wrong"}).expect_problem(403, "wrong-password")
    user.post("/account/delete", {"password": rest.PASSWORD}, 204)
    for one in clients:
        one.wait_end(5)
    removed = watching.next_where(lambda message: json.loads(message.payload)["type"] == "friend_removed")
    assert json.loads(removed.payload)["body"] == {"user_id": user.id}
    assert friend.get("/friends")["items"] == []
    texts = [item["body"].get("text") for item in friend.items(user)]
    assert "I was here" in texts
    seen = friend.get(f"/users/{user.id}")
    assert seen["display_name"] == "Deleted user" and user.name not in seen["username"]
    friend.call("POST", "/messages", {"topic": topic, "text": "x"}).expect_problem(403, "not-friends")
    # Nothing opens the door any more, and name and address are free.
    user.call("GET", "/profile").expect_problem(401)
    rest.request(hub, "GET", "/profile", token=minted.token).expect_problem(401)
    client(hub, minted, connect=False).connect(expect=0x87)
    rest.request(hub, "POST", "/token/refresh", {"refresh_token": user.tokens["refresh_token"]}).expect_problem(401)
    again = {"username": user.name, "email": f"{user.name}@example.org", "password": rest.PASSWORD}
    rest.request(hub, "POST", "/login", {"username": user.name, "password": rest.PASSWORD}).expect_problem(401)
    rest.request(hub, "POST", "/signup", again).expect(201)


def test_groups_pass_on(hub, client, three):
    """Owned groups pass to the longest-serving admin, else member; live members hear of it, and the new owner is one."""
    user, member, admin = three
    group = user.make_group(member, admin)
    path = f"/groups/{group['id']}"
    user.call("PUT", f"{path}/members/{admin.id}", {"role": "admin"}).expect(200)
    lonely = user.make_group()
    watching = client(hub, member)
    watching.subscribe(group["topic"])
    user.post("/account/delete", {"password": rest.PASSWORD}, 204)
    role, left = watching.take(2)
    assert json.loads(role.payload)["body"] == {"op": "role", "user_id": admin.id, "role": "owner"}
    assert json.loads(left.payload)["body"] == {"op": "left", "user_id": user.id}
    seen = admin.get(path)
    assert seen["owner_id"] == admin.id and seen["my_role"] == "owner" and seen["member_count"] == 2
    admin.call("PATCH", path, {"announcement": True}).expect(200)
    member.call("POST", "/messages", {"group_id": group["id"], "text": "x"}).expect_problem(403, "announcement-only")
    member.call("GET", f"/groups/{lonely['id']}").expect_problem(404)
