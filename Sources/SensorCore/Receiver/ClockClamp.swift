// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials
internal import SwiftProtobuf

/// Takes times that lie ahead of the receiver's clock for its own: a node whose clock is wrong would make whole windows of days
/// be forgotten, of its subjects on all nodes. Times that lie behind are left alone: records wait where a network is away.
struct ClockClamp {
    /// By so much a node's clock may be ahead.
    static let tolerance: UInt64 = 300_000_000_000

    /// Wall clock, nanoseconds since 1970.
    private let now: UInt64
    private let limit: UInt64
    private var hour: UInt32 { Sightings.hour(of: limit) }
    private var day: UInt32 { hour / 24 }
    private(set) var isClamped = false

    /// - Parameter now: wall clock, nanoseconds since 1970.
    init(now: UInt64) {
        self.now = now
        limit = Saturating.sum(now, Self.tolerance)
    }

    mutating func clamp(_ record: inout PostureRecord) {
        clamp(&record.time)
        for index in record.coverage.indices {
            clamp(&record.coverage[index].from)
            clamp(&record.coverage[index].to)
        }
        switch record.body {
        case .facts(var facts)?:
            for index in facts.facts.indices { clamp(&facts.facts[index]) }
            record.facts = facts
        case .profile(var profile)?:
            clamp(&profile)
            record.profile = profile
        default: break
        }
    }

    private mutating func clamp(_ time: inout Google_Protobuf_Timestamp) {
        // Of years that nanoseconds do not reach, too.
        guard time.seconds > Int64(clamping: limit / 1_000_000_000) else { return }
        time = Google_Protobuf_Timestamp(nanosecondsSince1970: now)
        isClamped = true
    }

    private mutating func clamp(_ fact: inout PostureFact) {
        clamp(&fact.firstSeen)
        clamp(&fact.lastSeen)
        if fact.hasSightings { clamp(&fact.sightings) }
        if fact.hasDays { clamp(&fact.days) }
        clampDays(&fact.firstDays)
    }

    private mutating func clampDays(_ days: inout [UInt32]) {
        for index in days.indices where days[index] > day {
            days[index] = 0
            isClamped = true
        }
    }

    private mutating func clamp(_ sightings: inout PostureSightings) {
        guard sightings.latestDay > day || sightings.firstHours.contains(where: { $0 > hour }) else { return }
        isClamped = true
        sightings.firstHours = Array(Set(sightings.firstHours.map { min($0, hour) })).sorted()
        guard sightings.latestDay > day else { return }
        let days = DaySet(
            latest: UInt16(clamping: day),
            bits: (UInt128(sightings.daysHigh) << 64 | UInt128(sightings.daysLow))
                >> UInt128(sightings.latestDay - day))
        let known = Sightings(earliestHours: sightings.firstHours, days: days)
        sightings = PostureSightings(known)
        // It was seen, if not on that day.
        if days.isEmpty { (sightings.latestDay, sightings.daysLow) = (day, 1) }
    }

    private mutating func clamp(_ days: inout PostureDays) {
        guard days.latestDay > day else { return }
        isClamped = true
        let ahead = Int(days.latestDay - day)
        let code = days.earlier.dropFirst(ahead - 1).first
        days.count = code.map { UInt32(clamping: DayScale.level(of: $0)) } ?? days.count
        days.latestDay = day
        days.earlier = code == nil ? .init() : .init(days.earlier.dropFirst(ahead))
    }

    private mutating func clamp(_ mix: inout PostureMix) {
        for (name, days) in mix.categories {
            var days = days
            clamp(&days)
            mix.categories[name] = days
        }
        if mix.hasOther { clamp(&mix.other) }
    }

    private mutating func clamp(_ profile: inout PostureProfile) {
        for index in profile.facts.indices { clamp(&profile.facts[index]) }
        for index in profile.revisions.indices {
            clamp(&profile.revisions[index].firstSeen)
            clamp(&profile.revisions[index].lastSeen)
            clamp(&profile.revisions[index].observed)
        }
        clamp(&profile.observed)
        clamp(&profile.active)
        for (name, hours) in profile.lossy {
            var hours = hours
            clamp(&hours)
            profile.lossy[name] = hours
        }
        if profile.hasExercise { clamp(&profile.exercise) }
    }

    private mutating func clamp(_ exercise: inout PostureExercise) {
        let week = UInt32(HourOfWeek.week(of: hour))
        for index in exercise.hours.indices where exercise.hours[index].latestWeek > week {
            exercise.hours[index].latestWeek = week
            isClamped = true
        }
        if exercise.hasTools { clamp(&exercise.tools) }
        clamp(&exercise.initiators)
        clamp(&exercise.sources)
    }

    private mutating func clamp(_ mixes: inout [String: PostureMix]) {
        for (name, mix) in mixes {
            var mix = mix
            clamp(&mix)
            mixes[name] = mix
        }
    }

    /// Hours ahead are left out: that something was watched is not to be claimed of another hour.
    private mutating func clamp(_ hours: inout PostureHours) {
        guard hours.latestDay >= day else { return }
        let all = HourSet(hours)
        var known = HourSet()
        for day in all.days ?? 0...0 where UInt32(day) <= self.day {
            let isToday = UInt32(day) == self.day
            known.insert(all.hours(of: day) & (isToday ? (2 << (hour % 24)) - 1 : .max), of: day)
        }
        guard known != all else { return }
        isClamped = true
        hours = PostureHours(known)
    }
}
