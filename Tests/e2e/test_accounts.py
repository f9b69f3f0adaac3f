"""Issue "A running hub", step 2: sign up, log in (JWT, Ed25519, JWKS endpoint); step 4: GET|PUT /profile."""
import base64
import json
import re
import time

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from support import rest
from support.mqtt import V5

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.fixture(scope="module")
def user(hub):
    return rest.sign_up(hub, "account")


def unpack(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def test_sign_up_answers_tokens(hub):
    """POST /signup: 201 Tokens, `Location: /profile`; Tokens are {access_token, token_type: "Bearer", …}."""
    name = rest.unique_name("new")
    answer = rest.request(hub, "POST", "/signup", {
        "username": name, "email": f"{name}@example.org", "password": rest.PASSWORD, "display_name": "New Person"})
    tokens = answer.expect(201).json
    assert answer.headers["Location"] == "/profile"
    assert answer.headers["Cache-Control"] == "no-store"
    assert set(tokens) == {"access_token", "token_type", "expires_in", "refresh_token", "user"}
    assert tokens["token_type"] == "Bearer" and tokens["expires_in"] == 600
    user = tokens["user"]
    assert user["username"] == name and user["display_name"] == "New Person"
    assert re.fullmatch("[1-9][0-9]*", user["id"]) and int(user["id"]) < 2**63
    assert TIME.fullmatch(user["created_at"])


def test_names_are_taken_once(hub, user):
    """409 `username-taken`, `email-taken`; e-mail compared in lower case."""
    body = {"username": user.name, "email": "other@example.org", "password": rest.PASSWORD}
    rest.request(hub, "POST", "/signup", body).expect_problem(409, "username-taken")
    body = {"username": rest.unique_name(), "email": f"{user.name}@EXAMPLE.ORG", "password": rest.PASSWORD}
    rest.request(hub, "POST", "/signup", body).expect_problem(409, "email-taken")


@pytest.mark.parametrize("field, value", [
    ("username", "ab"), ("username", "UPPER"), ("username", "12345"), ("username", "-dash"), ("username", "a" * 33),
    ("email", "nobody"), ("password", "short"), ("password", "x" * 257), ("password", "password123"),
    ("username", 5), ("email", None)])
def test_what_sign_up_refuses(hub, field, value):
    """User names: `^[a-z0-9][a-z0-9_.-]{2,31}$` with a letter; passwords of 8 to 256 characters, not the commonest."""
    name = rest.unique_name("refused")
    body = {"username": name, "email": f"{name}@example.org", "password": rest.PASSWORD, field: value}
    problem = rest.request(hub, "POST", "/signup", body).expect_problem(422)
    if problem["type"] != "/problems/weak-password":
        assert [error["field"] for error in problem["errors"]] == [field], problem


def test_log_in_by_name_or_address(hub, user):
    """POST /login {email or username, password}: 200 Tokens."""
    for who in ({"username": user.name}, {"email": f"{user.name}@example.org"}):
        tokens = rest.request(hub, "POST", "/login", {**who, "password": rest.PASSWORD}).expect(200).json
        assert tokens["user"]["id"] == user.id
        assert tokens["access_token"] != user.token


def test_wrong_log_ins_look_alike(hub, user):
    """One answer, one status for unknown user and wrong password."""
    answers = []
    for name in (user.name, "nobody-of-that-name"):
        answer = rest.request(hub, "POST", "/login", {"username": name, "password": "wrong password"})
        problem = answer.expect_problem(401, "invalid-credentials")
        problem.pop("request_id")
        answers.append(problem)
    assert answers[0] == answers[1]


def test_token_is_signed_by_a_published_key(hub, user):
    """Tokens of the hub: EdDSA (Ed25519, `kid`, `/.well-known/jwks.json`), `typ` `at+jwt`, 10 minutes."""
    head, claims, signature = user.token.split(".")
    header, payload = json.loads(unpack(head)), json.loads(unpack(claims))
    assert header["alg"] == "EdDSA" and header["typ"] == "at+jwt"
    keys = rest.request(hub, "GET", "/.well-known/jwks.json").expect(200).json["keys"]
    key = next(key for key in keys if key["kid"] == header["kid"])
    assert (key["kty"], key["crv"]) == ("OKP", "Ed25519") and "d" not in key
    public = Ed25519PublicKey.from_public_bytes(unpack(key["x"]))
    public.verify(unpack(signature), f"{head}.{claims}".encode())
    with pytest.raises(InvalidSignature):
        public.verify(unpack(signature), f"{head}.{claims}x".encode())
    assert payload["sub"] == user.id and payload["exp"] - payload["iat"] == 600
    assert abs(payload["iat"] - time.time()) < 120
    assert {"iss", "aud", "sub", "sid", "jti", "iat", "exp", "scope"} <= set(payload)
    assert payload["iss"].startswith("https://") and payload["scope"] == "user"


@pytest.mark.parametrize("spoil", [
    lambda token: token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB"), lambda token: token + "x",
    lambda token: token.rpartition(".")[0] + ".", lambda token: "nonsense", lambda token: ""],
    ids=["signature", "longer", "unsigned", "nonsense", "empty"])
def test_a_spoiled_token_is_refused(hub, user, spoil):
    """401 with `WWW-Authenticate`."""
    answer = rest.request(hub, "GET", "/profile", headers={"Authorization": f"Bearer {spoil(user.token)}"})
    answer.expect_problem(401)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_own_profile(user):
    """The own profile adds `email, email_verified, mfa_enabled`."""
    profile = user.get("/profile")
    assert profile["id"] == user.id and profile["username"] == user.name
    assert profile["email"] == f"{user.name}@example.org"
    assert profile["email_verified"] is False and profile["mfa_enabled"] is False
    assert "password" not in json.dumps(profile)


def test_profile_changes_with_its_etag(user):
    """PUT `{display_name, bio, avatar}` (full); 200 User, `ETag`; 412 with a stale `If-Match`."""
    before = user.call("GET", "/profile").expect(200)
    changed = user.call("PUT", "/profile", {"display_name": "Änne 🙂", "bio": "about me"},
                        {"If-Match": before.headers["ETag"]}).expect(200)
    assert changed.json["display_name"] == "Änne 🙂" and changed.json["bio"] == "about me"
    now = user.call("GET", "/profile").expect(200)
    assert now.headers["ETag"] == changed.headers["ETag"] != before.headers["ETag"]
    user.call("PUT", "/profile", {"display_name": "late"},
              {"If-Match": before.headers["ETag"]}).expect_problem(412)
    assert user.get("/profile")["display_name"] == "Änne 🙂"
    user.call("PUT", "/profile", {"display_name": "Anne"}).expect(200)
    assert not user.get("/profile").get("bio"), "PUT is full: what is absent goes"


def test_profile_holds_only_named_members(user):
    """Requests hold only members that are named here (else 422)."""
    problem = user.call("PUT", "/profile", {"display_name": "x", "username": "other"}).expect_problem(422)
    assert [error["field"] for error in problem["errors"]] == ["username"]


def test_log_out_ends_the_connection(hub, user, client):
    """The connection belongs to the log-in session (`sid`) and ends within 5 s of log-out; other sessions live on."""
    session = rest.log_in(hub, user)
    gone, stays = client(hub, session, version=V5), client(hub, user, version=V5)
    started = time.monotonic()
    session.call("POST", "/logout").expect(204)
    gone.wait_end()
    assert time.monotonic() - started < 5
    stays.subscribe(user.inbox)
    session.call("GET", "/profile").expect_problem(401)
    user.call("GET", "/profile").expect(200)
