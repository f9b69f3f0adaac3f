"""What is counted. A scenario connects its clients, then does the same round as often as it is told to."""
from logbench import seed
from support import wire

from .lockstep import HTTPClient, MQTTClient, Stopped, packet_id

PAIRS = 50
SUBSCRIBERS = 100
PAYLOAD = bytes(range(32, 96))
TEXT = b"a" * 200
HISTORY_LENGTH = 600
HISTORY_GROUP = seed.GROUPS + 20_000
# Far from the ids that the hub gives.
HISTORY_FIRST_ID = 270_000_000_000_000_000


def database():
    """The SQL of users and groups: a publisher and a subscriber in each of fifty groups, and one group with a history."""
    numbers = f"generate_series(0, {PAIRS - 1}) n"
    return (seed.make_users(seed.publisher(0), PAIRS) + seed.make_users(seed.subscriber(0), PAIRS)
            + seed.make_groups(seed.group(0), PAIRS, f"{seed.publisher(0)} + id - {seed.group(0)}", 2)
            + seed.make_groups(HISTORY_GROUP, 1, str(seed.publisher(0)), 1)
            + seed.add_members(f"{seed.group(0)} + n", f"{seed.publisher(0)} + n", 3, numbers)
            + seed.add_members(f"{seed.group(0)} + n", f"{seed.subscriber(0)} + n", 1, numbers)
            + seed.add_members(str(HISTORY_GROUP), str(seed.publisher(0)), 3, "generate_series(1, 1)")
            + seed.append(f"id = {HISTORY_GROUP}", HISTORY_LENGTH, HISTORY_FIRST_ID))


class Scenario:
    """- unit: what figures are per, and `units_per_round` how many of it a round has.
    - rounds: of the shorter of the two measurements; it decides how precise the figures are."""

    unit = "delivery"
    # How far figures may be above their budgets: repetitions differ by less.
    tolerance = 0.1

    def __init__(self, name, title, rounds):
        self.name, self.title, self.rounds = name, title, rounds
        self.clients = []

    def connect(self, profiled, token):
        """- token: the access token of a user, by number."""
        raise NotImplementedError

    def round(self):
        raise NotImplementedError

    def close(self):
        for client in self.clients:
            client.close()


class Fanout(Scenario):
    """One publisher, a hundred subscribers, QoS 0.

    - burst: messages that the publisher has sent when the hub looks."""

    def __init__(self, name, title, rounds, burst):
        super().__init__(name, title, rounds)
        self.burst = burst
        self.units_per_round = burst * SUBSCRIBERS

    def connect(self, profiled, _):
        port = profiled.hub.ports["mqtt"]
        self.pid = profiled.pid
        self.publisher = MQTTClient(port, f"{self.name}-p")
        self.subscribers = [MQTTClient(port, f"{self.name}-{number}") for number in range(SUBSCRIBERS)]
        for subscriber in self.subscribers:
            subscriber.subscribe("bench/fanout", 0)
        self.clients = [self.publisher, *self.subscribers]

    def round(self):
        with Stopped(self.pid):
            self.publisher.write(wire.publish("bench/fanout", PAYLOAD, 4) * self.burst)
        for subscriber in self.subscribers:
            subscriber.packets(self.burst)


class Pairs(Scenario):
    """Fifty publishers, each with a topic and a subscriber of its own. Acknowledgements go with the next round's messages.

    - burst: messages that each publisher has sent when the hub looks.
    - is_stored: topics are groups, and messages go through PostgreSQL."""

    def __init__(self, name, title, rounds, burst, qos, is_stored=False):
        super().__init__(name, title, rounds)
        self.burst, self.qos, self.is_stored = burst, qos, is_stored
        self.units_per_round = burst * PAIRS

    def connect(self, profiled, token):
        self.pid, self.acknowledgements = profiled.pid, [b""] * PAIRS
        self.topics, self.publishers, self.subscribers = [], [], []
        for number in range(PAIRS):
            self.topics.append(f"group/{seed.group(number)}" if self.is_stored else f"bench/pair/{number}")
            for kind, user, clients in (("p", seed.publisher(number), self.publishers), ("s", seed.subscriber(number), self.subscribers)):
                credentials = (str(user), token(user)) if self.is_stored else (None, None)
                clients.append(MQTTClient(profiled.hub.ports["mqtt"], f"{self.name}-{kind}{number}", *credentials))
            self.subscribers[-1].subscribe(self.topics[-1], self.qos)
        self.clients = self.publishers + self.subscribers

    def round(self):
        with Stopped(self.pid):
            for publisher, topic in zip(self.publishers, self.topics):
                publisher.write(b"".join(
                    wire.publish(topic, TEXT if self.is_stored else PAYLOAD, 4, self.qos, number + 1) for number in range(self.burst)))
            for subscriber, acknowledgement in zip(self.subscribers, self.acknowledgements):
                subscriber.write(acknowledgement)
        if self.qos == 1:
            for publisher in self.publishers:
                publisher.packets(self.burst)
        for number, subscriber in enumerate(self.subscribers):
            arrived = subscriber.packets(self.burst)
            if self.qos == 1:
                self.acknowledgements[number] = b"".join(b"\x40\x02" + packet_id(packet) for packet in arrived)


class StoredPairs(Pairs):
    """Pairs whose topics are groups, with QoS 1: through PostgreSQL, whose speed decides how many messages are a batch."""

    tolerance = 0.25

    def __init__(self, name, title, rounds, burst):
        super().__init__(name, title, rounds, burst, 1, is_stored=True)


class History(Scenario):
    """A page of fifty messages by REST, again and again on one connection."""

    unit = "request"
    units_per_round = 1

    def connect(self, profiled, token):
        self.client = HTTPClient(profiled.hub.ports["http"], token(seed.publisher(0)))
        self.clients = [self.client]

    def round(self):
        page = self.client.get(f"/messages/group/{HISTORY_GROUP}?before={HISTORY_LENGTH}")
        if page.count(b'"seq"') != 50:
            raise RuntimeError(f"a history page of fifty messages was expected: {page[:300]}")


def all_scenarios():
    return [
        Fanout("fanout-q0", "1 → 100, QoS 0, 64 B, 16 messages at once", 30, 16),
        Fanout("fanout-q0-single", "1 → 100, QoS 0, 64 B, one message at a time", 30, 1),
        Pairs("pairs-q0", "50 pairs, QoS 0, 64 B, 16 messages at once", 20, 16, 0),
        Pairs("pairs-q0-single", "50 pairs, QoS 0, 64 B, one message at a time", 30, 1, 0),
        Pairs("pairs-q1", "50 pairs, QoS 1, 64 B, 16 messages at once", 20, 16, 1),
        StoredPairs("stored", "50 pairs of group members, QoS 1, texts of 200 B, 8 messages at once", 15, 8),
        History("history", "GET /messages/group/…, 50 messages of 200 B", 90),
    ]
