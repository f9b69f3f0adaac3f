"""What a client must not send: the hub closes the connection, in MQTT 5 it says why, and it serves the others."""
import pytest

from conformance import protocol
from conformance.protocol import (AUTH, CONNACK, CONNECT, DISCONNECT, PINGREQ, PINGRESP, PUBACK, PUBCOMP, PUBLISH,
                                  PUBREC, PUBREL, SUBACK, SUBSCRIBE, UNSUBACK, UNSUBSCRIBE, V3, V5, Will)
from support.wire import packet, text, variable_integer

MALFORMED, PROTOCOL, NAME, ALIAS, LARGE = 0x81, 0x82, 0x90, 0x94, 0x95
EITHER = (MALFORMED, PROTOCOL)

# Ill-formed UTF-8, and U+0000 [MQTT-1.5.4-1, MQTT-1.5.4-2].
BAD_STRINGS = {
    "surrogate": b"a\xed\xa0\x80b", "surrogate-pair": b"\xed\xa0\xbd\xed\xb8\x80", "overlong-slash": b"a\xc0\xafb",
    "overlong-nul": b"a\xc0\x80b", "overlong-3": b"\xe0\x80\xaf", "overlong-4": b"\xf0\x80\x80\xaf",
    "above-10ffff": b"\xf4\x90\x80\x80", "five-byte": b"\xf8\x88\x80\x80\x80", "lone-continuation": b"a\x80b",
    "cut": b"a\xe2\x82", "latin-1": b"caf\xe9", "ff": b"\xff\xfe", "nul": b"a\0b"}


def refused(peer, data, codes=()):
    """The hub answers the packet by the end of the connection."""
    peer.send(data)
    peer.ends(*codes)


def lives(join):
    """The hub serves others as before."""
    join(V5).quiet()


def case(name, build, codes, *ids):
    """A packet, the codes of DISCONNECT that fit it, and the ids of the statements that it breaks."""
    return pytest.param(build, codes, id=name, marks=pytest.mark.mqtt(*ids) if ids else ())


def first(name, build, *ids):
    """A first packet, and the ids of the statements that it breaks."""
    return pytest.param(build, id=name, marks=pytest.mark.mqtt(*ids) if ids else ())


