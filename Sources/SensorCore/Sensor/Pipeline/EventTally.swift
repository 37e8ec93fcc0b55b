// SPDX-License-Identifier: Apache-2.0

/// How many events there were: by kind, by how it is known whose they are, and by how they were joined to tool calls.
package struct EventTally: Sendable, Equatable {
    private var kinds = [UInt64](repeating: 0, count: EventKind.allCases.reduce(0) { max($0, Int($1.rawValue)) } + 1)
    private var attributions = [UInt64](repeating: 0, count: AttributionMethod.allCases.count)
    private var joins = [UInt64](repeating: 0, count: ToolCallReference.Method.allCases.count)
    /// Of agents that announce calls, and of no call.
    package private(set) var withoutCall: UInt64 = 0
    /// That OpenTelemetry spans have told of a call for, after the fact.
    package private(set) var ofSpans: UInt64 = 0

    package init() {}

    /// Events, however often each of them says that something was done.
    package func events(of kind: EventKind) -> UInt64 { kinds[Int(kind.rawValue)] }

    /// What was done, where repeats that one event tells of count each.
    package func attributed(by method: AttributionMethod) -> UInt64 { attributions[Int(method.rawValue)] }

    /// As `attributed(by:)`.
    package func joined(by method: ToolCallReference.Method) -> UInt64 { joins[Self.place(of: method)] }

    /// - Parameter ofAgent: it announces calls.
    mutating func count(_ event: Event, ofAgent: Bool) {
        kinds[Int(event.kind.rawValue)] &+= 1
        // A tail's copy is counted with the repeats that it is one of.
        guard event.kind.isEffect, !event.isCopy else { return }
        if let method = event.toolCall?.method {
            joins[Self.place(of: method)] &+= event.count
        } else if ofAgent {
            withoutCall &+= event.count
        }
    }

    /// Once it is as well known whose it is as it will be.
    mutating func attribute(_ event: Event) {
        if !event.isCopy { attributions[Int(event.workload.attribution.rawValue)] &+= event.count }
    }

    mutating func countSpanEffects(_ count: UInt64) { ofSpans &+= count }

    private static func place(of method: ToolCallReference.Method) -> Int {
        switch method {
        case .exact: 0
        case .process: 1
        case .argument: 2
        case .candidates: 3
        case .window: 4
        }
    }
}
