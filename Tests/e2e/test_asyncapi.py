"""GET /asyncapi.json: every message of a running hub is in it, and every message in it comes from a running hub."""
import contextlib
import json
import re

import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from support import rest, schemas, tokens
from support.mqtt import V311, kind_of, user_properties
from support.waiting import eventually


@pytest.fixture(scope="module")
def document(hub):
    answer = rest.request(hub, "GET", "/asyncapi.json").expect(200)
    assert answer.headers.get_content_type() == "application/json" and answer.headers["ETag"]
    return answer.json


class Reader:
    """The document, against which messages are held, strictly."""

    def __init__(self, document):
        self.document = document
        self.strict = {"components": schemas.strict(document["components"])}
        self.channels = [(re.compile(self.pattern(channel["address"])), name) for name, channel in document["channels"].items()]

    @staticmethod
    def pattern(address):
        """Ids are numbers; the last two channels take what the others leave."""
        return re.sub(r"\\\{(\w+)\\\}", lambda part: ".+" if part[1] in ("topic", "statistic") else "[0-9]+", re.escape(address))

    def described(self, action):
        """Names of all messages that the hub sends, or receives."""
        return {reference["$ref"].split("/")[-1] for operation in self.document["operations"].values()
                if operation["action"] == action for reference in operation["messages"]}

    def check(self, message):
        """Whether it is as described; returns its name."""
        channel = next(name for pattern, name in self.channels if pattern.fullmatch(message.topic))
        delivered = [reference["$ref"].split("/")[-1] for reference in self.document["operations"][f"deliver_{channel}"]["messages"]]
        text = message.payload.decode()
        name = delivered[0] if channel in ("system", "plain") else json.loads(text)["type"]
        assert name in delivered, (channel, name)
        described = self.document["components"]["messages"][name]
        value = json.loads(text) if described["contentType"] == "application/json" else text
        schemas.validate(value, schemas.strict(described["payload"]), self.strict)
        if "headers" in described and message.properties is not None:
            schemas.validate(user_properties(message.properties), schemas.strict(described["headers"]), self.strict)
        return name


def drain(clients):
    """All that has come so far."""
    for client in clients:
        for source in (client.messages, client.signals):
            while not source.empty():
                yield source.get_nowait()


def test_everything_that_is_delivered_is_described(hub, document, client):
    """And the other way round: nothing is described as delivered that never comes."""
    ada, grace, linus = (rest.sign_up(hub, name) for name in ("ada", "grace", "linus"))
    everything = client(hub, ada)
    everything.subscribe("#")
    notified, old = client(hub, grace), client(hub, linus, version=V311)
    notified.subscribe(grace.inbox)
    old.subscribe(linus.inbox)
    operator = client(hub, tokens.operator(hub))
    operator.subscribe("$SYS/broker/uptime", "app/plain")
    operator.publish("app/plain", b"\xc3\xa9")

    ada.befriend(grace)
    linus.befriend(ada)
    linus.post("/friends/add", {"user_id": grace.id}, 201)
    group = ada.make_group(grace)["id"]
    seq = grace.send(group, text="hello", custom={"a": [1]}, client_ref="r").json["seq"]
    for change in ({"type": "edit", "seq": seq, "text": "Hello"}, {"type": "reaction", "seq": seq, "emoji": "👍"},
                   {"type": "delete", "seq": seq}):
        grace.post("/messages", {"group_id": group, **change}, 201)
    ada.call("PATCH", f"/groups/{group}", {"name": "renamed", "announcement": True}).expect(200)
    ada.call("PUT", f"/groups/{group}/members/{grace.id}", {"role": "owner"}).expect(200)
    grace.post(f"/groups/{group}/remove", {"user_id": ada.id}, 204)
    sender = client(hub, grace)
    direct = ada.direct_topic(grace)
    sender.publish(f"{direct}/typing", "{}")
    sender.publish(f"{direct}/read", {"seq": 0})
    seq = ada.send(grace, text="read me", attachments=[]).json["seq"]
    sender.publish(f"{direct}/read", {"seq": seq})
    # Of what is deleted or read at once nobody is notified.
    ada.send(grace, text="and me", mentions=[grace.id])
    old.publish(ada.direct_topic(grace), "not mine")
    ada.post("/friends/remove", {"user_id": linus.id}, 204)
    # What is read again has other shapes: of what was deleted little is left.
    again = client(hub, grace)
    again.subscribe(f"group/{group}", direct, after=["0"])

    reader, clients, got = Reader(document), (everything, notified, old, operator, again), []
    missing = reader.described("send") | {"what is deleted"}

    def all_came():
        for message in drain(clients):
            got.append(message)
            if b'"body":{"deleted":true}' in message.payload:
                missing.discard("what is deleted")
            missing.discard({"$SYS/broker/uptime": "statistic", "app/plain": "any"}.get(message.topic) or kind_of(message))
        return not missing
    with contextlib.suppress(AssertionError):
        eventually(all_came, "one of each")
    assert {reader.check(message) for message in got} == reader.described("send") and not missing


@pytest.mark.parametrize("channel", ["direct", "group"])
def test_what_is_described_may_be_published(hub, document, client, channel):
    """All examples are taken, and what the schemas exclude is refused."""
    ada, grace = rest.friends(hub, "publisher")
    group = ada.make_group(grace)["id"]
    topic = ada.direct_topic(grace) if channel == "direct" else f"group/{group}"
    sender = client(hub, ada)
    tried = 0
    for name in (channel, f"{channel}_typing", f"{channel}_read"):
        target = topic + document["channels"][name]["address"].removeprefix(document["channels"][channel]["address"])
        for reference in document["operations"][f"take_{name}"]["messages"]:
            message = document["components"]["messages"][reference["$ref"].split("/")[-1]]
            if message["contentType"] == "text/plain":
                sender.publish(target, "{text", ContentType="text/plain")
                continue
            schema = message["payload"]
            for example in schema["examples"]:
                # What it is about is another message each time.
                about = {"seq": ada.call("POST", "/messages", {"topic": topic, "text": "x"}).expect(201).json["seq"]} if "seq" in example else {}
                schemas.validate({**example, **about}, schema, document)
                sender.publish(target, {**example, **about})
                strange = {**example, **about, "strange": 1}
                assert not Draft202012Validator({**schema, "components": document["components"]}).is_valid(strange)
                sender.publish(target, strange, expect=0x99)
                tried += 1
    assert tried == 6


def test_presence_may_be_published(hub, document, client):
    user = rest.sign_up(hub, "presence")
    schema = document["components"]["messages"]["send_presence"]["payload"]
    sender = client(hub, user)
    for status, code in (("away", 0), ("online", 0), ("offline", 0x99)):
        assert Draft202012Validator(schema).is_valid({"status": status}) == (code == 0)
        sender.publish(f"presence/{user.id}", {"status": status}, expect=code)


def test_payloads_are_json_schemas(document):
    """AsyncAPI reads schemas as draft-07 where nothing else is said; ours mean the same in both."""
    for message in document["components"]["messages"].values():
        for schema in (message["payload"], message.get("headers", {})):
            Draft202012Validator.check_schema(schema)
            Draft7Validator.check_schema(schema)
            assert not [key for key in ("$defs", "prefixItems", "unevaluatedProperties") if f'"{key}"' in json.dumps(schema)]
    for schema in schemas.with_examples(document):
        for example in schema["examples"]:
            schemas.validate(example, schema, document)
            Draft7Validator({**schema, "components": document["components"]}).validate(example)
