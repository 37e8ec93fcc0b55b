// SPDX-License-Identifier: Apache-2.0

import CSensorBPF
import SensorCore
import Testing

/// The contract spells out numbers that the kernel side has too, since it must not know that side.
@Suite struct ContractLayoutTests {
    @Test func `kinds have the numbers of the kernel side`() {
        let expected: [(EventKind, sensor_kind)] = [
            (.processExec, SENSOR_PROCESS_EXEC), (.processFork, SENSOR_PROCESS_FORK),
            (.processExit, SENSOR_PROCESS_EXIT), (.processSeen, SENSOR_PROCESS_SEEN),
            (.cgroupCreated, SENSOR_CGROUP_CREATED), (.cgroupRemoved, SENSOR_CGROUP_REMOVED),
            (.fileOpen, SENSOR_FILE_OPEN), (.fileCreate, SENSOR_FILE_CREATE), (.fileDelete, SENSOR_FILE_DELETE),
            (.fileRename, SENSOR_FILE_RENAME), (.fileLink, SENSOR_FILE_LINK),
            (.fileAttribute, SENSOR_FILE_ATTRIBUTE), (.fileExecmap, SENSOR_FILE_EXECMAP),
            (.networkConnect, SENSOR_NETWORK_CONNECT), (.networkSend, SENSOR_NETWORK_SEND),
            (.networkListen, SENSOR_NETWORK_LISTEN), (.networkAccept, SENSOR_NETWORK_ACCEPT),
            (.networkClose, SENSOR_NETWORK_CLOSE), (.syscallFirst, SENSOR_SYSCALL_FIRST),
            (.syscallNotable, SENSOR_SYSCALL_NOTABLE), (.identityChange, SENSOR_IDENTITY_CHANGE),
            (.dnsAnswer, SENSOR_DNS_ANSWER),
        ]
        #expect(expected.map { UInt32($0.0.rawValue) } == expected.map(\.1.rawValue))
        // What agents and the daemon tell, not the kernel.
        let others: [EventKind] = [.toolCallBegin, .toolCallEnd, .context, .decision, .anomalyState]
        #expect(expected.map(\.0) + others == EventKind.allCases)
        #expect(others.allSatisfy { UInt32($0.rawValue) < SENSOR_KIND_LIMIT.rawValue })
    }

    @Test func `hooks have the numbers of the kernel side`() {
        let expected: [(Via, sensor_hook)] = [
            (.sysExit, SENSOR_HOOK_SYS_EXIT), (.processExec, SENSOR_HOOK_PROCESS_EXEC),
            (.processFork, SENSOR_HOOK_PROCESS_FORK), (.processExit, SENSOR_HOOK_PROCESS_EXIT),
            (.socketState, SENSOR_HOOK_SOCKET_STATE), (.packetIngress, SENSOR_HOOK_SKB_INGRESS),
            (.uringComplete, SENSOR_HOOK_URING_COMPLETE), (.uringSubmit, SENSOR_HOOK_URING_SUBMIT),
            (.cgroupMkdir, SENSOR_HOOK_CGROUP_MKDIR), (.cgroupRmdir, SENSOR_HOOK_CGROUP_RMDIR),
            (.taskIterator, SENSOR_HOOK_ITER_TASK), (.connect4, SENSOR_HOOK_CONNECT4),
            (.connect6, SENSOR_HOOK_CONNECT6), (.sendmsg4, SENSOR_HOOK_SENDMSG4),
            (.sendmsg6, SENSOR_HOOK_SENDMSG6), (.socketRelease, SENSOR_HOOK_SOCK_RELEASE),
            (.daemon, SENSOR_HOOK_DAEMON),
        ]
        #expect(expected.map { UInt32($0.0.rawValue) } == expected.map(\.1.rawValue))
        #expect(expected.map(\.0) == Via.allCases)
    }

    @Test func `access has the bits and names of the kernel side`() {
        let expected: [(FileAccess, sensor_access, String)] = [
            (.read, SENSOR_ACCESS_READ, "READ"), (.write, SENSOR_ACCESS_WRITE, "WRITE"),
            (.create, SENSOR_ACCESS_CREATE, "CREATE"), (.truncate, SENSOR_ACCESS_TRUNCATE, "TRUNCATE"),
            (.append, SENSOR_ACCESS_APPEND, "APPEND"), (.execute, SENSOR_ACCESS_EXECUTE, "EXECUTE"),
            (.path, SENSOR_ACCESS_PATH, "PATH"), (.directory, SENSOR_ACCESS_DIRECTORY, "DIRECTORY"),
            (.temporary, SENSOR_ACCESS_TEMPORARY, "TEMPORARY"), (.received, SENSOR_ACCESS_RECEIVED, "RECEIVED"),
            (.handle, SENSOR_ACCESS_HANDLE, "HANDLE"), (.mode, SENSOR_ACCESS_MODE, "MODE"),
            (.owner, SENSOR_ACCESS_OWNER, "OWNER"), (.times, SENSOR_ACCESS_TIMES, "TIMES"),
            (.xattr, SENSOR_ACCESS_XATTR, "XATTR"), (.size, SENSOR_ACCESS_SIZE, "SIZE"),
            (.symbolic, SENSOR_ACCESS_SYMBOLIC, "SYMBOLIC"), (.node, SENSOR_ACCESS_NODE, "NODE"),
            (.protect, SENSOR_ACCESS_PROTECT, "PROTECT"), (.exchange, SENSOR_ACCESS_EXCHANGE, "EXCHANGE"),
        ]
        for (access, bit, name) in expected {
            #expect(access.rawValue == bit.rawValue)
            #expect(access.names == [name])
        }
        #expect(FileAccess(rawValue: .max).names == expected.map(\.2))
    }

    @Test func `directions have the numbers of the kernel side`() {
        #expect(NetworkDetail.Direction.egress.rawValue == UInt8(SENSOR_DIRECTION_EGRESS))
        #expect(NetworkDetail.Direction.ingress.rawValue == UInt8(SENSOR_DIRECTION_INGRESS))
    }
}
