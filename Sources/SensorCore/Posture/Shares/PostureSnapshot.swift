// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import SwiftProtobuf

/// What was known at one time: a file that `sensord posture --json` wrote, one subject a line. Several lines of
/// the same subject, as of several nodes, are merged.
package struct PostureSnapshot: Sendable {
    /// The file, for people.
    package let name: String
    /// By their keys, in order.
    package let subjects: [SubjectSnapshot]

    package init(_ bytes: [UInt8], name: String) throws(PostureSnapshotError) {
        self.name = name
        var found: [SubjectKey: SubjectSnapshot] = [:]
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() where !line.allSatisfy(Self.isSpace) {
            let isLast = index == lines.count - 1
            let snapshot = try Self.snapshot(line, PostureSnapshotError.Place(name, index + 1, isCut: isLast))
            let subject = snapshot.profile.subject
            if found[subject]?.merge(with: snapshot) == nil { found[subject] = snapshot }
        }
        if found.isEmpty {
            throw PostureSnapshotError(code: .empty, file: name, reason: "there is no subject in it")
        }
        subjects = found.values.sorted { $0.profile.subject < $1.profile.subject }
    }

    package static func read(_ path: String) throws(PostureSnapshotError) -> PostureSnapshot {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY)
        guard descriptor >= 0 else { throw .unreadable(path) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 18)
        while true {
            let count = buffer.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .unreadable(path) }
            if count == 0 { break }
            bytes += buffer[..<count]
        }
        return try PostureSnapshot(bytes, name: path)
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0d }

    private static func snapshot(
        _ line: ArraySlice<UInt8>, _ place: PostureSnapshotError.Place
    ) throws(PostureSnapshotError) -> SubjectSnapshot {
        var options = JSONDecodingOptions()
        // A later version of the same schema may say more.
        options.ignoreUnknownFields = true
        guard let record = try? PostureRecord(jsonUTF8Bytes: Array(line), options: options) else {
            // A whole line ends in a line feed.
            throw place.isCut
                ? place.error(.cutShort, "cut short, or not the JSON of a record")
                : place.error(.damaged, "damaged: not the JSON of a record")
        }
        guard record.schema == PostureRecord.currentSchema else {
            let schema = record.schema.isEmpty ? "no schema" : "schema \(VisibleText(record.schema, limit: 64).text)"
            throw place.error(
                .unknownSchema, "\(schema), and this version reads \(PostureRecord.currentSchema) alone")
        }
        guard let snapshot = SubjectSnapshot(record) else {
            throw place.error(.noProfile, "no subject's profile: write snapshots with sensord posture --json")
        }
        return snapshot
    }
}

extension PostureSnapshotError {
    /// Where something is wrong.
    fileprivate struct Place {
        let file: String
        let line: Int
        let isCut: Bool

        init(_ file: String, _ line: Int, isCut: Bool) { (self.file, self.line, self.isCut) = (file, line, isCut) }

        func error(_ code: Code, _ reason: String) -> PostureSnapshotError {
            PostureSnapshotError(code: code, file: file, line: line, reason: reason)
        }
    }

    fileprivate static func unreadable(_ path: String) -> PostureSnapshotError {
        PostureSnapshotError(code: .unreadable, file: path, reason: SystemError.text(of: errno))
    }
}
