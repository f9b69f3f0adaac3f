"""rest.md: bots and their tokens; protocol.md §3, guarantee 6, for tokens without `sid`."""
import json
import time

import pytest

from support import admin, rest, tokens
from support.bots import Bot, call
from support.mqtt import V311, V5

ENDED_SECONDS = 5


@pytest.fixture(scope="module")
def owner(hub):
    return rest.sign_up(hub, "owner")


@pytest.fixture(scope="module")
def bot(owner):
    return Bot(owner)


def test_a_bot_is_a_user(hub, owner, bot):
    """201 User with `bot`, `owner_id`; its owner's friend from the start."""
    assert bot.made["bot"] is True and bot.made["owner_id"] == owner.id
    assert bot.made in owner.get("/bots")["items"]
    friend = next(item["user"] for item in owner.get("/friends")["items"] if item["user"]["id"] == bot.id)
    assert friend["bot"] is True and friend["owner_id"] == owner.id
    assert "bot" not in owner.get("/profile")
    rest.request(hub, "POST", "/login", {"username": bot.name, "password": rest.PASSWORD}).expect_problem(
        401, "invalid-credentials")


@pytest.mark.parametrize("version", [V311, V5], ids=["3.1.1", "5.0"])
def test_it_talks(hub, client, owner, bot, version):
    """Its token is the password of MQTT, and the Bearer of REST."""
    _, holder = bot.make_token(name="talk")
    talking, listening = client(hub, holder, version=version), client(hub, owner)
    topic = owner.direct_topic(bot)
    for one in (talking, listening):
        one.subscribe(topic)
    listening.publish(topic, "ping")
    assert json.loads(talking.next().payload)["body"] == {"text": "ping"}
    talking.publish(topic, "pong")
    received = [json.loads(listening.next().payload) for _ in range(2)]
    assert [(item["from"], item["body"]["text"]) for item in received] == [(owner.id, "ping"), (bot.id, "pong")]
    said = call(hub, holder, "POST", "/messages", {"user_id": owner.id, "text": "by REST"}).expect(201).json
    assert said["from"] == bot.id


def test_it_accepts_at_once(hub, client, owner, bot):
    asker = rest.sign_up(hub, "asker")
    _, holder = bot.make_token()
    listening = client(hub, holder)
    listening.subscribe(f"inbox/{bot.id}")
    answer = asker.post("/friends/add", {"username": bot.name}, 200).json
    assert answer["status"] == "accepted" and answer["user"]["bot"] is True
    assert answer["topic"] == asker.direct_topic(bot)
    accepted = json.loads(listening.next().payload)
    assert accepted["type"] == "friend_accepted" and accepted["body"]["user"]["id"] == asker.id
    asker.post("/messages", {"user_id": bot.id, "text": "hello"}, 201)


def test_tokens_end(hub, client, bot):
    """The token is shown once; revoked, it opens nothing, and what it opened ends within 5 s. Others go on."""
    token_id, holder = bot.make_token(name="short", expires_in=3600)
    _, other = bot.make_token()
    listed = {item["id"]: item for item in bot.owner.get(bot.tokens)["items"]}
    assert listed[token_id]["name"] == "short" and "token" not in listed[token_id]
    clients = [client(hub, holder, version=version) for version in (V311, V5)]
    staying = client(hub, other)
    call(hub, holder, "GET", "/profile").expect(200)
    bot.owner.call("DELETE", f"{bot.tokens}/{token_id}").expect(204)
    call(hub, holder, "GET", "/profile").expect_problem(401, "invalid-token")
    begun = time.monotonic()
    for one in clients:
        one.wait_end(ENDED_SECONDS)
    assert time.monotonic() - begun < ENDED_SECONDS
    client(hub, holder, connect=False).connect(expect=0x87)
    call(hub, other, "GET", "/profile").expect(200)
    staying.publish("never/mine", "x", qos=0)
    assert not staying.ended
    bot.owner.call("DELETE", f"{bot.tokens}/{token_id}").expect_problem(404, "not-found")


