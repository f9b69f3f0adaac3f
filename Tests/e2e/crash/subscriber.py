"""Subscribers: with a session or without, quick or slow, mostly there or mostly away."""
from crash import messages, packets
from crash.client import Client
from crash.readings import PlainReading, StoredReading

SUBSCRIBE_ID = 1
SUBSCRIBE_SECONDS = 10
LATE_SECONDS_MAX = 0.3
# SUBACK: the database is away.
LATER = 0x97


class Manner:
    """How a subscriber behaves."""

    def __init__(self, resubscribes=False, acknowledges_late=False, is_slow=False, is_away=False, renews=False,
                 after=False, receive_maximum=None):
        # SUBSCRIBE on every connection, as many clients do, though the session has it.
        self.resubscribes = resubscribes
        # Acknowledgements wait, so that much is in flight when a connection ends.
        self.acknowledges_late = acknowledges_late
        # Stops reading now and then.
        self.is_slow = is_slow
        # Rather absent than connected.
        self.is_away = is_away
        # Begins anew with a clean start now and then (MQTT 5, filters without wildcards).
        self.renews = renews
        # Has no session, and resumes by the user property `after` (MQTT 5).
        self.after = after
        self.receive_maximum = receive_maximum


class Subscriber(Client):
    """`topics`: the stored topics that its filters cover; it gets each from its present end on, which is in `heads`."""

    def __init__(self, site, name, level, user, rng, filters, qos, manner=None, topics=(), streams=()):
        self.manner = manner or Manner()
        super().__init__(site, name, level, user, not self.manner.after, rng)
        self.receive_maximum = self.manner.receive_maximum
        self.receive_bytes = 16 * 1024 if self.manner.is_slow else None
        self.filters, self.qos = filters, qos
        once = qos == 2 or self.manner.after
        self.stored = {topic: StoredReading(topic, None, once) for topic in topics}
        self.plain = {stream.topic: PlainReading(stream, qos == 2 and stream.is_once) for stream in streams}
        self.is_granted, self.subscribed_at, self.is_in_doubt = False, None, False
        # QoS 2 deliveries before PUBREL, by packet identifier: they outlive connections.
        self.exchanges = {}
        # Acknowledgements, and when they leave; None: there are none.
        self.answers, self.answers_due = [], None
        self.may_sleep, self.is_asleep, self.turns_at = True, False, 0.0
        self.delivered = 0

    def begin_at(self, heads):
        """Where wildcard subscriptions begin, which no SUBACK tells."""
        for topic, reading in self.stored.items():
            reading.begin_at(heads[topic])

    # Connections

    def opened(self, is_present):
        if not is_present:
            self.exchanges.clear()
        if not is_present or not self.is_granted or self.manner.resubscribes:
            self.subscribe()

    def subscribe(self):
        after = []
        if self.manner.after:
            self.qos = self.rng.randint(0, 2)
            after = [f"{topic}={reading.high}" for topic, reading in self.stored.items() if reading.high is not None]
        self.subscribed_at = self.site.now
        self.send(packets.subscribe(self.level, SUBSCRIBE_ID, self.filters, self.qos, after))

    def closed(self):
        self.answers, self.answers_due, self.is_asleep = [], None, False
        if self.subscribed_at is not None:
            self.subscribed_at, self.is_in_doubt = None, True

    def renew(self):
        """Forgets everything, and so does the hub."""
        self.cut("begins anew")
        self.wants_clean_start, self.is_granted, self.is_in_doubt, self.has_session = True, False, False, False
        self.stored = {topic: StoredReading(topic, None, reading.once) for topic, reading in self.stored.items()}

    # Packets

    def handle(self, kind, first, body):
        if kind == packets.PUBLISH:
            self.published(first, body)
        elif kind == packets.PUBREL:
            packet_id, _, _ = packets.acknowledgement(self.level, body)
            self.exchanges.pop(packet_id, None)
            self.answers.append(packets.acknowledge(packets.PUBCOMP, packet_id))
        elif kind == packets.SUBACK:
            self.granted(body)
        else:
            self.site.breach(self.name, f"packet type {kind} for a subscriber")

    def published(self, first, body):
        topic, qos, _, packet_id, payload = packets.delivery(self.level, first, body)
        self.delivered += 1
        if qos == 2:
            self.answers.append(packets.acknowledge(packets.PUBREC, packet_id))
            mark = topic, hash(payload)
            if packet_id in self.exchanges:
                if self.exchanges[packet_id] != mark:
                    self.site.breach(self.name, f"packet identifier {packet_id} stands for two messages at once")
                self.deliver(topic, payload, is_open=True)
                return
            self.exchanges[packet_id] = mark
        elif qos == 1:
            self.answers.append(packets.acknowledge(packets.PUBACK, packet_id))
        self.deliver(topic, payload, is_open=False)

    def deliver(self, topic, payload, is_open):
        if topic in self.stored:
            start = payload.index(b'"seq":') + 6
            seq = int(payload[start:payload.index(b",", start)])
            breach = self.stored[topic].deliver(seq, hash(payload), self.connection, is_open)
        elif topic in self.plain:
            publisher, number, is_whole = messages.parse_plain(payload)
            breach = None if is_whole else f"{topic}: message {number} of {publisher} was delivered as {payload!r}"
            if not is_open:
                breach = self.plain[topic].deliver(number) or breach
        else:
            breach = f"{topic} is not what it subscribed to"
        if breach:
            self.site.breach(self.name, f"{breach} (connection {self.connection})")

    def granted(self, body):
        length, start = packets.read_integer(body, 2) if self.level == 5 else (0, 2)
        codes = list(body[start + length:])
        self.subscribed_at = None
        if codes != [self.qos] * len(self.filters):
            self.site.note(self.name, f"SUBACK {[hex(code) for code in codes]}")
            if self.level == 4 or not set(codes) <= {0, 1, 2, LATER}:
                self.site.breach(self.name, f"SUBACK {[hex(code) for code in codes]}")
            self.cut("not subscribed")
            return
        self.is_granted = True
        if self.manner.renews:
            self.begin([value for name, value in packets.user_properties(body, 2) if name == "last_seq"])

    def begin(self, ends):
        """`ends`: the values of the user property last_seq, one for each filter."""
        told = {topic: int(seq) for topic, _, seq in (value.rpartition("=") for value in ends)}
        if told.keys() != self.stored.keys():
            self.site.breach(self.name, f"SUBACK has last_seq {ends}")
        for topic, reading in self.stored.items():
            if breach := reading.begin_at(told.get(topic, 0), exactly=not self.is_in_doubt):
                self.site.breach(self.name, breach)

    def turn_over(self):
        if self.answers and self.answers_due is None:
            late = self.rng.uniform(0, LATE_SECONDS_MAX) if self.manner.acknowledges_late else 0
            self.answers_due = self.site.now + late
        self.acknowledge()

    def acknowledge(self):
        if self.answers_due is not None and self.site.now >= self.answers_due:
            self.send(b"".join(self.answers))
            self.answers, self.answers_due = [], None

    def tick(self):
        now = self.site.now
        self.acknowledge()
        if self.subscribed_at is not None and now > self.subscribed_at + SUBSCRIBE_SECONDS:
            self.cut("no SUBACK in time")
            return
        if self.manner.is_slow:
            self.nod(now)

    def nod(self, now):
        """A slow reader stops reading for a while."""
        if now < self.turns_at or not self.may_sleep and not self.is_asleep:
            return
        self.is_asleep = not self.is_asleep
        self.turns_at = now + self.rng.uniform(0.1, 0.6)
        if self.is_asleep:
            self.link.transport.pause_reading()
        else:
            self.link.transport.resume_reading()

    def half_a_packet(self):
        packet = self.answers[0] if self.answers else packets.acknowledge(packets.PUBACK, 1)
        return packet[:self.rng.randint(1, 3)]
