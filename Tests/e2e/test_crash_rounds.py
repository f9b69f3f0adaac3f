"""protocol.md §3: nothing acknowledged is ever lost. The short form of `make crash`, which says how it works."""
import asyncio
import secrets

from crash.report import describe
from crash.rounds import Run

ROUNDS = 3
SECONDS_MAX = 3


def test_nothing_acknowledged_is_lost(make_hub):
    """Another seed each time; a failure says how to have it again."""
    run = Run(make_hub("--reactors", "2"), secrets.token_hex(4), SECONDS_MAX)
    breaches = asyncio.run(run.rounds(1, ROUNDS))
    assert not breaches, describe(run)
    run.site.hub.stop()
