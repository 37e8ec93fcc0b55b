// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF

extension Privileges {
    /// What a daemon does not need any more once its programs are attached.
    private static let ofLoading: [Capability] = [.perfmon, .netAdmin, .sysResource]

    /// What a daemon keeps of these.
    ///
    /// - Parameters:
    ///   - settings: what its settings ask for besides, see `Settings.capabilities`.
    ///   - isAttached: its programs are attached.
    package func kept(_ settings: [Capability] = [], isAttached: Bool) -> [Capability] {
        Capability.allCases.filter { capability in
            guard holds(capability) else { return false }
            return switch capability {
            case .chown, .dacOverride, .netBindService: settings.contains(capability)
            // Whoever has both of those that were split off from it needs it for nothing.
            case .sysAdmin: !holds(.bpf) || !holds(.perfmon)
            default: !isAttached || !Self.ofLoading.contains(capability)
            }
        }
    }

    /// Gives up every capability of the calling thread but these, and with `no_new_privs` what a set-id program could give
    /// back. It gains none. Threads that it starts from now on have no more either; those that run already keep theirs.
    package static func keep(_ kept: [Capability]) throws(SystemError) {
        let mask = kept.reduce(UInt64(0)) { $0 | 1 << UInt64($1.rawValue) }
        if sensor_keep_capabilities(mask) != 0 { throw SystemError("give up capabilities") }
    }

    /// For a thread that does nothing but read and write the sensor's own files.
    static func keepForFiles() {
        // Where that fails it has what the thread had that started it.
        try? keep([.dacOverride, .dacReadSearch])
    }
}
