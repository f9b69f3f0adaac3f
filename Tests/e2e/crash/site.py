"""What all who take part share: the hub and whether it can be reached, the clock, what happened when, what was wrong."""
import collections
import time

EVENTS_KEPT = 20_000


class Site:
    def __init__(self, hub):
        self.hub, self.is_up = hub, False
        self.events = collections.deque(maxlen=EVENTS_KEPT)
        self.breaches = []
        self.started = time.monotonic()

    @property
    def now(self):
        """Seconds since the run began."""
        return time.monotonic() - self.started

    def note(self, who, what):
        self.events.append((self.now, who, what))

    def breach(self, who, what):
        """Something that the contract rules out."""
        self.breaches.append(f"{self.now:.3f} {who}: {what}")

    def start_hub(self):
        """Blocks until it is ready. Its ports are known to the clients from then on."""
        self.hub.start()
        self.is_up = True
        self.note("hub", "ready")

    def leave_hub(self):
        """Nobody connects from now on: a port of a hub that is gone may be somebody else's."""
        self.is_up = False
