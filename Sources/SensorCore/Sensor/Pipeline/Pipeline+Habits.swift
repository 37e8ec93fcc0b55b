// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF

// What a subject did, or caused, only within tool calls until now, and then does otherwise.
extension Pipeline {
    /// A workload has announced a call: from now on it is looked at what it does outside of calls, too. What is known of the
    /// time before is no news.
    mutating func learnHabits(of workload: Workload, at time: UInt64) {
        guard !workload.announcesCalls,
            let habits = habits.habits(of: workload.description, workload.number, at: time)
        else { return }
        workload.announcesCalls = true
        for deed in spans.deeds(of: workload.number) {
            if let kind = DeedClass(deed.kind, deed.detail, executable: deed.executable) {
                _ = habits.did(kind, at: deed.time)
            }
        }
    }

    /// - Parameter sequence: the event's.
    mutating func judge(_ sequence: UInt64, _ occurrence: Occurrence, _ call: ToolCallReference?) {
        let (kind, header, process) = (occurrence.kind, occurrence.header, occurrence.process)
        let subject = occurrence.subject
        if kind == .processFork, let call {
            process?.startedFor =
                call.id.isEmpty
                ? "one of \(call.candidates.count + Int(call.candidatesLeftOut)) calls" : "call \(call.id)"
        }
        // What the container's runtime does, or what the operator calls another workload's, is not the subject's doing.
        guard subject.workload.isWatched, !subject.isRuntimes, subject.mapped == nil, !header.isCopy,
            let deed = DeedClass(
                kind, occurrence.detail, executable: occurrence.description?.executable,
                errorNumber: occurrence.errorNumber),
            let habits = habits.habits(of: subject.workload.description, subject.workload.number, at: header.time)
        else { return }
        if let call {
            // It is not known either that it was done for one.
            if call.mayBeNone { return }
            // What may have been done for another call has been done within one all the same.
            if let number = call.numbers.last { habits.did(deed, within: number, at: header.time) }
            return
        }
        guard habits.isHabit(deed, at: header.time) else {
            _ = habits.did(deed, at: header.time)
            return
        }
        let broken = HeldDeeds.Deed(
            deed: deed, habits: habits, workload: subject.workload,
            origin: CallOrigin(process: header.tgid, cgroup: header.key.cgroup, time: header.time),
            text: "\(kind.name) with no call open\(Self.origin(of: process)): event \(session.streamID)-\(sequence)")
        guard subject.workload.sendsSpans else { return judge(broken) }
        // Where calls are told of after the fact, it is not known now that none was under way.
        if spans.covers(header.time, of: subject.workload.number) { return }
        heldDeeds.hold(broken)
    }

    /// No call was under way then, as far as anybody has told.
    private mutating func judge(_ broken: HeldDeeds.Deed) {
        guard let calls = broken.habits.did(broken.deed, at: broken.origin.time) else { return }
        raise(
            AnomalyDetail(
                rule: .effectWithoutCall, session: "",
                expected: "\(broken.deed.text) only within tool calls, as in \(calls) of them", came: broken.text),
            broken.workload, broken.origin)
    }

    /// Tells what was done without a call and has waited long enough for spans.
    mutating func judgeHeldDeeds(at time: UInt64) {
        while let uncovered = heldDeeds.takeUncovered(at: time) { judge(uncovered) }
    }

    /// The call, over by now, within which the process or what it descends from was started.
    private static func origin(of process: TrackedProcess?) -> String {
        var next = process
        for _ in 0..<lineageLimit {
            guard let process = next else { break }
            if let call = process.startedFor { return ", by what \(call) has started" }
            next = process.parent
        }
        return ""
    }

    private static let lineageLimit = 64

    /// A call has ended, and nothing more comes of it.
    mutating func judge(_ settled: EffectTable.Settled) {
        let call = settled.call
        // Of an effect that was lost nothing is known, and who says that it failed says that it did nothing.
        guard settled.workload.announcesCalls, let end = settled.end, end.status == "ok", call.scope != .none,
            !settled.isIncomplete,
            let habits = habits.habits(of: settled.workload.description, settled.workload.number, at: end.time)
        else { return }
        let causedSomething = settled.counts.keys.contains { $0.isEffect }
        // What may have been another's is no habit of the tool, and not the lack of an effect.
        if causedSomething, !settled.effects.contains(where: { $0.kind.isEffect && $0.method != .candidates }) {
            return
        }
        guard let calls = habits.ended(call.name, causedSomething: causedSomething, at: end.time) else { return }
        raise(
            AnomalyDetail(
                rule: .callWithoutEffect, session: call.session, call: call.id,
                expected: "effects, as all \(calls) calls of \(call.name) before had", came: "a call without any"),
            settled.workload, CallOrigin(process: call.process, cgroup: call.cgroup, time: end.time))
    }

    mutating func raise(_ anomaly: AnomalyDetail, _ workload: Workload, _ origin: CallOrigin) {
        guard let told = gate.pass(anomaly, of: workload.number, origin) else { return }
        tell(.anomalyState, origin, .anomaly(told))
    }

    /// Tells what was held back and is due.
    mutating func tellOverdueAnomalies(at time: UInt64) {
        for (anomaly, origin) in gate.overdue(at: time) { tell(.anomalyState, origin, .anomaly(anomaly)) }
    }
}
