// SPDX-License-Identifier: Apache-2.0

/// Two snapshots, or two revisions, subject by subject.
package struct PostureComparison: Sendable {
    /// Of those that are in both, in order; what has not changed too.
    package let diffs: [PostureDiff]
    /// Subjects that are in one alone: whether they are gone, or were only not asked for, a snapshot does not say; containers
    /// that were in one revision alone.
    package let onlyBefore: [SubjectKey]
    package let onlyAfter: [SubjectKey]

    init(diffs: [PostureDiff], onlyBefore: [SubjectKey], onlyAfter: [SubjectKey]) {
        (self.diffs, self.onlyBefore, self.onlyAfter) = (diffs, onlyBefore, onlyAfter)
    }

    /// - Parameter isWanted: which subjects are compared.
    package init(
        before: PostureSnapshot, after: PostureSnapshot, settings: PostureDiff.Settings = PostureDiff.Settings(),
        isWanted: (SubjectKey) -> Bool = { _ in true }
    ) {
        var others: [SubjectKey: SubjectSnapshot] = [:]
        for subject in after.subjects where isWanted(subject.profile.subject) {
            others[subject.profile.subject] = subject
        }
        var diffs: [PostureDiff] = []
        var onlyBefore: [SubjectKey] = []
        for subject in before.subjects where isWanted(subject.profile.subject) {
            guard let other = others.removeValue(forKey: subject.profile.subject) else {
                onlyBefore.append(subject.profile.subject)
                continue
            }
            diffs.append(
                PostureDiff(
                    before: PostureView(subject, label: before.name), after: PostureView(other, label: after.name),
                    settings: settings))
        }
        self.diffs = diffs
        self.onlyBefore = onlyBefore
        onlyAfter = others.keys.sorted()
    }

    /// A line of JSON for each subject that is in both, then one for all others.
    package var json: String {
        var lines = diffs.map { $0.json + "\n" }.joined()
        guard !onlyBefore.isEmpty || !onlyAfter.isEmpty else { return lines }
        var text = JSONText()
        text.append(#"{"onlyBefore":["#)
        text.append(onlyBefore)
        text.append(#"],"onlyAfter":["#)
        text.append(onlyAfter)
        text.append("]}\n")
        lines += text.string
        return lines
    }
}

extension JSONText {
    fileprivate mutating func append(_ subjects: [SubjectKey]) {
        for (index, subject) in subjects.enumerated() {
            if index > 0 { append(",") }
            append(subject)
        }
    }
}