# `build` takes the protocol version.
FORBIDDEN = [
    case("second-connect", lambda v: protocol.connect(v, "again"), (PROTOCOL,),
         "MQTT-3.1.0-2", "3.1.1:MQTT-3.1.0-2", "MQTT-4.13.1-1", "MQTT-4.13.2-1", "3.1.1:MQTT-4.8.0-1"),
    case("connack", lambda v: packet(CONNACK, b"\0\0\0"[:2 if v == V3 else 3]), EITHER),
    case("suback", lambda v: packet(SUBACK, b"\0\1" + protocol.properties(v, {}) + b"\0"), EITHER),
    case("unsuback", lambda v: packet(UNSUBACK, b"\0\1" + (b"\0\0" if v == V5 else b"")), EITHER),
    case("pingresp", lambda v: packet(PINGRESP), EITHER),
    case("type-0", lambda v: b"\0\0", EITHER),
    case("publish-qos-3", lambda v: protocol.publish(v, "a", qos=3, identifier=1), (MALFORMED,),
         "MQTT-3.3.1-4", "3.1.1:MQTT-3.3.1-4"),
    case("publish-plus", lambda v: protocol.publish(v, "a/+"), (*EITHER, NAME),
         "MQTT-3.3.2-2", "MQTT-4.7.0-1", "3.1.1:MQTT-3.3.2-2", "3.1.1:MQTT-4.7.1-1"),
    case("publish-number-sign", lambda v: protocol.publish(v, "#"), (*EITHER, NAME)),
    case("publish-empty-topic", lambda v: protocol.publish(v, ""), (*EITHER, NAME),
         "MQTT-4.7.3-1", "3.1.1:MQTT-4.7.3-1"),
    case("publish-without-topic", lambda v: packet(PUBLISH), EITHER, "MQTT-3.3.2-1", "3.1.1:MQTT-3.3.2-1"),
    case("publish-id-0", lambda v: protocol.publish(v, "a", qos=1, identifier=0), EITHER,
         "MQTT-2.2.1-3", "3.1.1:MQTT-2.3.1-1"),
    case("publish-qos-2-id-0", lambda v: protocol.publish(v, "a", qos=2, identifier=0), EITHER),
    case("publish-without-id", lambda v: packet(PUBLISH, text("a"), flags=2), (MALFORMED,)),
    case("publish-topic-beyond", lambda v: packet(PUBLISH, b"\0\x09abc"), (MALFORMED,)),
    case("subscribe-flags", lambda v: packet(SUBSCRIBE, protocol.subscribe(v, 1, [("a", 0)])[2:]), (MALFORMED,),
         "MQTT-3.8.1-1", "3.1.1:MQTT-3.8.1-1", "3.1.1:MQTT-2.2.2-2"),
    case("subscribe-nothing", lambda v: protocol.subscribe(v, 1, []), EITHER, "MQTT-3.8.3-2", "3.1.1:MQTT-3.8.3-3"),
    case("subscribe-without-options", lambda v: protocol.subscribe(v, 1, [("a", 0)])[:1]
         + bytes([len(protocol.subscribe(v, 1, [("a", 0)])) - 3]) + protocol.subscribe(v, 1, [("a", 0)])[2:-1], EITHER),
    case("subscribe-qos-3", lambda v: protocol.subscribe(v, 1, [("a", 3)]), EITHER, "3.1.1:MQTT-3-8.3-4"),
    case("subscribe-reserved-bit-6", lambda v: protocol.subscribe(v, 1, [("a", 0x40)]), EITHER,
         "MQTT-3.8.3-5", "3.1.1:MQTT-3-8.3-4"),
    case("subscribe-reserved-bit-7", lambda v: protocol.subscribe(v, 1, [("a", 0x80)]), EITHER),
    case("subscribe-id-0", lambda v: protocol.subscribe(v, 0, [("a", 0)]), EITHER),
    case("subscribe-nul", lambda v: protocol.subscribe(v, 1, [("a\0b", 0)]), (MALFORMED,),
         "MQTT-4.7.3-2", "3.1.1:MQTT-4.7.3-2"),
    case("unsubscribe-flags", lambda v: packet(UNSUBSCRIBE, protocol.unsubscribe(v, 1, ["a"])[2:]), (MALFORMED,),
         "MQTT-3.10.1-1", "3.1.1:MQTT-3.10.1-1"),
    case("unsubscribe-nothing", lambda v: protocol.unsubscribe(v, 1, []), EITHER,
         "MQTT-3.10.3-2", "3.1.1:MQTT-3.10.3-2"),
    case("unsubscribe-id-0", lambda v: protocol.unsubscribe(v, 0, ["a"]), EITHER),
    case("unsubscribe-nul", lambda v: protocol.unsubscribe(v, 1, ["a\0b"]), (MALFORMED,)),
    case("pubrel-flags", lambda v: packet(PUBREL, b"\0\1"), (MALFORMED,), "MQTT-3.6.1-1", "3.1.1:MQTT-3.6.1-1"),
    case("puback-flags", lambda v: packet(PUBACK, b"\0\1", flags=2), (MALFORMED,),
         "MQTT-2.1.3-1", "3.1.1:MQTT-2.2.2-1", "3.1.1:MQTT-2.2.2-2"),
    case("pubrec-flags", lambda v: packet(PUBREC, b"\0\1", flags=1), (MALFORMED,)),
    case("pubcomp-flags", lambda v: packet(PUBCOMP, b"\0\1", flags=8), (MALFORMED,)),
    case("puback-cut", lambda v: packet(PUBACK, b"\0"), (MALFORMED,)),
    case("puback-empty", lambda v: packet(PUBACK), (MALFORMED,)),
    case("ping-flags", lambda v: packet(PINGREQ, flags=1), (MALFORMED,)),
    case("ping-with-body", lambda v: packet(PINGREQ, b"x"), (MALFORMED,)),
    case("disconnect-flags", lambda v: packet(DISCONNECT, flags=1), (MALFORMED,),
         "MQTT-3.14.1-1", "3.1.1:MQTT-3.14.1-1"),
    case("remaining-length-of-5-bytes", lambda v: b"\x30\xff\xff\xff\xff\x01", (MALFORMED,)),
]
# MQTT 5 alone.
TWICE = {"payload_format": 1, "message_expiry": 5, "content_type": "a", "response_topic": "a", "correlation_data": b"a",
         "topic_alias": 1}
