"""protocol.md §1: an `acl` opens reserved topics together with the scope `service`; such messages are from the token's `sub`."""
import json
import subprocess

import pytest

from support import rest, tokens
from support.bots import call
from support.mqtt import V311, V5
from support.waiting import eventually


@pytest.fixture(scope="module")
def people(hub):
    """Two friends in a group, and a user for the service, whom nobody knows."""
    first, second = rest.friends(hub, "served")
    return first, second, rest.sign_up(hub, "service")


def mint(hub, user, acl, scope="service"):
    return tokens.mint(hub, user, "--scope", scope, "--acl", json.dumps(acl), "--lifetime", "600")


def texts(reader, group):
    return [item["body"]["text"] for item in reader.items(group, "?types=message")]


@pytest.mark.parametrize("version", [V311, V5], ids=["3.1.1", "5.0"])
def test_mqtt(hub, client, people, version):
    first, second, user = people
    group, topic = first.make_group(second)["id"], first.direct_topic(second)
    holder = mint(hub, user, {"pub": ["group/+", "direct/+/+", "inbox/+"]})
    service, reader = client(hub, holder, version=version), client(hub, second)
    targets = [f"group/{group}", topic, second.inbox]
    for target in targets:
        reader.subscribe(target)
    for number, target in enumerate(targets * 3):
        service.publish(target, f"notice {number}")
    entries = [json.loads(message.payload) for message in reader.take(9)]
    assert {entry["from"] for entry in entries} == {user.id}
    for place, target in enumerate(targets):
        assert [entry["body"]["text"] for entry in entries if entry["topic"] == target] == [
            f"notice {number}" for number in (place, place + 3, place + 6)]
    assert second.items(group)[-1]["from"] == user.id
    assert second.get("/notifications")["items"][-1]["from"] == user.id


def test_it_reads_no_more_than_before(hub, client, people):
    first, second, user = people
    group = first.make_group(second)["id"]
    holder = mint(hub, user, {"all": ["group/+"]})
    service = client(hub, holder)
    service.subscribe(f"group/{group}", expect=[0x87])
    call(hub, holder, "GET", f"/messages/group/{group}").expect_problem(404, "not-found")
    call(hub, holder, "POST", "/messages", {"group_id": group, "text": "by REST"}).expect(201)
    assert [item["from"] for item in second.items(group, "?types=message")] == [user.id]


@pytest.mark.parametrize("scope, acl", [
    ("user", {"all": ["#"]}), ("admin", {"all": ["#"]}), ("bot", {"all": ["#"]}), ("service", {"all": ["app/#"]}),
    ("service", {"all": ["#"], "deny": ["group/#"]})])
def test_both_are_needed(hub, client, people, scope, acl):
    first, second, user = people
    group = first.make_group(second)["id"]
    holder = mint(hub, user, acl, scope)
    service = client(hub, holder)
    assert service.publish(f"group/{group}", "x", expect=0x87).code == 0x87
    call(hub, holder, "POST", "/messages", {"group_id": group, "text": "x"}).expect_problem(404, "not-found")
    assert second.items(group, "?types=message") == []


def test_a_shell_script(hub, people):
    """QoS 0, and gone at once: its message counts all the same."""
    first, second, user = people
    group = first.make_group(second)["id"]
    holder = mint(hub, user, {"pub": ["group/+"]})
    for qos in ("0", "1", "2"):
        subprocess.run(
            ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(hub.ports["mqtt"]), "-u", user.id, "-P", holder.token,
             "-t", f"group/{group}", "-m", f"qos {qos}", "-q", qos], check=True, timeout=20)
    eventually(lambda: sorted(texts(second, group)) == ["qos 0", "qos 1", "qos 2"], "all are stored")
