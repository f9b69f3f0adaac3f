"""Issue "A running hub", step 4: GET /notifications."""
from support import rest


def test_notifications_are_the_inbox_with_its_read_state(hub):
    """200 `{items: [inbox envelope plus read], next, unread, conversations: […]}`."""
    user, others = rest.sign_up(hub), [rest.sign_up(hub) for _ in range(2)]
    for other in others:
        other.post("/friends/add", {"user_id": user.id}, 201)
    page = user.get("/notifications")
    assert [item["type"] for item in page["items"]] == ["friend_request"] * 2
    assert [item["seq"] for item in page["items"]] == [1, 2]
    assert [item["body"]["user"]["id"] for item in page["items"]] == [other.id for other in others]
    assert all(item["read"] is False and item["topic"] == user.inbox for item in page["items"])
    assert page["unread"] == 2 and page["conversations"] == [] and "next" not in page


def test_notifications_page(hub):
    user = rest.sign_up(hub)
    for _ in range(3):
        rest.sign_up(hub).post("/friends/add", {"user_id": user.id}, 201)
    newest = user.get("/notifications?limit=2")
    assert [item["seq"] for item in newest["items"]] == [2, 3]
    older = user.get(newest["next"])
    assert [item["seq"] for item in older["items"]] == [1] and "next" not in older
    assert [item["seq"] for item in user.get("/notifications?after=1")["items"]] == [2, 3]


def test_unread_conversations(hub):
    """conversations: [{topic, from, seq, unread, preview, sent_at}]; unread: messages by others after the watermark;
    sending moves the sender's own watermark."""
    first, second = rest.friends(hub)
    for text in ("one", "two"):
        last = first.send(second, text=text).json
    conversation, = second.get("/notifications")["conversations"]
    assert conversation == {"topic": last["topic"], "from": first.id, "seq": last["seq"], "unread": 2,
                            "preview": "two", "sent_at": last["sent_at"]}
    assert first.get("/notifications")["conversations"] == []
    second.send(first, text="answer")
    assert second.get("/notifications")["conversations"] == []
