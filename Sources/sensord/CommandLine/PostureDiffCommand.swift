// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import SensorCore

struct PostureDiffCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff", abstract: "Show how what workloads do has changed between two snapshots.",
        discussion: """
            A snapshot is a file that sensord posture --json wrote. What is new, what is not seen any more, what came
            about otherwise and what became much more or less frequent for the time watched; credentials and the like first.
            Nothing is said to be gone where it was not wholly watched.
            """)

    @Argument(help: ArgumentHelp("The earlier snapshot.", valueName: "before"))
    var before: String

    @Argument(help: ArgumentHelp("The later snapshot.", valueName: "after"))
    var after: String

    @Option(help: ArgumentHelp("Only KIND/NAME, or the name alone.", valueName: "workload"))
    var workload: String?

    @Flag(help: "As JSON, one subject a line.")
    var json = false

    @Flag(help: "No colours (also NO_COLOR, and when the output is no terminal).")
    var noColor = false

    func run() throws {
        let comparison: PostureComparison
        do throws(PostureSnapshotError) {
            comparison = PostureComparison(
                before: try PostureSnapshot.read(before), after: try PostureSnapshot.read(after), isWanted: isWanted)
        } catch {
            throw CommandFailure(status: ExitStatus.failure, message: "\(error)")
        }
        if json {
            StandardStream.write(comparison.json, to: STDOUT_FILENO)
            return
        }
        let isOn = !noColor && getenv("NO_COLOR") == nil && isatty(STDOUT_FILENO) == 1
        let page = PostureDiffPage(palette: Palette(isOn: isOn))
        StandardStream.write(page.page(comparison), to: STDOUT_FILENO)
    }

    private func isWanted(_ subject: SubjectKey) -> Bool {
        guard let workload else { return true }
        return workload == subject.name || workload == subject.workload
    }
}
