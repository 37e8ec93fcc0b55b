// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import SensorCore
@testable import sensord

/// A comparison, as a person at a terminal reads it.
@Suite struct PostureDiffPageTests {
    /// A record of `sensord posture --json`, watched for ten days from 2026-06-01 on.
    private func line(_ node: String, _ name: String = "planner", facts: [String], state: String = "complete") -> String
    {
        let hours = String(repeating: "////", count: 10)
        let coverage = ["behavioral", "identity", "model"].map {
            #"{"state":"\#(state)","discipline":"\#($0)","container":"c1"}"#
        }.joined(separator: ",")
        return #"{"schema":"posture.v1","node":"\#(node)","time":"2026-06-11T00:00:00Z","#
            + #""subject":{"namespace":"agents","kind":"Deployment","name":"\#(name)","container":"main"},"#
            + #""coverage":[\#(coverage)],"profile":{"observed":{"latestDay":20614,"bits":"\#(hours)"},"#
            + #""facts":[\#(facts.joined(separator: ","))]}}"# + "\n"
    }

    private func fact(_ kind: String, _ key: String, _ outcome: String = "ok", count: Int) -> String {
        #"{"kind":"\#(kind)","key":{\#(key)},"outcome":"\#(outcome)","count":"\#(count)","#
            + #""firstSeen":"2026-06-01T01:00:00Z","lastSeen":"2026-06-10T01:00:00Z"}"#
    }

    private func comparison(_ one: String, _ other: String) throws -> PostureComparison {
        PostureComparison(
            before: try PostureSnapshot(Array(one.utf8), name: "a.json"),
            after: try PostureSnapshot(Array(other.utf8), name: "b.json"))
    }

    private let page = PostureDiffPage(palette: Palette(isOn: false))

    @Test func `what has changed is read line by line`() throws {
        let peer = #""peer":"a.test","port":443,"transport":"TCP""#
        let one = line(
            "n1",
            facts: [
                fact("file", #""path":"/data/a","access":["READ"]"#, count: 480), fact("egress", peer, count: 240),
                fact("dns", #""name":"a.test","type":"A""#, count: 240),
            ])
        let other = line(
            "n2",
            facts: [
                fact("credential", #""type":"ssh_key","path":"/root/.ssh/id_rsa","access":["READ"]"#, count: 2),
                fact("egress", peer, count: 240), fact("egress", peer, "denied", count: 3),
                fact("dns", #""name":"a.test","type":"A""#, count: 24_000),
            ])
        #expect(
            page.page(try comparison(one, other)) == """
                Deployment/planner  agents · main
                  a.json (watched 10 days) → b.json (watched 10 days)

                new  1
                  + credential ssh_key /root/.ssh/id_rsa READ  !  2×

                not seen any more  1
                  - file       /data/a READ  480×  gone

                otherwise than before  1
                  ~ egress     a.test:443 TCP  !  + → denied  243×

                much more often  1
                  ↑ dns        a.test A  1.00/h → 100/h

                """)
    }

    @Test func `what was not watched is not said to be gone`() throws {
        let one = line("n1", facts: [fact("file", #""path":"/a","access":["READ"]"#, count: 480)])
        let text = page.page(try comparison(one, line("n2", facts: [], state: "lossy")))
        #expect(text.contains("- file       /a READ  480×  not seen, and not wholly watched (lossy)\n"))
    }

    @Test func `workloads of one snapshot alone are named`() throws {
        let one = line("n1", "old", facts: []) + line("n1", facts: [])
        let other = line("n1", facts: []) + line("n1", "fresh", facts: [])
        let found = try comparison(one, other)
        #expect(
            page.page(found) == """
                Deployment/planner  agents · main
                  a.json (watched 10 days) → b.json (watched 10 days)
                  nothing has changed

                only in the first
                  Deployment/old  agents · main

                only in the second
                  Deployment/fresh  agents · main

                """)
        #expect(found.json.split(separator: "\n").count == 2)
    }
}
