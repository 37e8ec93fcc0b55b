// SPDX-License-Identifier: Apache-2.0

/// What several owners have in one queue, in the order in which it came: where that is too much, whoever has most of it loses
/// his earliest, and nobody else loses anything. All of it takes the same time, however much there is.
struct SharedQueue<Element>: ~Copyable {
    /// Of an element, as long as it is there.
    typealias Place = Int32

    private struct Node {
        var element: Element?
        var owner: UInt64
        var size: Int
        var time: UInt64
        var earlier: Place
        var later: Place
        /// Among its owner's.
        var ownEarlier: Place
        var ownLater: Place
    }

    private struct Share {
        var first: Place = -1
        var last: Place = -1
        var count = 0
        var size = 0
    }

    private var nodes: ContiguousArray<Node> = []
    private var free: Place = -1  // chained through `later`
    private var all = Share()
    private var shares: [UInt64: Share] = [:]
    /// Who had most when it was looked for, how much that was, and down to what he pays. As long as nobody else has more.
    private var payer: (owner: UInt64, size: Int, until: Int)?

    var count: Int { all.count }
    /// Of all elements together.
    var size: Int { all.size }

    func count(of owner: UInt64) -> Int { shares[owner]?.count ?? 0 }
    func size(of owner: UInt64) -> Int { shares[owner]?.size ?? 0 }

    // MARK: Looking

    var first: Place? { all.first >= 0 ? all.first : nil }

    func place(after place: Place) -> Place? {
        let later = nodes[Int(place)].later
        return later >= 0 ? later : nil
    }

    /// In the order in which they came.
    func places(of owner: UInt64) -> [Place] {
        var places: [Place] = []
        var next = shares[owner]?.first ?? -1
        while next >= 0 {
            places.append(next)
            next = nodes[Int(next)].ownLater
        }
        return places
    }

    subscript(place: Place) -> (element: Element, time: UInt64)? {
        let node = nodes[Int(place)]
        return node.element.map { ($0, node.time) }
    }

    /// Of the element that came first.
    var firstTime: UInt64? { first.map { nodes[Int($0)].time } }

    // MARK: Changing

    /// - Parameters:
    ///   - size: what it counts for where most is looked for; positive.
    ///   - time: no earlier than that of the one before it, for `takeFirst(by:)`.
    @discardableResult
    mutating func append(_ element: Element, of owner: UInt64, size: Int = 1, at time: UInt64) -> Place {
        var share = shares[owner] ?? Share()
        let node = Node(
            element: element, owner: owner, size: size, time: time, earlier: all.last, later: -1,
            ownEarlier: share.last, ownLater: -1)
        let place: Place
        if free >= 0 {
            place = free
            free = nodes[Int(place)].later
            nodes[Int(place)] = node
        } else {
            place = Place(nodes.count)
            nodes.append(node)
        }
        if all.last >= 0 { nodes[Int(all.last)].later = place } else { all.first = place }
        if share.last >= 0 { nodes[Int(share.last)].ownLater = place } else { share.first = place }
        (all.last, share.last) = (place, place)
        all.count += 1
        share.count += 1
        all.size += size
        share.size += size
        shares[owner] = share
        if let payer, owner != payer.owner, share.size > payer.size { self.payer = nil }
        return place
    }

    @discardableResult
    mutating func remove(_ place: Place) -> Element? {
        let node = nodes[Int(place)]
        guard node.element != nil, var share = shares[node.owner] else { return nil }
        if node.earlier >= 0 { nodes[Int(node.earlier)].later = node.later } else { all.first = node.later }
        if node.later >= 0 { nodes[Int(node.later)].earlier = node.earlier } else { all.last = node.earlier }
        if node.ownEarlier >= 0 {
            nodes[Int(node.ownEarlier)].ownLater = node.ownLater
        } else {
            share.first = node.ownLater
        }
        if node.ownLater >= 0 {
            nodes[Int(node.ownLater)].ownEarlier = node.ownEarlier
        } else {
            share.last = node.ownEarlier
        }
        all.count -= 1
        share.count -= 1
        all.size -= node.size
        share.size -= node.size
        shares[node.owner] = share.count > 0 ? share : nil
        nodes[Int(place)].element = nil
        nodes[Int(place)].later = free
        free = place
        return node.element
    }

    /// The first one, if it came by that time.
    mutating func takeFirst(by time: UInt64) -> Element? {
        guard let first, nodes[Int(first)].time <= time else { return nil }
        return remove(first)
    }

    mutating func takeFirst(of owner: UInt64) -> Element? { shares[owner].flatMap { remove($0.first) } }

    /// The first one of whoever has most, about: he is looked for again when he has an eighth less, or another more.
    mutating func takeFirstOfLargest() -> Element? {
        if let payer, let share = shares[payer.owner], share.size > payer.until { return remove(share.first) }
        let largest = shares.max { ($0.value.size, $0.key) < ($1.value.size, $1.key) }
        guard let (owner, share) = largest else { return nil }
        payer = (owner, share.size, share.size - share.size / 8)
        return remove(share.first)
    }
}
