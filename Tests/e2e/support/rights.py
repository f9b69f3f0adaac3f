"""Who is what to whom, for the tests of rights."""
import uuid

from support import rest


def fill(key, values):
    """The path of a call with its parameters, and the method."""
    method, path = key.split(" ")
    return method, path.format(**values)


def named(body, values):
    """A body in which names of values stand for these."""
    return body and {name: values.get(value, value) if isinstance(value, str) else value for name, value in body.items()}


def cast(hub):
    """Everybody but the stranger is, or was, the owner's friend."""
    names = ("owner", "admin", "member", "ex", "blocked", "stranger", "author", "friend")
    found = {name: rest.sign_up(hub, name) for name in names}
    for name in ("admin", "member", "ex", "author", "friend"):
        found["owner"].befriend(found[name])
    found["admin"].befriend(found["friend"])
    found["author"].post("/blocks", {"user_id": found["blocked"].id}, 201)
    return found


def make_group(people):
    """A fresh group with a message of the author and an invitation: the values of paths and bodies."""
    owner, author, blocked = people["owner"], people["author"], people["blocked"]
    owner.call("DELETE", f"/blocks/{blocked.id}").expect(204)
    owner.befriend(blocked)
    group = owner.make_group(*(people[name] for name in ("admin", "member", "ex", "blocked", "author")))["id"]
    owner.post("/blocks", {"user_id": blocked.id}, 201)
    owner.call("PUT", f"/groups/{group}/members/{people['admin'].id}", {"role": "admin"}).expect(200)
    owner.post(f"/groups/{group}/remove", {"user_id": people["ex"].id}, 204)
    file = author.call("POST", f"/attachments?name={uuid.uuid4()}", b"text", {"Content-Type": "text/plain"}).expect(201).json["id"]
    seq = author.send(group, text="x", attachments=[file]).json["seq"]
    code = owner.post(f"/groups/{group}/invites", {}, 201).json["code"]
    return {"group": group, "group_id": group, "seq": seq, "code": code, "user_id": author.id, "file": file}


def separate(role, me, other):
    """Two friends become what the role says `me` is to `other`."""
    if role == "ex":
        other.post("/friends/remove", {"user_id": me.id}, 204)
    if role == "blocked":
        other.post("/blocks", {"user_id": me.id}, 201)
    if role == "blocking":
        me.post("/blocks", {"user_id": other.id}, 201)