FORBIDDEN_IN_5 = [
    case("auth-without-method", protocol.auth(0x19), (PROTOCOL,), "MQTT-4.12.0-7"),
    case("auth-flags", packet(AUTH, flags=1), EITHER, "MQTT-3.15.1-1"),
    case("type-15-with-rubbish", packet(AUTH, b"\x19\x05"), EITHER),
    case("alias-0", protocol.publish(V5, "a", topic_alias=0), (ALIAS,), "MQTT-3.3.2-8"),
    case("alias-17", protocol.publish(V5, "a", topic_alias=17), (ALIAS,), "MQTT-3.3.2-9"),
    case("alias-65535", protocol.publish(V5, "a", topic_alias=0xFFFF), (ALIAS,)),
    case("alias-unknown", protocol.publish(V5, "", topic_alias=5), (PROTOCOL, ALIAS)),
    case("subscription-identifier-in-publish", protocol.publish(V5, "a", subscription_identifier=1), EITHER,
         "MQTT-3.3.4-6"),
    case("response-topic-with-wildcard", protocol.publish(V5, "a", response_topic="a/#"), (*EITHER, NAME),
         "MQTT-3.3.2-14"),
    case("payload-format-2", protocol.publish(V5, "a", payload_format=2), EITHER),
    *[case(f"{name}-twice", protocol.publish(V5, "a", **{name: [value, value]}), EITHER)
      for name, value in TWICE.items()],
    case("property-of-another-packet", protocol.publish(V5, "a", session_expiry=5), EITHER),
    case("property-unknown", protocol.publish(V5, "a", raw=b"\x7f\0"), (MALFORMED,)),
    case("property-cut", protocol.publish(V5, "a", raw=b"\x02\0\0"), (MALFORMED,)),
    case("properties-beyond-the-packet", packet(PUBLISH, text("a") + b"\x05\x01"), (MALFORMED,)),
    case("publish-without-properties", packet(PUBLISH, text("a")), (MALFORMED,), "MQTT-2.2.2-1"),
    case("remaining-length-not-shortest", b"\xc0\x80\x00", (MALFORMED,), "MQTT-1.5.5-1"),
    case("property-length-not-shortest", packet(PUBLISH, text("a") + b"\x80\0"), (MALFORMED,), "MQTT-1.5.5-1"),
    case("property-length-of-5-bytes", packet(PUBLISH, text("a") + b"\x80\x80\x80\x80\x01"), (MALFORMED,)),
    case("subscription-identifier-0", protocol.subscribe(V5, 1, [("a", 0)], subscription_identifier=0), EITHER),
    case("subscription-identifier-of-5-bytes",
         protocol.subscribe(V5, 1, [("a", 0)], raw=b"\x0b\xff\xff\xff\xff\x01"), (MALFORMED,)),
    case("subscription-identifier-twice",
         protocol.subscribe(V5, 1, [("a", 0)], subscription_identifier=[1, 2]), EITHER),
    case("retain-handling-3", protocol.subscribe(V5, 1, [("a", 0x30)]), EITHER),
    case("no-local-on-shared", protocol.subscribe(V5, 1, [("$share/g/a", 4)]), (PROTOCOL,), "MQTT-3.8.3-4"),
    case("puback-properties-beyond", packet(PUBACK, b"\0\1\0\x05"), (MALFORMED,)),
    case("disconnect-properties-beyond", packet(DISCONNECT, b"\0\x05"), (MALFORMED,)),
    case("disconnect-raises-expiry-from-0", protocol.disconnect(V5, session_expiry=5), (PROTOCOL,)),
    case("disconnect-expiry-twice", protocol.disconnect(V5, session_expiry=[0, 0]), EITHER),
    case("above-1-MiB", protocol.publish(V5, "a", bytes(1 << 20)), (LARGE,), "MQTT-3.2.2-15"),
]


