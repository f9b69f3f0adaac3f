"""Who may what (rest.md), beyond statuses: what is named in bodies and queries, files by where they stand, what refused calls leave as it was."""
import pytest

from support import rest
from support.mqtt import Client
from support.rights import cast, fill, make_group, named, separate
from support.waiting import eventually

ID = "^([1-9][0-9]{0,17}|[1-8][0-9]{18})$"

# Calls that name a file, with a group of the caller's own. It must be one that the caller may load.
FILES = {
    "PUT /profile": ({"display_name": "x", "avatar": "file"}, 200),
    "PATCH /profile": ({"avatar": "file"}, 200),
    "POST /groups": ({"name": "x", "picture": "file"}, 201),
    "PUT /groups/{id}": ({"name": "x", "picture": "file"}, 200),
    "PATCH /groups/{id}": ({"picture": "file"}, 200),
    "POST /messages": ({"group_id": "own", "attachments": ["file"]}, 201),
}
# Everything in a body or query that is an object of somebody: what tries it with those of others. A member without a row fails by name.
NAMES = {
    "test_files_are_named_by_who_may_load_them": {(key, name) for key, (body, _) in FILES.items()
                                                  for name in ("avatar", "picture", "attachments") if name in body},
    "test_what_adding_says": {("POST /groups/{id}/add", "user_id"), ("POST /groups/{id}/add", "user_ids")},
    "test_a_group_begins_with_friends": {("POST /groups", "members")},
    "test_mentions_reach_who_reads": {("POST /messages", "mentions")},
    "test_a_search_in_a_conversation_of_others": {("GET /search", "topic")},
    "test_rights_matrix": {(f"POST {path}", "user_id") for path in (
        "/friends/add", "/friends/accept", "/friends/decline", "/friends/cancel", "/friends/remove", "/blocks", "/groups/{id}/remove",
        "/messages")} | {("POST /messages", "group_id"), ("POST /messages", "topic")},
}


@pytest.fixture(scope="module")
def people(hub):
    return cast(hub)


@pytest.fixture(scope="module")
def document(hub):
    return rest.request(hub, "GET", "/openapi.json").expect(200).json


def upload(user):
    """A file that nothing names."""
    return user.call("POST", "/attachments", b"text", {"Content-Type": "text/plain"}).expect(201).json["id"]


