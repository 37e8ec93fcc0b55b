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
        let workload = first.workload.fullName
        for other in found where other.workload != first.workload {
            throw RevisionSelectionError(
                .severalWorkloads,
                "two revisions of one workload are compared, not \(workload) and \(other.workload.fullName)")
        }
        self.subjects = first.subjects
        let known = first.revisions
        if known.isEmpty { throw RevisionSelectionError(.unknownRevision, "\(workload): no revision of it is known") }
        let names = found.map(\.revision)
        if names.count == 1, names[0] == nil {
            guard known.count > 1 else {
                throw RevisionSelectionError(
                    .unknownRevision,
                    "\(workload): there is nothing to compare revision \(known[0].shown) with, no other is known")
            }
            (before, after) = (known[known.count - 2], known[known.count - 1])
        } else if names.count == 2, let one = names[0], let other = names[1] {
            for name in [one, other] where !known.contains(name) {
                throw RevisionSelectionError(
                    .unknownRevision,
                    "\(workload): revision \(name) is not known, but \(known.map(\.shown).joined(separator: ", "))")
            }
            (before, after) = (one, other)
        } else {
            let example = "\(first.workload.workload.shown)@\(known[0].shown)"
            throw RevisionSelectionError(
                .missingRevision, "\(workload): two revisions are expected, as \(example), or the workload alone")
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
        let workload: SubjectKey
        /// Its containers.
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
                (workload, subjects) = (workloads[0], found)
                revision = end == text.endIndex ? nil : String(text[text.index(after: end)...])
                return
            }
            throw RevisionSelectionError(.unknownWorkload, "\(text): no workload of that name is known")
        }

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

extension SubjectKey {
    /// All its containers together.
    fileprivate var ofWorkload: SubjectKey {
        var key = self
        (key.container, key.containerType) = ("", "")
        return key
    }

    /// As a message names it.
    fileprivate var fullName: String { (namespace.isEmpty ? workload : "\(namespace)/\(workload)").shown }

    fileprivate func isNamed(_ text: Substring) -> Bool { text == name || text == workload }
}

extension String {
    /// In a message, where a name from whoever is watched moves no cursor and turns no direction.
    fileprivate var shown: String { VisibleText(self).text }
}
