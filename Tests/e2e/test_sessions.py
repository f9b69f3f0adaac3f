"""Issue "A running hub", step 2: persistent sessions; protocol.md §1 cursors, §3 guarantees 3 and 4."""
import json
import time

import pytest

from support import envelope, rest
from support.mqtt import V5, V311, has_text, text_of, user_properties
from support.wire import DISCONNECT, Wire


@pytest.fixture(scope="module")
def topic(pair):
    return pair[0].direct_topic(pair[1])


@pytest.fixture
def session(hub, pair, version):
    """Options of one persistent session of the second friend."""
    return {"version": version, "client_id": rest.unique_name("phone"), "clean": False,
            **({"expiry": 3600} if version == V5 else {})}


def test_an_offline_subscriber_catches_up(hub, pair, topic, session, client):
    """An offline subscriber catches up on reconnect (3.1.1 clean session false, 5.0 session expiry), in order, once."""
    first, second = pair
    absent = client(hub, second, **session)
    assert not absent.session_present
    absent.subscribe(topic)
    first.send(second, text="online")
    absent.next_where(has_text("online"))
    absent.disconnect()
    sent = [first.send(second, text=f"while away {number}").body for number in range(25)]
    back = client(hub, second, **session)
    assert back.session_present
    assert [message.payload for message in back.take(25)] == sent
    first.send(second, text="live again")
    assert text_of(back.next()) == "live again"
    back.disconnect()
    again = client(hub, second, **session)
    first.send(second, text="nothing in between")
    assert text_of(again.next()) == "nothing in between"


def test_a_lost_connection_misses_nothing(hub, pair, topic, session, client):
    """A persistent session misses nothing on QoS 1 through its own disconnects; a redelivery after a reconnect starts
    at the oldest unacknowledged and ascends again."""
    first, second = pair
    receiver = client(hub, second, manual_ack=True, **session)
    receiver.subscribe(topic)
    for number in range(5):
        first.send(second, text=f"lost {number}")
    seen = receiver.take(5)
    for message in seen[:2]:
        receiver.paho.ack(message.mid, message.qos)
    receiver.drop()
    back = client(hub, second, **session)
    again = back.take_until(has_text("lost 4"))
    texts = [text_of(message) for message in again]
    assert texts[-3:] == ["lost 2", "lost 3", "lost 4"], texts
    assert envelope.gapless([json.loads(message.payload) for message in again])


def test_a_clean_session_starts_now(hub, pair, topic, session, client):
    """Clean start forgets the session; a cursor starts at the last committed seq when SUBACK is sent."""
    first, second = pair
    old = client(hub, second, **session)
    old.subscribe(topic)
    old.disconnect()
    first.send(second, text="while away")
    fresh = client(hub, second, **{**session, "clean": True})
    assert not fresh.session_present
    fresh.subscribe(topic)
    first.send(second, text="now")
    assert text_of(fresh.next()) == "now"


def test_unsubscribed_is_forgotten(hub, pair, topic, session, client):
    first, second = pair
    receiver = client(hub, second, **session)
    receiver.subscribe(topic, second.inbox)
    receiver.unsubscribe(topic)
    first.send(second, text="not wanted")
    receiver.disconnect()
    first.send(second, text="not wanted either")
    back = client(hub, second, **session)
    back.subscribe(topic)
    first.send(second, text="wanted")
    assert text_of(back.next()) == "wanted"


def test_after_replays(hub, pair, topic, client):
    """`after: 42`, `after: topic=42`: delivery starts with the stored entries after it and goes on live without a gap;
    SUBACK carries `last_seq: topic=seq` for each filter without wildcards."""
    first, second = pair
    sent = [first.send(second, text=f"replay {number}").json for number in range(5)]
    start = sent[0]["seq"]
    for filters, after in (((topic,), str(start)), ((topic,), f"{topic}={start}"), (("direct/#",), f"{topic}={start}")):
        receiver = client(hub, second, version=V5)
        held = receiver.subscribe(*filters, after=[after])
        first.send(second, text="live")
        seqs = [json.loads(message.payload)["seq"] for message in receiver.take_until(has_text("live"))]
        assert seqs[:4] == [entry["seq"] for entry in sent[1:]] and seqs == list(range(seqs[0], seqs[0] + len(seqs)))
        if filters == (topic,):
            assert user_properties(held)["last_seq"].startswith(f"{topic}=")
        receiver.close()


def test_malformed_after_is_refused(hub, pair, topic, client):
    """A malformed one, or a bare number with only wildcard filters: 0x83."""
    receiver = client(hub, pair[1], version=V5)
    receiver.subscribe(topic, after=["x"], expect=[0x83])
    receiver.subscribe("direct/#", after=["5"], expect=[0x83])


def test_two_sessions_of_one_user_both_receive(hub, pair, topic, client):
    first, second = pair
    phones = [client(hub, second, version=version) for version in (V5, V311)]
    for phone in phones:
        phone.subscribe(topic)
    first.send(second, text="to both")
    assert len({phone.next_where(has_text("to both")).payload for phone in phones}) == 1


def test_takeover(hub, pair, topic, session, client):
    """The same client id again takes the session over: the old connection ends, the subscriptions go on."""
    first, second = pair
    old = client(hub, second, **session)
    old.subscribe(topic)
    new = client(hub, second, **session)
    assert new.session_present
    old.wait_end()
    first.send(second, text="to the new one")
    new.next_where(has_text("to the new one"))


def test_takeover_again_and_again(hub, pair, topic, client):
    """Double reconnects at once, over both reactors: one connection is left, and it works."""
    first, second = pair
    name = rest.unique_name("eager")
    crowd = [client(hub, second, version=V5, client_id=name, clean=False, expiry=3600) for _ in range(12)]
    for old in crowd[:-1]:
        old.wait_end()
    crowd[-1].subscribe(topic)
    first.send(second, text="to the last")
    crowd[-1].next_where(has_text("to the last"))


def test_takeover_code_on_the_wire(hub, pair):
    """A server that takes over sends DISCONNECT 0x8E [MQTT-3.1.4-3]."""
    with Wire(hub, "mqtts") as old, Wire(hub, "mqtts") as new:
        old.log_in(pair[0], client_id="same")
        new.log_in(pair[0], client_id="same")
        assert old.expect(DISCONNECT)[0] == 0x8E
        assert old.read_to_end() == b""


@pytest.mark.parametrize("level", [4, 5])
def test_keep_alive(hub, pair, level):
    """A client that is silent for one and a half times the keep-alive is disconnected [MQTT-3.1.2-22]."""
    with Wire(hub, "mqtts") as silent:
        silent.log_in(pair[0], level=level, client_id=rest.unique_name("silent"), keepalive=2)
        started = time.monotonic()
        rest_of_it = silent.read_to_end()
        waited = time.monotonic() - started
    assert 2.9 < waited < 5, waited
    assert rest_of_it[:1] == (b"\xe0" if level == 5 else b"")
    if level == 5:
        assert rest_of_it[2] == 0x8D
