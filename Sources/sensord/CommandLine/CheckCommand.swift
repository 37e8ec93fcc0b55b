// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Tell what this kernel and these permissions give.")

    func run() throws {
        throw CommandFailure(status: ExitStatus.failure, message: "not built yet")
    }
}
