// SPDX-License-Identifier: Apache-2.0

/// What an OpenTelemetry span says of the call that it was.
package struct ToolCallSpan: Sendable, Equatable {
    /// What stands behind what is said.
    package enum Assurance: String, Sendable, CaseIterable {
        /// The sender's own word.
        case claimed
        /// The word of a Collector that the operator trusts.
        case forwarded
    }

    /// In hexadecimal.
    package var traceID: String
    package var spanID: String
    /// `service.name` of its resource.
    package var service: String
    package var agentName: String
    package var agentID: String
    package var agentVersion: String
    package var assurance: Assurance

    package init(
        traceID: String, spanID: String, service: String = "", agentName: String = "", agentID: String = "",
        agentVersion: String = "", assurance: Assurance = .claimed
    ) {
        self.traceID = traceID
        self.spanID = spanID
        self.service = service
        self.agentName = agentName
        self.agentID = agentID
        self.agentVersion = agentVersion
        self.assurance = assurance
    }
}

/// What was done while a call was under way that was told of after the fact.
package struct ToolCallEffects: Sendable, Equatable {
    package struct Effect: Sendable, Equatable {
        /// Id of its event.
        package var event: String
        package var kind: EventKind
        /// Its object, for people: a path, a peer, a name.
        package var text: String
        /// `window` or `candidates` of a call that was told of after the fact.
        package var method: ToolCallReference.Method
        /// Ids of all calls that it could have been for, if there is more than one.
        package var candidates: [String]
        /// Calls beyond those.
        package var candidatesLeftOut: UInt32
        /// In a record.
        package var summary: Summary?

        package init(
            event: String, kind: EventKind, text: String, method: ToolCallReference.Method, candidates: [String] = [],
            candidatesLeftOut: UInt32 = 0, summary: Summary? = nil
        ) {
            self.event = event
            self.kind = kind
            self.text = text
            self.method = method
            self.candidates = candidates
            self.candidatesLeftOut = candidatesLeftOut
            self.summary = summary
        }
    }

    /// Of all that was alike.
    package struct Summary: Sendable, Equatable {
        package var count: UInt64
        /// Nanoseconds since 1970.
        package var firstSeen: UInt64
        package var lastSeen: UInt64
        package var errorNumber: Int32
        /// Who did it first: the process's id, and what it ran.
        package var process: String
        package var executable: String
        package var access: FileAccess
        package var bytesSent: UInt64?
        package var bytesReceived: UInt64?

        package init(
            count: UInt64 = 1, firstSeen: UInt64, lastSeen: UInt64, errorNumber: Int32 = 0, process: String = "",
            executable: String = "", access: FileAccess = [], bytesSent: UInt64? = nil, bytesReceived: UInt64? = nil
        ) {
            self.count = count
            self.firstSeen = firstSeen
            self.lastSeen = lastSeen
            self.errorNumber = errorNumber
            self.process = process
            self.executable = executable
            self.access = access
            self.bytesSent = bytesSent
            self.bytesReceived = bytesReceived
        }
    }

    /// The earliest first.
    package var listed: [Effect]
    /// With those beyond what is listed.
    package var count: UInt64
    /// Of that time not everything was kept until the span came.
    package var isIncomplete: Bool

    package init(listed: [Effect] = [], count: UInt64 = 0, isIncomplete: Bool = false) {
        self.listed = listed
        self.count = count
        self.isIncomplete = isIncomplete
    }

    /// Bytes of it, about.
    var bytes: Int {
        listed.reduce(0) { sum, effect in
            sum + 96 + effect.event.utf8.count + effect.text.utf8.count
                + effect.candidates.reduce(0) { $0 + 16 + $1.utf8.count }
        }
    }
}
