// SPDX-License-Identifier: Apache-2.0

@main struct Simulation {
    static func main() {
        let arguments = CommandLine.arguments.dropFirst()
        let seed = arguments.dropFirst().first.flatMap(UInt64.init) ?? 2
        let number = arguments.dropFirst(2).first.flatMap(Int.init) ?? 20
        switch arguments.first {
        case "rates": falseRates(number, seed: seed)
        case "power": ratePower(number, seed: seed)
        case "mixes": mixes(number, seed: seed)
        case "hours": hours(number, seed: seed)
        case "cost": cost(seed: seed)
        case "convergence": convergence(number, seed: seed)
        default: print("convergence|rates|power|mixes|hours|cost [seed] [subjects]")
        }
    }
}
