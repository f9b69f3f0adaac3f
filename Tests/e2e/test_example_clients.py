"""The programs under examples/ that are clients of the hub, run as their READMEs say, with kills in between."""
import subprocess

import pytest

from support import examples, rest, tokens
from support.hub import ROOT
from support.waiting import eventually

BURST = 15


@pytest.fixture
def hub(make_hub):
    return examples.keep_ports(make_hub("--reactors", "2")).start()


@pytest.fixture
def run(hub, tmp_path):
    """Examples that are gone when the test is over."""
    made = []

    def run(command, user, **variables):
        made.append(examples.Example(command, hub, user, tmp_path, **variables))
        return made[-1]

    yield run
    for one in made:
        one.kill()


def entries(person, of):
    """A conversation's whole log."""
    page = person.history(of, "?limit=200&after=0").json
    items = page["items"]
    while "next" in page:
        page = person.get(page["next"])
        items += page["items"]
    return items


def answers(person, of, bot):
    """The texts of a conversation's messages that the bot has sent, in order."""
    return [entry["body"].get("text") for entry in entries(person, of)
            if entry["type"] == "message" and entry["from"] == bot.id]


def disturb(hub, bot, say, answered):
    """Bursts of messages while the bot is away; with the first answers to them the hub is killed (-9), then the bot, then both."""
    def kill_both():
        bot.kill()
        hub.kill()

    for kill in (hub.kill, bot.kill, kill_both):
        bot.kill()
        say()
        before = answered()
        bot.start()
        eventually(lambda: answered() > before, "the first answers")
        kill()
        if not hub.process:
            hub.restart()
        if not bot.process:
            bot.start()
    say()


def test_echo_bot(hub, run):
    """Each message is answered once with what it says, whoever is killed when."""
    person, echo = rest.friends(hub, "echo")
    group = person.make_group(echo)["id"]
    bot = run(examples.swift("echo-bot"), echo).start()
    said = []

    def say():
        for _ in range(BURST):
            said.append(f"message {len(said)}")
            for to in (echo, group):
                person.send(to, text=said[-1])

    disturb(hub, bot, say, lambda: len(answers(person, group, echo)))
    for text in ('{"text":"no JSON"}', "{", " white space ", "äöü 👍"):
        said.append(text)
        for to in (echo, group):
            person.send(to, text=text)
    for to in (echo, group):
        eventually(lambda to=to: len(answers(person, to, echo)) >= len(said), f"{len(said)} answers", 60)
    bot.stop()
    assert answers(person, echo, echo) == said
    assert answers(person, group, echo) == said
    hub.stop()


def test_a_bot_renews_its_token(hub, run, client):
    """protocol.md §3.6: "A token without sid … ends it within 5 s of its exp, unless replaced by AUTH"."""
    person, echo = rest.friends(hub, "renewal")
    bot = run(examples.swift("echo-bot"), echo)
    bot.give_token(6)
    bot.start()
    # The same right, and nobody who renews it.
    other = client(hub, tokens.mint(hub, person, "--lifetime", "6"))
    bot.give_token(3600)
    other.wait_end(20)
    person.send(echo, text="still there?")
    eventually(lambda: answers(person, echo, echo) == ["still there?"], "an answer")
    assert not [line for line in bot.lines() if line.startswith("disconnected")], bot.lines()
    bot.stop()
    hub.stop()


