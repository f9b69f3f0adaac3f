"""What subscribers got, checked as it comes (protocol.md §3.2 to §3.4). No I/O: `deliver` returns a sentence for what must
not be, else None."""
from array import array


class StoredReading:
    """One subscriber's deliveries of one stored topic: every entry from where it began, the first time in order."""

    def __init__(self, topic, high, once):
        # `high` is the last entry that it has, or had no need to get. None until that is known; then `latest` is the latest
        # that it can be.
        self.topic, self.high, self.once, self.latest = topic, high, once, None
        # Of the payloads from `base` + 1 on; what was compared with history goes.
        self.base, self.digests = high, array("q")
        self.connection, self.last, self.repeated = None, 0, 0

    def begin_at(self, high, exactly=True):
        """SUBACK says where the subscription begins; without `exactly` a SUBSCRIBE without an answer may have begun it before."""
        if self.high is not None:
            began = f"{self.topic}: began with seq {self.base + 1}, SUBACK says after {high}"
            return began if self.base > high else None
        if exactly:
            self.high = self.base = high
        else:
            self.latest = high
        return None

    def deliver(self, seq, digest, connection, is_open=False):
        """`is_open`: a QoS 2 delivery that has begun and was not released, so it may come again."""
        if connection != self.connection:
            self.connection, self.last = connection, 0
        if self.high is None:
            self.high = self.base = seq - 1
            if self.latest is not None and seq > self.latest + 1:
                return f"{self.topic}: seq {seq} came first, SUBACK says after {self.latest}"
        if seq <= self.last:
            return f"{self.topic}: seq {seq} after {self.last} on one connection"
        self.last = seq
        if seq == self.high + 1:
            self.high = seq
            self.digests.append(digest)
            return None
        if seq > self.high:
            return f"{self.topic}: seq {seq} came when {self.high + 1} was next"
        if self.once and not is_open:
            return f"{self.topic}: seq {seq} came a second time"
        self.repeated += 1
        if seq > self.base and self.digests[seq - self.base - 1] != digest:
            return f"{self.topic}: seq {seq} came again with other bytes"
        return None

    def check(self, history, is_complete):
        """Everything that was delivered is in history under the same `seq`, and with `is_complete` everything in history
        was delivered. `history` has a digest for each entry from 1 on."""
        if self.base is None:
            is_owed = self.latest is not None and len(history) > self.latest
            return [f"{self.topic}: nothing came of the entries after {self.latest}"] if is_complete and is_owed else []
        if self.high > len(history):
            return [f"{self.topic}: seq {self.high} was delivered, history ends at {len(history)}"]
        expected = history[self.base:self.high]
        breaches = []
        if expected != self.digests:
            wrong = next(index for index, pair in enumerate(zip(expected, self.digests)) if pair[0] != pair[1])
            seq = self.base + 1 + wrong
            breaches.append(f"{self.topic}: seq {seq} was delivered with other bytes than history has")
        if is_complete and self.high < len(history):
            breaches.append(f"{self.topic}: {self.high + 1} to {len(history)} were not delivered")
        return breaches

    def settle(self):
        self.base, self.digests = self.high, array("q")


class PlainReading:
    """Deliveries of one publisher's messages to one plain topic, to one subscriber or to the members of a shared
    subscription together."""

    def __init__(self, stream, once, ordered=True):
        # All up to `high` came, or are not owed any more, but for `missing`.
        self.stream, self.once, self.ordered = stream, once, ordered
        self.high, self.missing, self.repeated = 0, set(), 0
        # Acknowledged in earlier rounds, which the subscriber did not see the end of.
        self.owed = set()

    def deliver(self, number):
        self.owed.discard(number)
        if number > self.high:
            self.missing.update(range(self.high + 1, number))
            self.high = number
        elif number in self.missing:
            self.missing.remove(number)
            if self.ordered:
                return f"{self.stream}: message {number} came for the first time after {self.high}"
        elif self.once:
            return f"{self.stream}: message {number} came a second time, or long after it was given up"
        else:
            self.repeated += 1
        return None

    def lacks(self):
        """Acknowledged messages that did not come."""
        acknowledged = {number for number in self.stream.acknowledged if number > self.high or number in self.missing}
        return sorted(acknowledged | self.owed)

    def check(self, is_complete):
        breaches = []
        if is_complete and (lacking := self.lacks()):
            breaches.append(f"{self.stream}: {len(lacking)} acknowledged ones were not delivered: {lacking[:20]}")
        if self.high > self.stream.sent:
            breaches.append(f"{self.stream}: message {self.high} was delivered but was never sent")
        return breaches

    def settle(self, is_complete):
        """With `is_complete`, nothing of what was sent until now may come any more."""
        if is_complete:
            self.missing.clear()
            self.high = self.stream.sent
        else:
            self.owed.update(self.lacks())
