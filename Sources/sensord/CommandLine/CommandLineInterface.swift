// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import SensorCore

/// From arguments to an exit status.
enum CommandLineInterface {
    /// Runs what the arguments (without the program's name) ask for, and says what went wrong on standard error.
    static func run(_ arguments: [String]) -> Int32 {
        do {
            var command = try parse(arguments)
            try command.run()
            return ExitStatus.success
        } catch {
            return report(error)
        }
    }

    /// The command that the arguments ask for, checked as far as that goes without running it.
    static func parse(_ arguments: [String]) throws -> any ParsableCommand {
        // An empty variable behind it, perhaps; to watch the whole machine instead is not what was meant.
        if let end = arguments.firstIndex(of: "--"), end == arguments.count - 1, arguments[..<end].contains("--tail") {
            throw CommandFailure(status: ExitStatus.usage, message: "--: a command is expected behind it")
        }
        return try Sensord.parseAsRoot(rewritten(arguments))
    }

    /// `--tail` is a flag to its users and a command of its own in here.
    static func rewritten(_ arguments: [String]) -> [String] {
        let own = arguments.prefix { $0 != "--" }
        guard let flag = own.firstIndex(of: "--tail") else { return arguments }
        var rest = arguments
        rest.remove(at: flag)
        return [TailCommand._commandName] + rest
    }

    /// What to say and how to end. Help and version are no errors and go to standard output.
    static func outcome(of error: any Error) -> (status: Int32, message: String, isError: Bool) {
        switch error {
        case let exit as ExitCode: return (exit.rawValue, "", true)
        case let failure as CommandFailure: return (failure.status, "sensord: \(failure.message)", true)
        case let error as FilterError: return (ExitStatus.usage, "sensord: \(error)", true)
        case let error as SettingsError:
            let status = error.origin == .flag ? ExitStatus.usage : ExitStatus.badConfiguration
            return (status, "sensord: \(error)", true)
        case let error as CollectorError: return (status(of: error), "sensord: \(error)", true)
        case let error as SystemError: return (ExitStatus.failure, "sensord: \(error)", true)
        default: break
        }
        switch Sensord.exitCode(for: error) {
        case .success: return (ExitStatus.success, Sensord.fullMessage(for: error), false)
        case .validationFailure: return (ExitStatus.usage, usageMessage(for: error), true)
        default: return (ExitStatus.failure, "sensord: \(error)", true)
        }
    }

    private static func status(of error: CollectorError) -> Int32 {
        if case .kernel(let error) = error, error.code == .notPermitted { return ExitStatus.notPermitted }
        return ExitStatus.failure
    }

    private static func usageMessage(for error: any Error) -> String {
        "sensord: \(Sensord.message(for: error))\nSee 'sensord --help'."
    }

    private static func report(_ error: any Error) -> Int32 {
        let (status, message, isError) = outcome(of: error)
        if !message.isEmpty { StandardStream.write(message + "\n", to: isError ? STDERR_FILENO : STDOUT_FILENO) }
        return status
    }
}
