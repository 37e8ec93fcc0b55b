// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF
internal import Glibc

/// Reads a recording, input by input, and answers the pipeline's questions as they were answered then.
///
/// For one thread. Everything before a damage is delivered, then the error tells where it is.
package final class RecordingReader {
    package let session: Session
    /// To give to the pipeline that the inputs go to.
    package let host: ReplayingHostView

    private var source: Source
    private var hasEnded = false

    private struct Frame {
        var kind: UInt8
        var content: [UInt8]
        var offset: UInt64
    }

    /// - Parameter descriptor: an open file, which this object closes.
    /// - Throws: if the file is no recording, or does not even hold a session.
    package init(descriptor: Int32) throws(RecordingError) {
        var source = Source(descriptor: descriptor)
        let magic = try source.read(RecordingFrame.magic.count)
        guard magic == RecordingFrame.magic else {
            source.close()
            throw RecordingError(.notARecording, at: 0)
        }
        let version = try source.read(4)
        var reader = FrameReader(version ?? [])
        guard let number: UInt32 = reader.integer() else { throw RecordingError(.cut, at: 8) }
        guard number == RecordingFrame.version else { throw RecordingError(.unsupportedVersion(number), at: 8) }
        let frame = try Self.frame(&source)
        var content = FrameReader(frame.content)
        guard frame.kind == RecordingFrame.Kind.session.rawValue, let session = Session(&content), content.isAtEnd
        else { throw RecordingError(.unknownFrame(frame.kind), at: frame.offset) }
        self.session = session
        self.source = source
        host = ReplayingHostView()
    }

    deinit { source.close() }

    /// The next input; nil after the last. Its answers are ready in `host` until the next call.
    package func next() throws(RecordingError) -> Input? {
        guard !hasEnded else { return nil }
        hasEnded = true
        host.answers.removeAll(keepingCapacity: true)
        while true {
            let frame = try Self.frame(&source)
            guard let kind = RecordingFrame.Kind(rawValue: frame.kind), let content = Self.content(kind, frame.content)
            else { throw RecordingError(.unknownFrame(frame.kind), at: frame.offset) }
            switch content {
            case .answer(let question, let answer):
                host.answers.append((question, answer))
            case .input(let input):
                hasEnded = false
                return input
            case .end:
                guard try source.isAtEnd() else { throw RecordingError(.trailingBytes, at: source.offset) }
                return nil
            }
        }
    }

    private static func frame(_ source: inout Source) throws(RecordingError) -> Frame {
        let offset = source.offset
        guard let header = try source.read(RecordingFrame.headerLength) else { throw RecordingError(.cut, at: offset) }
        var fields = FrameReader(header)
        guard let kind: UInt32 = fields.integer(), let length: UInt32 = fields.integer(),
            let checksum: UInt32 = fields.integer(), kind <= 0xff, length <= RecordingFrame.contentLimit
        else { throw RecordingError(.damaged, at: offset) }
        guard let content = try source.read(Int(length)) else { throw RecordingError(.cut, at: offset) }
        guard checksum == RecordingFrame.checksum(header: header.prefix(8), content: content) else {
            throw RecordingError(.damaged, at: offset)
        }
        return Frame(kind: UInt8(kind), content: content, offset: offset)
    }

    private enum Content {
        case input(Input)
        case answer(HostQuestion, HostAnswer)
        case end
    }

    /// nil for what this version does not know.
    private static func content(_ kind: RecordingFrame.Kind, _ content: [UInt8]) -> Content? {
        var frame = FrameReader(content)
        let input: Input
        switch kind {
        case .record:
            return .input(.record(content))
        case .answer:
            guard let question = HostQuestion(&frame), let answer = HostAnswer(&frame), frame.isAtEnd else {
                return nil
            }
            return .answer(question, answer)
        case .end:
            return frame.isAtEnd ? .end : nil
        case .count:
            guard let key = sensor_key(&frame), let count: UInt64 = frame.integer(),
                let sent: UInt64 = frame.integer(), let received: UInt64 = frame.integer()
            else { return nil }
            input = .count(CountDelta(key: key, count: count, sent: sent, received: received))
        case .loss:
            guard let cgroup: UInt64 = frame.integer(), let hook: UInt8 = frame.integer(),
                let reason: UInt8 = frame.integer(), let kind: UInt8 = frame.integer(),
                let count: UInt64 = frame.integer()
            else { return nil }
            input = .loss(LossLedger.Key(cgroup: cgroup, hook: hook, reason: reason, kind: kind), count: count)
        case .uring:
            guard let cgroup: UInt64 = frame.integer(), let opcode: UInt32 = frame.integer(),
                let count: UInt64 = frame.integer()
            else { return nil }
            input = .uring(sensor_uring_key(cgroup: cgroup, opcode: opcode, reserved: 0), count: count)
        case .forgotten:
            guard let key = sensor_key(&frame) else { return nil }
            input = .forgotten(key)
        case .tick:
            guard let clock = ClockReading(&frame) else { return nil }
            input = .tick(clock)
        case .scanCgroups: input = .scanCgroups
        case .scanProcesses: input = .scanProcesses
        case .cluster:
            guard let changes = ClusterChange.all(json: frame.remaining()) else { return nil }
            input = .cluster(changes)
        case .watch:
            guard let selectors = selectors(&frame) else { return nil }
            input = .watch(selectors)
        case .call:
            guard let change = CallChange(json: frame.remaining()) else { return nil }
            input = .call(change)
        case .heard:
            guard let times = HeardTimes(&frame) else { return nil }
            input = .heard(times)
        case .settle:
            guard let time: UInt64 = frame.integer() else { return nil }
            input = .settle(time)
        case .session: return nil
        }
        return frame.isAtEnd ? .input(input) : nil
    }
}

