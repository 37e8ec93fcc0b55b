// SPDX-License-Identifier: Apache-2.0

/// Everything that the pipeline wants to know of the machine while it works: asked here and nowhere else, so that a
/// recording of the answers makes a replay see the same machine.
///
/// Used by one thread only, the pipeline's. An answer may be late (the process has gone, its pid is another's by now):
/// whoever asks checks.
package protocol HostView: AnyObject {
    func answer(_ question: HostQuestion) -> HostAnswer
}

package enum HostQuestion: Hashable, Sendable {
    package enum ProcessFile: UInt8, Sendable, CaseIterable {
        case stat = 1
        case status = 2
        case cmdline = 3
        case cgroup = 4
    }

    package enum ProcessLink: UInt8, Sendable, CaseIterable {
        case executable = 1
        case workingDirectory = 2
    }

    /// The pids in /proc. Answer: 32-bit integers, little-endian.
    case processes
    /// The content of a file below /proc/PID.
    case file(pid: UInt32, ProcessFile)
    /// Where a link below /proc/PID leads.
    case link(pid: UInt32, ProcessLink)
    /// `path`, taken from the root of the process, with all links followed: as the process's root shows it. Never leaves
    /// that root. Where the way leads through what /proc has for whoever looks (`/proc/self`), that is the process's, if
    /// `isItself` says that it is the one in question, and not an ancestor that stands in for it; else it fails with
    /// EXDEV, as it does where the process's root shows no way. Fails with `noProcess` if the process is gone.
    case resolve(pid: UInt32, path: ByteString, isItself: Bool)
    /// All cgroups of the tracked hierarchy. Answer: for each its id (64 bits) and the length of its path below the
    /// hierarchy's root (32 bits), little-endian, and the path. Of one that could not be read the id
    /// is 0.
    case cgroups
    /// The id of the cgroup with this path below the tracked hierarchy's root. Answer: 64 bits, little-endian.
    case cgroupID(path: ByteString)
    /// What the runtimes of the machine keep of a container, of the system or of an unprivileged user: see
    /// `RuntimeStateFile.candidates`. Answer: `RuntimeContainer.encoded`, and never more of the files, since they hold
    /// secrets; else a `RuntimeStateFault`.
    case runtimeState(ContainerRuntime?, id: String, user: UInt32?)

    /// ESRCH.
    package static let noProcess: Int32 = 3
}

package enum HostAnswer: Hashable, Sendable {
    case bytes([UInt8])
    /// An errno.
    case failure(Int32)

    package var bytes: [UInt8]? {
        if case .bytes(let bytes) = self { bytes } else { nil }
    }
}
