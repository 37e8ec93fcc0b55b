// SPDX-License-Identifier: Apache-2.0

internal import SwiftProtobuf

/// Where a part of what is known of a subject is kept: in values of its own, so that only what has changed is written anew.
struct ShareKey: Hashable {
    var subject: SubjectKey
    /// Of its facts; nil: what is known beside them.
    var page: Int?

    /// A key of the state's log.
    var bytes: [UInt8] {
        let number = page.map { UInt32(clamping: $0) } ?? .max
        let name: [UInt8] = (try? PostureSubject(subject).serializedBytes()) ?? []
        return [Self.layout] + withUnsafeBytes(of: number.bigEndian) { Array($0) } + name
    }

    init(_ subject: SubjectKey, page: Int? = nil) {
        self.subject = subject
        self.page = page
    }

    /// nil: it is another version's, or nothing that is a share's.
    init?(_ bytes: [UInt8]) {
        guard bytes.count >= 5, bytes[0] == Self.layout,
            let subject = try? PostureSubject(serializedBytes: Array(bytes[5...]))
        else { return nil }
        let number = bytes[1..<5].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        self.init(SubjectKey(subject), page: number == .max ? nil : Int(number))
    }

    /// Values of other layouts are left alone.
    private static let layout: UInt8 = 1
}

/// What one node knows of one subject, put together from the values that it is kept in.
struct KeptShare {
    let subject: SubjectKey
    private(set) var writer = ""
    private(set) var header = PostureProfile()
    private(set) var coverage: [PostureCoverage] = []
    /// In the order of their numbers.
    private(set) var pages: [(number: Int, facts: [PostureFact])] = []
    /// Numbers of pages that another writer has left behind, whose counts are none of this one's.
    private(set) var stalePages: [Int] = []
    private var parts: [(number: Int, writer: String, time: UInt64, facts: [PostureFact])] = []
    private var hasHeader = false
    /// Wall clock, nanoseconds since 1970.
    private(set) var keptAt: UInt64 = 0
    /// The same of the part that was kept longest ago.
    private(set) var leastKeptAt = UInt64.max
    /// As whoever kept it said.
    private var origin = PostureRecord()

    /// - Returns: shares in the order of their subjects, and how many values there are of versions that this one does not know.
    static func gather(_ values: [(key: [UInt8], bytes: [UInt8])]) -> (shares: [KeptShare], unknown: Int) {
        var shares: [SubjectKey: KeptShare] = [:]
        var unknown = 0
        for value in values {
            if SinkPosition.isKey(value.key) || ResentRecords.isKey(value.key) || CoarsenedRecords.isKey(value.key)
                || KeptUntil.isKey(value.key)
            {
                continue
            }
            guard let key = ShareKey(value.key), let record = try? PostureRecord(serializedBytes: value.bytes),
                record.schema == PostureRecord.currentSchema, case .profile(let part)? = record.body
            else {
                unknown += 1
                continue
            }
            shares[key.subject, default: KeptShare(subject: key.subject)].add(part, of: record, page: key.page)
        }
        let sorted = shares.values.sorted { $0.subject < $1.subject }.map { share in
            var share = share
            share.settle()
            return share
        }
        return (sorted, unknown)
    }

    private init(subject: SubjectKey) { self.subject = subject }

    private mutating func add(_ part: PostureProfile, of record: PostureRecord, page: Int?) {
        let time = record.time.nanosecondsSince1970
        if time >= keptAt { (keptAt, origin) = (time, record) }
        leastKeptAt = min(leastKeptAt, time)
        if let page {
            parts.append((page, part.writer, time, part.facts))
        } else {
            hasHeader = true
            writer = part.writer
            header = part
            coverage = record.coverage
        }
    }

    /// The header says whose share it is; without one, the latest page does.
    private mutating func settle() {
        parts.sort { $0.number < $1.number }
        if !hasHeader, let latest = parts.max(by: { $0.time < $1.time }) { writer = latest.writer }
        pages = parts.filter { $0.writer == writer }.map { ($0.number, $0.facts) }
        stalePages = parts.filter { $0.writer != writer }.map(\.number)
        parts = []
    }

    /// All of it in one.
    var record: PostureRecord {
        var record = origin
        record.coverage = coverage
        record.profile = header
        record.profile.facts = (pages.flatMap(\.facts) + header.facts).addingTools()
        record.profile.writer = writer
        return record
    }
}
