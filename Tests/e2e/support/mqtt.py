"""MQTT as users have it: paho-mqtt for programs, mosquitto_pub and mosquitto_sub for shells."""
import collections
import json
import queue
import socket
import subprocess
import threading

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from support.rest import unique_name
from support.waiting import DEADLINE_SECONDS, eventually

V311, V5 = paho.MQTTv311, paho.MQTTv5
VERSIONS = {"3.1.1": V311, "5.0": V5}

# Envelopes that aren't stored. They come at times of their own, so they are kept apart from the messages.
SIGNALS = {"message_notification", "presence", "typing", "read"}

# What a broker answered: the code (an int) and, in MQTT 5, the packet's properties.
Ack = collections.namedtuple("Ack", "code properties reason")


class Ended(AssertionError):
    """The connection ended while something else was awaited."""


def properties(packet_type, **values):
    """`properties(PacketTypes.PUBLISH, UserProperty=[("a", "b")])`."""
    made = Properties(packet_type)
    for name, value in values.items():
        setattr(made, name, value)
    return made


def user_properties(held):
    """The user properties as a dict; {} where there are none."""
    return dict(getattr(held, "UserProperty", [])) if held else {}


class Answers:
    """A queue for each packet identifier: paho's thread puts, the test waits, whichever comes first makes it."""

    def __init__(self):
        self._queues, self._lock = {}, threading.Lock()

    def __getitem__(self, identifier):
        with self._lock:
            return self._queues.setdefault(identifier, queue.Queue())


