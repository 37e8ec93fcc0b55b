// SPDX-License-Identifier: Apache-2.0

/// What the operator says whose a cgroup or a program is: the contents of `--workload-map`.
///
/// ```json
/// [
///   {"cgroup": "/user.slice/*/app-planner*.scope", "workload": {"kind": "Deployment", "name": "planner"}},
///   {"cgroup": "/dev/*", "executable": "*/python3*",
///    "workload": {"cluster": "local", "namespace": "agents", "group": "apps", "kind": "Deployment", "name": "writer",
///                 "container": "main"}}
/// ]
/// ```
///
/// A rule holds where all of its patterns do, and the first that holds counts. Patterns are as everywhere in sensord:
/// `*` crosses `/`. A cgroup's pattern covers the cgroups below what it matches, too. `kind` and `name` are needed;
/// unknown and repeated keys are errors.
package struct WorkloadMap: Sendable, Equatable {
    package struct Workload: Sendable, Hashable {
        package var cluster = ""
        package var namespace = ""
        package var group = ""
        package var kind = ""
        package var name = ""
        /// The container's name; empty: the map says nothing of it.
        package var container = ""

        package init() {}
    }

    package struct Rule: Sendable, Equatable {
        package var cgroup: Glob?
        package var executable: Glob?
        package var workload: Workload
        /// From 1 on, in the file's order.
        package var number: Int
        /// Of the file, where the rule begins.
        package var line: Int

        fileprivate func holds(cgroup path: ByteString, executable program: ByteString?) -> Bool {
            if let executable {
                guard let program, executable.matches(program.bytes) else { return false }
            }
            return cgroup.map { WorkloadMap.covers($0, path) } ?? true
        }
    }

    package private(set) var rules: [Rule] = []

    /// Whether an answer may depend on the program; if not, it is the same for all processes of a cgroup.
    package private(set) var dependsOnExecutable = false

    private static let sizeLimit = 1 << 20
    private static let ruleLimit = 1024

    /// No rules.
    package init() {}

    /// - Parameters:
    ///   - text: the file's content.
    ///   - path: the file's, for errors.
    /// - Throws: the line, the rule, the key and the reason of the first thing that is wrong.
    package init(_ text: [UInt8], from path: String) throws(SettingsError) {
        guard text.count <= Self.sizeLimit else {
            throw SettingsError(origin: .file(path: path, line: nil), name: nil, reason: "longer than a megabyte")
        }
        var scanner = ConfigurationScanner(text)
        do throws(ConfigurationFile.Fault) {
            try scanner.rules { rules.append($0) }
            guard rules.count <= Self.ruleLimit else {
                throw scanner.fault("more than \(Self.ruleLimit) rules")
            }
        } catch {
            throw SettingsError(origin: .file(path: path, line: error.line), name: error.key, reason: error.reason)
        }
        dependsOnExecutable = rules.contains { $0.executable != nil }
    }

    /// The rule for a process, if there is one.
    ///
    /// - Parameters:
    ///   - cgroup: its path below the hierarchy's root.
    ///   - executable: of the process; nil asks for what the cgroup alone tells.
    package func rule(cgroup: ByteString, executable: ByteString?) -> Rule? {
        rules.first { $0.holds(cgroup: cgroup, executable: executable) }
    }

    /// The rules that may hold for a program in the cgroup, whichever it is.
    func programRules(cgroup: ByteString) -> [Rule] {
        rules.filter { rule in rule.executable != nil && (rule.cgroup.map { Self.covers($0, cgroup) } ?? true) }
    }

    /// Whether a rule's cgroups begin below the first path, on the way to the second.
    func hasRules(below above: ByteString, for path: ByteString) -> Bool {
        rules.contains { rule in
            rule.cgroup.map { Self.covers($0, path) && !Self.covers($0, above) } ?? false
        }
    }

    /// Whether the pattern matches the path or one above it.
    private static func covers(_ pattern: Glob, _ path: ByteString) -> Bool {
        if pattern.matches(path.bytes) { return true }
        for (index, byte) in path.bytes.enumerated() where byte == UInt8(ascii: "/") && index > 0 {
            if pattern.matches(path.bytes[..<index]) { return true }
        }
        return false
    }
}

