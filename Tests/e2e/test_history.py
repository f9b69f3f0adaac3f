"""rest.md, Pages: history by `before` and `after`; issue step 3: GET /messages/group/{id}."""
import pytest

from support import envelope, rest


@pytest.fixture(scope="module")
def owner(hub):
    return rest.sign_up(hub, "historian")


@pytest.fixture(scope="module")
def log(owner):
    """A group with at least 12 entries; its id and all entries in order."""
    group = owner.make_group(name="pages")["id"]
    for number in range(12):
        owner.send(group, text=f"entry {number}")
    return group, owner.items(group, "?limit=200")


def test_the_newest_page_ascends(owner, log):
    """items ascend; with `after` the oldest first, else the newest."""
    group, entries = log
    assert envelope.gapless(entries)[0] == 1
    page = owner.history(group, "?limit=5").json
    assert page["items"] == entries[-5:]
    assert page["first_seq"] == 1 and page["last_seq"] == len(entries)


@pytest.mark.parametrize("start, backward", [("limit=5", True), ("limit=5&after=0", False)])
def test_next_walks_through_everything(owner, log, start, backward):
    """`next` is the relative URL of the next page in the same direction, left out at the end."""
    group, entries = log
    pages, path = [], f"/messages/group/{group}?{start}"
    while path:
        page = owner.get(path)
        pages.append(page["items"])
        path = page.get("next")
        assert path is None or path.startswith("/messages/group/")
        assert len(pages) < 10
    if backward:
        pages.reverse()
    assert [item for page in pages for item in page] == entries


def test_before_and_after_are_exclusive(owner, log):
    group, entries = log
    assert owner.items(group, "?before=4") == entries[:3]
    assert owner.items(group, "?after=4&limit=2") == entries[4:6]
    assert owner.items(group, f"?after={len(entries)}") == []
    assert owner.items(group, "?before=1") == []


def test_types_leaves_out_other_entries(owner, log):
    """`?types=message` leaves out other entries (`limit` counts what is left)."""
    group, entries = log
    page = owner.items(group, "?types=message&limit=12")
    assert page == [entry for entry in entries if entry["type"] == "message"]
    assert len(page) == 12 < len(entries), "the group's own entries are in the log, too"


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "before=x", "after=-1"])
def test_bad_queries(owner, log, query):
    """outside: 422."""
    owner.call("GET", f"/messages/group/{log[0]}?{query}").expect_problem(422)


def test_an_empty_conversation(hub):
    """`first_seq`, `last_seq` of the whole topic (empty: 1 and 0)."""
    first, second = rest.friends(hub)
    page = first.history(second).json
    assert page["items"] == [] and (page["first_seq"], page["last_seq"]) == (1, 0) and "next" not in page


def test_what_is_not_mine_is_not_there(owner, stranger, log):
    """404 `not-found`: missing or not mine, indistinguishable."""
    answers = [stranger.call("GET", f"/messages/group/{log[0]}"), stranger.call("GET", "/messages/group/12345"),
               stranger.call("GET", f"/messages/{owner.id}")]
    problems = [answer.expect_problem(404, "not-found") for answer in answers]
    assert len({problem["detail"] for problem in problems[:2]}) == 1


def test_one_message(owner, log):
    """GET /messages/{topic}/{seq}: 200 the Message (where Location points)."""
    group, entries = log
    answer = owner.send(group, text="located")
    found = owner.call("GET", answer.headers["Location"]).expect(200)
    assert found.json == answer.json
