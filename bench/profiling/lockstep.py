"""Clients that give the hub the same work in the same portions each time: the hub is stopped while they write, and so finds everything at once.

How much a turn of the hub does depends on what has arrived when it looks, which under callgrind would be chance otherwise."""
import os
import signal
import socket
import struct
import time

from support import wire

TIMEOUT_SECONDS = 60


class Connection:
    """A client on a socket that knows what has arrived."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.pending = b""

    def write(self, data):
        self.socket.sendall(data)

    def read_more(self):
        more = self.socket.recv(1 << 18)
        if not more:
            raise RuntimeError("the hub closed a connection")
        self.pending += more

    def close(self):
        self.socket.close()


class MQTTClient(Connection):
    """MQTT 3.1.1."""

    def __init__(self, port, client_id, user=None, token=None):
        super().__init__(port)
        self.write(wire.connect(4, client_id, user, token, keepalive=0))
        if self.packets(1) != [bytes([wire.CONNACK << 4, 2, 0, 0])]:
            raise RuntimeError(f"{client_id} was refused")

    def subscribe(self, topic_filter, qos):
        self.write(wire.subscribe(topic_filter, 4, qos))
        if self.packets(1)[0][-1] != qos:
            raise RuntimeError(f"no subscription to {topic_filter}")

    def packets(self, count):
        """The next so many packets."""
        found = []
        while len(found) < count:
            size = packet_size(self.pending)
            if size:
                found.append(self.pending[:size])
                self.pending = self.pending[size:]
            else:
                self.read_more()
        return found


class HTTPClient(Connection):
    """HTTP/1.1 on a connection that stays."""

    def __init__(self, port, token):
        super().__init__(port)
        self.token = token

    def get(self, path):
        """The body of a good answer."""
        self.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {self.token}\r\n\r\n".encode())
        while b"\r\n\r\n" not in self.pending:
            self.read_more()
        head, _, self.pending = self.pending.partition(b"\r\n\r\n")
        lines = head.decode().lower().split("\r\n")
        if " 200" not in lines[0]:
            raise RuntimeError(f"GET {path}: {lines[0]}")
        length = next(int(line.split(":")[1]) for line in lines if line.startswith("content-length:"))
        while len(self.pending) < length:
            self.read_more()
        body, self.pending = self.pending[:length], self.pending[length:]
        return body


def packet_size(data):
    """Of the packet at the beginning, None while it is not complete."""
    length = 0
    for index in range(1, min(5, len(data))):
        length |= (data[index] & 0x7F) << 7 * (index - 1)
        if data[index] < 0x80:
            size = index + 1 + length
            return size if size <= len(data) else None
    return None


def packet_id(publish):
    """Of a PUBLISH with QoS 1 or 2 that is shorter than 16 KiB."""
    body = 2 if publish[1] < 0x80 else 3
    topic_bytes = struct.unpack_from(">H", publish, body)[0]
    return publish[body + 2 + topic_bytes:body + 4 + topic_bytes]


class Stopped:
    """A process that does nothing within the context."""

    def __init__(self, pid):
        self.pid = pid

    def __enter__(self):
        os.kill(self.pid, signal.SIGSTOP)
        limit = time.monotonic() + TIMEOUT_SECONDS
        while self._states() != {"T"}:
            if time.monotonic() > limit:
                raise RuntimeError("the hub does not stop")
            time.sleep(0.001)

    def _states(self):
        """Of all its threads."""
        states = set()
        for task in os.listdir(f"/proc/{self.pid}/task"):
            with open(f"/proc/{self.pid}/task/{task}/stat") as file:
                states.add(file.read().rpartition(")")[2].split()[0])
        return states

    def __exit__(self, *_):
        os.kill(self.pid, signal.SIGCONT)
