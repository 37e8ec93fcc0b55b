// SPDX-License-Identifier: Apache-2.0

internal import SwiftProtobuf

/// A record with what its payload says, on its way to OpenTelemetry.
struct TelemetryRecord {
    let envelope: RecordEnvelope
    let message: PostureRecord

    /// nil: the payload is none that this version reads.
    init?(_ envelope: RecordEnvelope) {
        var options = JSONDecodingOptions()
        options.ignoreUnknownFields = true
        guard let message = try? PostureRecord(jsonUTF8Bytes: envelope.payload, options: options) else { return nil }
        (self.envelope, self.message) = (envelope, message)
    }

    /// As the payload's member is called.
    var bodyName: String {
        switch message.body {
        case .facts?: "facts"
        case .profile?: "profile"
        case .toolCall?: "toolCall"
        case .gap?: "gap"
        case .anomaly?: "anomaly"
        case .events?: "events"
        case .inventory?: "inventory"
        case .nodeCoverage?: "nodeCoverage"
        case nil: "record"
        }
    }

    /// Together with those before and after it that are of the same resource.
    static func byResource(
        _ records: [TelemetryRecord]
    ) -> [(attributes: TelemetryAttributes, records: [TelemetryRecord])] {
        var groups: [(attributes: TelemetryAttributes, records: [TelemetryRecord])] = []
        for record in records {
            let attributes = TelemetryAttributes(record.message)
            if groups.last?.attributes == attributes {
                groups[groups.count - 1].records.append(record)
            } else {
                groups.append((attributes, [record]))
            }
        }
        return groups
    }
}
