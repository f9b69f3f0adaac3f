"""The PROXY protocol (haproxy.org, doc/proxy-protocol.txt): its headers, and HAProxy itself."""
import socket
import subprocess

from support.hub import temporary_folder
from support.waiting import eventually

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
PROXY, LOCAL = 0x21, 0x20


def line(source="203.0.113.7", family="TCP4", target="192.0.2.1"):
    """Version 1."""
    return f"PROXY {family} {source} {target} 56324 443\r\n".encode()


def binary(source="203.0.113.7", command=PROXY, extra=b""):
    """Version 2 over TCP, the family as the address has it."""
    family, kind = (socket.AF_INET6, 0x21) if ":" in source else (socket.AF_INET, 0x11)
    address = socket.inet_pton(family, source)
    body = address + address + b"\xdc\x04\x01\xbb" + extra
    return SIGNATURE + bytes([command, kind]) + len(body).to_bytes(2, "big") + body


class HAProxy:
    """A running haproxy that hands TCP connections on to listeners of the hub, with a header of the PROXY protocol."""

    def __init__(self, hub, *listeners, sending="send-proxy-v2"):
        self.folder = temporary_folder()
        self.ports = {listener: free_port() for listener in listeners}
        configuration = ["global", "  maxconn 100", "defaults", "  mode tcp", "  timeout connect 5s",
                         "  timeout client 60s", "  timeout server 60s"]
        for listener, port in self.ports.items():
            configuration += [f"listen {listener}", f"  bind 127.0.0.1:{port}",
                              f"  server hub 127.0.0.1:{hub.ports[listener]} {sending}"]
        file = self.folder / "haproxy.cfg"
        file.write_text("\n".join([*configuration, ""]))
        self.process = subprocess.Popen(["haproxy", "-db", "-f", str(file)])
        for port in self.ports.values():
            eventually(lambda: accepts(port), f"haproxy accepts on {port}")

    def close(self):
        self.process.terminate()
        self.process.wait(15)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False
