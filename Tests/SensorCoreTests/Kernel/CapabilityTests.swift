// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import SensorCore

@Suite struct CapabilityTests {
    @Test(
        arguments: [
            (0x0, "CAP_BPF"), (1 << 39, "CAP_PERFMON"), (1 << 38, "CAP_BPF"), (1 << 39 | 1 << 38, nil), (1 << 21, nil),
        ] as [(UInt64, String?)])
    func `the capability that is missing is named`(_ effective: UInt64, _ missing: String?) {
        let privileges = Privileges(effective: effective)
        do {
            try privileges.requireLoading()
            #expect(missing == nil)
        } catch {
            #expect(error.code == .notPermitted)
            #expect(error.missingCapability == missing)
        }
    }

    @Test func `a capability that is missing makes the sensor unable, one that is degraded does not`() {
        var report = CapabilityReport(capabilities: [Capability("a", .ok, ""), Capability("b", .degraded, "")])
        #expect(report.isAble)
        report.capabilities.append(Capability("c", .missing, ""))
        #expect(!report.isAble)
    }

    @Test func `as JSON it is one line with all that the text tells`() throws {
        var report = CapabilityReport(capabilities: [Capability("tp_btf/a", .missing, "refused\n\"why\"")])
        report.missingPermission = "CAP_BPF"
        #expect(
            try report.json() == #"""
                {"able":false,"capabilities":[{"name":"tp_btf/a","state":"missing","text":"refused\n\"why\""}],"missingPermission":"CAP_BPF"}

                """#)
    }

    @Test(.tags(.kernel), .needsKernel) func `here every program is attached and seen to fire`() {
        let report = CapabilityReport.probe()
        #expect(report.isAble)
        #expect(report.missingPermission == nil)
        for capability in report.capabilities where capability.name.contains("/") && capability.name != "/proc" {
            #expect(capability == Capability(capability.name, .ok, "fires"))
        }
    }
}
