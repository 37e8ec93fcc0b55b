// SPDX-License-Identifier: Apache-2.0

/// Which workloads a tail asks for: `--namespace`, `--workload`, `--container`. All conditions that there are must hold;
/// of the patterns of one, any.
package struct WorkloadFilter: Sendable, Equatable {
    /// `--workload KIND/NAME`; a kind alone selects all of it.
    package struct Subject: Sendable, Equatable {
        package var kind: Glob
        package var name: Glob?

        package init(kind: Glob, name: Glob?) {
            self.kind = kind
            self.name = name
        }
    }

    private var namespaces: [Glob] = []
    private var subjects: [Subject] = []
    /// Patterns of names that may also be the beginning of an id.
    private var containers: [(name: Glob, id: String)] = []

    /// - Parameters:
    ///   - namespaces: globs; what is in no namespace is in none of them.
    ///   - subjects: of the lasting controller.
    ///   - containers: globs of the name, or beginnings of the id.
    package init(namespaces: [String] = [], subjects: [Subject] = [], containers: [String] = []) {
        self.namespaces = namespaces.map { Glob($0) }
        self.subjects = subjects
        self.containers = containers.map { (Glob($0), $0) }
    }

    /// Asks for all there are.
    package var isEverything: Bool { namespaces.isEmpty && subjects.isEmpty && containers.isEmpty }

    /// Whether the workload is asked for, as far as it is known now.
    package func matches(_ workload: WorkloadDescription) -> Bool {
        if !namespaces.isEmpty {
            let namespace = workload.identity.namespace
            if namespace.isEmpty || !namespaces.contains(where: { $0.matches(namespace) }) { return false }
        }
        if !subjects.isEmpty {
            let matches = subjects.contains { subject in
                subject.kind.matches(workload.kind) && (subject.name?.matches(workload.name) ?? true)
            }
            if !matches { return false }
        }
        if !containers.isEmpty {
            guard let container = workload.container else { return false }
            return containers.contains { $0.name.matches(container.name) || container.id.hasPrefix($0.id) }
        }
        return true
    }

    package static func == (left: WorkloadFilter, right: WorkloadFilter) -> Bool {
        left.namespaces == right.namespaces && left.subjects == right.subjects
            && left.containers.map(\.id) == right.containers.map(\.id)
    }
}
