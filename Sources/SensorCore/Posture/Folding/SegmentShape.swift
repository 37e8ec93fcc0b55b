// SPDX-License-Identifier: Apache-2.0

/// What one name of a path is made of: parts that are the same each time, and parts that are made up anew.
struct SegmentShape {
    /// What the names before it say.
    struct Surroundings: OptionSet {
        let rawValue: UInt8

        /// Files that a package brought: their numbers are versions.
        static let packaged = Surroundings(rawValue: 1)
        /// A directory for temporary files: short made-up names are expected.
        static let temporary = Surroundings(rawValue: 2)
    }

    let bytes: ByteSlice
    let surroundings: Surroundings

    /// Appends the pattern of the name, literal parts escaped.
    ///
    /// - Returns: whether a placeholder is in it.
    static func append(_ bytes: ByteSlice, _ surroundings: Surroundings, to text: inout [UInt8]) -> Bool {
        var digits = 0
        for byte in bytes where byte.isDigit { digits += 1 }
        if digits == 0, bytes.count < 8 || bytes.count > 255 {
            PathPattern.escape(bytes, to: &text)
            return false
        }
        let shape = SegmentShape(bytes: bytes, surroundings: surroundings)
        if digits == bytes.count {
            guard let name = shape.nameOfNumber else {
                PathPattern.escape(bytes, to: &text)
                return false
            }
            append(name, to: &text)
            return true
        }
        if let made = shape.temporaryPart {
            let head = SegmentShape(bytes: bytes.slice(0..<made.range.lowerBound), surroundings: surroundings)
            _ = head.appendRuns(to: &text)
            append(made.name, to: &text)
            PathPattern.escape(bytes.from(made.range.upperBound), to: &text)
            return true
        }
        if digits == 0 {
            PathPattern.escape(bytes, to: &text)
            return false
        }
        return shape.appendParts(to: &text)
    }

    @inline(__always)
    static func append(_ name: StaticString, to text: inout [UInt8]) {
        text.append(contentsOf: ByteSlice(start: name.utf8Start, count: name.utf8CodeUnitCount))
    }

    private var nameOfNumber: StaticString? {
        if surroundings.contains(.packaged), bytes.count <= 3 { return nil }
        if let end = dateEnd(at: 0), end.index == bytes.count { return end.hasTime ? "{time}" : "{date}" }
        return "{n}"
    }

    private func appendParts(to text: inout [UInt8]) -> Bool {
        if !surroundings.contains(.packaged), let end = tokenEnd {
            Self.append("{token}", to: &text)
            let rest = SegmentShape(bytes: bytes.from(end), surroundings: surroundings)
            _ = rest.appendRuns(to: &text)
            return true
        }
        return appendRuns(to: &text)
    }

    /// Run by run of letters and digits, whatever stands between them.
    private func appendRuns(to text: inout [UInt8]) -> Bool {
        var isShaped = false
        var index = 0
        var previous = 0..<0
        while index < bytes.count {
            let gap = index
            while index < bytes.count, !bytes[index].isAlphanumeric { index += 1 }
            PathPattern.escape(bytes.slice(gap..<index), to: &text)
            if index == bytes.count { break }
            if let part = wholePart(at: index) {
                PathPattern.escape(bytes.slice(index..<index + part.kept), to: &text)
                Self.append(part.name, to: &text)
                (previous, index, isShaped) = (index..<part.end, part.end, true)
                continue
            }
            var end = index
            while end < bytes.count, bytes[end].isAlphanumeric { end += 1 }
            if let part = part(of: index..<end, after: previous) {
                PathPattern.escape(bytes.slice(index..<index + part.kept), to: &text)
                Self.append(part.name, to: &text)
                isShaped = true
            } else {
                PathPattern.escape(bytes.slice(index..<end), to: &text)
            }
            (previous, index) = (index..<end, end)
        }
        return isShaped
    }

