// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The processes that a command has left to wait for. For one thread, to be asked after SIGCHLD.
package struct Descendants {
    private let root: Int32
    /// How the command itself ended, as `waitpid` tells it; `nil` while it runs.
    package private(set) var rootStatus: Int32?
    /// No descendant is left either, as far as can be told.
    package private(set) var haveAllEnded = false

    /// This process had children before: they are not waited for, and so orphans cannot be.
    private let hasOthers: Bool

    /// - Parameter hasOthers: see `hasChildren`, asked before the command was forked.
    package init(root: Int32, hasOthers: Bool) {
        self.root = root
        self.hasOthers = hasOthers
    }

    /// Whether this process has children, as one that a shell has replaced by `exec` may.
    package static var hasChildren: Bool {
        var information = siginfo_t()
        return waitid(P_ALL, 0, &information, WEXITED | WNOHANG | WNOWAIT) == 0
    }

    /// Sends the command a signal; it must not have been reaped.
    package func signal(_ number: Int32) {
        if rootStatus == nil { kill(root, number) }
    }

    /// Takes what has ended.
    package mutating func reap() {
        while true {
            var status: Int32 = 0
            let pid = waitpid(-1, &status, WNOHANG)
            if pid == root { rootStatus = status }
            if pid > 0 || pid < 0 && errno == EINTR { continue }
            haveAllEnded = pid < 0 && errno == ECHILD || hasOthers && rootStatus != nil
            return
        }
    }
}
