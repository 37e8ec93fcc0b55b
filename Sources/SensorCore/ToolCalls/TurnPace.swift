// SPDX-License-Identifier: Apache-2.0

/// How soon a thread that serves many looks at them again: each look is a wake-up, of the thread and of a processor for whoever
/// is answered. Where messages come thick and fast, a look waits until there are several.
///
/// Whoever is alone is answered at once, and nobody waits for longer than `turn`.
struct TurnPace {
    /// From the beginning of one look to that of the next, where there is much to do, ns.
    static let turn: UInt64 = 500_000
    /// So many in a turn are much.
    static let many: UInt64 = 5
    /// Over which it is counted what comes, ns.
    private static let window: UInt64 = 8 * turn

    private var windowBegan: UInt64 = 0
    private var served: UInt64 = 0
    private var turnBegan: UInt64 = 0
    private(set) var isBusy = false

    /// So many had something to say in the turn that began then (boot clock, ns).
    mutating func served(_ count: Int, at time: UInt64) {
        turnBegan = time
        served += UInt64(count)
        let passed = time &- windowBegan
        guard passed >= Self.window else { return }
        isBusy = served >= Self.many * (passed / Self.turn)
        (windowBegan, served) = (time, 0)
    }

    /// How long to leave everybody alone, ns.
    func rest(at time: UInt64) -> UInt64 {
        guard isBusy, time >= turnBegan, time - turnBegan < Self.turn else { return 0 }
        return Self.turn - (time - turnBegan)
    }
}
