// SPDX-License-Identifier: Apache-2.0

/// Why something was lost or came with less. The numbers are those of `enum sensor_loss_reason`.
package enum LossReason: UInt8, Sendable, CaseIterable {
    case ringFull = 1
    case ringBudget = 2
    case memoryFull = 3
    case memoryBudget = 4
    case memoryBusy = 5
    case memoryError = 6
    case readFault = 7
    case pathTooLong = 8
    case socketTable = 9
    case taskStorage = 10
    case recursion = 11
    case unknownRecord = 12
    case badRecord = 13
    case daemonLimit = 14
    case subscriber = 15
    case argumentsTooLong = 16
    case receivedTooMany = 17
    /// Of a 32-bit call nothing is decoded: a blind spot with a number, rather than events that got lost.
    case compat = 18
    case sentTooMany = 19
    case unreadable = 20
    case scopeFull = 21
    /// A tail's copy of an event that the records count: lost for that tail only.
    case stream = 22
    /// No room to note which tool calls a child was made within.
    case callsFull = 23
    /// The sensor had more to do than it may, and this workload was the cause.
    case overload = 24
    /// Nobody had looked at the rings for so long that the programs had gone quiet: how much was done meanwhile is not known.
    case quiet = 25

    /// The word for it in records, metrics and the tail's summary.
    package var name: String {
        switch self {
        case .ringFull: "ring_full"
        case .ringBudget: "ring_budget"
        case .memoryFull: "memory_full"
        case .memoryBudget: "memory_budget"
        case .memoryBusy: "memory_busy"
        case .memoryError: "memory_error"
        case .readFault: "read_fault"
        case .pathTooLong: "path_too_long"
        case .socketTable: "socket_table"
        case .taskStorage: "task_storage"
        case .recursion: "recursion"
        case .unknownRecord: "unknown_record"
        case .badRecord: "bad_record"
        case .daemonLimit: "daemon_limit"
        case .subscriber: "subscriber"
        case .argumentsTooLong: "arguments_too_long"
        case .receivedTooMany: "received_too_many"
        case .compat: "compat"
        case .sentTooMany: "sent_too_many"
        case .unreadable: "unreadable"
        case .scopeFull: "scope_full"
        case .callsFull: "calls_full"
        case .stream: "stream"
        case .overload: "overload"
        case .quiet: "quiet"
        }
    }

    /// Whether something is missing from what came: a field, the beginning of a path.
    package var isIncomplete: Bool {
        switch self {
        case .readFault, .pathTooLong, .taskStorage, .argumentsTooLong, .callsFull: true
        default: false
        }
    }

    /// Whether the event itself is gone. Otherwise it came, with a field missing or oftener than needed.
    package var isLost: Bool {
        switch self {
        case .ringFull, .ringBudget, .socketTable, .recursion, .unknownRecord, .badRecord, .daemonLimit,
            .subscriber, .receivedTooMany, .sentTooMany, .unreadable, .overload, .quiet:
            true
        case .memoryFull, .memoryBudget, .memoryBusy, .memoryError, .readFault, .pathTooLong, .taskStorage,
            .argumentsTooLong, .compat, .scopeFull, .stream, .callsFull:
            false
        }
    }

    /// Whether a tail, which wants every single event, did not get it.
    package var isLostForTails: Bool { isLost || self == .scopeFull || self == .stream }
}
