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
    /// The frame after the answers of the current input, read ahead.
    private var ahead: Result<Frame, RecordingError>?
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
        let frame = try take()
        guard let kind = RecordingFrame.Kind(rawValue: frame.kind) else {
            hasEnded = true
            throw RecordingError(.unknownFrame(frame.kind), at: frame.offset)
        }
        if kind == .end {
            hasEnded = true
            guard frame.content.isEmpty else { throw RecordingError(.unknownFrame(frame.kind), at: frame.offset) }
            guard try source.isAtEnd() else { throw RecordingError(.trailingBytes, at: source.offset) }
            return nil
        }
        guard let input = Self.input(kind, frame.content) else {
            hasEnded = true
            throw RecordingError(.unknownFrame(frame.kind), at: frame.offset)
        }
        readAnswers()
        return input
    }

    /// The answers that follow an input belong to it. What ends them is kept, an error too: the input comes first.
    private func readAnswers() {
        host.answers.removeAll(keepingCapacity: true)
        while true {
            do {
                let frame = try Self.frame(&source)
                guard frame.kind == RecordingFrame.Kind.answer.rawValue else {
                    ahead = .success(frame)
                    return
                }
                var content = FrameReader(frame.content)
                guard let question = HostQuestion(&content), let answer = HostAnswer(&content), content.isAtEnd else {
                    ahead = .failure(RecordingError(.unknownFrame(frame.kind), at: frame.offset))
                    return
                }
                host.answers.append((question, answer))
            } catch {
                ahead = .failure(error)
                return
            }
        }
    }

    private func take() throws(RecordingError) -> Frame {
        do {
            guard let ahead else { return try Self.frame(&source) }
            self.ahead = nil
            return try ahead.get()
        } catch {
            hasEnded = true
            throw error
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

    private static func input(_ kind: RecordingFrame.Kind, _ content: [UInt8]) -> Input? {
        var frame = FrameReader(content)
        let input: Input
        switch kind {
        case .record:
            return .record(content)
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
        case .session, .answer, .end: return nil
        }
        return frame.isAtEnd ? input : nil
    }
}

/// Answers as a recording has it. What was not asked then is not known now.
package final class ReplayingHostView: HostView {
    fileprivate(set) var answers: [(question: HostQuestion, answer: HostAnswer)] = []

    package func answer(_ question: HostQuestion) -> HostAnswer {
        guard let index = answers.firstIndex(where: { $0.question == question }) else { return .failure(ENOENT) }
        return answers.remove(at: index).answer
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
