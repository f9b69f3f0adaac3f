"""Shared subscriptions of persistent sessions: what is acknowledged waits for members that are away, and outlives the hub."""
import collections
import os
import signal
import struct
import subprocess

import pytest

from support import rest, wire
from support.mqtt import V5, collect, unique_name
from support.postgres import as_postgres
from support.waiting import DEADLINE_SECONDS

PUBREC, PUBREL, PUBCOMP = 5, 6, 7


@pytest.fixture
def plain(anonymous_hub, client):
    def make(**options):
        return client(anonymous_hub, tls=False, **options)
    return make


def group(topic_filter):
    return f"$share/{unique_name('g')}/{topic_filter}"


def persistent(version, name, **more):
    return {"version": version, "client_id": name, "clean": False, **({"expiry": 3600} if version == V5 else {}), **more}


def kill_hub(hub):
    hub.kill()


def kill_both(hub):
    os.kill(hub.postgres_pid(), signal.SIGKILL)
    hub.kill()


def payloads(messages):
    return [message.payload for message in messages]


@pytest.mark.parametrize("qos", [1, 2])
def test_while_all_members_are_away(plain, version, qos):
    """Once, in order, split among those that come back; what one does not acknowledge waits for the next."""
    topic, names = rest.unique_name("work"), [unique_name("persistent") for _ in range(2)]
    shared = group(topic)
    for name in names:
        member = plain(**persistent(version, name))
        member.subscribe(shared, qos=qos)
        member.disconnect()
    sender = plain()
    for number in range(300):
        sender.publish_later(topic, f"{number:03}", qos=qos)
    sender.publish(topic, "300", qos=qos)
    everything = [f"{number:03}".encode() for number in range(301)]
    # Acknowledges nothing, so it gets what a member may have.
    stuck = plain(**persistent(version, names[0], manual_ack=True))
    held = payloads(stuck.take(128)) if qos == 1 else []
    worker = plain(**persistent(version, names[1]))
    if qos == 1:
        assert held + payloads(worker.take(173)) == everything
        stuck.drop()
        assert payloads(worker.take(128)) == held
    else:
        # paho hands a message of QoS 2 over when it is released.
        got = collect([stuck, worker], 301)
        for messages in got.values():
            assert payloads(messages) == sorted(payloads(messages))
        assert sorted(payloads(got[stuck] + got[worker])) == everything
    sender.publish(topic, "live", qos=qos)
    if qos == 1:
        assert worker.next().payload == b"live" and worker.messages.empty()


@pytest.mark.parametrize("crash", [kill_hub, kill_both])
@pytest.mark.parametrize("qos", [1, 2])
def test_a_crash_loses_nothing(mortal_hub, client, crash, qos):
    """PUBACK or PUBCOMP says that it is committed: members get it from the next process."""
    topic, names = rest.unique_name("work"), [unique_name("persistent") for _ in range(2)]
    shared = group(topic + "/+")
    for name in names:
        member = client(mortal_hub, tls=False, **persistent(V5, name))
        member.subscribe(shared, qos=qos)
        member.disconnect()
    writer = client(mortal_hub, tls=False)
    for number in range(40):
        writer.publish(f"{topic}/{number % 3}", f"{number:02}", qos=qos)
    crash(mortal_hub)
    mortal_hub.restart()
    members = [client(mortal_hub, tls=False, **persistent(V5, name)) for name in names]
    assert all(member.session_present for member in members)
    got = collect(members, 40)
    assert collections.Counter(m.payload for messages in got.values() for m in messages) == collections.Counter(
        f"{number:02}".encode() for number in range(40))
    writer = client(mortal_hub, tls=False)
    for number in range(2):
        writer.publish(topic + "/end", f"end {number}", qos=qos)
    assert sorted(member.next().payload for member in members) == [b"end 0", b"end 1"]
    assert all(member.messages.empty() for member in members)


@pytest.mark.parametrize("crash", [kill_hub, kill_both])
def test_a_crash_while_members_work(mortal_hub, client, crash):
    """What was sent and not acknowledged comes again: at QoS 1 to anybody, at QoS 2 to its member and nobody else, under its packet
    identifier [MQTT-4.8.2-4]."""
    topic, name = rest.unique_name("work"), unique_name("persistent")
    shared, connect = group(topic), wire.connect(client_id=name, clean=False, properties=wire.session_expiry(3600))
    with wire.Wire(mortal_hub) as member:
        member.send(connect).expect(wire.CONNACK)
        member.send(wire.subscribe(shared, qos=2)).expect(wire.SUBACK)
        writer = client(mortal_hub, tls=False)
        for number in range(4):
            writer.publish(topic, f"{number}", qos=1 + number % 2)
        before = [member.expect(wire.PUBLISH) for _ in range(4)]
        assert sorted(body[-1:] for body in before) == [b"0", b"1", b"2", b"3"]
        crash(mortal_hub)
    mortal_hub.restart()
    other = client(mortal_hub, tls=False)
    other.subscribe(shared, qos=2)
    assert payloads(other.take(2)) == [b"0", b"2"]
    client(mortal_hub, tls=False).publish(topic, "new", qos=2)
    assert other.next().payload == b"new"
    with wire.Wire(mortal_hub) as member:
        assert member.send(connect).expect(wire.CONNACK)[0] == 1
        # With DUP.
        again = [member.read_packet() for _ in range(2)]
        assert again == [(wire.PUBLISH, 0x0C, body) for body in before if body[-1:] in b"13"]
        for number, (_, _, body) in enumerate(again):
            member.send(wire.packet(PUBREC, body[2 + len(topic):4 + len(topic)])).expect(PUBREL)
            member.send(wire.packet(PUBCOMP, body[2 + len(topic):4 + len(topic)]))
        member.send(wire.packet(wire.PINGREQ)).expect(wire.PINGRESP)
    assert other.messages.empty()


def test_acknowledged_after_the_commit(make_hub, client, cluster):
    """No PUBACK while the log can't commit, and no delivery."""
    hub = make_hub("--anonymous", "--reactors", "2", database=cluster.url).start()
    topic = rest.unique_name("work")
    member = client(hub, tls=False, **persistent(V5, unique_name("persistent")))
    member.subscribe(group(topic))
    lock = subprocess.Popen(as_postgres("psql", "--no-psqlrc", "--tuples-only", cluster.url), stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True, cwd="/")
    lock.stdin.write("BEGIN; LOCK TABLE messages IN SHARE MODE; SELECT 'locked';\n")
    lock.stdin.flush()
    while "locked" not in lock.stdout.readline():
        pass
    with wire.Wire(hub) as writer:
        writer.send(wire.connect(client_id=unique_name("writer"))).expect(wire.CONNACK)
        writer.send(wire.publish(topic, b"1", qos=1)).send(wire.packet(wire.PINGREQ)).expect(wire.PINGRESP)
        writer.send(wire.packet(wire.PINGREQ)).expect(wire.PINGRESP)
        assert member.messages.empty()
        lock.communicate("ROLLBACK;\n", timeout=DEADLINE_SECONDS)
        assert writer.expect(wire.PUBACK)[:2] == struct.pack(">H", 1)
    assert member.next().payload == b"1"
    hub.stop()
