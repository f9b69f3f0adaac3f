"""Topic names and filters: what they may be, and which of them match."""
import pytest

from conformance.protocol import SUBACK, UNSUBACK, V3, V5, subscribe, unsubscribe

# 4.7: under a first level of the test's own, so that tests don't meet. (filter, names that it matches, names that not)
MATCHES = [
    ("/sport/tennis/player1/#",
     ["/sport/tennis/player1", "/sport/tennis/player1/ranking", "/sport/tennis/player1/score/wimbledon",
      "/sport/tennis/player1/"], ["/sport/tennis/player2", "/sport/tennis", "/sport/tennis/player10"]),
    ("/#", ["", "/", "//", "/a", "/a/b/c/d/e/f", "/$SYS", "/ "], ["x"]),
    ("/sport/tennis/+", ["/sport/tennis/player1", "/sport/tennis/player2", "/sport/tennis/"],
     ["/sport/tennis/player1/ranking", "/sport/tennis", "/sport/tennis/a/"]),
    ("/sport/+", ["/sport/", "/sport/a", "/sport/+x".replace("+", "")], ["/sport", "/sport/a/b", "/sport//"]),
    ("/+", ["/", "/finance", "/$x"], ["", "//", "/finance/x", "/finance/"]),
    ("/+/+", ["//", "/a/", "//b", "/a/b"], ["/", "/a", "///"]),
    ("/+/tennis/#", ["/sport/tennis", "/sport/tennis/a/b", "//tennis"], ["/tennis", "/a/b/tennis", "/sport/tennisx"]),
    ("/+/+/#", ["//", "/a/b", "/a/b/c", "/a//c/d"], ["/a", "/", ""]),
    ("/a/+/c/+/#", ["/a/b/c/d", "/a//c/", "/a/b/c/d/e"], ["/a/b/c", "/a/b/d/c", "/a/c/d"]),
    ("/Accounts payable", ["/Accounts payable"], ["/accounts payable", "/Accounts  payable", "/Accounts payable/"]),
    ("/a", ["/a"], ["/A", "/a/", "//a", "/aa", "", "/", "/a "]),
    ("/a/", ["/a/"], ["/a", "/a//", "/a/b"]),
    ("//", ["//"], ["/", "///", "/a/"]),
    ("/ / ", ["/ / "], ["/  / ", "/ /", "/ /  "]),
    ("/é", ["/é"], ["/e\u0301", "/É", "/e"]),
    ("/\ufeffa", ["/\ufeffa"], ["/a", "/a\ufeff"]),
    ("/ß/+", ["/ß/🙂"], ["/ss/🙂", "/ẞ/x"]),
    ("/a/$SYS/+", ["/a/$SYS/b"], ["/a/SYS/b"]),
    ("/%2B/*/?", ["/%2B/*/?"], ["/+/x/y".replace("+", "_"), "/%2b/*/?"]),
]


@pytest.mark.mqtt("MQTT-3.3.2-3", "MQTT-4.7.3-4", "MQTT-4.7.1-1", "MQTT-4.7.1-2", "3.1.1:MQTT-3.3.2-3",
                  "3.1.1:MQTT-4.7.3-4", "3.1.1:MQTT-4.7.1-2", "3.1.1:MQTT-4.7.1-3", "3.1.1:MQTT-3.8.3-2")
@pytest.mark.parametrize("suffix, matching, others", MATCHES, ids=[repr(one[0]) for one in MATCHES])
def test_matching(join, version, topic, suffix, matching, others):
    peer = join(version)
    peer.subscribe(topic + suffix)
    for name in others:
        peer.publish(topic + name, b"not this")
    for name in matching:
        peer.publish(topic + name, b"this")
    assert [one.topic for one in peer.messages(len(matching), payload=b"this")] == [topic + name for name in matching]
    peer.quiet()
    peer.unsubscribe(topic + suffix)


LEADING = [("#", ["{}", "{}/a", "/{}", "{}/$a"]), ("+", ["{}"]), ("+/a", ["{}/a", "/a"]), ("/+", ["/{}"]),
           ("+/+", ["{}/a", "/{}", "{}/"]), ("+/#", ["{}", "{}/a/b", "/{}"]), ("/#", ["/{}", "/{}/a"])]


