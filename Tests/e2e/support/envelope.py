"""The envelope of protocol.md §2, to the byte."""
import datetime
import json
import re

SHAPE = re.compile(
    rb'\{"type":"(?P<type>[a-z_]+)","topic":"(?P<topic>[a-z0-9/]+)","id":"(?P<id>[1-9][0-9]*)",'
    rb'"seq":(?P<seq>[1-9][0-9]*),"from":"(?P<sender>0|[1-9][0-9]*)",'
    rb'"sent_at":"(?P<sent_at>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)"'
    rb'(?:,"client_ref":"(?P<client_ref>[!-~]{1,64})")?,"body":\{.*\}\}', re.DOTALL)
EPOCH = datetime.datetime(2025, 1, 1, tzinfo=datetime.timezone.utc)


def check(payload, **expected):
    """The payload is an envelope in the exact order and formats, with these members; returns it as an object."""
    match = SHAPE.fullmatch(payload)
    assert match, f"not an envelope: {payload!r}"
    envelope = json.loads(payload)
    for name, value in expected.items():
        name = "from" if name == "sender" else name
        assert envelope.get(name) == value, f"{name} is {envelope.get(name)!r}, expected {value!r}"
    sent_at = datetime.datetime.fromisoformat(envelope["sent_at"].replace("Z", "+00:00"))
    in_id = EPOCH + datetime.timedelta(milliseconds=int(envelope["id"]) >> 22)
    assert int(envelope["id"]) < 2**63
    assert abs((in_id - sent_at).total_seconds()) < 5, f"id says {in_id}, sent_at says {sent_at}"
    return envelope


def gapless(envelopes):
    """The seqs ascend by one."""
    seqs = [envelope["seq"] for envelope in envelopes]
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs))) if seqs else True, seqs
    return seqs
