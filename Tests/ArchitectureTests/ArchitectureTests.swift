import Testing

/// The sources keep to the table of `Rules`.
@Suite struct ArchitectureTests {
    @Test(arguments: try SourceTree.swiftFiles())
    func fileKeepsItsModulesRules(file: SourceTree.File) throws {
        let rules = try #require(Rules.byModule[file.module], "\(file.module) is a new module: give it its rules")
        #expect(SourceChecker(module: file.module, rules: rules).violations(in: file.text) == [])
    }

    @Test func everyFolderIsAModuleWithRules() throws {
        #expect(Set(try SourceTree.modules()) == Set(Rules.byModule.keys).union(Rules.headerModules))
    }

    /// Removing modules that import nothing that is left must empty the table; what remains is a cycle.
    @Test func arrowsPointDown() {
        var left = Rules.byModule
        var below = Rules.headerModules
        while let module = left.first(where: { $0.value.ours.isSubset(of: below) })?.key {
            below.insert(module)
            left[module] = nil
        }
        #expect(left.keys.sorted() == [])
    }

    /// What the table forbids, the build shall not allow either.
    @Test func manifestHasTheSameArrows() throws {
        let declared = Manifest.dependencies(in: try SourceTree.manifest())
        for (module, rules) in Rules.byModule {
            let dependencies = try #require(declared[module], "\(module) is not in Package.swift")
            #expect(dependencies == rules.ours, "\(module)")
        }
    }

    @Test func productHasNoPackageDependency() throws {
        #expect(!(try SourceTree.manifest()).contains(".package("))
    }
}
