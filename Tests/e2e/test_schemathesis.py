"""The API against its own document: schemathesis makes requests of it, and all of its checks hold for every answer."""
import os
import pathlib
import re
import subprocess
import sys

import pytest

from support import rest, tokens
from support.hub import Hub

CONFIGURATION = pathlib.Path(__file__).with_name("schemathesis.toml")
# `make schemathesis` gives it more.
SECONDS = int(os.environ.get("SCHEMATHESIS_SECONDS", "45"))
EXAMPLES = os.environ.get("SCHEMATHESIS_EXAMPLES", "2")
# The same requests each time, so that a change that breaks nothing does not fail; `make schemathesis` makes others.
SEED = ["--seed", "1"] if "SCHEMATHESIS_SECONDS" not in os.environ else []
# What would end the things that the second run is about.
ENDS = "(/leave|/remove)$"


@pytest.fixture
def mailing_hub():
    """With mails that go nowhere, so that no call says that it cannot be done."""
    hub = Hub("--mail-command", "/bin/true")
    try:
        yield hub.start()
        hub.stop()
    finally:
        hub.discard()


def run(hub, user, seconds, *arguments, configuration=CONFIGURATION):
    """All checks, with a token that no log-out ends; returns how many operations were tried."""
    token = tokens.mint(hub, user, "--scope", "user", "--lifetime", "36000").token
    done = subprocess.run(
        [str(pathlib.Path(sys.executable).parent / "schemathesis"), "--config-file", str(configuration), "run",
         f"http://127.0.0.1:{hub.ports['http']}/openapi.json", "--header", f"Authorization: Bearer {token}", "--checks", "all",
         "--max-examples", EXAMPLES, "--max-time", str(seconds), "--continue-on-failure", "--no-color", *SEED, *arguments],
        cwd=hub.folder, capture_output=True, text=True, timeout=seconds + 90)
    print(done.stdout[-2000:])
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2000:]
    assert not [line for line in hub.log_text().splitlines() if " error " in line]
    return int(re.search(r"Tested: (\d+)", done.stdout).group(1))


@pytest.mark.timeout(SECONDS + 120)
def test_schemathesis_finds_nothing(mailing_hub):
    """Every call, in all phases, with ids that are made up or come from answers."""
    paths = rest.request(mailing_hub, "GET", "/openapi.json").json["paths"]
    # It leaves out the one that it has the document from.
    others = sum(len(calls) for path, calls in paths.items() if path != "/openapi.json")
    assert run(mailing_hub, rest.sign_up(mailing_hub, "fuzzed"), SECONDS) == others


def quoted(values):
    return ", ".join(f'"path.{name}" = "{value}"' for name, value in values.items())


@pytest.mark.timeout(SECONDS + 120)
def test_schemathesis_finds_nothing_where_things_are(mailing_hub):
    """The same, with the ids of things that the caller has: nothing that is made up would be found, and most calls end at 404."""
    owner, friend = rest.friends(mailing_hub, "fuzzed")
    group = owner.make_group(friend)["id"]
    message, direct = owner.send(group, text="one").json, owner.send(friend, text="two").json
    _, low, high = direct["topic"].split("/")
    bot = owner.post("/bots", {"username": rest.unique_name("bot"), "display_name": "Bot"}, 201).json["id"]
    file = owner.call("POST", "/attachments", b"hello", {"Content-Type": "text/plain"}).expect(201).json["id"]
    code = owner.post(f"/groups/{group}/invites", {}, 201).json["code"]
    things = {
        "^/groups/": {"id": group, "user_id": friend.id}, "^/bots/": {"id": bot}, "^/users/": {"id": friend.id},
        "^/attachments/": {"id": file}, "^/invites/": {"code": code}, "^/messages/.user_id": {"user_id": friend.id},
        "/group/.group_id": {"group_id": group, "seq": message["seq"]},
        "/direct/.low": {"low": low, "high": high, "seq": direct["seq"]}}
    rules = [f'[[operations]]\ninclude-path-regex = "{paths}"\nparameters = {{{quoted(values)}}}\n' for paths, values in things.items()]
    configuration = mailing_hub.folder / "schemathesis.toml"
    configuration.write_text("\n".join([CONFIGURATION.read_text(), *rules]))
    tried = run(mailing_hub, owner, SECONDS // 2, "--phases", "examples,coverage,fuzzing", "--exclude-method", "DELETE",
                "--include-path-regex", "^/(groups|bots|users|attachments|invites|messages|conversations)/.*{",
                "--exclude-path-regex", ENDS, configuration=configuration)
    assert tried > 20
