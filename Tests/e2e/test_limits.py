"""protocol.md §5 "Built-in limits" and `--limits`; §3 "Refusals"; rest.md: 429, `RateLimit`, `RateLimit-Policy`."""
import json
import re
import subprocess
import time

import pytest

from support import rest
from support.hub import Hub, binary
from support.mqtt import V311, V5, text_of

LIMITS = {"publishes": {"count": 20, "burst": 40}, "friend_requests": {"count": 2, "seconds": 3600},
          "searches": {"count": 3, "seconds": 60}, "connections_per_user": 3}


@pytest.fixture(scope="module")
def limited_hub(tmp_path_factory):
    """Limits so low that a test reaches them in a second; two reactors, which share what a user may."""
    path = tmp_path_factory.mktemp("limits") / "limits.json"
    path.write_text(json.dumps(LIMITS))
    hub = Hub("--limits", str(path), "--reactors", "2", limits_off=False)
    try:
        yield hub.start()
        hub.stop()
    finally:
        hub.discard()


@pytest.mark.parametrize("version", [V311, V5], ids=["3.1.1", "5.0"])
def test_publishing_is_slowed_and_never_refused(limited_hub, client, version):
    """Rate limits on publishing pause reading from the connection, in both versions."""
    writer, reader = rest.friends(limited_hub, "fast")
    topic = writer.direct_topic(reader)
    listener = client(limited_hub, reader)
    listener.subscribe(topic)
    publisher = client(limited_hub, writer, version=version)
    begun = time.monotonic()
    for number in range(100):
        publisher.publish_later(topic, f"message {number}")
    texts = [text_of(message) for message in listener.take(100)]
    seconds = time.monotonic() - begun
    assert texts == [f"message {number}" for number in range(100)]
    # 40 at once, then 20 a second.
    assert 2.5 <= seconds <= 10, seconds


def test_a_user_has_one_allowance(limited_hub, client):
    """publish 50 a second and user, burst 500: over MQTT and REST together, whatever the connection."""
    writer, reader = rest.friends(limited_hub, "fast")
    publisher = client(limited_hub, writer)
    for number in range(40):
        publisher.publish(writer.direct_topic(reader), f"message {number}")
    answers = [writer.call("POST", "/messages", {"user_id": reader.id, "text": "too much"}) for _ in range(40)]
    refused = [answer for answer in answers if answer.status != 201]
    assert refused, "REST has an allowance of its own"
    for answer in refused:
        answer.expect_problem(429, "too-many-requests")
        assert int(answer.headers["Retry-After"]) == 1
        assert re.fullmatch(r'"publishes";r=0;t=\d+', answer.headers["RateLimit"])
        assert answer.headers["RateLimit-Policy"] == '"publishes";q=40;w=2'
    time.sleep(1)
    sent = writer.send(reader, text="after a while")
    assert re.fullmatch(r'"publishes";r=\d+;t=\d+', sent.headers["RateLimit"])


def test_friend_requests_and_searches(limited_hub):
    """429 with `Retry-After`, `RateLimit` and `RateLimit-Policy`, these on success too."""
    user, *others = (rest.sign_up(limited_hub, "many") for _ in range(4))
    statuses = [user.call("POST", "/friends/add", {"user_id": other.id}).status for other in others]
    assert statuses == [201, 201, 429]
    answers = [user.call("GET", "/users?query=many") for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    assert [answer.headers["RateLimit"].partition(";t=")[0] for answer in answers] == [
        '"searches";r=2', '"searches";r=1', '"searches";r=0', '"searches";r=0']
    assert 1 <= int(answers[3].headers["Retry-After"]) <= 20


@pytest.mark.parametrize("version, code", [(V311, 3), (V5, 0x97)], ids=["3.1.1", "5.0"])
def test_connections_of_a_user(limited_hub, client, version, code):
    """50 connections a user: CONNACK 0x97, 3.1.1: 3."""
    user = rest.sign_up(limited_hub, "many")
    clients = [client(limited_hub, user) for _ in range(3)]
    late = client(limited_hub, user, connect=False, version=version)
    # paho shows 3.1.1's codes as those of 5.
    assert late.connect(expect={code, 0x88 if version == V311 else code}).code
    clients[0].disconnect()
    again = client(limited_hub, user, connect=False)
    deadline = time.monotonic() + 10
    while again.connect(expect={0, 0x97}).code and time.monotonic() < deadline:
        again = client(limited_hub, user, connect=False)
    assert again.subscribe("group/+")


def test_connections_of_all(make_hub, client, tmp_path):
    """100,000 a node."""
    path = tmp_path / "limits.json"
    path.write_text('{"connections": 2}')
    hub = make_hub("--anonymous", "--limits", str(path), limits_off=False).start()
    made = [client(hub) for _ in range(2)]
    client(hub, connect=False).connect(expect=0x97)
    metrics = rest.request(hub, "GET", "/metrics", listener="ops").body.decode()
    assert "confab_refused_connections_total 1" in metrics
    for one in made:
        one.close()
    hub.stop()


@pytest.mark.parametrize("content, reason", [
    (None, "No such file"), ("{", "is not JSON"), ('{"publish": "off"}', "publish: there is no such limit"),
    ('{"publishes": {"count": 0}}', "publishes.count: must be a number from 1 to 10000")])
def test_a_bad_file_is_wrong_usage(tmp_path, content, reason):
    path = tmp_path / "limits.json"
    if content is not None:
        path.write_text(content)
    done = subprocess.run([binary(), "serve", "--limits", str(path)], capture_output=True, text=True, timeout=30,
                          cwd=tmp_path)
    assert done.returncode == 64 and reason in done.stderr and str(path) in done.stderr, done


def test_off_warns(hub):
    """`off` warns loudly"""
    assert re.search(r"(?i)warn.*--limits off", hub.log_text())


@pytest.mark.parametrize("version, code", [(V311, 0x88), (V5, 0x9F)], ids=["3.1.1", "5.0"])
def test_failed_attempts_to_connect(make_hub, client, version, code):
    """CONNECT: too many attempts 0x9F / 3, by the numbers of log-in: five for a user name from an address, fifty from an address. A good token is
    let in all the same, over WebSocket too, and log-in is not concerned. (paho shows the return codes 3 and 4 as 0x88 and 0x86.)"""
    hub = make_hub("--reactors", "2", limits_off=False).start()
    user, bad = rest.sign_up(hub, "user"), 0x86

    def attempts(count, expect, name, **options):
        for number in range(count):
            client(hub, username=name(number), password="guess", version=version, connect=False, **options).connect(expect=expect)

    attempts(5, bad, lambda _: user.name)
    attempts(2, code, lambda _: user.name, websocket="https")
    attempts(1, code, lambda _: user.name, tls=False)
    client(hub, user, username=user.name, version=version)
    client(hub, user, version=version, websocket="https")
    attempts(45, bad, lambda number: f"other{number}")
    attempts(1, code, lambda _: "one-more")
    attempts(1, code, lambda _: "")
    client(hub, user, version=version)
    rest.log_in(hub, user)
