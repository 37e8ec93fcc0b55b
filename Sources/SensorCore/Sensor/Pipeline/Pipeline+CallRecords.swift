// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF

// What was done for each call, told once it is over.
extension Pipeline {
    /// Records since the last call.
    package mutating func takeCallRecords() -> [ToolCallRecord] {
        defer { callRecords = [] }
        return callRecords
    }

    package var hasCallRecords: Bool { !callRecords.isEmpty }

    mutating func beginRecord(_ call: ToolCall, _ workload: Workload) {
        let process = processes.find(ProcessKey(tgid: call.process, start: 0), at: call.time)
        effects.begin(call, of: workload, process: process?.description)
    }

    /// Takes account of what was done for a call. What is only streamed for a tail is counted as well.
    ///
    /// - Parameter isLate: it was done before the event's time.
    mutating func note(_ event: Event, flags: UInt16, isLate: Bool, _ subject: EventSubject) {
        guard let call = event.toolCall, !event.isCopy else { return }
        effects.note(
            EffectTable.Deed(
                sequence: event.sequence, time: event.bootTime, kind: event.kind, count: event.count,
                detail: event.detail, errorNumber: event.errorNumber, process: event.process,
                isRemembered: flags & UInt16(SENSOR_REMEMBERED) != 0, isLate: isLate), for: call)
        judgeExpiry(of: call, event, subject)
    }

    /// A call whose authority has expired since it began goes on. Told once for each; of what was counted it is not known when
    /// it was done.
    private mutating func judgeExpiry(of call: ToolCallReference, _ event: Event, _ subject: EventSubject) {
        guard let end = call.claims.authority?.expiresAt, event.kind.isEffect, event.isFirstSeen, event.time >= end,
            call.numbers.count == 1,
            let begun = effects.expired(call.numbers[0], wall: end, at: event.bootTime, clock)
        else { return }
        raise(
            AnomalyDetail(
                rule: .authorityExpired, session: call.session, call: call.id,
                expected: "effects while the call's authority is in force",
                came: "\(event.kind.name) after it has expired: event \(session.streamID)-\(event.sequence)"),
            subject.workload,
            CallOrigin(
                process: event.process?.pid ?? begun.process, cgroup: begun.cgroup, time: event.bootTime))
    }

    /// Something of a cgroup's was lost since the tick before.
    mutating func noteLoss(of cgroup: UInt64) {
        guard effects.count > 0 else { return }
        lostEffects.insert(cgroup == 0 ? 0 : cgroups.workload(of: cgroup, pid: 0).number)
    }

    /// Records the calls that are settled.
    mutating func settleCalls(at time: UInt64) {
        takeLostEffects()
        for settled in effects.tick(at: time) { record(settled) }
    }

    /// Records all that there are: no more comes.
    mutating func finishCalls() {
        takeLostEffects()
        for settled in effects.finish() { record(settled) }
        tellOverdueAnomalies(at: .max)
    }

    private mutating func takeLostEffects() {
        effects.lose(of: lostEffects, since: tickBefore)
        lostEffects = []
    }

    mutating func record(_ settled: EffectTable.Settled) {
        guard settled.workload.isWatched else { return }
        judge(settled)
        let call = settled.call
        var detail = detail(of: call)
        if let end = settled.end {
            detail.status = end.status
            detail.error = end.error
            detail.duration = end.time &- call.time
        }
        var record = ToolCallRecord(
            state: settled.end == nil ? .open : .finished, call: detail, process: settled.process,
            workload: settled.workload.description, began: clock.wall(call.time),
            ended: settled.end.map { clock.wall($0.time) })
        let (stream, time) = (session.streamID, self.clock)
        record.effects = settled.effects.map { ToolCallEffects.Effect($0, stream: stream, time) }
        record.counts = settled.counts
        record.leftOut = settled.leftOut
        record.isIncomplete = settled.isIncomplete
        for outliving in settled.outlivedBy {
            let known = outliving.process
            // What it has executed after the call's end was none of the call's effects.
            let now = processes.find(ProcessKey(tgid: known.pid, start: 0), at: clock.boot)?.description
            record.outlivedBy.append(
                ToolCallRecord.Outliving(
                    id: known.id, pid: known.pid,
                    executable: (now?.id == known.id ? now ?? known : known).executable.text, method: outliving.method))
        }
        record.outlivedByLeftOut = settled.outlivedByLeftOut
        callRecords.append(record)
    }

    /// Records a call that was told of after the fact.
    ///
    /// - Parameter detail: as its end is told, with all its effects.
    mutating func record(_ settled: SpanTable.Settled, _ detail: ToolCallDetail) {
        let call = settled.call
        var header = sensor_header()
        (header.key.cgroup, header.tgid) = (call.cgroup, call.process)
        let workload = workload(header)
        guard workload.isWatched else { return }
        let listed = detail.effects?.listed ?? []
        var detail = detail
        detail.effects = nil
        let process = call.process == 0 ? nil : processes.find(ProcessKey(tgid: call.process, start: 0), at: call.end)
        var record = ToolCallRecord(
            state: .finished, call: detail, process: process?.description, workload: workload.description,
            began: clock.wall(call.begin), ended: clock.wall(call.end))
        record.effects = zip(listed, settled.effects).map { told, effect in
            var told = told
            told.summary = ToolCallEffects.Summary(effect.deed, clock)
            return told
        }
        record.counts = settled.counts
        record.leftOut = settled.count - UInt64(settled.effects.count)
        record.isIncomplete = settled.isIncomplete
        callRecords.append(record)
    }
}

extension ToolCallEffects.Effect {
    fileprivate init(_ effect: EffectTable.Effect, stream: String, _ clock: ClockReading) {
        self.init(
            event: "\(stream)-\(effect.sequence)", kind: effect.kind, text: effect.text, method: effect.method,
            candidates: effect.candidates, candidatesLeftOut: effect.candidatesLeftOut,
            summary: ToolCallEffects.Summary(
                count: effect.count, firstSeen: clock.wall(effect.first), lastSeen: clock.wall(effect.last),
                errorNumber: effect.errorNumber, process: effect.process?.id ?? "",
                executable: effect.process?.executable.text ?? "", access: effect.access, bytesSent: effect.sent,
                bytesReceived: effect.received))
    }
}

extension ToolCallEffects.Summary {
    fileprivate init(_ deed: SpanTable.Deed, _ clock: ClockReading) {
        let time = clock.wall(deed.time)
        self.init(firstSeen: time, lastSeen: time, executable: deed.executable?.text ?? "")
        if case .file(let file) = deed.detail { access = file.access }
    }
}
