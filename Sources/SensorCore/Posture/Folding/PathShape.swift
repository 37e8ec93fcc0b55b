// SPDX-License-Identifier: Apache-2.0

/// What a path says when everything that is made up anew each time is left open. Depends on nothing but the path.
package enum PathShape {
    /// Names of an ordinary path that are kept; what lies deeper is `/**`.
    package static let depthLimit = 24

    package static func pattern(of path: ByteString) -> PathPattern {
        var shaped = ShapedPath()
        path.bytes.withUnsafeBufferPointer { shaped.read($0) }
        return PathPattern(shaped.text)
    }

    /// For a path that folds with no other: only what does not tell one object from another is left open: whose
    /// `/proc/<pid>` it is, and the directory that the kubelet makes anew for each version of a volume.
    package static func exactPattern(of path: ByteString) -> PathPattern {
        var text: [UInt8] = []
        path.bytes.withUnsafeBufferPointer { path in
            var start = 0
            var index = 0
            var isProc = false
            while start <= path.count {
                let end = path.segmentEnd(from: start)
                let name = path.slice(start..<end)
                if index > 0 { text.append(UInt8(ascii: "/")) }
                if index == 1 { isProc = name.equals("proc") && start == 1 }
                if isProc, index == 2, name.isNumber {
                    SegmentShape.append("{pid}", to: &text)
                } else if name.hasPrefix(".."), name.count > 2, name[2].isDigit {
                    _ = SegmentShape.append(name, [], to: &text)
                } else {
                    PathPattern.escape(name, to: &text)
                }
                (start, index) = (end + 1, index + 1)
            }
        }
        return PathPattern(text)
    }
}

/// A path name by name, each shaped. Kept and read into again: so a path costs no allocation.
struct ShapedPath {
    private(set) var text: [UInt8] = []
    /// Where each name ends in `text`; the next begins behind the slash.
    private(set) var ends: [Int] = []
    /// Whether a placeholder or a `**` is in it.
    private(set) var isShaped = false

    mutating func read(_ path: ByteSlice) {
        text.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
        isShaped = false
        var surroundings: SegmentShape.Surroundings = []
        var process = ProcPart.outside
        var start = 0
        while start <= path.count {
            if ends.count > 0 { text.append(UInt8(ascii: "/")) }
            let end = path.segmentEnd(from: start)
            let name = path.slice(start..<end)
            if ends.count == PathShape.depthLimit + 1 {
                SegmentShape.append("**", to: &text)
                ends.append(text.count)
                isShaped = true
                return
            }
            if let placeholder = process.placeholder(for: name, depth: ends.count) {
                SegmentShape.append(placeholder, to: &text)
                isShaped = true
            } else if isFanOut(name, path, behind: end) {
                SegmentShape.append("{hex}", to: &text)
                isShaped = true
            } else if SegmentShape.append(name, surroundings, to: &text) {
                isShaped = true
            }
            surroundings.note(name, depth: ends.count)
            ends.append(text.count)
            start = end + 1
        }
    }

    /// - Parameter pattern: of a shape.
    mutating func read(pattern: ByteSlice) {
        text = Array(pattern)
        ends = text.indices.filter { text[$0] == UInt8(ascii: "/") } + [text.count]
        isShaped = true
    }

    /// Two hexadecimal digits that a store of hashes begins its names with: `objects/ab/cdef…`.
    private func isFanOut(_ name: ByteSlice, _ path: ByteSlice, behind end: Int) -> Bool {
        guard name.isFanOutName else { return false }
        var start = end + 1
        for _ in 0..<3 {
            let next = path.segmentEnd(from: start)
            guard start < next else { return false }
            let name = path.slice(start..<next)
            if !name.isFanOutName {
                guard name.count >= 16 else { return false }
                for byte in name.slice(0..<16) where !byte.isHexadecimal { return false }
                return true
            }
            start = next + 1
        }
        return false
    }
}

/// Where in `/proc` a name stands: there alone a number has a meaning.
private enum ProcPart {
    case outside
    case top
    case process
    case tasks
    case descriptors
    case maps

    mutating func placeholder(for name: ByteSlice, depth: Int) -> StaticString? {
        if depth < 2 {
            self = depth == 1 && name.equals("proc") ? .top : .outside
            return nil
        }
        switch self {
        case .outside: return nil
        case .top:
            let isOther = name.isNumber
            self = isOther || name.equals("self") || name.equals("thread-self") ? .process : .outside
            return isOther ? "{pid}" : nil
        case .process:
            if name.equals("task") {
                self = .tasks
            } else if name.equals("fd") || name.equals("fdinfo") {
                self = .descriptors
            } else {
                self = name.equals("map_files") ? .maps : .outside
            }
            return nil
        case .tasks:
            self = .process
            return name.isNumber ? "{tid}" : nil
        case .descriptors:
            self = .outside
            return name.isNumber ? "{fd}" : nil
        case .maps:
            self = .outside
            return "{range}"
        }
    }
}

extension SegmentShape.Surroundings {
    fileprivate mutating func note(_ name: ByteSlice, depth: Int) {
        switch name.count {
        case 3...4:
            if name.equals("tmp") || name.equals("temp") || name.equals(".tmp") || name.equals("shm") {
                self = .temporary
            } else if depth == 1, name.isOne(of: Self.packagedTops) {
                insert(.packaged)
            }
        case 5: if depth == 1, name.equals("lib64") || name.equals("lib32") { insert(.packaged) }
        case 12: if name.equals("node_modules") { insert(.packaged) }
        case 13: if name.equals("site-packages") || name.equals("dist-packages") { insert(.packaged) }
        default: break
        }
    }

    private static let packagedTops: [StaticString] = ["usr", "lib", "bin", "sbin", "nix"]
}

extension UnsafeBufferPointer where Element == UInt8 {
    var isNumber: Bool {
        for byte in self where !byte.isDigit { return false }
        return count > 0
    }

    fileprivate var isFanOutName: Bool { count == 2 && self[0].isHexadecimal && self[1].isHexadecimal }
}
