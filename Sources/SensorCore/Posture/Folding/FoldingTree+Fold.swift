// SPDX-License-Identifier: Apache-2.0

extension FoldingTree {
    /// Siblings that look alike, to be kept as they are or to be put together.
    struct Kin {
        var nodes: [Node]
        var leaves: Int
        var isDirectories: Bool
        /// The first of the names, by bytes: for an order that depends on nothing else.
        var name: Int32
    }

    private struct Key: Hashable {
        var number: UInt64
        var suffix: Int32
        var isHidden: Bool
    }

    /// Siblings of one kind as many as this, with most of what the directory has, fold before they take their share of the
    /// room from the rest.
    private static let crowd = 16

    /// Puts together what looks alike at and below `node`, until it has at most `room` patterns or cannot have fewer.
    ///
    /// From the top down. Groups of siblings that look alike share the room evenly: a group that needs less than an even
    /// share keeps all it has, and leaves the rest to the others. So what makes many names loses the detail of its own
    /// names, and those beside it only once they need more than their share too.
    ///
    /// - Returns: how many patterns there are.
    mutating func fold(_ node: Node, to room: Int) -> Int {
        let count = Int(leaves[Int(node)])
        if count <= room { return count }
        let own = firstItem[Int(node)] >= 0 ? 1 : 0
        let isFixed = node == Self.root || flags[Int(node)].contains(.holdsBoundary)
        let kin = kin(of: node, room: room - own)
        if !isFixed, kin.count > room - own {
            collapse(node)
            return 1
        }
        var kept: [Node] = []
        var used = own
        for (index, group) in kin.enumerated() {
            let share = max(1, (room - used) / (kin.count - index))
            if group.leaves <= share {
                kept += group.nodes
                used += group.leaves
                continue
            }
            let one =
                group.nodes.count == 1 ? group.nodes[0] : merge(group.nodes, as: commonName(of: group), below: node)
            kept.append(one)
            used += group.isDirectories ? fold(one, to: share) : 1
        }
        setChildren(of: node, to: kept)
        leaves[Int(node)] = Int32(used)
        return used
    }

    /// The children of `node` in groups, no more than `room` if that can be, those with the fewest patterns first.
    private mutating func kin(of node: Node, room: Int) -> [Kin] {
        var (files, directories, fixed): ([Kin], [Kin], [Kin]) = ([], [], [])
        var child = firstChild[Int(node)]
        while child != Self.none {
            let isDirectory = firstChild[Int(child)] != Self.none
            let kin = Kin(
                nodes: [child], leaves: Int(leaves[Int(child)]), isDirectories: isDirectory, name: nameOf[Int(child)])
            if flags[Int(child)].contains(.boundary) {
                fixed.append(kin)
            } else if isDirectory {
                directories.append(kin)
            } else {
                files.append(kin)
            }
            child = nextSibling[Int(child)]
        }
        let half = Int(leaves[Int(node)]) / 2
        files = grouped(files, level: 0)
        directories = grouped(directories, level: 0)
        files = grouped(files, level: 1) { $0.count >= Self.crowd && $0.leaves > half }
        directories = grouped(directories, level: 1) { $0.count >= Self.crowd && $0.leaves > half }
        var (fileLevel, directoryLevel) = (0, 0)
        while files.count + directories.count + fixed.count > room {
            let isFiles = fileLevel < 2 && (files.count >= directories.count || directoryLevel == 2)
            if isFiles {
                fileLevel += 1
                files = grouped(files, level: fileLevel)
            } else if directoryLevel < 2 {
                directoryLevel += 1
                directories = grouped(directories, level: directoryLevel)
            } else {
                break
            }
        }
        return (files + directories + fixed).sorted { left, right in
            if left.leaves != right.leaves { return left.leaves < right.leaves }
            if left.name != right.name { return names.precedes(left.name, right.name) }
            return !left.isDirectories && right.isDirectories
        }
    }

