"""--proxy-protocol: connections begin with what a proxy says about its client (HAProxy's PROXY protocol, versions 1 and 2)."""
import json
import shutil
import time

import pytest

from conftest import serving
from support import rest
from support.hub import Hub
from support.proxy import LOCAL, SIGNATURE, HAProxy, binary, line
from support.rest import unique_name
from support.wire import CONNACK, Wire, connect

HEADERS = {"v1": line(), "v1-ipv6": line("2001:db8::5", "TCP6", "2001:db8::1"), "v1-unknown": b"PROXY UNKNOWN\r\n",
           "v2": binary(), "v2-ipv6": binary("2001:db8::5"), "v2-tlv": binary(extra=b"\x04\0\x03abc"),
           "v2-local": binary(command=LOCAL), "v2-unspecified": SIGNATURE + b"\x21\0\0\0"}
MALFORMED = {"none": b"", "http": b"GET / HTTP/1.1\r\n\r\n", "v1-lf": line().replace(b"\r\n", b"\n"),
             "v1-family": line("2001:db8::5"), "v1-long": b"PROXY UNKNOWN " + b"x" * 100 + b"\r\n",
             "v2-version": binary(command=0x11), "v2-command": binary(command=0x22),
             "v2-long": binary(extra=b"\x04\x02\0" + b"x" * 512), "v2-short": SIGNATURE + b"\x21\x11\0\x04abcd"}


@pytest.fixture(scope="module")
def proxied_hub():
    """Only https is without a proxy in front of it."""
    yield from serving("--anonymous", "--proxy-protocol", "mqtts,mqtt,http")


@pytest.mark.parametrize("listener", ["mqtt", "mqtts"])
@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_header(proxied_hub, listener, header):
    """Before MQTT, and before TLS."""
    with Wire(proxied_hub, listener, before=header) as wire:
        wire.send(connect()).expect(CONNACK)


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_byte_by_byte(proxied_hub, header):
    with Wire(proxied_hub, "mqtt") as wire:
        for byte in header + connect():
            wire.send(bytes([byte]))
        wire.expect(CONNACK)


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_with_what_follows(proxied_hub, header):
    with Wire(proxied_hub, "mqtt") as wire:
        wire.send(header + connect()).expect(CONNACK)


@pytest.mark.parametrize("header", MALFORMED.values(), ids=MALFORMED)
def test_malformed(proxied_hub, header):
    """Nothing but a header is taken: the connection ends without an answer."""
    with Wire(proxied_hub, "mqtt") as wire:
        wire.send(header + connect())
        assert wire.read_to_end() == b""


def test_unfinished(proxied_hub):
    """Half a header lasts ten seconds (and a tick), and so does none."""
    with Wire(proxied_hub, "mqtt") as silent, Wire(proxied_hub, "mqtt") as half:
        started = time.monotonic()
        half.send(binary()[:20])
        for wire in (silent, half):
            assert wire.read_to_end() == b""
        assert 8 < time.monotonic() - started < 14


@pytest.mark.parametrize("listener", ["mqtt", "http"])
def test_only_where_it_is_switched_on(anonymous_hub, listener):
    """Else anybody could say where he comes from."""
    with Wire(anonymous_hub, listener) as wire:
        wire.send(line() + connect())
        answer = wire.read_to_end()
        assert b" 400 " in answer.split(b"\r\n")[0] if listener == "http" else CONNACK << 4 not in answer[:1]


@pytest.mark.parametrize("header, address", [(line(), "203.0.113.7"), (binary("2001:db8::5"), "2001:db8::5"),
                                             (binary(command=LOCAL), "127.0.0.1")],
                         ids=["v1", "v2", "local"])
def test_address(proxied_hub, header, address):
    """The client's address is the one that the proxy names."""
    body = json.dumps({"username": unique_name("proxied"), "email": f"{unique_name('p')}@example.com",
                       "password": "correct horse battery"})
    with Wire(proxied_hub, "http") as wire:
        wire.send(header + f"POST /signup HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                  f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        tokens = json.loads(wire.read_to_end().partition(b"\r\n\r\n")[2])
    sessions = rest.request(proxied_hub, "GET", "/sessions", token=tokens["access_token"]).expect(200).json["items"]
    assert [session["address"] for session in sessions] == [address]


@pytest.mark.parametrize("sending", ["send-proxy", "send-proxy-v2"])
def test_haproxy(proxied_hub, client, sending):
    """HAProxy itself, before MQTT with and without TLS, and WebSocket."""
    assert shutil.which("haproxy"), "tools/setup.sh test installs it"
    proxy = HAProxy(proxied_hub, "mqtts", "mqtt", "http", sending=sending)
    try:
        topic = unique_name("haproxy")
        ways = [{"tls": True, "port": proxy.ports["mqtts"]}, {"tls": False, "port": proxy.ports["mqtt"]},
                {"websocket": "http", "port": proxy.ports["http"]}]
        clients = [client(proxied_hub, **way) for way in ways]
        for one in clients:
            one.subscribe(topic)
        for number, one in enumerate(clients):
            one.publish(topic, f"from {number}")
            assert [other.next().payload for other in clients] == [b"from %d" % number] * len(clients)
    finally:
        proxy.close()


@pytest.mark.parametrize("value", ["ops", "mqtt,nothing", "all"])
def test_wrong_flag(value):
    hub = Hub("--proxy-protocol", value)
    try:
        with pytest.raises(AssertionError, match="ready"):
            hub.start()
        assert "--proxy-protocol" in hub.log_text()
    finally:
        hub.discard()
