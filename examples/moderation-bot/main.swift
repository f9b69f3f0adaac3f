import BotSupport
import Client
import Foundation

// Deletes messages with unwanted words in the groups in which it is an admin, and says so there.
//
// Both steps follow from the group's log alone: a message with such a word is deleted, and the bot's own deletion in the log is
// followed by a remark. Each has a reference of its own, so whenever the bot or the hub is killed, both happen once.

guard let wordsFile = ProcessInfo.processInfo.environment["MODERATION_WORDS"] else {
    throw Bot.Problem.missing("MODERATION_WORDS")
}
let unwanted = Set(
    try String(contentsOfFile: wordsFile, encoding: .utf8).lowercased().split(whereSeparator: \.isWhitespace))
let bot = try Bot(named: "moderation-bot")
let prefix = "moderation-"

/// Whether a whole word of the text is unwanted.
func isUnwanted(_ text: String) -> Bool {
    text.lowercased().split { !$0.isLetter && !$0.isNumber }.contains { unwanted.contains($0) }
}

/// Asks the hub to delete a message. Where the bot is no admin the hub refuses, and that is all right.
func delete(_ seq: Int64, in topic: String) async throws {
    let refusal = try await bot.publish(
        #"{"type":"delete","seq":\#(seq)}"#, to: topic, reference: "\(prefix)\(seq)", contentType: "application/json")
    switch refusal?.message {
    case nil: log("\(topic): deleted \(seq)")
    case "forbidden"?, "not-a-member"?, "not-found"?: break
    case let problem?: log("\(topic): \(seq) stays (\(problem))")
    }
}

try await bot.start()
try await bot.client.subscribe(to: "group/+")
log("ready")

for try await message in bot.client.messages {
    guard let entry = Entry(message), let seq = entry.seq else { continue }
    let target = entry.body.seq ?? seq
    if entry.from == bot.id {
        guard entry.type == "delete", entry.clientRef == "\(prefix)\(target)" else { continue }
        _ = try await bot.publish(
            "Message \(target) was deleted: it had a word that is not wanted here.", to: message.topic,
            reference: "\(prefix)remark-\(target)")
    } else if entry.type == "message" || entry.type == "edit", let text = entry.body.text, isUnwanted(text) {
        try await delete(target, in: message.topic)
    }
}
