"""Issue, "Must be shown": 3 concurrent publishers on one topic give one gapless order at every subscriber."""
import json
import threading

from support import envelope, rest
from support.mqtt import V5, V311, has_text

MESSAGES_EACH = 150


def publish_all(sender, topic, name):
    """Everything at once, without waiting for acknowledgements; then all of those."""
    pending = [sender.publish_later(topic, f"{name} {number}") for number in range(MESSAGES_EACH)]
    codes = {sender.await_ack(mid).code for mid in pending}
    assert codes == {0}, codes


def test_three_publishers_give_one_gapless_order(hub, client):
    """More than one reactor works from the start: the subscribers' connections are spread over both."""
    people = [rest.sign_up(hub, "order") for _ in range(3)]
    for other in people[1:]:
        people[0].befriend(other)
    group = people[0].make_group(*people[1:])["id"]
    topic = f"group/{group}"
    receivers = [client(hub, people[index % 3], version=(V5, V311)[index % 2]) for index in range(8)]
    for receiver in receivers:
        receiver.subscribe(("group/+", topic)[receiver.version == V311])
    senders = [client(hub, person, version=version) for person, version in zip(people, (V5, V311, V5))]
    failures = []

    def run(index):
        try:
            publish_all(senders[index], topic, index)
        except AssertionError as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[0]
    people[0].send(group, text="the end")

    orders = [[message.payload for message in receiver.take_until(has_text("the end"))] for receiver in receivers]
    assert all(order == orders[0] for order in orders)
    envelopes = [json.loads(payload) for payload in orders[0]]
    assert len(envelopes) == 3 * MESSAGES_EACH + 1
    envelope.gapless(envelopes)
    for index, person in enumerate(people):
        mine = [entry["body"]["text"] for entry in envelopes if entry["from"] == person.id]
        assert [text for text in mine if text != "the end"] == [f"{index} {n}" for n in range(MESSAGES_EACH)], \
            "messages of one client to one topic are numbered in the order in which it sent them"
    stored, path = [], f"/messages/group/{group}?limit=200&after={envelopes[0]['seq'] - 1}"
    while path:
        page = people[1].get(path)
        stored, path = stored + page["items"], page.get("next")
    assert stored == envelopes
