// SPDX-License-Identifier: Apache-2.0

import Glibc

@main
enum Main {
    static func main() {
        StandardStream.openMissing()
        exit(CommandLineInterface.run(Array(CommandLine.arguments.dropFirst())))
    }
}