@pytest.mark.parametrize("build, codes", FORBIDDEN)
def test_forbidden_packets(join, version, build, codes):
    refused(join(version), build(version), codes)
    lives(join)


@pytest.mark.parametrize("data, codes", FORBIDDEN_IN_5)
def test_forbidden_packets_in_5(join, data, codes):
    refused(join(V5), data, codes)
    lives(join)


@pytest.mark.parametrize("bits", range(0x04, 0x100, 0x1C))
def test_reserved_bits_of_the_old_options_byte(join, bits):
    """3.1.1 has only the QoS in it."""
    refused(join(V3), protocol.subscribe(V3, 1, [("a", bits)]))


STRINGS = {
    "topic": ("MQTT-3.3.2-1", lambda v, bad: protocol.publish(v, bad)),
    "filter": ("MQTT-3.8.3-1", lambda v, bad: protocol.subscribe(v, 1, [(bad, 0)])),
    "unsubscribe": ("MQTT-3.10.3-1", lambda v, bad: protocol.unsubscribe(v, 1, [bad])),
    "response-topic": ("MQTT-3.3.2-13", lambda v, bad: protocol.publish(v, "a", response_topic=bad)),
    "content-type": ("MQTT-3.3.2-19", lambda v, bad: protocol.publish(v, "a", content_type=bad)),
    "user-property-name": ("MQTT-1.5.7-1", lambda v, bad: protocol.publish(v, "a", user_property=(bad, "x"))),
    "user-property-value": ("MQTT-1.5.7-1", lambda v, bad: protocol.publish(v, "a", user_property=("x", bad)))}
IN_BOTH = ["topic", "filter", "unsubscribe"]


@pytest.mark.mqtt("MQTT-1.5.4-1", "MQTT-1.5.4-2", "MQTT-1.5.7-1", "MQTT-3.3.2-1", "MQTT-3.8.3-1", "MQTT-3.10.3-1",
                  "MQTT-3.3.2-13", "MQTT-3.3.2-19", "3.1.1:MQTT-1.5.3-1", "3.1.1:MQTT-1.5.3-2", "3.1.1:MQTT-3.3.2-1",
                  "3.1.1:MQTT-3.8.3-1", "3.1.1:MQTT-3.10.3-1")
@pytest.mark.parametrize("version, field", [(V5, field) for field in STRINGS] + [(V3, field) for field in IN_BOTH])
def test_ill_formed_strings(join, version, field):
    """Every kind of ill-formed UTF-8, in every string that a client can send."""
    for bad in BAD_STRINGS.values():
        refused(join(version), STRINGS[field][1](version, bad), (MALFORMED, NAME))
    lives(join)


def cut_short(version, **options):
    """A CONNECT whose last field is missing, though its flag is set."""
    whole = protocol.connect(version, "c", **options)
    last = options.get("password") or options["user"]
    return packet(CONNECT, whole[2:len(whole) - 2 - len(last)])


def with_will(version, topic="a", payload=b"x", **properties):
    return protocol.connect(version, "c", will=Will(topic, payload, **properties))


