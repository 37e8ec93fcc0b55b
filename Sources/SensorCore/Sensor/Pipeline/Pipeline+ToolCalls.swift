// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF

// Which tool call it was done for.
extension Pipeline {
    mutating func call(_ change: CallChange) {
        switch redacted(change) {
        case .begun(var call):
            let workload = cgroups.workload(of: call.cgroup, pid: call.process)
            let namespace = workload.description.identity.namespace
            for index in call.arguments.indices {
                call.arguments[index].digest = keyed(call.arguments[index].digest, .argument, namespace)
            }
            calls.begin(call, of: workload.number)
            if call.scope != .none { workload.hasAnnounced = true }
            (call.terms, call.mentions) = ([], nil)
            beginRecord(call, workload)
            learnHabits(of: workload, at: call.time)
            tell(.toolCallBegin, call, at: call.time, detail(of: call))
        case .set(let set, let members): calls.define(set, members: members)
        case .ended(let end):
            guard let call = calls.end(end) else { return }
            tellUnheard(of: end.number)
            effects.end(end)
            for settled in effects.takeOverdue() { record(settled) }
            untoldEnds.append((call, end))
        case .span(let call): span(call)
        case .closed(let set):
            calls.close(set, at: clock.boot)
            settledSets.fresh.append(set)
        case .context(var context, let origin):
            let namespace = cgroups.workload(of: origin.cgroup, pid: origin.process).description.identity.namespace
            for index in context.sources.indices {
                context.sources[index].digest = keyed(context.sources[index].digest, .context, namespace)
            }
            tell(.context, origin, .context(context))
        case .decision(let decision, let origin): tell(.decision, origin, .decision(decision))
        case .anomaly(let anomaly, let origin): tell(.anomalyState, origin, .anomaly(anomaly))
        // Facts, of which there are no events.
        case .catalog(let catalog, let origin): note(catalog.tools.map { FactKey.offered($0, by: catalog) }, origin)
        case .model(let model, let origin): note([FactKey.used(model)], origin)
        case .transition(let transition, let origin): note([FactKey.made(transition)], origin)
        case .sessionEnded(let session, let origin):
            let workload = cgroups.workload(of: origin.cgroup, pid: origin.process)
            if configuration.learnsProfiles { profiles.endSession(session, of: workload.description) }
        }
    }

    private mutating func note(_ facts: [FactKey], _ origin: CallOrigin) {
        guard configuration.learnsProfiles else { return }
        let workload = cgroups.workload(of: origin.cgroup, pid: origin.process)
        if workload.isAwaited {
            awaitedFacts.add(facts, origin, of: workload.number)
        } else if workload.isWatched {
            profiles.note(facts, of: workload.description, at: origin.time)
        }
    }

    /// Notes what had to wait until it was known whose it is.
    mutating func noteAwaitedFacts() {
        for (facts, origin) in awaitedFacts.take() { note(facts, origin) }
    }

    /// Tells the ends that had been told of by this time: all that was done before them has come. Which call an effect is for
    /// has to be known before that.
    mutating func tellEnds(by time: UInt64) {
        let count = untoldEnds.firstIndex { $0.end.arrival > time } ?? untoldEnds.count
        if count == 0 { return }
        for (call, end) in untoldEnds.prefix(count) {
            var detail = detail(of: call)
            detail.status = end.status
            detail.error = end.error
            detail.duration = end.time &- call.time
            detail.arguments = []
            tell(.toolCallEnd, call, at: end.time, detail)
        }
        untoldEnds.removeFirst(count)
    }

    /// A digest as it arrived, made again with the key of its namespace.
    mutating func keyed(
        _ digest: KeyedDigest?, _ purpose: DigestKeys.Purpose, _ namespace: String
    ) -> KeyedDigest? {
        guard let digest, let keys = configuration.digests else { return nil }
        let name = "\(purpose.rawValue)/\(namespace)"
        if let known = digestKeys[name] { return known.digest(digest.value) }
        if digestKeys.count >= Self.digestKeyLimit { digestKeys = [:] }
        let key = keys.key(purpose, namespace: namespace)
        digestKeys[name] = key
        return key.digest(digest.value)
    }

