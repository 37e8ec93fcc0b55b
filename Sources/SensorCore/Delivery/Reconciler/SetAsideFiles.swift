// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials
internal import Glibc

/// Keeps records that a reconciler will not take, as lines of NDJSON: a file for each batch, the earliest goes first.
package struct SetAsideFiles: Sendable {
    struct Kept: Sendable, Equatable {
        var path: String
        /// Files that had to go for it.
        var dropped: Int
    }

    private let directory: String
    private let limit: Int

    /// - Parameters:
    ///   - directory: made (0700) where it is missing.
    ///   - limit: bytes of all files.
    package init(directory: String, limit: Int = 64 << 20) {
        self.directory = directory
        self.limit = limit
    }

    /// Keeps a batch, so that it outlives a loss of power.
    ///
    /// - Parameter time: seconds since 1970.
    func keep(_ records: [RecordEnvelope], time: UInt64) throws(SystemError) -> Kept {
        guard let first = records.first, let last = records.last else { return Kept(path: "", dropped: 0) }
        let lines = records.compactMap(\.line)
        let size = lines.reduce(0) { $0 + $1.count }
        let path = "\(directory)/\(time)-\(first.stream)-\(first.sequence)-\(last.sequence).ndjson"
        SmallFile.makeDirectory(of: path)
        let dropped = makeRoom(for: size)
        try SmallFile.replace(path, with: Array(lines.joined()))
        return Kept(path: path, dropped: dropped)
    }

    /// Removes the earliest files. Whatever else is there stays.
    private func makeRoom(for size: Int) -> Int {
        let all = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        // Drafts of runs that were killed at it: what they were to keep was not settled, and comes again.
        for name in all where name.hasSuffix(".ndjson.new") { unlink("\(directory)/\(name)") }
        let names = all.filter { $0.hasSuffix(".ndjson") }.sorted()
        let sizes = names.map { name in
            var status = stat()
            return stat("\(directory)/\(name)", &status) == 0 ? Int(status.st_size) : 0
        }
        var taken = sizes.reduce(size, +)
        var dropped = 0
        for (name, size) in zip(names, sizes) where taken > limit {
            guard unlink("\(directory)/\(name)") == 0 else { continue }
            taken -= size
            dropped += 1
        }
        return dropped
    }
}
