enum Seeds {
    static let words = [
        "true", "false", "null", "{", "}", "[", "]", ":", ",", "\"", "\\u", "\\ud83d\\ude00", "\\n", "-1.5e3", "E+",
        "0",
        "9223372036854775807", "-9223372036854775808", "\"a\":", "é", "\u{1F600}",
    ]

    static func all() -> [[UInt8]] {
        let names = (0..<14).map { "\"n\($0)\":\($0)" }.joined(separator: ",")
        let deep = String(repeating: "[", count: 31) + "{}" + String(repeating: "]", count: 31)
        return [
            #" {"type" : "me\u0073sage","n": -1.5e3 ,"o":{"a":[{}, "}"],"type":1},"l":[ ],"t":true,"\u007a":null} "#,
            #"{"text":"é\ud83d\ude00\n\"\\\/\b\f\r\t","custom":{"a":0},"reply_to":9223372036854775807}"#,
            "[0,-0,1.0,1e9,-9223372036854775808,9223372036854775808]", "{\(names)}", "{\(names),\"n3\":0}", deep,
            "null",
            #"{"a":1,"\u0061":2}"#, #""\ud83d""#, #""\u0000""#, "\"\u{7F}\u{80}\u{7FF}\u{800}\u{FFFF}\u{10FFFF}\"",
        ].map { Array($0.utf8) }
    }
}
