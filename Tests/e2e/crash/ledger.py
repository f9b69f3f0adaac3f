"""What publishers know of what they sent and were told."""


class Stream:
    """One publisher's messages to one topic. They are numbered from 1 in the order of their first sending."""

    def __init__(self, publisher, topic, sender=None, has_ref=False, is_once=False):
        self.publisher, self.topic, self.sender, self.has_ref = publisher, topic, sender, has_ref
        # Sent with QoS 2 by a persistent session: exactly once.
        self.is_once = is_once
        # Numbers up to `sent` were sent at least once; up to `settled` they are checked and forgotten.
        self.sent, self.settled = 0, 0
        # (number, connection) of every sending, repeated ones included, in their order.
        self.attempts = []
        # number: (seq, id) where the hub told them, else None.
        self.acknowledged = {}
        # Refused for the time being (MQTT 5: 0x97, HTTP: 503) at least once: order is not promised for these.
        self.refused = set()
        # Not acknowledged, and never sent again: each is stored or not.
        self.given_up = set()

    def next_number(self):
        self.sent += 1
        return self.sent

    def note_attempt(self, number, connection):
        self.attempts.append((number, connection))

    def note_acknowledged(self, number, seq=None, entry_id=None):
        self.acknowledged[number] = (seq, entry_id) if seq is not None else self.acknowledged.get(number)

    def open_numbers(self):
        """Sent, not acknowledged, and still to be sent again."""
        return [number for number in range(self.settled + 1, self.sent + 1)
                if number not in self.acknowledged and number not in self.given_up]

    def settle(self):
        """All that was sent until now has been checked."""
        self.settled = self.sent
        self.attempts.clear()
        self.acknowledged.clear()
        self.refused.clear()
        self.given_up.clear()

    def __str__(self):
        return f"{self.publisher} on {self.topic}"
