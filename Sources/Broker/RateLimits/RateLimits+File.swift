import JSON

extension RateLimits {
    /// What is wrong with a file of limits, for whoever wrote it.
    package struct Flaw: Error, Equatable {
        package let problem: String
    }

    /// The largest number of connections that a file may allow: more than a machine has ports and descriptors.
    static let connectionsMax: Int64 = 10_000_000

    /// Reads a file of `--limits`: a JSON object with a member for each limit that is not to be the built-in one. Limits of rate are
    /// `{"count":…, "seconds":…, "burst"?:…}`, those of connections numbers; `"off"` takes a limit away.
    package init(file: [UInt8]) throws(Flaw) {
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONValue(parsing: file)
        } catch {
            throw Flaw(problem: "is not JSON: \(error.reason) at byte \(error.offset)")
        }
        guard let members = value.object else { throw Flaw(problem: "must be a JSON object") }
        self = .builtIn
        for member in members { try set(member.name, member.value) }
    }

    private mutating func set(_ name: String, _ value: JSONValue) throws(Flaw) {
        switch name {
        case "connections_per_user": connectionsPerUser = try Self.connections(name, value)
        case "connections": connections = try Self.connections(name, value)
        default:
            guard let known = Name(rawValue: name) else { throw Flaw(problem: "\(name): there is no such limit") }
            self[known] = try Self.rate(name, value)
        }
    }

    private static func connections(_ name: String, _ value: JSONValue) throws(Flaw) -> Int? {
        if value.string == "off" { return nil }
        guard let number = value.int64, 1...connectionsMax ~= number else {
            throw Flaw(problem: "\(name): must be a number from 1 to \(connectionsMax), or \"off\"")
        }
        return Int(number)
    }

    private static func rate(_ name: String, _ value: JSONValue) throws(Flaw) -> Rate? {
        if value.string == "off" { return nil }
        guard let members = value.object else {
            throw Flaw(problem: "\(name): must be {\"count\":…, \"seconds\":…, \"burst\":…}, or \"off\"")
        }
        if let other = members.first(where: { !["count", "seconds", "burst"].contains($0.name) }) {
            throw Flaw(problem: "\(name).\(other.name): is not known here")
        }
        let seconds = try number("seconds", of: name, value, max: Rate.secondsMax) ?? 1
        guard let count = try number("count", of: name, value, max: seconds * Rate.perSecondMax) else {
            throw Flaw(problem: "\(name).count: is missing")
        }
        let burst = try number("burst", of: name, value, max: Rate.burstMax)
        guard let burst = burst ?? (count <= Rate.burstMax ? count : nil) else {
            throw Flaw(problem: "\(name).burst: must be there, as count is above \(Rate.burstMax)")
        }
        return Rate(count, seconds: seconds, burst: burst)
    }

    private static func number(
        _ member: String, of name: String, _ value: JSONValue, max: Int64
    ) throws(Flaw) -> Int64? {
        guard let found = value[member] else { return nil }
        guard let number = found.int64, 1...max ~= number else {
            throw Flaw(problem: "\(name).\(member): must be a number from 1 to \(max)")
        }
        return number
    }
}
