// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import SensorCore

@Suite struct EventChoiceTests {
    private func event(
        _ kind: EventKind, _ detail: EventDetail = .none, firstSeen: Bool = true, streamed: Bool = false
    ) -> Event {
        Event(
            sequence: 1, time: 1, bootTime: 1, kind: kind, isFirstSeen: firstSeen, isStreamed: streamed,
            workload: WorkloadDescription(kind: "Host", name: "h"), detail: detail, via: .sysExit)
    }

    private func file(_ path: ByteString, to newPath: ByteString? = nil) -> EventDetail {
        var file = FileDetail(path: path)
        file.newPath = newPath
        return .file(file)
    }

    private func chosen(_ text: String) throws -> (Event) -> Bool {
        let choice = try EventChoice(text)
        return { choice.contains($0, isUrgent: $0.isUrgent(CredentialPaths())) }
    }

    @Test func `kinds, what is new and what is urgent`() throws {
        let (plain, counted) = (event(.fileOpen, file("/a")), event(.fileOpen, file("/a"), firstSeen: false))
        let copy = event(.fileOpen, file("/a"), firstSeen: false, streamed: true)
        let secret = event(.fileOpen, file("/root/.ssh/id_rsa"))
        let (notable, fork, anomaly) = (event(.syscallNotable), event(.processFork), event(.anomalyState))
        let all = [plain, counted, copy, secret, notable, fork, anomaly]
        let expected: [(String, [Bool])] = [
            ("none", [false, false, false, false, false, false, false]),
            ("file.*", [true, true, false, true, false, false, false]),
            ("file.create, process.*", [false, false, false, false, false, true, false]),
            ("first-seen", [true, false, false, true, true, false, false]),
            ("urgent", [false, false, false, true, true, false, false]),
            ("urgent,process.fork", [false, false, false, true, true, true, false]),
            ("anomaly.state", [false, false, false, false, false, false, false]),
        ]
        for (text, wanted) in expected {
            let isChosen = try chosen(text)
            #expect(all.map(isChosen) == wanted, "\(text)")
        }
        #expect(try EventChoice("urgent,first-seen") == .usual && Settings().deliverEvents == .usual)
    }

    @Test(arguments: [
        ("", "kinds, first-seen"), (",", "kinds, first-seen"), ("none,urgent", "none stands alone"),
        ("files.*", "no kind of event is called \"files.*\""),
    ]) func `what is no choice is refused`(_ text: String, _ why: String) {
        #expect { try EventChoice(text) } throws: { ($0 as? SettingFault)?.reason.hasPrefix(why) ?? false }
    }

    @Test func `what is urgent is told one by one, and is a credential, a notable call or an anomaly`() throws {
        func isUrgent(_ event: Event) -> Bool { event.isUrgent(CredentialPaths([("/srv/*.key", "own")])) }
        func connection(_ address: String, _ direction: NetworkDetail.Direction) throws -> Event {
            var network = NetworkDetail(direction: direction, transport: .tcp)
            let address = try #require(IPAddress(address))
            network.peer = Endpoint(address: address, port: 80)
            return event(.networkConnect, .network(network))
        }
        #expect(isUrgent(event(.anomalyState, firstSeen: false)) && isUrgent(event(.syscallNotable)))
        #expect(isUrgent(event(.fileOpen, file("/srv/a.key"))) && !isUrgent(event(.fileOpen, file("/srv/a"))))
        #expect(isUrgent(event(.fileRename, file("/tmp/x", to: "/root/.ssh/id_rsa"))))
        #expect(!isUrgent(event(.fileExecmap, file("/srv/a.key"))))
        #expect(!isUrgent(event(.fileOpen, file("/srv/a.key"), firstSeen: false)))
        #expect(!isUrgent(event(.syscallNotable, firstSeen: false)) && !isUrgent(event(.syscallFirst)))
        #expect(isUrgent(try connection("169.254.169.254", .egress)))
        #expect(!isUrgent(try connection("169.254.169.254", .ingress)))
        #expect(!isUrgent(try connection("10.0.0.1", .egress)))
    }
}
