// SPDX-License-Identifier: Apache-2.0

/// Which workloads are watched: `--watch`, several of them with commas or by repeating the flag.
///
/// | written | selects |
/// | --- | --- |
/// | `everything` | all, those of the host too |
/// | `namespace=GLOB` | what is in such a namespace; what is in none (off Kubernetes) never |
/// | `KIND/NAME` | by the subject, globs both: `Deployment/planner`, `*/web-*`, `SystemdUnit/nginx.service` |
/// | `label:KEY` | what has the label, whatever its value |
/// | `label:KEY=GLOB` | what has it with such a value |
/// | `A+B` | what both select: `namespace=agents+label:app=planner` |
/// | `!SELECTOR` | takes out what the selector (with its `+`) selects |
///
/// Each selector adds to what is watched, in any order, and what is taken out stays out whatever else selects it.
/// Where all of them take out, the rest of everything is watched; where there are none, everything is.
///
/// Kinds are found in either case, and by the short names of `kubectl` (`deploy/web`, `ds/*`); names, namespaces and
/// labels are case-sensitive as in Kubernetes. What an unprivileged user runs has the user's manager in its name:
/// `SystemdUnit/user@1000.service/sync.service`, which `SystemdUnit/sync.service` does not select. A label's key is taken as it is, a glob in it is an error: `label:a*`
/// would read as if it were one. A value that has a comma or a plus can be written with `?` in its place.
package struct WorkloadSelector: Sendable, Equatable {
    private enum Condition: Sendable, Equatable {
        case everything
        case namespace(Glob)
        case subject(kind: Glob, name: Glob)
        /// - Parameter value: nil: any.
        case label(key: String, value: Glob?)

        func holds(namespace: String, kind: String, name: String, labels: [String: String]) -> Bool {
            switch self {
            case .everything: true
            case .namespace(let glob): !namespace.isEmpty && glob.matches(namespace)
            case .subject(let kindGlob, let nameGlob): kindGlob.matches(kind) && nameGlob.matches(name)
            case .label(let key, let value): labels[key].map { found in value?.matches(found) ?? true } ?? false
            }
        }
    }

    /// All conditions hold.
    private typealias Term = [Condition]

    private var watched: [Term] = []
    private var takenOut: [Term] = []

    /// Everything.
    package init() {}

    /// - Parameter values: as they were written; each may hold several with commas between them.
    /// - Throws: which selector cannot be read, and why.
    package init(_ values: [String]) throws(SettingFault) {
        for value in values {
            for part in value.split(separator: ",", omittingEmptySubsequences: false) {
                try add(part, of: value)
            }
        }
    }

    /// Whether it is watched. What is empty or missing is what the workload does not have.
    package func matches(namespace: String, kind: String, name: String, labels: [String: String]) -> Bool {
        func isSelected(by terms: [Term]) -> Bool {
            terms.contains { term in
                term.allSatisfy { $0.holds(namespace: namespace, kind: kind, name: name, labels: labels) }
            }
        }
        return (watched.isEmpty || isSelected(by: watched)) && !isSelected(by: takenOut)
    }

    /// Whether all there is is watched, so that nobody need be asked.
    package var isEverything: Bool { takenOut.isEmpty && (watched.isEmpty || watched.contains([.everything])) }

    // MARK: Reading

    private mutating func add(_ written: Substring, of whole: String) throws(SettingFault) {
        var part = Self.trimmed(written)
        let takesOut = part.first == "!"
        if takesOut { part = Self.trimmed(part.dropFirst()) }
        guard !part.isEmpty else {
            let place = whole.isEmpty || whole[...] == written ? "\"\(whole)\"" : "\"\(written)\" of \"\(whole)\""
            throw SettingFault("a selector is expected, not \(place): \(Self.forms)")
        }
        var term: Term = []
        for condition in part.split(separator: "+", omittingEmptySubsequences: false) {
            term.append(try Self.condition(Self.trimmed(condition), of: part))
        }
        if takesOut { takenOut.append(term) } else { watched.append(term) }
    }

    private static let forms = "everything, namespace=NAME, KIND/NAME, label:KEY or label:KEY=VALUE"

    private static func condition(_ text: Substring, of part: Substring) throws(SettingFault) -> Condition {
        func fault(_ reason: String) -> SettingFault {
            SettingFault(text == part ? "\"\(part)\": \(reason)" : "\"\(text)\" in \"\(part)\": \(reason)")
        }
        if text == "everything" { return .everything }
        if text.hasPrefix("!") { throw fault("\"!\" stands before the whole selector") }
        if let label = rest(of: text, behind: "label:") {
            let halves = label.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let key = halves.first, !key.isEmpty else {
                throw fault("a label's key is expected after \"label:\"")
            }
            guard !key.utf8.contains(where: { "*?[]\\ ".utf8.contains($0) }) else {
                throw fault("a label's key is taken as it is: \"\(key)\" can be none")
            }
            return .label(key: String(key), value: halves.count == 2 ? Glob(String(halves[1])) : nil)
        }
        if let name = rest(of: text, behind: "namespace=") {
            guard !name.isEmpty else { throw fault("a namespace's name is expected after \"namespace=\"") }
            guard !name.contains("/") else {
                throw fault("a namespace's name has no \"/\"; join conditions with \"+\": namespace=a+Deployment/b")
            }
            return .namespace(Glob(String(name)))
        }
        let halves = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard halves.count == 2 else { throw fault("one of \(forms) is expected") }
        guard !halves[0].isEmpty else { throw fault("a kind is expected before \"/\"; * stands for all") }
        guard !halves[1].isEmpty else { throw fault("a name is expected after \"/\"; * stands for all") }
        let kind = WorkloadKind.pattern(String(halves[0]))
        guard !halves[1].contains("/") || kindsOfUsers.contains(where: { kind.matches($0) }) else {
            throw fault("KIND/NAME is expected; a namespace is joined with \"+\": namespace=a+Deployment/b")
        }
        return .subject(kind: kind, name: Glob(String(halves[1])))
    }

    /// Whose names have a "/" where they are an unprivileged user's.
    private static let kindsOfUsers = ["SystemdUnit", "Container"]

    private static func rest(of text: Substring, behind prefix: String) -> Substring? {
        text.hasPrefix(prefix) ? text.dropFirst(prefix.count) : nil
    }

    private static func trimmed(_ text: Substring) -> Substring {
        let start = text.drop { $0.isWhitespace }
        guard let last = start.lastIndex(where: { !$0.isWhitespace }) else { return start }
        return start[...last]
    }
}
