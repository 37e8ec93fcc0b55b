// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import SensorCore

struct PostureCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "posture", abstract: "Show what workloads of this node do, as it was learned.",
        discussion: """
            Without a workload: a line for each. With one: its facts by discipline, what is new this week, its tools with
            their effects, what was watched, and how well it is known.
            """,
        subcommands: [PostureShowCommand.self, PostureDiffCommand.self], defaultSubcommand: PostureShowCommand.self)
}

struct PostureShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show what workloads of this node do (the default).")

    @Argument(help: ArgumentHelp("KIND/NAME, or the name alone.", valueName: "workload"))
    var workload: String?

    @Option(help: ArgumentHelp("Of this namespace.", valueName: "name"))
    var namespace: String?

    @Flag(help: "All that this node knows as JSON, unfolded, one subject a line.")
    var json = false

    @Option(help: ArgumentHelp("Write one self-contained page instead; - for standard output.", valueName: "file"))
    var html: String?

    @Flag(help: "No colours (also NO_COLOR, and when the output is no terminal).")
    var noColor = false

    @OptionGroup var state: StateOptions

    func run() throws {
        let directory = try state.directory()
        let wanted = try StateOptions.shares(in: directory).filter(isWanted)
        if wanted.isEmpty {
            let what = workload.map { "no workload \($0) is" } ?? "nothing is"
            throw CommandFailure(status: ExitStatus.failure, message: "\(directory): \(what) known")
        }
        if json {
            for share in wanted { StandardStream.write(try share.json() + "\n", to: STDOUT_FILENO) }
            return
        }
        if let html { return try write(wanted, to: html) }
        let page = PosturePage(
            palette: Palette(isOn: !noColor && getenv("NO_COLOR") == nil && isatty(STDOUT_FILENO) == 1),
            now: PosturePage.wallTime())
        let text = workload == nil ? page.list(wanted) : wanted.map(page.page).joined(separator: "\n")
        StandardStream.write(text, to: STDOUT_FILENO)
    }

    private func write(_ shares: [PostureShare], to path: String) throws {
        let subjects = shares.map { PostureDocument.Subject(SubjectSnapshot($0)) }
        let page = PostureDocument(subjects, at: PosturePage.wallTime()).html
        if path == "-" { return StandardStream.write(page, to: STDOUT_FILENO) }
        do throws(SystemError) { try SmallFile.replace(path, with: Array(page.utf8)) } catch {
            throw CommandFailure(status: ExitStatus.failure, message: "\(error)")
        }
    }

    private func isWanted(_ share: PostureShare) -> Bool {
        let subject = share.profile.subject
        if let namespace, subject.namespace != namespace { return false }
        guard let workload else { return true }
        return workload == subject.name || workload == "\(subject.kind)/\(subject.name)" || workload == subject.kind
    }
}
