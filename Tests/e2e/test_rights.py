"""protocol.md §1: who publishes and who subscribes; refusals that the caller can act on."""
import pytest

from support import rest
from support.mqtt import V5, V311, has_text, kind_of


@pytest.fixture(scope="module")
def topic(pair):
    return pair[0].direct_topic(pair[1])


def refused(version):
    """What a SUBACK says to a filter that isn't granted: 0x87; 3.1.1: 0x80."""
    return 0x87 if version == V5 else 0x80


def test_a_strangers_publish_is_refused(hub, pair, stranger, client):
    """A stranger's publish is refused: by MQTT 5 with 0x87 and the problem's name, by REST with 403 `not-friends`."""
    topic = stranger.direct_topic(pair[0])
    ack = client(hub, stranger, version=V5).publish(topic, "hello?", expect=0x87)
    assert ack.properties.ReasonString == "not-friends"
    stranger.call("POST", "/messages", {"user_id": pair[0].id, "text": "hello?"}).expect_problem(403, "not-friends")


def test_in_311_it_is_acknowledged_dropped_and_told(hub, pair, stranger, client):
    """MQTT 3.1.1: a publish refused for good is acknowledged and dropped, and told by `refused` on the inbox."""
    topic = stranger.direct_topic(pair[0])
    sender = client(hub, stranger, version=V311)
    sender.subscribe(stranger.inbox)
    sender.publish(topic, {"text": "hello?", "client_ref": "mine-1"})
    event = sender.next_event("refused", stranger.inbox)
    assert event["body"] == {"topic": topic, "client_ref": "mine-1", "problem": "not-friends"}
    pair[0].call("GET", f"/messages/{stranger.id}").expect_problem(404)


def test_a_third_persons_publish_does_not_enter(hub, pair, stranger, topic, version, client):
    """direct/{low}/{high}: those two publish, nobody else; nothing of it reaches them or the history."""
    receiver, sender = client(hub, pair[1], version=version), client(hub, stranger, version=version)
    receiver.subscribe("direct/#")
    sender.publish(topic, "intruding", expect=0x87 if version == V5 else 0)
    sender.publish(pair[1].inbox, "intruding", expect=0x87 if version == V5 else 0)
    client(hub, pair[0]).publish(topic, "end of test")
    assert [kind_of(message) for message in receiver.take_until(has_text("end of test"))] == ["message"]


def test_nobody_publishes_to_an_inbox(hub, pair, client):
    """inbox/{user}: the hub publishes."""
    client(hub, pair[0], version=V5).publish(pair[0].inbox, "to myself", expect=0x87)


def test_foreign_topics_are_not_subscribed(hub, pair, stranger, topic, version, client):
    """SUBSCRIBE to a foreign inbox, conversation or group, or to what is no topic: refused in SUBACK."""
    group = pair[0].make_group()["id"]
    low, high = topic.split("/")[1:]
    filters = [pair[0].inbox, topic, f"group/{group}", "group/1", "inbox/0", f"inbox/0{stranger.id}",
               f"direct/{high}/{low}", "presence/1", "$SYS/broker/uptime", "app/plain", f"direct/{low}/{high}/x"]
    outsider = client(hub, stranger, version=version)
    outsider.subscribe(*filters, expect=[refused(version)] * len(filters))
    outsider.subscribe(stranger.inbox, topic, "inbox/+", expect=[1, refused(version), 1])


@pytest.mark.parametrize("granted", ["inbox/+", "group/+", "group/#", "direct/#", "direct/+/+", "#", "+/+", "+/#"])
def test_wildcards_are_granted_by_shape(hub, stranger, version, granted, client):
    """With wildcards: granted if its shape could match a topic that this user could ever read."""
    client(hub, stranger, version=version).subscribe(granted)


def test_wildcards_that_can_never_match_are_refused(hub, stranger, version, client):
    """`direct/9/+` of user 7 can't: 7 < 9 turned round: the other id must come second."""
    later = str(int(stranger.id) + 1)
    filters = [f"direct/{later}/+", "inbox/x/+", "group/x/#", f"inbox/{later}/#"]
    client(hub, stranger, version=version).subscribe(*filters, expect=[refused(version)] * 4)


def test_a_wildcard_covers_only_what_may_be_read(hub, pair, stranger, topic, client):
    """A granted wildcard covers exactly what the user may read: `#` of a stranger shows nothing of others."""
    outsider = client(hub, stranger)
    outsider.subscribe("#")
    client(hub, pair[0]).publish(topic, "private")
    friend = rest.sign_up(hub)
    friend.post("/friends/add", {"user_id": stranger.id}, 201)
    seen = outsider.take_until(lambda message: kind_of(message) == "friend_request")
    assert [message.topic for message in seen] == [stranger.inbox]


def test_a_wildcard_covers_later_friends(hub, client):
    """now and later, as it joins, leaves, befriends or is removed."""
    first, second = rest.sign_up(hub), rest.sign_up(hub)
    receiver, sender = client(hub, second), client(hub, first)
    receiver.subscribe("direct/+/+")
    topic = first.befriend(second)
    sender.publish(topic, "welcome")
    assert receiver.next().topic == topic
    first.post("/friends/remove", {"user_id": second.id}, 204)
    sender.publish(topic, "gone", expect=0x87)
    first.befriend(second)
    sender.publish(topic, "back")
    receiver.next_where(has_text("back"))


def test_other_spellings_are_no_topics(hub, pair, topic, client):
    """Other spellings of a topic (`direct/5101/5100`, leading zeros) are no topics."""
    low, high = topic.split("/")[1:]
    sender = client(hub, pair[0], version=V5)
    for spelling in (f"direct/{high}/{low}", f"direct/0{low}/{high}", f"direct/{low}/{high}/", f"direct/{low}",
                     f"direct/{low}/{low}", f"/direct/{low}/{high}", f"Direct/{low}/{high}"):
        ack = sender.await_ack(sender.publish_later(spelling, "x"))
        assert ack.code >= 0x80, spelling
    sender.publish(topic, "the connection lives")


def test_shared_subscriptions_on_reserved_topics_are_refused(hub, pair, client):
    """`$share` on reserved topics is refused (0x9E; 3.1.1 0x80)."""
    client(hub, pair[0], version=V5).subscribe("$share/workers/direct/#", expect=[0x9E])
    client(hub, pair[0], version=V311).subscribe("$share/workers/direct/#", expect=[0x80])


def test_plain_topics_need_an_acl(hub, pair, client):
    """No `acl`: chat topics only."""
    sender = client(hub, pair[0], version=V5)
    sender.publish("app/sensors/1", "x", expect=0x87)
    sender.subscribe("app/#", expect=[0x87])


def test_same_client_id_of_another_user_is_another_session(hub, pair, client):
    """Sessions belong to (user, client id): another user's same client id is another session."""
    first, second = (client(hub, user, client_id="phone") for user in pair)
    first.subscribe(pair[0].inbox)
    second.subscribe(pair[1].inbox)
    first.unsubscribe(pair[0].inbox)
