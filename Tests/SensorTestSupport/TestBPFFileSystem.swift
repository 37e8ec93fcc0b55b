// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore

/// A BPF file system of a test's own: what is pinned there goes with it.
package final class TestBPFFileSystem {
    /// Who may load programs may not always mount.
    package static let isPossible: Bool = (try? TestBPFFileSystem()) != nil

    private let directory: TestDirectory
    /// Where pins may go; not made yet.
    package var pins: String { directory.path + "/sensord" }

    package init() throws {
        directory = try TestDirectory()
        try Child.shell("exec mount -t bpf bpf '\(directory.path)' 2>/dev/null")
    }

    deinit {
        _ = try? Child.shell("exec umount -l '\(directory.path)'")
    }

    /// Paths of all that is pinned.
    package var contents: [String] {
        get throws {
            let list = directory.path + "-list"
            defer { unlink(list) }
            try Child.shell("find '\(directory.path)/sensord' -type f >'\(list)' 2>/dev/null; exit 0")
            let descriptor = open(list, O_RDONLY | O_CLOEXEC)
            defer { close(descriptor) }
            var bytes = [UInt8](repeating: 0, count: 1 << 16)
            let count = read(descriptor, &bytes, bytes.count)
            return String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self).split(separator: "\n").map(String.init)
        }
    }
}
