// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Appends frames to a segment, through a buffer.
final class SegmentWriter {
    let number: UInt32
    /// Bytes up to the end of the last commit.
    private(set) var committed: Int
    /// Frames of those, and of what was appended since.
    private(set) var frames: UInt32
    /// Nothing can be appended any more: what is on disk cannot be told.
    private(set) var isSpoilt = false

    private let file: Int32
    private let name: String
    /// Bytes that are in the file, and may not belong there.
    private var length: Int
    private var committedFrames: UInt32
    private var written: Int
    private var buffer: [UInt8] = []
    private static let bufferLimit = 256 << 10

    /// - Parameters:
    ///   - file: belongs to the writer from now on.
    ///   - committed: where to go on; what follows it in the file is cut off before the first write.
    init(file: Int32, name: String, number: UInt32, committed: Int, length: Int, frames: UInt32) {
        self.file = file
        self.name = name
        self.number = number
        self.committed = committed
        self.length = length
        self.frames = frames
        committedFrames = frames
        written = committed
    }

    deinit { close(file) }

    /// Where the next frame goes.
    var offset: Int { written + buffer.count }
    /// Bytes that were appended since the last commit.
    var uncommitted: Int { offset - committed }

    /// Somebody has removed it.
    var isRemoved: Bool { StateDirectory.isRemoved(file) }

    func append(
        _ kind: LogFrame.Kind, key: [UInt8], payload: [UInt8], version: UInt64, log: StreamID
    ) throws(SystemError) -> LogPlace {
        let start = offset
        LogFrame.append(kind, key: key, payload: payload, version: version, log: log, to: &buffer)
        frames += 1
        let place = LogPlace(segment: number, offset: UInt32(start), length: UInt32(offset - start))
        if buffer.count >= Self.bufferLimit { try flush() }
        return place
    }

    /// What was appended is in the file, and stays.
    func commit(sync: Bool) throws(SystemError) {
        try flush()
        if sync, fdatasync(file) != 0 {
            // Whatever was not written is not tried again, though a second call may say that all is well.
            let error = SystemError("sync \(name)")
            isSpoilt = true
            throw error
        }
        committed = written
        committedFrames = frames
    }

    func sync() throws(SystemError) {
        guard fdatasync(file) == 0 else { throw SystemError("sync \(name)") }
    }

    /// What was appended since the last commit goes away.
    func rollBack() {
        buffer.removeAll()
        written = committed
        frames = committedFrames
        if length > committed, ftruncate(file, off_t(committed)) == 0 { length = committed }
    }

    func flush() throws(SystemError) {
        if length > written {
            guard ftruncate(file, off_t(written)) == 0 else { throw SystemError("truncate \(name)") }
            length = written
        }
        var start = 0
        while start < buffer.count {
            let count = buffer.withUnsafeBytes {
                pwrite(file, $0.baseAddress.map { $0 + start }, buffer.count - start, off_t(written + start))
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                let number = count == 0 ? ENOSPC : errno
                length = written + start
                throw SystemError("write \(name)", number: number)
            }
            start += count
        }
        written += buffer.count
        length = written
        buffer.removeAll(keepingCapacity: buffer.capacity <= 2 * Self.bufferLimit)
    }
}
