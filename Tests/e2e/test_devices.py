"""rest.md: GET /devices, DELETE /devices/{client_id}."""
import json
import urllib.parse

import pytest

from support import rest, tokens
from support.mqtt import V311, V5
from support.waiting import eventually


@pytest.fixture
def user(hub):
    return rest.sign_up(hub, "devices")


def devices(user):
    return {item["client_id"]: item for item in user.get("/devices")["items"]}


def forget(user, client_id):
    return user.call("DELETE", "/devices/" + urllib.parse.quote(client_id, safe=""))


def test_the_list(hub, client, user):
    """What is connected, on whichever event loop, and what is kept of clients that are away."""
    phone = client(hub, user, client_id="phone/ü +#", clean=False, expiry=3600)
    phone.subscribe("group/+", user.inbox)
    client(hub, user, client_id="shell", version=V311)
    away = client(hub, user, client_id="away", version=V311, clean=False)
    away.disconnect()
    eventually(lambda: not devices(user)["away"]["connected"], "the end is seen")
    found = devices(user)
    assert list(found) == ["away", "phone/ü +#", "shell"]
    session = user.get("/sessions")["items"][0]["id"]
    one = found["phone/ü +#"]
    assert one["connected"] and one["persistent"] and one["protocol"] == "5.0" and one["subscriptions"] == 2
    assert one["session_id"] == session and one["connected_at"] <= one["last_seen_at"]
    assert not found["shell"]["persistent"] and found["shell"]["protocol"] == "3.1.1"
    assert found["away"]["expires_at"] > found["away"]["last_seen_at"] >= found["away"]["created_at"][:19]
    assert rest.sign_up(hub, "devices").get("/devices")["items"] == []
    first = user.get("/devices?limit=2")
    second = user.get(first["next"])
    assert [item["client_id"] for item in first["items"] + second["items"]] == list(found)


@pytest.mark.parametrize("version", [V311, V5], ids=["3.1.1", "5.0"])
def test_forgetting_a_connected_one(hub, client, user, version):
    """Connection, session, subscriptions and will are gone; what it comes back to is new."""
    other = rest.sign_up(hub, "devices")
    topic = user.befriend(other)
    options = dict(client_id="tablet/1", version=version, clean=False, expiry=3600)
    one = client(hub, user, will=(topic, "gone", 1), **options)
    one.subscribe(topic)
    client(hub, user, client_id="tablet/2")
    forget(user, "tablet/1").expect(204)
    one.wait_end(5)
    assert list(devices(user)) == ["tablet/2"]
    eventually(lambda: [item["body"]["text"] for item in other.items(user)] == ["gone"], "the will is sent")
    forget(user, "tablet/1").expect_problem(404, "not-found")
    other.send(user, text="not kept")
    back = client(hub, user, connect=False, **options)
    back.connect()
    assert not back.session_present
    back.subscribe(topic)
    other.send(user, text="kept")
    assert json.loads(back.next().payload)["body"]["text"] == "kept"


def test_forgetting_one_that_is_away(hub, client, user):
    one = client(hub, user, client_id="away", clean=False, expiry=3600)
    one.subscribe(user.inbox)
    one.disconnect()
    forget(user, "away").expect(204)
    assert devices(user) == {}
    back = client(hub, user, connect=False, client_id="away", clean=False, expiry=3600)
    back.connect()
    assert not back.session_present


def test_anothers_stay(hub, client, user):
    """The same client id of another user is another device."""
    stranger = rest.sign_up(hub, "devices")
    one = client(hub, stranger, client_id="same", clean=False, expiry=3600)
    forget(user, "same").expect_problem(404, "not-found")
    assert not one.ended and list(devices(stranger)) == ["same"]


def test_shared_subscriptions_go_on_without_it(hub, client, user):
    """What waited for the forgotten member goes to those that are left."""
    minted = tokens.mint(hub, user, "--acl", '{"all":["jobs/#"]}')
    gone = client(hub, minted, client_id="worker-1", clean=False, expiry=3600)
    gone.subscribe("$share/crew/jobs/#")
    gone.disconnect()
    forget(user, "worker-1").expect(204)
    left = client(hub, minted, client_id="worker-2", clean=False, expiry=3600)
    left.subscribe("$share/crew/jobs/#")
    sender = client(hub, minted)
    for number in range(6):
        sender.publish("jobs/x", str(number))
    assert sorted(left.next().payload.decode() for _ in range(6)) == [str(number) for number in range(6)]
