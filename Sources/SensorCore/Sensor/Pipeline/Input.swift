// SPDX-License-Identifier: Apache-2.0

package import CSensorBPF

/// One thing that reaches the pipeline from outside, as a recording keeps it.
///
/// Whatever is not an input is asked of a `HostView`, so the same inputs and answers give the same events, byte for byte.
package enum Input {
    /// A ring record, whole.
    case record([UInt8])
    /// What the kernel counted for a key since it was last asked.
    case count(CountDelta)
    /// Losses that the kernel side wrote down since it was last asked.
    case loss(LossLedger.Key, count: UInt64)
    /// io_uring operations that nobody decodes, since last asked.
    case uring(sensor_uring_key, count: UInt64)
    /// The key is out of the kernel's memory: its next occurrence is a first sight again.
    case forgotten(sensor_key)
    /// A tick begins: counts and losses up to `ClockReading.boot` follow.
    case tick(ClockReading)
    /// Learn all cgroups there are.
    case scanCgroups
    /// Learn all processes from /proc, where the kernel cannot list them.
    case scanProcesses
    /// What the API server's side has told.
    case cluster([ClusterChange])
    /// The selectors of what is watched from now on; none: everything is.
    case watch([String])
    /// What the tool-call socket has learned.
    case call(CallChange)
    /// All that agents had sent on the tool-call socket by these times has been told before this. From the first one on what
    /// seems to be a call's own waits until that is known.
    case heard(HeardTimes)
    /// Events that have waited long enough for their workload at this time of the boot clock go as they are.
    case settle(UInt64)
}

/// What the kernel counted for a key since it was last asked.
package struct CountDelta {
    package var key: sensor_key
    package var count: UInt64
    /// Payload bytes, for network kinds.
    package var sent: UInt64
    package var received: UInt64

    package init(key: sensor_key, count: UInt64, sent: UInt64 = 0, received: UInt64 = 0) {
        self.key = key
        self.count = count
        self.sent = sent
        self.received = received
    }
}

/// What is fixed for as long as the sensor runs.
package struct Session: Sendable, Equatable {
    /// The kernel's id of this boot, without dashes or with; the first part of process ids.
    package var bootID: String
    /// 128 random bits in hexadecimal; the first part of event ids.
    package var streamID: String
    /// Name of the node in events; empty for none.
    package var node: String
    /// Id of the tracked hierarchy: 0 for the unified one.
    package var hierarchy: Int32
    /// The sensor itself.
    package var pid: UInt32
    /// The command that is watched with its descendants, where that is all; 0: everything is.
    package var root: UInt32
    package var clock: ClockReading

    package init(
        bootID: String, streamID: String, node: String = "", hierarchy: Int32 = 0, pid: UInt32 = 0, root: UInt32 = 0,
        clock: ClockReading
    ) {
        self.bootID = bootID
        self.streamID = streamID
        self.node = node
        self.hierarchy = hierarchy
        self.pid = pid
        self.root = root
        self.clock = clock
    }

    /// 128 random bits.
    package static func randomStreamID() -> String {
        var random = SystemRandomNumberGenerator()
        return (0..<2).map { _ in
            let word = String(random.next() as UInt64, radix: 16)
            return String(repeating: "0", count: 16 - word.utf8.count) + word
        }.joined()
    }
}
