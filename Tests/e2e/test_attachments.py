"""rest.md, attachments: what is stored and answered, and who may load and name it."""
import hashlib
import json

import pytest

from support import files, rest
from support.mqtt import V311, V5, user_properties


@pytest.fixture(scope="module")
def people(hub):
    """The uploader, a friend, a member of the uploader's group, and a stranger."""
    owner, friend, member, stranger = (rest.sign_up(hub, name) for name in ("owner", "friend", "member", "stranger"))
    owner.befriend(friend)
    owner.befriend(member)
    return owner, friend, member, stranger


def upload(user, content=b"content", media_type="text/plain", name="note.txt"):
    return user.call("POST", f"/attachments?name={name}", content, {"Content-Type": media_type}).expect(201).json


def statuses(people, attachment):
    return [user.call("GET", attachment["url"]).status for user in people]


# What is stored and answered

def test_an_upload_answers_the_attachment(people):
    """201 Attachment `{id, name, media_type, size, sha256, width, height, url, created_at}`."""
    picture = files.png(40, 30)
    answer = people[0].call("POST", "/attachments?name=a%20b.png", picture, {"Content-Type": "image/png"}).expect(201)
    assert answer.json == {
        "id": answer.json["id"], "name": "a b.png", "media_type": "image/png", "size": len(picture),
        "sha256": hashlib.sha256(picture).hexdigest(), "width": 40, "height": 30,
        "url": f"/attachments/{answer.json['id']}", "created_at": answer.json["created_at"]}
    assert answer.headers["Location"] == answer.json["url"]


