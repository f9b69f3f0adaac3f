"""Who may what (rest.md): every call of the document against everybody who might try it. A call without a row fails by name."""
import pytest

from support import rest
from support.rights import cast, fill, make_group, named, separate

# Calls about one's own account, or without an object of somebody's: a token is all that they need.
OWN = """
    POST /logout, GET /sessions, GET /profile, PUT /profile, PATCH /profile, GET /devices, GET /users, POST /password, POST /mfa/totp,
    POST /mfa/totp/confirm, POST /mfa/totp/disable, POST /mfa/recovery-codes, POST /account/delete, GET /account/export, GET /bots, POST /bots,
    GET /friends, GET /friends/requests, GET /blocks, GET /groups, POST /groups, POST /attachments, GET /conversations, GET /search,
    GET /notifications, POST /notifications/read
"""
OPEN = """
    POST /signup, POST /login, POST /token/refresh, GET /.well-known/jwks.json, POST /password/forgot, POST /password/reset, POST /email/verify,
    GET /openapi.json, GET /asyncapi.json, GET /docs, GET /docs/assets/{name}, GET /docs/problems, GET /docs/problems/{name}, GET /docs/style.css, GET /problems/{name}
"""

# Of a group, or of something in it that `author`, a plain member, has made. Statuses of: a stranger; who was a member; a member whom author and
# owner block, which matters between two people and not in a group; a member; an admin; the owner.
GROUP_ROLES = ("stranger", "ex", "blocked", "member", "admin", "owner")
GROUP = {
    "GET /groups/{id}": (None, 404, 404, 200, 200, 200, 200),
    "PUT /groups/{id}": ({"name": "new", "announcement": False}, 404, 404, 403, 403, 200, 200),
    "PATCH /groups/{id}": ({"name": "new"}, 404, 404, 403, 403, 200, 200),
    "DELETE /groups/{id}": (None, 404, 404, 403, 403, 403, 204),
    "POST /groups/{id}/add": ({"user_id": "friend"}, 404, 404, 403, 403, 200, 200),
    "POST /groups/{id}/remove": ({"user_id": "author"}, 404, 404, 403, 403, 204, 204),
    "POST /groups/{id}/leave": ({}, 404, 404, 204, 204, 204, 409),
    "GET /groups/{id}/members": (None, 404, 404, 200, 200, 200, 200),
    "PUT /groups/{id}/members/{user_id}": ({"role": "admin"}, 404, 404, 403, 403, 403, 200),
    "GET /groups/{id}/invites": (None, 404, 404, 403, 403, 200, 200),
    "POST /groups/{id}/invites": ({}, 404, 404, 403, 403, 201, 201),
    "DELETE /groups/{id}/invites/{code}": (None, 404, 404, 403, 403, 204, 204),
    # An invitation is for whoever has its code.
    "GET /invites/{code}": (None, 200, 200, 200, 200, 200, 200),
    "POST /invites/{code}/accept": ({}, 200, 200, 200, 200, 200, 200),
    "POST /messages": ({"group_id": "group", "text": "x"}, 404, 404, 201, 201, 201, 201),
    "GET /messages/group/{group_id}": (None, 404, 404, 200, 200, 200, 200),
    "GET /messages/group/{group_id}/{seq}": (None, 404, 404, 200, 200, 200, 200),
    "PATCH /messages/group/{group_id}/{seq}": ({"text": "y"}, 404, 404, 403, 403, 403, 403),
    "DELETE /messages/group/{group_id}/{seq}": (None, 404, 404, 403, 403, 200, 200),
    "POST /messages/group/{group_id}/{seq}/reactions": ({"emoji": "x"}, 404, 404, 200, 200, 200, 200),
    "PUT /conversations/group/{group_id}/read": ({"seq": 1}, 404, 404, 204, 204, 204, 204),
    "GET /attachments/{id}": (None, 404, 404, 200, 200, 200, 200),
}

