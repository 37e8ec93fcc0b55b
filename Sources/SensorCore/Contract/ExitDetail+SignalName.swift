// SPDX-License-Identifier: Apache-2.0

extension ExitDetail {
    /// `SIGKILL` for 9, `SIGRTMIN+2` for a real-time signal (counted from the kernel's 32, not from what a C library leaves), empty for none or a number that is none.
    package var signalName: String {
        switch signal {
        case 1...31: Self.signalNames[Int(signal) - 1]
        case 32...64: signal == 32 ? "SIGRTMIN" : "SIGRTMIN+\(signal - 32)"
        default: ""
        }
    }

    /// Numbers of x86-64 and arm64 alike.
    private static let signalNames = [
        "SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS", "SIGFPE", "SIGKILL", "SIGUSR1",
        "SIGSEGV", "SIGUSR2", "SIGPIPE", "SIGALRM", "SIGTERM", "SIGSTKFLT", "SIGCHLD", "SIGCONT", "SIGSTOP", "SIGTSTP",
        "SIGTTIN", "SIGTTOU", "SIGURG", "SIGXCPU", "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO", "SIGPWR",
        "SIGSYS",
    ]
}
