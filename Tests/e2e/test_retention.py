"""`--retention`: what is beyond it goes, and whoever wanted to read it is told (protocol.md §1 "Cursors", §2)."""
import json
import subprocess
import urllib.request

import pytest

from support import envelope, rest
from support.hub import Hub, binary
from support.mqtt import V5, V311, has_text, kind_of, mosquitto, text_of, user_properties
from support.waiting import DEADLINE_SECONDS, eventually

KEPT = 5
# Housekeeping has its turn once a minute, and at the start.
PERIOD_SECONDS = 75


@pytest.fixture(scope="module")
def people():
    """Two friends on a hub that keeps next to nothing."""
    hub = Hub("--retention", f"group={KEPT},inbox=1,filter={KEPT}", "--anonymous", "--reactors", "2")
    try:
        yield rest.friends(hub.start(), "kept")
    finally:
        hub.discard()


@pytest.fixture
def group(people):
    first, second = people
    return first.make_group(second)


def fill(people, group, count=12):
    """So many messages of the first friend; returns their envelopes."""
    return [people[0].send(group["id"], text=f"message {number}").json for number in range(count)]


def trim(hub, user, topic, kept=KEPT):
    """A start does what is due. (The tests don't wait for the minute; one does.)"""
    hub.stop()
    hub.restart()
    return trimmed(user, topic, kept)


def trimmed(user, topic, kept=KEPT, seconds=DEADLINE_SECONDS):
    """The page of what is left, once that is no more than what is kept."""
    def page():
        page = user.get(f"/messages/{topic}?limit=200")
        return page if page["last_seq"] - page["first_seq"] < kept else None
    return eventually(page, "entries beyond the limit are deleted", seconds)


def is_notice(message):
    return kind_of(message) == "history_trimmed"


def check_notice(message, topic, after, first_seq):
    event = json.loads(message.payload)
    assert event.keys() == {"type", "topic", "sent_at", "body"}, event
    assert event["topic"] == topic == message.topic
    assert event["body"] == {"after": after, "first_seq": first_seq}


def test_an_absent_session_is_told(people, group, client, version):
    """A cursor before the horizon is told with the first available seq before the first entry, and goes on there; once."""
    first, second = people
    hub, topic = first.hub, group["topic"]
    session = {"version": version, "client_id": rest.unique_name("phone"), "clean": False,
               **({"expiry": 3600} if version == V5 else {})}
    absent = client(hub, second, **session)
    absent.subscribe(topic)
    seen = fill(people, group, 1)[0]
    absent.next_where(has_text("message 0"))
    absent.disconnect()
    sent = fill(people, group)
    page = trim(hub, second, topic)
    assert page["first_seq"] == sent[-KEPT]["seq"]
    back = client(hub, second, **session)
    assert back.session_present
    notice = back.next()
    check_notice(notice, topic, seen["seq"], page["first_seq"])
    assert notice.qos == 1 and not notice.retain
    if version == V5:
        assert notice.properties.ContentType == "application/json" and notice.properties.PayloadFormatIndicator == 1
    assert [json.loads(message.payload) for message in back.take(KEPT)] == sent[-KEPT:] == page["items"]
    back.disconnect()
    again = client(hub, second, **session)
    first.send(group["id"], text="nothing in between")
    assert text_of(again.next()) == "nothing in between"


def test_told_until_acknowledged(people, group, client):
    """It is not lost with a connection: without an acknowledgement it comes again, also from a hub that was killed."""
    first, second = people
    hub, topic = first.hub, group["topic"]
    session = {"client_id": rest.unique_name("phone"), "clean": False, "expiry": 3600}
    absent = client(hub, second, **session)
    held = absent.subscribe(topic)
    seen = int(user_properties(held)["last_seq"].rpartition("=")[2])
    absent.disconnect()
    sent = fill(people, group)
    page = trim(hub, second, topic)
    for end in ("drop", "kill"):
        deaf = client(hub, second, manual_ack=True, **session)
        check_notice(deaf.next(), topic, seen, page["first_seq"])
        deaf.next_where(has_text("message 11"))
        if end == "drop":
            deaf.drop()
        else:
            hub.kill()
            hub.restart()
            deaf.wait_end()
    back = client(hub, second, **session)
    assert is_notice(back.next())
    assert [json.loads(message.payload) for message in back.take(KEPT)] == sent[-KEPT:]
    back.disconnect()
    again = client(hub, second, **session)
    first.send(group["id"], text="nothing in between")
    assert text_of(again.next()) == "nothing in between"


def test_replays_begin_where_the_log_does(people, group, client, mosquitto_sub):
    """SUBACK carries `first_seq` where the log does not begin with 1; a replay from before that is told, one from there is not."""
    first, second = people
    hub, topic = first.hub, group["topic"]
    sent = fill(people, group)
    assert "first_seq" not in user_properties(client(hub, second).subscribe(topic))
    start = trim(hub, second, topic)["first_seq"]
    for after, is_told in ((0, True), (start - 2, True), (start - 1, False)):
        reader = client(hub, second)
        held = user_properties(reader.subscribe(topic, after=[str(after)]))
        assert held["first_seq"] == f"{topic}={start}" and held["last_seq"] == f"{topic}={sent[-1]['seq']}"
        if is_told:
            check_notice(reader.next(), topic, after, start)
        assert [json.loads(message.payload) for message in reader.take(KEPT)] == sent[-KEPT:]
    shell = mosquitto_sub(hub, second, topic, "-D", "subscribe", "user-property", "after", "0")
    lines = [json.loads(shell.line()) for _ in range(1 + KEPT)]
    assert lines[0]["type"] == "history_trimmed" and lines[1:] == sent[-KEPT:]