# Of the conversation of `friend` and `author`. Statuses of: a stranger; a friend; one who was a friend; one whom the author blocks; one who
# blocks the author.
DIRECT_ROLES = ("stranger", "friend", "ex", "blocked", "blocking")
DIRECT = {
    "POST /messages": ({"topic": "topic", "text": "x"}, 404, 201, 403, 403, 403),
    "GET /messages/{user_id}": (None, 404, 200, 200, 200, 200),
    "GET /messages/direct/{low}/{high}/{seq}": (None, 404, 200, 200, 200, 200),
    "PATCH /messages/direct/{low}/{high}/{seq}": ({"text": "y"}, 404, 403, 403, 403, 403),
    "DELETE /messages/direct/{low}/{high}/{seq}": (None, 404, 403, 403, 403, 403),
    "POST /messages/direct/{low}/{high}/{seq}/reactions": ({"emoji": "x"}, 404, 200, 403, 403, 403),
    "PUT /conversations/direct/{low}/{high}/read": ({"seq": 1}, 404, 204, 204, 204, 204),
}

# Of a person. Statuses of: a stranger; one whom that person has asked for friendship; one who has asked; a friend; one who was a friend; one whom
# that person blocks, who cannot tell; one who blocks that person; the person.
PERSON_ROLES = ("stranger", "asked", "asking", "friend", "ex", "blocked", "blocking", "self")
PERSON = {
    "GET /users/{id}": (None, 200, 200, 200, 200, 200, 200, 200, 200),
    "POST /messages": ({"user_id": "other", "text": "x"}, 403, 403, 403, 201, 403, 403, 403, 422),
    "POST /friends/add": ({"user_id": "other"}, 201, 200, 200, 409, 201, 201, 409, 422),
    "POST /friends/accept": ({"user_id": "other"}, 404, 200, 404, 200, 404, 404, 404, 422),
    "POST /friends/decline": ({"user_id": "other"}, 404, 204, 404, 404, 404, 404, 404, 422),
    "POST /friends/cancel": ({"user_id": "other"}, 404, 404, 204, 404, 404, 404, 404, 422),
    "POST /friends/remove": ({"user_id": "other"}, 204, 204, 204, 204, 204, 204, 204, 422),
    "POST /blocks": ({"user_id": "other"}, 201, 201, 201, 201, 201, 201, 201, 422),
    "DELETE /blocks/{user_id}": (None, 204, 204, 204, 204, 204, 204, 204, 404),
}

# Of one user. Statuses of: a stranger; the owner.
PRIVATE = {
    "DELETE /devices/{client_id}": (None, 404, 204),
    "DELETE /sessions/{id}": (None, 404, 204),
    "DELETE /bots/{id}": (None, 404, 204),
    "GET /bots/{id}/tokens": (None, 404, 200),
    "POST /bots/{id}/tokens": ({}, 404, 201),
    "DELETE /bots/{id}/tokens/{token_id}": (None, 404, 204),
}


def keys(text):
    return {key.strip() for key in text.replace("\n", " ").split(",")}


@pytest.fixture(scope="module")
def paths(hub):
    return rest.request(hub, "GET", "/openapi.json").expect(200).json["paths"]


@pytest.fixture(scope="module")
def document(paths):
    return {f"{method.upper()} {path}" for path, calls in paths.items() for method in calls}


@pytest.fixture(scope="module")
def people(hub):
    return cast(hub)


def test_every_call_has_a_row(document):
    rows = keys(OWN) | keys(OPEN) | set(GROUP) | set(DIRECT) | set(PERSON) | set(PRIVATE)
    assert document - rows == set() and rows - document == set()


def test_without_a_token(hub, document):
    values = dict.fromkeys(("id", "user_id", "token_id", "group_id", "low", "seq", "code", "client_id", "name"), "1") | {"high": "2"}
    for key in document:
        status = rest.request(hub, *fill(key, values)).status
        assert (status == 401) == (key not in keys(OPEN)) or key in ("POST /login", "POST /token/refresh"), (key, status)


def test_bots_keep_out_of_accounts(hub, people, paths):
    """What the document says needs the scope `user` refuses a bot before it looks at anything; nothing else asks for it."""
    owner = people["owner"]
    bot = owner.post("/bots", {"username": rest.unique_name("bot"), "display_name": "Bot"}, 201).json
    token = owner.post(f"/bots/{bot['id']}/tokens", {}, 201).json["token"]
    values = dict.fromkeys(("id", "user_id", "token_id", "group_id", "low", "seq", "code", "client_id", "name"), "1") | {"high": "2"}
    found, expected = set(), set()
    for path, calls in paths.items():
        for method, operation in calls.items():
            # Not before the others: it ends the token.
            if path == "/logout":
                continue
            answer = rest.request(hub, *fill(f"{method.upper()} {path}", values), token=token)
            if answer.status == 403 and answer.json["type"] == "/problems/insufficient-scope":
                found.add((method, path))
            if operation.get("security") == [{"bearer": ["user"]}]:
                expected.add((method, path))
    assert found == expected and ("post", "/password") in found


