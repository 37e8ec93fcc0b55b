// SPDX-License-Identifier: Apache-2.0

extension Pipeline {
    func record(of portion: OutgoingEvents.Portion) -> EventRecord {
        var head = record()
        head.subject = PostureSubject(SubjectKey(portion.workload.identity))
        let body = Array(#"{"events":["#.utf8) + portion.json + Array("]}".utf8)
        return EventRecord(content: RecordContent(head, "events", body: body[...]), count: portion.count)
    }
}
