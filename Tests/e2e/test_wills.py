"""Wills: MQTT 5 §3.1.2.5 and §3.1.3.2, 3.1.1 §3.1.2.5; protocol.md §2: a will onto a conversation is a message;
security.md: the will is checked against the sender's rights at CONNECT and again when sent."""
import random
import time

import pytest
from paho.mqtt.packettypes import PacketTypes

from support import rest, wire
from support.mqtt import V5, has_text, properties
from support.waiting import eventually
from support.wire import CONNACK, Will, Wire

LEVELS = (4, 5)


def attached(hub, will, level=5, client_id=None, clean=True, expiry=0, user=None, keepalive=60):
    """A socket whose client is connected with this will."""
    held = wire.session_expiry(expiry) if expiry else b""
    one = Wire(hub)
    credentials = {"user": user.id, "password": user.token} if user else {}
    one.send(wire.connect(level, client_id or rest.unique_name("will"), keepalive=keepalive, clean=clean, will=will,
                          properties=held, **credentials))
    body = one.expect(CONNACK)
    assert body[1] == 0, f"CONNACK {body[1]:#x}"
    return one


def connack(hub, will, level=5, user=None):
    """The code with which a CONNECT with this will is answered."""
    with Wire(hub) as one:
        credentials = {"user": user.id, "password": user.token} if user else {}
        one.send(wire.connect(level, rest.unique_name("will"), will=will, **credentials))
        body = one.expect(CONNACK)
        if body[1]:
            assert one.read_to_end() == b"", "a refused CONNECT ends the connection"
        else:
            one.send(wire.packet(wire.DISCONNECT))
            assert one.read_to_end() == b""
        return body[1]


@pytest.fixture
def listener(anonymous_hub, client):
    """Somebody who listens on a topic of the test's own; `sent` is what came before the sentinel."""
    class Listener:
        hub, topic = anonymous_hub, rest.unique_name("wills")

        def __init__(self):
            self.client = client(anonymous_hub, version=V5, tls=False)
            self.client.subscribe(self.topic, qos=2)

        def next(self, seconds=15):
            return self.client.next(seconds)

        def nothing_more(self):
            self.client.publish(self.topic, "sentinel")
            assert self.next().payload == b"sentinel"

    return Listener()


def end_by_close(one, _hub):
    one.socket.close()


def end_by_silence(one, _hub):
    one.read_to_end()


def end_by_violation(one, _hub):
    one.send(wire.packet(CONNACK, b"\0\0")).read_to_end()


def end_by_takeover(one, hub):
    attached(hub, None, client_id="taken").send(wire.packet(wire.DISCONNECT)).read_to_end()
    one.read_to_end()


@pytest.mark.parametrize("end", [end_by_close, end_by_silence, end_by_violation, end_by_takeover])
@pytest.mark.parametrize("level", LEVELS)
def test_it_is_published_at_every_other_end(listener, level, end):
    """The Will Message MUST be published after the Network Connection is closed unless DISCONNECT deleted it
    [MQTT-3.1.2-8]: I/O error, no packet within the keep-alive, the server closes because of a protocol error, another
    client takes over."""
    one = attached(listener.hub, Will(listener.topic), level, client_id="taken", keepalive=1)
    end(one, listener.hub)
    got = listener.next()
    assert (got.payload, got.qos, got.retain) == (b"gone", 1, False)
    listener.nothing_more()


@pytest.mark.parametrize("level", LEVELS)
def test_a_normal_disconnect_deletes_it(listener, level):
    """On receipt of DISCONNECT the server MUST discard any Will Message if the reason code is 0x00 [MQTT-3.14.4-3]."""
    with attached(listener.hub, Will(listener.topic), level) as one:
        one.send(wire.packet(wire.DISCONNECT)).read_to_end()
    listener.nothing_more()


@pytest.mark.parametrize("reason", [0x04, 0x80, 0x97])
def test_disconnect_with_will(listener, reason):
    """0x04: the client wishes to disconnect but requires that the server also publishes its Will Message."""
    with attached(listener.hub, Will(listener.topic)) as one:
        one.send(wire.disconnect(reason)).read_to_end()
    assert listener.next().payload == b"gone"


