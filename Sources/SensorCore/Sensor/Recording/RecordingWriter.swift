// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF
internal import Glibc

/// Writes what the pipeline is fed with into a file, so that `RecordingReader` can feed it again.
///
/// Secrets in command lines, paths, addresses of sockets, strings of notable calls and what agents say of their calls are
/// overwritten, so that a replay shows what was shown live and a recording can be handed on.
///
/// Each input is to be written after the pipeline has worked on it, since the answers it asked for go before it.
/// For one thread. Writes to the file by the buffer, and whenever it is told to: what was flushed outlives a kill -9.
/// A disk that stalls makes the caller wait. An error ends the recording, not the sensor: it is kept, and what comes
/// after it is not written.
package final class RecordingWriter {
    /// The errno of the write that failed; nil while all is well.
    package private(set) var failure: Int32?

    private let redactor: Redactor
    private var descriptor: Int32
    private var buffer: [UInt8] = []
    private static let bufferLimit = 256 << 10

    /// - Parameter descriptor: an open file, which this object closes.
    package init(descriptor: consuming Int32, session: Session, redactor: Redactor = Redactor()) {
        self.descriptor = descriptor
        self.redactor = redactor
        buffer.reserveCapacity(Self.bufferLimit + (64 << 10))
        buffer += RecordingFrame.magic
        var version = FrameWriter()
        version.append(RecordingFrame.version)
        buffer += version.bytes
        frame(.session) { session.write(to: &$0) }
        flush()
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Writes an input that the pipeline has worked on.
    package func write(_ input: Input) {
        switch input {
        case .record(let bytes): record(bytes.span.bytes)
        case .count(let delta):
            frame(.count) {
                delta.key.write(to: &$0)
                $0.append(delta.count)
                $0.append(delta.sent)
                $0.append(delta.received)
            }
        case .loss(let key, let count):
            frame(.loss) {
                $0.append(key.cgroup)
                $0.append(key.hook)
                $0.append(key.reason)
                $0.append(key.kind)
                $0.append(count)
            }
        case .uring(let key, let count):
            frame(.uring) {
                $0.append(key.cgroup)
                $0.append(key.opcode)
                $0.append(count)
            }
        case .forgotten(let key): frame(.forgotten) { key.write(to: &$0) }
        case .tick(let clock): frame(.tick) { clock.write(to: &$0) }
        case .scanCgroups: frame(.scanCgroups) { _ in }
        case .scanProcesses: frame(.scanProcesses) { _ in }
        case .cluster(let changes): frame(.cluster) { $0.bytes += ClusterChange.json(changes) }
        case .watch(let selectors):
            frame(.watch) {
                $0.append(UInt32(selectors.count))
                for selector in selectors { $0.append(counted: selector.utf8) }
            }
        case .heard(let times): frame(.heard) { times.write(to: &$0) }
        case .settle(let time): frame(.settle) { $0.append(time) }
        case .call(let change): frame(.call) { $0.bytes += change.masked(by: redactor).json }
        }
    }

    package func record(_ bytes: RawSpan) {
        if let masked = RecordMask.masked(bytes, by: redactor) {
            frame(.record) { $0.bytes += masked }
            return
        }
        bytes.withUnsafeBytes { bytes in frame(.record) { $0.bytes.append(contentsOf: bytes) } }
    }

    package func answer(_ question: HostQuestion, _ answer: HostAnswer) {
        frame(.answer) {
            masked(question).write(to: &$0)
            masked(answer, to: question).write(to: &$0)
        }
    }

    private func masked(_ answer: HostAnswer, to question: HostQuestion) -> HostAnswer {
        guard case .bytes(let bytes) = answer else { return answer }
        return switch question {
        case .file(_, .cmdline): redactor.masked(bytes.span.bytes).map { .bytes($0) } ?? answer
        case .link, .resolve: .bytes(redactor.masked(path: bytes))
        default: answer
        }
    }

    /// As it will be asked when the records are those of the recording.
    private func masked(_ question: HostQuestion) -> HostQuestion {
        guard case .resolve(let pid, let path, let isItself) = question else { return question }
        return .resolve(pid: pid, path: ByteString(redactor.masked(path: path.bytes)), isItself: isItself)
    }

    /// Writes the end and closes the file. Returns the errno if the recording is not whole.
    package func finish() -> Int32? {
        guard descriptor >= 0 else { return failure }
        frame(.end) { _ in }
        flush()
        if close(descriptor) != 0, failure == nil { failure = errno }
        descriptor = -1
        return failure
    }

    private func frame(_ kind: RecordingFrame.Kind, _ content: (inout FrameWriter) -> Void) {
        guard failure == nil else { return }
        var writer = FrameWriter()
        content(&writer)
        var header = FrameWriter()
        header.append(UInt32(kind.rawValue))
        header.append(UInt32(writer.bytes.count))
        let checksum = RecordingFrame.checksum(header: header.bytes, content: writer.bytes)
        header.append(checksum)
        buffer += header.bytes
        buffer += writer.bytes
        if buffer.count >= Self.bufferLimit { flush() }
    }

    /// Writes to the file what still waits in the buffer.
    package func flush() {
        if buffer.isEmpty { return }
        var start = 0
        while start < buffer.count, failure == nil {
            let count = buffer.withUnsafeBytes { write($0, from: start) }
            if count < 0, errno == EINTR { continue }
            if count < 0 { failure = errno } else { start += count }
        }
        buffer.removeAll(keepingCapacity: true)
    }

    private func write(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        Glibc.write(descriptor, bytes.baseAddress.map { $0 + start }, bytes.count - start)
    }
}

/// Passes questions on and writes down the answers.
package final class RecordingHostView: HostView {
    private let view: any HostView
    private let writer: RecordingWriter

    package init(_ view: any HostView, writer: RecordingWriter) {
        self.view = view
        self.writer = writer
    }

    package func answer(_ question: HostQuestion) -> HostAnswer {
        let answer = view.answer(question)
        writer.answer(question, answer)
        return answer
    }
}
