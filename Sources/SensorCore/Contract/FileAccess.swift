// SPDX-License-Identifier: Apache-2.0

/// What was asked of a file, or changed about it. The bits are those of `enum sensor_access`.
package struct FileAccess: OptionSet, Sendable, Hashable {
    package let rawValue: UInt32

    package init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    package static let read = FileAccess(rawValue: 0x1)
    package static let write = FileAccess(rawValue: 0x2)
    package static let create = FileAccess(rawValue: 0x4)
    package static let truncate = FileAccess(rawValue: 0x8)
    package static let append = FileAccess(rawValue: 0x10)
    package static let execute = FileAccess(rawValue: 0x20)
    /// `O_PATH`: a handle, nothing of the content.
    package static let path = FileAccess(rawValue: 0x40)
    package static let directory = FileAccess(rawValue: 0x80)
    /// `O_TMPFILE`.
    package static let temporary = FileAccess(rawValue: 0x100)
    /// Got as a descriptor from another process, without an open.
    package static let received = FileAccess(rawValue: 0x200)
    /// `open_by_handle_at`: no path was walked.
    package static let handle = FileAccess(rawValue: 0x400)
    package static let mode = FileAccess(rawValue: 0x10000)
    package static let owner = FileAccess(rawValue: 0x20000)
    package static let times = FileAccess(rawValue: 0x40000)
    package static let xattr = FileAccess(rawValue: 0x80000)
    package static let size = FileAccess(rawValue: 0x100000)
    /// A symbolic link was made, else a hard one.
    package static let symbolic = FileAccess(rawValue: 0x200000)
    package static let node = FileAccess(rawValue: 0x400000)
    /// Made executable by `mprotect`.
    package static let protect = FileAccess(rawValue: 0x800000)
    /// Both names are there still, and changed places (`RENAME_EXCHANGE`).
    package static let exchange = FileAccess(rawValue: 0x1000000)

    /// The names of the bits that are set, lowest first. A bit without a name is left out.
    package var names: [String] {
        var names: [String] = []
        forEachName { names.append($0.description) }
        return names
    }

    /// What the names mean; those that are not known mean nothing.
    init(named names: [String]) {
        let names = Set(names)
        self.init((0..<32).map { FileAccess(rawValue: 1 << $0) }.filter { !names.isDisjoint(with: $0.names) })
    }

    @inline(__always)
    func forEachName(_ body: (StaticString) -> Void) {
        var rest = rawValue
        while rest != 0 {
            if let name = Self.name(ofBit: rest.trailingZeroBitCount) {
                body(name)
            }
            rest &= rest - 1
        }
    }

    private static func name(ofBit bit: Int) -> StaticString? {
        switch bit {
        case 0: "READ"
        case 1: "WRITE"
        case 2: "CREATE"
        case 3: "TRUNCATE"
        case 4: "APPEND"
        case 5: "EXECUTE"
        case 6: "PATH"
        case 7: "DIRECTORY"
        case 8: "TEMPORARY"
        case 9: "RECEIVED"
        case 10: "HANDLE"
        case 16: "MODE"
        case 17: "OWNER"
        case 18: "TIMES"
        case 19: "XATTR"
        case 20: "SIZE"
        case 21: "SYMBOLIC"
        case 22: "NODE"
        case 23: "PROTECT"
        case 24: "EXCHANGE"
        default: nil
        }
    }
}