def test_it_has_its_own_qos_and_properties(listener, client):
    """The will is published as given: QoS, payload, properties in order; the expiry counts from then."""
    made = properties(PacketTypes.WILLMESSAGE, ContentType="a/b", ResponseTopic="r/t", CorrelationData=b"\0\1",
                      UserProperty=[("b", "2"), ("a", "1"), ("b", "3")], MessageExpiryInterval=90)
    one = client(listener.hub, version=V5, tls=False, will=(listener.topic, b"\0\xff", 2, False, made))
    one.drop()
    got = listener.next()
    assert (got.payload, got.qos) == (b"\0\xff", 2)
    assert got.properties.UserProperty == [("b", "2"), ("a", "1"), ("b", "3")]
    assert (got.properties.ContentType, got.properties.ResponseTopic) == ("a/b", "r/t")
    assert got.properties.CorrelationData == b"\0\1" and 80 < got.properties.MessageExpiryInterval <= 90
    assert not hasattr(got.properties, "WillDelayInterval")


# Delays

@pytest.mark.parametrize("delay, expiry, seconds", [(1, 60, 1), (60, 1, 1), (60, 0, 0), (0, 60, 0)])
def test_the_delay_or_the_end_of_the_session(listener, delay, expiry, seconds):
    """The server delays publishing until the Will Delay Interval has passed or the session ends, whichever happens
    first (§3.1.3.2.2)."""
    one = attached(listener.hub, Will(listener.topic, delay=delay), clean=False, expiry=expiry)
    started = time.monotonic()
    one.socket.close()
    assert listener.next().payload == b"gone"
    waited = time.monotonic() - started
    assert seconds - 0.1 < waited < seconds + 2.5, waited


def test_disconnect_may_shorten_the_session(listener):
    """DISCONNECT may change the session expiry: with the session ends the delay."""
    with attached(listener.hub, Will(listener.topic, delay=60), clean=False, expiry=60) as one:
        one.send(wire.disconnect(0x04, wire.session_expiry(0))).read_to_end()
        assert listener.next().payload == b"gone"


@pytest.mark.parametrize("is_live", [False, True], ids=["after-the-end", "takeover"])
def test_coming_back_cancels_it(listener, is_live):
    """If a new connection to this session is made before the delay has passed, the server MUST NOT send the will
    [MQTT-3.1.3-9]."""
    name = rest.unique_name("back")
    one = attached(listener.hub, Will(listener.topic, delay=1), client_id=name, clean=False, expiry=60)
    if not is_live:
        one.socket.close()
    again = attached(listener.hub, Will(listener.topic, b"second", delay=2), client_id=name, clean=False, expiry=60)
    again.socket.close()
    assert listener.next().payload == b"second"
    listener.nothing_more()


@pytest.mark.parametrize("is_live", [False, True], ids=["after-the-end", "takeover"])
def test_a_clean_start_ends_the_delay(listener, is_live):
    """A clean start ends the session, and with it the delay."""
    name = rest.unique_name("clean")
    one = attached(listener.hub, Will(listener.topic, delay=600), client_id=name, clean=False, expiry=6000)
    if not is_live:
        one.socket.close()
    with attached(listener.hub, None, client_id=name, clean=True) as again:
        assert listener.next().payload == b"gone"
        again.send(wire.packet(wire.DISCONNECT)).read_to_end()
    listener.nothing_more()


# Conversations and rights

@pytest.fixture(scope="module")
def group(hub, pair):
    return pair[0].make_group(pair[1])["id"]


@pytest.mark.parametrize("level", LEVELS)
def test_onto_a_conversation_it_is_a_message(hub, pair, group, client, level):
    """A will onto a conversation is a message: stored, numbered, from its sender, in history."""
    first, second = pair
    reader = client(hub, first, version=V5)
    reader.subscribe(f"group/{group}")
    text = rest.unique_name("last words")
    attached(hub, Will(f"group/{group}", text.encode()), level, user=second).socket.close()
    got = reader.next_where(has_text(text))
    last = first.items(group, "?limit=1")[0]
    assert got.payload and last["body"] == {"text": text} and last["from"] == second.id


