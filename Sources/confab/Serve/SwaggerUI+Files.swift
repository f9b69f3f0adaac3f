import Glibc
import Identity
import RestBridge

extension SwaggerUI {
    /// Its script has 1.5 MB.
    private static let fileBytesMax = 16 << 20

    /// Reads it from the folder of `--swagger-ui`, which must have it; or else from where it is installed beside the program, if it is.
    static func load(_ named: String?) throws(Server.Failure) -> SwaggerUI? {
        guard let folder = named ?? besideProgram() else { return nil }
        do throws(Failure) {
            return SwaggerUI(
                script: try read("\(folder)/\(scriptName)"), style: try read("\(folder)/\(styleName)"))
        } catch {
            guard named == nil else { throw Server.Failure(description: "--swagger-ui: \(error.text)") }
            return nil
        }
    }

    /// `PREFIX/share/confab/swagger-ui` of `PREFIX/bin/confab`; `tools/setup.sh` makes it fit SwiftPM's folders, too.
    private static func besideProgram() -> String? {
        var path = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &path, path.count)
        guard count > 0 else { return nil }
        let program = String(decoding: path[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let folders = program.split(separator: "/").dropLast(2)
        return "/" + (folders + ["share", "confab", "swagger-ui"]).joined(separator: "/")
    }

    private struct Failure: Error { var text: String }

    private static func read(_ path: String) throws(Failure) -> [UInt8] {
        let bytes: [UInt8]?
        do throws(SmallFile.Failure) {
            bytes = try SmallFile.read(path, bytesMax: fileBytesMax)
        } catch {
            throw Failure(text: "cannot read \(path): \(String(cString: strerror(error.errno)))")
        }
        guard let bytes else { throw Failure(text: "\(path) is larger than \(fileBytesMax >> 20) MiB") }
        return bytes
    }
}
