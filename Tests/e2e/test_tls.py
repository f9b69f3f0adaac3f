"""TLS as clients with little memory ask for it: in records of 512 to 4,096 bytes (RFC 6066 §4)."""
import os
import subprocess

import pytest

from support import wire

VERSIONS = pytest.mark.parametrize("version", ["tls1_2", "tls1_3"])
FRAGMENTS = pytest.mark.parametrize("fragment", [512, 4096])


def converse(hub, listener, version, fragment, sent):
    """Everything that the hub answers until it closes."""
    return subprocess.run(
        ["openssl", "s_client", "-quiet", f"-{version}", "-maxfraglen", str(fragment), "-connect",
         f"127.0.0.1:{hub.ports[listener]}"],
        input=sent, capture_output=True, timeout=30).stdout


@VERSIONS
@FRAGMENTS
def test_https_in_small_records(anonymous_hub, version, fragment):
    request = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    head, _, body = converse(anonymous_hub, "https", version, fragment, request).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert len(body) > 100_000 and body.startswith(b"{") and body.endswith(b"}")


@VERSIONS
@FRAGMENTS
def test_mqtt_in_small_records(anonymous_hub, version, fragment):
    payload = os.urandom(50_000)
    sent = (wire.connect(client_id=f"{version}-{fragment}") + wire.subscribe(f"tls/{version}/{fragment}")
            + wire.publish(f"tls/{version}/{fragment}", payload) + wire.disconnect())
    assert payload in converse(anonymous_hub, "mqtts", version, fragment, sent)
