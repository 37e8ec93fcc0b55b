// SPDX-License-Identifier: Apache-2.0

import Logging
import SensorTestSupport
import Testing

@testable import SensorCore

@Suite struct NodeTokensTests {
    @Test func `a token is its node's, and a node may have several`() throws {
        let tokens = try NodeTokens(
            Array("# nodes\n\nn1 aaaaaaaaaaaaaaaa\nn1\tbbbbbbbbbbbbbbbb\r\nn2  cccccccccccccccc".utf8))
        #expect(tokens.name(of: "aaaaaaaaaaaaaaaa".utf8) == "n1" && tokens.name(of: "bbbbbbbbbbbbbbbb".utf8) == "n1")
        #expect(tokens.name(of: "cccccccccccccccc".utf8) == "n2")
        for other in ["", "aaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaa", "# nodes"] {
            #expect(tokens.name(of: other.utf8) == nil)
        }
    }

    @Test(arguments: [
        "n1", "n1 short", "n1 aaaaaaaaaaaaaaaa more", "a/b aaaaaaaaaaaaaaaa",
        "n1 aaaaaaaaaaaaaaaa\nn2 aaaaaaaaaaaaaaaa",
    ])
    func `a file that is wrong is refused, without what is in it`(_ text: String) {
        do throws(ReceiverRefusal) {
            _ = try NodeTokens(Array(text.utf8))
            Issue.record("it was taken")
        } catch { #expect(error.message.hasPrefix("line ") && !error.message.contains("aaaa")) }
    }

    @Test func `a file is read again when it has changed, and one that is wrong changes nothing`() throws {
        let directory = try TestDirectory()
        let path = directory.path + "/tokens"
        var log = Logger(label: "test")
        log.logLevel = .critical
        try SmallFile.replace(path, with: Array("n1 aaaaaaaaaaaaaaaa\n".utf8))
        let file = try TokenFile(path)
        #expect(file.name(of: "aaaaaaaaaaaaaaaa".utf8, log: log) == "n1")
        try SmallFile.replace(path, with: Array("n1 bbbbbbbbbbbbbbbb\n".utf8))
        #expect(file.name(of: "aaaaaaaaaaaaaaaa".utf8, log: log) == nil)
        #expect(file.name(of: "bbbbbbbbbbbbbbbb".utf8, log: log) == "n1")
        try SmallFile.replace(path, with: Array("wrong".utf8))
        #expect(file.name(of: "bbbbbbbbbbbbbbbb".utf8, log: log) == "n1")
        #expect(throws: TokenFileError.self) { try TokenFile(path) }
    }
}
