// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF

// Whether a call had not ended when something was done that seems to be its own. Whoever announced it need not wait for the
// answer to its `end` before he goes on, so what he had said by then has to be known first.
extension Pipeline {
    /// Something waits until the socket server has heard its clients.
    package var awaitsHearing: Bool { unheard.count > 0 }

    mutating func hear(_ times: HeardTimes) {
        heard = times
        if unheard.count == 0 { return }
        var waiting = UnheardOccurrences()
        swap(&waiting, &unheard)
        let known = waiting.take { occurrence, call in !mayHaveEnded(call, by: occurrence.doneAt) }
        swap(&waiting, &unheard)
        for occurrence in known { tell(occurrence, joined(occurrence), mayWait: true) }
    }

    /// It is known now when the call has ended.
    mutating func tellUnheard(of call: UInt64) {
        if unheard.count == 0 { return }
        for occurrence in unheard.take(of: call) { tell(occurrence, joined(occurrence), mayWait: true) }
    }

    /// Tells what has waited long enough.
    mutating func tellUnheard(by time: UInt64) {
        for occurrence in unheard.take(by: time) { tell(occurrence, joined(occurrence), mayWait: false) }
    }

    /// Tells what the kernel counts repeats of, which come after it.
    mutating func tellUnheard(_ key: MemoryKey) {
        if unheard.count == 0 || key.calls == 0 { return }
        let known = unheard.take { occurrence, _ in MemoryKey(occurrence.header.key) == key }
        for occurrence in known { tell(occurrence, joined(occurrence), mayWait: false) }
    }

    private mutating func joined(_ occurrence: Occurrence) -> ToolCallReference? {
        joined(
            occurrence.header, occurrence.process, occurrence.subject.workload, occurrence.detail,
            elapsed: occurrence.elapsed)
    }

    /// Tells it as a call's own if the call was open then, and as one that may be the call's where that will not be known.
    ///
    /// - Parameter call: as far as is known now.
    mutating func tell(_ occurrence: Occurrence, _ call: ToolCallReference?, mayWait: Bool) {
        var call = call
        if let number = doubtful(call, occurrence) {
            if mayWait, unheard.add(occurrence, for: number) { return }
            call = calls.candidate(number)
        }
        let header = occurrence.header
        if header.key.calls != 0, header.flags & UInt16(SENSOR_REMEMBERED) != 0 {
            templates.rejoin(MemoryKey(header.key), to: call)
        }
        tell(occurrence, call)
    }

    /// The one call that it is told to be of, where that may have ended before it was done. Of what came of something that was
    /// done nobody knows when it is not asked.
    private func doubtful(_ call: ToolCallReference?, _ occurrence: Occurrence) -> UInt64? {
        guard let call, call.method != .candidates, !occurrence.isLate || occurrence.elapsed > 0,
            let number = call.numbers.first
        else { return nil }
        return mayHaveEnded(number, by: occurrence.doneAt) ? number : nil
    }

    /// Whether that cannot be told yet.
    private func mayHaveEnded(_ call: UInt64, by time: UInt64) -> Bool {
        if heard.all >= time, heard.behind.isEmpty { return false }
        guard let open = calls.open(call) else { return false }
        return heard.time(of: open.workload) < time
    }
}
