// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF

// Processes: their life, and who an event's process is.
extension Pipeline {
    mutating func executed(_ view: borrowing RecordView, _ header: sensor_header) {
        guard let exec = view.exec else { return }
        let key = ProcessKey(tgid: header.tgid, start: header.start)
        let facts = facts(view, exec, header)
        let before = identity(before: exec, facts.identity, of: processes.find(key, at: header.time), header)
        let process = processes.exec(
            key, parent: ProcessKey(tgid: exec.parent_tgid, start: exec.parent_start), facts: facts, at: header.time)
        let workload = workload(header)
        settle(process, in: workload)
        emit(.processExec, header, process: process, workload: workload, detail: .none)

        // Only an exec that the kernel itself calls secure makes someone else of a process; what else differs is older
        // than the exec, and has been told or counted where it happened.
        guard exec.flags & UInt32(SENSOR_EXEC_SECURE) != 0, let after = facts.identity,
            before?.privileges != after.privileges
        else { return }
        var change = header
        change.flags &= ~UInt16(SENSOR_REMEMBERED)
        change.key.kind = UInt8(SENSOR_IDENTITY_CHANGE.rawValue)
        emit(
            .identityChange, change, process: process, workload: workload,
            detail: .identity(IdentityDetail(change: "exec", from: before, to: after)))
    }

    /// Who it was that called exec. Of several threads any may have been.
    private func identity(
        before exec: sensor_exec, _ after: IdentityState?, of process: TrackedProcess?, _ header: sensor_header
    ) -> IdentityState? {
        guard let process, let after, exec.flags & UInt32(SENSOR_EXEC_SECURE) != 0 else { return nil }
        let isLeader = exec.flags & UInt32(SENSOR_EXEC_FROM_THREAD) == 0
        return processes.identity(
            of: process, thread: isLeader ? ThreadKey(tid: header.tgid, start: header.start) : nil,
            before: IdentityStep(to: after, fields: .exec, time: header.time))
    }

    mutating func forked(_ view: borrowing RecordView, _ header: sensor_header) {
        guard let exec = view.exec else { return }
        let parent = ProcessKey(tgid: exec.parent_tgid, start: exec.parent_start)
        if parent.tgid != 0, processes.find(parent, at: header.time) == nil {
            _ = sketch(parent, header)
        }
        // Whoever it is, it lives: its pid says enough.
        var creator: ProcessKey?
        if exec.creator_tgid != 0, exec.creator_tgid != parent.tgid {
            let key = ProcessKey(tgid: exec.creator_tgid, start: 0)
            creator = (processes.find(key, at: header.time) ?? sketch(key, header)).key
        }
        let process = processes.fork(
            ProcessKey(tgid: header.tgid, start: header.start), parent: parent, creator: creator,
            facts: facts(view, exec, header), at: header.time)
        emit(.processFork, header, process: process, detail: .none)
    }

    mutating func exited(_ view: borrowing RecordView, _ header: sensor_header) {
        guard let exit = view.exit else { return }
        let process = process(header)
        // Threads that end at the same time may each have told it.
        if process?.isExitTold == true { return }
        process?.isExitTold = true
        emit(
            .processExit, header, process: process,
            detail: .exit(ExitDetail(code: exit.code, signal: exit.signal, dumpedCore: exit.core_dumped != 0)))
        _ = processes.exit(ProcessKey(tgid: header.tgid, start: header.start), at: header.time)
    }

    /// A process that ran before the sensor, or whose exec may have been lost. No event: it did nothing.
    mutating func seen(_ view: borrowing RecordView, _ header: sensor_header) {
        guard let exec = view.exec else { return }
        let key = ProcessKey(tgid: header.tgid, start: header.start)
        let parent = ProcessKey(tgid: exec.parent_tgid, start: exec.parent_start)
        var facts = facts(view, exec, header)
        if header.tid != header.tgid {
            let identity = facts.identity
            facts.identity = nil
            let process = processes.seen(key, parent: parent, facts: facts, at: header.time)
            if let identity { processes.seenThread(of: process, as: identity) }
            return
        }
        let isKernelThread = exec.flags & UInt32(SENSOR_EXEC_KERNEL_THREAD) != 0
        let known = processes.find(key, at: header.time)
        // Another program than the one known, and later: its exec was lost.
        let missedExec = known.map { $0.isAnotherProgram(facts, at: header.time) } ?? false
        if !isKernelThread, missedExec || known?.description.arguments.isEmpty ?? true {
            facts.arguments = host.answer(.file(pid: header.tgid, .cmdline)).bytes.map {
                configuration.redactor.arguments($0)
            }
        }
        if missedExec {
            _ = processes.exec(key, parent: parent, facts: facts, at: header.time)
        } else {
            processes.seen(key, parent: parent, facts: facts, at: header.time)
        }
    }

    /// The process that a record names, as the user that its thread acts as; nil if it names none.
    mutating func process(_ header: sensor_header) -> TrackedProcess? {
        guard header.tgid != 0 else { return nil }
        let key = ProcessKey(tgid: header.tgid, start: header.start)
        let process = processes.find(key, at: header.time) ?? sketch(key, header)
        let description = process.description
        if header.uid != .max, description.uid != header.uid || description.gid != header.gid {
            processes.changeUser(of: process, uid: header.uid, gid: header.gid)
        }
        return process
    }

