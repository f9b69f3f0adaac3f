"""protocol.md §3.4 on plain topics: a persistent session misses nothing at QoS 1 and 2, through its own absence and crashes of the
hub and of PostgreSQL; [MQTT-4.4.0-1] deliveries that are not complete come again under their packet identifiers."""
import os
import signal

import pytest

from support import rest
from support.mqtt import V5

SESSION = {"clean": False, "tls": False}


def options(version, name):
    return {"version": version, "client_id": name, **SESSION, **({"expiry": 3600} if version == V5 else {})}


def kill_hub(hub):
    hub.kill()


def kill_both(hub):
    os.kill(hub.postgres_pid(), signal.SIGKILL)
    hub.kill()


def payloads(messages):
    return [message.payload for message in messages]


@pytest.mark.parametrize("qos", [1, 2])
def test_what_came_during_an_absence(anonymous_hub, client, version, qos):
    """In order, with the lower QoS, once, across reactors; what is sent at QoS 0 is not kept."""
    topic, name = rest.unique_name("absent"), rest.unique_name("session")
    reader = client(anonymous_hub, **options(version, name))
    reader.subscribe(topic + "/+", qos=qos)
    reader.disconnect()
    writer = client(anonymous_hub, tls=False)
    for number in range(50):
        writer.publish(f"{topic}/{number % 3}", f"{number}", qos=1 + number % 2)
        writer.publish(f"{topic}/{number % 3}", "not kept", qos=0)
    back = client(anonymous_hub, **options(version, name))
    assert back.session_present
    seen = back.take(50)
    # The order holds for each QoS: a client hands over a message of QoS 2 when it is released.
    for parity in range(2):
        mine = [message for message in seen if int(message.payload) % 2 == parity]
        assert payloads(mine) == [str(number).encode() for number in range(parity, 50, 2)]
        assert {message.qos for message in mine} == {min(qos, 1 + parity)}
    writer.publish(topic + "/live", "live", qos=1)
    assert back.next().payload == b"live"
    back.disconnect()
    again = client(anonymous_hub, **options(version, name))
    writer.publish(topic + "/live", "end", qos=1)
    assert again.next().payload == b"end"


def test_exact_filters_and_two_sessions(anonymous_hub, client):
    """One log serves all sessions with the filter; each has its own place in it."""
    topic, names = rest.unique_name("shared"), [rest.unique_name("session") for _ in range(2)]
    for name in names:
        reader = client(anonymous_hub, **options(V5, name))
        reader.subscribe(topic, qos=1)
        reader.disconnect()
    writer = client(anonymous_hub, tls=False)
    writer.publish(topic, "one")
    first = client(anonymous_hub, **options(V5, names[0]))
    assert first.next().payload == b"one"
    first.disconnect()
    writer.publish(topic, "two")
    first, second = (client(anonymous_hub, **options(V5, name)) for name in names)
    assert payloads(first.take(1)) == [b"two"]
    assert payloads(second.take(2)) == [b"one", b"two"]


def test_overlapping_filters_give_one_copy(anonymous_hub, client):
    """[MQTT-3.3.4-2]: one message with all identifiers and the highest QoS, live and after an absence."""
    topic, name = rest.unique_name("overlap"), rest.unique_name("session")
    reader = client(anonymous_hub, **options(V5, name))
    reader.subscribe(topic + "/#", qos=1)
    reader.subscribe(topic + "/a", qos=2)
    writer = client(anonymous_hub, tls=False)
    writer.publish(topic + "/a", "live", qos=2)
    writer.publish(topic + "/end", "end", qos=1)
    assert sorted((m.payload, m.qos) for m in reader.take(2)) == [(b"end", 1), (b"live", 2)]
    reader.disconnect()
    writer.publish(topic + "/a", "kept", qos=2)
    writer.publish(topic + "/end", "end", qos=1)
    back = client(anonymous_hub, **options(V5, name))
    # Two logs are read one after the other, so the order of the two topics is open.
    assert sorted((m.payload, m.qos) for m in back.take(2)) == [(b"end", 1), (b"kept", 2)]
    writer.publish(topic + "/end", "last", qos=1)
    assert back.next().payload == b"last"


def test_unsubscribed_filters_are_not_kept(anonymous_hub, client):
    topic, name = rest.unique_name("gone"), rest.unique_name("session")
    reader = client(anonymous_hub, **options(V5, name))
    reader.subscribe(topic + "/a", topic + "/b", qos=1)
    reader.unsubscribe(topic + "/a")
    reader.disconnect()
    writer = client(anonymous_hub, tls=False)
    writer.publish(topic + "/a", "unwanted")
    writer.publish(topic + "/b", "wanted")
    back = client(anonymous_hub, **options(V5, name))
    assert back.next().payload == b"wanted"


def test_a_clean_start_forgets(anonymous_hub, client):
    topic, name = rest.unique_name("clean"), rest.unique_name("session")
    reader = client(anonymous_hub, **options(V5, name))
    reader.subscribe(topic, qos=1)
    reader.disconnect()
    writer = client(anonymous_hub, tls=False)
    writer.publish(topic, "forgotten")
    fresh = client(anonymous_hub, **{**options(V5, name), "clean": True})
    assert not fresh.session_present
    fresh.subscribe(topic, qos=1)
    writer.publish(topic, "new")
    assert fresh.next().payload == b"new"


def test_no_local_holds_for_kept_messages(anonymous_hub, client):
    """[MQTT-3.8.3-3] for a session that publishes to itself, goes, and comes back."""
    import paho.mqtt.client as paho
    topic, name = rest.unique_name("local"), rest.unique_name("session")
    both = client(anonymous_hub, **options(V5, name))
    result, mid = both.paho.subscribe([(topic, paho.SubscribeOptions(qos=1, noLocal=True))])
    assert result == paho.MQTT_ERR_SUCCESS
    both._await(both._subscribed[mid], "SUBACK")
    both.publish(topic, "mine")
    both.disconnect()
    client(anonymous_hub, tls=False).publish(topic, "another's")
    back = client(anonymous_hub, **options(V5, name))
    assert back.next().payload == b"another's"


@pytest.mark.parametrize("crash", [kill_hub, kill_both])
@pytest.mark.parametrize("qos", [1, 2])
def test_a_crash_loses_nothing(mortal_hub, client, crash, qos):
    """PUBACK or PUBCOMP says that it is committed: the absent session gets it from the next process."""
    topic, name = rest.unique_name("crash"), rest.unique_name("session")
    reader = client(mortal_hub, **options(V5, name))
    reader.subscribe(topic + "/#", qos=qos)
    reader.disconnect()
    writer = client(mortal_hub, tls=False)
    for number in range(20):
        writer.publish(f"{topic}/{number % 2}", f"{number}", qos=qos)
    crash(mortal_hub)
    mortal_hub.restart()
    back = client(mortal_hub, **options(V5, name))
    assert back.session_present
    assert payloads(back.take(20)) == [str(number).encode() for number in range(20)]
    client(mortal_hub, tls=False).publish(topic + "/end", "end", qos=qos)
    assert back.next().payload == b"end"
