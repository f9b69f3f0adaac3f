"""Who may what (rest.md): every call of the document against everybody who might try it. A call without a row fails by name."""
import uuid

import pytest

from support import rest

# Calls about one's own account, or without an object of somebody's: a token is all that they need.
OWN = """
    POST /logout, GET /sessions, GET /profile, PUT /profile, PATCH /profile, GET /devices, GET /users, GET /users/{id}, POST /password,
    POST /mfa/totp, POST /mfa/totp/confirm, POST /mfa/totp/disable, POST /mfa/recovery-codes, POST /account/delete, GET /account/export,
    GET /bots, POST /bots, POST /friends/add, POST /friends/accept, POST /friends/decline, POST /friends/cancel, POST /friends/remove,
    GET /friends, GET /friends/requests, GET /blocks, POST /blocks, DELETE /blocks/{user_id}, GET /groups, POST /groups, POST /attachments,
    GET /conversations, GET /search, GET /notifications, POST /notifications/read, DELETE /devices/{client_id}
"""
OPEN = """
    POST /signup, POST /login, POST /token/refresh, GET /.well-known/jwks.json, POST /password/forgot, POST /password/reset, POST /email/verify,
    GET /openapi.json, GET /docs/problems, GET /docs/problems/{name}, GET /docs/style.css, GET /problems/{name}
"""

# Of a group, or of something in it that `author`, a plain member, has made. Statuses of:
GROUP_ROLES = ("stranger", "ex", "member", "admin", "owner")
GROUP = {
    "GET /groups/{id}": (None, 404, 404, 200, 200, 200),
    "PUT /groups/{id}": ({"name": "new", "announcement": False}, 404, 404, 403, 200, 200),
    "PATCH /groups/{id}": ({"name": "new"}, 404, 404, 403, 200, 200),
    "DELETE /groups/{id}": (None, 404, 404, 403, 403, 204),
    "POST /groups/{id}/add": ({"user_id": "friend"}, 404, 404, 403, 200, 200),
    "POST /groups/{id}/remove": ({"user_id": "author"}, 404, 404, 403, 204, 204),
    "POST /groups/{id}/leave": ({}, 404, 404, 204, 204, 409),
    "GET /groups/{id}/members": (None, 404, 404, 200, 200, 200),
    "PUT /groups/{id}/members/{user_id}": ({"role": "admin"}, 404, 404, 403, 403, 200),
    "GET /groups/{id}/invites": (None, 404, 404, 403, 200, 200),
    "POST /groups/{id}/invites": ({}, 404, 404, 403, 201, 201),
    "DELETE /groups/{id}/invites/{code}": (None, 404, 404, 403, 204, 204),
    # An invitation is for whoever has its code.
    "GET /invites/{code}": (None, 200, 200, 200, 200, 200),
    "POST /invites/{code}/accept": ({}, 200, 200, 200, 200, 200),
    "POST /messages": ({"group_id": "group", "text": "x"}, 404, 404, 201, 201, 201),
    "GET /messages/group/{group_id}": (None, 404, 404, 200, 200, 200),
    "GET /messages/group/{group_id}/{seq}": (None, 404, 404, 200, 200, 200),
    "PATCH /messages/group/{group_id}/{seq}": ({"text": "y"}, 404, 404, 403, 403, 403),
    "DELETE /messages/group/{group_id}/{seq}": (None, 404, 404, 403, 200, 200),
    "POST /messages/group/{group_id}/{seq}/reactions": ({"emoji": "x"}, 404, 404, 200, 200, 200),
    "PUT /conversations/group/{group_id}/read": ({"seq": 1}, 404, 404, 204, 204, 204),
    "GET /attachments/{id}": (None, 404, 404, 200, 200, 200),
}

# Of the conversation of `friend` and `author`. Statuses of: a stranger; a friend; one who was a friend; one whom the author blocks.
DIRECT_ROLES = ("stranger", "friend", "ex", "blocked")
DIRECT = {
    "GET /messages/{user_id}": (None, 404, 200, 200, 200),
    "GET /messages/direct/{low}/{high}/{seq}": (None, 404, 200, 200, 200),
    "PATCH /messages/direct/{low}/{high}/{seq}": ({"text": "y"}, 404, 403, 403, 403),
    "DELETE /messages/direct/{low}/{high}/{seq}": (None, 404, 403, 403, 403),
    "POST /messages/direct/{low}/{high}/{seq}/reactions": ({"emoji": "x"}, 404, 200, 403, 403),
    "PUT /conversations/direct/{low}/{high}/read": ({"seq": 1}, 404, 204, 204, 204),
}

