"""Client libraries as their users have them, behind one face: connect, subscribe, publish, receive, disconnect."""
import asyncio
import collections
import json
import os
import queue
import subprocess
import threading

import aiomqtt
import gmqtt
from paho.mqtt.packettypes import PacketTypes

from support.mqtt import V5, V311, mosquitto_options, properties
from support.rest import unique_name
from support.waiting import DEADLINE_SECONDS

SESSION_SECONDS = 3600

Message = collections.namedtuple("Message", "topic payload qos retain")
Will = collections.namedtuple("Will", "topic payload qos retain")


def awaited(source, what):
    try:
        return source.get(timeout=DEADLINE_SECONDS)
    except queue.Empty:
        raise AssertionError(f"no {what} within {DEADLINE_SECONDS} s") from None


class Library:
    """A client of some library, not connected yet. `port` is another one than the listener's, such as a relay's."""

    listener = "mqtts"
    disconnects_with_will = False

    def __init__(self, hub, version, will=None, clean=True, client_id=None, port=None):
        self.hub, self.version, self.will, self.clean = hub, version, will, clean
        self.client_id, self.port = client_id or unique_name("library"), port or hub.ports[self.listener]
        self.messages = queue.Queue()

    def resume(self, _topic, _qos):
        """Connects to a session that has this subscription; tells whether the library saw "session present"."""
        return self.connect()

    def next(self):
        """The next message."""
        return awaited(self.messages, "message")

    def close(self):
        """For fixtures: whatever state it is in, be gone."""


class Asynchronous(Library):
    """What is written for asyncio runs on a loop in a thread of its own."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(DEADLINE_SECONDS)

    def close(self):
        async def cancel():
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        self.run(cancel())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(DEADLINE_SECONDS)
        self.loop.close()


class Aiomqtt(Asynchronous):
    transport = {}

    def connect(self):
        async def start():
            if self.version == V5:
                session = {"clean_start": self.clean}
                if not self.clean:
                    session["properties"] = properties(PacketTypes.CONNECT, SessionExpiryInterval=SESSION_SECONDS)
            else:
                session = {"clean_session": self.clean}
            self.client = aiomqtt.Client(
                "127.0.0.1", self.port, identifier=self.client_id, protocol=aiomqtt.ProtocolVersion(self.version),
                will=aiomqtt.Will(*self.will) if self.will else None, tls_context=self.hub.tls_context(),
                tls_insecure=True, timeout=DEADLINE_SECONDS, **self.transport, **session)
            await self.client.__aenter__()
            self.reader = asyncio.create_task(self._read())
        self.run(start())

    async def _read(self):
        try:
            async for message in self.client.messages:
                self.messages.put(Message(message.topic.value, message.payload, message.qos, message.retain))
        except aiomqtt.MqttError:
            pass  # the connection was cut

    def subscribe(self, topic, qos):
        (code,) = self.run(self.client.subscribe(topic, qos))
        assert getattr(code, "value", code) == qos

    def publish(self, topic, payload, qos=0, retain=False):
        self.run(self.client.publish(topic, payload, qos, retain))

    def disconnect(self):
        self.reader.cancel()
        self.run(self.client.__aexit__(None, None, None))


class AiomqttWebSocket(Aiomqtt):
    listener = "https"
    transport = {"transport": "websockets", "websocket_path": "/mqtt"}


class Gmqtt(Asynchronous):
    def connect(self):
        self.run(self._connect())
        return self.session_present

    async def _connect(self):
        session = {} if self.clean or self.version != V5 else {"session_expiry_interval": SESSION_SECONDS}
        will = gmqtt.Message(*self.will) if self.will else None
        self.client = client = gmqtt.Client(self.client_id, clean_session=self.clean, will_message=will, **session)
        client.set_config({"reconnect_retries": 0})
        self.granted = asyncio.Queue()
        client.on_connect = self._on_connect
        client.on_message = self._on_message
        client.on_subscribe = lambda _client, _mid, granted, _properties: self.granted.put_nowait(granted)
        await client.connect("127.0.0.1", self.port, ssl=self.hub.tls_context(), version=self.version)

    def _on_connect(self, _client, flags, _code, _properties):
        self.session_present = bool(flags & 1)

    def _on_message(self, _client, topic, payload, qos, held):
        self.messages.put(Message(topic, payload, qos, bool(held["retain"])))
        return 0

    def subscribe(self, topic, qos):
        async def subscribe():
            self.client.subscribe(topic, qos)
            return await self.granted.get()
        assert self.run(subscribe()) == (qos,)

    def publish(self, topic, payload, qos=0, retain=False):
        """Without waiting for the acknowledgement, since gmqtt doesn't tell of it."""
        self.loop.call_soon_threadsafe(lambda: self.client.publish(topic, payload, qos=qos, retain=retain))

    def disconnect(self):
        self.run(self.client.disconnect())