def test_a_token_expires(hub, client, bot):
    _, holder = bot.make_token(expires_in=2)
    one = client(hub, holder)
    one.wait_end(2 + ENDED_SECONDS)
    call(hub, holder, "GET", "/profile").expect_problem(401, "invalid-token")


def test_a_year_at_most(bot):
    problem = bot.owner.call("POST", bot.tokens, {"expires_in": 366 * 86_400}).expect_problem(422)
    assert [error["field"] for error in problem["errors"]] == ["expires_in"]


@pytest.mark.parametrize("method, path", [
    ("GET", "/bots"), ("POST", "/bots"), ("GET", "/sessions"), ("POST", "/password"), ("POST", "/mfa/totp"),
    ("POST", "/account/delete"), ("GET", "/account/export")])
def test_what_it_may_not(hub, bot, method, path):
    _, holder = bot.make_token()
    answer = call(hub, holder, method, path, {} if method == "POST" else None)
    answer.expect_problem(403, "insufficient-scope")
    assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]


def test_deleting_a_bot(hub, client):
    owner = rest.sign_up(hub, "owner")
    bot = Bot(owner)
    _, holder = bot.make_token()
    minted = tokens.mint(hub, bot, "--scope", "bot")
    clients = [client(hub, holder), client(hub, minted, version=V311)]
    owner.post("/messages", {"user_id": bot.id, "text": "farewell"}, 201)
    owner.call("DELETE", f"/bots/{bot.id}").expect(204)
    for one in (holder, minted):
        call(hub, one, "GET", "/profile").expect_problem(401, "invalid-token")
    for one in clients:
        one.wait_end(ENDED_SECONDS)
    assert owner.get("/bots")["items"] == [] and owner.get("/friends")["items"] == []
    assert [item["body"]["text"] for item in owner.get(f"/messages/{bot.id}")["items"]] == ["farewell"]
    owner.call("DELETE", f"/bots/{bot.id}").expect_problem(404, "not-found")


def test_deleting_the_owner(hub, client):
    owner, other = rest.friends(hub, "owner")
    bot = Bot(owner)
    other.post("/friends/add", {"user_id": bot.id}, 200)
    _, holder = bot.make_token()
    one = client(hub, holder)
    owner.post("/account/delete", {"password": rest.PASSWORD}, 204)
    one.wait_end(ENDED_SECONDS)
    call(hub, holder, "GET", "/profile").expect_problem(401, "invalid-token")
    assert other.get("/friends")["items"] == []
    assert other.get(f"/users/{bot.id}")["display_name"] == "Deleted bot"


def test_administrators(hub, client):
    """A bot is listed as one and has no password; closing the owner's account closes its bots."""
    owner = rest.sign_up(hub, "owner")
    bot = Bot(owner)
    _, holder = bot.make_token()
    line = next(line for line in admin.done(hub, "list").splitlines() if line.startswith(bot.id))
    assert line.split("\t")[1:] == [bot.name, "-", "bot"]
    assert f"owner: {owner.id}\n" in admin.done(hub, "show", bot.name)
    for arguments in (["reset-password", bot.name], ["admin", bot.name, "on"]):
        refused = admin.run(hub, *arguments)
        assert refused.returncode == 1 and "a bot does not log in" in refused.stderr
    one = client(hub, holder)
    admin.done(hub, "disable", owner.name)
    one.wait_end(ENDED_SECONDS)
    call(hub, holder, "GET", "/profile").expect_problem(401, "invalid-token")
    client(hub, holder, connect=False).connect(expect=0x87)
    admin.done(hub, "enable", owner.name)
    call(hub, holder, "GET", "/profile").expect(200)


def test_it_lives_through_a_restart(make_hub, client):
    """What is revoked stays revoked, what is good stays good."""
    hub = make_hub().start()
    bot = Bot(rest.sign_up(hub, "owner"))
    good, (revoked_id, revoked) = bot.make_token()[1], bot.make_token()
    bot.owner.call("DELETE", f"{bot.tokens}/{revoked_id}").expect(204)
    hub.stop()
    hub.restart()
    client(hub, good)
    client(hub, revoked, connect=False).connect(expect=0x87)
