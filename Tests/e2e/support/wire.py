"""MQTT as bytes on a socket, for what client libraries don't do: odd packets, exact moments, silence."""
import socket
import ssl
import struct

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, PINGREQ, PINGRESP, DISCONNECT = 1, 2, 3, 4, 8, 9, 12, 13, 14
AUTH = 15
TIMEOUT_SECONDS = 15


def variable_integer(value):
    out = bytearray()
    while True:
        value, low = value >> 7, value & 0x7F
        out.append(low | (0x80 if value else 0))
        if not value:
            return bytes(out)


def text(value):
    data = value.encode() if isinstance(value, str) else value
    return struct.pack(">H", len(data)) + data


def packet(kind, body=b"", flags=0):
    return bytes([kind << 4 | flags]) + variable_integer(len(body)) + body


def session_expiry(seconds):
    """The property, for CONNECT and DISCONNECT."""
    return struct.pack(">BI", 0x11, seconds)


class Will:
    """What CONNECT says about it; `raw` are more of its properties."""

    def __init__(self, topic, payload=b"gone", qos=1, retain=False, delay=0, raw=b""):
        self.topic, self.payload = topic, payload
        self.flags = 0x04 | qos << 3 | (0x20 if retain else 0)
        self.properties = (struct.pack(">BI", 0x18, delay) if delay else b"") + raw

    def encode(self, level):
        properties = variable_integer(len(self.properties)) + self.properties if level == 5 else b""
        return properties + text(self.topic) + text(self.payload)


def connect(level=5, client_id="wire", user=None, password=None, keepalive=60, clean=True, name="MQTT", flags=None,
            properties=b"", will=None):
    bits = (0x02 if clean else 0) | (0x80 if user is not None else 0) | (0x40 if password is not None else 0)
    bits |= will.flags if will else 0
    body = text(name) + bytes([level, bits if flags is None else flags]) + struct.pack(">H", keepalive)
    if level == 5:
        body += variable_integer(len(properties)) + properties
    body += text(client_id) + (will.encode(level) if will else b"")
    body += b"".join(text(part) for part in (user, password) if part is not None)
    return packet(CONNECT, body)


def publish(topic, payload, level=5, qos=0, packet_id=1, properties=b"", flags=None):
    body = text(topic)
    if qos:
        body += struct.pack(">H", packet_id)
    if level == 5:
        body += variable_integer(len(properties)) + properties
    return packet(PUBLISH, body + payload, flags=qos << 1 if flags is None else flags)


def disconnect(reason=0, properties=b""):
    """Of MQTT 5."""
    return packet(DISCONNECT, bytes([reason]) + variable_integer(len(properties)) + properties)


def subscribe(topic_filter, level=5, qos=0, packet_id=1):
    return packet(SUBSCRIBE, struct.pack(">H", packet_id) + (b"\0" if level == 5 else b"") + text(topic_filter)
                  + bytes([qos]), flags=2)


def credentials(method, token):
    """The properties authentication method and data."""
    return b"\x15" + text(method) + (b"\x16" + text(token) if token is not None else b"")


def connect_by_method(method, token, client_id="wire"):
    return connect(client_id=client_id, properties=credentials(method, token))


def auth(reason, method, token):
    properties = credentials(method, token)
    return packet(AUTH, bytes([reason]) + variable_integer(len(properties)) + properties)


class Wire:
    """A socket to one of the hub's listeners; every read has a deadline."""

    def __init__(self, hub, listener="mqtt", before=b""):
        """`before` goes first, before TLS."""
        self.socket = socket.create_connection(("127.0.0.1", hub.ports[listener]), TIMEOUT_SECONDS)
        self.socket.sendall(before)
        if listener in ("mqtts", "https"):
            self.socket = hub.tls_context().wrap_socket(self.socket)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)
        return self

    def read(self, count):
        """Exactly so many bytes; fewer only at the end of the connection."""
        data = b""
        while len(data) < count:
            try:
                more = self.socket.recv(count - len(data))
            except (ConnectionError, ssl.SSLError):
                break
            if not more:
                break
            data += more
        return data

    def read_packet(self):
        """(kind, flags, body) of the next packet, None at the end of the connection."""
        first = self.read(1)
        if not first:
            return None
        length, shift = 0, 0
        while True:
            byte = self.read(1)[0]
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        return first[0] >> 4, first[0] & 15, self.read(length)

    def expect(self, kind):
        """The body of the next packet, which must be of this kind."""
        got = self.read_packet()
        assert got is not None, f"the connection ended where packet type {kind} was expected"
        assert got[0] == kind, f"packet type {got[0]}, expected {kind}: {got[2]!r}"
        return got[2]

    def read_to_end(self):
        """Everything until the other side closes; a timeout is the failure to close."""
        try:
            data = b""
            while more := self.socket.recv(65536):
                data += more
            return data
        except (ConnectionError, ssl.SSLError):
            return data
        except TimeoutError:
            raise AssertionError(f"the connection is still open after {TIMEOUT_SECONDS} s; got {data!r}") from None

    def log_in(self, user, level=5, client_id="wire", **options):
        """CONNECT as this user, and its good CONNACK."""
        self.send(connect(level, client_id=client_id, user=user.id, password=user.token, **options))
        body = self.expect(CONNACK)
        assert body[1] == 0, f"CONNACK {body[1]:#x}"
        return self
