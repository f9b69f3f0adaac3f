/// The program in the browser that shows the document of the API (https://swagger.io/tools/swagger-ui/), of a version that knows OpenAPI 3.1: 5
/// or later. It is not part of the hub.
package struct SwaggerUI: Sendable {
    package static let scriptName = "swagger-ui-bundle.js"
    package static let styleName = "swagger-ui.css"

    let script: [UInt8]
    let style: [UInt8]

    /// - Parameters:
    ///   - script: the file `scriptName` of its distribution.
    ///   - style: the file `styleName`.
    package init(script: [UInt8], style: [UInt8]) {
        self.script = script
        self.style = style
    }
}
