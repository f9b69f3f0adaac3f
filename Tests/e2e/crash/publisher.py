"""Publishers over MQTT, and one over REST."""
import asyncio
import concurrent.futures
import http.client
import json

from crash import messages, packets
from crash.client import Client
from crash.ledger import Stream
from crash.outbox import Flight, Outbox
from support import rest

# Without an answer for so long while something is under way a client takes the connection for dead.
SILENCE_SECONDS = {4: 4.0, 5: 9.0}
REFUSED_PAUSE_SECONDS = 0.3
POST_PAUSE_SECONDS = 0.05


class Publisher(Client):
    """`ref`: where the client_ref stands: "object", "property" (MQTT 5), or None. `again`: see Outbox. `keeps`: the topics
    are to retain the last message."""

    def __init__(self, site, name, level, user, rng, topics, qos, again, ref=None, rate=150, window=100, keeps=False):
        super().__init__(site, name, level, user, again == "session", rng)
        self.qos, self.ref, self.rate, self.keeps = qos, ref, rate, keeps
        is_once = qos == 2 and again == "session"
        self.streams = [Stream(name, topic, user.id, ref is not None, is_once) for topic in topics]
        self.outbox = Outbox(qos, again, window)
        self.is_sending, self.allowance, self.ticked_at, self.answered_at = False, 0.0, 0.0, 0.0
        self.answers = []

    @property
    def is_done(self):
        return self.outbox.is_empty

    def opened(self, is_present):
        self.send(self.outbox.reconnected(self.connection))
        self.ticked_at = self.answered_at = self.site.now
        self.allowance = 0.0
        self.answers.clear()

    def closed(self):
        self.outbox.disconnected()

    def tick(self):
        now = self.site.now
        if not self.outbox.flying:
            self.answered_at = now
        elif now > self.answered_at + SILENCE_SECONDS[self.level]:
            self.cut(f"silent with {len(self.outbox.flying)} under way")
            return
        self.allowance = min(self.allowance + (now - self.ticked_at) * self.rate, self.outbox.window)
        self.ticked_at = now
        if now < self.pause_until:
            return
        out = [self.outbox.send_waiting(self.connection)]
        while self.is_sending and self.allowance >= 1 and self.outbox.has_room:
            self.allowance -= 1
            out.append(self.next_message())
        self.send(b"".join(out))

    def next_message(self):
        stream = self.rng.choice(self.streams)
        number = stream.next_number()
        return self.outbox.send(Flight(stream, number, self.encoder(stream, number)), self.connection)

    def encoder(self, stream, number):
        """Makes the PUBLISH of a message, given its packet identifier and DUP."""
        properties = b""
        if self.ref == "object":
            payload = messages.object_payload(self.name, number)
        else:
            payload = messages.plain_payload(self.name, number)
            if self.ref == "property":
                properties = packets.user_property("client_ref", messages.client_ref(self.name, number))
        return lambda packet_id, is_repeated: packets.publish(
            self.level, stream.topic, payload, self.qos, packet_id, is_repeated, self.keeps, properties)

    def half_a_packet(self):
        if not self.is_sending or not self.outbox.has_room:
            return super().half_a_packet()
        packet = self.next_message()
        return packet[:self.rng.randint(1, len(packet) - 1)]

    def handle(self, kind, first, body):
        if kind not in (packets.PUBACK, packets.PUBREC, packets.PUBCOMP):
            self.site.breach(self.name, f"packet type {kind} for a publisher")
            return
        self.answered_at = self.site.now
        packet_id, code, properties = packets.acknowledgement(self.level, body)
        receipt = (int(properties["seq"]), properties["id"]) if "seq" in properties else ()
        answer, breach = self.outbox.answered(kind, packet_id, code, receipt)
        if breach:
            self.site.breach(self.name, breach)
        if code == 0x97:
            self.pause_until = self.site.now + REFUSED_PAUSE_SECONDS
        self.answers.append(answer)

    def turn_over(self):
        if data := b"".join(self.answers):
            self.send(data)
        self.answers.clear()


class Poster:
    """POST /messages with a client_ref, one after the other, each again until it is answered with success."""

    keeps = False

    def __init__(self, site, name, user, rng, targets):
        # `targets`: topic name to the members of the request that name it.
        self.site, self.name, self.user, self.rng, self.targets = site, name, user, rng, targets
        self.streams = [Stream(name, topic, user.id, True) for topic in targets]
        self.is_sending, self.is_over, self.under_way = False, False, None
        self.recent = []

    @property
    def is_done(self):
        return self.under_way is None

    async def run(self):
        with concurrent.futures.ThreadPoolExecutor(1) as thread:
            while not self.is_over:
                if not self.site.is_up or not (self.is_sending or self.under_way):
                    await asyncio.sleep(POST_PAUSE_SECONDS)
                    continue
                if not self.under_way:
                    stream = self.rng.choice(self.streams)
                    self.under_way = stream, stream.next_number()
                stream, number = self.under_way
                stream.note_attempt(number, 0)
                answer = await asyncio.get_running_loop().run_in_executor(thread, self.post, stream.topic, number)
                self.answered(stream, number, answer)
                if self.under_way:
                    await asyncio.sleep(POST_PAUSE_SECONDS)

    def post(self, topic, number):
        """(status, body); None where there was no answer."""
        body = {**self.targets[topic], "text": messages.text(self.name, number),
                "client_ref": messages.client_ref(self.name, number)}
        # Not left to rest.request: the hub stores a text's bytes as they came, and MQTT publishers send no escapes.
        body = json.dumps(body, ensure_ascii=False).encode()
        try:
            answer = rest.request(self.site.hub, "POST", "/messages", body, token=self.user.token, listener="http",
                                  headers={"Content-Type": "application/json"})
            return answer.status, answer
        except (OSError, http.client.HTTPException):
            return None

    def answered(self, stream, number, answer):
        if answer is None:
            return
        status, body = answer
        if 200 <= status < 300:
            stream.note_acknowledged(number, body.json["seq"], body.json["id"])
            self.under_way = None
        elif status == 503:
            stream.refused.add(number)
        else:
            self.site.breach(self.name, f"POST of message {number} to {stream.topic}: {status} {body.body[:300]!r}")
            self.under_way = None
