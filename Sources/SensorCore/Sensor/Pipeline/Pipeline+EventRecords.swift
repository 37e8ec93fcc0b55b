// SPDX-License-Identifier: Apache-2.0

extension Pipeline {
    mutating func record(of portion: OutgoingEvents.Portion) -> EventRecord {
        let body = Array(#"{"events":["#.utf8) + portion.json + Array("]}".utf8)
        return EventRecord(
            content: RecordContent(head(of: portion.workload), "events", body: body[...]), count: portion.count,
            isUrgent: portion.isUrgent)
    }
}
