// SPDX-License-Identifier: Apache-2.0

internal import AsyncHTTPClient
internal import NIOCore

/// The lines of an answer that stays open, one after the other.
struct LineStream {
    private var chunks: HTTPClientResponse.Body.AsyncIterator
    private var lines: LineSplitter

    init(_ body: HTTPClientResponse.Body, lineBytes: Int) {
        chunks = body.makeAsyncIterator()
        lines = LineSplitter(limit: lineBytes)
    }

    /// Lines that were dropped for their length.
    var dropped: UInt64 { lines.dropped }

    /// nil: the server has closed the stream, or the task is cancelled. A line that was cut off is not told.
    mutating func next() async throws(APIError) -> ByteBuffer? {
        while true {
            if let line = lines.next() { return line }
            do {
                guard let chunk = try await chunks.next() else { return nil }
                lines.append(chunk)
            } catch {
                throw APIError(error)
            }
        }
    }
}