class Client:
    """A paho client whose every event is awaited with a deadline."""

    def __init__(self, hub, user=None, version=V5, client_id=None, clean=True, expiry=0, tls=True, username=None,
                 password=None, keepalive=60, manual_ack=False, will=None, websocket=None, port=None):
        # `websocket` is the listener, https or http, for MQTT over WebSocket; `port` another one than the hub's own.
        tls = websocket == "https" if websocket else tls
        self.hub, self.version, self.tls, self.keepalive = hub, version, tls, keepalive
        self.port = port or hub.ports[websocket or ("mqtts" if tls else "mqtt")]
        self.client_id = client_id or unique_name("client")
        self.clean, self.expiry = clean, expiry
        options = {"clean_session": clean} if version == V311 else {}
        self.paho = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=self.client_id, protocol=version,
                                reconnect_on_failure=False, manual_ack=manual_ack,
                                transport="websockets" if websocket else "tcp", **options)
        if tls:
            self.paho.tls_set_context(hub.tls_context())
            self.paho.tls_insecure_set(True)
        if user or username or password:
            self.paho.username_pw_set(user.id if username is None and user else username or "",
                                      user.token if user else password)
        if will:
            self.paho.will_set(*will)
        self.messages, self.signals = queue.Queue(), queue.Queue()
        self.session_present = None
        self._connected, self._ended = queue.Queue(), queue.Queue()
        self._published, self._subscribed, self._unsubscribed = (Answers() for _ in range(3))
        self._over = threading.Event()
        self.paho.on_connect = lambda _c, _u, flags, code, props: self._connected.put(
            (flags.session_present, Ack(code.value, props, code)))
        self.paho.on_disconnect = self._on_disconnect
        self.paho.on_message = lambda _c, _u, message: (
            self.signals if kind_of(message) in SIGNALS else self.messages).put(message)
        self.paho.on_publish = lambda _c, _u, mid, code, props: self._published[mid].put(
            Ack(code.value, props, code))
        self.paho.on_subscribe = lambda _c, _u, mid, codes, props: self._subscribed[mid].put((codes, props))
        self.paho.on_unsubscribe = lambda _c, _u, mid, codes, props: self._unsubscribed[mid].put((codes, props))

    # Connection

    def connect(self, expect=0):
        """Connects, and returns the CONNACK, whose code must be `expect` (a set allows several)."""
        self._over.clear()
        if self.version == V5:
            props = properties(PacketTypes.CONNECT, SessionExpiryInterval=self.expiry) if self.expiry else None
            self.paho.connect("127.0.0.1", self.port, self.keepalive, clean_start=self.clean, properties=props)
        else:
            self.paho.connect("127.0.0.1", self.port, self.keepalive)
        self.paho.loop_start()
        self.session_present, ack = self._await(self._connected, "CONNACK", may_end=True)
        allowed = expect if isinstance(expect, set) else {expect}
        assert ack.code in allowed, f"CONNACK {ack.code:#x}, expected {[hex(code) for code in allowed]}"
        return ack

    def disconnect(self):
        """DISCONNECT, then the end of the connection. Messages received so far stay readable."""
        # paho's thread hands a message over before it acknowledges it: an answer that comes later shows that it has.
        self.unsubscribe("never/subscribed")
        self.paho.disconnect()
        self.wait_end()

    def drop(self):
        """Cuts the connection without DISCONNECT."""
        self.paho.socket().shutdown(socket.SHUT_RDWR)
        self.wait_end()

    def close(self):
        """For fixtures: whatever state it is in, be gone."""
        self.paho.disconnect()
        self.paho.loop_stop()

    def wait_end(self, seconds=DEADLINE_SECONDS):
        """Waits until the connection is over. (Why, is for the wire to see: paho overlooks the code of a DISCONNECT
        whose properties are empty.)"""
        try:
            self._ended.get(timeout=seconds)
        except queue.Empty:
            raise AssertionError(f"{self.client_id}: still connected after {seconds} s") from None
        self.paho.loop_stop()

    @property
    def ended(self):
        return self._over.is_set()

    def _on_disconnect(self, _client, _userdata, _flags, code, _properties):
        self._over.set()
        self._ended.put(code)

    # Subscribing and publishing

    def subscribe(self, *filters, qos=1, after=(), expect=None):
        """SUBSCRIBE; returns the SUBACK's codes and properties. Without `expect` every code must grant `qos`."""
        options = {}
        if after:
            options["properties"] = properties(PacketTypes.SUBSCRIBE, UserProperty=[("after", a) for a in after])
        result, mid = self.paho.subscribe([(f, qos) for f in filters] if self.version == V311 else [
            (f, paho.SubscribeOptions(qos=qos)) for f in filters], **options)
        assert result == paho.MQTT_ERR_SUCCESS, result
        codes, props = self._await(self._subscribed[mid], "SUBACK")
        codes = [code.value for code in codes]
        assert codes == (expect if expect is not None else [qos] * len(filters)), [hex(code) for code in codes]
        return props

    def unsubscribe(self, *filters):
        result, mid = self.paho.unsubscribe(list(filters))
        assert result == paho.MQTT_ERR_SUCCESS, result
        codes, _ = self._await(self._unsubscribed[mid], "UNSUBACK")
        return [code.value for code in codes]

    def publish(self, topic, payload, qos=1, expect=0, retain=False, **props):
        """PUBLISH and, above QoS 0, its acknowledgement, whose code must be `expect`; 0 stands for any success
        (0x10 tells that nobody has subscribed)."""
        ack = self.await_ack(self.publish_later(topic, payload, qos, retain, **props))
        good = ack.code in (0, 0x10) if expect == 0 else ack.code == expect
        assert good, f"PUBACK {ack.code:#x} ({ack.reason}), expected {expect:#x}"
        return ack

    def publish_later(self, topic, payload, qos=1, retain=False, **props):
        """PUBLISH without waiting; returns what await_ack takes."""
        if isinstance(payload, dict):
            payload = json.dumps(payload)
        made = properties(PacketTypes.PUBLISH, **props) if props else None
        info = self.paho.publish(topic, payload, qos=qos, retain=retain, properties=made)
        assert info.rc == paho.MQTT_ERR_SUCCESS, info.rc
        return info.mid

    def await_ack(self, mid):
        return self._await(self._published[mid], "PUBACK")

    # Receiving

    def next(self, seconds=DEADLINE_SECONDS):
        """The next message, whatever it is."""
        return self._await(self.messages, "a message", seconds)

    def next_where(self, accept, seconds=DEADLINE_SECONDS):
        """The next message that `accept` takes; those before it are dropped."""
        while True:
            message = self.next(seconds)
            if accept(message):
                return message

    def next_event(self, kind, topic=None, seconds=DEADLINE_SECONDS):
        """The next envelope of this type, as an object."""
        message = self.next_where(lambda m: kind_of(m) == kind and topic in (None, m.topic), seconds)
        return json.loads(message.payload)

    def take_until(self, accept, seconds=DEADLINE_SECONDS):
        """All messages up to and with the first that `accept` takes."""
        taken = [self.next(seconds)]
        while not accept(taken[-1]):
            taken.append(self.next(seconds))
        return taken

    def take(self, count, seconds=DEADLINE_SECONDS):
        return [self.next(seconds) for _ in range(count)]

    def _await(self, source, what, seconds=DEADLINE_SECONDS, may_end=False):
        waited = 0.0
        while waited < seconds:
            try:
                return source.get(timeout=0.25)
            except queue.Empty:
                waited += 0.25
            if self.ended and source.empty() and not may_end:
                raise Ended(f"{self.client_id}: the connection ended while awaiting {what}")
        raise AssertionError(f"{self.client_id}: no {what} within {seconds} s")


