// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials
internal import SwiftProtobuf

extension PostureDays {
    init(_ days: DayCounts) {
        self.init()
        latestDay = UInt32(days.latest ?? 0)
        count = days.latestCount
        earlier = Data(days.earlierCodes)
    }
}

extension DayCounts {
    init(_ message: PostureDays) {
        self.init(latest: UInt16(clamping: message.latestDay), count: message.count, earlierCodes: message.earlier)
    }
}

extension FactHistory {
    /// nil: the fact was so in one hour alone.
    init?(_ message: PostureFact) {
        guard message.hasDays else { return nil }
        self.init(
            days: DayCounts(message.days), firsts: HourFirsts(message.firstDays.map { UInt16(clamping: $0) }),
            hours: message.hourOfDay)
    }
}

extension PostureMix {
    init(_ mix: ExerciseMix) {
        self.init()
        categories = mix.categories.mapValues { PostureDays($0) }
        if !mix.other.isEmpty { other = PostureDays(mix.other) }
    }
}

extension ExerciseMix {
    init(_ message: PostureMix) {
        self.init(categories: message.categories.mapValues { DayCounts($0) }, other: DayCounts(message.other))
    }
}

extension PostureExercise {
    init(_ exercise: Exercise) {
        self.init()
        hours = exercise.hours.sorted { $0.key.rawValue < $1.key.rawValue }.map { kind, hours in
            PostureWeekHours.with {
                $0.kind = kind.name
                ($0.total, $0.before) = (Array(hours.total), Array(hours.before))
                ($0.latestWeek, $0.weeks) = (UInt32(hours.latestWeek), UInt32(hours.weeks))
            }
        }
        if !exercise.tools.isEmpty { tools = PostureMix(exercise.tools) }
        initiators = exercise.initiators.mapValues { PostureMix($0) }
        sources = exercise.sources.mapValues { PostureMix($0) }
    }
}

extension Exercise {
    init(_ message: PostureExercise) {
        var hours: [FactKind: HourOfWeek] = [:]
        for row in message.hours {
            guard let kind = FactKind(name: row.kind) else { continue }
            let week = HourOfWeek(
                total: row.total, before: row.before, latestWeek: UInt16(clamping: row.latestWeek),
                weeks: UInt16(clamping: row.weeks))
            if !week.isEmpty { hours[kind] = week }
        }
        self.init(
            hours: hours, tools: ExerciseMix(message.tools),
            initiators: message.initiators.mapValues { ExerciseMix($0) },
            sources: message.sources.mapValues { ExerciseMix($0) })
    }
}
