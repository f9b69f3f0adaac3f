/// One step of the schema. Numbers count from 1 without gaps; a published step never changes again.
package struct Migration: Sendable {
    package let number: Int
    package let name: String
    /// Statements, separated by semicolons; they run in one transaction.
    package let sql: String

    package init(number: Int, name: String, sql: String) {
        self.number = number
        self.name = name
        self.sql = sql
    }
}
