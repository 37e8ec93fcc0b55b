// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF

// Identity changes, system calls, cgroups.
extension Pipeline {
    mutating func identityChanged(_ view: borrowing RecordView, _ header: sensor_header) {
        guard let identity = view.identity else { return }
        let process = process(header)
        let change = identity.number == 0 ? "exec" : Self.syscallName(identity.number)
        let to = IdentityState(identity.credentials, identity.namespaces)
        let step = IdentityStep(
            to: to, fields: header.key.error == 0 ? .changed(by: change) : [], time: header.time,
            isStreamed: header.flags & UInt16(SENSOR_STREAMED) != 0)
        let thread = ThreadKey(tid: header.tid, start: identity.thread_start)
        let isClone = identity.creator_tgid != 0
        // A clone's state before is that of its creator, which lives: its pid says enough.
        let before =
            isClone ? processes.find(ProcessKey(tgid: identity.creator_tgid, start: 0), at: header.time) : process
        let actor = isClone ? ThreadKey(tid: identity.creator_tid, start: identity.creator_start) : thread
        // What failed has changed nothing.
        let from = step.fields.isEmpty ? to : before.flatMap { processes.identity(of: $0, thread: actor, before: step) }
        if let process { processes.changeIdentity(of: process, thread: thread, step, isRepeatable: !isClone) }
        emit(
            .identityChange, header, process: process,
            detail: .identity(IdentityDetail(change: change, from: from, to: to)))
    }

    mutating func syscall(_ view: borrowing RecordView, _ header: sensor_header, _ kind: EventKind) {
        guard let syscall = view.syscall else { return }
        let a = syscall.arguments
        let name = SyscallNames.name(of: syscall.number)
        let process = process(header)
        var detail = SyscallDetail(name: name, number: syscall.number, result: header.result)
        if kind == .syscallNotable {
            detail.arguments = [a.0, a.1, a.2, a.3, a.4, a.5]
            let strings = SyscallStrings(view)
            let values = configuration.redactor.strings(strings.values, of: name)
            detail.strings = zip(strings.names, values).map { SyscallDetail.StringArgument($0, $1) }
            if let section = view.section(SENSOR_SECTION_PATH) {
                detail.path = configuration.redactor.path(PathAssembler.path(section).path)
            }
        }
        if kind == .syscallNotable, header.result == 0, name == "chroot" || name == "pivot_root" {
            process?.rootChangedAt = max(header.time, 1)
        }
        emit(kind, header, process: process, detail: .syscall(detail))
    }

    mutating func cgroupChanged(_ view: borrowing RecordView, _ kind: EventKind) {
        guard let cgroup = view.cgroup, cgroup.hierarchy == session.hierarchy else { return }
        if kind == .cgroupRemoved {
            cgroups.removed(cgroup.id, at: view.header.time)
            removedCgroups.append(cgroup.id)
            goneCgroups.fresh.insert(cgroup.id)
        } else if let section = view.section(SENSOR_SECTION_ARGUMENT) {
            cgroups.created(
                cgroup.id, path: ByteString(section.bytes.withUnsafeBytes { [UInt8]($0) }))
        }
    }

    private static func syscallName(_ number: UInt32) -> String {
        let name = SyscallNames.name(of: number)
        return name.isEmpty ? "syscall \(number)" : name
    }
}
