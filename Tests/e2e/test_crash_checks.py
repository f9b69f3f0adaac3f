"""The crash test's checks are worth something only if they can fail: each case doctors what was observed."""
from array import array

import pytest

from crash import messages
from crash.checks import check_numbering, check_retained, check_stream, check_witnesses
from crash.ledger import Stream
from crash.outbox import Flight, Outbox
from crash.packets import PUBACK, PUBCOMP, PUBREC, PUBREL, acknowledge
from crash.readings import PlainReading, StoredReading

TOPIC = "group/7301"


def stream(sent=5, acknowledged=(1, 2, 3, 4, 5), refused=(), given_up=(), attempts=None, receipts=None, settled=0):
    made = Stream("pub", TOPIC, "5100")
    made.sent, made.settled = sent, settled
    made.refused, made.given_up = set(refused), set(given_up)
    made.attempts = [(number, 1) for number in range(1, sent + 1)] if attempts is None else attempts
    for number in acknowledged:
        made.note_acknowledged(number, *(receipts or {}).get(number, ()))
    return made


def log(*numbers):
    """The messages with these numbers, at seq 10, 11, …"""
    return [(number, 10 + index, f"id{number}") for index, number in enumerate(numbers)]


# Connection 1 is cut before 2 and 3 are acknowledged, which are sent again on connection 2.
AGAIN = [(1, 1), (2, 1), (3, 1), (2, 2), (3, 2), (4, 2), (5, 2)]
# 2 is refused, and sent again after 3.
REFUSED = [(1, 1), (2, 1), (3, 1), (2, 1), (4, 1), (5, 1)]

GOOD_STREAMS = [
    ("all there", stream(), log(1, 2, 3, 4, 5)),
    ("receipts agree", stream(receipts={2: (11, "id2")}), log(1, 2, 3, 4, 5)),
    ("sent again after a reconnect", stream(attempts=AGAIN), log(1, 2, 3, 4, 5)),
    ("a prefix of a careless connection", stream(acknowledged=(1,), given_up=(2, 3, 4, 5)), log(1, 2, 3)),
    ("a prefix of each careless connection", stream(
        acknowledged=(1, 4), given_up=(2, 3, 5), attempts=[(1, 1), (2, 1), (3, 1), (4, 2), (5, 2)]), log(1, 2, 4)),
    ("a refused one comes later", stream(refused=(2,), attempts=REFUSED), log(1, 3, 2, 4, 5)),
    ("a refused one is stored", stream(acknowledged=(1, 3, 4, 5), refused=(2,), given_up=(2,)), log(1, 2, 3, 4, 5)),
    ("a refused one is not stored", stream(acknowledged=(1, 3, 4, 5), refused=(2,), given_up=(2,)), log(1, 3, 4, 5)),
]

BAD_STREAMS = [
    ("is lost", stream(), log(1, 2, 4, 5)),
    ("is lost", stream(), log(1, 2, 3, 4)),
    ("is stored twice", stream(), log(1, 2, 3, 2, 4, 5)),
    ("though its round was over", stream(settled=2, acknowledged=(3, 4, 5)), log(3, 4, 2, 5)),
    ("was never sent", stream(), log(1, 2, 3, 4, 5, 6)),
    ("was acknowledged as", stream(receipts={2: (12, "id2")}), log(1, 2, 3, 4, 5)),
    ("was acknowledged as", stream(receipts={2: (11, "id9")}), log(1, 2, 3, 4, 5)),
    ("is stored behind 3", stream(), log(1, 3, 2, 4, 5)),
    ("is stored behind 3", stream(attempts=AGAIN), log(1, 3, 2, 4, 5)),
    ("in no order in which it was sent", stream(refused=(2,)), log(1, 3, 2, 4, 5)),
    ("before it is not", stream(acknowledged=(1,), given_up=(2, 3, 4, 5)), log(1, 3)),
    ("before it is not", stream(acknowledged=(1, 3), given_up=(2,), sent=3), log(1, 3)),
]


def name_of(value):
    """Cases are named by their texts."""
    return value if isinstance(value, str) else ""


@pytest.mark.parametrize("what, observed, stored", GOOD_STREAMS, ids=name_of)
def test_good_streams(what, observed, stored):
    assert check_stream(observed, stored) == []


@pytest.mark.parametrize("breach, observed, stored", BAD_STREAMS, ids=name_of)
def test_doctored_streams(breach, observed, stored):
    assert any(breach in found for found in check_stream(observed, stored)), check_stream(observed, stored)


