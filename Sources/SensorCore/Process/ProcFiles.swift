// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF

/// What /proc/PID/stat tells of a process's place.
package struct ProcessStat: Equatable, Sendable {
    package var parent: UInt32
    /// Start on the boot clock, in hundredths of a second.
    package var startTicks: UInt64
    /// It ends, or has ended: in a cgroup hierarchy of version 1 it shows in the root from then on.
    package var isExiting: Bool

    /// - Parameter directory: of a process or a thread, as `/proc/1`; nil: it is gone.
    init?(in directory: String) {
        guard let bytes = ProcFile.bytes(directory + "/stat") else { return nil }
        self.init(bytes)
    }

    /// nil for bytes that are no such file.
    package init?(_ bytes: [UInt8]) {
        // The name may hold anything, parentheses and spaces included: count from its last parenthesis.
        guard let end = bytes.lastIndex(of: UInt8(ascii: ")")) else { return nil }
        let fields = bytes[(end + 1)...].split(separator: UInt8(ascii: " "))
        guard fields.count >= 20, let parent = UInt32(String(decoding: fields[1], as: UTF8.self)),
            let flags = UInt32(String(decoding: fields[6], as: UTF8.self)),
            let ticks = UInt64(String(decoding: fields[19], as: UTF8.self))
        else { return nil }
        self.parent = parent
        isExiting = flags & Self.exiting != 0
        startTicks = ticks
    }

    /// PF_EXITING, the same in all kernels.
    private static let exiting: UInt32 = 4
}

/// What /proc/PID/status tells of a process's identity. Namespaces and securebits are not in it.
package struct ProcessStatus: Equatable, Sendable {
    package var identity: IdentityState

    /// nil for bytes that are no such file.
    package init?(_ bytes: [UInt8]) {
        var fields: [Substring: [Substring]] = [:]
        let text = String(decoding: bytes, as: UTF8.self)
        for line in text.split(separator: "\n") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            fields[line[..<colon]] = line[line.index(after: colon)...].split(whereSeparator: \.isWhitespace)
        }
        guard let user = Self.identifiers(fields["Uid"]), let group = Self.identifiers(fields["Gid"]) else {
            return nil
        }
        func set(_ name: Substring) -> UInt64 {
            fields[name]?.first.flatMap { UInt64($0, radix: 16) } ?? 0
        }
        identity = IdentityState(
            user: user, group: group,
            capabilities: .init(
                permitted: set("CapPrm"), effective: set("CapEff"), inheritable: set("CapInh"),
                bounding: set("CapBnd"), ambient: set("CapAmb")),
            groups: fields["Groups"].map { groups in
                .init(
                    count: UInt32(groups.count),
                    first: groups.prefix(Int(SENSOR_GROUPS_MAX)).compactMap { UInt32($0) })
            })
    }

    private static func identifiers(_ fields: [Substring]?) -> IdentityState.Identifiers? {
        let numbers = (fields ?? []).compactMap { UInt32($0) }
        guard numbers.count == 4 else { return nil }
        return .init(real: numbers[0], effective: numbers[1], saved: numbers[2], fileSystem: numbers[3])
    }
}
