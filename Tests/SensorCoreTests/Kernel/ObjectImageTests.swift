// SPDX-License-Identifier: Apache-2.0

import CSensorBPF
import SensorCore
import Testing

@Suite struct ObjectImageTests {
    @Test(arguments: ObjectImage.allCases)
    func `the embedded object is one that libbpf opens and finds programs in`(_ image: ObjectImage) throws {
        let bytes = image.bytes()
        #expect(bytes.starts(with: [0x7f, 0x45, 0x4c, 0x46]))

        let object = try #require(
            bytes.withUnsafeBytes { bpf_object__open_mem($0.baseAddress, $0.count, nil) })
        defer { bpf_object__close(object) }
        #expect(bpf_object__next_program(object, nil) != nil)
    }

    @Test(
        arguments: [
            ("5.10.0-46-cloud-amd64\n", [.direct, .floor]), ("6.18.44-fc-v6", [.direct, .floor]),
            ("7.0.0", [.held, .direct, .floor]), ("7.2.13+deb14-cloud-amd64\n", [.held, .direct, .floor]),
            ("10.1", [.held, .direct, .floor]), ("", [.direct, .floor]),
        ] as [(String, [ObjectImage])])
    func `kernels whose tracepoints can be preempted have programs for that`(_ release: String, _ images: [ObjectImage])
    {
        #expect(ObjectImage.candidates(release: release) == images)
    }
}
