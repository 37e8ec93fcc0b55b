// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Reads a segment frame by frame, through a window.
struct SegmentReader: ~Copyable {
    enum Step {
        /// A whole frame. Its payload is there for removals and commits only.
        case frame(LogFrame.Header, key: [UInt8], payload: [UInt8])
        /// Damage up to `next`, and of what the last frame in it was, if that can be told.
        case damage(LogFrame.Trailer?, next: Int)
        /// The beginning of a frame, or zeros, and then the end.
        case torn
        case end
    }

    private(set) var size: Int
    /// The header that is whole; nil if neither is.
    private(set) var header: SegmentHeader?
    private(set) var isHeaderDamaged = false

    private let file: Int32
    private let name: String
    private var window: [UInt8] = []
    private var windowStart = 0
    private let chunk: Int
    static let scanChunk = 256 << 10

    /// - Parameters:
    ///   - file: belongs to the reader from now on.
    ///   - chunk: bytes to read at once, at least; 0: for one frame whose place is known.
    init(file: Int32, name: String, chunk: Int = scanChunk) throws(SystemError) {
        self.file = file
        self.name = name
        self.chunk = chunk
        size = 0
        var status = stat()
        guard fstat(file, &status) == 0 else { throw SystemError("stat \(name)") }
        size = Int(status.st_size)
        if chunk > 0 { try readHeaders() }
    }

    private mutating func readHeaders() throws(SystemError) {
        let length = LogFrame.segmentHeaderLength
        let first = try withBytes(0, length) { LogFrame.segmentHeader($0) }
        let second = try withBytes(length, length) { LogFrame.segmentHeader($0) }
        header = first ?? second
        isHeaderDamaged = first == nil || second == nil
    }

    deinit { close(file) }

    /// Its writer did not come to the end of its header.
    var isUnfinished: Bool {
        mutating get throws(SystemError) {
            if size < LogFrame.start { return true }
            return header == nil ? try isTorn(at: 0) : false
        }
    }

    /// What stands at an offset that a frame begins or may begin at.
    mutating func step(at offset: Int, log: StreamID) throws(SystemError) -> Step {
        if offset >= size { return .end }
        let rest = size - offset
        guard let header = try withBytes(offset, min(rest, LogFrame.headerLength), { LogFrame.header($0, log: log) })
        else {
            if try isTorn(at: offset) { return .torn }
            return try damage(from: offset, resumingAt: offset + 1, log: log)
        }
        guard header.length <= rest else { return .torn }
        let contentLength = header.keyLength + header.payloadLength
        let content = try withBytes(offset + LogFrame.headerLength, contentLength) { bytes in
            var crc = CRC32C(log)
            crc.add(bytes)
            guard crc.value == header.checksum else { return nil as (key: [UInt8], payload: [UInt8])? }
            let wantsPayload = header.kind == .commit
            return (
                key: Array(bytes.prefix(header.keyLength)),
                payload: wantsPayload ? Array(bytes.dropFirst(header.keyLength)) : []
            )
        }
        if let content { return .frame(header, key: content.key, payload: content.payload) }
        return try damage(from: offset, resumingAt: offset + header.length, log: log)
    }

    /// The whole frame; nil if it is damaged.
    mutating func whole(at place: LogPlace, log: StreamID) throws(SystemError) -> (
        header: LogFrame.Header, key: [UInt8], payload: [UInt8]
    )? {
        try withBytes(Int(place.offset), Int(place.length)) { bytes in
            guard let header = LogFrame.header(bytes, log: log), header.length == bytes.count else { return nil }
            let end = LogFrame.headerLength + header.keyLength + header.payloadLength
            let content = UnsafeRawBufferPointer(rebasing: bytes[LogFrame.headerLength..<end])
            var crc = CRC32C(log)
            crc.add(content)
            guard crc.value == header.checksum else { return nil }
            return (header, Array(content.prefix(header.keyLength)), Array(content.dropFirst(header.keyLength)))
        }
    }

    /// No frame begins here. Whether a write that was not finished explains all that follows.
    private mutating func isTorn(at offset: Int) throws(SystemError) -> Bool {
        let rest = size - offset
        if rest < LogFrame.headerLength {
            let isBeginning = try withBytes(offset, rest) { bytes in
                bytes.prefix(LogFrame.marker.count).elementsEqual(LogFrame.marker.prefix(rest))
            }
            if isBeginning { return true }
        }
        var place = offset
        while place < size {
            let count = min(chunk, size - place)
            guard try withBytes(place, count, { $0.allSatisfy { $0 == 0 } }) else { return false }
            place += count
        }
        return true
    }

    private mutating func damage(
        from offset: Int, resumingAt first: Int, log: StreamID
    ) throws(SystemError) -> Step {
        var next = first
        search: while next < size {
            let count = min(chunk, size - next)
            let found = try withBytes(next, count) { bytes in
                var index = 0
                while index + LogFrame.headerLength <= bytes.count {
                    guard let base = bytes.baseAddress,
                        let place = memchr(base + index, Int32(LogFrame.marker[0]), bytes.count - index)
                    else { return nil as Int? }
                    index = UnsafeRawPointer(place) - base
                    let candidate = UnsafeRawBufferPointer(rebasing: bytes[index...])
                    if LogFrame.header(candidate, log: log) != nil { return index }
                    index += 1
                }
                return nil
            }
            if let found {
                next += found
                break search
            }
            next = count < chunk ? size : next + count - LogFrame.headerLength + 1
        }
        next = min(next, size)
        let length = min(next - offset, LogFrame.trailerLimit)
        let trailer = try withBytes(next - length, length) { LogFrame.trailer($0, log: log) }
        return .damage(trailer, next: next)
    }

    /// Fewer bytes at the end of the file.
    private mutating func withBytes<Result>(
        _ offset: Int, _ count: Int, _ body: (UnsafeRawBufferPointer) -> Result
    ) throws(SystemError) -> Result {
        if offset < windowStart || offset + count > windowStart + window.count { try load(offset, count) }
        let start = min(max(0, offset - windowStart), window.count)
        let end = min(window.count, start + count)
        return window.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[start..<end])) }
    }

    private mutating func load(_ offset: Int, _ count: Int) throws(SystemError) {
        let length = max(0, min(max(count, chunk), size - offset))
        if window.count != length { window = [UInt8](repeating: 0, count: length) }
        windowStart = offset
        var done = 0
        while done < length {
            let result = window.withUnsafeMutableBytes {
                pread(file, $0.baseAddress.map { $0 + done }, length - done, off_t(offset + done))
            }
            if result < 0, errno == EINTR { continue }
            if result < 0, errno == EIO {
                // What the disk has lost is damaged, and no end of anything.
                let next = min(length, ((offset + done) / 4096 + 1) * 4096 - offset)
                for index in done..<next { window[index] = 0xff }
                done = next
                continue
            }
            guard result >= 0 else { throw SystemError("read \(name)") }
            // The file has become shorter: zeros are no frames.
            if result == 0 { break }
            done += result
        }
        if done < length { for index in done..<length { window[index] = 0 } }
    }
}