extension RecordingReader {
    /// nil unless all of them can be read.
    private static func selectors(_ frame: inout FrameReader) -> [String]? {
        guard let count: UInt32 = frame.integer() else { return nil }
        var selectors: [String] = []
        for _ in 0..<count {
            guard let text = frame.counted() else { return nil }
            selectors.append(String(decoding: text, as: UTF8.self))
        }
        return (try? WorkloadSelector(selectors)) == nil ? nil : selectors
    }
}

/// Answers as a recording has it. What was not asked then is not known now.
package final class ReplayingHostView: HostView {
    fileprivate(set) var answers: [(question: HostQuestion, answer: HostAnswer)] = []

    package func answer(_ question: HostQuestion) -> HostAnswer {
        let index =
            answers.firstIndex { $0.question == question } ?? answers.firstIndex { $0.question.isMasked(question) }
        guard let index else { return .failure(ENOENT) }
        return answers.remove(at: index).answer
    }
}

extension HostQuestion {
    /// Whether both ask where a path of the same process leads, and one of them is hidden as a whole.
    fileprivate func isMasked(_ other: HostQuestion) -> Bool {
        guard case .resolve(let pid, let path, let isItself) = self,
            case .resolve(pid, let otherPath, isItself) = other
        else { return false }
        return path.bytes.contains(Redactor.coverMask) || otherPath.bytes.contains(Redactor.coverMask)
    }
}

/// A file read by the buffer, with the offset of what comes next.
private struct Source {
    private var descriptor: Int32
    private var buffer: [UInt8] = []
    private var start = 0
    private(set) var offset: UInt64 = 0

    init(descriptor: Int32) { self.descriptor = descriptor }

    mutating func close() {
        if descriptor >= 0 { Glibc.close(descriptor) }
        descriptor = -1
    }

    /// nil if the file ends before.
    mutating func read(_ count: Int) throws(RecordingError) -> [UInt8]? {
        while buffer.count - start < count {
            guard try fill() else { return nil }
        }
        defer {
            start += count
            offset += UInt64(count)
        }
        return Array(buffer[start..<start + count])
    }

    mutating func isAtEnd() throws(RecordingError) -> Bool {
        if buffer.count > start { return false }
        return try !fill()
    }

    /// False at the end of the file.
    private mutating func fill() throws(RecordingError) -> Bool {
        if start > 0 {
            buffer.removeFirst(start)
            start = 0
        }
        let descriptor = descriptor
        while true {
            var result = 0
            var number: Int32 = 0
            let chunk = [UInt8](unsafeUninitializedCapacity: 64 << 10) { bytes, count in
                result = Glibc.read(descriptor, bytes.baseAddress, bytes.count)
                number = errno
                count = max(0, result)
            }
            if result < 0, number == EINTR { continue }
            guard result >= 0 else { throw RecordingError(.system(errno: number), at: offset) }
            buffer += chunk
            return result > 0
        }
    }
}
