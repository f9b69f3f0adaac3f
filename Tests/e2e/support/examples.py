"""Programs of examples/ as processes, told by the environment where the hub is, as their READMEs say."""
import os
import signal
import subprocess
import sys

from support import tokens
from support.hub import ROOT
from support.proxy import free_port
from support.waiting import eventually

STOP_SECONDS = 15


def keep_ports(hub):
    """Gives the hub, which is not started yet, ports that it has after a restart too: programs come back to where they were."""
    for listener in ("mqtts", "https"):
        hub.flags[hub.flags.index(f"--{listener}") + 1] = str(free_port())
    return hub


def swift(name):
    """The command line of an example in Swift: `make examples` has built it."""
    for folder in ("release", "debug"):
        program = ROOT / ".build" / folder / name
        if os.access(program, os.X_OK):
            return [str(program)]
    raise RuntimeError(f"{name} is not built: make examples")


def python(name):
    return [sys.executable, str(ROOT / "examples" / name / "bot.py")]


def environment(hub, **more):
    return {**os.environ, "CONFAB_HOST": "localhost", "CONFAB_PORT": str(hub.ports["mqtts"]),
            "CONFAB_HTTPS_PORT": str(hub.ports["https"]), "CONFAB_CA_FILE": str(hub.certificate), **more}


class Example:
    """A running example that acts for a user."""

    def __init__(self, command, hub, user, folder, **variables):
        self.hub, self.user, self.token_file = hub, user, folder / "token"
        self.command, self.log = command, folder / "log"
        self.environment = environment(hub, CONFAB_TOKEN_FILE=str(self.token_file), **variables)
        self.process = None
        self.give_token(3600)

    def give_token(self, seconds):
        """Puts a new token, which lives for so long, in the place of the one that it has."""
        new = self.token_file.with_suffix(".new")
        new.write_text(tokens.mint(self.hub, self.user, "--lifetime", str(seconds)).token + "\n")
        new.replace(self.token_file)

    def start(self):
        """Returns when it says that it is subscribed."""
        seen = len(self.lines())
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=self.environment, start_new_session=True)
        eventually(lambda: "ready" in self.lines()[seen:], f"{self.command} is ready: {self.lines()}")
        return self

    def lines(self):
        return self.log.read_text().splitlines() if self.log.exists() else []

    def kill(self):
        if self.process:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(STOP_SECONDS)
            self.process = None

    def stop(self):
        """SIGTERM, and it must end well."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(STOP_SECONDS)
        self.process = None
        assert code == 0, f"exit code {code}: {self.lines()[-20:]}"