def curl(user, path):
    """The status and the body, as a shell gets them."""
    hub = user.hub
    done = subprocess.run(
        ["curl", "-sS", "--cacert", str(hub.certificate), "-H", f"Authorization: Bearer {user.token}", "-w", "\n%{http_code}",
         f"https://localhost:{hub.ports['https']}{path}"], capture_output=True, text=True, timeout=DEADLINE_SECONDS)
    assert done.returncode == 0, done.stderr
    body, _, status = done.stdout.rpartition("\n")
    return int(status), json.loads(body)


def test_history(people, group):
    """Pages tell `first_seq`, and are never 404 because of it; single entries that are gone are."""
    first, second = people
    topic = group["topic"]
    sent = fill(people, group)
    start = trim(first.hub, second, topic)["first_seq"]
    for query, items in (("after=0", sent[-5:]), (f"after={start - 1}&limit=2", sent[-5:-3]), (f"before={start}", []),
                         (f"before={start + 2}", sent[-5:-3]), ("", sent[-5:])):
        status, page = curl(second, f"/messages/{topic}?{query}")
        assert status == 200 and page["items"] == items, (query, page)
        assert (page["first_seq"], page["last_seq"]) == (start, sent[-1]["seq"])
        assert ("next" in page) == ("limit" in query)
    assert curl(second, f"/messages/{topic}/{start}") == (200, sent[-5])
    assert curl(second, f"/messages/{topic}/{start - 1}")[0] == 404
    assert first.send(group["id"], status=404, text="x", reply_to=start - 1).json["type"] == "/problems/not-found"
    first.send(group["id"], text="x", reply_to=start)


def test_unread_counts(people, group):
    """Unread is what is there and not read; the list goes on, whatever a mark points to."""
    first, second = people
    topic = group["topic"]

    def listed(user):
        one = next(one for one in user.get("/conversations")["items"] if one["topic"] == topic)
        return one["unread"], one["read_seq"], one["last_seq"], one["last_message"]["seq"]

    sent = fill(people, group)
    last = sent[-1]["seq"]
    assert listed(second) == (12, 0, last, last)
    start = trim(first.hub, second, topic)["first_seq"]
    assert listed(second) == (KEPT, start - 1, last, last)
    assert listed(first)[0] == 0
    second.call("PUT", f"/conversations/{topic}/read", {"seq": start - 3}).expect(204)
    assert listed(second)[0] == KEPT
    second.call("PUT", f"/conversations/{topic}/read", {"seq": start + 1}).expect(204)
    assert listed(second) == (KEPT - 2, start + 1, last, last)
    fill(people, group, KEPT)
    trim(first.hub, second, topic)
    assert listed(second) == (KEPT, last, last + KEPT, last + KEPT)
    inbox = second.get("/notifications")
    assert len(inbox["items"]) == 1 == inbox["unread"] and inbox["first_seq"] == inbox["last_seq"]


def lost(hub):
    with urllib.request.urlopen(f"http://127.0.0.1:{hub.ports['ops']}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("confab_lost_messages_total "))


def test_logs_of_filters(people, client):
    """For plain topics there is no notice: it is counted, and said once in the hub's log."""
    hub = people[0].hub
    session = {"client_id": rest.unique_name("sensor"), "clean": False, "expiry": 3600}
    absent = client(hub, **session)
    absent.subscribe("plant/#")
    absent.disconnect()
    writer = client(hub)
    for number in range(12):
        writer.publish(f"plant/{number}", str(number))
    writer.disconnect()
    hub.stop()
    hub.restart()
    eventually(lambda: lost(hub) == 12 - KEPT, "what is lost is counted")
    told = [line for line in hub.log_text().splitlines() if "plant/#" in line]
    assert len(told) == 1 and "7 messages" in told[0] and " warn " in told[0], told
    back = client(hub, **session)
    assert [message.payload for message in back.take(KEPT)] == [b"%d" % number for number in range(7, 12)]
    client(hub).publish("plant/x", "last")
    assert back.next().payload == b"last"


def test_a_running_hub_trims(people, group, client):
    """Without a start, while people write and read: readers that keep up notice nothing."""
    first, second = people
    hub, topic = first.hub, group["topic"]
    reader = client(hub, second)
    reader.subscribe(topic)
    sent = fill(people, group)
    page = trimmed(second, topic, seconds=PERIOD_SECONDS)
    sent += fill(people, group, 2)
    assert [json.loads(message.payload) for message in reader.take(len(sent))] == sent
    envelope.gapless(sent)
    # The shards have heard of it.
    held = user_properties(client(hub, second).subscribe(topic))
    assert held["first_seq"] == f"{topic}={page['first_seq']}"
    writer = client(hub, first)
    writer.publish(topic, {"text": "x", "reply_to": page["first_seq"] - 1}, expect=0x99)
    writer.publish(topic, {"text": "x", "reply_to": page["first_seq"]})


@pytest.mark.parametrize("value, told", [
    ("group", "CLASS=AGE"), ("rooms=5", "rooms"), ("group=5m", "group=5m"), ("group=5,group=6", "group=6")])
def test_wrong_values(value, told, tmp_path):
    """Exit code 64, and standard error says which."""
    done = subprocess.run([binary(), "serve", "--data", str(tmp_path), "--retention", value], capture_output=True,
                          text=True, timeout=DEADLINE_SECONDS)
    assert done.returncode == 64 and "--retention" in done.stderr and told in done.stderr, done
