// SPDX-License-Identifier: Apache-2.0

import CSensorBPF
import Glibc
import SensorCore
import SensorTestSupport
import Testing

/// The sensor sees everyone but itself.
@Suite(.tags(.kernel), .needsKernel) struct OwnActivityTests {
    @Test func `what the sensor does itself is not told, what others do at the same place is`() throws {
        let directory = try TestDirectory()
        let sink = KeepingSink()
        var configuration = CollectorConfiguration()
        configuration.stream = .all
        configuration.enabledKinds = 1 << UInt64(SENSOR_FILE_CREATE.rawValue)
        let collector = try Collector(configuration, sinks: [sink])
        let own = open(directory.path + "/own", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        close(own)
        #expect(own >= 0)
        let process = try WorkloadProcess([WorkloadProcess.program, "open-made", directory.path, "3"])
        try process.openGate()
        #expect(try process.readLines())
        try process.finish()
        collector.stop()
        let made = sink.events.compactMap { $0.file?.path.text }.filter { $0.hasPrefix(directory.path) }
        #expect(made == (0..<3).map { "\(directory.path)/made-00000\($0)" })
    }
}
