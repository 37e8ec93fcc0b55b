// SPDX-License-Identifier: Apache-2.0

import CSensorBPF
import Glibc
import Synchronization

/// How many columns lines may have. Read by the collecting thread, renewed by the main one when the window changes.
final class TerminalWidth: Sendable {
    private let current: Atomic<Int>
    private let descriptor: Int32
    private let environment: String?

    /// - Parameters:
    ///   - descriptor: where the lines go.
    ///   - environment: the value of COLUMNS.
    init(descriptor: Int32, environment: String?) {
        self.descriptor = descriptor
        self.environment = environment
        current = Atomic(Self.read(descriptor, environment))
    }

    var columns: Int { current.load(ordering: .relaxed) }

    /// To be called after SIGWINCH.
    func renew() {
        current.store(Self.read(descriptor, environment), ordering: .relaxed)
    }

    private static func read(_ descriptor: Int32, _ environment: String?) -> Int {
        let terminal = Int(sensor_terminal_columns(descriptor))
        if terminal > 0 { return terminal }
        if let environment, let columns = Int(environment), (20...10_000).contains(columns) { return columns }
        return 120
    }
}
