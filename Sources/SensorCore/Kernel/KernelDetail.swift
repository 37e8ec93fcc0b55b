// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF

/// How much of what is done in a cgroup the kernel tells. The numbers are those of `SENSOR_DETAIL_*`.
package enum KernelDetail: UInt32, Sendable {
    case whole = 0
    /// Repeats are counted, whoever streams them: a tail does not get them, which is counted as its loss.
    case firstSights = 1
    /// What is new is not told either, but for system calls, changes of identity, and a few of each kind in a second: it is counted
    /// as lost.
    case counts = 2

    /// What does not all come then, where it is new.
    static let spared: [EventKind] = [
        .fileOpen, .fileCreate, .fileDelete, .fileRename, .fileLink, .fileAttribute, .fileExecmap, .networkConnect,
        .networkSend, .networkListen, .networkAccept, .networkClose, .dnsAnswer,
    ]
}
