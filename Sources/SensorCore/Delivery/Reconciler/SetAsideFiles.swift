// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials
internal import Glibc

/// Keeps records that a reconciler will not take: a file for each batch, the earliest goes first. Its first line says why, the
/// others are the records as NDJSON.
package struct SetAsideFiles: Sendable {
    struct Kept: Sendable, Equatable {
        var path: String
        /// Files that had to go for it.
        var dropped: Int
    }

    package let directory: String
    private let limit: Int

    /// - Parameters:
    ///   - directory: made (0700) where it is missing.
    ///   - limit: bytes of all files.
    package init(directory: String, limit: Int = 64 << 20) {
        self.directory = directory
        self.limit = limit
    }

    /// Those of a sink (see `RecordSink`) in a daemon's state directory.
    package init(of sink: String, in stateDirectory: String) {
        self.init(directory: "\(stateDirectory)/\(Self.first)" + (sink == "reconciler" ? "" : "-\(sink)"))
    }

    /// Of all sinks for which there are any, in the order of their names.
    package static func all(in stateDirectory: String) -> [(sink: String, files: SetAsideFiles)] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: stateDirectory)) ?? []
        let sinks = names.compactMap { name -> String? in
            if name == first { return "reconciler" }
            return name.hasPrefix("\(first)-") ? String(name.dropFirst(first.count + 1)) : nil
        }
        return sinks.sorted().map { ($0, SetAsideFiles(of: $0, in: stateDirectory)) }
    }

    private static let first = "aside"

    // MARK: Keeping

    /// Keeps a batch, so that it outlives a loss of power.
    ///
    /// - Parameter time: seconds since 1970.
    func keep(_ records: [RecordEnvelope], why: ReconcilerRefusal, time: UInt64) throws(SystemError) -> Kept {
        guard let first = records.first, let last = records.last else { return Kept(path: "", dropped: 0) }
        let batch = SetAsideBatch(
            time: time, stream: first.stream, sequences: first.sequence...last.sequence, why: why)
        let lines = [batch.head] + records.compactMap(\.line)
        let path = path(of: batch)
        SmallFile.makeDirectory(of: path)
        let dropped = makeRoom(for: lines.reduce(0) { $0 + $1.count })
        try SmallFile.replace(path, with: Array(lines.joined()))
        return Kept(path: path, dropped: dropped)
    }

    private func path(of batch: SetAsideBatch) -> String { "\(directory)/\(batch.file)" }

    /// Of batches, the earliest first. Whatever else is there is none of this.
    private var files: [SetAsideBatch] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return names.compactMap { SetAsideBatch(file: $0) }.sorted {
            ($0.time, $0.sequences.lowerBound, $0.name) < ($1.time, $1.sequences.lowerBound, $1.name)
        }
    }

    /// Whether a file of the directory is a batch, or a draft of one that was left, by its name.
    static func isOwn(_ name: String) -> Bool {
        SetAsideBatch(file: name) != nil || name.hasSuffix(SetAsideBatch.suffix + ".new")
    }

    /// Removes the earliest files, those that are to be sent again last.
    private func makeRoom(for size: Int) -> Int {
        let all = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        // Drafts of runs that were killed at it: what they were to keep was not settled, and comes again.
        for name in all where name.hasSuffix(SetAsideBatch.suffix + ".new") { unlink("\(directory)/\(name)") }
        let files = files
        let paths = (files.filter { !$0.isMarked } + files.filter(\.isMarked)).map { path(of: $0) }
        let sizes = paths.map { path in
            var status = stat()
            return stat(path, &status) == 0 ? Int(status.st_size) : 0
        }
        var taken = sizes.reduce(size, +)
        var dropped = 0
        for (path, size) in zip(paths, sizes) where taken > limit {
            guard unlink(path) == 0 else { continue }
            taken -= size
            dropped += 1
        }
        return dropped
    }

    // MARK: Looking

    /// All that there is, the earliest first. One that goes meanwhile is left out.
    package var batches: [SetAsideBatch] {
        files.compactMap { file in
            guard let bytes = bytes(of: file) else { return nil }
            var batch = file
            let lines = bytes.split(separator: UInt8(ascii: "\n"))
            let hasHead = lines.first?.starts(with: SetAsideBatch.headStart) ?? false
            if hasHead, let head = lines.first { batch.take(head: head) }
            (batch.records, batch.bytes) = (lines.count - (hasHead ? 1 : 0), bytes.count)
            return batch
        }
    }

    /// A batch's records as they stand in its file, each a line without its newline; nil: it has gone.
    package func lines(of batch: SetAsideBatch) -> [ArraySlice<UInt8>]? {
        bytes(of: batch)?.split(separator: UInt8(ascii: "\n")).filter { !$0.starts(with: SetAsideBatch.headStart) }
    }

    private func bytes(of batch: SetAsideBatch) -> [UInt8]? {
        try? SmallFile.read(path(of: batch), limit: Self.fileLimit)
    }

    /// More than a record can have.
    private static let fileLimit = 64 << 20

    // MARK: Sending again

    /// The batch is to be sent again, or not: by whichever daemon has this directory, now or at its start.
    package func mark(_ batch: SetAsideBatch, _ isMarked: Bool) throws(SystemError) {
        var other = batch
        other.isMarked = isMarked
        guard rename(path(of: batch), path(of: other)) == 0 else { throw SystemError("rename \(path(of: batch))") }
    }

    func remove(_ batch: SetAsideBatch) { unlink(path(of: batch)) }
}
