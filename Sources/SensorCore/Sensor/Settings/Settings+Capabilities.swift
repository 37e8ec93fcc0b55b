// SPDX-License-Identifier: Apache-2.0

internal import Glibc

extension Settings {
    /// Capabilities that the daemon needs for these settings and not for others.
    package var capabilities: [Privileges.Capability] {
        var needed: [Privileges.Capability] = []
        // While it runs, too: a socket that somebody has removed is made again.
        if agentSocketGroup != nil { needed.append(.chown) }
        if [listen, otlpListen].contains(where: { (1..<1024).contains($0?.port ?? 0) }) {
            needed.append(.netBindService)
        }
        let files = [records == "-" ? nil : records, record, runDirectory, stateDirectory].compactMap(\.self)
        if files.contains(where: Self.isAmongOthers) { needed.append(.dacOverride) }
        return needed
    }

    /// Whether the file, or the directory that it would be made in, is another user's.
    private static func isAmongOthers(_ path: String) -> Bool {
        var status = stat()
        if stat(path, &status) == 0, status.st_uid != geteuid() { return true }
        var rest = Substring(path)
        // Directories above it may have to be made as well.
        while let slash = rest.lastIndex(of: "/") {
            rest = rest[..<slash]
            if stat(rest.isEmpty ? "/" : String(rest), &status) == 0 { return status.st_uid != geteuid() }
        }
        return stat(".", &status) == 0 && status.st_uid != geteuid()
    }
}