def test_moderation_bot(hub, run, tmp_path):
    """Messages and edits with listed words go where the bot is an admin, with one remark each; elsewhere they stay."""
    person, moderator = rest.friends(hub, "moderation")
    own, foreign = (person.make_group(moderator)["id"] for _ in range(2))
    person.call("PUT", f"/groups/{own}/members/{moderator.id}", {"role": "admin"}).expect(200)
    words = tmp_path / "words"
    words.write_text("spam\nham eggs\n")
    bot = run(examples.swift("moderation-bot"), moderator, MODERATION_WORDS=str(words)).start()
    bad, good = [], []

    def say():
        for text in 5 * ("buy SPAM now", "spammers", "some (ham)!", "hello"):
            seq = person.send(own, text=text).json["seq"]
            (bad if text in ("buy SPAM now", "some (ham)!") else good).append(seq)
        person.send(foreign, text="buy SPAM now")

    disturb(hub, bot, say, lambda: len(answers(person, own, moderator)))
    edited = person.send(own, text="innocent").json["seq"]
    person.call("PATCH", f"/messages/group/{own}/{edited}", {"text": "eggs"}).expect(200)
    bad.append(edited)
    eventually(lambda: len(answers(person, own, moderator)) >= len(bad), f"{len(bad)} remarks", 60)
    bot.stop()
    log = entries(person, own)
    assert {e["seq"] for e in log if e["body"] == {"deleted": True} and e["type"] == "message"} == set(bad)
    assert all(e["body"].get("text") for e in log if e["seq"] in good)
    deletions = [e["body"]["seq"] for e in log if e["type"] == "delete"]
    assert sorted(deletions) == sorted(bad), "each is deleted once"
    assert sorted(answers(person, own, moderator)) == sorted(
        f"Message {seq} was deleted: it had a word that is not wanted here." for seq in bad)
    assert {e["type"] for e in entries(person, foreign)} <= {"group", "member", "message"}
    assert answers(person, foreign, moderator) == []
    hub.stop()


def test_python_bot(hub, run):
    """Dice are rolled once for each question."""
    person, dealer = rest.friends(hub, "dice")
    bot = run(examples.python("python-bot"), dealer).start()
    asked = []

    def say():
        for number in range(BURST):
            asked.append(f"{number + 1}d6")
            person.send(dealer, text=f"!roll {asked[-1]}")
            person.send(dealer, text="roll what?")

    disturb(hub, bot, say, lambda: len(answers(person, dealer, dealer)))
    eventually(lambda: len(answers(person, dealer, dealer)) >= len(asked), f"{len(asked)} answers", 60)
    bot.stop()
    said = answers(person, dealer, dealer)
    assert sorted(text.split(":")[0] for text in said) == sorted(asked)
    for text in said:
        count, rolls, total = text.split("d6: ")[0], *text.split("d6: ")[1].split(" = ")
        dice = [int(roll) for roll in rolls.split(" + ")]
        assert len(dice) == int(count) and sum(dice) == int(total) and set(dice) <= set(range(1, 7)), text
    hub.stop()


def test_shell_tour(hub):
    """Sign-up, friendship, a conversation and a group with curl and the mosquitto clients."""
    done = subprocess.run(["bash", str(ROOT / "examples/shell/tour.sh")], env=examples.environment(hub),
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    for words in ("friend_accepted", "hello over MQTT", '"hello over HTTP"', "hello, group"):
        assert words in done.stdout, f"no {words}:\n{done.stdout}"
    attempts = [line for line in done.stdout.splitlines() if line.startswith('{"attempt"')]
    first, second = (line.partition(",")[2] for line in attempts)
    assert first == second, "the second attempt is the same message"
    hub.stop()


def test_shell_bot(hub, run):
    """The shell's bot is asked before, while and after the hub is away."""
    person, shell = rest.friends(hub, "shell")
    bot = run(["bash", str(ROOT / "examples/shell/answer.sh")], shell).start()
    for number in range(1, 4):
        for _ in range(3):
            person.send(shell, text="!uptime")
            person.send(shell, text="!uptime, please")
        if number < 3:
            hub.kill()
            hub.restart()
    eventually(lambda: len(answers(person, shell, shell)) >= 9, f"nine answers: {bot.lines()}", 60)
    bot.kill()
    texts = answers(person, shell, shell)
    assert len(texts) == 9 and len(set(texts)) == 1 and texts[0].startswith("up since 2"), texts
    hub.stop()