def collect(clients, count):
    """What each client gets until there are `count` messages in all."""
    got = {client: [] for client in clients}

    def total():
        for client in clients:
            while True:
                try:
                    got[client].append(client.messages.get_nowait())
                except queue.Empty:
                    break
        return sum(len(messages) for messages in got.values()) >= count
    eventually(total, f"{count} messages")
    return got


def kind_of(message):
    """The envelope's type; None for what is no envelope."""
    try:
        return json.loads(message.payload).get("type")
    except (ValueError, AttributeError):
        return None


def text_of(message):
    return json.loads(message.payload)["body"].get("text")


def has_text(text):
    """For next_where and take_until: the message that says this."""
    return lambda message: kind_of(message) == "message" and text_of(message) == text


def mosquitto_options(hub, version="5", client_id=None, port=None):
    """What mosquitto_pub, mosquitto_sub and mosquitto_rr need for a connection over TLS."""
    return ["-h", "127.0.0.1", "-p", str(port or hub.ports["mqtts"]), "--cafile", str(hub.certificate), "--insecure",
            "-V", version, "-i", client_id or unique_name("mosquitto")]


def mosquitto(program, hub, user, *arguments, version="5"):
    """The command line of mosquitto_pub or mosquitto_sub for this user over TLS."""
    return [program, *mosquitto_options(hub, version), "-u", user.name, "-P", user.token, *arguments]


def mosquitto_pub(hub, user, topic, payload, *arguments, version="5"):
    """Publishes at QoS 1 and returns when mosquitto_pub has its PUBACK."""
    command = mosquitto("mosquitto_pub", hub, user, "-q", "1", "-t", topic, "-m", payload, *arguments, version=version)
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_SECONDS)
    assert done.returncode == 0, done.stderr
    return done


class MosquittoSub:
    """A running mosquitto_sub, whose output is read line by line once it says that it is subscribed."""

    def __init__(self, hub, user, topic, *arguments, version="5", qos="1"):
        command = mosquitto("mosquitto_sub", hub, user, "-d", "-q", qos, "-t", topic, *arguments, version=version)
        self.process = subprocess.Popen(["stdbuf", "-oL", *command], stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True)
        self.lines = queue.Queue()
        threading.Thread(target=self._pump, daemon=True).start()
        self.line(lambda line: line.startswith("Subscribed"))

    def _pump(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))

    def line(self, accept=lambda line: line.startswith("{")):
        """The next output line that `accept` takes."""
        while True:
            try:
                line = self.lines.get(timeout=DEADLINE_SECONDS)
            except queue.Empty:
                raise AssertionError("mosquitto_sub printed nothing more in time") from None
            if accept(line):
                return line

    def close(self):
        self.process.terminate()
        self.process.wait(DEADLINE_SECONDS)
