"""rest.md, "Idempotency-Key": a POST that is repeated has one effect and one answer."""
import concurrent.futures

import pytest

from support import rest


@pytest.fixture(scope="module")
def people(hub):
    return rest.friends(hub, "idem")


def post(user, path, body, key, **headers):
    return user.call("POST", path, body, {"Idempotency-Key": key, **headers})


def groups(user):
    return user.get("/groups?limit=200")["items"]


def replayed(answer):
    return answer.headers.get("Idempotency-Replayed") == "true"


def test_a_repeat_answers_the_same(people):
    """a repeat answers the same with `Idempotency-Replayed: true`; quotes around a key are stripped."""
    before = len(groups(people[0]))
    first = post(people[0], "/groups", {"name": "once"}, "create-1").expect(201)
    for key in ("create-1", '"create-1"'):
        again = post(people[0], "/groups", {"name": "once"}, key).expect(201)
        assert again.body == first.body and again.headers["Location"] == first.headers["Location"]
        assert replayed(again)
    assert not replayed(first) and len(groups(people[0])) == before + 1


def test_another_body(people):
    """another body 422 `idempotency-key-reused`"""
    post(people[0], "/groups", {"name": "one"}, "create-2").expect(201)
    post(people[0], "/groups", {"name": "two"}, "create-2").expect_problem(422, "idempotency-key-reused")


def test_a_key_is_one_users_for_one_path(people):
    """kept per user, method and path"""
    answers = [post(user, "/groups", {"name": "one"}, "create-3").expect(201) for user in people]
    assert not any(map(replayed, answers)) and answers[0].json["id"] != answers[1].json["id"]
    body = {"user_id": people[1].id}
    path = f"/groups/{answers[0].json['id']}/add"
    added = [post(people[0], path, body, "create-3").expect(200) for _ in range(2)]
    assert [answer.json["results"][0]["status"] for answer in added] == ["added", "added"]
    assert not replayed(added[0]) and replayed(added[1])


def test_many_at_once_are_one(people):
    """in progress 409"""
    before = len(groups(people[1]))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: post(people[1], "/groups", {"name": "racing"}, "create-4"), range(8)))
    made = [answer for answer in answers if answer.status == 201]
    assert made and len({answer.json["id"] for answer in made}) == 1
    for answer in answers:
        if answer.status != 201:
            answer.expect_problem(409, "request-in-progress")
            assert 1 <= int(answer.headers["Retry-After"]) <= 5
    assert len(groups(people[1])) == before + 1


@pytest.mark.parametrize("key", ["", "with space", "k" * 65])
def test_bad_keys(people, key):
    problem = post(people[0], "/groups", {"name": "never"}, key).expect_problem(422)
    assert [error["field"] for error in problem["errors"]] == ["Idempotency-Key"]


def test_reactions_and_friend_requests(hub, people):
    first, second = people
    seq = first.send(second, text="hello").json["seq"]
    path = f"/messages/{first.direct_topic(second)}/{seq}/reactions"
    answers = [post(second, path, {"emoji": "🎉"}, "react").expect(200) for _ in range(2)]
    assert answers[0].body == answers[1].body and replayed(answers[1])
    stranger = rest.sign_up(hub, "idem")
    asked = [post(stranger, "/friends/add", {"user_id": first.id}, "ask") for _ in range(2)]
    assert [answer.status for answer in asked] == [201, 201], "without the key the second is 200"
    assert replayed(asked[1])


def test_a_message_has_its_client_ref(people):
    """On /messages it is a `client_ref` if the body has none."""
    body = {"user_id": people[1].id, "text": "with a key"}
    first = post(people[0], "/messages", body, '"m-1"').expect(201)
    assert first.json["client_ref"] == "m-1"
    again = post(people[0], "/messages", body, "m-1").expect(201)
    assert again.body == first.body and replayed(again)
    post(people[0], "/messages", {**body, "text": "other"}, "m-1").expect_problem(409, "client-ref-reused")


def test_a_file(people):
    def upload(content, name="f.txt"):
        return post(people[0], f"/attachments?name={name}", content, "file-1", **{"Content-Type": "text/plain"})
    content = b"x" * 700_000
    first = upload(content).expect(201)
    again = upload(content).expect(201)
    assert again.body == first.body and replayed(again)
    upload(content + b"y").expect_problem(422, "idempotency-key-reused")
    upload(content, "g.txt").expect_problem(422, "idempotency-key-reused")


def test_answers_outlive_the_hub(make_hub):
    """kept 24 h"""
    hub = make_hub().start()
    user = rest.sign_up(hub, "idem")
    first = post(user, "/groups", {"name": "once"}, "k").expect(201)
    hub.kill()
    hub.restart()
    again = post(user, "/groups", {"name": "once"}, "k").expect(201)
    assert again.body == first.body and replayed(again)
    hub.stop()
