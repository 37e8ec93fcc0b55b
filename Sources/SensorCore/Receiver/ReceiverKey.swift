// SPDX-License-Identifier: Apache-2.0

internal import SwiftProtobuf

/// Where a value stands in the receiver's log.
enum ReceiverKey: Hashable {
    /// How far a stream was taken.
    case stream(StreamID)
    /// What one writer told of a subject: some of its facts; without a page, what is known beside them.
    case share(SubjectKey, writer: String, page: UInt32?)
    /// A record of a call, an anomaly or a node, as it came.
    case event(UInt64)
    /// How many facts of a subject there was no room for.
    case leftOut(SubjectKey)
    /// Of the events' numbers.
    case eventSeries

    /// A key of the state's log.
    var bytes: [UInt8] {
        switch self {
        case .stream(let id): return [Self.layout, 0] + id.bytes
        case .share(let subject, let writer, let page):
            let name: [UInt8] = (try? PostureSubject(subject).serializedBytes()) ?? []
            let number = page.map { $0 &+ 1 } ?? 0
            var bytes = [Self.layout, 1] + Self.bytes(number) + Self.bytes(UInt32(clamping: name.count))
            bytes += name
            bytes += writer.utf8
            return bytes
        case .event(let number): return [Self.layout, 2] + Self.bytes(number)
        case .leftOut(let subject):
            let name: [UInt8] = (try? PostureSubject(subject).serializedBytes()) ?? []
            return [Self.layout, 3] + name
        case .eventSeries: return [Self.layout, 4]
        }
    }

    /// nil: it is a later version's.
    init?(_ bytes: [UInt8]) {
        guard bytes.count >= 2, bytes[0] == Self.layout else { return nil }
        let rest = bytes.dropFirst(2)
        switch bytes[1] {
        case 0:
            guard let id = StreamID(bytes: rest) else { return nil }
            self = .stream(id)
        case 1:
            guard rest.count >= 8 else { return nil }
            let (number, length) = (Self.number(rest.prefix(4)), Self.number(rest.dropFirst(4).prefix(4)))
            let names = rest.dropFirst(8)
            guard length <= names.count,
                let subject = try? PostureSubject(serializedBytes: Array(names.prefix(Int(length))))
            else { return nil }
            self = .share(
                SubjectKey(subject), writer: String(decoding: names.dropFirst(Int(length)), as: UTF8.self),
                page: number == 0 ? nil : UInt32(number - 1))
        case 2 where rest.count == 8: self = .event(Self.number(rest))
        case 3:
            guard let subject = try? PostureSubject(serializedBytes: Array(rest)) else { return nil }
            self = .leftOut(SubjectKey(subject))
        case 4 where rest.isEmpty: self = .eventSeries
        default: return nil
        }
    }

    /// Bytes of names for which a key has room.
    static let nameLimit = 3072

    private static let layout: UInt8 = 1

    private static func bytes(_ number: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: number.bigEndian) { Array($0) }
    }

    private static func number(_ bytes: some Sequence<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
}
