"""The applications under examples/, run as their README says."""
import json
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

from support import rest, tokens
from support.hub import ROOT
from support.mqtt import has_text
from support.waiting import DEADLINE_SECONDS, eventually

APP = [sys.executable, str(ROOT / "examples/own-jwt/app.py")]


@pytest.fixture
def shop(tmp_path):
    """A running shop, as the URL of its door; its keys are in `tmp_path/keys`."""
    subprocess.run([*APP, "init"], cwd=tmp_path, check=True, timeout=DEADLINE_SECONDS)
    process = subprocess.Popen([*APP, "serve", "--port", "0"], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    yield process.stdout.readline().split()[1]
    process.terminate()
    process.wait(DEADLINE_SECONDS)


def log_in(shop, user, password):
    body = json.dumps({"user": user, "password": password}).encode()
    with urllib.request.urlopen(shop, body, timeout=DEADLINE_SECONDS) as answer:
        return json.load(answer)["token"]


def test_own_jwt(make_hub, client, shop, tmp_path):
    """Customers of a shop log in there and talk here; a key that is replaced leaves no gap."""
    hub = make_hub("--issuers", str(tmp_path / "keys/issuers.json")).start()
    with pytest.raises(urllib.error.HTTPError):
        log_in(shop, "ann", "berry")

    def customer(user, password):
        token = log_in(shop, user, password)
        made = rest.request(hub, "GET", "/profile", token=token).expect(200).json
        assert made["username"] == user
        return tokens.Holder(made["id"], user, token)

    ann, bob = customer("ann", "apple"), customer("bob", "berry")
    rest.request(hub, "POST", "/friends/add", {"username": "bob"}, token=ann.token).expect(201)
    rest.request(hub, "POST", "/friends/accept", {"user_id": ann.id}, token=bob.token).expect(200)
    listener = client(hub, bob, username="bob")
    listener.subscribe("direct/#", "orders/bob/#", "orders/ann/#", expect=[1, 1, 0x87])
    rest.request(hub, "POST", "/messages", {"user_id": bob.id, "text": "hello"}, token=ann.token).expect(201)
    listener.next_where(has_text("hello"))

    for _ in range(3):
        before = hub.log_text().count("tokens are accepted")
        subprocess.run([*APP, "rotate"], cwd=tmp_path, check=True, timeout=DEADLINE_SECONDS)
        # Before the hub has read the keys it knows the one that signs now.
        assert customer("ann", "apple").id == ann.id
        assert rest.request(hub, "GET", "/profile", token=ann.token).status == (200 if before < 3 else 401)
        hub.hang_up()
        eventually(lambda: hub.log_text().count("tokens are accepted") > before, "the hub reads the keys again")
    hub.stop()
