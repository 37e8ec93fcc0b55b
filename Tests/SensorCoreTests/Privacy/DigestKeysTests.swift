// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc
import SensorTestSupport
import Testing

@testable import SensorCore

@Suite struct DigestKeysTests {
    private let keys = DigestKeys(root: Array("0123456789abcdef0123456789abcdef".utf8))

    private func digest(_ value: String, _ namespace: String, _ keys: DigestKeys) -> KeyedDigest? {
        keys.reduce(value, .argument).map { keys.key(.argument, namespace: namespace).digest($0.value) }
    }

    @Test func `the same value has the same digest with the same key, wherever it is made`() {
        let elsewhere = DigestKeys(root: Array("0123456789abcdef0123456789abcdef".utf8))
        #expect(digest("secret", "agents", keys) == digest("secret", "agents", elsewhere))
        #expect(digest("secret", "agents", keys)?.value.utf8.count == 64)
        #expect(digest("other", "agents", keys)?.value != digest("secret", "agents", keys)?.value)
    }

    @Test func `another key, namespace or purpose makes another digest, and says so`() {
        let other = DigestKeys(root: Array("0123456789abcdef0123456789abcdeF".utf8))
        let found = [
            digest("secret", "agents", keys), digest("secret", "shop", keys), digest("secret", "agents", other),
            keys.reduce("secret", .argument), keys.reduce("secret", .context),
            keys.reduce("secret", .argument).map { keys.key(.context, namespace: "agents").digest($0.value) },
        ].compactMap { $0 }
        #expect(Set(found.map(\.keyID)).count == 6)
        #expect(Set(found.map(\.value)).count == 6)
    }

    @Test func `what the derivation makes does not change from version to version`() {
        // Digests of a fleet are compared across its versions.
        let known = digest("secret", "agents", keys)
        #expect(known?.keyID == "62cc7464b9f8a797")
        #expect(known?.value == "5f5e51acde4af5e8bf8ec191775c1497fa2471b1ec5794b4598f906f44dc0698")
    }

    // MARK: Arguments

    private func arguments(_ json: String, _ keys: DigestKeys?) throws -> [ToolCallArgument] {
        CallArguments(try #require(JSONValue(Array(json.utf8)))).keyed(by: keys)
    }

    @Test func `arguments are told by their digests, and values that differ differ there`() throws {
        let found = try arguments(
            #"{"a":"5","b":5,"c":"6","d":"5","e":true,"f":null,"g":{"y":1,"x":[false]},"h":{"x":[false],"y":1}}"#, keys)
        let digests = Dictionary(uniqueKeysWithValues: found.map { ($0.name, $0.digest?.value) })
        #expect(digests["a"] == digests["d"])
        #expect(Set(["a", "b", "c", "e", "g"].map { digests[$0] }).count == 5)
        #expect(digests["g"] == digests["h"])
        #expect(digests["f"] == .some(nil))
        #expect(try arguments(#"{"a":"5"}"#, nil).map(\.digest) == [nil])
    }

    @Test func `of what a client has omitted its digest is keyed again, and its length told`() throws {
        let found = try arguments(
            #"{"long":{"omitted":true,"length":70000,"digest":"sha256:00"},"none":{"omitted":true}}"#, keys)
        #expect(found.map(\.type) == ["omitted", "omitted"])
        #expect(found.map(\.length) == [70000, nil])
        #expect(found[0].digest != nil && found[0].digest?.value.contains("sha256") == false)
        #expect(found[1].digest == nil)
    }

    // MARK: On the way

    private func pipeline(_ keys: DigestKeys?, _ changes: [CallChange]) -> [Event] {
        var configuration = PipelineConfiguration()
        configuration.digests = keys
        var pipeline = Pipeline(session: Records.session, host: FakeHost(), configuration: configuration)
        for change in changes { pipeline.consume(.call(change)) }
        return pipeline.takeEvents()
    }

    @Test func `what leaves the socket's thread is keyed once more, with the namespace's key`() throws {
        let reduced = try #require(keys.reduce("secret", .argument))
        let call = ToolCall(
            number: 1, id: "c1", name: "read", session: "s1", scope: .none, process: 100, cgroup: 42, time: 30,
            arguments: [ToolCallArgument(name: "path", type: "string", length: 6, digest: reduced)])
        let context = ContextDetail(
            id: "p1", session: "s1", sources: [.init(kind: "user", digest: keys.reduce("sha256:00", .context))])
        let changes = [
            CallChange.begun(call), .context(context, CallOrigin(process: 100, cgroup: 42, time: 30)),
        ]
        let lines = pipeline(keys, changes).map { EventEncoderTests.line(of: $0) }
        #expect(lines.count == 2)
        let expected = keys.key(.argument, namespace: "").digest(reduced.value)
        #expect(
            lines[0].contains(
                #""digest":{"alg":"hmac-sha256","keyId":"\#(expected.keyID)","value":"\#(expected.value)"}"#))
        #expect(lines[1].contains(#""digest":{"alg":"hmac-sha256""#))
        #expect(!lines.joined().contains(reduced.value))
        // A replay without the key has none.
        #expect(!pipeline(nil, changes).map { EventEncoderTests.line(of: $0) }.joined().contains("digest"))
    }

    @Test func `the socket's side tells of no value`() throws {
        let fixture = BookFixture(digests: keys)
        try fixture.hello()
        try fixture.send(
            #"{"type":"begin","session":"s1","call":{"id":"c1","name":"pay","arguments":{"pin":"4711"}}}"#)
        try fixture.send(
            #"{"type":"context","session":"s1","id":"p1","sources":[{"kind":"user","digest":"abc"},{"kind":"tool","digest":{"alg":"x","value":"abc"}},{"kind":"system"}]}"#
        )
        #expect(fixture.begun.first?.arguments.first?.digest == keys.reduce("string\0" + "4711", .argument))
        guard case .context(let context, _) = fixture.changes.last else {
            Issue.record("no context")
            return
        }
        #expect(context.sources.map { $0.digest != nil } == [true, true, false])
        #expect(context.sources[0].digest == context.sources[1].digest)
        #expect(!"\(fixture.changes.map(\.withoutTerms))".contains("4711"))
    }

    // MARK: The node's key

    @Test func `a node keeps its key, for its own eyes only`() throws {
        let folder = try TestDirectory()
        let state = folder.path + "/state"
        let key = try NodeKey.load(in: state)
        #expect(key.count == 32 && Set(key).count > 1)
        #expect(try NodeKey.load(in: state) == key)
        var status = stat()
        #expect(stat(state + "/digest.key", &status) == 0 && status.st_mode & 0o777 == 0o600)
        // Somebody else may have read it.
        chmod(state + "/digest.key", 0o644)
        #expect(throws: SystemError.self) { try NodeKey.load(in: state) }
        unlink(state + "/digest.key")
        #expect(try NodeKey.load(in: state) != key)
        unlink(state + "/digest.key")
        symlink("/etc/hostname", state + "/digest.key")
        #expect(throws: SystemError.self) { try NodeKey.load(in: state) }
    }
}
