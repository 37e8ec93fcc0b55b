// SPDX-License-Identifier: Apache-2.0

internal import Glibc

extension StateLog {
    /// The values that were committed last in a directory whose writer may be at work.
    package static func values(in path: String) throws(StateLogError) -> [(key: [UInt8], bytes: [UInt8])] {
        var attempts = 0
        while true {
            do throws(StateLogError) { return try read(path) } catch {
                // A segment went while it was looked at: its values are elsewhere by now.
                attempts += 1
                guard case .system(_, ENOENT) = error.reason, attempts < readingAttempts, exists(path) else {
                    throw error
                }
            }
        }
    }

    private static let readingAttempts = 5

    private static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    private static func read(_ path: String) throws(StateLogError) -> [(key: [UInt8], bytes: [UInt8])] {
        let directory = try StateDirectory(reading: path)
        let recovery = try LogRecovery(directory, boot: [])
        if let (file, layout) = recovery.newer { throw StateLogError(path, .newer(file: file, layout: layout)) }
        guard let log = recovery.log else { return [] }
        var values: [(key: [UInt8], bytes: [UInt8])] = []
        do throws(SystemError) {
            for (key, slot) in recovery.index.slots where !slot.isRemoved {
                let place = slot.newest.place
                let name = LogRecovery.name(place.segment)
                var reader = try SegmentReader(file: directory.open(name), name: name, chunk: 0)
                if let frame = try reader.whole(at: place, log: log), frame.key == key {
                    values.append((key, frame.payload))
                }
            }
        } catch { throw StateLogError(path, error) }
        return values
    }
}
