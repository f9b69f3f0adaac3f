import Testing

@testable import Persistence

/// The client against a real server: types, errors, transactions, and what it does when connections break.
@Suite struct DatabaseTests {
    @Test func valuesComeBackAsTheyWere() async throws {
        try await TestDatabase.with(migrated: false) { (test) async throws in
            let rows = try await test.database.query(
                "SELECT $1, $2, $3, $4, $5, $6, $7, $8::text, $1::int2, $1::int4, '2025-01-01T00:00:01.5Z'::timestamptz",
                [
                    .int(-7), .bool(true), .text("héllo\n"), .bytes([0, 255, 1]), .ints([1, -2, .max]),
                    .texts(["a", "", "ü"]), .ints([]), .null,
                ])
            #expect(rows.count == 1)
            #expect(rows.int(0, 0) == -7)
            #expect(rows.bool(0, 1))
            #expect(rows.text(0, 2) == "héllo\n")
            #expect(rows.bytes(0, 3) == [0, 255, 1])
            #expect(rows.ints(0, 4) == [1, -2, .max])
            #expect(rows.ints(0, 6) == [])
            #expect(rows.isNull(0, 7))
            #expect(rows.int(0, 8) == -7 && rows.int(0, 9) == -7)
            #expect(rows.unixMilliseconds(0, 10) == 1_735_689_601_500)
            let texts = try await test.database.query("SELECT unnest($1)", [.texts(["a", "", "ü"])])
            #expect((0..<3).map { texts.text($0, 0) } == ["a", "", "ü"])
        }
    }

    @Test func emptyTextAndBytesAreNotNull() async throws {
        try await TestDatabase.with(migrated: false) { (test) async throws in
            let rows = try await test.database.query("SELECT $1, $2", [.text(""), .bytes([])])
            #expect(!rows.isNull(0, 0) && !rows.isNull(0, 1))
        }
    }

    /// The first call with a null leaves the type to the server; a later one with a value must not be misread.
    @Test func aNullFirstDoesNotFixTheType() async throws {
        try await TestDatabase.with(migrated: false) { (test) async throws in
            _ = try await test.database.query("CREATE TABLE t (n smallint)")
            for value in [Parameter.null, .int(5), .null, .int(6)] {
                _ = try await test.database.query("INSERT INTO t VALUES ($1)", [value])
            }
            let rows = try await test.database.query("SELECT sum(n)::bigint, count(*) FROM t")
            #expect(rows.int(0, 0) == 11 && rows.int(0, 1) == 4)
        }
    }

    @Test func affectedRowsAreCounted() async throws {
        try await TestDatabase.with(migrated: false) { (test) async throws in
            _ = try await test.database.query("CREATE TABLE t (n int)")
            #expect(try await test.database.query("INSERT INTO t SELECT generate_series(1, 5)").affected == 5)
            #expect(try await test.database.query("DELETE FROM t WHERE n > 3").affected == 2)
        }
    }

    @Test func refusalsCarryCodeAndConstraint() async throws {
        try await TestDatabase.with(migrated: false) { (test) async throws in
            let database = test.database
            _ = try await database.query("CREATE TABLE t (n int CONSTRAINT t_n PRIMARY KEY)")
            _ = try await database.query("INSERT INTO t VALUES ($1)", [.int(1)])
            for _ in 1...2 {
                let error = await #expect(throws: DatabaseError.self) {
                    try await database.query("INSERT INTO t VALUES ($1)", [.int(1)])
                }
                guard case .refused("23505", "t_n", _) = error else { throw try #require(error) }
                #expect(error?.isUniqueViolation == true)
            }
            let syntax = await #expect(throws: DatabaseError.self) { try await database.query("SELEKT 1") }
            #expect(syntax?.code == "42601")
        }
    }

    @Test func textWithNulIsRefusedWithoutAsking() async throws {
        try await TestDatabase.with(migrated: false) { (test) async throws in
            for parameter in [Parameter.text("a\0b"), .texts(["a", "\0"])] {
                let error = await #expect(throws: DatabaseError.self) {
                    try await test.database.query("SELECT $1", [parameter])
                }
                #expect(error?.code == "22021")
            }
        }
    }

    @Test func manyTasksShareFewConnections() async throws {
        var limits = Database.Limits()
        limits.connections = 3
        try await TestDatabase.with(migrated: false, limits: limits) { (test) async throws in
            let sum = try await withThrowingTaskGroup(of: Int64.self) { group in
                for number in 1...500 {
                    group.addTask { try await test.database.query("SELECT $1 + 0", [.int(Int64(number))]).int(0, 0) }
                }
                return try await group.reduce(0, +)
            }
            #expect(sum == 125_250)
            let used = try await test.database.query(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'"
            )
            #expect(used.int(0, 0) <= 3)
        }
    }

    @Test func largeValuesPass() async throws {
        try await TestDatabase.with(migrated: false) { (test) async throws in
            let bytes = [UInt8](unsafeUninitializedCapacity: 8 << 20) { buffer, count in
                for index in buffer.indices { buffer[index] = UInt8(truncatingIfNeeded: index &* 31) }
                count = buffer.count
            }
            let rows = try await test.database.query("SELECT $1", [.bytes(bytes)])
            #expect(rows.bytes(0, 0) == bytes)
        }
    }

    @Test func sessionSettingsHold() async throws {
        try await TestDatabase.with(migrated: false) { (test) async throws in
            let rows = try await test.database.query(
                "SELECT current_setting('jit'), current_setting('TimeZone'), current_setting('application_name')")
            #expect((0..<3).map { rows.text(0, $0) } == ["off", "UTC", "confab"])
        }
    }

    @Test func aFailedStartThrows() async {
        let database = Database(url: "host=/nonexistent dbname=x")
        let error = await #expect(throws: DatabaseError.self) { try await database.start() }
        #expect(error?.code == "unavailable")
    }
}
