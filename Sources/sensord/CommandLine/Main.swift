// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore

@main
enum Main {
    static func main() {
        StandardStream.openMissing()
        Heap.keepSmall()
        exit(CommandLineInterface.run(Array(CommandLine.arguments.dropFirst())))
    }
}
