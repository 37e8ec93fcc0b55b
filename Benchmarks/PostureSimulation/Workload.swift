// SPDX-License-Identifier: Apache-2.0

import Glibc

/// How often each fact of a subject is done on each day.
enum Workload: String, CaseIterable {
    /// Independent, at a constant rate.
    case poisson
    /// Each fact varies by a quarter from day to day (gamma, shape 16), and so does the subject (shape 40).
    case varying
    /// Each fact varies from day to day (gamma, shape 0.7–5), and so does the subject.
    case bursty
    /// Twelve features that go on and off, for two to five days in the mean (Markov), beside a bursty rest.
    case switching
    /// The same, for five to twenty days.
    case lingering
    /// Like `bursty`, at weekends a tenth.
    case weekly
    /// Days of the week of their own: each fact is done on one to seven of them.
    case calendar
    /// The subject's volume is log-normal with a sigma of 0.8.
    case volume
    /// That of `bursty` grows or shrinks by 2 % a day, a half or twice in five weeks.
    case trend

    /// Times a day by fact, by day.
    func rates(_ facts: [Double], days: Int, _ chance: inout Chance) -> [[Double]] {
        let shapes = facts.map { _ in 0.7 + 4.3 * chance.uniform() }
        let groups = facts.map { _ in Int.random(in: 0..<24, using: &chance) }
        let weekdays = facts.map { _ in
            Set((0..<7).shuffled(using: &chance).prefix(Int.random(in: 1...7, using: &chance)))
        }
        let stay = self == .switching ? 0.5...0.8 : 0.8...0.95
        let stays = (0..<12).map { _ in Double.random(in: stay, using: &chance) }
        var isOn = (0..<12).map { _ in Bool.random(using: &chance) }
        let drift = chance.uniform() < 0.5 ? 0.02 : -0.02
        return (0..<days).map { day in
            for feature in isOn.indices where chance.uniform() > stays[feature] { isOn[feature].toggle() }
            let subject: Double =
                switch self {
                case .poisson, .calendar: 1
                case .varying: chance.gamma(40) / 40
                case .bursty, .switching, .lingering, .weekly: chance.gamma(4) / 4
                case .volume: exp(0.8 * chance.normal())
                case .trend: chance.gamma(4) / 4 * exp(drift * Double(day))
                }
            return facts.indices.map { fact in
                let shape = self == .varying ? 16 : shapes[fact]
                let own = chance.gamma(shape) / shape
                let rate = facts[fact] * subject
                switch self {
                case .poisson, .volume: return rate
                case .varying, .bursty, .trend: return rate * own
                case .switching, .lingering: return groups[fact] < 12 ? (isOn[groups[fact]] ? rate : 0) : rate * own
                case .weekly: return rate * own * (day % 7 >= 5 ? 0.1 : 1)
                case .calendar: return weekdays[fact].contains(day % 7) ? rate : 0
                }
            }
        }
    }
}

/// Zipf, from 0.05 to about 20 000 times a day.
func zipfRates(_ count: Int, _ chance: inout Chance) -> [Double] {
    let exponent = 0.6 + 1.2 * chance.uniform()
    let top = exp(log(20) + log(1000) * chance.uniform())
    return (1...count).map { max(0.05, top / pow(Double($0), exponent)) }
}
