extension EmbeddedPostgres {
    /// Whether a hub has made a cluster in this directory.
    package static func isThere(_ directory: String) -> Bool {
        Files.realPath("\(directory)/cluster") != nil
    }

    /// libpq's connection string of a server that runs in this directory, whoever started it; nil: none does.
    package static func urlOfRunning(_ directory: String) -> String? {
        guard let path = Files.realPath(directory), let owner = SystemUser.current else { return nil }
        // Who owns it makes no difference to who only looks.
        let running = ClusterDirectory(path: path, owner: owner).runningServer()
        return running.map { PostgresServer.url($0.socketDirectory) }
    }
}
