"""GET /openapi.json: is it valid, is it what the hub does, and is nothing missing in it."""
import os
import pathlib
import subprocess
import sys

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from support import rest, tokens
from support.hub import Hub

FOLDER = pathlib.Path(__file__).parent
# `make schemathesis` gives it more.
SECONDS = int(os.environ.get("SCHEMATHESIS_SECONDS", "45"))
EXAMPLES = os.environ.get("SCHEMATHESIS_EXAMPLES", "2")


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


def schemas_with_examples(value):
    if isinstance(value, dict):
        if isinstance(value.get("examples"), list):
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for element in value:
            yield from schemas_with_examples(element)


def test_examples_fit_their_schemas(document):
    schemas = list(schemas_with_examples(document))
    assert len(schemas) > 20
    for schema in schemas:
        for example in schema["examples"]:
            Draft202012Validator({**schema, "components": document["components"]}).validate(example)


@pytest.mark.timeout(SECONDS + 120)
def test_schemathesis_finds_nothing(documented_hub):
    """All checks and phases of schemathesis, with a token that no log-out ends."""
    user = tokens.mint(documented_hub, rest.sign_up(documented_hub, "fuzzed"), "--scope", "user", "--lifetime", "36000")
    url = f"http://127.0.0.1:{documented_hub.ports['http']}/openapi.json"
    done = subprocess.run(
        [str(pathlib.Path(sys.executable).parent / "schemathesis"), "--config-file", str(FOLDER / "schemathesis.toml"),
         "run", url, "--header", f"Authorization: Bearer {user.token}", "--checks", "all", "--max-examples", EXAMPLES,
         "--max-time", str(SECONDS), "--continue-on-failure", "--no-color"],
        cwd=documented_hub.folder, capture_output=True, text=True, timeout=SECONDS + 90)
    print(done.stdout[-2000:])
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2000:]


# What is really there: schemas of answers allow members that are not named, as clients must; here they do not.

def strict(schema):
    """The same schema, which allows no members but those that are named."""
    if isinstance(schema, list):
        return [strict(element) for element in schema]
    if not isinstance(schema, dict):
        return schema
    result = {name: strict(value) for name, value in schema.items()}
    if result.get("properties") and result.get("type") == "object":
        result.setdefault("additionalProperties", False)
    return result


class Checked:
    """A user whose every answer is held against the document, strictly."""

    def __init__(self, user, document):
        self.user, self.document = user, document
        self.components = strict(document["components"])

    def __call__(self, method, path, route, body=None, status=200):
        answer = self.user.call(method, path, body).expect(status)
        operation = self.document["paths"][route][method.lower()]
        response = operation["responses"][str(status)]
        if not answer.body:
            assert "content" not in response, (method, path)
            return None
        schema = strict(response["content"][answer.headers.get_content_type()]["schema"])
        Draft202012Validator({**schema, "components": self.components}).validate(answer.json)
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