extension ConfigurationScanner {
    fileprivate mutating func rules(_ body: (WorkloadMap.Rule) -> Void) throws(Fault) {
        try expect(UInt8(ascii: "["), "a list of rules is expected: [{\"cgroup\": …, \"workload\": {…}}]")
        var number = 0
        if !take(UInt8(ascii: "]")) {
            repeat {
                number += 1
                body(try rule(number))
                key = nil
            } while take(UInt8(ascii: ","))
            try expect(UInt8(ascii: "]"), "a comma or the closing bracket is expected")
        }
        try atEnd("bracket")
    }

    private mutating func rule(_ number: Int) throws(Fault) -> WorkloadMap.Rule {
        let name = "rule \(number)"
        key = name
        skipSpace()
        let start = line
        var rule = WorkloadMap.Rule(workload: .init(), number: number, line: start)
        var hasWorkload = false
        try members(of: name) { scanner, member throws(Fault) in
            switch member {
            case "cgroup":
                let pattern = try scanner.text()
                guard let first = pattern.first, "/*?[\\".contains(first) else {
                    throw scanner.fault("a cgroup's path begins with \"/\": \"\(pattern)\" matches none")
                }
                rule.cgroup = Glob(pattern)
            case "executable": rule.executable = Glob(try scanner.text())
            case "workload":
                hasWorkload = true
                rule.workload = try scanner.workload(of: name)
            default: throw scanner.fault("unknown key; cgroup, executable and workload are known")
            }
        }
        key = name
        guard rule.cgroup != nil || rule.executable != nil else {
            throw Fault(line: start, key: key, reason: "a \"cgroup\" or an \"executable\" is expected")
        }
        guard hasWorkload else { throw Fault(line: start, key: key, reason: "a \"workload\" is expected") }
        return rule
    }

    private mutating func workload(of rule: String) throws(Fault) -> WorkloadMap.Workload {
        skipSpace()
        let start = line
        var workload = WorkloadMap.Workload()
        try members(of: "\(rule), workload") { scanner, member throws(Fault) in
            switch member {
            case "cluster": workload.cluster = try scanner.text()
            case "namespace": workload.namespace = try scanner.text()
            case "group": workload.group = try scanner.text()
            case "kind":
                workload.kind = try scanner.text()
                guard workload.kind != "Unknown" else { throw scanner.fault("\"Unknown\" is what no rule says") }
            case "name": workload.name = try scanner.text()
            case "container": workload.container = try scanner.text()
            default:
                throw scanner.fault("unknown key; cluster, namespace, group, kind, name and container are known")
            }
        }
        key = "\(rule), workload"
        guard !workload.kind.isEmpty else { throw Fault(line: start, key: key, reason: "a \"kind\" is expected") }
        guard !workload.name.isEmpty else { throw Fault(line: start, key: key, reason: "a \"name\" is expected") }
        return workload
    }

    /// An object; `body` reads the value of each of its keys.
    private mutating func members(
        of name: String, _ body: (inout ConfigurationScanner, String) throws(Fault) -> Void
    ) throws(Fault) {
        try expect(UInt8(ascii: "{"), "an object is expected")
        var seen: Set<String> = []
        if take(UInt8(ascii: "}")) { return }
        repeat {
            key = name
            skipSpace()
            guard peek == UInt8(ascii: "\"") else { throw fault("a key in double quotes is expected") }
            let member = try string()
            key = "\(name), \(member)"
            guard seen.insert(member).inserted else { throw fault("given twice") }
            try expect(UInt8(ascii: ":"), "a colon is expected after the key")
            try body(&self, member)
        } while take(UInt8(ascii: ","))
        key = name
        try expect(UInt8(ascii: "}"), "a comma or the closing brace is expected")
    }

    private mutating func text() throws(Fault) -> String {
        skipSpace()
        guard peek == UInt8(ascii: "\"") else { throw fault("a string in double quotes is expected") }
        let text = try string()
        guard !text.isEmpty else { throw fault("a value is expected") }
        return text
    }
}
