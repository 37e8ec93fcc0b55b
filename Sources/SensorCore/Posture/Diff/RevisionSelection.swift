// SPDX-License-Identifier: Apache-2.0

/// Two revisions of one workload, as a person names them: `KIND/NAME@REVISION`, or the name without the kind; the workload alone
/// stands for its latest two.
package struct RevisionSelection: Sendable {
    /// The containers of the workload.
    let subjects: [SubjectSnapshot]
    package let before: String
    package let after: String

    /// - Parameters:
    ///   - references: one, or two of the same workload, the earlier revision first.
    ///   - namespace: nil: any.
    ///   - subjects: all that are known.
    package init(
        _ references: [String], namespace: String? = nil, in subjects: [SubjectSnapshot]
    ) throws(RevisionSelectionError) {
        let candidates = subjects.filter { namespace == nil || $0.profile.subject.namespace == namespace }
        var found: [Reference] = []
        for reference in references { found.append(try Reference(reference, in: candidates)) }
        guard let first = found.first else { throw RevisionSelectionError(.unknownWorkload, "no workload is named") }
        for other in found where other.workload != first.workload {
            throw RevisionSelectionError(
                .severalWorkloads,
                "two revisions of one workload are compared, not \(first.workload) and \(other.workload)")
        }
        self.subjects = first.subjects
        let known = first.revisions
        if known.isEmpty {
            throw RevisionSelectionError(.unknownRevision, "\(first.workload): no revision of it is known")
        }
        let names = found.map(\.revision)
        if names.count == 1, names[0] == nil {
            guard known.count > 1 else {
                throw RevisionSelectionError(
                    .unknownRevision,
                    "\(first.workload): there is nothing to compare revision \(known[0]) with, no other is known")
            }
            (before, after) = (known[known.count - 2], known[known.count - 1])
        } else if names.count == 2, let one = names[0], let other = names[1] {
            for name in [one, other] where !known.contains(name) {
                throw RevisionSelectionError(
                    .unknownRevision,
                    "\(first.workload): revision \(name) is not known, but \(known.joined(separator: ", "))")
            }
            (before, after) = (one, other)
        } else {
            throw RevisionSelectionError(
                .missingRevision,
                "\(first.workload): two revisions are expected, as \(first.name)@\(known[0]), or the workload alone")
        }
    }

    /// Container by container.
    package func comparison(settings: PostureDiff.Settings = PostureDiff.Settings()) -> PostureComparison {
        var diffs: [PostureDiff] = []
        var (onlyBefore, onlyAfter): ([SubjectKey], [SubjectKey]) = ([], [])
        for subject in subjects {
            let views = (PostureView(subject, revision: before), PostureView(subject, revision: after))
            switch views {
            case (let one?, let other?): diffs.append(PostureDiff(before: one, after: other, settings: settings))
            case (_?, nil): onlyBefore.append(subject.profile.subject)
            case (nil, _?): onlyAfter.append(subject.profile.subject)
            case (nil, nil): break
            }
        }
        return PostureComparison(diffs: diffs, onlyBefore: onlyBefore, onlyAfter: onlyAfter)
    }

    // MARK: Names

    /// What one of the names stands for.
    private struct Reference {
        /// Containers of one workload.
        let subjects: [SubjectSnapshot]
        let revision: String?

        init(_ text: String, in candidates: [SubjectSnapshot]) throws(RevisionSelectionError) {
            // Names of systemd units have such marks of their own.
            let marks = text.indices.filter { text[$0] == "@" }.reversed()
            for end in [text.endIndex] + marks {
                let found = candidates.filter { $0.profile.subject.isNamed(text[..<end]) }
                let workloads = Set(found.map(\.profile.subject.ofWorkload)).sorted()
                if workloads.isEmpty { continue }
                guard workloads.count == 1 else {
                    throw RevisionSelectionError(
                        .ambiguous,
                        "\(text[..<end]) is any of \(workloads.map(\.fullName).joined(separator: ", ")): "
                            + "give its kind and --namespace")
                }
                subjects = found
                revision = end == text.endIndex ? nil : String(text[text.index(after: end)...])
                return
            }
            throw RevisionSelectionError(.unknownWorkload, "\(text): no workload of that name is known")
        }

        var workload: String { subjects.first?.profile.subject.ofWorkload.fullName ?? "" }

        /// With its kind.
        var name: String { subjects.first?.profile.subject.workload ?? "" }

        /// The one that came first first.
        var revisions: [String] {
            var merged: [String: SharedRevision] = [:]
            for (name, revision) in subjects.flatMap(\.profile.revisions)
            where merged[name]?.merge(with: revision) == nil {
                merged[name] = revision
            }
            return merged.sorted { ($0.value.firstSeen, $0.key) < ($1.value.firstSeen, $1.key) }.map(\.key)
        }
    }
}

/// Why names do not stand for two revisions.
package struct RevisionSelectionError: Error, Sendable, Equatable, CustomStringConvertible {
    package struct Code: Sendable, Equatable {
        private let name: String

        /// Nothing is known of a workload of that name.
        package static let unknownWorkload = Code(name: "unknown_workload")
        /// There are several of that name.
        package static let ambiguous = Code(name: "ambiguous")
        /// The names are of more than one workload.
        package static let severalWorkloads = Code(name: "several_workloads")
        /// It was not seen, or is none of the latest sixteen.
        package static let unknownRevision = Code(name: "unknown_revision")
        /// A workload is named, and of what of it is not.
        package static let missingRevision = Code(name: "missing_revision")
    }

    package var code: Code
    /// One line for a person.
    package var description: String

    init(_ code: Code, _ description: String) { (self.code, self.description) = (code, description) }
}

extension SubjectKey {
    /// All its containers together.
    fileprivate var ofWorkload: SubjectKey {
        var key = self
        (key.container, key.containerType) = ("", "")
        return key
    }

    fileprivate var fullName: String { namespace.isEmpty ? workload : "\(namespace)/\(workload)" }

    fileprivate func isNamed(_ text: Substring) -> Bool { text == name || text == workload }
}
