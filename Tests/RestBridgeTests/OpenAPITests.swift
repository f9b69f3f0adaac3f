import JSON
import Testing

@testable import RestBridge

/// What the document of the API says, held against the routes.
struct OpenAPITests {
    private static let documented = Documentation.areas.flatMap(\.operations.keys)

    @Test func everyRouteIsDocumented() {
        let missing = Route.all.map(\.key).filter { Documentation.find($0) == nil }
        #expect(missing.isEmpty, "routes without documentation: \(missing.joined(separator: ", "))")
    }

    @Test func everyDocumentedOperationHasARoute() {
        let routes = Set(Route.all.map(\.key))
        let stray = Self.documented.filter { !routes.contains($0) }
        #expect(stray.isEmpty, "documentation without a route: \(stray.sorted().joined(separator: ", "))")
    }

    @Test func nothingIsDocumentedTwice() {
        let counts = Dictionary(Self.documented.map { ($0, 1) }, uniquingKeysWith: +)
        #expect(counts.filter { $0.value > 1 }.isEmpty)
    }

    @Test func everyReferenceLeadsSomewhere() throws {
        let document = try JSONValue(parsing: OpenAPIDocument.bytes, depthMax: 64)
        var references: Set<String> = []
        Self.collect(document, into: &references)
        #expect(references.count > 20)
        for reference in references {
            var value: JSONValue? = document
            for part in reference.dropFirst(2).split(separator: "/") { value = value?[String(part)] }
            #expect(value != nil, "\(reference) leads nowhere")
        }
    }

    @Test func identifiersAreUnique() throws {
        let document = try JSONValue(parsing: OpenAPIDocument.bytes, depthMax: 64)
        let operations = document["paths"]?.object?.flatMap { $0.value.object ?? [] } ?? []
        let identifiers = operations.compactMap { $0.value["operationId"]?.string }
        #expect(identifiers.count == Route.all.count)
        #expect(Set(identifiers).count == identifiers.count)
    }

    @Test func publicRoutesNeedNoToken() throws {
        let document = try JSONValue(parsing: OpenAPIDocument.bytes, depthMax: 64)
        for route in Route.all {
            let operation = document["paths"]?[route.pattern.text]?[route.method.lowercased()]
            #expect((operation?["security"]?.array?.isEmpty == true) == (route.authentication == .none), "\(route.key)")
            #expect((operation?["responses"]?["401"] != nil) || route.authentication == .none, "\(route.key)")
        }
    }

    private static func collect(_ value: JSONValue, into references: inout Set<String>) {
        for element in value.array ?? [] { collect(element, into: &references) }
        for member in value.object ?? [] {
            if member.name == "$ref", let reference = member.value.string { references.insert(reference) }
            collect(member.value, into: &references)
        }
    }
}