def test_a_form_is_an_upload_too(people, tmp_path):
    """or `multipart/form-data`."""
    curl = files.Curl(people[0])
    path = files.random_file(tmp_path, 700_000, "Grüße.bin")
    done = curl.run("/attachments", "--form", f"file=@{path}")
    answer = json.loads(done.stdout)
    assert (answer["name"], answer["size"]) == ("Grüße.bin", 700_000), answer
    assert answer["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    head = people[0].call("GET", answer["url"]).headers
    assert head["Content-Disposition"] == "attachment; filename=\"Gr__e.bin\"; filename*=UTF-8''Gr%C3%BC%C3%9Fe.bin"


@pytest.mark.parametrize("content, media_type, shown", [
    (files.png(2, 2), "image/png", "inline"), (b"<svg/>", "image/svg+xml", "attachment"),
    (b"<html>", "text/html", "attachment"), (b"%PDF-1.7", "application/pdf", "attachment")],
    ids=["png", "svg", "html", "pdf"])
def test_headers_of_a_download(people, content, media_type, shown):
    """`Content-Disposition: attachment` but for a few raster types, `nosniff`, sandbox CSP, `private, no-cache`."""
    attachment = upload(people[0], content, media_type)
    answer = people[0].call("GET", attachment["url"]).expect(200)
    assert answer.body == content and answer.headers["Content-Type"] == media_type
    assert answer.headers["Content-Disposition"].startswith(f"{shown}; filename=")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert answer.headers["ETag"] == f'"{attachment["sha256"]}"'
    head = people[0].call("HEAD", attachment["url"]).expect(200)
    assert head.body == b"" and head.headers["Content-Length"] == str(len(content))


@pytest.mark.parametrize("content, media_type", [
    (b"<html>", "image/png"), (files.png(2, 2), "image/jpeg"), (files.png(2, 2), "text/plain"),
    (b"plain", "application/pdf"), (b"x", "nonsense")])
def test_bytes_that_contradict_the_type(people, content, media_type):
    """415 when the bytes contradict the type."""
    people[0].call("POST", "/attachments", content, {"Content-Type": media_type}).expect_problem(
        415, "unsupported-media-type")


def test_ranges(people):
    """`Range`: 200, 206, 304, 416."""
    content = bytes(range(256)) * 2000
    attachment = upload(people[0], content, "application/octet-stream")
    tag = f'"{attachment["sha256"]}"'

    def get(status, **headers):
        answer = people[0].call("GET", attachment["url"], headers={k.replace("_", "-"): v for k, v in headers.items()})
        return answer.expect(status)

    part = get(206, Range="bytes=262000-262999")
    assert part.body == content[262000:263000]
    assert part.headers["Content-Range"] == f"bytes 262000-262999/{len(content)}"
    assert get(206, Range="bytes=100000-").body == content[100000:]
    assert get(206, Range="bytes=-5").body == content[-5:]
    assert get(206, Range="bytes=0-0", If_Range=tag).body == content[:1]
    assert get(200, Range="bytes=0-0", If_Range='"other"').body == content
    assert get(200, Range="bytes=0-0,5-6").body == content
    beyond = get(416, Range=f"bytes={len(content)}-")
    beyond.expect_problem(416, "range-not-satisfiable")
    assert beyond.headers["Content-Range"] == f"bytes */{len(content)}"
    same = get(304, If_None_Match=tag)
    assert same.body == b"" and same.headers["ETag"] == tag
    get(200, If_None_Match='"other"')


def test_what_is_refused(people):
    owner = people[0]
    owner.call("GET", "/attachments/1").expect_problem(404, "not-found")
    owner.call("GET", "/attachments/x").expect_problem(404, "not-found")
    owner.call("POST", "/attachments?name=a%2Fb", b"x").expect_problem(422, "invalid-request")
    owner.call("POST", "/attachments", b"x", {"Content-Type": "multipart/form-data; boundary=y"}).expect_problem(400)
    rest.request(owner.hub, "POST", "/attachments", b"x").expect_problem(401, "authentication-required")
    rest.request(owner.hub, "GET", upload(owner)["url"]).expect_problem(401, "authentication-required")


# Who may load it

def test_only_the_uploader_at_first(people):
    """404 (also without access)."""
    assert statuses(people, upload(people[0])) == [200, 404, 404, 404]


def test_readers_of_a_message_that_names_it(hub, people, client, version):
    """readers of a message that names it: over MQTT and REST alike; a message carries ids only."""
    owner, friend, member, _ = people
    group = owner.make_group(member)["id"]
    attachment = upload(owner)
    receiver, sender = client(hub, friend, version=version), client(hub, owner, version=version)
    topic = owner.direct_topic(friend)
    receiver.subscribe(topic)
    sender.publish(topic, {"attachments": [attachment["id"]]})
    assert json.loads(receiver.next().payload)["body"] == {"attachments": [attachment["id"]]}
    assert statuses(people, attachment) == [200, 200, 404, 404]
    sent = owner.send(group, text="look", attachments=[attachment["id"]]).json
    assert sent["body"] == {"text": "look", "attachments": [attachment["id"]]}
    assert statuses(people, attachment) == [200, 200, 200, 404]
    # An ex-member loses it, a friend of former days does not.
    owner.post(f"/groups/{group}/remove", {"user_id": member.id}, 204)
    assert statuses(people, attachment) == [200, 200, 404, 404]


def test_only_who_can_load_it_may_name_it(hub, people, client):
    """Only who can load it may name it: 404 / 0x99 `not-found`, and the connection lives."""
    owner, friend, member, _ = people
    attachment = upload(owner)
    topic = friend.direct_topic(owner)
    friend.send(owner, 404, text="mine", attachments=[attachment["id"]])
    sender = client(hub, friend, version=V5)
    before = friend.items(owner, "?limit=1")
    ack = sender.publish(topic, {"text": "mine", "attachments": [attachment["id"]]}, expect=0x99)
    assert ack.properties.ReasonString == "not-found"
    # The order of one client's messages holds across refused ones.
    acks = [sender.publish_later(topic, {"text": f"{index}", "attachments": [attachment["id"]] if index % 2 else []})
            for index in range(10)]
    codes = [sender.await_ack(ack) for ack in acks]
    assert [ack.code for ack in codes] == [0, 0x99] * 5
    first = int(user_properties(codes[0].properties)["seq"])
    assert [int(user_properties(ack.properties)["seq"]) for ack in codes[::2]] == list(range(first, first + 5))
    assert before != friend.items(owner, "?limit=1")
    # Once it is in their conversation, the friend may pass it on.
    owner.send(friend, attachments=[attachment["id"]])
    sender.publish(topic, {"attachments": [attachment["id"]]})
    assert statuses(people, attachment)[:3] == [200, 200, 404]


def test_3_1_1_is_told_on_its_inbox(hub, people, client):
    owner, friend, _, _ = people
    attachment = upload(owner)
    sender = client(hub, friend, version=V311)
    sender.subscribe(friend.inbox)
    sender.publish(friend.direct_topic(owner), {"attachments": [attachment["id"]], "client_ref": "a1"})
    told = sender.next_event("refused")
    assert told["body"] == {"topic": friend.direct_topic(owner), "client_ref": "a1", "problem": "not-found"}


def test_a_repeated_message_is_the_same(people):
    owner, friend, _, _ = people
    attachment, reference = upload(owner), rest.unique_name("ref")
    first = owner.send(friend, attachments=[attachment["id"]], client_ref=reference)
    again = owner.send(friend, attachments=[attachment["id"]], client_ref=reference)
    assert again.body == first.body and again.headers["Idempotency-Replayed"] == "true"
    owner.send(friend, 409, attachments=[upload(owner)["id"]], client_ref=reference)


@pytest.mark.parametrize("attachments", [["1"] * 2, [1], "1", ["x"], [str(index) for index in range(1, 12)]])
def test_malformed_attachments(people, attachments):
    """`attachments` ≤ 10 ids."""
    people[0].send(people[1], 422, text="x", attachments=attachments)


def test_everyone_while_it_is_an_avatar(people):
    """everyone signed in while it is an avatar."""
    owner, _, _, stranger = people
    attachment = upload(owner, files.png(8, 8), "image/png")
    stranger.call("PATCH", "/profile", {"avatar": attachment["id"]}).expect_problem(422, "invalid-request")
    version = owner.call("GET", "/profile").headers["ETag"]
    changed = owner.call("PATCH", "/profile", {"avatar": attachment["id"]}).expect(200)
    assert changed.json["avatar"] == attachment["id"] and changed.headers["ETag"] != version
    assert stranger.get(f"/users/{owner.id}")["avatar"] == attachment["id"]
    assert statuses(people, attachment) == [200] * 4
    assert "avatar" not in owner.call("PATCH", "/profile", {"avatar": None}).expect(200).json
    assert statuses(people, attachment) == [200, 404, 404, 404]


def test_members_while_it_is_the_groups_picture(hub, people, client):
    """members while it is the group's picture; `group {op: picture}`."""
    owner, friend, member, _ = people
    picture = upload(owner, files.png(8, 8), "image/png")
    made = owner.post("/groups", {"name": "g", "members": [member.id], "picture": picture["id"]}, 201).json
    path = f"/groups/{made['id']}"
    assert made["picture"] == member.get(path)["picture"] == picture["id"]
    assert statuses(people, picture) == [200, 404, 200, 404]
    receiver = client(hub, member)
    receiver.subscribe(f"group/{made['id']}")
    other = upload(owner, files.png(9, 9), "image/png")
    assert owner.call("PATCH", path, {"picture": other["id"]}).expect(200).json["picture"] == other["id"]
    assert receiver.next_event("group")["body"] == {"op": "picture", "picture": other["id"]}
    assert statuses(people, picture) == [200, 404, 404, 404] and statuses(people, other) == [200, 404, 200, 404]
    foreign = upload(friend)
    owner.call("PATCH", path, {"picture": foreign["id"]}).expect_problem(422, "invalid-request")
    owner.call("DELETE", path).expect(204)
    assert statuses(people, other) == [200, 404, 404, 404]


def test_a_deleted_message_takes_its_attachments_along(hub, people, client):
    """A `delete` redacts its target in the same transaction: its edits, search and attachments follow."""
    owner, friend, member, _ = people
    group = owner.make_group(member)["id"]
    topic = owner.direct_topic(friend)
    shared, lone = upload(owner), upload(owner)
    sent = owner.send(friend, attachments=[shared["id"], lone["id"]]).json
    owner.send(group, attachments=[shared["id"]])
    owner.call("DELETE", f"/messages/{topic}/{sent['seq']}").expect(200)
    assert statuses(people, lone) == [404] * 4
    assert statuses(people, shared) == [200, 404, 200, 404]
    # Also one that is deleted in the same breath, by its number to be.
    sender = client(hub, owner)
    for seq in range(sent["seq"] + 2, sent["seq"] + 22, 2):
        quick = upload(owner)
        acks = [sender.publish_later(topic, {"attachments": [quick["id"]]}),
                sender.publish_later(topic, {"type": "delete", "seq": seq})]
        assert [sender.await_ack(ack).code for ack in acks] == [0, 0]
        assert statuses(people, quick)[1:] == [404] * 3


def test_an_ended_group_takes_its_attachments_along(people):
    owner, _, member, _ = people
    group = owner.make_group(member)["id"]
    attachment = upload(owner)
    owner.send(group, attachments=[attachment["id"]])
    owner.call("DELETE", f"/groups/{group}").expect(204)
    assert statuses(people, attachment) == [404] * 4
