// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Who may connect to the sockets that agents use.
package struct SocketAccess: Sendable, Equatable {
    /// Permission bits.
    package var mode: UInt32 = 0o666
    /// nil: the daemon's own.
    package var group: UInt32?

    package init() {}

    /// - Parameter group: a number, or a name of /etc/group; nil: the daemon's own.
    package init(mode: UInt32, group: String?) throws(SystemError) {
        self.mode = mode
        guard let group else { return }
        self.group = UInt32(group) ?? Self.number(of: group, in: ProcFile.text("/etc/group") ?? "")
        guard self.group != nil else { throw SystemError("find group \(group) in /etc/group", number: ENOENT) }
    }

    /// - Parameter groups: as group(5) has them.
    static func number(of name: String, in groups: String) -> UInt32? {
        for line in groups.split(separator: "\n") {
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            if fields.count >= 3, fields[0] == name { return UInt32(fields[2]) }
        }
        return nil
    }

    /// Gives a socket that has just been made to whom it is for. Links are not followed. False with errno set.
    ///
    /// - Parameter folder: its directory, to which nobody else may write.
    func apply(to name: String, in folder: Int32) -> Bool {
        if let group, fchownat(folder, name, uid_t.max, group, AT_SYMLINK_NOFOLLOW) != 0 { return false }
        // Nobody else may put a link there, and a change of group may have taken bits away.
        return fchmodat(folder, name, mode, 0) == 0
    }

    /// The same by its path.
    func apply(to path: String) -> Bool { apply(to: path, in: AT_FDCWD) }
}