def references(schema, document):
    """The members of a schema that are ids or topics."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    for part in schema.get("oneOf", []) + schema.get("allOf", []) + schema.get("anyOf", []):
        yield from references(part, document)
    for name, member in schema.get("properties", {}).items():
        if is_reference(member) or is_reference(member.get("items", {})):
            yield name


def is_reference(schema):
    return schema.get("pattern") == ID or "direct/" in schema.get("pattern", "")


def test_every_name_has_a_row(document):
    found = set()
    for path, calls in document["paths"].items():
        for method, operation in calls.items():
            key = f"{method.upper()} {path}"
            for content in operation.get("requestBody", {}).get("content", {}).values():
                found |= {(key, name) for name in references(content["schema"], document)}
            found |= {(key, one["name"]) for one in operation.get("parameters", [])
                      if one["in"] == "query" and one["name"] != "cursor" and is_reference(one["schema"])}
    rows = set().union(*NAMES.values())
    assert found - rows == set() and rows - found == set()
    assert set(NAMES) - {"test_rights_matrix"} <= set(globals())


# Of a file that `author` has sent to `friend`. Whether it may be loaded by: its uploader; that friend; one who was a friend; one whom the
# uploader blocks; one who blocks the uploader; a stranger.
LOADING = {"author": True, "friend": True, "ex": True, "blocked": True, "blocking": True, "stranger": False}


@pytest.mark.parametrize("role", LOADING)
def test_files_are_named_by_who_may_load_them(hub, people, role):
    """In a direct conversation, which stays readable; and whoever may not load a file cannot get at it by naming it."""
    author, friend = rest.friends(hub, "pair")
    file = upload(author)
    author.send(friend, attachments=[file])
    separate(role, friend, author)
    caller = {"author": author, "stranger": people["stranger"]}.get(role, friend)
    path = f"/attachments/{file}"
    assert caller.call("GET", path).status == (200 if LOADING[role] else 404)
    assert caller.call("HEAD", path).status == (200 if LOADING[role] else 404)
    own = caller.make_group()["id"]
    for key, (body, success) in FILES.items():
        method, path = fill(key, {"id": own})
        body = named(body, {"file": file, "own": own})
        answer = caller.call(method, path, body | ({"attachments": [file]} if "attachments" in body else {}))
        assert answer.status == (success if LOADING[role] else 404 if key == "POST /messages" else 422), (key, answer.status, answer.body)
    if not LOADING[role]:
        assert caller.call("GET", f"/attachments/{file}").status == 404


# A file by where it stands: who else may load it than its uploader.
PLACES = {
    "nowhere": {"friend": 404, "stranger": 404, "member": 404, "ex": 404, "blocked": 404},
    "avatar": {"friend": 200, "stranger": 200, "member": 200, "ex": 200, "blocked": 200},
    "picture": {"friend": 404, "stranger": 404, "member": 200, "ex": 404, "blocked": 200},
    "deleted message": {"friend": 404, "stranger": 404, "member": 404, "ex": 404, "blocked": 404},
}


@pytest.mark.parametrize("place", PLACES)
def test_files_by_place(people, place):
    values, owner = make_group(people), people["owner"]
    file = upload(owner)
    group = values["group"]
    if place == "avatar":
        owner.call("PATCH", "/profile", {"avatar": file}).expect(200)
    elif place == "picture":
        owner.call("PATCH", f"/groups/{group}", {"picture": file}).expect(200)
    elif place == "deleted message":
        seq = owner.send(group, attachments=[file]).json["seq"]
        owner.call("DELETE", f"/messages/group/{group}/{seq}").expect(200)
    found = {name: people[name].call("GET", f"/attachments/{file}").status for name in PLACES[place]}
    assert found == PLACES[place]


# What `/add` says of: a friend of owner and admin; the owner's friend, who was a member; a member; a friend whom the owner now blocks; a stranger;
# nobody's id.
ADDING = {
    "owner": {"friend": "added", "ex": "added", "member": "already_member", "outcast": "not_friend", "stranger": "not_friend", "nobody": "not_found"},
    "admin": {"friend": "added", "ex": "not_friend", "member": "already_member", "outcast": "not_friend", "stranger": "not_friend",
              "nobody": "not_found"},
}


@pytest.mark.parametrize("role", ["stranger", "ex", "blocked", "member", "admin", "owner"])
def test_what_adding_says(hub, people, role):
    """Each id has its result, and exactly those that were `added` are members then; who may not add changes nothing."""
    owner, group = people["owner"], make_group(people)["group"]
    outcast = rest.sign_up(hub, "outcast")
    owner.befriend(outcast)
    owner.post("/blocks", {"user_id": outcast.id}, 201)
    ids = {name: people[name].id for name in ("friend", "ex", "member", "stranger")} | {"outcast": outcast.id, "nobody": "1"}

    def members():
        return {item["user"]["id"] for item in owner.get(f"/groups/{group}/members")["items"]}

    before = members()
    answer = people[role].call("POST", f"/groups/{group}/add", {"user_ids": list(ids.values())})
    if role not in ADDING:
        assert answer.status == (403 if role in ("blocked", "member") else 404)
        assert members() == before
        return
    results = answer.expect(200).json["results"]
    assert [item["user_id"] for item in results] == list(ids.values())
    names = {user: name for name, user in ids.items()}
    assert {names[item["user_id"]]: item["status"] for item in results} == ADDING[role]
    assert members() - before == {ids[name] for name, status in ADDING[role].items() if status == "added"}


def test_a_group_begins_with_friends(people):
    """Who is no friend is not put into a group by anybody: the whole call is refused."""
    owner, before = people["owner"], people["owner"].get("/groups?limit=200")["items"]
    for name in ("stranger", "blocked"):
        owner.call("POST", "/groups", {"name": "x", "members": [people["friend"].id, people[name].id]}).expect_problem(422)
    assert owner.get("/groups?limit=200")["items"] == before


def test_mentions_reach_who_reads(people):
    """A mention is told to members, and to nobody else, whoever it names."""
    group = make_group(people)["group"]
    readers, others = ("member", "blocked"), ("stranger", "ex", "friend")
    seq = people["author"].send(group, text="x", mentions=[people[name].id for name in readers + others]).json["seq"]

    def is_told(name):
        items = people[name].get("/notifications")["items"]
        return {"topic": f"group/{group}", "seq": seq, "preview": "x"} in [item["body"] for item in items]

    eventually(lambda: all(map(is_told, readers)), "members are told", seconds=5)
    assert not any(map(is_told, others))


def test_a_search_in_a_conversation_of_others(hub, people):
    """It finds nothing, as if there were none."""
    values, (author, friend) = make_group(people), rest.friends(hub, "pair")
    people["author"].send(values["group"], text="findable")
    author.send(friend, text="findable")
    topics = [(f"group/{values['group']}", people["member"]), (author.direct_topic(friend), friend)]
    for topic, reader in topics:
        path = f"/search?query=findable&topic={topic}"
        eventually(lambda: len(reader.get(path)["items"]) == 1, "who reads it finds it", seconds=5)
        for name in ("stranger", "ex", "friend"):
            assert people[name].get(path)["items"] == [], (topic, name)


# Calls of one's own account with the id of something that another user has, and of something of one's own beside it.
CROSSED = {
    "GET /bots/{id}/tokens": "bot", "POST /bots/{id}/tokens": "bot", "DELETE /bots/{id}": "bot", "DELETE /bots/{id}/tokens/{token_id}": "token",
    "DELETE /sessions/{id}": "session", "DELETE /devices/{client_id}": "device", "DELETE /groups/{id}/invites/{code}": "code",
    "POST /friends/accept": "request", "POST /friends/decline": "request", "POST /friends/cancel": "request", "POST /notifications/read": "inbox",
}


class Belongings:
    """A user who has something of each kind."""

    def __init__(self, hub):
        self.user, self.asker = rest.sign_up(hub, "owner"), rest.sign_up(hub, "asker")
        self.bot = self.user.post("/bots", {"username": rest.unique_name("bot").replace("_", "-"), "display_name": "Bot"}, 201).json["id"]
        self.token = self.user.post(f"/bots/{self.bot}/tokens", {}, 201).json["id"]
        self.session = next(item["id"] for item in rest.log_in(hub, self.user).get("/sessions")["items"] if item["current"])
        self.client = Client(hub, self.user)
        self.client.connect()
        self.group = self.user.make_group()["id"]
        self.code = self.user.post(f"/groups/{self.group}/invites", {}, 201).json["code"]
        self.asker.post("/friends/add", {"user_id": self.user.id}, 201)

    def seen(self):
        """All of it as the user sees it."""
        lists = ("/bots", f"/bots/{self.bot}/tokens", "/sessions", f"/groups/{self.group}/invites", "/friends", "/friends/requests",
                 "/notifications")
        return [self.user.get(path) for path in lists] + [[item["client_id"] for item in self.user.get("/devices")["items"]]]


@pytest.fixture(scope="module")
def two(hub):
    both = Belongings(hub), Belongings(hub)
    yield both
    for one in both:
        one.client.close()


@pytest.mark.parametrize("key", CROSSED)
def test_what_is_anothers_stays_as_it_was(two, key):
    """Not found, be it named alone or below something of the caller's own; its owner sees no difference."""
    theirs, mine = two
    before = theirs.seen()
    kind = CROSSED[key]
    place = {"session": theirs.session, "code": mine.group, "token": mine.bot}.get(kind, theirs.bot)
    method, path = fill(key, {"id": place, "token_id": theirs.token, "client_id": theirs.client.client_id, "code": theirs.code})
    body = {"request": {"user_id": theirs.asker.id}, "inbox": {"up_to": 1}}.get(kind, {} if method == "POST" else None)
    # Everybody has an inbox: this call moves the caller's own mark.
    mine.user.call(method, path, body).expect(204 if kind == "inbox" else 404)
    assert theirs.seen() == before