@pytest.mark.parametrize("seqs, is_good", [
    ([4, 5, 6], True), ([], True), ([5, 6], False), ([4, 6], False), ([4, 4, 5], False), ([4, 6, 5], False)])
def test_numbering(seqs, is_good):
    assert (check_numbering(TOPIC, seqs, 4) == []) == is_good


@pytest.mark.parametrize("by_rest, is_good", [
    ([b"a", b"b"], True), ([b"a", b"c"], False), ([b"a"], False), ([b"a", b"b", b"c"], False)])
def test_witnesses(by_rest, is_good):
    assert (check_witnesses(TOPIC, 1, by_rest, [b"a", b"b"]) == []) == is_good


@pytest.mark.parametrize("number, is_good", [(3, True), (5, True), (2, False), (6, False), (None, False)])
def test_retained(number, is_good):
    assert (check_retained(stream(acknowledged=(1, 2, 3)), number) == []) == is_good


# Deliveries of a stored topic as (seq, connection), to a subscriber that had everything up to 2. History has 5 entries,
# the digest of each is its seq. Last: what must be told, None where all is well.
STORED = [
    (1, [(3, 1), (4, 1), (5, 1)], None),
    (1, [(3, 1), (4, 1), (4, 2), (5, 2)], None),
    (1, [(3, 1), (4, 1), (3, 2), (5, 2)], None),
    (2, [(3, 1), (4, 2), (5, 2)], None),
    (1, [(3, 1), (5, 1)], "came when 4 was next"),
    (1, [(4, 1), (5, 1)], "came when 3 was next"),
    (1, [(3, 1), (4, 1), (3, 1), (5, 1)], "seq 3 after 4 on one connection"),
    (1, [(3, 1), (3, 1)], "seq 3 after 3 on one connection"),
    (1, [(3, 1), (4, 1), (4, 2), (3, 2)], "seq 3 after 4 on one connection"),
    (2, [(3, 1), (4, 1), (4, 2), (5, 2)], "seq 4 came a second time"),
    (1, [(3, 1), (4, 1)], "5 to 5 were not delivered"),
    (2, [], "3 to 5 were not delivered"),
    (1, [(3, 1), (4, 1), (5, 1), (6, 1)], "history ends at 5"),
]


def read(reading, deliveries, digest=lambda seq: seq, is_complete=True):
    told = [reading.deliver(seq, digest(seq), connection) for seq, connection in deliveries]
    return [one for one in told if one] + reading.check(array("q", range(1, 6)), is_complete)


@pytest.mark.parametrize("qos, deliveries, breach", STORED)
def test_stored_deliveries(qos, deliveries, breach):
    told = read(StoredReading(TOPIC, 2, qos == 2), deliveries)
    assert any(breach in one for one in told) if breach else not told, told


def test_deliveries_with_other_bytes():
    all_of_it = [(3, 1), (4, 1), (5, 1)]
    told = read(StoredReading(TOPIC, 2, False), all_of_it, lambda seq: seq if seq != 4 else 40)
    assert "with other bytes than history" in told[0]
    digests = iter([3, 4, 40, 5])
    told = read(StoredReading(TOPIC, 2, False), [(3, 1), (4, 1), (4, 2), (5, 2)], lambda _: next(digests))
    assert "came again with other bytes" in told[0]


def test_who_is_away_misses_nothing_later():
    reading = StoredReading(TOPIC, 2, True)
    assert read(reading, [(3, 1)], is_complete=False) == []
    reading.settle()
    assert "came when 4 was next" in read(reading, [(5, 2)])[0]


def test_an_open_delivery_may_come_again():
    """QoS 2 before PUBREL: the same packet, on another connection only."""
    reading = StoredReading(TOPIC, 2, True)
    assert reading.deliver(3, 3, 1) is None
    assert reading.deliver(3, 3, 2, is_open=True) is None
    assert reading.deliver(3, 3, 2, is_open=True)


# Where a subscription begins: what SUBACK says, whether it is sure, deliveries before and after it.
BEGINNINGS = [
    (3, True, [], [(4, 1), (5, 1)], None),
    (3, True, [], [(5, 1)], "came when 4 was next"),
    (3, True, [(4, 1)], [(5, 1)], None),
    (2, True, [(4, 1)], [(5, 1)], "SUBACK says after 2"),
    (3, False, [], [(2, 1), (3, 1), (4, 1), (5, 1)], None),
    (3, False, [], [(4, 1), (5, 1)], None),
    (3, False, [], [(5, 1)], "seq 5 came first"),
    (3, False, [], [], "nothing came of the entries after 3"),
    (5, False, [], [], None),
]


