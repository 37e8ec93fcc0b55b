// SPDX-License-Identifier: Apache-2.0

internal import NIOCore

/// Cuts a stream into its lines. What stands behind the last newline is no line yet; a line over the limit is dropped.
struct LineSplitter {
    private let limit: Int
    private var buffer = ByteBuffer()
    /// How much of `buffer` is known to hold no newline.
    private var searched = 0
    private var isDropping = false
    /// Lines that were too long.
    private(set) var dropped: UInt64 = 0

    init(limit: Int) { self.limit = limit }

    mutating func append(_ chunk: ByteBuffer) {
        if buffer.readableBytes == 0 {
            buffer = chunk
        } else {
            buffer.writeImmutableBuffer(chunk)
        }
    }

    /// Without its newline; nil: more must come first.
    mutating func next() -> ByteBuffer? {
        while true {
            let rest = buffer.readableBytesView.dropFirst(searched)
            guard let newline = rest.firstIndex(of: UInt8(ascii: "\n")) else {
                searched = buffer.readableBytes
                if searched > limit {
                    if !isDropping { dropped += 1 }
                    isDropping = true
                    buffer.clear(minimumCapacity: 0)
                    searched = 0
                }
                return nil
            }
            let length = newline - buffer.readerIndex
            let line = buffer.readSlice(length: length)
            buffer.moveReaderIndex(forwardBy: 1)
            searched = 0
            if buffer.readableBytes == 0 { buffer = ByteBuffer() }
            if isDropping {
                isDropping = false
            } else if length > limit {
                dropped += 1
            } else if length > 0 {
                return line
            }
        }
    }
}
