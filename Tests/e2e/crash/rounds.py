"""The rounds: traffic, faults at random moments, then rest, and everything is checked."""
import asyncio
import random
import time

from crash import faults, history
from crash.cast import Cast
from crash.site import Site
from crash.verify import check_round, still_lacking

# How long everything may take to come to rest once faults and new messages are over: a publisher of 3.1.1 waits up to
# 30 s.
REST_SECONDS = 90
# Of traffic in a round, at most; with less the long faults are left out.
SECONDS_MAX = 10
AWAY_EVERY_ROUNDS = 4
CHURN_SECONDS = 0.12


class Plan:
    """What happens in one round, all of it told by seed and number."""

    def __init__(self, seed, number, seconds_max, only=()):
        self.number, self.rng = number, random.Random(f"{seed}/{number}")
        self.seconds = self.rng.uniform(seconds_max / 4, seconds_max)
        count = self.rng.choice((1, 1, 2, 2, 3))
        weights = {**faults.WEIGHTS, **(faults.LONG_WEIGHTS if seconds_max >= SECONDS_MAX else {})}
        weights = {fault: weight for fault, weight in weights.items() if not only or fault.__name__ in only}
        kinds = self.rng.choices(list(weights), list(weights.values()), k=count)
        self.faults = list(zip(sorted(self.rng.uniform(0.2, self.seconds) for _ in range(count)), kinds))
        # In some rounds everybody comes, also who is mostly away.
        self.is_complete = number % AWAY_EVERY_ROUNDS == 0

    def __str__(self):
        return ", ".join(f"{fault.__name__} at {moment:.1f} s" for moment, fault in self.faults)


class Run:
    """Rounds on one data directory, until one shows a breach."""

    def __init__(self, hub, seed, seconds_max=SECONDS_MAX, only=(), report=print):
        """`seconds_max`: of traffic in a round; `only`: names of faults, all by default; `report` gets a line for each
        round."""
        self.site, self.seed, self.report = Site(hub), seed, report
        self.seconds_max, self.only = seconds_max, only

    async def rounds(self, first, count):
        """Runs the rounds `first`, `first` + 1, …; returns the breaches, after the first round that has any."""
        await asyncio.to_thread(self.site.start_hub)
        self.cast = await asyncio.to_thread(Cast, self.site, self.seed)
        self.tasks = [asyncio.create_task(one.run()) for one in self.cast.publishers + self.cast.subscribers]
        self.tasks.append(asyncio.create_task(self._watch()))
        try:
            await self._until_none(lambda: [one.name for one in self.cast.subscribers if not one.is_granted],
                                   "have not subscribed")
            for number in range(first, first + count):
                if not self.site.breaches:
                    plan = Plan(self.seed, number, self.seconds_max, self.only)
                    await self._round(plan, is_last=number == first + count - 1)
            if not self.site.breaches:
                topics = list(self.cast.topics.values())
                self.site.breaches += await asyncio.to_thread(history.check_again, topics, self.cast.database)
        finally:
            for one in self.cast.publishers + self.cast.subscribers:
                one.is_over = True
            await asyncio.gather(*self.tasks, return_exceptions=True)
        return self.site.breaches

    async def _watch(self):
        """The hub ends only when a fault ends it."""
        while not self.cast.subscribers[0].is_over:
            process = self.site.hub.process
            if self.site.is_up and process and process.poll() is not None and self.site.is_up:
                self.site.leave_hub()
                self.site.breach("hub", f"ended by itself with {process.returncode}")
            await asyncio.sleep(0.1)

    async def _round(self, plan, is_last):
        started = time.monotonic()
        self.site.note("round", f"{plan.number}: {plan}")
        is_complete = plan.is_complete or is_last
        churn = asyncio.create_task(self._churn(plan))
        self._let_send(True)
        await self._faults(plan)
        self._let_send(False)
        churn.cancel()
        await asyncio.gather(churn, return_exceptions=True)
        if self.site.breaches:
            return
        await self._rest(is_complete)
        try:
            counts = await asyncio.to_thread(check_round, self.cast, self.site, is_complete)
        except (AssertionError, OSError) as error:
            self.site.breach("check", f"the hub did not answer: {error}")
            return
        self.report(f"round {plan.number}: {plan}; {counts}; {time.monotonic() - started:.1f} s")

    def _let_send(self, may_send):
        for publisher in self.cast.publishers:
            publisher.is_sending = may_send

    async def _faults(self, plan):
        started = time.monotonic()
        for moment, fault in plan.faults:
            await asyncio.sleep(max(0.0, started + moment - time.monotonic()))
            self.site.note("fault", fault.__name__)
            try:
                await fault(self.site, random.Random(plan.rng.random()))
            except AssertionError as error:
                self.site.breach("hub", f"{fault.__name__}: {error}")
                return
            self.site.note("fault", f"{fault.__name__} is over")
        await asyncio.sleep(max(0.0, started + plan.seconds - time.monotonic()))

    async def _churn(self, plan):
        """Clients come and go at any moment."""
        rng = random.Random(plan.rng.random())
        for one in self.cast.subscribers:
            one.may_sleep = True
        while True:
            await asyncio.sleep(rng.expovariate(1 / CHURN_SECONDS))
            client = rng.choice(self.cast.clients)
            manner = getattr(client, "manner", None)
            if manner and manner.is_away:
                client.is_wanted = rng.random() < 0.3
                if not client.is_wanted:
                    rng.choice((client.cut, client.leave))()
            elif manner and manner.renews and rng.random() < 0.5:
                client.renew()
            else:
                rng.choice((client.cut, client.cut_within_packet, client.leave, client.take_over))()

    async def _rest(self, is_complete):
        """Until all that is sent is acknowledged, and all that is owed is delivered."""
        for one in self.cast.subscribers:
            one.may_sleep, one.is_wanted = False, is_complete or not one.manner.is_away
        await self._until_none(lambda: [one.name for one in self.cast.publishers if not one.is_done],
                               "have messages that are not acknowledged")
        heads = await self._heads()
        await self._until_none(lambda: still_lacking(self.cast, heads), "lack messages")
        await self._flush()

    async def _heads(self):
        """The ends of the topics, once what cut connections left behind is stored."""
        last = None
        while (heads := await self._try(self.cast.heads)) != last:
            last = heads
            await asyncio.sleep(0.2)
        return heads

    async def _flush(self):
        """What is on its way to a client arrives before the answer to its PINGREQ."""
        for client in self.cast.clients:
            client.ping()
        await self._until_none(lambda: [client.name for client in self.cast.clients if not client.is_answered],
                               "have no PINGRESP")

    async def _until_none(self, left, what):
        """Until `left()` is empty: a list of those of whom `what` still holds."""
        limit = time.monotonic() + REST_SECONDS
        while found := left():
            for task in self.tasks:
                if task.done():
                    task.result()
            if self.site.breaches:
                return
            if time.monotonic() > limit:
                self.site.breach("rest", f"after {REST_SECONDS} s these {what}: {found[:9]}")
                return
            await asyncio.sleep(0.05)

    async def _try(self, action):
        """What fails while PostgreSQL recovers is tried again."""
        limit = time.monotonic() + REST_SECONDS
        while True:
            try:
                return await asyncio.to_thread(action)
            except AssertionError:
                if time.monotonic() > limit:
                    raise
                await asyncio.sleep(0.1)
