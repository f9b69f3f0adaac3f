"""REST as a client sees it: one request, one answer, and users who make them."""
import http.client
import itertools
import json
import os

TIMEOUT_SECONDS = 20
PASSWORD = "correct horse battery staple"
_numbers = itertools.count(1)


class Answer:
    """Status, headers and bytes of one answer."""

    def __init__(self, response):
        self.status, self.headers, self.body = response.status, response.headers, response.read()

    @property
    def json(self):
        return json.loads(self.body)

    def expect(self, status):
        assert self.status == status, f"expected {status}, got {self.status}: {self.body[:500]!r}"
        return self

    def expect_problem(self, status, name=None):
        """An RFC 9457 answer as rest.md describes it; `name` is the end of its type."""
        self.expect(status)
        assert self.headers.get_content_type() == "application/problem+json", self.headers
        problem = self.json
        assert {"type", "title", "status", "request_id"} <= set(problem), problem
        assert problem["type"].startswith("/problems/") and problem["title"], problem
        assert problem["status"] == status and problem["request_id"] == self.headers["X-Request-Id"], problem
        assert name is None or problem["type"] == f"/problems/{name}", problem
        return problem


def request(hub, method, path, body=None, token=None, headers=None, listener="https"):
    """One request on its own connection. A dict or list is sent as JSON, bytes as they are."""
    port = hub.ports[listener]
    if listener == "https":
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS,
                                                 context=hub.tls_context())
    else:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    sent = dict(headers or {})
    if token:
        sent["Authorization"] = f"Bearer {token}"
    if isinstance(body, (dict, list)):
        body = json.dumps(body).encode()
        sent.setdefault("Content-Type", "application/json")
    try:
        connection.request(method, path, body=body, headers=sent)
        return Answer(connection.getresponse())
    finally:
        connection.close()


class User:
    """Someone who has signed up."""

    def __init__(self, hub, tokens):
        self.hub, self.tokens = hub, tokens
        self.id, self.name = tokens["user"]["id"], tokens["user"]["username"]

    @property
    def token(self):
        return self.tokens["access_token"]

    @property
    def inbox(self):
        return f"inbox/{self.id}"

    def call(self, method, path, body=None, headers=None):
        return request(self.hub, method, path, body, token=self.token, headers=headers)

    def get(self, path):
        return self.call("GET", path).expect(200).json

    def post(self, path, body, status=200):
        return self.call("POST", path, body).expect(status)

    def direct_topic(self, other):
        low, high = sorted((int(self.id), int(other.id)))
        return f"direct/{low}/{high}"

    def befriend(self, other):
        """Both agree; returns the topic of their conversation."""
        self.post("/friends/add", {"user_id": other.id}, 201)
        return other.post("/friends/accept", {"user_id": self.id}).json["topic"]

    def send(self, to, status=201, **members):
        """POST /messages to a user, or to a group given by its id."""
        target = {"user_id": to.id} if isinstance(to, User) else {"group_id": to}
        return self.call("POST", "/messages", {**target, **members}).expect(status)

    def history(self, of, query=""):
        """GET /messages/{user_id}, or of a group given by its id."""
        path = f"/messages/{of.id}" if isinstance(of, User) else f"/messages/group/{of}"
        return self.call("GET", path + query).expect(200)

    def items(self, of, query=""):
        return self.history(of, query).json["items"]

    def make_group(self, *members, name="group"):
        """A group that already has these members (who must be friends)."""
        body = {"name": name}
        if members:
            body["members"] = [member.id for member in members]
        return self.post("/groups", body, 201).json


def unique_name(prefix="user"):
    return f"{prefix}-{os.getpid()}-{next(_numbers)}"


def sign_up(hub, prefix="user", **members):
    """A new user. Costs the hub about half a second for the password, so tests share users where they can."""
    name = unique_name(prefix)
    body = {"username": name, "email": f"{name}@example.org", "password": PASSWORD, **members}
    return User(hub, request(hub, "POST", "/signup", body).expect(201).json)


def log_in(hub, user):
    """The same user, in another log-in session."""
    answer = request(hub, "POST", "/login", {"username": user.name, "password": PASSWORD})
    return User(hub, answer.expect(200).json)


def friends(hub, prefix="user"):
    """Two new users who are friends."""
    first, second = sign_up(hub, prefix), sign_up(hub, prefix)
    first.befriend(second)
    return first, second
