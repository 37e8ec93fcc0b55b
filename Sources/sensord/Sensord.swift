// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

@main
struct Sensord: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sensord",
        abstract: "Shows what every process on this machine really does.")

    func run() async throws {}
}
