// SPDX-License-Identifier: Apache-2.0

// Events among the records: what there is no room for goes, so that nothing else has to.
extension JournalWriter {
    mutating func write(_ events: [EventRecord], dropped: UInt64) {
        noteEvents { $0.drop(dropped) }
        write(events)
        tellDroppedEvents(isEnd: false)
    }

    /// As far as there is room.
    mutating func write(_ events: [EventRecord]) {
        if events.isEmpty { return }
        // Nothing of them waits for a disk that takes nothing.
        var room = roomForEvents(isUrgent: events.allSatisfy(\.isUrgent))
        for record in events {
            guard let payload = try? record.content.json(), payload.count <= room, append(payload) == .kept else {
                noteEvents { $0.drop(UInt64(record.count)) }
                continue
            }
            room -= payload.count
            noteEvents { $0.keep(record.count) }
        }
    }

    /// A gap of no sequences stands for what was dropped.
    mutating func tellDroppedEvents(isEnd: Bool) {
        let now = ContinuousClock.now
        guard let count = noteEvents({ $0.untold(at: now, isEnd: isEnd) }), let payload = gapPayload(of: count),
            append(payload) == .kept
        else { return }
        noteEvents { $0.tell(count, at: now) }
    }
}
