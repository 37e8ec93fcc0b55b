// SPDX-License-Identifier: Apache-2.0

/// Which events a `--tail` shows. All conditions that are set must hold; within one that can be given several times, any.
///
/// `Codable` so that it travels to the daemon as it was given; `CompiledFilter` is what matches.
package struct EventFilter: Sendable, Codable, Equatable {
    /// Patterns of kind names; none: all kinds.
    package var kinds: [String] = []
    /// As the initial pid namespace has them; none: all processes.
    package var pids: [UInt32] = []
    /// Of the whole path, or of its last component if there is no `/` in the pattern.
    package var executables: [String] = []
    package var namespaces: [String] = []
    /// `KIND/NAME`; the name is a pattern and may be left out.
    package var workloads: [String] = []
    /// Name (a pattern) or the beginning of the id.
    package var containers: [String] = []
    package var toolCalls: [String] = []
    /// Of any path in the event: the file's, its new name's, a Unix peer's.
    package var paths: [String] = []
    /// Address, CIDR, host name, Unix socket.
    package var peers: [String] = []
    /// Only what is new to its workload.
    package var firstSeenOnly = false

    package init() {}
}

/// A condition that cannot be understood. The flag's name is the user's; other programs have the same word.
package struct FilterError: Error, Sendable, Equatable, CustomStringConvertible {
    /// With its dashes, as in `--kind`.
    package var flag: String
    package var value: String
    package var reason: String

    package var description: String { "\(flag) \(value): \(reason)" }
}