def refused_count(hub):
    lines = rest.request(hub, "GET", "/metrics", listener="ops").expect(200).body.decode().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("confab_refused_publishes_total "))


def test_an_ex_members_will_is_not_sent(hub, pair):
    """and again when sent: who is no member any more has nothing to say, not even at the end."""
    first, second = pair
    group = first.make_group(second)["id"]
    one = attached(hub, Will(f"group/{group}", b"still here"), user=second)
    first.post(f"/groups/{group}/remove", {"user_id": second.id}, 204)
    before = refused_count(hub)
    one.socket.close()
    eventually(lambda: refused_count(hub) > before, "the will is refused")
    assert not [item for item in first.items(group) if item["type"] == "message"]


def test_a_log_out_sends_it(hub, pair, group, client):
    """A log-out ends the connection, not the user's rights: the will is published."""
    first, second = pair
    phone = rest.log_in(hub, second)
    reader = client(hub, first, version=V5)
    reader.subscribe(f"group/{group}")
    with attached(hub, Will(f"group/{group}", b"logged out"), user=phone) as one:
        phone.post("/logout", {}, 204)
        one.read_to_end()
        reader.next_where(has_text("logged out"))


def test_rights_are_checked_at_connect(hub, pair, group, stranger):
    """No right: 0x87, no topic: 0x90, no message: 0x99; 3.1.1: 5."""
    cases = [(f"group/{group}", b"x", 0x87), (pair[0].direct_topic(pair[1]), b"x", 0x87), ("app/plain", b"x", 0x87),
             (stranger.inbox, b"x", 0x87), (f"presence/{stranger.id}", b"x", 0x87), ("$SYS/x", b"x", 0x87),
             (f"group/{group}/typing", b"x", 0x87), ("group/x", b"x", 0x90), ("direct/2/1", b"x", 0x90)]
    for topic, payload, code in cases:
        assert connack(hub, Will(topic, payload), 5, stranger) == code, topic
        assert connack(hub, Will(topic, payload), 4, stranger) == 5, topic
    reply = b'{"text":"a","reply_to":99999}'
    for payload, code in ((b"", 0x99), (b"{", 0x99), (b"\xff", 0x99), (reply, 0x99), (b"x", 0)):
        assert connack(hub, Will(f"group/{group}", payload), 5, pair[1]) == code, payload
        assert connack(hub, Will(f"group/{group}", payload), 4, pair[1]) == (5 if code else 0), payload


def test_without_a_token(anonymous_hub):
    """--anonymous opens plain topics, and no others."""
    assert connack(anonymous_hub, Will("any/topic", b"\xff")) == 0
    for topic, code in (("group/1", 0x87), ("inbox/1", 0x87), ("$SYS/x", 0x87), ("direct/1", 0x90)):
        assert connack(anonymous_hub, Will(topic)) == code


# The end of the hub

def test_kill_9(make_hub, client):
    """A crash of the hub loses no will: those of connected clients follow their delay from the start on, delays that run
    go on; onto a conversation it is stored once, though the hub is killed again and again."""
    hub = make_hub("--anonymous", "--reactors", "2").start()
    first, second = rest.friends(hub)
    group = first.make_group(second)["id"]
    topic = rest.unique_name("crash")
    running = attached(hub, Will(topic, b"running", delay=6), clean=False, expiry=600, client_id="running")
    running.socket.close()
    later = attached(hub, Will(topic, b"later", delay=8), clean=False, expiry=600, client_id="later")
    words = attached(hub, Will(f"group/{group}", b"last words"), user=second, client_id="words")
    gone = attached(hub, Will(f"group/{group}", b"not wanted"), user=second, client_id="gone")
    gone.send(wire.packet(wire.DISCONNECT)).read_to_end()
    # A CONNECT of the same client waits until what became of its earlier will is written down.
    client(hub, second, client_id="gone").disconnect()
    hub.kill()
    hub.restart()
    listener = client(hub, version=V5, tls=False)
    listener.subscribe(topic)
    assert [message.payload for message in listener.take(2)] == [b"running", b"later"]

    def texts():
        return [item["body"]["text"] for item in first.items(group) if item["type"] == "message"]

    eventually(lambda: texts() == ["last words"], "the will is in the log")
    hub.kill()
    hub.restart()
    first.send(group, text="after it")
    assert sorted(texts()) == ["after it", "last words"]
    for one in (later, words):
        one.socket.close()
    hub.stop()


