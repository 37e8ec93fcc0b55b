// SPDX-License-Identifier: Apache-2.0

/// The names of many paths as a tree, each node with the items that end there. What it becomes depends on the set of
/// paths, never on the order in which they came.
struct FoldingTree {
    /// A node's place in the arrays.
    typealias Node = Int32
    static let none: Node = -1
    static let root: Node = 0

    struct Flags: OptionSet {
        let rawValue: UInt8

        /// Never merged with its neighbours.
        static let boundary = Flags(rawValue: 1)
        /// A boundary is among its descendants: it cannot become one pattern.
        static let holdsBoundary = Flags(rawValue: 2)
    }

    var names = NameTable()
    // 33 bytes a node, in arrays of their own: a walk touches what it needs.
    private(set) var nameOf: [Int32] = []
    private(set) var parentOf: [Node] = []
    var firstChild: [Node] = []
    var nextSibling: [Node] = []
    /// Patterns at and below the node.
    var leaves: [Int32] = []
    var firstItem: [Int32] = []
    private var lastItem: [Int32] = []
    var flags: [Flags] = []
    /// The item after each, at the same node.
    private var nextItem: [Int32]
    private var children: [UInt64: Node] = [:]
    /// By a name's number, as far as they were asked for.
    var classes: [NameClass?] = []

    /// - Parameter items: how many there will be.
    init(items: Int) {
        nextItem = [Int32](repeating: -1, count: items)
        let empty = names.number(of: [])
        _ = addNode(empty, below: Self.none)
    }

    mutating func addNode(_ name: Int32, below parent: Node) -> Node {
        let node = Node(nameOf.count)
        nameOf.append(name)
        parentOf.append(parent)
        firstChild.append(Self.none)
        leaves.append(0)
        firstItem.append(-1)
        lastItem.append(-1)
        flags.append([])
        if parent == Self.none {
            nextSibling.append(Self.none)
        } else {
            nextSibling.append(firstChild[Int(parent)])
            firstChild[Int(parent)] = node
        }
        return node
    }

    mutating func child(_ name: Int32, of parent: Node) -> Node {
        let key = UInt64(UInt32(bitPattern: parent)) << 32 | UInt64(UInt32(bitPattern: name))
        if let known = children[key] { return known }
        let node = addNode(name, below: parent)
        children[key] = node
        return node
    }

    mutating func add(item: Int32, at node: Node) {
        nextItem[Int(item)] = firstItem[Int(node)]
        if lastItem[Int(node)] < 0 { lastItem[Int(node)] = item }
        firstItem[Int(node)] = item
    }

    mutating func markBoundary(_ node: Node) {
        flags[Int(node)].insert(.boundary)
        var above = parentOf[Int(node)]
        while above != Self.none, !flags[Int(above)].contains(.holdsBoundary) {
            flags[Int(above)].insert(.holdsBoundary)
            above = parentOf[Int(above)]
        }
    }

    /// Once all items are there. Children stand behind their parents.
    mutating func countLeaves() {
        children = [:]
        for node in leaves.indices.reversed() {
            if firstItem[node] >= 0 { leaves[node] += 1 }
            let parent = parentOf[node]
            if parent != Self.none { leaves[Int(parent)] += leaves[node] }
        }
    }

    func forEachChild(of node: Node, _ body: (Node) -> Void) {
        var child = firstChild[Int(node)]
        while child != Self.none {
            let next = nextSibling[Int(child)]
            body(child)
            child = next
        }
    }

    func forEachItem(of node: Node, _ body: (Int32) -> Void) {
        var item = firstItem[Int(node)]
        while item >= 0 {
            body(item)
            item = nextItem[Int(item)]
        }
    }

    /// Moves the items of one node to another.
    mutating func moveItems(of node: Node, to other: Node) {
        let first = firstItem[Int(node)]
        guard first >= 0 else { return }
        nextItem[Int(lastItem[Int(node)])] = firstItem[Int(other)]
        if lastItem[Int(other)] < 0 { lastItem[Int(other)] = lastItem[Int(node)] }
        firstItem[Int(other)] = first
        firstItem[Int(node)] = -1
        lastItem[Int(node)] = -1
    }

    /// Puts `nodes`, siblings that share a name from now on, together; what is below them under the same names too.
    mutating func merge(_ nodes: [Node], as name: Int32, below parent: Node) -> Node {
        let merged = addNode(name, below: parent)
        var below: [Node] = []
        for node in nodes {
            moveItems(of: node, to: merged)
            forEachChild(of: node) { below.append($0) }
            firstChild[Int(node)] = Self.none
        }
        below.sort { nameOf[Int($0)] < nameOf[Int($1)] }
        var count: Int32 = firstItem[Int(merged)] >= 0 ? 1 : 0
        var start = 0
        while start < below.count {
            var end = start + 1
            while end < below.count, nameOf[Int(below[end])] == nameOf[Int(below[start])] { end += 1 }
            var child = below[start]
            if end - start > 1 {
                child = merge(Array(below[start..<end]), as: nameOf[Int(child)], below: merged)
            } else {
                nextSibling[Int(child)] = firstChild[Int(merged)]
                firstChild[Int(merged)] = child
            }
            count += leaves[Int(child)]
            start = end
        }
        leaves[Int(merged)] = count
        return merged
    }

    /// The node and all below it become one pattern.
    mutating func collapse(_ node: Node) {
        let rest = names.number(of: Array("**".utf8))
        var waiting: [Node] = []
        forEachChild(of: node) { waiting.append($0) }
        firstChild[Int(node)] = Self.none
        let all = addNode(rest, below: node)
        moveItems(of: node, to: all)
        while let next = waiting.popLast() {
            moveItems(of: next, to: all)
            forEachChild(of: next) { waiting.append($0) }
        }
        leaves[Int(all)] = 1
        leaves[Int(node)] = 1
    }

    /// What the node becomes if its children are these, and no others.
    mutating func setChildren(of node: Node, to children: [Node]) {
        firstChild[Int(node)] = Self.none
        for child in children {
            nextSibling[Int(child)] = firstChild[Int(node)]
            firstChild[Int(node)] = child
        }
    }
}