@pytest.mark.parametrize("suback, is_sure, before, after, breach", BEGINNINGS)
def test_beginnings(suback, is_sure, before, after, breach):
    reading = StoredReading(TOPIC, None, False)
    for seq, connection in before:
        assert reading.deliver(seq, seq, connection) is None
    told = [reading.begin_at(suback, is_sure)]
    told = [one for one in told + read(reading, after) if one]
    assert any(breach in one for one in told) if breach else not told, told


# Numbers as they came, whether exactly once is promised, what must be told; 1 to 4 were acknowledged, 5 was given up.
PLAIN = [
    ([1, 2, 3, 4], True, None),
    ([1, 2, 3, 4, 5], True, None),
    ([1, 2, 2, 3, 4, 3, 4], False, None),
    ([1, 2, 4], True, "were not delivered: [3]"),
    ([1, 2, 3], False, "were not delivered: [4]"),
    ([1, 2, 3, 3, 4], True, "message 3 came a second time"),
    ([1, 3, 2, 4], False, "came for the first time after 3"),
    ([1, 2, 3, 4, 6], True, "was never sent"),
]


@pytest.mark.parametrize("numbers, once, breach", PLAIN)
def test_plain_deliveries(numbers, once, breach):
    reading = PlainReading(stream(acknowledged=(1, 2, 3, 4), given_up=(5,)), once)
    told = [one for one in map(reading.deliver, numbers) if one] + reading.check(True)
    assert any(breach in one for one in told) if breach else not told, told


def test_plain_debts_outlive_rounds():
    sent = stream(sent=3, acknowledged=(1, 2, 3))
    reading = PlainReading(sent, True)
    reading.deliver(1)
    reading.settle(False)
    sent.settle()
    assert "[2, 3]" in reading.check(True)[0]
    assert [reading.deliver(number) for number in (2, 3)] == [None, None]
    assert reading.check(True) == []
    reading.settle(True)
    assert "came a second time" in reading.deliver(3)


def test_a_team_takes_messages_in_any_order():
    reading = PlainReading(stream(), once=False, ordered=False)
    assert [reading.deliver(number) for number in (3, 1, 5, 2)] == [None] * 4
    assert "[4]" in reading.check(True)[0]


def outbox(qos, again):
    """With messages 1 to 3 sent on connection 1."""
    made, sent = Outbox(qos, again, 10), stream(sent=3, acknowledged=(), attempts=[])
    for number in (1, 2, 3):
        made.send(Flight(sent, number, lambda *packet, number=number: b"%d,%d,%d;" % (number, *packet)), 1)
    return made, sent


def test_a_session_sends_the_same_packets_again():
    made, sent = outbox(2, "session")
    assert made.answered(PUBREC, 1, 0, (10, "id")) == (acknowledge(PUBREL, 1), None)
    made.disconnected()
    assert made.reconnected(2) == acknowledge(PUBREL, 1) + b"2,2,1;3,3,1;"
    assert sent.attempts == [(1, 1), (2, 1), (3, 1), (2, 2), (3, 2)]
    assert made.answered(PUBCOMP, 1, 0, ()) == (b"", None)
    assert sent.acknowledged == {1: (10, "id")}


def test_a_client_ref_is_sent_in_new_packets():
    made, sent = outbox(1, "ref")
    made.answered(PUBACK, 1, 0, ())
    made.disconnected()
    assert made.reconnected(2) == b""
    assert made.send_waiting(2) == b"2,4,0;3,5,0;"
    assert sent.given_up == set() and sent.acknowledged == {1: None}


def test_a_careless_client_gives_up():
    made, sent = outbox(1, "never")
    made.answered(PUBACK, 1, 0, ())
    made.disconnected()
    assert made.is_empty and sent.given_up == {2, 3}


@pytest.mark.parametrize("kind, packet_id, code", [(PUBACK, 9, 0), (PUBREC, 1, 0), (PUBCOMP, 1, 0), (PUBACK, 1, 0x87)])
def test_answers_that_must_not_be(kind, packet_id, code):
    assert outbox(1, "session")[0].answered(kind, packet_id, code, ())[1]


def test_payloads_are_known_again():
    for number in (1, 7, 29, 58):
        assert messages.parse_suffix(messages.suffix("old-clean", number, True)) == ("old-clean", number)
        assert messages.parse_suffix(messages.suffix("new-twice", number, False)) == ("new-twice", number)
        assert messages.parse_plain(messages.plain_payload("p", number)) == ("p", number, True)
    assert messages.parse_suffix(b',"body":{"text":"hello"}}') is None
    assert messages.parse_plain(messages.plain_payload("p", 7)[:-2] + b"y.")[2] is False
