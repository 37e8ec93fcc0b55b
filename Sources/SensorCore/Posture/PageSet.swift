// SPDX-License-Identifier: Apache-2.0

/// Numbers of pages.
struct PageSet {
    private var words: [UInt64] = []

    var isEmpty: Bool { words.allSatisfy { $0 == 0 } }

    /// Ascending.
    var numbers: [Int] {
        var numbers: [Int] = []
        for (index, word) in words.enumerated() {
            var rest = word
            while rest != 0 {
                numbers.append(64 * index + rest.trailingZeroBitCount)
                rest &= rest - 1
            }
        }
        return numbers
    }

    mutating func insert(_ page: Int) {
        let (word, bit) = (page / 64, UInt64(1) << UInt64(page % 64))
        // Mostly it is there: to look is cheaper than to change.
        if word < words.count, words[word] & bit != 0 { return }
        while words.count <= word { words.append(0) }
        words[word] |= bit
    }

    mutating func remove(_ page: Int) {
        if page / 64 < words.count { words[page / 64] &= ~(1 << UInt64(page % 64)) }
    }

    /// Takes all of the other's.
    mutating func take(_ other: inout PageSet) {
        for (index, word) in other.words.enumerated() {
            if index == words.count { words.append(0) }
            words[index] |= word
            other.words[index] = 0
        }
    }
}
