"""protocol.md §4: outside issuers (`--issuers FILE`) at both doors, and the users whom `create` makes."""
import json
import os
import subprocess
import threading
import time

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from support import issuer, rest, tokens, wire
from support.hub import binary
from support.issuer import AUDIENCE, Issuer
from support.waiting import eventually
from support.wire import AUTH, CONNACK, DISCONNECT, Wire

ALGORITHMS = ["ES256", "RS256", "EdDSA", "HS256"]
ISSUERS = {name: Issuer(f"https://{name.lower()}.example", name) for name in ALGORITHMS}
SHOP = Issuer("https://shop.example", "EdDSA", create=True)
OFFICE = Issuer("https://office.example", "ES256", create=True, scope="user admin", acl={"all": ["office/${sub}/#"]})


@pytest.fixture(scope="module")
def issuing_hub(tmp_path_factory):
    """A hub that takes tokens of all these issuers; nobody kills it."""
    from conftest import serving
    folder = tmp_path_factory.mktemp("issuers")
    one = issuer.write(folder / "one.json", *ISSUERS.values())
    two = issuer.write(folder / "two.json", SHOP, OFFICE)
    yield from serving("--issuers", str(one), "--issuers", str(two), "--reactors", "2")


@pytest.fixture(scope="module")
def user(issuing_hub):
    """Somebody who has signed up at the hub."""
    return rest.sign_up(issuing_hub, "own")


def profile(hub, token, status=200):
    return rest.request(hub, "GET", "/profile", token=token).expect(status).json


def outsider(hub, subject, **claims):
    """A customer of the shop, as clients of the tests are given users."""
    token = SHOP.token(subject, **claims)
    made = profile(hub, token)
    return tokens.Holder(made["id"], made["username"], token)


# Whose tokens are taken

@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_each_algorithm_opens_both_doors(issuing_hub, user, client, algorithm, version):
    """ES256, RS256, EdDSA by JWKS file, HS256 by secret; `sub` is a user's id."""
    token = ISSUERS[algorithm].token(user.id)
    assert profile(issuing_hub, token)["id"] == user.id
    holder = tokens.Holder(user.id, user.name, token)
    connected = client(issuing_hub, holder, version=version)
    connected.subscribe(user.inbox)
    friend = rest.sign_up(issuing_hub)
    friend.post("/friends/add", {"user_id": user.id}, 201)
    assert connected.next_event("friend_request")["body"]["user"]["id"] == friend.id


BAD = {
    "another audience": dict(aud="elsewhere"), "none of several audiences": dict(aud=["a", "b"]), "no audience": dict(aud=None),
    "no expiry": dict(exp=None), "over": dict(lifetime=-1), "not yet": dict(nbf=int(time.time()) + 3600),
    "nobody's issuer": dict(iss="https://nobody.example"), "the hub's name": dict(iss="https://localhost"),
    "another issuer's name": dict(iss="https://rs256.example"), "no such user": dict(sub="1"), "no user's id": dict(sub="ann"),
    "another type": dict(headers={"typ": "secevent+jwt"}), "another key's name": dict(headers={"kid": "2"}),
    "critical": dict(headers={"crit": ["exp"]}), "large": dict(more="x" * 9000)}


@pytest.mark.parametrize("name", BAD)
def test_bad_tokens_open_neither(issuing_hub, user, client, name):
    """`iss`, `aud`, `exp` required. CONNECT: bad, expired or foreign token 0x87; malformed 0x86. HTTP 401."""
    token = ISSUERS["ES256"].token(**{"subject": user.id, **BAD[name]})
    client(issuing_hub, username="", password=token, connect=False).connect(expect={0x86, 0x87})
    rest.request(issuing_hub, "GET", "/profile", token=token).expect_problem(401, "invalid-token")


