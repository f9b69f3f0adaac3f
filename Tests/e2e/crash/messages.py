"""What is published. A payload follows from who sends it and its number, so nothing is remembered to know it again."""
import json
import re

# How a stored message ends, from the comma behind `sent_at` (protocol.md §2).
SUFFIX = re.compile(rb',(?:"client_ref":"([!-~]{1,64})",)?"body":\{"text":"([a-z0-9-]+) ([0-9]+) .*"\}\}')
LARGE_BYTES = 3_000


def text(publisher, number):
    """Mostly short; now and then longer than a TCP segment, so that connections are cut within it."""
    length = LARGE_BYTES if number % 29 == 0 else number * 37 % 80
    return f"{publisher} {number} é{'x' * length}."


def client_ref(publisher, number):
    """One user is several publishers. In each topic it stands for another message."""
    return f"{publisher}/{number}"


def plain_payload(publisher, number):
    return text(publisher, number).encode()


def object_payload(publisher, number):
    """The message with its `client_ref` in the object."""
    return json.dumps({"client_ref": client_ref(publisher, number), "text": text(publisher, number)},
                      ensure_ascii=False).encode()


def suffix(publisher, number, has_ref):
    """The end of the envelope that the hub makes of it, to the byte."""
    ref = f'"client_ref":"{client_ref(publisher, number)}",' if has_ref else ""
    return f',{ref}"body":{{"text":"{text(publisher, number)}"}}}}'.encode()


def parse_suffix(found):
    """(publisher, number) of a stored message; None for what no publisher here has sent."""
    match = SUFFIX.fullmatch(found)
    return (match[2].decode(), int(match[3])) if match else None


def parse_plain(payload):
    """(publisher, number), and whether it is what was sent to the byte."""
    publisher, number, _ = payload.split(b" ", 2)
    publisher, number = publisher.decode(), int(number)
    return publisher, number, payload == plain_payload(publisher, number)
