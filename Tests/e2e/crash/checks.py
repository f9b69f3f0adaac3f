"""What must hold for what was stored, given what the publishers were told (protocol.md §2, §3). Pure: each check returns
sentences, one for each breach."""


def check_numbering(topic, seqs, first):
    """`seq` counts 1, 2, 3, … per topic, without gaps: here from `first` on."""
    for index, seq in enumerate(seqs):
        if seq != first + index:
            return [f"{topic}: seq {seq} stands where {first + index} belongs"]
    return []


def check_witnesses(topic, first, by_rest, by_sql):
    """History by REST is what the database holds, to the byte."""
    if by_rest == by_sql:
        return []
    for index, (rest, sql) in enumerate(zip(by_rest, by_sql)):
        if rest != sql:
            return [f"{topic}: entry {first + index} is {rest!r} by REST, and {sql!r} in the database"]
    return [f"{topic}: {len(by_rest)} entries from {first} on by REST, {len(by_sql)} in the database"]


def check_stream(stream, stored):
    """One publisher on one topic against what the round left in the log: (number, seq, id) in the order of `seq`."""
    numbers = [number for number, _, _ in stored]
    return [*_existence(stream, stored), *_order(stream, numbers), *_prefix(stream, set(numbers))]


def _existence(stream, stored):
    """Every acknowledged message exists exactly once, as the acknowledgement said, and nothing else does."""
    found, breaches = {}, []
    for number, seq, entry_id in stored:
        if number in found:
            breaches.append(f"{stream}: message {number} is stored twice, as seq {found[number][0]} and {seq}")
        elif number <= stream.settled:
            breaches.append(f"{stream}: message {number} is stored as seq {seq} though its round was over")
        elif number > stream.sent:
            breaches.append(f"{stream}: message {number} is stored as seq {seq} but was never sent")
        found[number] = (seq, entry_id)
    for number, receipt in stream.acknowledged.items():
        if number not in found:
            breaches.append(f"{stream}: message {number} was acknowledged and is lost")
        elif receipt not in (None, found[number]):
            breaches.append(f"{stream}: message {number} was acknowledged as {receipt}, and is {found[number]}")
    return breaches


def _order(stream, numbers):
    """Numbered in the order of first sending, but for those that were refused for the time being; and with these, the log
    is at least a selection of what was sent, in its order."""
    breaches, last = [], 0
    for number in numbers:
        if number in stream.refused:
            continue
        if number < last:
            breaches.append(f"{stream}: message {number} is stored behind {last}")
        last = max(last, number)
    sendings = iter(stream.attempts)
    for number in numbers:
        if number > stream.settled and not any(sent == number for sent, _ in sendings):
            breaches.append(f"{stream}: message {number} is stored in no order in which it was sent")
            break
    return breaches


def _prefix(stream, stored):
    """What is kept of a connection whose messages were not sent again is a prefix of what was sent on it."""
    lost = {}
    for number, connection in stream.attempts:
        if number in stream.refused:
            continue
        if number in stream.given_up and number not in stored:
            lost.setdefault(connection, number)
        elif number in stored and connection in lost:
            return [f"{stream}: of connection {connection}, {number} is kept and {lost[connection]} before it is not"]
    return []


def check_retained(stream, number):
    """What a topic retains is the last message that was acknowledged, or one that was sent after it. `number`: None if it
    is no message at all."""
    last = max(stream.acknowledged, default=None)
    if last is None or number is not None and last <= number <= stream.sent:
        return []
    return [f"{stream}: message {number} is retained, {last} was the last acknowledged, {stream.sent} the last sent"]
