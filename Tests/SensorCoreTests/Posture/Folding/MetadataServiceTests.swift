// SPDX-License-Identifier: Apache-2.0

@testable import SensorCore
import Testing

@Suite struct MetadataServiceTests {
    @Test(arguments: [
        ("169.254.169.254", MetadataService.instance), ("::ffff:169.254.169.254", .instance), ("fd00:ec2::254", .ec2),
        ("169.254.170.2", .ecsTask), ("169.254.170.23", .eksPodIdentity), ("fd00:ec2::23", .eksPodIdentity),
        ("fd20:ce::254", .google), ("169.254.169.252", .gke), ("168.63.129.16", .azureWireServer),
        ("100.100.100.200", .alibaba), ("fd00:c1::a9fe:a9fe", .oracle), ("fe80::a9fe:a9fe", .openStack),
        ("169.254.0.23", .tencent), ("169.254.42.42", .scaleway), ("fd00:42::42", .scaleway),
        ("fd00:a9fe:a9fe::1", .akamai),
    ])
    func `an address says whose service it is`(_ address: String, _ service: MetadataService) throws {
        #expect(MetadataService(try #require(IPAddress(address))) == service)
    }

    @Test(arguments: ["169.254.169.253", "169.254.170.3", "10.0.0.1", "fd00:ec2::253", "::", "8.8.8.8"])
    func `other addresses are none`(_ address: String) throws {
        #expect(MetadataService(try #require(IPAddress(address))) == nil)
    }

    @Test func `names too`() {
        #expect(MetadataService(name: "metadata.google.internal") == .google)
        #expect(MetadataService(name: "metadata.example.test") == nil)
        #expect(Set(MetadataService.allCases.map(\.name)).count == MetadataService.allCases.count)
    }
}