def test_the_algorithm_is_the_issuers(issuing_hub, user, client):
    """RFC 8725 §3.1: no `none`, and no public key as secret."""
    made = ISSUERS["RS256"]
    claims = jwt.decode(made.token(user.id), options={"verify_signature": False})
    numbers = made.keys["1"].public_key()
    secrets = [json.dumps(made.jwks()["keys"][0]).encode(),
               numbers.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)]
    forged = [issuer.forge({"alg": algorithm, "kid": "1"}, claims, secret)
              for algorithm in ("HS256", "RS256") for secret in secrets]
    forged += [jwt.encode(claims, None, algorithm="none"), ISSUERS["ES256"].token(user.id, iss=made.name),
               ISSUERS["HS256"].token(user.id, iss=made.name)]
    for token in forged:
        client(issuing_hub, username="", password=token, connect=False).connect(expect=0x87)
        rest.request(issuing_hub, "GET", "/profile", token=token).expect_problem(401, "invalid-token")


# Users made at first sight

def test_create_makes_a_user_at_first_sight(issuing_hub, client, version):
    """With `create` a subject is bound to a user made at first sight, by whichever door it comes first."""
    subject, name = rest.unique_name("subject"), rest.unique_name("anna")
    token = SHOP.token(subject, preferred_username=name, name="Anna")
    connected = client(issuing_hub, username="", password=token, version=version)
    made = profile(issuing_hub, token)
    assert made["username"] == name and made["display_name"] == "Anna"
    assert "email" not in made and made["email_verified"] is False
    connected.subscribe(f"inbox/{made['id']}", "inbox/+", "group/+", "direct/#")
    # Another token of the same subject is the same user, whatever it says now.
    assert profile(issuing_hub, SHOP.token(subject, preferred_username="other"))["id"] == made["id"]
    assert profile(issuing_hub, OFFICE.token(subject))["id"] != made["id"], "another issuer's subject is another user"


def test_names_are_valid_and_unique(issuing_hub, user):
    """A name that is taken or is none gives way to one that is made up."""
    for wanted in (user.name, "Not A Name", "42", "x" * 99, 7, None):
        made = profile(issuing_hub, SHOP.token(rest.unique_name("subject"), preferred_username=wanted))
        assert made["username"].startswith("user-") and made["display_name"] == made["username"], made
    looks_like_an_id = profile(issuing_hub, SHOP.token(user.id))
    assert looks_like_an_id["id"] != user.id, "a subject is no id where users are made"