@pytest.mark.mqtt("MQTT-4.7.2-1", "3.1.1:MQTT-4.7.2-1")
@pytest.mark.parametrize("leading, matching", LEADING, ids=[one[0] for one in LEADING])
def test_wildcards_at_the_beginning(join, version, topic, leading, matching):
    """They match what begins with a slash, and never what begins with $. Messages of others are not minded."""
    peer, sender = join(version), join(version)
    peer.subscribe(leading)
    for name in ("$SYS/x", "$" + topic, "$" + topic + "/a", "$/" + topic):
        sender.publish(name, topic.encode(), qos=1, expect=0x87 if version == V5 else None)
    for name in matching:
        sender.publish(name.format(topic), topic.encode(), qos=1)
    found = []
    while len(found) < len(matching):
        one = peer.message()
        assert not one.topic.startswith("$"), one
        found += [one.topic] if one.payload == topic.encode() else []
    assert found == [name.format(topic) for name in matching]


BAD_FILTERS = ["", "a/#/b", "#/", "##", "a#", "a/b#", "#a", "a/#b", "a+", "+a", "a/+b", "a/b+/c", "++", "+/a+", "/#/",
               "a/#/#"]


@pytest.mark.mqtt("MQTT-4.7.1-1", "MQTT-4.7.1-2", "MQTT-4.7.3-1", "MQTT-3.9.3-2", "MQTT-3.11.3-2")
def test_malformed_filters(join, topic):
    """0x8F for each of them, in SUBACK as in UNSUBACK; good ones beside them are granted."""
    peer = join(V5)
    for bad in BAD_FILTERS:
        peer.subscribe(bad, topic, expect=[0x8F, 0])
        peer.unsubscribe(topic, bad, expect=[0, 0x8F])
    peer.quiet()


@pytest.mark.mqtt("3.1.1:MQTT-4.7.1-2", "3.1.1:MQTT-4.7.1-3", "3.1.1:MQTT-4.7.3-1", "3.1.1:MQTT-4.8.0-1")
@pytest.mark.parametrize("build", [lambda bad: subscribe(V3, 1, [(bad, 0)]), lambda bad: unsubscribe(V3, 1, [bad])],
                         ids=["subscribe", "unsubscribe"])
def test_malformed_filters_in_3(join, build):
    """They are a protocol violation there, which ends the connection."""
    for bad in BAD_FILTERS:
        join(V3).send(build(bad)).ends()


@pytest.mark.mqtt("MQTT-4.7.3-3", "3.1.1:MQTT-4.7.3-3")
def test_the_longest_topic(join, version):
    """65,535 bytes, as a name and as a filter; more can't be written."""
    peer = join(version)
    name = "x" * 0xFFFF
    peer.subscribe(name, qos=1)
    peer.publish(name, b"far", qos=1)
    peer.message(name, b"far")
    peer.unsubscribe(name)
    peer.publish(name, b"far", qos=1)
    peer.quiet()


@pytest.mark.mqtt("MQTT-3.9.3-2", "3.1.1:MQTT-3.9.3-2")
@pytest.mark.parametrize("name", ["$SYS", "$SYS/#", "$SYS/broker/uptime", "$SYS/+/+"])
def test_filters_that_are_refused(join, version, name):
    """A client without the right to it, and the connection lives."""
    peer = join(version)
    peer.subscribe(name, expect=[0x87 if version == V5 else 0x80])
    peer.unsubscribe(name, expect=[0x11])
    peer.quiet()


def test_one_answer_for_many_filters(join, topic):
    """A SUBSCRIBE and an UNSUBSCRIBE with 900 filters, most of them bad."""
    peer = join(V5)
    entries = [("a/#/b" if index % 4 else f"{topic}/{index}", 0) for index in range(900)]
    expected = [0x8F if index % 4 else 0 for index in range(900)]
    assert peer.send(subscribe(V5, 1, entries)).expect(SUBACK).codes == expected
    assert peer.send(unsubscribe(V5, 2, [name for name, _ in entries])).expect(UNSUBACK).codes == expected
    peer.quiet()
