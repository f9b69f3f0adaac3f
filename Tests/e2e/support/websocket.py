"""WebSocket as bytes (RFC 6455), for what client libraries don't do. `WebSocketWire` is a `Wire` whose MQTT is in frames."""
import base64
import os
import struct

from support.wire import Wire

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
FIELDS = {"Host": "localhost", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
          "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode(), "Sec-WebSocket-Protocol": "mqtt"}


def frame(opcode, payload=b"", final=True, reserved=0, masked=True, length=None):
    """A client's frame; `length` is what its header says, when that is not the truth."""
    length = len(payload) if length is None else length
    head = bytes([(0x80 if final else 0) | reserved << 4 | opcode])
    mask_bit = 0x80 if masked else 0
    if length <= 125:
        head += bytes([mask_bit | length])
    elif length <= 0xFFFF:
        head += bytes([mask_bit | 126]) + struct.pack(">H", length)
    else:
        head += bytes([mask_bit | 127]) + struct.pack(">Q", length)
    if not masked:
        return head + payload
    mask = os.urandom(4)
    return head + mask + bytes(byte ^ mask[index & 3] for index, byte in enumerate(payload))


def handshake(path="/mqtt", method="GET", **changes):
    """The bytes of an upgrade; changes name header fields with _ for -, None leaves one out."""
    fields = dict(FIELDS)
    for name, value in changes.items():
        fields[name.replace("_", "-")] = value
    lines = [f"{method} {path} HTTP/1.1"] + [f"{name}: {value}" for name, value in fields.items() if value is not None]
    return "\r\n".join([*lines, "", ""]).encode()


class WebSocketWire(Wire):
    """`send` and `read` carry MQTT; frames as such go by `send_frame` and `read_frame`."""

    def __init__(self, hub, listener="http", upgrade=True, before=b"", **changes):
        super().__init__(hub, listener, before)
        self.payload, self.close_code, self.pongs = b"", None, []
        self.status, self.fields = None, {}
        if upgrade:
            self.raw(handshake(**changes))
            self.read_head()
            assert self.status == 101, self.status

    def raw(self, data):
        super().send(data)
        return self

    def read_head(self):
        """The status and the fields of the answer to the handshake."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = super().read(1)
            assert byte, f"the connection ended within {head!r}"
            head += byte
        lines = head.decode().split("\r\n")
        self.status = int(lines[0].split()[1])
        self.fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        return self.status

    def send(self, data):
        return self.raw(frame(BINARY, data))

    def send_frame(self, opcode, payload=b"", **options):
        return self.raw(frame(opcode, payload, **options))

    def read_frame(self):
        """(opcode, payload) of the next frame, None at the end of the connection."""
        head = super().read(2)
        if len(head) < 2:
            return None
        assert head[0] & 0xF0 == 0x80, "the hub sends whole messages without extensions"
        length = head[1]
        assert length < 0x80, "the hub does not mask"
        if length == 126:
            (length,) = struct.unpack(">H", super().read(2))
            assert length > 125
        elif length == 127:
            (length,) = struct.unpack(">Q", super().read(8))
            assert length > 0xFFFF
        payload = super().read(length)
        assert len(payload) == length
        return head[0] & 0x0F, payload

    def read(self, count):
        """MQTT, out of as many frames as it takes; fewer bytes only at the end."""
        while len(self.payload) < count:
            got = self.read_frame()
            if got is None:
                break
            opcode, payload = got
            if opcode == BINARY:
                self.payload += payload
            elif opcode == PONG:
                self.pongs.append(payload)
            elif opcode == CLOSE:
                (self.close_code,) = struct.unpack(">H", payload[:2])
                break
            else:
                raise AssertionError(f"frame with opcode {opcode}")
        data, self.payload = self.payload[:count], self.payload[count:]
        return data

    def read_close(self):
        """Drops what comes before the close frame, and returns its code; then the hub must end the connection."""
        while self.close_code is None and self.read(1):
            pass
        assert self.close_code is not None, "the connection ended without a close frame"
        assert super().read_to_end() == b""
        return self.close_code
