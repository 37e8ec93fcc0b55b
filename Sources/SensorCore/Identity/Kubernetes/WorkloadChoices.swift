// SPDX-License-Identifier: Apache-2.0

/// Which labels and annotations become part of a workload, by the configuration.
package struct WorkloadChoices: Sendable, Equatable {
    /// What one workload carries at most; more would grow every event.
    static let maximumLabels = 32
    static let maximumValueBytes = 256

    package var podLabels: [Glob] = []
    package var podAnnotations: [Glob] = []
    package var namespaceLabels: [Glob] = []
    /// A label whose value names one-off Jobs and bare pods, where they have it; empty for none.
    package var subjectLabel = ""

    package init() {}

    /// The chosen ones of a pod. Where a label and an annotation have one name, the label is meant.
    func labels(of pod: ObjectMetadata) -> [String: String] {
        var chosen = Self.choose(pod.annotations, podAnnotations)
        chosen.merge(Self.choose(pod.labels, podLabels)) { _, label in label }
        return chosen
    }

    /// The chosen ones of a namespace, by the names that they have in a workload.
    func labels(ofNamespace namespace: ObjectMetadata) -> [String: String] {
        let chosen = Self.choose(namespace.labels, namespaceLabels).map { ("namespace/" + $0.key, $0.value) }
        return Dictionary(chosen) { first, _ in first }
    }

    private static func choose(_ all: [String: String], _ globs: [Glob]) -> [String: String] {
        guard !globs.isEmpty else { return [:] }
        var chosen: [String: String] = [:]
        for name in all.keys.sorted() where globs.contains(where: { $0.matches(Array(name.utf8)) }) {
            guard chosen.count < maximumLabels, let value = all[name] else { break }
            chosen[name] = cut(value)
        }
        return chosen
    }

    /// At most so many bytes, of whole characters.
    private static func cut(_ value: String) -> String {
        guard value.utf8.count > maximumValueBytes else { return value }
        var count = 0
        return String(
            value.prefix { character in
                count += character.utf8.count
                return count <= maximumValueBytes
            })
    }
}
