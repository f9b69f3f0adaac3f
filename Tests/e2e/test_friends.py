"""Issue "A running hub", step 2: friend requests, their events on the inbox, and the end of a friendship."""
import pytest

from support import envelope, rest
from support.mqtt import V5, V311, has_text


@pytest.fixture(scope="module")
def watcher(hub):
    """Somebody whose inbox is watched."""
    return rest.sign_up(hub, "watcher")


def test_a_request_and_its_acceptance_arrive_on_the_inboxes(hub, watcher, version, client):
    """Friend requests arrive on `inbox/{user}`; `friend_request {user}`, `friend_accepted {user, topic}`."""
    other = rest.sign_up(hub, "asker")
    asked, asking = client(hub, watcher, version=version), client(hub, other, version=version)
    asked.subscribe(watcher.inbox)
    asking.subscribe("inbox/+")
    pending = other.post("/friends/add", {"username": watcher.name}, 201).json
    assert pending["status"] == "pending" and pending["user"]["id"] == watcher.id
    message = asked.next()
    request = envelope.check(message.payload, type="friend_request", topic=watcher.inbox)
    assert message.topic == watcher.inbox
    assert request["body"]["user"]["id"] == other.id and request["body"]["user"]["username"] == other.name
    accepted = watcher.post("/friends/accept", {"user_id": other.id}).json
    assert accepted["status"] == "accepted" and accepted["user"]["id"] == other.id
    assert accepted["topic"] == watcher.direct_topic(other)
    event = envelope.check(asking.next().payload, type="friend_accepted", topic=other.inbox, seq=1)
    assert event["body"]["user"]["id"] == watcher.id and event["body"]["topic"] == accepted["topic"]


def test_repeating_is_harmless(hub, watcher):
    """Repeating a pending one: 200 with the first `created_at`; accepting again: the same; removing again: 204."""
    other = rest.sign_up(hub)
    first = other.post("/friends/add", {"user_id": watcher.id}, 201).json
    assert other.post("/friends/add", {"user_id": watcher.id}, 200).json["created_at"] == first["created_at"]
    accepted = watcher.post("/friends/accept", {"user_id": other.id}).json
    assert watcher.post("/friends/accept", {"user_id": other.id}).json == accepted
    other.call("POST", "/friends/add", {"user_id": watcher.id}).expect_problem(409, "already-friends")
    for _ in range(2):
        other.post("/friends/remove", {"user_id": watcher.id}, 204)


def test_crossing_requests_make_friends(hub, watcher):
    """200 `{status:"accepted", …}` if the other had asked."""
    other = rest.sign_up(hub)
    other.post("/friends/add", {"user_id": watcher.id}, 201)
    assert watcher.post("/friends/add", {"user_id": other.id}, 200).json["status"] == "accepted"


def test_requests_that_make_no_sense(watcher, stranger):
    """404 unknown user; 422 self; accept: 404 no such request."""
    watcher.call("POST", "/friends/add", {"username": "nobody-at-all"}).expect_problem(404, "not-found")
    watcher.call("POST", "/friends/add", {"user_id": "1"}).expect_problem(404, "not-found")
    watcher.call("POST", "/friends/add", {"user_id": watcher.id}).expect_problem(422)
    watcher.call("POST", "/friends/add", {}).expect_problem(422)
    watcher.call("POST", "/friends/add", {"user_id": 5}).expect_problem(422)
    watcher.call("POST", "/friends/accept", {"user_id": stranger.id}).expect_problem(404)


def test_lists(pair):
    """GET /friends: Page of `{user, topic, since}`."""
    first, second = pair
    items = first.get("/friends")["items"]
    assert [(item["user"]["id"], item["topic"]) for item in items] == [(second.id, first.direct_topic(second))]


def test_removing_the_friend_ends_the_conversation_at_once(hub, client):
    """Removing the friend ends the conversation at once; a direct conversation stays readable after unfriending."""
    first, second = rest.friends(hub)
    topic = first.direct_topic(second)
    sender5, sender4 = client(hub, first, version=V5), client(hub, second, version=V311)
    sender4.subscribe(second.inbox, topic)
    sender5.publish(topic, "before")
    sender4.next_where(has_text("before"))
    first.post("/friends/remove", {"user_id": second.id}, 204)

    ack = sender5.publish(topic, "after", expect=0x87)
    assert ack.properties.ReasonString == "not-friends"
    sender4.publish(topic, "after")  # 3.1.1 can't say no: acknowledged and dropped
    first.call("POST", "/messages", {"user_id": second.id, "text": "after"}).expect_problem(403, "not-friends")
    removed = sender4.next_event("friend_removed", second.inbox)
    assert removed["body"] == {"user_id": first.id}
    for user, other in ((first, second), (second, first)):
        texts = [item["body"].get("text") for item in user.items(other)]
        assert "before" in texts and "after" not in texts
    client(hub, first, version=V5).subscribe(topic)  # readable by those two, once they have been friends, for ever

    first.befriend(second)
    ack = sender5.publish(topic, "friends again")
    assert sender4.next_where(has_text("friends again"))
    envelope.gapless(first.items(second))
