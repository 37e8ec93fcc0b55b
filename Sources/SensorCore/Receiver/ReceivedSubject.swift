// SPDX-License-Identifier: Apache-2.0

internal import SwiftProtobuf

/// What all nodes together told of one subject.
struct ReceivedSubject {
    struct Writer: Equatable {
        var node: String
        /// The latest that it said, and when: nanoseconds since 1970.
        var coverage: [PostureCoverage] = []
        var time: UInt64 = 0
    }

    /// By writer, each with its node's name before it: nobody counts for another.
    private(set) var profile: SharedProfile
    private(set) var writers: [String: Writer] = [:]
    /// Facts, once for each writer.
    private(set) var factCount = 0
    /// Facts for which there was no room, or that this version does not know.
    var leftOut: UInt64 = 0
    /// Rollouts that were forgotten for others, and times that one was named for which there was no room, since the receiver was
    /// started.
    private(set) var leftOutRevisions: UInt64 = 0
    /// Another one whenever anything has changed.
    var revision: UInt64 = 0

    /// Facts are kept by the page, so that only what has changed is written anew. A fact is on the same page for all writers.
    private var pages: [[SharedFact.Identity]] = []
    private var pageOf: [SharedFact.Identity: UInt32] = [:]
    /// Names of rollouts, those that facts alone have among them, and when they were heard of first: nanoseconds since 1970.
    private var revisions: [String: UInt64] = [:]
    /// None that is left was seen last before this.
    private var forgottenUntil: UInt64 = 0

    private static let factsOfPage = 64

    init(_ subject: SubjectKey) { profile = SharedProfile(subject) }

    static func writer(_ name: String, of node: String) -> String { "\(node)/\(name)" }

    var subject: SubjectKey { profile.subject }
    var nodes: [String] { Set(writers.values.map(\.node)).sorted() }
    /// Wall clock, nanoseconds since 1970: of the latest record.
    var time: UInt64 { writers.values.map(\.time).max() ?? 0 }

    /// Takes in a record of the body `facts` or `profile`; what was said before may come again.
    ///
    /// - Parameters:
    ///   - room: facts that there is room for.
    ///   - page: that the facts were kept on; nil: they are new here.
    /// - Returns: pages that have changed.
    mutating func merge(
        _ record: PostureRecord, node: String, room: Int, limits: ReceiverLimits, page: UInt32? = nil
    ) -> Set<UInt32> {
        let isProfile: Bool
        var share: PostureProfile
        switch record.body {
        case .facts(let facts)?:
            (isProfile, share) = (false, PostureProfile.with { ($0.facts, $0.writer) = (facts.facts, facts.writer) })
        case .profile(let profile)?: (isProfile, share) = (true, profile)
        default: return []
        }
        let writer = Self.writer(share.writer, of: node)
        var changed: Set<UInt32> = []
        var left = room
        for var fact in share.facts {
            guard fact.isWithin(limits), let identity = SharedFact.Identity(fact) else {
                leftOut += 1
                continue
            }
            if profile.facts[identity]?.writers[writer] == nil {
                guard left > 0 else {
                    leftOut += 1
                    continue
                }
                left -= 1
                factCount += 1
            }
            // Seldom: changing a message copies it.
            if fact.revisions.contains(where: { revisions[$0] == nil }) {
                let time = fact.lastSeen.nanosecondsSince1970
                fact.revisions.removeAll { !takes(revision: $0, at: time, limits) }
            }
            profile.merge(fact, writer: writer)
            changed.insert(place(of: identity, page))
        }
        (share.facts, share.writer) = ([], writer)
        if isProfile {
            share.revisions.removeAll { !takes(revision: $0.name, at: $0.lastSeen.nanosecondsSince1970, limits) }
            profile.merge(share)
        }
        note(record, node: node, writer)
        return changed
    }

    private mutating func note(_ record: PostureRecord, node: String, _ writer: String) {
        let time = record.time.nanosecondsSince1970
        var known = writers[writer] ?? Writer(node: node)
        if time >= known.time, !record.coverage.isEmpty { known.coverage = record.coverage }
        known.time = max(known.time, time)
        writers[writer] = known
    }

    /// Whether there is room for a rollout of that name. Those that were seen last longest ago make some: who reads wants the latest.
    private mutating func takes(revision name: String, at time: UInt64, _ limits: ReceiverLimits) -> Bool {
        if revisions[name] != nil { return true }
        let isFull = revisions.count >= limits.revisions
        guard name.utf8.count <= limits.revisionBytes, !isFull || forgetRevisions(before: time) else {
            leftOutRevisions += 1
            return false
        }
        revisions[name] = time
        return true
    }

    /// A quarter of them at once, since all facts are looked at.
    ///
    /// - Returns: whether any was seen last before that time.
    private mutating func forgetRevisions(before time: UInt64) -> Bool {
        guard time > forgottenUntil else { return false }
        let known = revisions.map { (seen: profile.revisions[$0]?.lastSeen ?? $1, name: $0) }.sorted {
            ($0.seen, $0.name) < ($1.seen, $1.name)
        }
        let gone = known.prefix(max(known.count / 4, 1)).prefix { $0.seen < time }
        forgottenUntil = known.dropFirst(gone.count).first?.seen ?? 0
        for (_, name) in gone { revisions[name] = nil }
        profile.forget(revisions: Set(gone.map(\.name)))
        leftOutRevisions += UInt64(gone.count)
        return !gone.isEmpty
    }

    private mutating func place(of identity: SharedFact.Identity, _ wanted: UInt32?) -> UInt32 {
        if let page = pageOf[identity] { return page }
        var page = wanted.map { Int($0) } ?? max(0, pages.count - 1)
        if wanted == nil, page < pages.count, pages[page].count >= Self.factsOfPage { page += 1 }
        while pages.count <= page { pages.append([]) }
        pages[page].append(identity)
        pageOf[identity] = UInt32(page)
        return UInt32(page)
    }

    // MARK: Keeping

    /// What is kept of one writer: facts of a page, or what is known beside them. It says no less when it is merged again.
    func kept(_ writer: String, page: UInt32?) -> PostureRecord? {
        guard let known = writers[writer] else { return nil }
        var record = PostureRecord.with {
            ($0.schema, $0.node) = (PostureRecord.currentSchema, known.node)
            $0.time = Google_Protobuf_Timestamp(nanosecondsSince1970: known.time)
            $0.subject = PostureSubject(subject)
        }
        if let page {
            guard page < pages.count else { return nil }
            record.profile = PostureProfile.with {
                $0.facts = pages[Int(page)].compactMap { profile.facts[$0]?.message($0, of: writer) }
            }
        } else {
            record.profile = profile.header(of: writer)
            record.coverage = known.coverage
        }
        record.profile.writer = String(writer.dropFirst(known.node.utf8.count + 1))
        return record
    }
}
