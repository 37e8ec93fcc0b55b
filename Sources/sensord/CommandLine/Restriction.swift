// SPDX-License-Identifier: Apache-2.0

import Logging
import SensorCore

/// Takes from the daemon what it does not need, in two steps. What cannot be taken keeps it from nothing, and is told.
struct Restriction {
    /// All capabilities that threads keep once the programs are attached.
    let kept: [Privileges.Capability]
    private let loading: [Privileges.Capability]
    /// Why it may do more than it needs; nil: it does not.
    private(set) var error: String?

    /// - Parameter privileges: what the daemon was started with.
    init(_ privileges: Privileges, _ settings: Settings) {
        let asked = settings.capabilities
        loading = privileges.kept(asked, isAttached: false)
        kept = privileges.kept(asked, isAttached: true)
    }

    /// For the main thread, before there is another.
    mutating func begin() {
        do throws(SystemError) { try Privileges.keep(loading) } catch { self.error = "\(error)" }
    }

    /// What was begun, before the programs are attached, on a thread that has given up already what goes then: so have all that it
    /// starts.
    func began<Value: Sendable>(_ begin: @escaping @Sendable () throws -> Value) throws -> Value {
        let kept = kept
        return try Worker.outcome("sensord-standby") {
            // What cannot be taken is told by `finish`.
            try? Privileges.keep(kept)
            return try begin()
        }
    }

    /// For the main thread, once the programs are attached: capabilities for itself and the threads that it starts, system
    /// calls for those that there are as well.
    mutating func finish(_ log: Logger) {
        do throws(SystemError) { try Privileges.keep(kept) } catch { self.error = self.error ?? "\(error)" }
        do throws(SystemError) { try CallFilter.refuseForProcess() } catch { self.error = self.error ?? "\(error)" }
        guard let error else { return }
        log.error("the daemon may do more than it needs: see sensord check", metadata: ["error": "\(error)"])
    }
}
