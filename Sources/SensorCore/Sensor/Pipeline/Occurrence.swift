// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF

/// What a record tells of, as an event will tell it but for its call.
struct Occurrence {
    let kind: EventKind
    let header: sensor_header
    let process: TrackedProcess?
    /// The process as it was then.
    let description: ProcessDescription?
    let subject: EventSubject
    let detail: EventDetail
    /// Since it was done, where it is told later, as a connection by its end (ns).
    let elapsed: UInt64

    var via: Via { Via(rawValue: header.key.hook) ?? .daemon }
    var errorNumber: Int32 { Int32(header.key.error) }
    /// The kernel tells what came of something done before.
    var isLate: Bool { header.uid == .max }

    /// Boot clock, ns: when it was done, as far as is known of what is told later.
    var doneAt: UInt64 { isLate ? header.time - min(elapsed, header.time) : header.time }
}
