// SPDX-License-Identifier: Apache-2.0

import Glibc

/// libFuzzer, which links only where it is asked for: see make fuzz.
package enum FuzzDriver {
    /// One of the inputs that it makes up: the first byte and how many there are.
    package typealias Test = @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt

    /// Gives `test` one input after the other, as the command line says, and ends the process.
    package static func run(_ test: Test) -> Never {
        var count = CommandLine.argc
        var arguments = CommandLine.unsafeArgv
        exit(runFuzzer(&count, &arguments, test))
    }
}

/// libFuzzer's own loop. The corresponding C function is `LLVMFuzzerRunDriver`.
@_silgen_name("LLVMFuzzerRunDriver")
private func runFuzzer(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ test: FuzzDriver.Test
) -> CInt
