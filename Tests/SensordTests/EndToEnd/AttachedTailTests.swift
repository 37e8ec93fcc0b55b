// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore
import Testing

/// `sensord --tail` against a daemon that the test plays.
@Suite final class AttachedTailTests {
    private let folder: String

    init() throws {
        var template = Array("/tmp/sensord-attached-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemError("mkdtemp") }
        folder = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    deinit {
        for name in ["/control/tail.sock", "/control/lock"] { unlink(folder + name) }
        rmdir(folder + "/control")
        rmdir(folder)
    }

    @Test func `what comes in one piece with the daemon's word, before it and behind it, is shown`() throws {
        let listener = try ControlListener(runDirectory: folder)
        let tail = try RunningSensord(["--tail", "--json", "--run-dir", folder])
        var accepted: Int32?
        try eventually {
            accepted = listener.accept()
            return accepted != nil
        }
        let peer = try #require(accepted)
        defer { close(peer) }

        var reader = ControlFrameReader(limit: TailRequest.maximumBytes)
        var request: ControlFrame?
        try eventually {
            var buffer = [UInt8](repeating: 0, count: 4096)
            let count = recv(peer, &buffer, buffer.count, 0)
            if count > 0 { reader.append(buffer.prefix(count)) }
            request = try? reader.next()
            return request != nil
        }
        #expect(request?.kind == .request)

        let answer = [
            ControlFrame(.events, Array("{\"early\":1}\n".utf8)),
            ControlFrame(.accepted, Array("{\"version\":1}".utf8)),
            ControlFrame(.events, Array("{\"late\":2}\n".utf8)),
            ControlFrame(.summary, Array("{\"shown\":2,\"lost\":{\"subscriber\":3}}".utf8)),
        ].flatMap(\.bytes)
        #expect(send(peer, answer, answer.count, Int32(MSG_NOSIGNAL)) == answer.count)
        // The connection stays open, so that no end of it makes the tail look again.
        let outcome = try tail.wait()
        #expect(outcome.status == 0)
        #expect(outcome.output == "{\"early\":1}\n{\"late\":2}\n")
        #expect(outcome.summary.hasPrefix("sensord: shown 2, lost 3 (subscriber 3)"), "\(outcome.errors)")
    }
}
