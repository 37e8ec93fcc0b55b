// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF

// Tool calls that OpenTelemetry spans have told of, after the fact. Events are told once, so what was done meanwhile is
// listed by the event of the call's end.
extension Pipeline {
    mutating func span(_ told: SpanCall) {
        var call = told
        let assurance = assign(&call)
        let workload = call.cgroup == 0 ? nil : cgroups.workload(of: call.cgroup, pid: call.process)
        workload?.sendsSpans = true
        let namespace = workload?.description.identity.namespace ?? ""
        if let digest = keyed(call.mcpSession, .session, namespace) { call.session = Self.name("mcp", digest) }
        guard spans.add(call, of: workload?.number) else { return }
        tell(.toolCallBegin, call, at: call.begin, ToolCallDetail(call, assurance))
        for settled in spans.takeOverdue() { end(settled) }
        if let workload { heldDeeds.cover(call, of: workload.number) }
    }

    /// Tells the end of calls that have waited long enough for others of the same time: of some of them, where there are many,
    /// so that records are taken in between. At the end, when there are none, of all.
    mutating func settleSpans(at time: UInt64) {
        while true {
            let settled = spans.settle(at: time)
            for call in settled { end(call) }
            if settled.isEmpty || time != .max { return }
        }
    }

    private mutating func end(_ settled: SpanTable.Settled) {
        let call = settled.call
        tally.countSpanEffects(settled.count)
        var detail = ToolCallDetail(call, call.forwarded == nil ? .claimed : .forwarded)
        detail.status = call.status
        detail.error = call.error
        detail.duration = call.end - call.begin
        detail.effects = ToolCallEffects(
            listed: settled.effects.map { effect in
                ToolCallEffects.Effect(
                    event: "\(session.streamID)-\(effect.deed.sequence)", kind: effect.deed.kind,
                    text: effect.deed.detail.text(executable: effect.deed.executable), method: effect.method,
                    candidates: effect.candidates, candidatesLeftOut: effect.candidatesLeftOut)
            }, count: settled.count, isIncomplete: settled.isIncomplete)
        tell(.toolCallEnd, call, at: call.end, detail)
        record(settled, detail)
    }

    /// Keeps what was done for no call that is known, for spans that come later. What is only streamed is none of it: the
    /// same would be joined otherwise while somebody watches.
    mutating func keepForSpans(_ sequence: UInt64, _ occurrence: Occurrence) {
        let kind = occurrence.kind
        guard kind.isEffect, !occurrence.header.isCopy else { return }
        spans.keep(
            SpanTable.Deed(
                sequence: sequence, time: occurrence.doneAt, kind: kind, detail: occurrence.detail,
                executable: kind == .processExec ? occurrence.description?.executable : nil),
            of: occurrence.subject.workload.number)
    }

    /// The word of a Collector that is trusted says whose the call is; nobody else's does.
    private mutating func assign(_ call: inout SpanCall) -> ToolCallSpan.Assurance {
        guard let forwarded = call.forwarded else { return .claimed }
        let sender = call.cgroup == 0 ? nil : cgroups.workload(of: call.cgroup, pid: call.process).description.identity
        guard let sender, "\(sender.kind)/\(sender.name)" == forwarded.by else {
            call.forwarded = nil
            return .claimed
        }
        let containers = cgroups.followed(byPod: forwarded.pod).filter { workload in
            guard workload.isContainer, !workload.cgroups.isEmpty else { return false }
            let container = workload.description.container
            return container?.type != "pause"
                && (forwarded.container.isEmpty || container?.name == forwarded.container)
        }
        call.process = 0
        // Of several none is picked.
        call.cgroup = containers.count == 1 ? containers[0].cgroups[0] : 0
        return .forwarded
    }

    private mutating func tell(_ kind: EventKind, _ call: SpanCall, at time: UInt64, _ detail: ToolCallDetail) {
        var header = sensor_header()
        header.flags = UInt16(SENSOR_FIRST_SEEN | SENSOR_STREAMED)
        header.key.cgroup = call.cgroup
        header.key.hook = Via.daemon.rawValue
        header.key.kind = kind.rawValue
        header.time = time
        header.tgid = call.process
        header.uid = .max
        let process = call.process == 0 ? nil : processes.find(ProcessKey(tgid: call.process, start: 0), at: time)
        emit(kind, header, process: process, detail: .toolCall(detail))
    }
}

extension ToolCallDetail {
    fileprivate init(_ call: SpanCall, _ assurance: ToolCallSpan.Assurance) {
        self.init(id: call.id, name: call.name, session: call.session, scope: CallScope.none.rawValue)
        span = ToolCallSpan(
            traceID: call.trace, spanID: call.span, service: call.service, agentName: call.agentName,
            agentID: call.agentID, agentVersion: call.agentVersion, assurance: assurance)
    }
}
