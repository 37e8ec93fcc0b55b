// SPDX-License-Identifier: Apache-2.0

extension Redactor {
    /// The strings that were passed to a system call, treated as a command line's arguments are. Their number stays.
    ///
    /// - Parameter call: its name.
    package func strings(_ strings: [[UInt8]], of call: String) -> [ByteString] {
        // Those of a recording are masked already.
        (masked(strings, of: call) ?? strings).map { string in
            if !string.contains(Self.mask) { return ByteString(string) }
            var shown: [UInt8] = []
            for run in string.chunks() { shown += run.isMask ? Array(Self.replacement.utf8) : Array(run.bytes) }
            return ByteString(shown)
        }
    }

    /// The same with secrets overwritten byte for byte; nil if there is none.
    func masked(_ strings: [[UInt8]], of call: String) -> [[UInt8]]? {
        // A key and its value are what an option and its value are on a command line.
        let prefix: [UInt8] = call == "fsconfig" && strings.count == 2 ? Array("--".utf8) : []
        var block = prefix
        for string in strings { block += string + [0] }
        guard let masked = masked(block.span.bytes) else { return nil }
        var start = prefix.count
        return strings.map { string in
            defer { start += string.count + 1 }
            return Array(masked[start..<start + string.count])
        }
    }
}

extension Array<UInt8> {
    /// Runs of masked bytes and of others, in turn.
    fileprivate func chunks() -> [(isMask: Bool, bytes: ArraySlice<UInt8>)] {
        var chunks: [(Bool, ArraySlice<UInt8>)] = []
        var start = startIndex
        while start < endIndex {
            let isMask = self[start] == Redactor.mask
            let end = self[start...].firstIndex { ($0 == Redactor.mask) != isMask } ?? endIndex
            chunks.append((isMask, self[start..<end]))
            start = end
        }
        return chunks
    }
}
