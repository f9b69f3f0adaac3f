import JSON

/// A file that somebody has uploaded.
package struct Attachment: Sendable, Equatable {
    package var id: Int64
    /// For people; empty: none was given.
    package var name: String
    /// In lower case, without parameters.
    package var mediaType: String
    package var size: Int64
    package var sha256: [UInt8]
    /// In pixels, for images whose header tells.
    package var width: Int64?
    package var height: Int64?

    package init(
        id: Int64, name: String, mediaType: String, size: Int64, sha256: [UInt8], width: Int64?, height: Int64?
    ) {
        self.id = id
        self.name = name
        self.mediaType = mediaType
        self.size = size
        self.sha256 = sha256
        self.width = width
        self.height = height
    }

    /// Reads `id, name, media_type, size, sha256, width, height`.
    init(_ rows: Rows, _ row: Int) {
        id = rows.int(row, 0)
        name = rows.text(row, 1)
        mediaType = rows.text(row, 2)
        size = rows.int(row, 3)
        sha256 = rows.bytes(row, 4)
        width = rows.isNull(row, 5) ? nil : rows.int(row, 5)
        height = rows.isNull(row, 6) ? nil : rows.int(row, 6)
    }

    /// In hexadecimal digits.
    package var digest: String { Self.hexadecimal(sha256) }

    /// In lower case.
    package static func hexadecimal(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef")
        return String(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
    }

    /// Writes the object `Attachment` (rest.md).
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.name("id")
        writer.id(id)
        if !name.isEmpty {
            writer.name("name")
            writer.string(name)
        }
        writer.name("media_type")
        writer.string(mediaType)
        writer.name("size")
        writer.number(size)
        writer.name("sha256")
        writer.string(digest)
        if let width, let height {
            writer.name("width")
            writer.number(width)
            writer.name("height")
            writer.number(height)
        }
        writer.name("url")
        writer.string("/attachments/\(id)")
        writer.name("created_at")
        writer.time(milliseconds: IDGenerator.milliseconds(of: id))
        writer.endObject()
    }
}
