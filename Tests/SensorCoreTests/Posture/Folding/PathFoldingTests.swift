// SPDX-License-Identifier: Apache-2.0

@testable import SensorCore
import Testing

@Suite struct PathFoldingTests {
    private func fold(_ paths: [String], limit: Int) -> [PathFolding.Group] {
        PathFolding(limit: limit).fold(paths.enumerated().map { PathFolding.Item(ByteString($1), index: $0) })
    }

    private func patterns(_ paths: [String], limit: Int) -> [String] {
        fold(paths, limit: limit).map(\.pattern.text)
    }

    @Test func `shapes fold at any limit and the rest does not while there is room`() {
        let groups = fold(["/app/a.py", "/proc/7/stat", "/proc/8/stat", "/app/b.py", "/app/a.py"], limit: 100)
        #expect(groups.map(\.pattern.text) == ["/app/a.py", "/app/b.py", "/proc/{pid}/stat"])
        #expect(groups.map(\.members) == [[0, 4], [3], [1, 2]])
        #expect(groups.map(\.pathCount) == [1, 1, 2])
        #expect(groups.map(\.isFolded) == [false, false, true])
        #expect(groups[2].exemplars.count == 2 && groups[0].exemplars.isEmpty)
    }

    @Test func `the busiest directory folds, by beginning and extension, and its neighbours keep their names`() {
        var paths = ["/app/main.py", "/app/util.py", "/data/index.json", "/data/notes.txt"]
        for name in ["alpha", "beta", "gamma", "delta", "kappa", "omega"] {
            paths += ["/data/worker-\(name).log", "/data/\(name).csv"]
        }
        #expect(
            patterns(paths, limit: 8) == [
                "/app/main.py", "/app/util.py", "/data/*.csv", "/data/index.json", "/data/notes.txt",
                "/data/worker-*.log",
            ])
        #expect(patterns(paths, limit: 5).count <= 5)
        #expect(patterns(paths, limit: 3) == ["/app/*.py", "/data/*"])
    }

    @Test func `directories that hold the same names become one`() {
        let users = ["ann", "bob", "cid", "dan", "eve", "fay", "gus", "hal"]
        let paths = users.flatMap { ["/home/\($0)/.profile.d/a.sh", "/home/\($0)/notes.txt", "/home/\($0)/todo.txt"] }
        #expect(
            patterns(paths + ["/app/x", "/app/y"], limit: 10) == [
                "/app/x", "/app/y", "/home/*/.profile.d/a.sh", "/home/*/notes.txt", "/home/*/todo.txt",
            ])
    }

    @Test func `names that begin with a dot fold with no others`() {
        var paths = (0..<50).map { "/project/f\(Self.word($0))" }
        paths += (0..<50).map { "/project/.h\(Self.word($0))" }
        #expect(patterns(paths, limit: 4) == ["/project/*", "/project/.*"])
        #expect(!PathPattern(Array("/project/*".utf8)).covers("/project/.x"))
    }

    @Test func `what is sensitive stands alone in a crowd`() {
        let sensitive = [
            "/project/.env", "/project/.ssh/id_ed25519", "/project/.ssh/known_hosts", "/project/.aws/credentials",
            "/etc/cron.d/evil",
            "/project/secrets/x", "/usr/bin/nc", "/proc/sys/kernel/core_pattern", "/proc/77/mem", "/proc/77/environ",
            "/project/.kube/config", "/run/docker.sock", "/dev/mem", "/project/.bashrc",
            "/var/run/secrets/kubernetes.io/serviceaccount/token",
        ]
        let crowd = (0..<200).flatMap { number in
            let name = Self.word(number)
            return [
                "/project/\(name)", "/project/.\(name)", "/proc/\(number)/stat", "/run/\(name)", "/usr/lib/\(name)",
            ]
        }
        let groups = fold(sensitive + crowd, limit: 3)
        for (index, path) in sensitive.enumerated() {
            let own = groups.filter { $0.members.contains(index) }
            #expect(
                own.count == 1 && own.allSatisfy { $0.members == [index] && $0.sensitivity != .ordinary }, "\(path)")
            #expect(groups.filter { $0.pattern.covers(ByteString(path)) }.count == 1, "\(path)")
        }
    }

    @Test func `another process is never the process itself`() {
        let paths = [
            "/proc/self/stat", "/proc/self/status", "/proc/7/stat", "/proc/8/status", "/proc/thread-self/stat",
        ]
        #expect(patterns(paths, limit: 1) == ["/proc/self/*", "/proc/thread-self/stat", "/proc/{pid}/*"])
    }

    @Test func `what the caller knows to be sensitive stands alone`() {
        var items = (0..<100).map { PathFolding.Item(ByteString("/mnt/x/\(Self.word($0))"), index: $0) }
        items.append(PathFolding.Item("/mnt/x/key", index: 100, sensitivity: .credential))
        items.append(PathFolding.Item("/mnt/x/key", index: 101))
        let groups = PathFolding(limit: 5).fold(items)
        #expect(groups.filter { $0.sensitivity == .credential }.map(\.members) == [[100, 101]])
    }

    @Test func `a flood in one directory takes no detail from another`() {
        let quiet = (0..<20).map { "/app/lib/\(Self.word($0)).py" }
        let flood = (0..<1_000).map { "/tmp/x\($0 % 7)/\(Self.word($0)).\(Self.word($0 / 3))" }
        let groups = fold(quiet + flood, limit: 64)
        #expect(groups.count <= 64)
        for path in quiet { #expect(groups.contains { $0.pattern.text == path }) }
    }

    @Test func `a flood of sensitive paths takes no room from the rest`() {
        let flood = (0..<500).map { "/tmp/\(Self.word($0))/.env" }
        let groups = fold(flood + ["/app/a", "/app/b", "/app/c"], limit: 3)
        #expect(groups.count == 503 && !groups.contains(where: \.isFolded))
    }

    @Test(arguments: 0..<12)
    func `order and shares do not matter`(_ seed: Int) {
        var generator = SplitMix(seed: UInt64(seed))
        let paths = Self.paths(&generator, count: 200)
        let limit = [1, 5, 20, 60, 200, 1_000][seed % 6]
        let items = paths.enumerated().map { PathFolding.Item($1, index: $0) }
        let folding = PathFolding(limit: limit)
        let expected = folding.fold(items)
        #expect(folding.fold(items.shuffled(using: &generator)) == expected)
        // Shares of two nodes, told twice in part, come together as a set.
        var merged: [ByteString: Int] = [:]
        let cut = Int.random(in: 0...items.count, using: &generator)
        let again = items.shuffled(using: &generator).prefix(50)
        for item in items[cut...] + items[..<cut] + again {
            merged[item.path] = min(item.index, merged[item.path] ?? .max)
        }
        let once = folding.fold(merged.map { PathFolding.Item($0.key, index: $0.value) })
        #expect(once.map(\.pattern) == expected.map(\.pattern))
        #expect(once.map(\.exemplars) == expected.map(\.exemplars))
        #expect(once.map(\.pathCount) == expected.map(\.pathCount))
    }

    @Test(arguments: 0..<6)
    func `every path is in one group, whose pattern covers it and nothing of another sensitivity`(_ seed: Int) {
        var generator = SplitMix(seed: 1_000 + UInt64(seed))
        let paths = Self.paths(&generator, count: 120)
        let limit = [1, 10, 50][seed % 3]
        let groups = PathFolding(limit: limit).fold(paths.enumerated().map { PathFolding.Item($1, index: $0) })
        #expect(groups.flatMap(\.members).sorted() == Array(paths.indices))
        #expect(Set(groups.map(\.pattern)).count == groups.count)
        for group in groups {
            #expect(group.isFolded || group.pathCount == 1)
            for member in group.members {
                #expect(group.pattern.covers(paths[member]), "\(group.pattern) \(paths[member])")
                #expect(PathSensitivity(of: paths[member]) == group.sensitivity)
            }
            // A literal covers itself alone.
            for path in Set(paths) where group.isFolded && PathSensitivity(of: path) != group.sensitivity {
                #expect(!group.pattern.covers(path), "\(group.pattern) \(path)")
            }
        }
        if limit > 30 { #expect(groups.filter { $0.sensitivity == .ordinary }.count <= limit) }
    }

    static func word(_ number: Int) -> String {
        var rest = number
        return (0..<6).map { _ in
            defer { rest /= 7 }
            return String(UnicodeScalar(UInt8(ascii: "h") + UInt8(rest % 7)))
        }.joined()
    }

    /// Some of each kind: quiet and busy directories, made-up names, sensitive ones, odd bytes, deep ones.
    static func paths(_ generator: inout SplitMix, count: Int) -> [ByteString] {
        let tops = [
            "/app", "/tmp", "/var/log", "/home/ann", "/home/bob", "/data/x", "/proc/self", "/etc", "/usr/lib", "rel",
        ]
        let special = [
            "/.env", "/.ssh/id_rsa", "/.aws/config", "/secrets/a", "/.hidden", "/{pid}", "/*", "/a\\b",
            "/.kube/cache/x",
            "/deep" + String(repeating: "/d", count: 60), "", "/",
        ]
        return (0..<count).map { _ in
            let roll = Int.random(in: 0..<10, using: &generator)
            if roll == 0 {
                return ByteString(
                    "/proc/\(Int.random(in: 1...40, using: &generator))/\(["stat", "environ", "mem"].randomElement(using: &generator) ?? "")"
                )
            }
            var path = tops.randomElement(using: &generator) ?? ""
            if roll == 1 { return ByteString(path + (special.randomElement(using: &generator) ?? "")) }
            for _ in 0..<Int.random(in: 0...2, using: &generator) {
                path += "/" + Self.word(Int.random(in: 0..<12, using: &generator))
            }
            path += "/" + Self.word(Int.random(in: 0..<300, using: &generator))
            path += ["", ".json", ".log", "-00017.log", ".py"].randomElement(using: &generator) ?? ""
            return ByteString(Array(path.utf8) + (roll == 2 ? [0xff] : []))
        }
    }
}
