"""What publishers and subscribers have in common: they connect, again and again, and are disturbed at any moment."""
import asyncio
import collections

from crash import packets
from crash.link import Link

TICK_SECONDS = 0.02
CONNECT_SECONDS = 8
PACKETS_KEPT = 4_000
# CONNACK: the database is away, the hub is stopping, or another connection with the client id came (docs/codes.md).
LATER = {5: {0x80, 0x88}, 4: {3}}
# DISCONNECT: the hub stops, the database is away, the session was taken over, nothing was heard of the client for long.
GOOD_ENDS = {0x89, 0x8B, 0x8D, 0x8E}


class Client:
    receive_maximum = None
    receive_bytes = None

    def __init__(self, site, name, level, user, is_persistent, rng):
        self.site, self.name, self.level, self.user, self.rng = site, name, level, user, rng
        self.is_persistent, self.wants_clean_start = is_persistent, not is_persistent
        # Whether it is to be connected; `has_session`: the hub has confirmed a session to it.
        self.is_wanted, self.has_session, self.is_over = True, False, False
        self.link, self.is_ready, self.is_answered, self.connection = None, False, True, 0
        self.opened_at, self.heard_at, self.pause_until = 0.0, 0.0, 0.0
        self.recent = collections.deque(maxlen=PACKETS_KEPT)

    # What the kinds of clients do

    def opened(self, is_present):
        """CONNACK came."""

    def handle(self, kind, first, body):
        """Any other packet came."""

    def turn_over(self):
        """All packets of one read have come."""

    def tick(self):
        """Some milliseconds are over, and it is ready."""

    def closed(self):
        """The connection is gone."""

    def half_a_packet(self):
        """The beginning of something that it could send."""
        return packets.PING[:1]

    # Its life

    async def run(self):
        while not self.is_over:
            if self.link is None and self.is_wanted and self.site.is_up and self.site.now >= self.pause_until:
                await self.open()
            if self.is_ready:
                self.tick()
            elif self.link and self.site.now > self.opened_at + CONNECT_SECONDS:
                self.cut("no CONNACK in time")
            await asyncio.sleep(TICK_SECONDS)
        if self.link:
            self.link.end()

    async def open(self):
        self.connection += 1
        try:
            _, link = await asyncio.wait_for(asyncio.get_running_loop().create_connection(
                lambda: Link(self, self.receive_bytes), "127.0.0.1", self.site.hub.ports["mqtt"]), 5)
        except (OSError, TimeoutError):
            self.pause()
            return
        if link.client is None:
            # It ended before anybody knew of it.
            self.pause()
            return
        self.link, self.opened_at, self.heard_at = link, self.site.now, self.site.now
        self.send(packets.connect(self.level, self.name, self.user, self.wants_clean_start, self.is_persistent,
                                  self.receive_maximum))

    def pause(self):
        self.pause_until = self.site.now + self.rng.uniform(0.01, 0.25)

    def send(self, data):
        if self.link and data:
            for first, body in packets.split(data)[0]:
                self.keep(">", first, body)
            self.link.send(data)

    def keep(self, direction, first, body):
        self.recent.append((self.site.now, self.connection, direction, first, body[:64]))

    def ping(self):
        """`is_answered` tells when all that was on its way has come, or the connection is gone."""
        if self.is_ready:
            self.is_answered = False
            self.send(packets.PING)

    # What comes

    def received(self, first, body):
        self.heard_at = self.site.now
        self.keep("<", first, body)
        kind = first >> 4
        if kind == packets.CONNACK:
            self.connected(bool(body[0] & 1), body[1])
        elif kind == packets.DISCONNECT:
            code = body[0] if body else 0
            self.site.note(self.name, f"DISCONNECT {code:#x} from the hub")
            if code not in GOOD_ENDS:
                self.site.breach(self.name, f"the hub ended connection {self.connection} with {code:#x}: {body!r}")
            self.drop()
        elif kind == packets.PINGRESP:
            self.is_answered = True
        else:
            self.handle(kind, first, body)

    def connected(self, is_present, code):
        if code:
            if code not in LATER[self.level]:
                self.site.breach(self.name, f"CONNACK {code:#x}")
            self.site.note(self.name, f"CONNACK {code:#x}")
            self.drop()
            return
        self.site.note(self.name, f"connection {self.connection}, session present {is_present}")
        if self.wants_clean_start and is_present:
            self.site.breach(self.name, "a clean start found a session")
        if not self.wants_clean_start and self.has_session and not is_present:
            self.site.breach(self.name, f"its session is lost (connection {self.connection})")
        self.wants_clean_start, self.has_session = not self.is_persistent, self.is_persistent
        self.is_ready = True
        self.opened(is_present)

    def lost(self):
        self.site.note(self.name, f"connection {self.connection} was lost")
        self.gone()

    def gone(self):
        self.link, self.is_ready, self.is_answered = None, False, True
        self.pause()
        self.closed()

    # Disturbances

    def drop(self):
        """Closes without DISCONNECT."""
        if self.link:
            self.link.end()
            self.gone()

    def cut(self, why="cut"):
        if self.link:
            self.site.note(self.name, f"connection {self.connection}: {why}")
            self.link.cut()
            self.gone()

    def cut_within_packet(self):
        if self.link and self.is_ready:
            self.site.note(self.name, f"connection {self.connection}: ends within a packet")
            self.link.send(self.half_a_packet())
            self.drop()

    def leave(self):
        """DISCONNECT, which a client that comes back at once sends too."""
        if self.link and self.is_ready:
            self.site.note(self.name, f"connection {self.connection}: DISCONNECT")
            self.link.send(packets.disconnect(self.level))
            self.drop()

    def take_over(self):
        """Connects anew while the old connection is still open."""
        if self.link and self.is_ready:
            self.site.note(self.name, f"connection {self.connection}: left open, and a new one")
            self.link.detach()
            self.gone()
