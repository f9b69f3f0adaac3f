"""`python -m crash`, as `make crash` runs it: rounds of traffic and faults until one shows that something was lost."""
import argparse
import asyncio
import random
import sys

from crash.report import describe
from crash.rounds import Run
from support.hub import Hub


def parse_arguments():
    parser = argparse.ArgumentParser(prog="crash", description=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--first", type=int, default=1, help="the first round's number, to repeat one alone")
    parser.add_argument("--seed", default="", help="any text; random if empty")
    parser.add_argument("--only", nargs="+", default=(), metavar="FAULT", help="only these, from faults.py")
    parser.add_argument("--keep", action="store_true", help="leave the data of a run that fails")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    seed = arguments.seed or str(random.SystemRandom().randrange(10**6))
    print(f"seed {seed}, rounds {arguments.first} to {arguments.first + arguments.rounds - 1}", flush=True)
    hub = Hub("--reactors", "2")
    is_kept = False
    try:
        run = Run(hub, seed, only=arguments.only, report=lambda line: print(line, flush=True))
        breaches = asyncio.run(run.rounds(arguments.first, arguments.rounds))
        if not breaches:
            hub.stop()
            print("nothing was lost")
            return 0
        print(describe(run))
        is_kept = arguments.keep
        return 1
    finally:
        if is_kept:
            hub.kill()
            print(f"the data is in {hub.folder}")
        else:
            hub.discard()


sys.exit(main())
