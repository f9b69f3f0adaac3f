"""What the parts share: servers, tokens, the report, and what must be true of every measurement."""
import pathlib
import sys
import time

from . import people
from .generators import TokenMaker
from .servers import Servers


class Bench:
    """One run.

    - split: what serves has CPU 0, what generates load CPU 1."""

    def __init__(self, options, report, folder, cluster, split=True):
        self.options, self.report, self.folder = options, report, pathlib.Path(folder)
        self.generator_cpu = "1" if split else None
        self.servers = Servers(cluster, folder, options, "0" if split else None)
        self.tokens = TokenMaker(cluster)

    def visitors(self, name, count, is_subscribed):
        """The flags of a crowd with persistent sessions, at the hub each a user's own; other servers don't ask who they are.

        - is_subscribed: each to a topic of its own: the user's inbox at the hub."""
        flags = ["--persistent"]
        if name == "confab":
            path = self.folder / f"visitors-{count}"
            if not path.exists():
                people.write_visitors(path, self.tokens, count)
            flags += ["--credentials", str(path)]
        return flags + (["--filter", "inbox/#", "--qos", "1"] if is_subscribed else [])

    def check_probe(self, what, total):
        """Everything must have been acknowledged and delivered, in order."""
        if total["acked"] != total["sent"] or total["delivered"] != total["expected"] or total["disordered"]:
            self.report.found_wrong(f"{what}: {total}")

    def progress(self, row):
        print(f"{time.strftime('%H:%M:%S')} {row}", file=sys.stderr, flush=True)

    def check_crowd(self, what, answer, count):
        if answer["present"] != count:
            self.report.found_wrong(f"{what}: {answer['present']} of {count} clients are there")