    /// What is more than one run: UUID, date and time, the two made-up parts of a pod's name.
    private func wholePart(at index: Int) -> (kept: Int, name: StaticString, end: Int)? {
        if let end = uuidEnd(at: index) { return (0, "{uuid}", end) }
        if bytes.from(index).hasPrefix("pod"), let end = uuidEnd(at: index + 3) { return (3, "{uuid}", end) }
        if let end = dateEnd(at: index) { return (0, end.hasTime ? "{time}" : "{date}", end.index) }
        if let end = podEnd(at: index) { return (0, "{pod}", end) }
        return nil
    }

    /// - Returns: how much of the run is literal, and what the rest is.
    private func part(of run: Range<Int>, after previous: Range<Int>) -> (kept: Int, name: StaticString)? {
        let text = bytes.slice(run)
        var letters = 0
        while letters < text.count, text[letters].isLetter { letters += 1 }
        var isNumbered = letters < text.count
        for byte in text[letters...] where !byte.isDigit { isNumbered = false }
        if letters == text.count { return nil }
        if isNumbered {
            let digits = text.from(letters)
            if letters > 0, let hash = hexadecimal(text) { return hash }
            return isCounter(digits, behind: letters, run: run, after: previous) ? (letters, "{n}") : nil
        }
        if let hash = hexadecimal(text) { return hash }
        let isToken = text.count >= 16 && !surroundings.contains(.packaged) && Self.looksRandom(text)
        return isToken ? (0, "{token}") : nil
    }

    private func hexadecimal(_ text: ByteSlice) -> (kept: Int, name: StaticString)? {
        guard text.count >= 8 else { return nil }
        var (upper, lower, digits) = (0, 0, 0)
        for byte in text {
            guard byte.isHexadecimal else { return nil }
            if byte.isDigit { digits += 1 } else if byte.isUpper { upper += 1 } else { lower += 1 }
        }
        guard upper == 0 || lower == 0, digits > 0 && digits < text.count || text.count >= 16 else { return nil }
        return (0, "{hex}")
    }

    /// Whether a number counts something, rather than being a version, a size or part of a name.
    private func isCounter(
        _ digits: ByteSlice, behind letters: Int, run: Range<Int>, after previous: Range<Int>
    ) -> Bool {
        let isPadded = digits.first == UInt8(ascii: "0")
        let isPackaged = surroundings.contains(.packaged)
        if isPackaged {
            return letters == 0 && digits.count >= 6 && !isVersion(run) && !bytes.slice(previous).equals("so")
        }
        if digits.count >= 5 { return true }
        if isPadded, digits.count >= (run.lowerBound > 0 || letters > 0 ? 3 : 4) { return true }
        if letters > 0 { return bytes.slice(run).slice(0..<letters).hasSuffix("pid") }
        guard run.lowerBound > 0 else { return false }
        if isVersion(run) { return false }
        let before = bytes[run.lowerBound - 1]
        if before == UInt8(ascii: "=") { return true }
        let word = bytes.slice(previous)
        guard previous.upperBound == run.lowerBound - 1 else { return false }
        if before == UInt8(ascii: ".") {
            return word.equals("log") || surroundings.contains(.temporary) && digits.count >= 3
        }
        guard before == UInt8(ascii: "-") || before == UInt8(ascii: "_") else { return false }
        if surroundings.contains(.temporary), digits.count >= 3 { return true }
        return word.isOne(of: Self.counted)
    }

    /// `2.31`, `6.8.0`: numbers with dots between them.
    private func isVersion(_ run: Range<Int>) -> Bool {
        let next = run.upperBound
        if next + 1 < bytes.count, bytes[next] == UInt8(ascii: "."), bytes[next + 1].isDigit { return true }
        let before = run.lowerBound
        return before >= 2 && bytes[before - 1] == UInt8(ascii: ".") && bytes[before - 2].isDigit
    }

    /// What is numbered from one on, however short the number.
    private static let counted: [StaticString] = [
        "part", "shard", "segment", "chunk", "block", "batch", "bucket", "partition", "page", "frame", "step",
        "checkpoint", "ckpt", "worker", "thread", "rank", "run", "job", "task", "slice", "tile", "epoch", "iter",
        "split", "attempt", "session", "request", "msg", "message", "conversation", "turn",
    ]
}
