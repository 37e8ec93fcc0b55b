// SPDX-License-Identifier: Apache-2.0

/// A subject, for people.
extension SubjectKey {
    /// `Deployment/planner`.
    package var workload: String { name.isEmpty ? kind : "\(kind)/\(name)" }

    /// Namespace and container, as far as there are any.
    package var place: String {
        let type = containerType.isEmpty || containerType == "main" ? "" : "(\(containerType))"
        return [namespace, container, type].filter { !$0.isEmpty }.joined(separator: " · ")
    }
}
