"""One TCP connection of a client, on asyncio's lowest level: whole packets in, bytes out, and an end at any byte."""
import asyncio
import socket
import struct

from crash import packets


class Link(asyncio.Protocol):
    """Tells its client `received(first, body)` for each packet, `turn_over()` after those of one read, and `lost()` at its
    end."""

    def __init__(self, client, receive_bytes=None):
        self.client, self.receive_bytes = client, receive_bytes
        self.transport, self.buffer = None, bytearray()

    def connection_made(self, transport):
        self.transport = transport
        one = transport.get_extra_info("socket")
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.receive_bytes:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.receive_bytes)

    def data_received(self, data):
        self.buffer += data
        found, used = packets.split(self.buffer)
        del self.buffer[:used]
        for first, body in found:
            if self.client is None:
                return
            self.client.received(first, body)
        if self.client is not None:
            self.client.turn_over()

    def connection_lost(self, _):
        client, self.client = self.client, None
        if client:
            client.lost()

    def send(self, data):
        self.transport.write(data)

    def detach(self):
        """Its client hears nothing of it any more."""
        self.client = None

    def end(self):
        """What was written leaves, then the connection ends."""
        self.detach()
        self.transport.close()

    def cut(self):
        """The connection is gone at once, with what the system had not sent yet; the hub sees a reset."""
        self.detach()
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()