    /// Learns a process after the fact: its fork and exec went by unseen. /proc tells of it if it still lives.
    private mutating func sketch(_ key: ProcessKey, _ header: sensor_header) -> TrackedProcess {
        counters.unknownProcesses += 1
        guard sketchesLeft > 0 else {
            return processes.seen(
                key, parent: ProcessKey(tgid: 0, start: 0), facts: ProcessFacts(), at: header.time, isSketch: true)
        }
        sketchesLeft -= 1
        guard let stat = ProcessStat(host.answer(.file(pid: key.tgid, .stat)).bytes ?? []),
            key.start == 0 || stat.startTicks == ProcessTable.ticks(key.start)
        else {
            // It has ended: a socket of it that closes late, say.
            let process = processes.seen(
                key, parent: ProcessKey(tgid: 0, start: 0), facts: ProcessFacts(), at: header.time, isSketch: true)
            _ = processes.exit(process.key, at: header.time)
            return process
        }
        counters.sketchedProcesses += 1
        let exact = key.start != 0
        return processes.seen(
            exact ? key : ProcessKey(tgid: key.tgid, start: stat.startTicks &* ProcessTable.clockTick),
            parent: parentKey(stat), facts: procFacts(key.tgid), at: header.time, isApproximate: !exact, isSketch: true)
    }

    /// Where the kernel cannot list its processes, /proc does, with coarser start times.
    mutating func scanProcesses() {
        guard let bytes = host.answer(.processes).bytes else { return }
        var pids: [UInt32] = []
        for index in stride(from: 0, to: bytes.count - 3, by: 4) {
            pids.append(bytes[index..<index + 4].reversed().reduce(0) { $0 << 8 | UInt32($1) })
        }
        // Parents first, so that lineage finds them: mostly the lower pids.
        for pid in pids.sorted() where pid != session.pid {
            guard let stat = ProcessStat(host.answer(.file(pid: pid, .stat)).bytes ?? []) else { continue }
            processes.seen(
                ProcessKey(tgid: pid, start: stat.startTicks &* ProcessTable.clockTick), parent: parentKey(stat),
                facts: procFacts(pid), at: session.clock.boot, isApproximate: true)
        }
    }

    private mutating func parentKey(_ stat: ProcessStat) -> ProcessKey {
        let parent = ProcessKey(tgid: stat.parent, start: 0)
        guard stat.parent != 0 else { return parent }
        return processes.find(parent, at: session.clock.boot)?.key ?? ProcessKey(tgid: 0, start: 0)
    }

    private func procFacts(_ pid: UInt32) -> ProcessFacts {
        var facts = ProcessFacts()
        facts.executable = host.answer(.link(pid: pid, .executable)).bytes.map { ByteString($0) }
        facts.workingDirectory = host.answer(.link(pid: pid, .workingDirectory)).bytes.map { ByteString($0) }
        facts.arguments = host.answer(.file(pid: pid, .cmdline)).bytes.map { configuration.redactor.arguments($0) }
        if let status = ProcessStatus(host.answer(.file(pid: pid, .status)).bytes ?? []) {
            facts.identity = status.identity
        }
        return redacted(facts)
    }

    // MARK: Facts

    private func facts(_ view: borrowing RecordView, _ exec: sensor_exec, _ header: sensor_header) -> ProcessFacts {
        var facts = ProcessFacts()
        var script: [UInt8]?
        facts.inode = exec.inode
        facts.device = exec.inode == 0 ? nil : DeviceNumber(kernelValue: exec.device)
        facts.identity = IdentityState(exec.credentials, exec.namespaces)
        facts.argumentsAreCut = exec.flags & UInt32(SENSOR_EXEC_ARGUMENTS_CUT) != 0
        var sections = view.sections
        while let section = sections.next() {
            switch sensor_section_tag(UInt32(section.tag)) {
            case SENSOR_SECTION_EXECUTABLE:
                let path = PathAssembler.path(section)
                // A file in memory has no path; /proc knows what it was called.
                facts.executable =
                    path.isPseudo && path.path.isEmpty
                    ? host.answer(.link(pid: header.tgid, .executable)).bytes.map { ByteString($0) } : path.path
            case SENSOR_SECTION_DIRECTORY:
                facts.workingDirectory = PathAssembler.path(section).path
            case SENSOR_SECTION_ARGUMENTS:
                facts.arguments = configuration.redactor.arguments(section.bytes)
            case SENSOR_SECTION_SCRIPT:
                script = section.bytes.withUnsafeBytes { [UInt8]($0) }
            default:
                break
            }
        }
        facts.script = script.map { PathAssembler.normalized(PathAssembler.joined(facts.workingDirectory, $0)) }
        return redacted(facts)
    }

    /// Arguments are redacted where they are read.
    private func redacted(_ facts: ProcessFacts) -> ProcessFacts {
        var facts = facts
        facts.executable = facts.executable.map(configuration.redactor.path)
        facts.workingDirectory = facts.workingDirectory.map(configuration.redactor.path)
        facts.script = facts.script.map(configuration.redactor.path)
        return facts
    }
}
