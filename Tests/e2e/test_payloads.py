"""protocol.md §2: what a publisher may send to a conversation, and what is refused at both doors."""
import json

import pytest

from support.mqtt import V5, V311, has_text


@pytest.fixture(scope="module")
def topic(pair):
    return pair[0].direct_topic(pair[1])


def last_body(pair):
    return pair[1].items(pair[0], "?limit=1")[0]["body"]


@pytest.mark.parametrize("payload, body", [
    (b"hello", {"text": "hello"}),
    (b'{"text":"hello"}', {"text": "hello"}),
    (b' \r\n\t{"type":"message","text":"spaced"}', {"text": "spaced"}),
    (b"[1]", {"text": "[1]"}),
    (b'"quoted"', {"text": '"quoted"'}),
    (b"12", {"text": "12"}),
    (b'tab\tquote" back\\ \x01', {"text": 'tab\tquote" back\\ \x01'}),
    ("grüße 🙂 \uffff".encode(), {"text": "grüße 🙂 \uffff"}),
    (rb'{"text":"\ud83d\ude42 \u0041\n\/"}', {"text": "🙂 A\n/"}),
    (b'{"text":"c","custom":{"order":7,"list":[1,2.5e3,null,true,{"a":"b"}]}}',
     {"text": "c", "custom": {"order": 7, "list": [1, 2.5e3, None, True, {"a": "b"}]}}),
    (b"x" * 16_384, {"text": "x" * 16_384}),
], ids=["text", "object", "white-space", "array-is-text", "string-is-text", "number-is-text", "escapes", "unicode",
        "surrogates", "custom", "longest"])
def test_accepted_payloads(hub, pair, topic, payload, body, client):
    """an object `{type?, client_ref?, …}`, or text: a payload whose first character other than white space is `{`
    must be a valid object; everything else is text."""
    client(hub, pair[0], version=V5).publish(topic, payload)
    assert last_body(pair) == body


def test_content_type_makes_it_text(hub, pair, topic, client):
    """and so is any payload with content type `text/plain`."""
    client(hub, pair[0], version=V5).publish(topic, '{"no":"object"', ContentType="text/plain")
    assert last_body(pair) == {"text": '{"no":"object"'}


def test_reply_to(pair):
    """`reply_to` an existing seq."""
    first, second = pair
    seq = first.send(second, text="question").json["seq"]
    assert second.send(first, text="answer", reply_to=seq).json["body"] == {"text": "answer", "reply_to": seq}
    assert second.call("POST", "/messages", {"user_id": first.id, "text": "x", "reply_to": 10**9}).status in (404, 422)


MALFORMED = {
    "empty": b"", "no-utf8": b"\xff\xfe", "overlong": b"\xc0\xaf", "nul": b"a\0b", "cut": b'{"text":"a"',
    "trailing": b'{"text":"a"} x', "repeated": b'{"text":"a","text":"b"}', "unknown": b'{"text":"a","nope":1}',
    "nothing": b"{}", "number": b'{"text":5}', "null": b'{"text":null}', "empty-text": b'{"text":""}',
    "escaped-nul": rb'{"text":"\u0000"}', "lone-surrogate": rb'{"text":"\ud800"}',
    "raw-surrogate": b"\xed\xa0\x80", "unknown-type": b'{"type":"nonsense","text":"a"}',
    "the-hubs-own-type": b'{"type":"member","op":"added","user_id":"1"}', "custom-array": b'{"text":"a","custom":[]}',
    "bad-ref": b'{"text":"a","client_ref":""}', "ref-with-space": b'{"text":"a","client_ref":"a b"}',
    "long-ref": b'{"text":"a","client_ref":"' + b"r" * 65 + b'"}', "too-long": b"x" * 16_385,
    "too-long-object": b'{"text":"' + b"x" * 16_385 + b'"}', "sender": b'{"text":"a","from":"1"}',
    "big-custom": b'{"text":"a","custom":{"x":"' + b"x" * 4096 + b'"}}', "deep": b'{"text":"a","custom":' + b'{"a":'
    * 5000 + b"1" + b"}" * 5000 + b"}",
}


def test_malformed_payloads_are_refused(hub, pair, topic, client):
    """Refused (0x99 / 422): not UTF-8, empty, U+0000, lone surrogates, a repeated name, unknown members; too long a
    text: 0x99. The connection lives on; in 3.1.1 they are acknowledged and dropped."""
    first, second = pair
    before = second.history(first).json["last_seq"]
    sender5, sender4 = client(hub, first, version=V5), client(hub, first, version=V311)
    for name, payload in MALFORMED.items():
        ack = sender5.await_ack(sender5.publish_later(topic, payload))
        assert ack.code == 0x99, f"{name}: {ack.code:#x}"
        assert getattr(ack.properties, "ReasonString", ""), f"{name}: no reason"
        sender4.publish(topic, payload)
    assert second.history(first).json["last_seq"] == before
    receiver = client(hub, second)
    receiver.subscribe(topic)
    sender5.publish(topic, "still here")
    assert json.loads(receiver.next_where(has_text("still here")).payload)["seq"] == before + 1


@pytest.mark.parametrize("members, field", [
    ({}, None), ({"text": ""}, "text"), ({"text": 5}, "text"), ({"text": "a", "nope": 1}, "nope"),
    ({"text": "x" * 16_385}, "text"), ({"text": "a\0b"}, "text"), ({"text": "a", "client_ref": ""}, "client_ref"),
    ({"text": "a", "custom": []}, "custom"), ({"type": "member", "op": "added"}, None),
    ({"text": "a", "group_id": "5"}, None)])
def test_rest_refuses_the_same(pair, members, field):
    """422: readable but wrong; `errors: [{field, message}]`."""
    problem = pair[0].call("POST", "/messages", {"user_id": pair[1].id, **members}).expect_problem(422)
    if field:
        assert field in [error["field"] for error in problem["errors"]]
