"""protocol.md §3, guarantees 1 to 4, against kill -9 of the hub and of PostgreSQL."""
import json
import os
import signal
import struct

import pytest

from support import envelope, rest, wire
from support.mqtt import V5, has_text
from support.waiting import eventually
from support.wire import PUBACK, Wire

SENT = 60


def kill_hub(hub):
    hub.kill()


def kill_both(hub):
    """PostgreSQL first, as in a loss of power: nothing may be saved after the acknowledgement."""
    os.kill(hub.postgres_pid(), signal.SIGKILL)
    hub.kill()


@pytest.mark.parametrize("crash", [kill_hub, kill_both])
def test_what_was_acknowledged_is_there_after_a_crash(make_hub, crash, client):
    """A publish-ack-kill test: kill -9 the hub right after PUBACK; the message is there after restart. What a crash
    keeps of one client's messages is a prefix; a persistent session gets it all."""
    hub = make_hub("--reactors", "2").start()
    first, second = rest.friends(hub)
    topic = first.direct_topic(second)
    session = {"version": V5, "client_id": "phone", "clean": False, "expiry": 3600}
    absent = client(hub, second, **session)
    absent.subscribe(topic)
    absent.disconnect()
    for acknowledged_before_crash in (1, 20):
        before = second.history(first).json["last_seq"]
        with Wire(hub) as sender:
            sender.log_in(first, level=4)
            packets = [wire.publish(topic, f"crash {n}".encode(), 4, qos=1, packet_id=n + 1) for n in range(SENT)]
            sender.send(b"".join(packets))
            for number in range(acknowledged_before_crash):
                assert struct.unpack(">H", sender.expect(PUBACK)) == (number + 1,)
            crash(hub)
        hub.restart()
        page = second.history(first, f"?after={before}&limit=200").json
        texts = [item["body"]["text"] for item in page["items"]]
        assert texts == [f"crash {n}" for n in range(len(texts))], "not a prefix of what was sent"
        assert len(texts) >= acknowledged_before_crash, "an acknowledged message is lost"
        if texts:
            assert envelope.gapless(page["items"])[0] == before + 1
        first.send(second, text="goes on")
        assert second.items(first, "?limit=1")[0]["seq"] == before + len(texts) + 1
    everything = second.items(first, "?after=0&limit=200")
    back = client(hub, second, **session)
    assert back.session_present
    assert [json.loads(message.payload) for message in back.take(len(everything))] == everything
    hub.stop()


def test_a_posted_message_survives(make_hub):
    """HTTP 2xx means: committed in PostgreSQL."""
    hub = make_hub().start()
    first, second = rest.friends(hub)
    sent = first.send(second, text="posted").json
    hub.kill()
    hub.restart()
    assert second.items(first)[-1] == sent
    hub.stop()


def test_a_left_postgresql_is_adopted(make_hub):
    """kill -9 of the hub leaves its PostgreSQL running: the next start adopts it (postmaster.pid)."""
    hub = make_hub().start()
    left = hub.postgres_pid()
    hub.kill()
    assert hub.postgres_pid() == left, "PostgreSQL outlives a kill -9 of the hub"
    hub.restart()
    assert hub.postgres_pid() == left
    rest.sign_up(hub)
    hub.stop()
    assert hub.postgres_pid() is None, "adopted means: ended with the hub, too"


def test_postgresql_is_started_again(make_hub, client):
    """recovered after a crash: kill -9 of PostgreSQL alone; the hub brings it back, connections and sessions go on."""
    hub = make_hub().start()
    first, second = rest.friends(hub)
    topic = first.direct_topic(second)
    sender, receiver = client(hub, first), client(hub, second)
    receiver.subscribe(topic)
    sender.publish(topic, "before")
    killed = hub.postgres_pid()
    os.kill(killed, signal.SIGKILL)
    eventually(lambda: hub.postgres_pid() not in (None, killed), "another PostgreSQL", 60)
    eventually(lambda: rest.request(hub, "GET", "/readyz", listener="ops").status == 200, "ready again", 60)
    eventually(lambda: first.call("POST", "/messages", {"user_id": second.id, "text": "after"}).status == 201,
               "sending works again", 30)
    sender.publish(topic, "by the old connection")
    seen = receiver.take_until(has_text("by the old connection"))
    envelopes = [json.loads(message.payload) for message in seen]
    envelope.gapless(envelopes)
    assert envelopes == second.items(first, f"?after={envelopes[0]['seq'] - 1}")
    assert envelopes[0]["body"]["text"] == "before"
    hub.stop()