@pytest.mark.parametrize("role", ["stranger", "ex", "blocked", "member", "admin"])
def test_what_is_refused_changes_nothing(people, role):
    """Every change of a group that this role may not make leaves its state, members, invitations and log as they were."""
    changes = {
        "PATCH /groups/{id}": ({"name": "new"}, "member"), "DELETE /groups/{id}": (None, "admin"),
        "POST /groups/{id}/remove": ({"user_id": "author"}, "member"), "PUT /groups/{id}/members/{user_id}": ({"role": "admin"}, "admin"),
        "POST /groups/{id}/invites": ({}, "member"), "DELETE /groups/{id}/invites/{code}": (None, "member"),
        "POST /messages": ({"group_id": "group", "text": "no"}, "ex"),
        "POST /messages/group/{group_id}/{seq}/reactions": ({"emoji": "x"}, "ex"),
        "PATCH /messages/group/{group_id}/{seq}": ({"text": "y"}, "admin"), "DELETE /messages/group/{group_id}/{seq}": (None, "member"),
    }
    ranks = {"stranger": 0, "ex": 0, "blocked": 1, "member": 1, "admin": 2}
    owner, values = people["owner"], make_group(people)
    group = values["group"]
    names = {"author": people["author"].id, "group": group}

    def state():
        return [owner.get(f"/groups/{group}{part}") for part in ("", "/members", "/invites")] + [owner.items(group)]

    before = state()
    for key, (body, last) in changes.items():
        if ranks[role] <= ranks[last]:
            method, path = fill(key, values | {"id": group})
            assert people[role].call(method, path, named(body, names)).status in (403, 404), key
    assert state() == before
