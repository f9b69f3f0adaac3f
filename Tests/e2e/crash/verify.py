"""Puts together what publishers, subscribers and both witnesses say after a round."""
from crash import messages, packets
from crash.checks import check_retained, check_stream
from crash.history import read_on
from support import wire


def still_lacking(cast, heads):
    """What subscribers that are to have everything by now have not got yet, as sentences."""
    found = []
    for one in cast.subscribers:
        if not one.is_wanted:
            continue
        for topic, reading in one.stored.items():
            high = reading.high if reading.high is not None else reading.latest
            if high is None or high < heads[topic]:
                found.append(f"{one.name}: {topic} up to {high} of {heads[topic]}")
        found += [f"{one.name}: {reading.stream} {lacking[:9]}" for reading in one.plain.values()
                  if (lacking := reading.lacks())]
    return found


def check_round(cast, site, is_complete):
    """Checks everything that the round did; returns what it did, in numbers."""
    stored = read_topics(cast, site)
    for stream in cast.streams:
        if not stream.topic.startswith("plain/"):
            breaches = check_stream(stream, stored.pop((stream.publisher, stream.topic), []))
            report(site, "log", breaches)
    for who, found in stored.items():
        site.breach("history", f"{len(found)} messages of {who}, who does not publish there")
    for one in cast.subscribers:
        check_subscriber(cast, site, one, is_complete or not one.manner.is_away)
    for publisher in cast.publishers:
        if publisher.keeps:
            check_kept(site, publisher)
    counts = count(cast)
    settle(cast, is_complete)
    return counts


def report(site, who, breaches):
    for breach in breaches:
        site.breach(who, breach)


def read_topics(cast, site):
    """New entries of all topics, as {(publisher, topic): [(number, seq, id)]}; each is what its publisher sent, to the
    byte."""
    stored, streams = {}, {(stream.publisher, stream.topic): stream for stream in cast.streams}
    for topic in cast.topics.values():
        entries, breaches = read_on(topic, cast.users["ann"], cast.database)
        report(site, "history", breaches)
        for entry in entries:
            parsed = messages.parse_suffix(entry.suffix)
            stream = parsed and streams.get((parsed[0], topic.name))
            if not stream:
                site.breach("history", f"{topic.name}: nobody sent seq {entry.seq}: {entry.envelope!r}")
                continue
            stored.setdefault((parsed[0], topic.name), []).append((parsed[1], entry.seq, entry.id))
            if entry.suffix != messages.suffix(*parsed, stream.has_ref) or entry.sender != stream.sender:
                site.breach("history", f"{topic.name}: seq {entry.seq} is not what was sent: {entry.envelope!r}")
    return stored


def check_subscriber(cast, site, one, is_complete):
    for topic in cast.topics.values():
        if topic.name in one.stored:
            report(site, one.name, one.stored[topic.name].check(topic.digests, is_complete))
    for reading in one.plain.values():
        report(site, one.name, reading.check(is_complete))


def check_kept(site, publisher):
    """What a new subscriber gets at once of the topics that retain the last message."""
    due = {stream.topic: stream for stream in publisher.streams if stream.acknowledged}
    with wire.Wire(site.hub) as one:
        one.log_in(publisher.user, level=4, client_id="new").send(wire.subscribe(f"plain/{publisher.name}/#", 4))
        one.expect(wire.SUBACK)
        while due:
            topic, *_, payload = packets.delivery(4, 0, one.expect(wire.PUBLISH))
            _, number, is_whole = messages.parse_plain(payload)
            report(site, "retained", check_retained(due.pop(topic), number if is_whole else None))


def count(cast):
    stored = sum(stream.sent - stream.settled for stream in cast.streams if not stream.topic.startswith("plain/"))
    plain = sum(stream.sent - stream.settled for stream in cast.streams if stream.topic.startswith("plain/"))
    refused = sum(len(stream.refused) for stream in cast.streams)
    given_up = sum(len(stream.given_up) for stream in cast.streams)
    delivered = sum(one.delivered for one in cast.subscribers)
    return f"{stored} stored, {plain} plain, {refused} refused, {given_up} given up, {delivered} deliveries so far"


def settle(cast, is_complete):
    for one in cast.subscribers:
        for reading in one.stored.values():
            reading.settle()
        for reading in one.plain.values():
            reading.settle(is_complete or not one.manner.is_away)
    for stream in cast.streams:
        stream.settle()
