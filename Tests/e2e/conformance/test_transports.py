"""The same conversation over every transport, and what is WebSocket's own."""
import pytest

from conformance.protocol import (CONNACK, PING, PINGRESP, PUBLISH, SUBACK, V3, V5, connect, disconnect, publish,
                                  subscribe)
from support.rest import unique_name
from support.websocket import CONTINUATION, TEXT, WebSocketWire, frame, handshake


@pytest.mark.mqtt("MQTT-4.2.0-1", "3.1.1:MQTT-7.1.1-1", "3.1.1:MQTT-7.0.0-2")
def test_a_conversation(join, version, transport, topic):
    """All packets of a session, small and large, in both directions."""
    peer, other = join(version, transport, client_id=topic), join(version)
    for qos in range(3):
        peer.subscribe(topic, qos=qos)
        for payload in (b"", b"x" * 100, bytes(300_000)):
            other.publish(topic, payload, qos=qos)
            peer.message(topic, payload, qos=qos)
            peer.publish(topic, payload, qos=qos)
            peer.message(topic, payload, qos=qos)
    peer.unsubscribe(topic)
    peer.quiet()
    newer = join(version, transport, client_id=topic)
    peer.ends(0x8E)
    newer.send(publish(version, "a/#"))
    newer.ends(0x81, 0x82, 0x90)


@pytest.mark.mqtt("MQTT-4.2.0-1", "3.1.1:MQTT-7.1.1-1", "MQTT-6.0.0-2", "3.1.1:MQTT-6.0.0-2")
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_bytes_come_in_pieces_of_any_size(dial, version, transport, topic, size):
    """Packets are where they are, not where segments, records or frames begin."""
    peer = dial(version, transport)
    data = (connect(version, topic) + subscribe(version, 1, [(topic, 0)]) + publish(version, topic, b"x" * 200)
            + PING + publish(version, topic, b"y" * 20))
    for start in range(0, len(data), size):
        peer.send(data[start:start + size])
    kinds = sorted(peer.next().kind for _ in range(5))
    assert kinds == [CONNACK, PUBLISH, PUBLISH, SUBACK, PINGRESP]
    assert peer.send(disconnect(version)).next() is None


@pytest.mark.mqtt("MQTT-6.0.0-2", "3.1.1:MQTT-6.0.0-2")
def test_a_fragmented_websocket_message(anonymous_hub, topic):
    """Fragments and control frames between them: the packets are those of all the fragments."""
    with WebSocketWire(anonymous_hub) as wire:
        data = connect(V3, topic) + PING
        wire.raw(frame(2, data[:5], final=False) + frame(9, b"?") + frame(CONTINUATION, data[5:11], final=False)
                 + frame(CONTINUATION, b"", final=False) + frame(CONTINUATION, data[11:]))
        wire.expect(CONNACK)
        wire.expect(PINGRESP)
        assert wire.pongs == [b"?"]


@pytest.mark.mqtt("MQTT-6.0.0-1", "3.1.1:MQTT-6.0.0-1")
@pytest.mark.parametrize("after", [b"", connect(V5, "")])
def test_text_frames_end_the_connection(anonymous_hub, after):
    """Before CONNECT and after it, though the bytes would be a good packet."""
    with WebSocketWire(anonymous_hub) as wire:
        if after:
            wire.send(after).expect(CONNACK)
        wire.send_frame(TEXT, PING)
        wire.read_close()


@pytest.mark.mqtt("MQTT-6.0.0-4", "3.1.1:MQTT-6.0.0-4")
@pytest.mark.parametrize("offered", ["mqtt", "mqttv3.1, mqtt", "chat,mqtt", "mqtt, mqtt"])
def test_the_subprotocol_is_mqtt(anonymous_hub, offered):
    with WebSocketWire(anonymous_hub, Sec_WebSocket_Protocol=offered) as wire:
        assert wire.fields["sec-websocket-protocol"] == "mqtt"
        wire.send(connect(V5, unique_name())).expect(CONNACK)


@pytest.mark.mqtt("MQTT-6.0.0-3", "3.1.1:MQTT-6.0.0-3")
@pytest.mark.parametrize("offered", [None, "chat", "MQTT", "mqttv3.1"])
def test_who_does_not_offer_mqtt_gets_no_other(anonymous_hub, offered):
    """The upgrade is refused, or made without a subprotocol."""
    with WebSocketWire(anonymous_hub, upgrade=False) as wire:
        wire.raw(handshake(Sec_WebSocket_Protocol=offered)).read_head()
        assert wire.status >= 400 or "sec-websocket-protocol" not in wire.fields, wire.fields
