// SPDX-License-Identifier: Apache-2.0

/// Who an event is credited to: mostly its cgroup's workload, described as it is known when the event is told.
struct EventSubject {
    let workload: Workload
    /// It is what the container's runtime did, not the container.
    var isRuntimes = false
    /// The operator's map has another workload for the program.
    var mapped: WorkloadDescription?

    var description: WorkloadDescription { mapped ?? workload.description(ofRuntime: isRuntimes) }

    var isAwaited: Bool { workload.isAwaited && mapped == nil }
}

/// A program in a workload's cgroup.
struct MappedProgram: Hashable {
    var workload: UInt64
    var executable: ByteString
}

// Whose doing it is: the container's, its runtime's, or what the operator says.
extension Pipeline {
    mutating func subject(_ process: TrackedProcess?, _ workload: Workload) -> EventSubject {
        var subject = EventSubject(workload: workload)
        guard let process else { return subject }
        if workload.isContainer, process.settledIn != workload.number {
            subject.isRuntimes = isRuntimes(process, workload)
        }
        if cgroups.mapsExecutables { subject.mapped = mapped(process.description.executable, workload) }
        return subject
    }

    /// A program was executed in a workload's cgroup.
    mutating func settle(_ process: TrackedProcess, in workload: Workload) {
        process.runtimesIn = 0
        guard workload.isContainer else {
            process.settledIn = 0
            return
        }
        if process.settledIn != workload.number {
            if isRuntimes(process, workload) {
                process.runtimeStages += 1
                return
            }
            process.settledIn = workload.number
        }
        guard !workload.hasRunOwnProgram else { return }
        workload.hasRunOwnProgram = true
        // By now its runtime has written down what it is.
        if cgroups.lookAgain(at: workload) { release(workload) }
    }

    /// Whether the program that runs in a process from outside is the runtime's; asked once for each program.
    private func isRuntimes(_ process: TrackedProcess, _ workload: Workload) -> Bool {
        if process.runtimesIn == workload.number { return true }
        let program = process.description
        let isRuntimes = RuntimeStage.covers(
            executable: program.executable, arguments: program.arguments, script: program.script,
            ranInMountsOfParent: process.ranInMountsOfParent, hasRunOwnProgram: workload.hasRunOwnProgram,
            cameFromOutside: true, stages: process.runtimeStages)
        if isRuntimes { process.runtimesIn = workload.number } else { process.settledIn = workload.number }
        return isRuntimes
    }

    private mutating func mapped(_ executable: ByteString, _ workload: Workload) -> WorkloadDescription? {
        let program = MappedProgram(workload: workload.number, executable: executable)
        if let known = mappedPrograms[program] { return known }
        if mappedPrograms.count >= Self.mappedProgramLimit { mappedPrograms = [:] }
        let mapped = cgroups.mapped(workload, executable: executable)
        mappedPrograms[program] = .some(mapped)
        return mapped
    }

    private static let mappedProgramLimit = 4096
}
