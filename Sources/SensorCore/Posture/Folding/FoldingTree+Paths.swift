// SPDX-License-Identifier: Apache-2.0

extension FoldingTree {
    mutating func add(_ path: ShapedPath, as item: Int32) {
        var node = Self.root
        var start = 0
        for end in path.ends {
            let name = path.text.withUnsafeBufferPointer { names.number(of: $0.slice(start..<end)) }
            node = child(name, of: node)
            start = end + 1
        }
        add(item: item, at: node)
    }

    /// Keeps the usual directories of a system apart.
    mutating func markDirectories() {
        for top in nodes(below: Self.root) where isNamed(top, [""]) {
            markBoundary(top)
            for directory in nodes(below: top) where isNamed(directory, Self.topDirectories) {
                markBoundary(directory)
                let kept: [StaticString]
                switch true {
                case isNamed(directory, ["usr", "var"]): kept = Self.subdirectories
                case isNamed(directory, ["proc"]): kept = ["self", "thread-self", "{pid}"]
                case isNamed(directory, ["dev"]): kept = ["shm", "pts"]
                default: kept = []
                }
                for below in nodes(below: directory) where isNamed(below, kept) { markBoundary(below) }
            }
        }
    }

    private static let topDirectories: [StaticString] = [
        "bin", "boot", "dev", "etc", "home", "lib", "lib32", "lib64", "libx32", "media", "mnt", "opt", "proc", "root",
        "run", "sbin", "srv", "sys", "tmp", "usr", "var", "app", "data", "workspace",
    ]
    private static let subdirectories: [StaticString] = [
        "bin", "sbin", "lib", "lib32", "lib64", "libexec", "local", "share", "include", "src", "cache", "log", "run",
        "spool", "tmp", "opt",
    ]

    private func nodes(below node: Node) -> [Node] {
        var result: [Node] = []
        forEachChild(of: node) { result.append($0) }
        return result
    }

    private func isNamed(_ node: Node, _ wanted: [StaticString]) -> Bool {
        names.withName(nameOf[Int(node)]) { $0.isOne(of: wanted) }
    }

    /// Each pattern with the items that it stands for. The same pattern from two parts of the tree is told once.
    func forEachPattern(_ body: ([UInt8], [Int32]) -> Void) {
        var found: [[UInt8]: [Int32]] = [:]
        var text: [UInt8] = []
        visit(Self.root, depth: -1, &text) { text, node in
            var items: [Int32] = []
            forEachItem(of: node) { items.append($0) }
            found[text, default: []] += items
        }
        for (pattern, items) in found { body(pattern, items) }
    }

    private func visit(_ node: Node, depth: Int, _ text: inout [UInt8], _ body: ([UInt8], Node) -> Void) {
        let length = text.count
        if depth >= 0 {
            if depth > 0 { text.append(UInt8(ascii: "/")) }
            names.append(nameOf[Int(node)], to: &text)
        }
        if firstItem[Int(node)] >= 0 { body(text, node) }
        var child = firstChild[Int(node)]
        while child != Self.none {
            visit(child, depth: depth + 1, &text, body)
            child = nextSibling[Int(child)]
        }
        text.removeLast(text.count - length)
    }
}
