import Glibc
import JSON

/// A file that `--issuers` names: a JSON array with an object for each issuer. What it can hold stands in README.md.
package struct IssuerFile {
    private static let fileBytesMax = 1024 * 1024
    /// The name is part of an index entry, which has at most 2,704 bytes.
    private static let nameBytesMax = 1024
    /// What tokens for somebody's API are called in practice; RFC 9068 has `at+jwt`.
    private static let defaultTypes: [String?] = ["jwt", "at+jwt", nil]

    private let path: String

    /// All issuers of these files.
    /// - Parameter own: the hub's own name as an issuer, which nobody else may use.
    package static func load(_ paths: [String], own: String) throws(IssuerFileError) -> [OutsideIssuer] {
        var issuers: [OutsideIssuer] = []
        for path in paths {
            for issuer in try IssuerFile(path: path).read() {
                let name = issuer.issuer.name
                guard !issuer.issuer.isNamed(own) else {
                    throw IssuerFileError(file: path, issuer: name, problem: "is the hub itself")
                }
                guard !issuers.contains(where: { $0.issuer.isNamed(name) }) else {
                    throw IssuerFileError(file: path, issuer: name, problem: "stands there twice")
                }
                issuers.append(issuer)
            }
        }
        return issuers
    }

    private func read() throws(IssuerFileError) -> [OutsideIssuer] {
        let entries: [JSONValue]
        do throws(Flaw) {
            guard let values = try Self.json(in: path).array else { throw Flaw("must be an array of issuers") }
            entries = values
        } catch {
            throw IssuerFileError(file: path, issuer: "", problem: error.problem)
        }
        var issuers: [OutsideIssuer] = []
        for (index, entry) in entries.enumerated() {
            do throws(Flaw) {
                issuers.append(try issuer(entry))
            } catch {
                let name = entry["iss"]?.string ?? "issuer \(index + 1)"
                throw IssuerFileError(file: path, issuer: name, problem: error.problem)
            }
        }
        return issuers
    }

    private func issuer(_ entry: JSONValue) throws(Flaw) -> OutsideIssuer {
        var members = try MemberReader(entry)
        guard let name = try members.string("iss"), name.utf8.count <= Self.nameBytesMax else {
            throw Flaw("iss: must be a string of at most \(Self.nameBytesMax) bytes")
        }
        let issuer = OutsideIssuer(
            issuer: TokenIssuer(
                name: name, audiences: try Self.audiences(members.take("aud")),
                types: try Self.types(members.take("typ")),
                keys: try keys(&members)),
            createsUsers: try members.bool("create") ?? false, defaultACL: try Self.acl(members.take("acl")),
            scopes: try Self.scopes(members.take("scope")))
        try members.finish()
        return issuer
    }

    // MARK: Members

    private static func audiences(_ value: JSONValue?) throws(Flaw) -> [String] {
        let values = value?.array ?? value.map { [$0] } ?? []
        let audiences = values.compactMap(\.string).filter { !$0.isEmpty }
        guard !audiences.isEmpty, audiences.count == values.count else {
            throw Flaw("aud: must be a string, or an array of some")
        }
        return audiences
    }

    private static func types(_ value: JSONValue?) throws(Flaw) -> [String?] {
        guard let value else { return defaultTypes }
        guard let values = value.array, !values.isEmpty, values.allSatisfy({ $0.isNull || $0.string != nil }) else {
            throw Flaw("typ: must be an array of strings, and null if a token need not have one")
        }
        return values.map { $0.string.map(TokenIssuer.normalizedType) }
    }

    private static func acl(_ value: JSONValue?) throws(Flaw) -> AccessList? {
        guard let value else { return nil }
        guard let list = try? AccessList(value) else {
            throw Flaw(#"acl: must be an object like {"pub":["app/${sub}/#"],"sub":["app/#"],"all":[],"deny":[]}"#)
        }
        if let pattern = list.unusablePattern { throw Flaw("acl: \(pattern): no topic filter") }
        return list
    }

    private static func scopes(_ value: JSONValue?) throws(Flaw) -> Scopes {
        guard let value else { return .user }
        guard let scopes = value.string.flatMap(Scopes.init(validating:)) else {
            throw Flaw("scope: must be names of user, bot, service, admin, separated by spaces")
        }
        return scopes
    }

    // MARK: Keys

    private func keys(_ members: inout MemberReader) throws(Flaw) -> IssuerKeys {
        let set = members.take("keys"), setFile = try members.string("jwks_file")
        let secret = try members.string("secret"), secretFile = try members.string("secret_file")
        switch (set, setFile, secret, secretFile) {
        case (let set?, nil, nil, nil): return try JSONWebKey.keys(in: set)
        case (nil, let name?, nil, nil):
            return try Self.naming("jwks_file \(name)") { () throws(Flaw) in
                try JSONWebKey.keys(in: Self.json(in: resolve(name))["keys"])
            }
        case (nil, nil, let secret?, nil): return try Self.secret(Array(secret.utf8))
        case (nil, nil, nil, let name?):
            return try Self.naming("secret_file \(name)") { () throws(Flaw) in
                try Self.secret(Self.line(in: resolve(name)))
            }
        default: throw Flaw("one of jwks_file, keys, secret, secret_file must be there")
        }
    }

    /// Puts `place` before what is wrong.
    private static func naming(_ place: String, _ read: () throws(Flaw) -> IssuerKeys) throws(Flaw) -> IssuerKeys {
        do throws(Flaw) {
            return try read()
        } catch {
            throw Flaw("\(place): \(error.problem)")
        }
    }

    private static func secret(_ bytes: [UInt8]) throws(Flaw) -> IssuerKeys {
        guard bytes.count >= HMACKey.secretBytesMin else {
            throw Flaw("the secret has \(bytes.count) bytes, and must have \(HMACKey.secretBytesMin) or more")
        }
        return .sole(HMACKey(secret: bytes), id: nil)
    }

    // MARK: Files

    /// Files are named as seen from this one.
    private func resolve(_ name: String) -> String {
        guard !name.hasPrefix("/"), let slash = path.lastIndex(of: "/") else { return name }
        return path[...slash] + name
    }

    private static func json(in path: String) throws(Flaw) -> JSONValue {
        let bytes = try bytes(in: path)
        do throws(JSONError) {
            return try JSONValue(parsing: bytes)
        } catch {
            throw Flaw("\(error.reason) at byte \(error.offset)")
        }
    }

    /// Without the end of the line that editors and `echo` put there.
    private static func line(in path: String) throws(Flaw) -> [UInt8] {
        var bytes = try bytes(in: path)
        if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
        if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
        return bytes
    }

    private static func bytes(in path: String) throws(Flaw) -> [UInt8] {
        do throws(SmallFile.Failure) {
            if let bytes = try SmallFile.read(path, bytesMax: fileBytesMax) { return bytes }
        } catch {
            throw Flaw("\(error.call): \(String(cString: strerror(error.errno)))")
        }
        throw Flaw("has more than \(fileBytesMax) bytes")
    }
}
