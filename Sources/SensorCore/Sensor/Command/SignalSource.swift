// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF
import Glibc

/// Which signals a thread does not take.
package struct SignalMask: Sendable {
    let set: sigset_t

    /// It takes all.
    package static let none: SignalMask = {
        var set = sigset_t()
        sigemptyset(&set)
        return SignalMask(set: set)
    }()
}

/// Signals as something to poll for, rather than something that happens to a thread.
///
/// To be made by the main thread before any other is started: threads inherit what is blocked.
package struct SignalSource: ~Copyable {
    package struct Signal: Equatable, Sendable {
        package var number: Int32
        /// The terminal sent it, and so to the whole foreground group.
        package var isFromTerminal: Bool
    }

    /// Readable when there is a signal.
    package let descriptor: Int32
    /// What was blocked before: what a program that is started from here expects.
    package let previousMask: SignalMask

    /// Blocks these signals, and SIGPIPE: who writes to a reader that has gone sees EPIPE.
    ///
    /// - Parameter unlessIgnored: these too, but for those that this process was started to ignore, as by nohup(1).
    package init(_ numbers: [Int32], unlessIgnored others: [Int32] = []) throws(SystemError) {
        var taken = sigset_t()
        sigemptyset(&taken)
        for number in numbers + others.filter({ !Self.isIgnored($0) }) { sigaddset(&taken, number) }
        var blocked = taken
        sigaddset(&blocked, SIGPIPE)
        var previous = sigset_t()
        pthread_sigmask(SIG_BLOCK, &blocked, &previous)
        previousMask = SignalMask(set: previous)
        descriptor = sensor_signalfd(&taken)
        guard descriptor >= 0 else { throw SystemError("signalfd") }
    }

    deinit { close(descriptor) }

    private static func isIgnored(_ number: Int32) -> Bool {
        var action = sigaction()
        guard sigaction(number, nil, &action) == 0 else { return false }
        return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)
            == unsafeBitCast(SIG_IGN, to: Int.self)
    }

    /// The next signal, `nil` if there is none now.
    package func take() -> Signal? {
        var signal = sensor_signal()
        guard sensor_signalfd_read(descriptor, &signal) == 1 else { return nil }
        return Signal(number: signal.number, isFromTerminal: signal.from_kernel != 0)
    }
}
