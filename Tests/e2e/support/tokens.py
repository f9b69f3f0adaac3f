"""Access tokens that `confab token` mints."""
import collections
import os
import subprocess

from support import rest
from support.hub import binary
from support.waiting import DEADLINE_SECONDS

# What clients need to know of a user, with a token that no log-in gave.
Holder = collections.namedtuple("Holder", "id name token")


def run(*arguments, environment=None, **options):
    """`confab token` with these arguments."""
    options = {"stdout": subprocess.PIPE, "cwd": "/", **options}
    return subprocess.run([binary(), "token", *arguments], stderr=subprocess.PIPE, text=True, timeout=DEADLINE_SECONDS,
                          env={**os.environ, **(environment or {})}, **options)


def hub_flags(hub):
    """Where the hub's keys are and how it names itself, from its own flags."""
    flags = []
    for name in ("--data", "--public-url", "--https", "--http"):
        if name in hub.flags:
            flags += [name, hub.flags[hub.flags.index(name) + 1]]
    return flags


def mint(hub, user, *arguments):
    """The user with a token that `confab token` made with these flags more."""
    done = run(*hub_flags(hub), "--user", user.id, *arguments, environment=hub.environment)
    assert done.returncode == 0 and not done.stderr, done
    assert done.stdout.count("\n") == 1 and done.stdout.endswith("\n"), done.stdout
    return Holder(user.id, user.name, done.stdout.strip())


def operator(hub):
    """A new user with a token of scope `admin`, to which every plain topic is open too."""
    flags = ["--scope", "user admin", "--acl", '{"all":["#"]}', "--lifetime", "3600"]
    return mint(hub, rest.sign_up(hub, "operator"), *flags)
