"""GET /openapi.json: is it valid, is it what the hub does, and is nothing missing in it."""
import pytest
from openapi_spec_validator import validate

from support import rest, schemas
from support.hub import Hub


@pytest.fixture(scope="module")
def documented_hub():
    """With mails that go nowhere, so that no call says that it cannot be done."""
    hub = Hub("--mail-command", "/bin/true")
    try:
        yield hub.start()
        hub.stop()
    finally:
        hub.discard()


@pytest.fixture(scope="module")
def document(documented_hub):
    answer = rest.request(documented_hub, "GET", "/openapi.json").expect(200)
    assert answer.headers.get_content_type() == "application/json" and answer.headers["Cache-Control"]
    return answer.json


def test_the_document_is_valid(document):
    assert document["openapi"].startswith("3.1")
    validate(document)


def test_every_operation_says_what_people_need(document):
    for path, item in document["paths"].items():
        for method, operation in item.items():
            assert operation["summary"] and operation["tags"], (method, path)
            assert any(status[0] in "23" for status in operation["responses"]), (method, path)


def test_examples_fit_their_schemas(document):
    found = list(schemas.with_examples(document))
    assert len(found) > 20
    for schema in found:
        for example in schema["examples"]:
            schemas.validate(example, schema, document)


# What is really there: schemas of answers allow members that are not named, as clients must; here they do not.

class Checked:
    """A user whose every answer is held against the document, strictly."""

    def __init__(self, user, document):
        self.user, self.document = user, document
        self.strict = {"components": schemas.strict(document["components"])}

    def __call__(self, method, path, route, body=None, status=200):
        answer = self.user.call(method, path, body).expect(status)
        operation = self.document["paths"][route][method.lower()]
        response = operation["responses"][str(status)]
        if not answer.body:
            assert "content" not in response, (method, path)
            return None
        schema = schemas.strict(response["content"][answer.headers.get_content_type()]["schema"])
        schemas.validate(answer.json, schema, self.strict)
        return answer.json


@pytest.fixture(scope="module")
def people(documented_hub):
    return [rest.sign_up(documented_hub, "strict") for _ in range(3)]


def test_answers_have_no_members_that_are_not_named(document, people):
    ada, grace, linus = people
    ada.befriend(grace)
    linus.post("/friends/add", {"user_id": ada.id}, 201)
    check = Checked(ada, document)
    picture = ada.call("POST", "/attachments?name=a.txt", b"hello", {"Content-Type": "text/plain"}).expect(201).json
    check("PATCH", "/profile", "/profile", {"bio": "Engines.", "avatar": picture["id"]})
    group = check("POST", "/groups", "/groups", {"name": "strict", "members": [grace.id], "picture": picture["id"]}, 201)
    path = f"/groups/{group['id']}"
    check("PATCH", path, "/groups/{id}", {"name": "stricter", "announcement": True})
    check("PUT", f"{path}/members/{grace.id}", "/groups/{id}/members/{user_id}", {"role": "admin"})
    check("POST", f"{path}/add", "/groups/{id}/add", {"user_ids": [grace.id, linus.id]})
    invite = check("POST", f"{path}/invites", "/groups/{id}/invites", {"uses": 3}, 201)
    check("GET", f"/invites/{invite['code']}", "/invites/{code}")
    sent = {"user_id": grace.id, "text": "hi", "client_ref": "a1", "custom": {"order": 7}, "mentions": [grace.id],
            "attachments": [picture["id"]]}
    first = check("POST", "/messages", "/messages", sent, 201)
    second = check("POST", "/messages", "/messages", {"group_id": group["id"], "text": "to go"}, 201)
    assert grace.send(ada, text="unread").status == 201
    low, high = first["topic"].split("/")[1:]
    entry, route = f"/messages/{first['topic']}/{first['seq']}", "/messages/direct/{low}/{high}/{seq}"
    check("PATCH", entry, route, {"text": "hello"})
    check("POST", f"{entry}/reactions", f"{route}/reactions", {"emoji": "👍"})
    check("GET", entry, route)
    check("DELETE", f"/messages/{second['topic']}/{second['seq']}", "/messages/group/{group_id}/{seq}")
    bot = check("POST", "/bots", "/bots", {"username": rest.unique_name("bot"), "display_name": "Bot"}, 201)
    check("POST", f"/bots/{bot['id']}/tokens", "/bots/{id}/tokens", {"name": "one"}, 201)
    check("GET", f"/bots/{bot['id']}/tokens", "/bots/{id}/tokens")
    check("GET", f"{path}/members", "/groups/{id}/members")
    check("GET", f"{path}/invites", "/groups/{id}/invites")
    check("GET", path, "/groups/{id}")
    check("GET", f"/users/{grace.id}", "/users/{id}")
    check("GET", f"/users?query={grace.name}", "/users")
    check("GET", f"/messages/{grace.id}", "/messages/{user_id}")
    check("GET", f"/messages/group/{group['id']}", "/messages/group/{group_id}")
    for plain in ("/profile", "/sessions", "/devices", "/bots", "/friends", "/friends/requests", "/groups",
                  "/conversations", "/notifications", "/.well-known/jwks.json"):
        check("GET", plain, plain)
    check("POST", "/friends/accept", "/friends/accept", {"user_id": linus.id})
    check("POST", "/blocks", "/blocks", {"user_id": linus.id}, 201)
    check("GET", "/blocks", "/blocks")
    check("PUT", f"/conversations/direct/{low}/{high}/read", "/conversations/direct/{low}/{high}/read", {"seq": 1}, 204)
    unread = Checked(grace, document)
    unread("GET", "/notifications", "/notifications")
    unread("GET", "/conversations", "/conversations")
