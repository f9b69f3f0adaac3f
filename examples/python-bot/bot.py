"""Rolls dice: in its conversations and groups it answers "!roll 2d6" with "2d6: 3 + 5 = 8".

A message is acknowledged when the answer to it is stored, not before, and the answer has a reference made of the message's number. So a
message is neither lost nor answered twice, whatever is killed in between. The dice are thrown from the message's place in the log: a
second attempt to answer throws the same.
"""
import json
import os
import random
import re
import signal
import ssl
import sys
import threading

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

ROLL = re.compile(r"!roll\s+([1-9]\d?)d([1-9]\d{0,3})\s*")
SESSION_SECONDS = 7 * 24 * 3600
QUOTA_EXCEEDED = 0x97  # the hub can't store anything now
RETRY_SECONDS = 1


def log(text):
    print(text, file=sys.stderr, flush=True)


def read_token():
    with open(os.environ["CONFAB_TOKEN_FILE"], encoding="ascii") as file:
        return file.read().strip()


def answer(entry):
    """The text that answers an entry, None for most."""
    if entry.get("type") != "message" or entry.get("client_ref", "").startswith("roll-"):
        return None
    asked = ROLL.fullmatch(entry["body"].get("text", ""))
    if not asked:
        return None
    count, sides = int(asked[1]), int(asked[2])
    dice = random.Random(f"{entry['topic']}/{entry['seq']}")
    rolls = [dice.randint(1, sides) for _ in range(count)]
    return f"{count}d{sides}: {' + '.join(map(str, rolls))} = {sum(rolls)}"


class Bot:
    def __init__(self):
        self.asked = {}  # messages whose answer is on its way, by the answer's packet identifier
        self.lock = threading.Lock()
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5, manual_ack=True,
                                  client_id=os.environ.get("CONFAB_CLIENT_ID", "python-bot"))
        self.client.tls_set_context(ssl.create_default_context(cafile=os.environ.get("CONFAB_CA_FILE")))
        self.client.reconnect_delay_set(min_delay=1, max_delay=60)
        self.client.on_pre_connect = lambda client, _: client.username_pw_set("", read_token())
        self.client.on_connect = self.on_connect
        self.client.on_subscribe = lambda *_: log("ready")
        self.client.on_disconnect = lambda _c, _u, _f, code, _p: log(f"disconnected: {code}")
        self.client.on_message = self.on_message
        self.client.on_publish = self.on_publish

    def run(self):
        session = Properties(PacketTypes.CONNECT)
        session.SessionExpiryInterval = SESSION_SECONDS
        self.client.connect_async(os.environ.get("CONFAB_HOST", "localhost"),
                                  int(os.environ.get("CONFAB_PORT", "8883")), clean_start=False, properties=session)
        signal.signal(signal.SIGTERM, lambda *_: self.client.disconnect())
        self.client.loop_forever(retry_first_connection=True)

    def on_connect(self, client, _userdata, _flags, code, _properties):
        if code.is_failure:
            log(f"refused: {code}")
            return
        log("connected")
        client.subscribe([(topic, mqtt.SubscribeOptions(qos=1)) for topic in ("direct/+/+", "group/+")])

    def on_message(self, client, _userdata, message):
        entry = json.loads(message.payload)
        text = answer(entry)
        if text is None:
            client.ack(message.mid, message.qos)
        else:
            self.say(text, entry, message)

    def say(self, text, entry, message):
        reference = Properties(PacketTypes.PUBLISH)
        reference.UserProperty = ("client_ref", f"roll-{entry['seq']}")
        with self.lock:
            info = self.client.publish(entry["topic"], text, qos=1, properties=reference)
            self.asked[info.mid] = (text, entry, message)

    def on_publish(self, client, _userdata, mid, code, _properties):
        with self.lock:
            text, entry, message = self.asked.pop(mid)
        if code.value == QUOTA_EXCEEDED:
            threading.Timer(RETRY_SECONDS, self.say, (text, entry, message)).start()
            return
        if code.is_failure:
            log(f"{entry['topic']}: {code}")
        client.ack(message.mid, message.qos)


if __name__ == "__main__":
    Bot().run()
