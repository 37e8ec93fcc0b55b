// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc

struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "version", abstract: "Print the version.")

    func run() {
        StandardStream.write(Version.text + "\n", to: STDOUT_FILENO)
    }
}
