// SPDX-License-Identifier: Apache-2.0

import SensorCore
import Testing

/// Becoming somebody else: who it was before, and who it is now.
@Suite(.tags(.kernel), .needsKernel) struct IdentityTests {
    @Test func `each change of users and groups is told with both sides`() throws {
        let changes = try Observation.of("identity-users").events(.identityChange)
        #expect(changes.compactMap { $0.identity?.change } == ["setresgid", "setresuid", "setuid", "setreuid"])
        guard changes.count == 4 else { return }

        let groups = try #require(changes[0].identity)
        #expect(groups.from?.group == IdentityState.Identifiers(real: 0, effective: 0, saved: 0, fileSystem: 0))
        #expect(
            groups.to.group == IdentityState.Identifiers(real: 1001, effective: 1002, saved: 1003, fileSystem: 1002))
        #expect(groups.to.user.effective == 0)

        let users = try #require(changes[1].identity)
        #expect(users.from?.user == IdentityState.Identifiers(real: 0, effective: 0, saved: 0, fileSystem: 0))
        #expect(users.from?.group.effective == 1002)
        #expect(users.to.user == IdentityState.Identifiers(real: 1001, effective: 1002, saved: 1003, fileSystem: 1002))
        #expect(users.from?.capabilities.effective != 0)
        #expect(users.to.capabilities.effective == 0)

        #expect(changes[2].errorNumber == 1)
        #expect(changes[2].identity?.to == users.to)

        #expect(changes[3].identity?.to.user.effective == 1003)
        #expect(changes[3].identity?.from == users.to)
        #expect(changes[3].errorNumber == 0)
    }

    @Test func `what happens after a change is told of the new user`() throws {
        let seen = try Observation.of("identity-users")
        #expect(seen.events(.identityChange).map { $0.process?.uid } == [0, 1002, 1002, 1003])
        #expect(seen.events(.processExit).last?.process?.uid == 1003)
    }

    @Test func `a capability given up is told`() throws {
        let seen = try Observation.of("identity-capabilities")
        let change = try #require(try seen.only(seen.events(.identityChange)).identity)
        #expect(change.change == "capset")
        let before = try #require(change.from?.capabilities.effective)
        #expect(before & ~change.to.capabilities.effective == 1 << 13)  // CAP_NET_RAW
        #expect(change.to.capabilities.permitted == change.from?.capabilities.permitted)
    }

    @Test func `securebits and supplementary groups are told before and after`() throws {
        let seen = try Observation.of("identity-bits").events(.identityChange)
        let changes = seen.compactMap(\.identity)
        #expect(changes.map(\.change) == ["prctl", "prctl", "setgroups", "setgroups", "setgroups", "setgroups"])
        guard changes.count == 6 else { return }
        #expect(changes.map(\.from?.securebits) == [0, 0x10, 3, 3, 3, 3])
        #expect(changes.map(\.to.securebits) == [0x10, 3, 3, 3, 3, 3])
        #expect(changes[..<2].allSatisfy { $0.to.groups == $0.from?.groups })
        let groups: [IdentityState.Groups] = [
            .init(count: 2, first: [5, 70000]), .init(count: 2, first: [6, 70000]),
            .init(count: 9, first: [1, 2, 3, 4, 5, 6, 7, 8]), .init(count: 0, first: []),
        ]
        #expect(changes[2...].map(\.to.groups) == groups)
        #expect(changes[3...].map(\.from?.groups) == Array(groups[..<3]))
    }

    @Test(arguments: ["clone", "clone3"])
    func `a child that comes to life in other namespaces is told with its creator's and its own`(_ way: String) throws {
        let seen = try Observation.of("identity-clone", way)
        let event = try seen.only(seen.events(.identityChange))
        let change = try #require(event.identity)
        #expect(change.change == "clone")
        #expect(try event.process?.pid == UInt32(seen.said("child", as: UInt64.self)))
        #expect(event.via == .processFork)
        #expect(try change.from?.namespaces == namespaces("before", seen))
        #expect(try change.to.namespaces == namespaces("after", seen))
        #expect(change.from?.user == change.to.user)
    }

    private func namespaces(_ when: String, _ seen: Observation) throws -> IdentityState.Namespaces {
        func number(_ name: String) throws -> UInt32 { try UInt32(seen.said("\(when)-\(name)", as: UInt64.self)) }
        return try IdentityState.Namespaces(
            pid: number("pid"), mount: number("mnt"), network: number("net"), user: number("user"),
            uts: number("uts"), ipc: number("ipc"), cgroup: number("cgroup"))
    }

    @Test func `what a thread was before is told of it, not of another that acted meanwhile`() throws {
        let seen = try Observation.of("identity-threads")
        let changes = seen.events(.identityChange).compactMap(\.identity)
        #expect(changes.map(\.change) == ["unshare", "setresgid", "unshare", "setns"])
        guard changes.count == 4 else { return }
        let (home, apart, beside) = (
            try namespaces("before", seen), try namespaces("apart", seen), try namespaces("beside", seen)
        )
        #expect(changes.map(\.from?.namespaces) == [home, apart, home, apart])
        #expect(changes.map(\.to.namespaces) == [apart, apart, beside, home])
        #expect(changes.map(\.from?.group.effective) == [0, 0, 0, 1000])
        #expect(changes.map(\.to.group.effective) == [0, 1000, 0, 1000])
        #expect(changes.allSatisfy { $0.capabilitiesGained.isEmpty && $0.capabilitiesLost.isEmpty })
    }

    @Test func `a move to other namespaces is told with their numbers`() throws {
        let seen = try Observation.of("identity-namespaces")
        let changes = seen.events(.identityChange).compactMap(\.identity)
        #expect(changes.map(\.change) == ["unshare", "setns"])
        guard changes.count == 2 else { return }
        let (before, after) = (try namespaces("before", seen), try namespaces("after", seen))
        #expect(changes[0].from?.namespaces == before)
        #expect(changes[0].to.namespaces == after)
        var home = after
        home.uts = before.uts
        #expect(changes[1].from?.namespaces == after)
        #expect(changes[1].to.namespaces == home)
    }
}