class MQTTjs(Library):
    scheme = "mqtts"
    process = None

    def connect(self):
        self.process = subprocess.Popen(
            ["node", os.path.join(os.path.dirname(__file__), "mqttjs.js")], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, env={**os.environ, "NODE_PATH": "/usr/share/nodejs"})
        self.events = queue.Queue()
        threading.Thread(target=self._pump, args=(self.process.stdout,), daemon=True).start()
        options = {"clientId": self.client_id, "clean": self.clean, "protocolVersion": int(self.version)}
        if self.will:
            options["will"] = {**self.will._asdict(), "payload": self.will.payload.hex()}
        if self.version == V5 and not self.clean:
            options["properties"] = {"sessionExpiryInterval": SESSION_SECONDS}
        return self._do("connect", "connected", url=f"{self.scheme}://localhost:{self.port}/mqtt",
                        certificate=str(self.hub.certificate), options=options)["session"]

    def _pump(self, stream):
        for line in stream:
            event = json.loads(line)
            if event["event"] == "message":
                self.messages.put(Message(event["topic"], bytes.fromhex(event["payload"]), event["qos"], event["retain"]))
            else:
                self.events.put(event)

    def _do(self, command, answer, **arguments):
        self.process.stdin.write(json.dumps({"command": command, **arguments}) + "\n")
        self.process.stdin.flush()
        event = awaited(self.events, answer)
        assert event["event"] == answer and not event.get("error"), event
        return event

    def subscribe(self, topic, qos):
        granted = self._do("subscribe", "subscribed", topic=topic, qos=qos)["granted"]
        assert [one["qos"] for one in granted] == [qos]

    def publish(self, topic, payload, qos=0, retain=False):
        self._do("publish", "published", topic=topic, payload=payload.hex(), qos=qos, retain=retain)

    def disconnect(self):
        self._do("disconnect", "disconnected")
        self.close()

    def close(self):
        if self.process:
            self.process.stdin.close()
            self.process.wait(DEADLINE_SECONDS)


class MQTTjsWebSocket(MQTTjs):
    listener, scheme = "https", "wss"


class Mosquitto(Library):
    """mosquitto_sub from its subscription to its end; mosquitto_pub for each message."""

    process = None

    @property
    def disconnects_with_will(self):
        """mosquitto_sub takes SIGTERM for a reason to have its will published, and can say so in MQTT 5."""
        return self.version == V5

    def connect(self):
        """Comes with the subscription."""

    def resume(self, topic, qos):
        self.subscribe(topic, qos)

    def _options(self, client_id):
        return mosquitto_options(self.hub, "5" if self.version == V5 else "311", client_id, self.port)

    def subscribe(self, topic, qos):
        options = ["-d", "-q", str(qos), "-t", topic, "-F", "message %t %x %q %r"]
        if not self.clean:
            options.append("-c")
        if self.will:
            options += ["--will-topic", self.will.topic, "--will-payload", self.will.payload.decode(), "--will-qos",
                        str(self.will.qos), *(["--will-retain"] if self.will.retain else [])]
        self.process = subprocess.Popen(["stdbuf", "-oL", "mosquitto_sub", *self._options(self.client_id), *options],
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        lines = queue.Queue()
        threading.Thread(target=self._pump, args=(self.process.stdout, lines), daemon=True).start()
        while not (line := awaited(lines, "line with Subscribed")).startswith("Subscribed"):
            pass
        assert line.endswith(f": {qos}"), line

    def _pump(self, stream, lines):
        for line in stream:
            if line.startswith("message "):
                _, topic, payload, qos, retain = line.split(" ")
                self.messages.put(Message(topic, bytes.fromhex(payload), int(qos), bool(int(retain))))
            else:
                lines.put(line.rstrip("\n"))

    def publish(self, topic, payload, qos=0, retain=False):
        command = ["mosquitto_pub", *self._options(unique_name("pub")), "-t", topic, "-q", str(qos), "-s" if payload else "-n",
                   *(["-r"] if retain else [])]
        subprocess.run(command, input=payload or None, check=True, capture_output=True, timeout=DEADLINE_SECONDS)

    def disconnect(self):
        self.close()

    def close(self):
        if self.process:
            self.process.terminate()
            self.process.wait(DEADLINE_SECONDS)


# Each library with both versions of the protocol, and with TLS and WebSocket if it has them.
LIBRARIES = {
    "aiomqtt-3.1.1": (Aiomqtt, V311), "aiomqtt-5.0-websocket": (AiomqttWebSocket, V5),
    "gmqtt-3.1.1": (Gmqtt, V311), "gmqtt-5.0": (Gmqtt, V5),
    "mqttjs-3.1.1-websocket": (MQTTjsWebSocket, V311), "mqttjs-5.0": (MQTTjs, V5),
    "mosquitto-3.1.1": (Mosquitto, V311), "mosquitto-5.0": (Mosquitto, V5),
}
