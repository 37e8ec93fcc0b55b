// SPDX-License-Identifier: Apache-2.0

/// Many paths as few patterns: a view over a set of paths, never a step of a merge.
///
/// What comes out depends on the set of paths and on `limit`, not on their order nor on how they were shared out before they
/// came together. First each path takes the pattern of its shape (see `PathShape`). While there are more than `limit`
/// patterns, directories divide the room among groups of names that look alike, and what needs more than its share folds:
/// `worker-*.log`, `*.log`, `*`, and in the end `/**`.
///
/// Exactness ends at `limit` ordinary patterns, and at `PathShape.depthLimit` names of one path. Paths that are not ordinary
/// (see `PathSensitivity`) are never folded, are not counted against `limit`, and no pattern covers them but their own: so
/// they are bounded by whoever collects them. At the top, and in `/usr`, `/var` and `/proc`, the usual directories stay
/// apart however low the limit.
package struct PathFolding: Sendable {
    package struct Item: Sendable {
        package var path: ByteString
        /// The caller's own: where what belongs to the path is.
        package var index: Int
        /// What the caller knows beyond the path, for instance that a credential is mounted there. Only ever adds.
        package var sensitivity: PathSensitivity
        /// The path is the pattern of its shape already, which stands for ordinary ones.
        package var isShape: Bool

        package init(
            _ path: ByteString, index: Int, sensitivity: PathSensitivity = .ordinary, isShape: Bool = false
        ) {
            self.path = path
            self.index = index
            self.sensitivity = sensitivity
            self.isShape = isShape
        }
    }

    package struct Group: Sendable, Equatable {
        package var pattern: PathPattern
        package var sensitivity: PathSensitivity
        /// The items' own numbers, in the order of their paths.
        package var members: [Int]
        /// Different paths among them.
        package var pathCount: Int
        /// Whether the pattern says less than the paths did.
        package var isFolded: Bool
        /// If folded, the paths with the smallest `StableHash`, smallest first; of what was a shape already none is known.
        package var exemplars: [ByteString]
    }

    package var limit: Int
    package var credentials: CredentialPaths

    package static let exemplarLimit = 4

    /// - Parameter limit: ordinary patterns that are wanted at most.
    package init(limit: Int, credentials: CredentialPaths = CredentialPaths()) {
        self.limit = limit
        self.credentials = credentials
    }

    /// In the order of the patterns' bytes.
    package func fold(_ items: [Item]) -> [Group] {
        let paths = DistinctPaths(items)
        var tree = FoldingTree(items: paths.count)
        var alone: [PathPattern: [Int32]] = [:]
        var sensitivities: [PathPattern: PathSensitivity] = [:]
        var shaped = ShapedPath()
        for number in 0..<paths.count {
            let path = paths[number]
            if paths.isShape(number) {
                path.bytes.withUnsafeBufferPointer { shaped.read(pattern: $0) }
                tree.add(shaped, as: Int32(number))
                continue
            }
            let own = PathSensitivity(of: path, credentials)
            let sensitivity = max(paths.given(number), own)
            if sensitivity == .ordinary {
                path.bytes.withUnsafeBufferPointer { shaped.read($0) }
                tree.add(shaped, as: Int32(number))
                continue
            }
            // What is known of this path alone is told of this path alone.
            let shared = own == sensitivity ? PathSensitivity.exactPattern(of: path, credentials) : nil
            let pattern = shared ?? PathPattern(literal: path)
            alone[pattern, default: []].append(Int32(number))
            sensitivities[pattern] = max(sensitivity, sensitivities[pattern] ?? .ordinary)
        }
        var groups = alone.map { pattern, members in
            paths.group(members, pattern, sensitivities[pattern] ?? .guarded)
        }
        tree.countLeaves()
        tree.markDirectories()
        _ = tree.fold(FoldingTree.root, to: max(limit, 1))
        tree.forEachPattern { groups.append(paths.group($1, PathPattern($0), .ordinary)) }
        groups.sort { left, right in
            left.pattern == right.pattern
                ? left.sensitivity < right.sensitivity
                : left.pattern.bytes.lexicographicallyPrecedes(right.pattern.bytes)
        }
        return groups
    }
}

extension PathSensitivity: Comparable {
    private var rank: Int { self == .ordinary ? 0 : self == .guarded ? 1 : 2 }

    package static func < (left: PathSensitivity, right: PathSensitivity) -> Bool { left.rank < right.rank }
}

/// The paths of many items in order, each once.
private struct DistinctPaths {
    private let items: [PathFolding.Item]
    private let order: [Int32]
    /// Where each path's items begin in `order`, and the end.
    private let starts: [Int32]

    init(_ items: [PathFolding.Item]) {
        let order = items.indices.map { Int32($0) }.sorted { left, right in
            let (left, right) = (items[Int(left)], items[Int(right)])
            return left.path.bytes.withUnsafeBufferPointer { leftBytes in
                right.path.bytes.withUnsafeBufferPointer { rightBytes in
                    if leftBytes.precedes(rightBytes) { return true }
                    guard leftBytes.equals(rightBytes) else { return false }
                    return left.isShape == right.isShape ? left.index < right.index : right.isShape
                }
            }
        }
        var starts: [Int32] = []
        for place in order.indices
        where place == 0 || !Self.isSame(items[Int(order[place])], items[Int(order[place - 1])]) {
            starts.append(Int32(place))
        }
        starts.append(Int32(order.count))
        (self.items, self.order, self.starts) = (items, order, starts)
    }

    private static func isSame(_ one: PathFolding.Item, _ other: PathFolding.Item) -> Bool {
        one.isShape == other.isShape && one.path == other.path
    }

    var count: Int { starts.count - 1 }

    func isShape(_ number: Int) -> Bool { items[Int(order[Int(starts[number])])].isShape }

    subscript(number: Int) -> ByteString { items[Int(order[Int(starts[number])])].path }

    func given(_ number: Int) -> PathSensitivity {
        items(of: number).map(\.sensitivity).max() ?? .ordinary
    }

    private func items(of number: Int) -> some Collection<PathFolding.Item> {
        order[Int(starts[number])..<Int(starts[number + 1])].lazy.map { items[Int($0)] }
    }

    func group(_ numbers: [Int32], _ pattern: PathPattern, _ sensitivity: PathSensitivity) -> PathFolding.Group {
        let numbers = numbers.sorted()
        var group = PathFolding.Group(
            pattern: pattern, sensitivity: sensitivity, members: [], pathCount: numbers.count,
            isFolded: !pattern.isLiteral, exemplars: [])
        group.members.reserveCapacity(numbers.count)
        var exemplars = Exemplars<ByteString>(limit: PathFolding.exemplarLimit)
        for number in numbers {
            for item in items(of: Int(number)) { group.members.append(item.index) }
            if group.isFolded, !isShape(Int(number)) {
                exemplars.offer(self[Int(number)], key: self[Int(number)].bytes)
            }
        }
        group.exemplars = exemplars.values
        return group
    }
}
