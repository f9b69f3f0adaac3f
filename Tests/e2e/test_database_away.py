"""Losing PostgreSQL: it hangs, its disk is full, another server takes over. What was acknowledged is there, plain QoS 0 goes on."""
import json
import threading
import time

import pytest

from support import envelope, rest
from support.hub import temporary_folder
from support.mqtt import V5, V311, has_text, text_of
from support.postgres import Cluster, frozen
from support.waiting import eventually

UNAVAILABLE = 0x97


def readiness(hub):
    """/readyz, which must not wait for what it tells about."""
    started = time.monotonic()
    status = rest.request(hub, "GET", "/readyz", listener="ops").status
    assert time.monotonic() - started < 2, "the answer to /readyz took too long"
    return status


def texts(user, other):
    items = user.items(other, "?after=0&limit=200")
    envelope.gapless(items)
    return [item["body"].get("text") for item in items]


def test_publishes_are_refused_while_it_hangs(make_hub, client):
    """`--publish-wait`: after so many seconds a publish is refused; sent again with its client_ref it is there once. Plain topics,
    and answers from memory, don't notice."""
    hub = make_hub("--publish-wait", "1", "--anonymous").start()
    first, second = rest.friends(hub)
    topic = first.direct_topic(second)
    publisher, plain = client(hub, first), client(hub)
    plain.subscribe("plain/topic", qos=0)
    with frozen(hub.postgres_pid()):
        waiting = publisher.publish_later(topic, {"client_ref": "one", "text": "one"})
        for number in range(20):
            plain.publish("plain/topic", f"{number}", qos=0)
        assert [message.payload for message in plain.take(20)] == [b"%d" % number for number in range(20)]
        assert publisher.await_ack(waiting).code == UNAVAILABLE
        # Now it is known: the next is told at once.
        started = time.monotonic()
        publisher.publish(topic, {"client_ref": "two", "text": "two"}, expect=UNAVAILABLE)
        assert time.monotonic() - started < 1
        eventually(lambda: readiness(hub) == 503, "/readyz tells")
        assert rest.request(hub, "GET", "/healthz", listener="ops").status == 200
    eventually(lambda: readiness(hub) == 200, "/readyz tells that it is back", 30)
    again = None

    def is_taken():
        nonlocal again
        again = publisher.await_ack(publisher.publish_later(topic, {"client_ref": "one", "text": "one"}))
        return again.code == 0
    eventually(is_taken, "publishing works again", 30)
    publisher.publish(topic, {"client_ref": "two", "text": "two"})
    assert sorted(filter(None, texts(second, first))) == ["one", "two"], "each is there once"
    hub.stop()


@pytest.mark.parametrize("version", [V311, V5])
def test_publishes_wait_while_it_hangs(make_hub, client, version):
    """`--publish-wait forever`: nothing is refused, and all is there when it is back."""
    hub = make_hub("--publish-wait", "forever").start()
    first, second = rest.friends(hub)
    topic = first.direct_topic(second)
    publisher, reader = client(hub, first, version=version), client(hub, second)
    reader.subscribe(topic)
    with frozen(hub.postgres_pid()):
        waiting = [publisher.publish_later(topic, f"message {number}") for number in range(10)]
        time.sleep(3)
    assert [publisher.await_ack(identifier).code for identifier in waiting] == [0] * 10
    assert [text_of(message) for message in reader.take_until(has_text("message 9"))] == [
        f"message {number}" for number in range(10)]
    hub.stop()


def test_a_full_disk(make_hub, client, cluster):
    """PostgreSQL answers 53100: publishers wait or are refused, reading goes on, and when there is room again all is well."""
    hub = make_hub("--publish-wait", "1", database=cluster.url).start()
    first, second = rest.friends(hub)
    topic = first.direct_topic(second)
    publisher = client(hub, first)
    publisher.publish(topic, "before")
    cluster.query("CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                  " RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$;"
                  " CREATE TRIGGER full_disk BEFORE INSERT ON messages EXECUTE FUNCTION full_disk()")
    publisher.publish(topic, {"client_ref": "late", "text": "late"}, expect=UNAVAILABLE)
    assert first.call("POST", "/messages", {"user_id": second.id, "text": "by REST"}).status == 503
    assert "before" in texts(second, first), "reading needs no room"
    eventually(lambda: readiness(hub) == 503, "/readyz tells")
    cluster.query("DROP TRIGGER full_disk ON messages")
    eventually(lambda: readiness(hub) == 200, "/readyz tells that there is room again")
    publisher.publish(topic, {"client_ref": "late", "text": "late"})
    found = texts(second, first)
    assert found.count("late") == 1 and found.count("before") == 1
    hub.stop()


@pytest.fixture
def pair_of_servers():
    """A primary that waits for its standby, and that standby."""
    folder = temporary_folder()
    primary = Cluster(folder, "first").start()
    standby = Cluster(folder, "second", primary=primary).start()
    primary.query("ALTER SYSTEM SET synchronous_standby_names = '*'")
    primary.query("SELECT pg_reload_conf()")
    eventually(lambda: primary.query("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") == "1",
               "the standby is synchronous")
    yield primary, standby
    primary.discard()
    standby.discard()


def test_another_server_takes_over(make_hub, client, pair_of_servers):
    """A connection string with several hosts: the hub finds the one that can write, and nothing that was acknowledged is missing."""
    primary, standby = pair_of_servers
    # The standby is named first: it can't write.
    hub = make_hub(database=f"postgresql://tester@/postgres?host={standby.home},{primary.home}").start()
    first, second = rest.friends(hub)
    topic = first.direct_topic(second)
    reader = client(hub, second)
    reader.subscribe(topic)
    acknowledged, is_over = [], threading.Event()

    def publish():
        publisher = client(hub, first)
        number = 0
        while not is_over.is_set():
            message = {"client_ref": f"n{number}", "text": f"{number}"}
            code = publisher.await_ack(publisher.publish_later(topic, message)).code
            if code == 0:
                acknowledged.append(str(number))
                number += 1
    thread = threading.Thread(target=publish)
    thread.start()
    try:
        eventually(lambda: len(acknowledged) >= 100, "messages before")
        primary.kill()
        standby.promote()
        before = len(acknowledged)
        eventually(lambda: len(acknowledged) >= before + 100, "messages after", 60)
    finally:
        is_over.set()
        thread.join(60)
    assert not thread.is_alive()
    stored, after = [], 0
    while page := second.items(first, f"?after={after}&limit=200"):
        stored += page
        after = page[-1]["seq"]
    assert envelope.gapless(stored)[0] == 1
    found = [item["body"]["text"] for item in stored if item["type"] == "message"]
    assert found[:len(acknowledged)] == acknowledged and len(found) <= len(acknowledged) + 1
    eventually(lambda: readiness(hub) == 200, "/readyz tells that it is back")
    delivered = [json.loads(message.payload) for message in reader.take(len(found))]
    assert delivered == [item for item in stored if item["type"] == "message"][:len(delivered)]
    hub.stop()
