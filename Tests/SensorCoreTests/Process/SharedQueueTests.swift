// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import SensorCore

@Suite struct SharedQueueTests {
    /// One that expectations can ask.
    private final class Queue {
        private var queue = SharedQueue<Int>()

        var count: Int { queue.count }
        var size: Int { queue.size }
        var firstTime: UInt64? { queue.firstTime }
        var elements: [Int] {
            var (found, next) = ([Int](), queue.first)
            while let place = next, let (element, _) = queue[place] {
                found.append(element)
                next = queue.place(after: place)
            }
            return found
        }

        @discardableResult
        func append(_ element: Int, of owner: UInt64, size: Int = 1, at time: UInt64 = 0) -> Int32 {
            queue.append(element, of: owner, size: size, at: time)
        }
        func count(of owner: UInt64) -> Int { queue.count(of: owner) }
        func remove(_ place: Int32) -> Int? { queue.remove(place) }
        func takeFirst(by time: UInt64) -> Int? { queue.takeFirst(by: time) }
        func takeFirst(of owner: UInt64) -> Int? { queue.takeFirst(of: owner) }
        func takeFirstOfLargest() -> Int? { queue.takeFirstOfLargest() }
    }

    @Test func `what came first goes first, whoever's it is`() {
        let queue = Queue()
        for number in 1...6 { queue.append(number, of: UInt64(number % 2), at: UInt64(10 * number)) }
        #expect(queue.elements == [1, 2, 3, 4, 5, 6] && queue.firstTime == 10)
        #expect(queue.takeFirst(by: 9) == nil)
        #expect(queue.takeFirst(by: 10) == 1)
        #expect(queue.takeFirst(of: 1) == 3)
        #expect(queue.takeFirst(of: 7) == nil)
        #expect(queue.elements == [2, 4, 5, 6] && queue.firstTime == 20)
        #expect(queue.count(of: 0) == 3 && queue.count(of: 1) == 1)
    }

    @Test func `who has most loses his earliest, by size`() {
        let queue = Queue()
        queue.append(1, of: 1, size: 5)
        for number in 2...5 { queue.append(number, of: 2) }
        #expect(queue.size == 9)
        #expect(queue.takeFirstOfLargest() == 1)
        #expect(queue.takeFirstOfLargest() == 2)
        #expect(queue.elements == [3, 4, 5] && queue.size == 3)
    }

    @Test func `whoever comes in numbers pays alone`() {
        let queue = Queue()
        for number in 0..<100 { queue.append(number, of: 1) }
        for number in 1000..<5000 {
            queue.append(number, of: 2)
            while queue.count > 1000 { #expect(queue.takeFirstOfLargest() ?? 0 >= 1000) }
        }
        #expect(queue.count(of: 1) == 100 && queue.count(of: 2) == 900)
    }

    @Test func `who had most once does not pay for who has most now`() {
        let queue = Queue()
        for number in 0..<8 { queue.append(number, of: 1) }
        #expect(queue.takeFirstOfLargest() == 0)
        for number in 8..<12 { queue.append(number, of: 1) }
        for number in 100..<150 { queue.append(number, of: 2) }
        #expect(queue.takeFirstOfLargest() == 100)
        #expect(queue.count(of: 1) == 11)
    }

    @Test func `what is taken out of the middle is gone, and its place is used again`() {
        var generator = SystemRandomNumberGenerator()
        let queue = Queue()
        var model: [(element: Int, owner: UInt64, place: Int32)] = []
        for number in 0..<5000 {
            let owner = UInt64.random(in: 0..<4, using: &generator)
            switch Int.random(in: 0..<5, using: &generator) {
            case 0..<2: model.append((number, owner, queue.append(number, of: owner)))
            case 2 where !model.isEmpty:
                let gone = model.remove(at: Int.random(in: 0..<model.count, using: &generator))
                #expect(queue.remove(gone.place) == gone.element)
            case 3:
                let index = model.firstIndex { $0.owner == owner }
                #expect(queue.takeFirst(of: owner) == index.map { model[$0].element })
                if let index { model.remove(at: index) }
            default:
                #expect(queue.takeFirst(by: 0) == model.first?.element)
                if !model.isEmpty { model.removeFirst() }
            }
            #expect(queue.count == model.count)
            if number % 100 == 0 { #expect(queue.elements == model.map(\.element)) }
        }
    }
}
