"""The sender's half of QoS 1 and 2 (MQTT 5 §4.3, §4.4): what is under way, what is sent again on a new connection. No I/O."""
import collections

from crash.packets import PUBACK, PUBCOMP, PUBREC, acknowledge

PUBREL = 6
UNAVAILABLE = 0x97


class Flight:
    """A message that was sent and not acknowledged to its end. `packet(packet_id, is_repeated)` makes its PUBLISH."""

    __slots__ = ("stream", "number", "packet", "is_released")

    def __init__(self, stream, number, packet):
        self.stream, self.number, self.packet, self.is_released = stream, number, packet, False


class Outbox:
    """`again` tells what becomes of what was not acknowledged when a connection ends: "session": the session goes on, and
    the same packets come again; "ref": they are sent as new ones, which their client_ref tells to be the same; "never"."""

    def __init__(self, qos, again, window):
        self.qos, self.again, self.window = qos, again, window
        self.flying, self.waiting = {}, collections.deque()
        self.last_id = 0

    @property
    def is_empty(self):
        return not self.flying and not self.waiting

    @property
    def has_room(self):
        return len(self.flying) < self.window and not self.waiting

    def send(self, flight, connection):
        """The bytes of its first sending under this packet identifier."""
        packet_id = self._next_id()
        self.flying[packet_id] = flight
        flight.stream.note_attempt(flight.number, connection)
        return flight.packet(packet_id, False)

    def send_waiting(self, connection):
        """What is to be sent anew, as far as there is room."""
        out = []
        while self.waiting and len(self.flying) < self.window:
            out.append(self.send(self.waiting.popleft(), connection))
        return b"".join(out)

    def reconnected(self, connection):
        """What goes first on a new connection."""
        if self.again != "session":
            return b""
        out = []
        for packet_id, flight in self.flying.items():
            if flight.is_released:
                out.append(acknowledge(PUBREL, packet_id))
            else:
                flight.stream.note_attempt(flight.number, connection)
                out.append(flight.packet(packet_id, True))
        return b"".join(out)

    def disconnected(self):
        if self.again == "session":
            return
        # PUBREC has said that a released one is stored: there is nothing to send again.
        lost = [flight for flight in self.flying.values() if not flight.is_released]
        self.flying.clear()
        if self.again == "ref":
            self.waiting.extendleft(reversed(lost))
        else:
            for flight in lost:
                flight.stream.given_up.add(flight.number)

    def answered(self, kind, packet_id, code, receipt):
        """PUBACK, PUBREC or PUBCOMP; returns (bytes to send, what is wrong with it)."""
        flight = self.flying.get(packet_id)
        if kind == PUBCOMP:
            if flight is None or not flight.is_released:
                return b"", f"PUBCOMP {packet_id} for no exchange"
            del self.flying[packet_id]
            return b"", None
        if flight is None:
            return b"", f"an acknowledgement of {packet_id}, which stands for nothing"
        if code >= 0x80:
            return self._refused(flight, packet_id, code)
        flight.stream.note_acknowledged(flight.number, *receipt)
        if kind == PUBREC and self.qos == 2:
            flight.is_released = True
            return acknowledge(PUBREL, packet_id), None
        if kind == PUBACK and self.qos == 1:
            del self.flying[packet_id]
            return b"", None
        return b"", f"packet type {kind} answers a PUBLISH of QoS {self.qos}"

    def _refused(self, flight, packet_id, code):
        if flight.is_released:
            return b"", f"PUBREC {code:#x} after a good one"
        del self.flying[packet_id]
        flight.stream.refused.add(flight.number)
        if code != UNAVAILABLE:
            return b"", f"{flight.stream}: message {flight.number} was refused with {code:#x}"
        # Whether it was stored is unknown; only with a client_ref can it be sent again without harm.
        if flight.stream.has_ref:
            self.waiting.append(flight)
        else:
            flight.stream.given_up.add(flight.number)
        return b"", None

    def _next_id(self):
        while True:
            self.last_id = self.last_id % 0xFFFF + 1
            if self.last_id not in self.flying:
                return self.last_id
