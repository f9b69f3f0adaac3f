import BotSupport
import Client

// Answers in its conversations and groups with what it got. Each answer bears a reference made of the number of the message that it
// answers, so the hub stores it once: a bot that was killed between its answer and its acknowledgement gets the message again, and
// answers again, and nobody sees it.

let bot = try Bot(named: "echo-bot")
let prefix = "echo-"

try await bot.start()
for filter in ["direct/+/+", "group/+"] { try await bot.client.subscribe(to: filter) }
log("ready")

for try await message in bot.client.messages {
    guard let entry = Entry(message), entry.type == "message", let seq = entry.seq, let text = entry.body.text else {
        continue
    }
    // Neither itself nor another one of its kind, or they would talk for ever.
    if entry.from == bot.id || entry.clientRef?.hasPrefix(prefix) == true { continue }
    // As plain text: what looks like JSON is said as it is.
    _ = try await bot.publish(text, to: message.topic, reference: "\(prefix)\(seq)", contentType: "text/plain")
}