    private static let digestKeyLimit = 256

    /// What a client wrote may hold what it should have kept to itself. Names that differ in nothing else do so by a digest.
    private mutating func redacted(_ change: CallChange) -> CallChange {
        let redactor = configuration.redactor
        var secrets: Set<String> = []
        let redacted = change.mapping(text: redactor.text) { name in
            let shown = redactor.text(name)
            if shown != name { secrets.insert(name) }
            return shown
        }
        if secrets.isEmpty { return redacted }
        let namespace = namespace(of: change)
        var names: [String: String] = [:]
        for name in secrets {
            let digest = keyed(configuration.digests?.reduce(name, .session), .session, namespace)
            names[name] = Self.name(redactor.text(name), digest)
        }
        return change.mapping(text: redactor.text) { names[$0] ?? $0 }
    }

    private mutating func namespace(of change: CallChange) -> String {
        let (cgroup, process) =
            switch change {
            case .begun(let call): (call.cgroup, call.process)
            case .span(let call): (call.cgroup, call.process)
            case .context(_, let origin), .decision(_, let origin), .anomaly(_, let origin), .catalog(_, let origin),
                .model(_, let origin), .transition(_, let origin), .sessionEnded(_, let origin):
                (origin.cgroup, origin.process)
            case .set, .ended, .closed: (0, 0)
            }
        return cgroup == 0 ? "" : cgroups.workload(of: cgroup, pid: process).description.identity.namespace
    }

    /// Of what is told by a digest.
    static func name(_ shown: String, _ digest: KeyedDigest?) -> String {
        digest.map { "\(shown)~\($0.value.prefix(16))" } ?? shown
    }

    func detail(of call: ToolCall) -> ToolCallDetail {
        var detail = ToolCallDetail(
            id: call.id, name: call.name, session: call.session, scope: call.scope.rawValue,
            initiator: call.initiator, claims: call.claims, arguments: call.arguments)
        detail.parentCall = call.parentCall
        detail.shape = ToolCallDetail.shape(of: call.arguments)
        return detail
    }

    /// The call that a record's deed was done for.
    ///
    /// - Parameter elapsed: since it was done, where it is told later, as a connection by its end (ns).
    mutating func joined(
        _ header: sensor_header, _ process: TrackedProcess?, _ workload: Workload, _ detail: EventDetail,
        elapsed: UInt64
    ) -> ToolCallReference? {
        guard
            header.key.calls != 0
                || workload.hasAnnounced && header.tgid != 0 && EventKind(rawValue: header.key.kind)?.isEffect == true
        else { return nil }
        // A fork tells of the child what its parent did.
        let actor = header.key.kind == EventKind.processFork.rawValue ? process?.parent : process
        // Where the kernel names no user it tells what came of something done before.
        var deed = CallTable.Deed(
            set: header.key.calls, process: actor?.key.tgid ?? 0, thread: actor === process ? header.tid : 0,
            times: header.time...header.time, isLate: header.uid == .max)
        if deed.isLate {
            let done = header.time - min(elapsed, header.time)
            deed.times = done...done
            // Of a socket that asks over and over it is not seen when: no resolver waits longer for an answer.
            if Self.isOfSeveralQuestions(header.key.kind, header.key.calls) {
                deed.times = max(done, header.time - min(Self.questionLife, header.time))...header.time
                (deed.isLate, deed.thread) = (false, 0)
            } else if elapsed > 0 {
                // Its calls may have been over by then, though the kernel had not been told.
                deed.isLate = false
            }
        }
        return calls.join(
            deed, line: { CallTable.Ancestor.line(of: actor, from: $0) },
            traits: { CallTable.Traits(header.key.kind, detail, process?.description) })
    }

