// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials
internal import Glibc

/// Removes what daemons have left in a run directory and in a state directory, however they ended. Programs and maps are not
/// among it: they go with the process, or are pinned (`PinnedState`).
package struct Uninstallation: Sendable {
    /// What is gone.
    package private(set) var removed: [String] = []
    /// What stays in these directories, since no daemon has put it there, or it cannot be removed.
    package private(set) var left: [String] = []

    /// - Parameter stateDirectory: nil: that of the daemon stays.
    /// - Throws: a daemon runs, or a directory is not this user's; then nothing has been removed, unless from the run directory.
    package init(runDirectory: String, stateDirectory: String?) throws {
        try removeRunDirectory(runDirectory)
        if let stateDirectory { try removeState(stateDirectory) }
    }

    private mutating func removeRunDirectory(_ path: String) throws {
        guard SmallFile.exists(path) else { return }
        // Nobody starts meanwhile: it has the lock, and the socket, until it is let go.
        let listener = try ControlListener(runDirectory: path)
        let control = ControlSocket.directory(in: path)
        for socket in [ToolCallListener.path(in: path), TraceServer.path(in: path)] { remove(file: socket) }
        remove(directory: path + "/agent")
        for file in [ControlSocket.path(in: path), control + "/lock"] { remove(file: file) }
        remove(directory: control)
        remove(directory: path)
        withExtendedLifetime(listener) {}
    }

    /// What is known of pods, and a draft of it.
    private static let cache: Set<String> = ["identity.json", "identity.json.new"]

    private mutating func removeState(_ path: String) throws {
        guard SmallFile.exists(path) else { return }
        let directory = try StateDirectory(path)
        for (_, files) in SetAsideFiles.all(in: path) {
            for name in Self.names(in: files.directory) where SetAsideFiles.isOwn(name) {
                remove(file: "\(files.directory)/\(name)")
            }
            remove(directory: files.directory)
        }
        let own = try directory.names().filter { StateLog.isOwn($0) || NodeKey.isOwn($0) || Self.cache.contains($0) }
        for name in own.sorted() { remove(file: "\(path)/\(name)") }
        remove(file: "\(path)/\(StateDirectory.lockName)")
        remove(directory: path)
        withExtendedLifetime(directory) {}
    }

    private mutating func remove(file path: String) {
        if unlink(path) == 0 {
            removed.append(path)
        } else if errno != ENOENT {
            left.append(path)
        }
    }

    /// An empty one; of others what is in it stays, and is told.
    private mutating func remove(directory path: String) {
        if rmdir(path) == 0 { return removed.append(path) }
        if errno == ENOENT { return }
        let names = Self.names(in: path).map { "\(path)/\($0)" }.filter { !left.contains($0) }
        left += names.isEmpty ? [path] : names.sorted()
    }

    private static func names(in directory: String) -> [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
    }
}
