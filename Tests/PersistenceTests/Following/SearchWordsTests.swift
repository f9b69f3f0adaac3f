import Testing

@testable import Persistence

struct SearchWordsTests {
    @Test(arguments: [
        ("Good morning, John!", "#7 good morning john"),
        ("see example.com/docs?a=1", "#7 see example com docs a 1"),
        ("don't  3.14 e-mail", "#7 don t 3 14 e mail"),
        ("Grüße ÄRGER Ωmega ЖУК", "#7 grüße ärger ωmega жук"),
        // A dash, quotes and spaces beyond ASCII part words, too; a combining mark does not.
        ("eins–zwei\u{A0}«drei»\u{3000}vier", "#7 eins zwei drei vier"),
        ("cafe\u{301} हिन्दी 東京タワー ٣", "#7 cafe\u{301} हिन्दी 東京タワー ٣"),
        ("İ K", "#7 i\u{307} k"),
        ("👍 !!", "#7"),
        ("", "#7"),
    ])
    func vectors(_ text: String, _ vector: String) {
        #expect(SearchWords.vector(Array(text.utf8), topicID: 7) == Array(vector.utf8))
    }

    @Test(arguments: [
        ("morn", "morn:*"), ("Good MORN", "good & morn:*"), ("a'b:* | !c", "a & b & c:*"), ("#7", "7:*"), ("?! 👍", nil),
    ])
    func queries(_ text: String, _ query: String?) {
        #expect(SearchWords.query(text) == query)
    }

    @Test func longWordsAreCutBetweenCharacters() {
        #expect(SearchWords.query(String(repeating: "a", count: 5_000)) == String(repeating: "a", count: 200) + ":*")
        #expect(
            SearchWords.query("a" + String(repeating: "ä", count: 5_000)) == "a" + String(repeating: "ä", count: 99)
                + ":*")
    }

    @Test func textsOfMessages() {
        func text(_ suffix: String) -> String? {
            MessageText.utf8(ofSuffix: Array(suffix.utf8)).map { String(decoding: $0, as: UTF8.self) }
        }
        #expect(text(#","client_ref":"a","body":{"reply_to":1,"text":"a \"b\" \u00e4"}}"#) == "a \"b\" ä")
        #expect(text(#","body":{"deleted":true}}"#) == nil)
        #expect(text(#","body":{"text":null}}"#) == nil)
        #expect(text("") == nil)
    }
}
