// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF

// Which tool call it was done for.
extension Pipeline {
    mutating func call(_ change: CallChange) {
        switch change {
        case .begun(let call):
            calls.begin(call)
            tell(.toolCallBegin, call, at: call.time, ToolCallDetail(call))
        case .set(let set, let members): calls.define(set, members: members)
        case .ended(let end):
            guard let call = calls.end(end) else { return }
            var detail = ToolCallDetail(call)
            detail.status = end.status
            detail.error = end.error
            detail.duration = end.time &- call.time
            tell(.toolCallEnd, call, at: end.time, detail)
        case .span(let call): span(call)
        case .closed(let set):
            calls.close(set, at: clock.boot)
            settledSets.fresh.append(set)
        }
    }

    /// What the kernel remembers of calls that have ended is of no more use. By the second tick no program holds it.
    mutating func forgetSettledCalls() {
        for set in settledSets.late { for key in keysOfSets.removeValue(forKey: set) ?? [] { templates.disown(key) } }
        settledSets = ([], settledSets.fresh)
    }

    /// The call that a record's deed was done for.
    mutating func joined(_ header: sensor_header, _ process: TrackedProcess?, _ detail: EventDetail)
        -> ToolCallReference?
    {
        guard header.key.calls != 0 else { return nil }
        return calls.join(
            header.key.calls, cgroup: header.key.cgroup, process: header.tgid, at: header.time,
            traits: { CallTable.Traits(detail, process?.description) })
    }

    private mutating func tell(_ kind: EventKind, _ call: ToolCall, at time: UInt64, _ detail: ToolCallDetail) {
        var header = sensor_header()
        header.flags = UInt16(SENSOR_FIRST_SEEN | SENSOR_STREAMED)
        header.key.cgroup = call.cgroup
        header.key.hook = Via.daemon.rawValue
        header.key.kind = kind.rawValue
        header.time = time
        header.tgid = call.process
        header.tid = call.thread
        header.uid = .max
        let process = processes.find(ProcessKey(tgid: call.process, start: 0), at: time)
        emit(kind, header, process: process, detail: .toolCall(detail))
    }
}

extension ToolCallDetail {
    fileprivate init(_ call: ToolCall) {
        self.init(
            id: call.id, name: call.name, session: call.session, scope: call.scope.rawValue, initiator: call.initiator)
    }
}

extension CallTable.Traits {
    fileprivate init(_ detail: EventDetail, _ process: ProcessDescription?) {
        switch detail {
        case .file(let file): paths = [file.path, file.newPath].compactMap { $0 }
        case .network(let network):
            if let peer = network.peer {
                hosts = peer.names + [peer.address?.description].compactMap { $0 }
                paths = [peer.path].compactMap { $0 }
            }
        case .dns(let dns): hosts = [dns.name]
        case .none, .exit: paths = [process?.executable, process?.script].compactMap { $0 }
        case .syscall, .identity, .toolCall: break
        }
    }
}
