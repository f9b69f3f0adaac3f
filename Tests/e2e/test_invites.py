"""rest.md: invitations to groups."""
import concurrent.futures
import json
import time

import pytest

from support import rest


@pytest.fixture(scope="module")
def owner(hub):
    return rest.sign_up(hub, "host")


@pytest.fixture(scope="module")
def guests(hub):
    return [rest.sign_up(hub, "guest") for _ in range(4)]


def invite(owner, group, **members):
    return owner.post(f"/groups/{group}/invites", members, 201).json


def test_joining(hub, client, owner, guests):
    """The group hears `joined`, the new member's inbox `group_added`; one `group/+` covers it from its entry on."""
    group = owner.make_group()["id"]
    made = invite(owner, group, uses=2)
    assert set(made) >= {"code", "url", "expires_at", "uses_left"} and made["uses_left"] == 2
    assert made["url"].endswith(f"/invites/{made['code']}")
    guest = guests[0]
    preview = guest.get(f"/invites/{made['code']}")
    assert preview == {"name": "group", "member_count": 1}
    watching, joining = client(hub, owner), client(hub, guest)
    watching.subscribe(f"group/{group}")
    joining.subscribe("group/+", guest.inbox)
    joined = guest.call("POST", f"/invites/{made['code']}/accept").expect(200).json
    assert joined["id"] == group and joined["my_role"] == "member" and joined["member_count"] == 2
    body = {"op": "joined", "user_id": guest.id, "role": "member"}
    for one in (watching, joining):
        entry = json.loads(one.next_where(lambda message: message.topic == f"group/{group}").payload)
        assert (entry["type"], entry["from"], entry["body"]) == ("member", guest.id, body)
    added = [item for item in guest.get("/notifications")["items"] if item["type"] == "group_added"][-1]
    assert added["body"]["group"]["id"] == group and added["body"]["role"] == "member"
    # Again: the same, and no use is taken.
    guest.call("POST", f"/invites/{made['code']}/accept").expect(200)
    assert [item["uses_left"] for item in owner.get(f"/groups/{group}/invites")["items"]] == [1]


def test_the_last_use_is_given_once(hub, owner, guests):
    for _ in range(5):
        group = owner.make_group()["id"]
        code = invite(owner, group, uses=1)["code"]
        with concurrent.futures.ThreadPoolExecutor(len(guests)) as pool:
            answers = list(pool.map(lambda guest: guest.call("POST", f"/invites/{code}/accept"), guests))
        assert sorted(answer.status for answer in answers) == [200, 410, 410, 410]
        assert owner.get(f"/groups/{group}")["member_count"] == 2


def test_the_ends(hub, owner, guests):
    """410 when expired, used up, revoked, or when the group has ended; 404 for what never was."""
    group = owner.make_group()["id"]
    codes = {name: invite(owner, group, **members)["code"]
             for name, members in {"expired": {"expires_in": 1}, "used": {"uses": 1}, "revoked": {}, "ended": {}}.items()}
    assert len(set(codes.values())) == 4 and all(len(code) == 22 for code in codes.values())
    guests[0].call("POST", f"/invites/{codes['used']}/accept").expect(200)
    owner.call("DELETE", f"/groups/{group}/invites/{codes['revoked']}").expect(204)
    time.sleep(1.1)
    assert [item["code"] for item in owner.get(f"/groups/{group}/invites")["items"]] == [codes["ended"]]
    for name in ("expired", "used", "revoked"):
        guests[1].call("GET", f"/invites/{codes[name]}").expect_problem(410, "invite-gone")
        guests[1].call("POST", f"/invites/{codes[name]}/accept").expect_problem(410, "invite-gone")
    owner.call("DELETE", f"/groups/{group}").expect(204)
    guests[1].call("POST", f"/invites/{codes['ended']}/accept").expect_problem(410, "invite-gone")
    guests[1].call("GET", "/invites/AAAAAAAAAAAAAAAAAAAAAA").expect_problem(404, "not-found")


def test_who_may_not(hub, owner, guests):
    member, stranger = guests[0], guests[1]
    group = owner.make_group()["id"]
    made = invite(owner, group)
    member.call("POST", f"/invites/{made['code']}/accept").expect(200)
    paths = [("POST", f"/groups/{group}/invites"), ("GET", f"/groups/{group}/invites"),
             ("DELETE", f"/groups/{group}/invites/{made['code']}")]
    for method, path in paths:
        member.call(method, path).expect_problem(403, "forbidden")
        stranger.call(method, path).expect_problem(404, "not-found")
    rest.request(hub, "GET", f"/invites/{made['code']}").expect_problem(401)
