"""protocol.md §3: nothing acknowledged is ever lost. The short form of `make crash`, which says how it works."""
import asyncio
import random

import pytest

from crash.report import describe
from crash.rounds import Run

ROUNDS = 3
SECONDS_MAX = 3


@pytest.mark.parametrize("seed", ["fixed", str(random.SystemRandom().randrange(10**6))])
def test_nothing_acknowledged_is_lost(make_hub, seed):
    run = Run(make_hub("--reactors", "2"), seed, SECONDS_MAX)
    breaches = asyncio.run(run.rounds(1, ROUNDS))
    assert not breaches, describe(run)
    run.site.hub.stop()