    /// - Parameters:
    ///   - level: how much has to be alike: 0 the beginning and the extension, of directories all names in them; 1 the
    ///     extension, of directories the kinds of names in them; 2 nothing but a dot at the beginning.
    ///   - isWanted: which of the wider groups are made.
    private mutating func grouped(
        _ kin: [Kin], level: Int, where isWanted: ((count: Int, leaves: Int)) -> Bool = { _ in true }
    ) -> [Kin] {
        if kin.count < 2 { return kin }
        var places: [Key: Int] = [:]
        var wider: [(count: Int, leaves: Int)] = []
        var memberships: [Int] = []
        memberships.reserveCapacity(kin.count)
        for group in kin {
            let key = key(of: group.nodes[0], isDirectory: group.isDirectories, level: level)
            let place = places[key] ?? wider.count
            if place == wider.count {
                places[key] = place
                wider.append((0, 0))
            }
            wider[place].count += 1
            wider[place].leaves += group.leaves
            memberships.append(place)
        }
        var result: [Kin] = []
        var made = [Int](repeating: -1, count: wider.count)
        for (group, place) in zip(kin, memberships) {
            if made[place] < 0 || wider[place].count == 1 || !isWanted(wider[place]) {
                made[place] = result.count
                result.append(group)
                continue
            }
            let known = made[place]
            result[known].nodes += group.nodes
            result[known].leaves += group.leaves
            if names.precedes(group.name, result[known].name) { result[known].name = group.name }
        }
        return result
    }

    private mutating func key(of node: Node, isDirectory: Bool, level: Int) -> Key {
        let like = nameClass(nameOf[Int(node)])
        if level == 2 { return Key(number: 0, suffix: 0, isHidden: like.isHidden) }
        if isDirectory { return Key(number: contents(of: node, level: level), suffix: 0, isHidden: like.isHidden) }
        return Key(
            number: level == 0 ? UInt64(UInt32(bitPattern: like.prefix)) : 0, suffix: like.suffix,
            isHidden: like.isHidden)
    }

    /// What is in a directory, as a number: the names, or only their kinds.
    private mutating func contents(of node: Node, level: Int) -> UInt64 {
        var hashes: [UInt64] = []
        var child = firstChild[Int(node)]
        while child != Self.none {
            let isDirectory = firstChild[Int(child)] != Self.none
            var hash: UInt64 = 0
            if level == 0 || !isDirectory {
                let name = level == 0 ? nameOf[Int(child)] : nameClass(nameOf[Int(child)]).suffix
                hash = names.hash(name)
            }
            hashes.append(StableHash.mixed(hash &* 2 &+ (isDirectory ? 1 : 0)))
            child = nextSibling[Int(child)]
        }
        hashes.sort()
        var result: UInt64 = 0
        for (index, hash) in hashes.enumerated() where index == 0 || hash != hashes[index - 1] {
            result = StableHash.mixed(result ^ hash)
        }
        return result
    }

    private mutating func nameClass(_ name: Int32) -> NameClass {
        if Int(name) < classes.count, let known = classes[Int(name)] { return known }
        var text: [UInt8] = []
        names.append(name, to: &text)
        let made = text.withUnsafeBufferPointer { NameClass($0, &names) }
        if Int(name) >= classes.count { classes += Array(repeating: nil, count: names.count - classes.count) }
        classes[Int(name)] = made
        return made
    }

    private mutating func commonName(of kin: Kin) -> Int32 {
        let first = nameClass(nameOf[Int(kin.nodes[0])])
        var (isPrefix, isSuffix) = (true, true)
        for node in kin.nodes {
            let like = nameClass(nameOf[Int(node)])
            if like.prefix != first.prefix { isPrefix = false }
            if like.suffix != first.suffix { isSuffix = false }
        }
        var text: [UInt8] = []
        if isPrefix { names.append(first.prefix, to: &text) }
        if text.isEmpty, first.isHidden { text.append(UInt8(ascii: ".")) }
        text.append(UInt8(ascii: "*"))
        if isSuffix { names.append(first.suffix, to: &text) }
        return names.number(of: text)
    }
}
