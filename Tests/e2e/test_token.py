"""protocol.md §5: `confab token` mints a token; §4: what its claims say; §3.6: a token without `sid` ends its connection."""
import base64
import json
import subprocess
import time

import pytest

from support import rest, tokens
from support.mqtt import V5, mosquitto


def claims(token):
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def test_an_admin_token_reads_sys(hub, pair):
    """`$SYS/#` is for tokens with scope `admin`."""
    admin = tokens.mint(hub, pair[0], "--scope", "user admin")
    command = mosquitto("mosquitto_sub", hub, admin, "-t", "$SYS/#", "-v", "-C", "30")
    done = subprocess.run(command, capture_output=True, text=True, timeout=25)
    assert done.returncode == 0, done.stderr
    assert all(line.startswith("$SYS/broker/") for line in done.stdout.splitlines())


def test_what_it_says(hub, pair):
    """The claims of a log-in's token, without `sid`; 10 minutes and scope `user` unless told otherwise."""
    minted, own = claims(tokens.mint(hub, pair[0]).token), claims(pair[0].token)
    assert set(minted) == set(own) - {"sid"}
    assert all(minted[name] == own[name] for name in ("iss", "aud", "sub", "scope"))
    assert minted["exp"] - minted["iat"] == 600 and minted["jti"] != own["jti"]
    other = claims(tokens.mint(hub, pair[0], "--scope", "admin bot", "--lifetime", "86400", "--acl", "{}").token)
    assert set(other["scope"].split()) == {"admin", "bot"} and other["exp"] - other["iat"] == 86400
    assert other["acl"] == {}


def test_an_acl_opens_plain_topics(hub, pair, client, version):
    """`acl`: {"pub":["app/${sub}/#"], …}; `deny` wins. The user's chat topics are open as before."""
    user, other = pair
    acl = {"pub": ["app/${sub}/#"], "sub": ["app/#"], "deny": ["app/+/secret"]}
    one = client(hub, tokens.mint(hub, user, "--acl", json.dumps(acl)), version=version)
    refusal = 0x87 if version == V5 else 0x80
    one.subscribe("app/#", user.inbox, f"app/{user.id}/secret", "other/#", expect=[1, 1, refusal, refusal])
    if version == V5:
        for topic in (f"app/{other.id}/x", f"app/{user.id}/secret", "other"):
            one.publish(topic, "x", expect=0x87)
    one.publish(f"app/{user.id}/x", "the payload")
    message = one.next_where(lambda message: message.topic.startswith("app/"))
    assert (message.topic, message.payload) == (f"app/{user.id}/x", b"the payload")


def test_it_opens_http_too(hub, pair):
    answer = rest.request(hub, "GET", "/profile", token=tokens.mint(hub, pair[0]).token)
    assert answer.expect(200).json["id"] == pair[0].id


def test_expiry_ends_the_connection(hub, pair, client, version):
    """A token without `sid` ends the connection within 5 s of its `exp`."""
    short = tokens.mint(hub, pair[0], "--lifetime", "3")
    connected = client(hub, short, version=version, tls=False)
    connected.subscribe(pair[0].inbox)
    expires_at = claims(short.token)["exp"]
    connected.wait_end(expires_at + 5 - time.time())
    assert time.time() >= expires_at, "it ended too early"
    client(hub, short, version=version, connect=False).connect(expect=0x87)


def test_a_user_must_be_there_and_the_issuer_the_hub(hub, pair, client):
    nobody = tokens.Holder("1", "", "")
    foreign = tokens.run(*tokens.hub_flags(hub), "--user", pair[0].id, "--public-url", "https://elsewhere.example")
    for token in (tokens.mint(hub, nobody).token, foreign.stdout.strip()):
        client(hub, password=token, username="", connect=False).connect(expect=0x87)


def test_flags_of_the_hub_stand_in_the_environment_too(make_hub, client):
    """It names the issuer as `serve` does, and works while the hub is stopped as well."""
    environment = {"CONFAB_PUBLIC_URL": "https://chat.example.org"}
    hub = make_hub(environment=environment).start()
    user = rest.sign_up(hub)
    hub.stop()
    done = tokens.run("--user", user.id, environment={**environment, "CONFAB_DATA": str(hub.data)})
    assert claims(done.stdout)["iss"] == "https://chat.example.org"
    hub.restart()
    client(hub, tokens.Holder(user.id, user.name, done.stdout.strip()), version=V5)


USAGE = [
    [], ["5100"], ["--user"], ["--user", "ann"], ["--user", "0"], ["--user", "1", "--scope", "root"],
    ["--user", "1", "--acl", '{"pubs":[]}'], ["--user", "1", "--acl", '{"all":["a/#/b"]}'],
    ["--user", "1", "--lifetime", "0"], ["--user", "1", "--mqtts", "1"], ["--user", "1", "--https", "x"]]


@pytest.mark.parametrize("arguments", USAGE, ids=" ".join)
def test_wrong_usage_exits_with_64(arguments):
    """Exit codes: 0, 1 failure, 64 usage. The reason stands on standard error."""
    done = tokens.run(*arguments)
    assert done.returncode == 64 and done.stderr.startswith("confab token: ") and not done.stdout, done


def test_help(tmp_path):
    done = tokens.run("--help", cwd=tmp_path)
    assert done.returncode == 0 and "--lifetime SECONDS" in done.stdout and not done.stderr


def test_no_keys_are_a_failure_and_none_are_made(tmp_path):
    for arguments in (["--data", str(tmp_path / "none")], ["--data", str(tmp_path)], []):
        done = tokens.run("--user", "1", *arguments, cwd=tmp_path)
        assert done.returncode == 1 and "/keys: " in done.stderr and not done.stdout, done
    assert not list(tmp_path.iterdir())


def test_a_token_that_cannot_be_written_is_a_failure(hub, pair):
    with open("/dev/full", "w") as full:
        done = tokens.run(*tokens.hub_flags(hub), "--user", pair[0].id, stdout=full)
    assert done.returncode == 1 and done.stderr
