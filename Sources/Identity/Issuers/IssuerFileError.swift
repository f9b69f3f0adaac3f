/// What is wrong with a file of issuers, or with one that it names. For the operator, who wrote it.
package struct IssuerFileError: Error, Sendable, Equatable, CustomStringConvertible {
    package var file: String
    /// Which issuer; empty: the file as such.
    package var issuer: String
    package var problem: String

    package var description: String {
        [file, issuer, problem].filter { !$0.isEmpty }.joined(separator: ": ")
    }
}

/// The same while it is not known yet in which file it stands.
struct Flaw: Error, Equatable {
    var problem: String

    init(_ problem: String) { self.problem = problem }
}