# The first packet of a connection.
FIRST = [
    first("publish", lambda v: protocol.publish(v, "a"), "MQTT-3.1.0-1", "3.1.1:MQTT-3.1.0-1"),
    first("ping", lambda v: protocol.PING),
    first("auth", lambda v: protocol.auth(0x18)),
    first("http", lambda v: b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
    first("zeros", lambda v: bytes(64)),
    first("length-of-5-bytes", lambda v: b"\x10\xff\xff\xff\xff\x01"),
    first("huge-length", lambda v: b"\x10\xff\xff\xff\x7f" + b"x" * 100),
    first("empty", lambda v: packet(CONNECT)),
    first("fixed-header-flags", lambda v: b"\x11" + protocol.connect(v, "c")[1:]),
    first("reserved-flag", lambda v: protocol.connect(v, "c", flags=0x03), "MQTT-3.1.2-3", "3.1.1:MQTT-3.1.2-3"),
    first("will-qos-without-will", lambda v: protocol.connect(v, "c", flags=0x0A),
         "MQTT-3.1.2-11", "3.1.1:MQTT-3.1.2-11", "3.1.1:MQTT-3.1.2-13"),
    first("will-retain-without-will", lambda v: protocol.connect(v, "c", flags=0x22),
         "MQTT-3.1.2-13", "3.1.1:MQTT-3.1.2-11", "3.1.1:MQTT-3.1.2-15"),
    first("will-qos-3", lambda v: protocol.connect(v, "c", flags=0x1E, will=Will("a")),
         "MQTT-3.1.2-12", "3.1.1:MQTT-3.1.2-14"),
    first("will-missing", lambda v: protocol.connect(v, "c", flags=0x06), "MQTT-3.1.2-9", "3.1.1:MQTT-3.1.2-9"),
    first("will-without-payload", lambda v: packet(CONNECT, with_will(v, payload=b"")[2:-2])),
    first("will-topic-nul", lambda v: with_will(v, topic="a\0"), "MQTT-3.1.3-11", "3.1.1:MQTT-3.1.3-10"),
    first("will-topic-ill-formed", lambda v: with_will(v, topic=b"\xed\xa0\x80")),
    first("user-without-flag", lambda v: packet(CONNECT, protocol.connect(v, "c")[2:] + text("user")),
         "MQTT-3.1.2-16", "3.1.1:MQTT-3.1.2-18"),
    first("user-missing", lambda v: cut_short(v, user="user"), "MQTT-3.1.2-17", "3.1.1:MQTT-3.1.2-19"),
    first("password-without-flag", lambda v: packet(CONNECT, protocol.connect(v, "c", user="u")[2:] + text("secret")),
         "MQTT-3.1.2-18", "3.1.1:MQTT-3.1.2-20"),
    first("password-missing", lambda v: cut_short(v, user="u", password="secret"),
         "MQTT-3.1.2-19", "3.1.1:MQTT-3.1.2-21"),
    first("user-nul", lambda v: protocol.connect(v, "c", user="a\0b"), "MQTT-3.1.3-12", "3.1.1:MQTT-3.1.3-11"),
    first("client-id-missing", lambda v: packet(CONNECT, protocol.connect(v, "")[2:-2]),
         "MQTT-3.1.3-3", "3.1.1:MQTT-3.1.3-3"),
    first("client-id-cut", lambda v: packet(CONNECT, protocol.connect(v, "client")[2:-1])),
    first("client-id-nul", lambda v: protocol.connect(v, "a\0b")),
    first("client-id-ill-formed", lambda v: protocol.connect(v, b"\xff\xfe"), "MQTT-3.1.3-4", "3.1.1:MQTT-3.1.3-4"),
    first("bytes-left-over", lambda v: packet(CONNECT, protocol.connect(v, "c")[2:] + b"x"), "MQTT-3.1.4-1"),
]
FIRST_IN_5 = [
    *[first(f"{name}-twice", protocol.connect(V5, "c", **{name: [value, value]})) for name, value in {
        "session_expiry": 1, "receive_maximum": 1, "maximum_packet_size": 100, "topic_alias_maximum": 1,
        "request_response_information": 0, "request_problem_information": 0, "authentication_method": "JWT"}.items()],
    first("receive-maximum-0", protocol.connect(V5, "c", receive_maximum=0)),
    first("maximum-packet-size-0", protocol.connect(V5, "c", maximum_packet_size=0)),
    first("request-problem-information-2", protocol.connect(V5, "c", request_problem_information=2)),
    first("request-response-information-2", protocol.connect(V5, "c", request_response_information=2)),
    first("authentication-data-without-method", protocol.connect(V5, "c", authentication_data=b"x")),
    first("property-of-another-packet", protocol.connect(V5, "c", topic_alias=1)),
    first("property-unknown", protocol.connect(V5, "c", raw=b"\x7f\0")),
    first("property-length-not-shortest", packet(CONNECT, text("MQTT") + b"\5\2\0\x3c\x80\0" + text("c"))),
    first("properties-beyond-the-packet", packet(CONNECT, text("MQTT") + b"\5\2\0\x3c\x7f\0\0")),
    first("will-delay-twice", with_will(V5, will_delay=[1, 1])),
    first("will-property-of-connect", with_will(V5, session_expiry=1)),
    first("will-payload-format-2", with_will(V5, payload_format=2)),
    first("will-response-topic-ill-formed", with_will(V5, response_topic=b"\xff")),
    first("will-properties-beyond-the-packet",
         packet(CONNECT, text("MQTT") + b"\5\6\0\x3c\0" + text("c") + variable_integer(99) + text("a") + text("b"))),
]


def turned_away(peer, data, silent):
    """Closed; a CONNACK before that may only refuse, and says nothing in 3.1.1 [3.1.1:MQTT-3.1.4-1]."""
    peer.send(data)
    answer = peer.wire.read_to_end()
    if answer:
        assert not silent, f"{answer!r} for a malformed CONNECT"
        assert answer[0] == CONNACK << 4 and answer[2] == 0 and answer[3] >= 0x80, answer
        assert len(answer) == 2 + answer[1], f"more than a CONNACK: {answer!r}"


@pytest.mark.mqtt("MQTT-3.1.4-1", "3.1.1:MQTT-3.1.4-1", "3.1.1:MQTT-3.2.2-6", "MQTT-3.14.0-1")
@pytest.mark.parametrize("build", FIRST)
def test_malformed_first_packets(dial, join, version, build):
    """Nothing but a refusing CONNACK comes before the close, in particular no DISCONNECT."""
    turned_away(dial(version), build(version), silent=version == V3)
    lives(join)


@pytest.mark.mqtt("MQTT-3.1.4-1")
@pytest.mark.parametrize("data", FIRST_IN_5)
def test_malformed_first_packets_in_5(dial, join, data):
    turned_away(dial(V5), data, silent=False)
    lives(join)


@pytest.mark.mqtt("3.1.1:MQTT-3.1.2-22")
def test_a_password_needs_a_user_name_in_3(dial):
    turned_away(dial(V3), protocol.connect(V3, "c", password="secret"), silent=True)


def unknown_version(peer, data):
    """CONNACK 1 in the form of 3.1.1, or 0x84 in that of 5.0, and the close. Returns whether there was a CONNACK."""
    answer = peer.send(data).wire.read_to_end()
    assert not answer or (answer[0] == CONNACK << 4 and answer[2] == 0 and answer[3] in (1, 0x84)), answer
    return bool(answer)


@pytest.mark.mqtt("MQTT-3.1.2-2", "3.1.1:MQTT-3.1.2-2")
@pytest.mark.parametrize("level", [0, 2, 6, 0x7F, 0xFF])
def test_unknown_protocol_levels(dial, level):
    assert unknown_version(dial(), protocol.connect(V5, "c", level=level)), "closed without CONNACK"


@pytest.mark.mqtt("MQTT-3.1.2-1", "3.1.1:MQTT-3.1.2-1")
@pytest.mark.parametrize("name", ["MQTX", "mqtt", "MQTT ", "", "MQIsdp", b"MQ\xff"])
def test_unknown_protocol_names(dial, version, name):
    unknown_version(dial(), protocol.connect(version, "c", name=name))