    private static func isOfSeveralQuestions(_ kind: UInt8, _ calls: UInt32) -> Bool {
        kind == EventKind.dnsAnswer.rawValue && calls & UInt32(SENSOR_CALLS_MADE) == UInt32(SENSOR_CALLS_MADE)
    }

    private static var questionLife: UInt64 { 10_000_000_000 }

    /// The call that all repeats of a first sight were done for since they were told last.
    mutating func joined(_ key: MemoryKey, _ template: Template, since: UInt64) -> ToolCallReference? {
        guard key.calls != 0 || template.subject.workload.hasAnnounced && template.kind.isEffect else { return nil }
        let deed = CallTable.Deed(
            set: key.calls, process: template.process?.pid ?? 0, thread: template.threadID,
            times: max(since, countedSince)...UInt64.max,
            isLate: template.isLate && !Self.isOfSeveralQuestions(key.kind, key.calls))
        let found = calls.join(
            deed, line: { _ in [] },
            traits: { CallTable.Traits(key.kind, template.detail, template.process) })
        // A call that was certain is so, even when it is not known any more.
        guard let certain = template.toolCall, certain.method == .exact, found?.mayBeNone ?? true else { return found }
        return certain
    }

    private mutating func tell(_ kind: EventKind, _ call: ToolCall, at time: UInt64, _ detail: ToolCallDetail) {
        let origin = CallOrigin(process: call.process, cgroup: call.cgroup, time: time)
        tell(kind, origin, thread: call.thread, .toolCall(detail))
    }

    mutating func tell(_ kind: EventKind, _ origin: CallOrigin, thread: UInt32 = 0, _ detail: EventDetail) {
        var header = sensor_header()
        header.flags = UInt16(SENSOR_FIRST_SEEN | SENSOR_STREAMED)
        header.key.cgroup = origin.cgroup
        header.key.hook = Via.daemon.rawValue
        header.key.kind = kind.rawValue
        header.time = origin.time
        header.tgid = origin.process
        header.tid = thread
        header.uid = .max
        let process = processes.find(ProcessKey(tgid: origin.process, start: 0), at: origin.time)
        emit(kind, header, process: process, detail: detail)
    }
}

extension CallTable.Ancestor {
    /// A process and what it comes from; empty if it comes from none that is looked for.
    fileprivate static func line(of process: TrackedProcess?, from isLookedFor: (UInt32) -> Bool) -> [Self] {
        var maker = process?.parent
        while let one = maker, !isLookedFor(one.key.tgid) { maker = one.parent }
        guard maker != nil, let process else { return [] }
        return sequence(first: process, next: \.parent).map {
            Self(process: $0.key.tgid, start: $0.key.start, executable: $0.description.executable)
        }
    }
}

extension CallTable.Traits {
    fileprivate init(_ kind: UInt8, _ detail: EventDetail, _ process: ProcessDescription?) {
        directory = process?.workingDirectory
        switch detail {
        case .file(let file) where kind == EventKind.fileOpen.rawValue && Self.isOpenedByAll(file): break
        case .file(let file): paths = [file.path, file.newPath].compactMap { $0 }
        case .network(let network):
            if let peer = network.peer {
                hosts = peer.names + [peer.address?.description].compactMap { $0 }
                paths = [peer.path].compactMap { $0 }
            }
        case .dns(let dns): hosts = [dns.name]
        case .none where kind == EventKind.processExec.rawValue:
            paths = [process?.script].compactMap { $0 }
            program = process?.executable
            arguments = process?.arguments ?? []
        // A fork has its parent's image still.
        case .none, .exit, .syscall, .identity, .toolCall, .context, .decision, .anomaly: break
        }
    }

    /// What any program reads without being told to says nothing of the call that it was read for.
    private static func isOpenedByAll(_ file: FileDetail) -> Bool {
        file.access.isDisjoint(with: [.write, .create, .truncate, .append])
            && systemDirectories.contains { file.path.bytes.starts(with: $0) }
    }

    private static let systemDirectories = ["/etc/", "/usr/", "/lib", "/proc/", "/sys/", "/dev/"].map { Array($0.utf8) }
}
