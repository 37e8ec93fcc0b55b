// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import SensorCore

struct PostureDiffCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff", abstract: "Show how what workloads do has changed between two snapshots or two revisions.",
        discussion: """
            A snapshot is a file that sensord posture --json wrote. What is new, what is not seen any more, what came
            about otherwise and what became much more or less frequent for the time watched; credentials and the like first.
            Nothing is said to be gone where it was not wholly watched.

            Where neither is a file, KIND/NAME@REVISION are two revisions of one workload, as this node knows it: what the
            later one has done and the earlier one has not, and the other way round. KIND/NAME alone: its latest two.
            """)

    @Argument(help: ArgumentHelp("The earlier snapshot, or revision.", valueName: "before"))
    var before: String

    @Argument(help: ArgumentHelp("The later one.", valueName: "after"))
    var after: String?

    @Option(help: ArgumentHelp("Of two snapshots, only KIND/NAME, or the name alone.", valueName: "workload"))
    var workload: String?

    @Option(help: ArgumentHelp("Of this namespace.", valueName: "name"))
    var namespace: String?

    @Flag(help: "As JSON, one subject a line.")
    var json = false

    @Flag(help: "No colours (also NO_COLOR, and when the output is no terminal).")
    var noColor = false

    @OptionGroup var state: StateOptions

    func run() throws {
        let comparison = try comparison()
        if json {
            StandardStream.write(comparison.json, to: STDOUT_FILENO)
            return
        }
        let isOn = !noColor && getenv("NO_COLOR") == nil && isatty(STDOUT_FILENO) == 1
        let page = PostureDiffPage(palette: Palette(isOn: isOn))
        StandardStream.write(page.page(comparison), to: STDOUT_FILENO)
    }

    private func comparison() throws -> PostureComparison {
        let names = [before] + (after.map { [$0] } ?? [])
        if !names.contains(where: Self.isFile) {
            guard let after, !names.contains(where: { $0.contains("@") }) else { return try revisions(names) }
            return try snapshots(before, after)
        }
        guard let after else {
            throw CommandFailure(
                status: ExitStatus.usage, message: "\(before) is a file: the snapshot to compare it with is missing")
        }
        return try snapshots(before, after)
    }

    private func snapshots(_ before: String, _ after: String) throws -> PostureComparison {
        do throws(PostureSnapshotError) {
            return PostureComparison(
                before: try PostureSnapshot.read(before), after: try PostureSnapshot.read(after), isWanted: isWanted)
        } catch {
            throw CommandFailure(status: ExitStatus.failure, message: "\(error)")
        }
    }

    private func revisions(_ names: [String]) throws -> PostureComparison {
        if workload != nil {
            throw CommandFailure(
                status: ExitStatus.usage, message: "--workload is for snapshots: a revision names its workload")
        }
        let directory = try state.directory()
        let known = try StateOptions.shares(in: directory).map { SubjectSnapshot($0) }
        do throws(RevisionSelectionError) {
            return try RevisionSelection(names, namespace: namespace, in: known).comparison()
        } catch {
            throw CommandFailure(status: ExitStatus.failure, message: "\(directory): \(error)")
        }
    }

    /// Whatever can be read, as a pipe.
    private static func isFile(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT != S_IFDIR
    }

    private func isWanted(_ subject: SubjectKey) -> Bool {
        if let namespace, subject.namespace != namespace { return false }
        guard let workload else { return true }
        return workload == subject.name || workload == subject.workload
    }
}
