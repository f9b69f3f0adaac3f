import Foundation
import FuzzSupport
import JSON

// The JSON reader beside Foundation's, its scanner beside itself, and the writer behind both.

fuzz(seeds: Seeds.all, words: Seeds.words) { bytes in
    let parsed = parse(bytes)
    checkScan(bytes, parsed)
    checkFoundation(bytes, parsed)
    if case .success(let value) = parsed { checkRoundTrip(value) }
}

typealias Parsed = Result<JSONValue, JSONError>

func parse(_ bytes: [UInt8]) -> Parsed {
    do throws(JSONError) { return .success(try JSONValue(parsing: bytes)) } catch { return .failure(error) }
}

/// `scanObject` accepts the objects that `JSONValue` does, with the same members, and refuses the rest at the same byte.
func checkScan(_ bytes: [UInt8], _ parsed: Parsed) {
    do throws(JSONError) {
        let members = try scanObject(bytes.span)
        guard case .success(let value) = parsed, let object = value.object else {
            fatalError("scanObject accepts what JSONValue refuses")
        }
        expect(members.map(\.name).elementsEqual(object.map(\.name)), "the names")
        for (member, expected) in zip(members, object) { checkMember(bytes, member, expected.value) }
    } catch {
        switch parsed {
        case .success(let value): expect(value.object == nil, "scanObject refuses what JSONValue accepts")
        case .failure(let other):
            // A text that is no object is refused where it begins, whatever is wrong behind that.
            let first = bytes.first { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }
            if first == UInt8(ascii: "{") { expectEqual(error, other, "scanObject's error") }
        }
    }
}

/// A member's bytes are a text of their own, with the member's value.
func checkMember(_ bytes: [UInt8], _ member: JSONRange, _ expected: JSONValue) {
    guard case .success(let value) = parse(Array(bytes[member.range])) else { fatalError("a member is no JSON") }
    expectEqual(value, expected, "a member")
    switch value {
    case .null: expectEqual(member.kind, .null, "the kind")
    case .bool: expectEqual(member.kind, .bool, "the kind")
    case .number:
        expectEqual(member.kind, .number, "the kind")
        expectEqual(decodeInteger(bytes.span, member.range), value.int64, "the integer")
    case .string(let text):
        expectEqual(member.kind, .string, "the kind")
        expectEqual(decodeString(bytes.span, member.range), Array(text.utf8), "the string")
    case .array: expectEqual(member.kind, .array, "the kind")
    case .object: expectEqual(member.kind, .object, "the kind")
    }
}

/// What we accept, Foundation accepts. (It also takes more: a comma before a bracket, names that are repeated.)
func checkFoundation(_ bytes: [UInt8], _ parsed: Parsed) {
    guard case .success(let value) = parsed else { return }
    let isAccepted = (try? JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)) != nil
    expect(isAccepted || hasHugeNumber(value), "we accept what Foundation refuses")
}

/// Foundation refuses what a double cannot hold.
func hasHugeNumber(_ value: JSONValue) -> Bool {
    switch value {
    case .number(let text): !(Double(text)?.isFinite ?? false) || Double(text) == 0 || text.utf8.count > 300
    case .array(let elements): elements.contains(where: hasHugeNumber)
    case .object(let members): members.contains { hasHugeNumber($0.value) }
    case .null, .bool, .string: false
    }
}

// MARK: Writing

/// What is written is read again as the same.
func checkRoundTrip(_ value: JSONValue) {
    let written = encoded(value)
    guard case .success(let again) = parse(written) else { fatalError("what was written is not read") }
    expectEqual(again, value, "a value that was written")
    expectEqual(encoded(again), written, "the same value written twice")
}

func encoded(_ value: JSONValue) -> [UInt8] {
    var writer = JSONWriter()
    switch value {
    case .null: writer.null()
    case .bool(let value): writer.bool(value)
    case .number(let text):
        // Integers are written as they are read, but for minus zero, which no integer is.
        if let number = value.int64, text != "-0" { writer.number(number) } else { writer.raw(Array(text.utf8)) }
        expectEqual(writer.bytes, Array(text.utf8), "a number")
    case .string(let text):
        writer.string(text)
        var again: [UInt8] = []
        appendJSONString(utf8: text.utf8.span, to: &again)
        expectEqual(again, writer.bytes, "a string")
    case .array(let elements):
        writer.beginArray()
        for element in elements { writer.raw(encoded(element)) }
        writer.endArray()
    case .object(let members):
        // The writer's names are literals of the program.
        var bytes = [UInt8(ascii: "{")]
        for (index, member) in members.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            appendJSONString(member.name, to: &bytes)
            bytes.append(UInt8(ascii: ":"))
            bytes += encoded(member.value)
        }
        return bytes + [UInt8(ascii: "}")]
    }
    return writer.bytes
}