def test_ten_at_once_make_one_user(issuing_hub, client):
    """Race-free when ten connections of a new subject come at once, at both doors."""
    for _ in range(3):
        subject = rest.unique_name("crowd")
        token = SHOP.token(subject, preferred_username=subject)
        clients = [client(issuing_hub, username="", password=token, connect=False, tls=False) for _ in range(10)]
        threads = [threading.Thread(target=one.connect) for one in clients]
        found = []
        threads += [threading.Thread(target=lambda: found.append(profile(issuing_hub, token))) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert len({made["id"] for made in found}) == 1 and found[0]["username"] == subject
        for one in clients:
            one.subscribe(f"inbox/{found[0]['id']}")


def test_it_talks_like_anybody(issuing_hub, user, client):
    """Friends, a conversation, history."""
    ann = outsider(issuing_hub, rest.unique_name("ann"))
    listener = client(issuing_hub, ann)
    listener.subscribe("inbox/+", "direct/#")
    user.post("/friends/add", {"user_id": ann.id}, 201)
    rest.request(issuing_hub, "POST", "/friends/accept", {"user_id": user.id}, token=ann.token).expect(200)
    user.send(rest.User(issuing_hub, {"user": {"id": ann.id, "username": ann.name}}), text="hello")
    assert listener.next_event("message")["body"]["text"] == "hello"
    listener.publish(user.direct_topic(rest.User(issuing_hub, {"user": {"id": ann.id, "username": ann.name}})), "well")
    page = rest.request(issuing_hub, "GET", f"/messages/{user.id}", token=ann.token).expect(200).json
    assert [(item["from"], item["body"]["text"]) for item in page["items"]] == [(user.id, "hello"), (ann.id, "well")]


def test_there_is_no_password_to_log_in_with(issuing_hub):
    ann = outsider(issuing_hub, rest.unique_name("ann"))
    for password in ("", rest.PASSWORD):
        body = {"username": ann.name, "password": password}
        rest.request(issuing_hub, "POST", "/login", body).expect_problem(401, "invalid-credentials")
    rest.request(issuing_hub, "POST", "/logout", token=ann.token).expect(204)


def test_user_names_at_connect(issuing_hub, client):
    """The user's id or name, the issuer's name for it, or none."""
    subject = rest.unique_name("subject")
    ann = outsider(issuing_hub, subject)
    for name in ("", ann.id, ann.name, subject):
        client(issuing_hub, username=name, password=ann.token)
    for name in ("1", "somebody", subject.upper()):
        client(issuing_hub, username=name, password=ann.token, connect=False).connect(expect=0x86)


# What a token opens

def test_acl_and_scope_are_what_the_entry_allows(issuing_hub, client):
    """An outside issuer can't mint `admin` unless its entry allows it. `acl` as in the hub's own tokens, or the entry's."""
    admin = {"scope": "openid user admin"}
    plain = client(issuing_hub, username="", password=SHOP.token("plain", **admin))
    plain.subscribe("$SYS/#", "office/x", expect=[0x87, 0x87])
    subject = rest.unique_name("boss")
    made = profile(issuing_hub, OFFICE.token(subject))
    boss = client(issuing_hub, username="", password=OFFICE.token(subject, **admin))
    boss.subscribe("$SYS/#", f"office/{made['id']}/#", "office/1/x", expect=[1, 1, 0x87])
    narrow = client(issuing_hub, username="", password=OFFICE.token(subject, acl={"sub": ["news"]}))
    narrow.subscribe("$SYS/#", "news", f"office/{made['id']}/x", expect=[0x87, 1, 0x87])


def joined(hub, subject, lifetime):
    """A connection by the method JWT."""
    connection = Wire(hub)
    token = SHOP.token(subject, lifetime=lifetime)
    connection.send(wire.connect_by_method("JWT", token, rest.unique_name("wire")))
    assert connection.expect(CONNACK)[1] == 0
    return connection


@pytest.mark.parametrize("replaces", [False, True])
def test_expiry_ends_the_connection_unless_it_is_replaced(issuing_hub, replaces):
    """A token without `sid` ends the connection within 5 s of its `exp`, unless replaced by AUTH."""
    subject, began = rest.unique_name("subject"), time.time()
    expires = [3, 8]
    with joined(issuing_hub, subject, lifetime=expires[0]) as connection:
        if replaces:
            connection.send(wire.auth(0x19, "JWT", SHOP.token(subject, lifetime=expires[1])))
            assert connection.expect(AUTH)[0] == 0
        assert connection.expect(DISCONNECT)[0] == 0x87
        lived = time.time() - began
    # `exp` counts whole seconds.
    assert expires[replaces] - 1 <= lived <= expires[replaces] + 5.5


def test_authentication_by_another_subject_is_refused(issuing_hub):
    """… and makes no user."""
    subject, other = rest.unique_name("subject"), rest.unique_name("other")
    with joined(issuing_hub, subject, lifetime=600) as connection:
        connection.send(wire.auth(0x19, "JWT", SHOP.token(other, preferred_username=other)))
        assert connection.expect(DISCONNECT)[0] == 0x87
    found = rest.request(issuing_hub, "GET", f"/users?query={other}", token=SHOP.token(subject)).expect(200).json
    assert found["items"] == []


# The file

def rewritten(hub, path, *issuers, text=None):
    """The file with other content, and what the hub says of it after SIGHUP."""
    before = len(hub.log_text())
    if text is None:
        issuer.write(path, *issuers)
    else:
        path.write_text(text)
    hub.hang_up()
    # The certificate is read first, the issuers then.
    return eventually(lambda: [line for line in hub.log_text()[before:].splitlines() if "issuers stay" in line
                               or "tokens are accepted" in line], "the hub reads it again")


def test_sighup_reads_the_issuers_again(make_hub, client, tmp_path):
    """Keys are added and removed while the hub runs; what can't be read changes nothing."""
    shop = Issuer("https://shop.example", "ES256", create=True)
    path = issuer.write(tmp_path / "issuers.json", shop)
    hub = make_hub("--issuers", str(path)).start()
    old = shop.token("ann")
    made = profile(hub, old)
    connected = client(hub, username="", password=old, tls=False)

    for text in ("[", "[{}]", json.dumps([{**shop.as_entry(), "aud": ""}])):
        said = rewritten(hub, path, text=text)[0]
        assert str(path) in said and profile(hub, old)["id"] == made["id"]

    shop.add_key("2")
    profile(hub, shop.token("ann"), status=401)
    assert "ES256 1, ES256 2" in rewritten(hub, path, shop)[0]
    for kid in ("1", "2"):
        assert profile(hub, shop.token("ann", kid=kid))["id"] == made["id"]

    del shop.keys["1"]
    rewritten(hub, path, shop)
    assert profile(hub, shop.token("ann"))["id"] == made["id"]
    profile(hub, old, status=401)
    client(hub, username="", password=old, tls=False, connect=False).connect(expect=0x87)
    # Who is connected stays until its token expires.
    connected.subscribe("inbox/+")

    os.remove(path)
    hub.hang_up()
    eventually(lambda: "No such file" in hub.log_text(), "the hub tells that the file is gone")
    assert profile(hub, shop.token("ann"))["id"] == made["id"]
    hub.stop()
    done = subprocess.run([binary(), "serve", *hub.flags], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and f"{path}: open: No such file" in done.stderr, done


def test_users_stay_through_a_restart(make_hub, client, tmp_path):
    """Key files are found beside the file that names them; the binding of a subject is kept."""
    shop = Issuer("https://shop.example", "RS256", create=True)
    (tmp_path / "shop.jwks.json").write_text(json.dumps(shop.jwks()))
    (tmp_path / "secret").write_text("a secret in a file, of more than 256 bits\n")
    (tmp_path / "issuers.json").write_text(json.dumps([
        {"iss": shop.name, "aud": AUDIENCE, "jwks_file": "shop.jwks.json", "create": True},
        {"iss": "https://hs.example", "aud": AUDIENCE, "secret_file": "secret"}]))
    hub = make_hub(environment={"CONFAB_ISSUERS": str(tmp_path / "issuers.json")}).start()
    made = profile(hub, shop.token("ann"))
    hs256 = Issuer("https://hs.example", "HS256")
    assert profile(hub, hs256.token(made["id"], key="a secret in a file, of more than 256 bits"))["id"] == made["id"]
    hub.kill()
    hub.restart()
    assert profile(hub, shop.token("ann"))["id"] == made["id"]
    client(hub, username="ann", password=shop.token("ann"))
    hub.stop()


WRONG = {
    "short secret": ([{"iss": "a", "aud": "b", "secret": "short"}], "the secret has 5 bytes, and must have 32 or more"),
    "no key": ([{"iss": "a", "aud": "b"}], "one of jwks_file, keys, secret, secret_file must be there"),
    "the hub itself": ([{"iss": "https://localhost", "aud": "b", "secret": "x" * 32}], "is the hub itself"),
    "misspelt": ([{"iss": "a", "aud": "b", "secret": "x" * 32, "crate": True}], "crate: unknown")}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_is_a_failure_that_is_named(make_hub, tmp_path, name):
    """HS256 below 256 bits is refused at the start, like all that can't be meant so. Exit code 1."""
    content, reason = WRONG[name]
    path = tmp_path / "issuers.json"
    path.write_text(json.dumps(content))
    hub = make_hub("--issuers", str(path), listeners=("https",))
    done = subprocess.run([binary(), "serve", *hub.flags], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and str(path) in done.stderr and reason in done.stderr, done