def test_lists_have_only_what_is_ones_own(people, document):
    """Nothing of a group, its messages and files, and nobody in it, is in any list of somebody who has to do with none of them."""
    values = make_group(people)
    secrets = [values["group"], values["file"], values["code"]] + [people[name].id for name in ("owner", "author", "blocked")]
    lists = [key.removeprefix("GET ") for key in keys(OWN) & document if key.startswith("GET ") and key != "GET /users"]
    assert len(lists) > 9
    for path in lists:
        body = people["stranger"].call("GET", path + ("?query=x" if path == "/search" else "")).expect(200).body.decode()
        assert [secret for secret in secrets if secret in body] == [], path
    for path in ("/groups", "/conversations", "/account/export"):
        assert values["group"] in people["member"].call("GET", path).expect(200).body.decode(), path


@pytest.mark.parametrize("key", GROUP)
def test_groups(people, key):
    body, *expected = GROUP[key]
    found = []
    for role in GROUP_ROLES:
        values = make_group(people)
        method, path = fill(key, values | {"id": values["file"] if "attachments" in key else values["group"]})
        names = {"friend": people["friend"].id, "author": people["author"].id, "group": values["group"]}
        found.append(people[role].call(method, path, named(body, names)).status)
    assert found == expected


@pytest.mark.parametrize("key", DIRECT)
def test_conversations(hub, people, key):
    body, *expected = DIRECT[key]
    found = []
    for role in DIRECT_ROLES:
        author, friend = rest.friends(hub, "pair")
        seq = author.send(friend, text="x").json["seq"]
        separate(role, friend, author)
        topic = author.direct_topic(friend)
        low, high = topic.split("/")[1:]
        method, path = fill(key, {"user_id": author.id, "low": low, "high": high, "seq": seq})
        caller = people["stranger"] if role == "stranger" else friend
        found.append(caller.call(method, path, named(body, {"topic": topic})).status)
    assert found == expected


@pytest.mark.parametrize("key", PERSON)
def test_persons(hub, key):
    body, *expected = PERSON[key]
    found = []
    me, other = rest.sign_up(hub, "me"), rest.sign_up(hub, "other")
    for role in PERSON_ROLES:
        for one, two in ((me, other), (other, me)):
            one.call("DELETE", f"/blocks/{two.id}").expect(204)
        me.post("/friends/remove", {"user_id": other.id}, 204)
        other.call("POST", "/friends/cancel", {"user_id": me.id})
        me.call("POST", "/friends/cancel", {"user_id": other.id})
        if role == "asked":
            other.post("/friends/add", {"user_id": me.id}, 201)
        elif role == "asking":
            me.post("/friends/add", {"user_id": other.id}, 201)
        elif role not in ("stranger", "self"):
            me.befriend(other)
            separate(role, me, other)
        target = me.id if role == "self" else other.id
        method, path = fill(key, {"id": target, "user_id": target})
        found.append(me.call(method, path, named(body, {"other": target})).status)
    assert found == expected


@pytest.mark.parametrize("key", PRIVATE)
def test_private_things(hub, people, client, key):
    body, *expected = PRIVATE[key]
    found = []
    for role in ("stranger", "owner"):
        owner = people["owner"]
        bot = owner.post("/bots", {"username": rest.unique_name("bot").replace("_", "-"), "display_name": "Bot"}, 201).json["id"]
        token = owner.post(f"/bots/{bot}/tokens", {}, 201).json["id"]
        session = next(item["id"] for item in rest.log_in(hub, owner).get("/sessions")["items"] if item["current"])
        device = client(hub, owner).client_id
        method, path = fill(key, {"id": session if "sessions" in key else bot, "token_id": token, "client_id": device})
        found.append(people[role].call(method, path, body).status)
    assert found == expected
