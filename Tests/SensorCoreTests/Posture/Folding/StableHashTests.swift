// SPDX-License-Identifier: Apache-2.0

@testable import SensorCore
import Testing

@Suite struct StableHashTests {
    /// Other nodes and other versions have to choose the same exemplars: these never change.
    @Test(arguments: [
        ("", 17665956581633026203 as UInt64), ("a", 198367012849983736), ("/etc/passwd", 7261830596069684105),
        ("/app/data.db", 9134486862789049774),
    ])
    func `the hash is what it always was`(_ text: String, _ hash: UInt64) {
        #expect(StableHash.of(Array(text.utf8)) == hash)
    }

    @Test func `exemplars are the smallest hashes, and those of shares hold those of the whole`() {
        let paths = (0..<60).map { ByteString("/data/\(PathFoldingTests.word($0 * 31)).csv") }
        func exemplars(_ paths: some Sequence<ByteString>) -> [ByteString] {
            PathFolding(limit: 1).fold(paths.map { PathFolding.Item($0, index: 0) })[0].exemplars
        }
        let all = exemplars(paths)
        #expect(all == Array(paths.sorted { StableHash.of($0.bytes) < StableHash.of($1.bytes) }.prefix(4)))
        let shares = exemplars(paths.prefix(25)) + exemplars(paths.suffix(40))
        #expect(Array(Set(shares).sorted { StableHash.of($0.bytes) < StableHash.of($1.bytes) }.prefix(4)) == all)
    }
}
