// SPDX-License-Identifier: Apache-2.0

/// Why a recording cannot be read on.
package struct RecordingError: Error, Equatable, Sendable, CustomStringConvertible {
    package enum Reason: Equatable, Sendable {
        /// The file does not begin as recordings do.
        case notARecording
        case unsupportedVersion(UInt32)
        /// The file ends before its end frame.
        case cut
        /// The checksum of a frame does not match, or its length cannot be.
        case damaged
        /// A frame is whole but holds what this version does not know: another version, or another byte order.
        case unknownFrame(UInt8)
        /// Bytes follow the end.
        case trailingBytes
        /// The file cannot be read.
        case system(errno: Int32)
    }

    package var reason: Reason
    /// Where in the file: of the frame that could not be read.
    package var offset: UInt64

    package init(_ reason: Reason, at offset: UInt64) {
        self.reason = reason
        self.offset = offset
    }

    package var description: String {
        let what =
            switch reason {
            case .notARecording: "this is no recording"
            case .unsupportedVersion(let version):
                "the recording has version \(version), this program reads version \(RecordingFrame.version)"
            case .cut: "the recording is cut"
            case .damaged: "the recording is damaged"
            case .unknownFrame(let kind): "the recording holds something unknown (type \(kind))"
            case .trailingBytes: "bytes follow the end of the recording"
            case .system(let number): "the recording cannot be read (errno \(number))"
            }
        return "\(what) at byte \(offset)"
    }
}
