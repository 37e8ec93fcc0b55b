// SPDX-License-Identifier: Apache-2.0

/// A process for ever: its pid comes back, this does not.
package struct ProcessKey: TableKey {
    /// As the initial pid namespace has it.
    package var tgid: UInt32
    /// Start of the process on the boot clock, ns; 0 unknown.
    package var start: UInt64

    package init(tgid: UInt32, start: UInt64) {
        self.tgid = tgid
        self.start = start
    }

    package func tableHash(seed: UInt64) -> UInt64 { mixed(UInt64(tgid) &* 0x9e37_79b9_7f4a_7c15 ^ start, seed) }
}

/// What a record or /proc tells about a process. What is nil is not known, and leaves what is known already.
package struct ProcessFacts {
    package var executable: ByteString?
    package var device: DeviceNumber?
    package var inode: UInt64 = 0
    /// Redacted.
    package var arguments: [String]?
    package var argumentsAreCut = false
    package var script: ByteString?
    package var workingDirectory: ByteString?
    package var identity: IdentityState?

    package init() {}
}

/// A process in the table. Lives as long as the table or a descendant needs it; used on the pipeline's thread only.
package final class TrackedProcess {
    // Of the properties that each event reads, exclusive access is not checked: only that thread changes them, as a whole.

    package internal(set) var key: ProcessKey
    /// As it is now; made anew when it changes.
    @exclusivity(unchecked) package internal(set) var description: ProcessDescription
    /// What it was forked from; stays after the parent's end, and nil if it was not known or too far back.
    package internal(set) var parent: TrackedProcess?
    /// Who it, or its leader, is to the kernel, as far as is known.
    package internal(set) var identity: IdentityState?
    /// Boot clock: when the kernel said so, of all threads; `.max` if /proc did, which says what is and not what was.
    var identityAt = UInt64.max
    /// Since one of its threads has become somebody else.
    var threads: ThreadIdentities?
    /// Boot clock of its latest `chroot` or `pivot_root`, or of its fork if another than its parent called clone. 0: its
    /// root is its parent's, as far as was seen.
    package var rootChangedAt: UInt64 = 0
    /// Its program was executed in the mount namespace that its parent was in then, as far as is known. A container's
    /// own never is: its parent is the runtime, or in the container itself.
    package internal(set) var ranInMountsOfParent = false
    /// Boot clock, ns; 0 while it lives, as far as is known.
    package internal(set) var endedAt: UInt64 = 0
    /// Its exit is an event already.
    package var isExitTold = false
    /// Boot clock of the newest fact about it.
    @exclusivity(unchecked) var knownAt: UInt64
    /// Boot clock of its latest event.
    @exclusivity(unchecked) var usedAt: UInt64
    /// Number of the workload in which it, or what it was forked from, executed a program of that workload's own; 0: none.
    @exclusivity(unchecked) package var settledIn: UInt64 = 0
    /// Number of the container in which its present program is told to be the runtime's; 0: none.
    package var runtimesIn: UInt64 = 0
    /// The call that its fork was done for, for people; nil: none was open, or nobody announced any.
    var startedFor: String?
    /// How many of its programs were told to be a container runtime's.
    package var runtimeStages = 0
    /// Start and id come from /proc, whose clock ticks are coarse.
    var isApproximate = false
    /// Facts about it are from a look at /proc after the fact, or missing.
    package internal(set) var isSketch = false
    let population: Population

    /// Whether `facts`, as of `time`, are newer than what is known and show another executable.
    func isAnotherProgram(_ facts: ProcessFacts, at time: UInt64) -> Bool {
        time > knownAt && facts.inode != 0
            && (facts.inode != description.executableInode || facts.device != description.executableDevice)
    }

    /// How many there are, those kept for their descendants included.
    final class Population {
        var count = 0
        /// Threads whose identities are kept.
        var threads = 0
    }

    init(
        key: ProcessKey, description: ProcessDescription, parent: TrackedProcess?, at time: UInt64,
        in population: Population
    ) {
        self.key = key
        self.description = description
        self.parent = parent
        knownAt = time
        usedAt = time
        self.population = population
        population.count += 1
    }

    deinit { population.count -= 1 }

    package var hasEnded: Bool { endedAt != 0 }
}