# Of one user. Statuses of: a stranger; the owner.
PRIVATE = {
    "DELETE /sessions/{id}": (None, 404, 204),
    "DELETE /bots/{id}": (None, 404, 204),
    "GET /bots/{id}/tokens": (None, 404, 200),
    "POST /bots/{id}/tokens": ({}, 404, 201),
    "DELETE /bots/{id}/tokens/{token_id}": (None, 404, 204),
}


def keys(text):
    return {key.strip() for key in text.replace("\n", " ").split(",")}


def fill(key, values):
    """The path of a call with its parameters, and the method."""
    method, path = key.split(" ")
    return method, path.format(**values)


@pytest.fixture(scope="module")
def document(hub):
    paths = rest.request(hub, "GET", "/openapi.json").expect(200).json["paths"]
    methods = {"get", "put", "post", "patch", "delete"}
    return {f"{method.upper()} {path}" for path, calls in paths.items() for method in calls if method in methods}


@pytest.fixture(scope="module")
def people(hub):
    """Everybody but the stranger is the owner's friend."""
    found = {name: rest.sign_up(hub, name) for name in ("owner", "admin", "member", "ex", "stranger", "author", "friend")}
    for name in ("admin", "member", "ex", "author", "friend"):
        found["owner"].befriend(found[name])
    found["admin"].befriend(found["friend"])
    return found


def make_group(people):
    """A fresh group with a message of the author and an invitation: the values of paths and bodies."""
    owner, author = people["owner"], people["author"]
    group = owner.make_group(*(people[name] for name in ("admin", "member", "ex", "author")))["id"]
    owner.call("PUT", f"/groups/{group}/members/{people['admin'].id}", {"role": "admin"}).expect(200)
    owner.post(f"/groups/{group}/remove", {"user_id": people["ex"].id}, 204)
    file = author.call("POST", f"/attachments?name={uuid.uuid4()}", b"text", {"Content-Type": "text/plain"}).expect(201).json["id"]
    seq = author.send(group, text="x", attachments=[file]).json["seq"]
    code = owner.post(f"/groups/{group}/invites", {}, 201).json["code"]
    return {"group": group, "group_id": group, "seq": seq, "code": code, "user_id": author.id, "file": file}


def test_every_call_has_a_row(document):
    rows = keys(OWN) | keys(OPEN) | set(GROUP) | set(DIRECT) | set(PRIVATE)
    assert document - rows == set() and rows - document == set()


def test_without_a_token(hub, document):
    values = dict.fromkeys(("id", "user_id", "token_id", "group_id", "low", "seq", "code", "client_id", "name"), "1") | {"high": "2"}
    for key in document:
        status = rest.request(hub, *fill(key, values)).status
        assert (status == 401) == (key not in keys(OPEN)) or key in ("POST /login", "POST /token/refresh"), (key, status)


@pytest.mark.parametrize("key", GROUP)
def test_groups(people, key):
    body, *expected = GROUP[key]
    found = []
    for role in GROUP_ROLES:
        values = make_group(people)
        names = {"friend": people["friend"].id, "author": people["author"].id, "group": values["group"]}
        sent = body and {name: names.get(value, value) if isinstance(value, str) else value for name, value in body.items()}
        method, path = fill(key, values | {"id": values["file"] if "attachments" in key else values["group"]})
        found.append(people[role].call(method, path, sent).status)
    assert found == expected


@pytest.mark.parametrize("key", DIRECT)
def test_conversations(hub, people, key):
    body, *expected = DIRECT[key]
    found = []
    for role in DIRECT_ROLES:
        author, friend = rest.friends(hub, "pair")
        seq = author.send(friend, text="x").json["seq"]
        if role == "ex":
            author.post("/friends/remove", {"user_id": friend.id}, 204)
        if role == "blocked":
            author.post("/blocks", {"user_id": friend.id}, 201)
        low, high = author.direct_topic(friend).split("/")[1:]
        method, path = fill(key, {"user_id": author.id, "low": low, "high": high, "seq": seq})
        found.append((people["stranger"] if role == "stranger" else friend).call(method, path, body).status)
    assert found == expected


@pytest.mark.parametrize("key", PRIVATE)
def test_private_things(hub, people, key):
    body, *expected = PRIVATE[key]
    found = []
    for role in ("stranger", "owner"):
        owner = people["owner"]
        bot = owner.post("/bots", {"username": rest.unique_name("bot").replace("_", "-"), "display_name": "Bot"}, 201).json["id"]
        token = owner.post(f"/bots/{bot}/tokens", {}, 201).json["id"]
        session = next(item["id"] for item in rest.log_in(hub, owner).get("/sessions")["items"] if item["current"])
        method, path = fill(key, {"id": session if "sessions" in key else bot, "token_id": token})
        found.append(people[role].call(method, path, body).status)
    assert found == expected
