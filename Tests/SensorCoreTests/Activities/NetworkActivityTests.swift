// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore
import SensorTestSupport
import Testing

/// Connections and datagrams, on the loopback interface.
@Suite(.tags(.kernel), .needsKernel) struct NetworkActivityTests {
    private let directory: TestDirectory

    init() throws { directory = try TestDirectory() }

    private func port(_ word: String, _ seen: Observation) throws -> UInt16 {
        try UInt16(seen.said(word, as: UInt64.self))
    }

    private func loopback(_ family: String) -> IPAddress? { IPAddress(family == "4" ? "127.0.0.1" : "::1") }

    // MARK: TCP

    @Test(arguments: ["4", "6"])
    func `both ends of a connection are told, with every byte at the close`(_ family: String) throws {
        let seen = try Observation.of(
            "tcp-transfer", family, "300000",
            waitingFor: { events in
                events.filter { $0.kind == .networkClose }.count >= 2
            })
        let (server, client) = (try port("server-port", seen), try port("client-port", seen))

        let listen = try #require(try seen.only(seen.events(.networkListen)).network)
        #expect(listen.local?.address == loopback(family))
        #expect(listen.local?.port == server)
        #expect(listen.transport == .tcp)

        let connect = try #require(try seen.only(seen.events(.networkConnect)).network)
        #expect(connect.direction == .egress)
        #expect(connect.peer?.address == loopback(family))
        #expect(connect.peer?.port == server)
        #expect(connect.local?.port == client)

        let accept = try #require(try seen.only(seen.events(.networkAccept)).network)
        #expect(accept.direction == .ingress)
        #expect(accept.peer?.address == loopback(family))
        #expect(accept.peer?.port == client)
        #expect(accept.local?.port == server)

        let closes = seen.events(.networkClose)
        #expect(closes.count == 2)
        #expect(closes.allSatisfy { $0.process?.pid == seen.pid })
        let outgoing = try #require(closes.compactMap(\.network).first { $0.direction == .egress })
        let incoming = try #require(closes.compactMap(\.network).first { $0.direction == .ingress })
        #expect(outgoing.bytesSent == 300_000)
        #expect(outgoing.bytesReceived == 150_000)
        #expect(outgoing.peer?.port == server)
        #expect(incoming.bytesSent == 150_000)
        #expect(incoming.bytesReceived == 300_000)
        #expect(incoming.peer?.port == client)
        let duration = try #require(outgoing.duration)
        #expect(duration > 0 && duration < 60_000_000_000)
    }

    @Test(arguments: ["4", "6"], ["blocking", "waiting"])
    func `a refused connection is one attempt, with its port and error`(_ family: String, _ way: String) throws {
        let seen = try Observation.of("tcp-refused", family, way)
        let event = try seen.only(seen.events(.networkConnect))
        #expect(try event.errorNumber == Int32(seen.said("error")))
        #expect(event.errorNumber == ECONNREFUSED)
        #expect(event.network?.peer?.address == loopback(family))
        #expect(try event.network?.peer?.port == port("server-port", seen))
        #expect(event.process?.pid == seen.pid)
        #expect(seen.events(.networkClose).isEmpty)
    }

    @Test func `an unreachable peer is told with the error`() throws {
        let seen = try Observation.of("tcp-unreachable")
        let event = try seen.only(seen.events(.networkConnect))
        #expect(event.errorNumber == ENETUNREACH)
        #expect(event.network?.peer?.address?.description == "192.0.2.7")
        #expect(event.network?.peer?.port == 4444)
    }

    @Test func `a failure that comes late hides none that comes early`() throws {
        let seen = try Observation.of("tcp-late")
        let late = try seen.said("late")
        guard late != "0" else { return }
        let attempts = seen.events(.networkConnect)
        #expect(try attempts.map { "\($0.errorNumber)" } == [late, seen.said("early")])
        #expect(attempts.map { $0.network?.peer?.address?.description } == ["10.9.0.2", "192.0.2.7"])
    }

    @Test(arguments: ["4", "6"])
    func `a connect that does not wait is one attempt that worked`(_ family: String) throws {
        let seen = try Observation.of("tcp-waiting", family)
        let event = try seen.only(seen.events(.networkConnect))
        #expect(event.errorNumber == 0)
        #expect(try event.network?.peer?.port == port("server-port", seen))
        #expect(try event.network?.local?.port == port("client-port", seen))
    }

    @Test func `a close is credited to who connected, whoever was the last to hold the socket`() throws {
        let seen = try Observation.of(
            "tcp-handed-on",
            waitingFor: { events in
                events.filter { $0.kind == .networkClose }.count >= 2
            })
        let close = try seen.only(seen.events(.networkClose).filter { $0.network?.direction == .egress })
        #expect(close.process?.pid == seen.pid)
        #expect(close.network?.bytesSent == 10)
    }

    @Test func `connections that a process leaves behind are closed with its end`() throws {
        let seen = try Observation.of(
            "tcp-open",
            untilEnd: { events in
                events.contains { $0.kind == .networkClose && $0.network?.direction == .egress }
            })
        let close = try seen.only(seen.events(.networkClose).filter { $0.network?.direction == .egress })
        #expect(close.process?.pid == seen.pid)
        let connect = try seen.only(seen.events(.networkConnect))
        #expect(try connect.network?.peer?.port == port("server-port", seen))
    }

    // MARK: Datagrams

    @Test(arguments: ["connected", "unconnected", "message", "written", "file", "pipe", "vector"])
    func `datagrams are told with where they went and how many bytes`(_ way: String) throws {
        let seen = try Observation.of("udp-send", way, "3")
        let server = try port("server-port", seen)
        let sends = seen.events(.networkSend)
        #expect(sends.count == 3)
        for network in sends.compactMap(\.network) {
            #expect(network.transport == .udp)
            #expect(network.direction == .egress)
            #expect(network.peer?.address == loopback("4"))
            #expect(network.peer?.port == server)
            #expect(network.bytesSent == 10)
        }
        let connects = seen.events(.networkConnect)
        #expect(connects.count == (way == "unconnected" || way == "message" ? 0 : 1))
        #expect(connects.allSatisfy { $0.network?.peer?.port == server && $0.network?.transport == .udp })
    }

    @Test func `each message of one call is told with where it went`() throws {
        let seen = try Observation.of("udp-many")
        let ports = try seen.all("server-port").map { try #require(UInt16($0)) }
        try #require(ports.count == 3)
        let sends = seen.events(.networkSend).compactMap(\.network)
        #expect(sends.map(\.peer?.port) == ports + [ports[0]])
        #expect(sends.allSatisfy { $0.peer?.address == loopback("4") && $0.bytesSent == 10 })
    }

    // MARK: Unix

    @Test func `a connection to a socket file is told by its path, whatever led there`() throws {
        let path = directory.path + "/socket"
        symlink("socket", directory.path + "/link")
        let seen = try Observation.of("unix-stream", path, directory.path + "/link")
        let connect = try seen.only(seen.events(.networkConnect))
        #expect(connect.network?.transport == .unix)
        #expect(connect.network?.peer?.path?.text == path)
        let listen = try seen.only(seen.events(.networkListen))
        #expect(listen.network?.local?.path?.text == path)
        #expect(seen.events(.networkAccept).count == 1)
    }

    @Test func `an abstract socket is told by its name`() throws {
        let name = "@sensor-test-\(getpid())-\(directory.path.suffix(6))"
        let seen = try Observation.of("unix-stream", name)
        #expect(try seen.only(seen.events(.networkConnect)).network?.peer?.path?.text == name)
        #expect(try seen.only(seen.events(.networkListen)).network?.local?.path?.text == name)
    }

    @Test func `a file that a bind makes is told as made, by its true path`() throws {
        let seen = try Observation.of("unix-files", directory.path)
        #expect(
            seen.all("bound") == ["0", "0", "0", "-\(EADDRINUSE)", "-\(ENOENT)", "0"])
        let made = seen.events(.fileCreate)
        #expect(
            made.map { $0.file?.path.text }
                == ["stream", "datagram", "packets", "datagram", "none/socket"].map { directory.path + "/" + $0 })
        #expect(made.map(\.errorNumber) == [0, 0, 0, EADDRINUSE, ENOENT])
        for event in made.prefix(3) {
            let file = try #require(event.file)
            #expect(file.mode & 0o170000 == 0o140000)
            #expect(file.pathSource == .dentry)
            #expect(file.access == [.create, .node])
            var status = stat()
            #expect(stat(file.path.text, &status) == 0)
            #expect(file.inode == status.st_ino)
        }
    }

    @Test func `a Unix connection that fails is told with the caller's path and the error`() throws {
        let seen = try Observation.of("unix-failing", directory.path + "/none")
        let event = try seen.only(seen.events(.networkConnect))
        #expect(event.errorNumber == ENOENT)
        #expect(event.network?.peer?.path?.text == directory.path + "/none")
    }

    @Test func `a datagram to a socket file is told by its path`() throws {
        let seen = try Observation.of("unix-datagram", directory.path + "/socket")
        let event = try seen.only(seen.events(.networkSend))
        #expect(event.network?.peer?.path?.text == directory.path + "/socket")
        #expect(event.network?.bytesSent == 1)
        // What nobody measured is not told as nothing.
        #expect(event.network?.bytesReceived == nil)
    }

    // MARK: Names

    @Test(arguments: ["connected", "unconnected", "read"])
    func `a name that a process was told is the name of its peer`(_ way: String) throws {
        let seen = try Observation.of("dns-connect", "api.example.test", way)
        let answer = try #require(try seen.only(seen.events(.dnsAnswer).filter { $0.process?.pid == seen.pid }).dns)
        #expect(answer.name == "api.example.test")
        #expect(answer.type == "A")
        #expect(answer.addresses.map(\.description) == ["127.0.0.7"])
        #expect(answer.ttl == 60)
        #expect(answer.source == "process")
        let connect = try seen.only(seen.events(.networkConnect).filter { $0.network?.transport == .tcp })
        #expect(connect.network?.peer?.address?.description == "127.0.0.7")
        #expect(connect.network?.peer?.names == ["api.example.test"])
    }

    @Test func `an answer that nobody asked for tells no names`() throws {
        let seen = try Observation.of("dns-unasked", "forged.example.test")
        #expect(seen.events(.dnsAnswer).map { $0.dns?.name } == ["asked"])
    }
}