def test_a_stop_sends_them(make_hub, client):
    """A graceful stop closes the connections, so it publishes wills; delayed ones are left to the next process."""
    hub = make_hub("--anonymous", "--reactors", "2").start()
    first, second = rest.friends(hub)
    group = first.make_group(second)["id"]
    topic = rest.unique_name("stop")
    one = attached(hub, Will(f"group/{group}", b"stopped"), user=second)
    attached(hub, Will(topic, b"delayed", delay=5), clean=False, expiry=600)
    hub.stop()
    assert one.read_packet()[2][:1] == b"\x8b"
    hub.restart()
    listener = client(hub, version=V5, tls=False)
    listener.subscribe(topic)
    items = first.items(group)
    assert [item["body"]["text"] for item in items if item["type"] == "message"] == ["stopped"]
    assert listener.next().payload == b"delayed"
    hub.stop()


# What is no will

@pytest.mark.parametrize("level, code", [(4, None), (5, 0x90)])
@pytest.mark.parametrize("topic", ["", "a/+", "#"])
def test_impossible_topics(anonymous_hub, topic, level, code):
    """A will topic is a topic name [MQTT-4.7.3-1] [MQTT-3.3.2-2]."""
    with Wire(anonymous_hub) as one:
        one.send(wire.connect(level, will=Will(topic)))
        answer = one.read_to_end()
    assert answer[3:4] in ((b"", b"\x05") if level == 4 else (bytes([code]),)), answer


def test_malformed_a_thousand_times(anonymous_hub, listener):
    """Malformed will properties again and again: the connection closes, the hub lives, and sends nothing."""
    chance = random.Random(7)
    raw = (b"\x01\x01\x02\0\0\0\x0a\x03" + wire.text("a/b") + b"\x08" + wire.text("r/t") + b"\x09" + wire.text("x")
           + b"\x26" + wire.text("n") + wire.text("v"))
    good = wire.connect(5, "malformed", will=Will(listener.topic, "text", delay=3, raw=raw))
    assert connack(anonymous_hub, Will(listener.topic, "text", delay=3, raw=raw)) == 0
    for number in range(1000):
        bad = bytearray(good)
        how = number % 4
        if how == 0:  # cut within the will, the length corrected
            body = bytes(bad[2:chance.randrange(20, len(bad) - 1)])
            bad = bytearray(wire.packet(1, body))
        elif how == 1:  # a will QoS of 3
            bad[9] = 0x1E
        elif how == 2:  # a property twice, or one that a will can't have
            again = chance.choice([b"\x18\0\0\0\1", b"\x01\x00", b"\x02\0\0\0\1", b"\x11\0\0\0\1", b"\x7f", b"\x23\0\1"])
            bad = bytearray(wire.connect(5, "malformed", will=Will(listener.topic, "text", delay=3, raw=raw + again)))
        else:  # more bytes than the length says: the rest is no packet
            bad += bytes([chance.randrange(256) & 0xF0, 0xFF, 0xFF, 0xFF, 0xFF])
        with Wire(anonymous_hub) as one:
            one.send(bytes(bad))
            answer = one.read_to_end()
            if how < 3:
                assert not answer or answer[0] == 0x20 and answer[3] >= 0x80, (how, bytes(bad), answer)
    for _ in range(250):  # those whose CONNECT was good
        assert listener.next().payload == b"text"
    listener.nothing_more()
