// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Small files of procfs and sysfs.
enum ProcFile {
    /// The whole text; nil if the file cannot be read.
    static func text(_ path: String) -> String? { bytes(path).map { String(decoding: $0, as: UTF8.self) } }

    /// Of the machine's boot: 32 hexadecimal digits; empty if the kernel does not tell.
    static var bootID: String {
        (text("/proc/sys/kernel/random/boot_id") ?? "").filter { $0 != "-" && !$0.isWhitespace }
    }

    /// All of its bytes; nil if the file cannot be read.
    static func bytes(_ path: String) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        return withUnsafeTemporaryAllocation(byteCount: 16 << 10, alignment: 1) { buffer in
            while true {
                let count = read(descriptor, buffer.baseAddress, buffer.count)
                if count < 0, errno == EINTR { continue }
                guard count >= 0 else { return nil }
                if count == 0 { return bytes }
                bytes.append(contentsOf: buffer[..<count])
            }
        }
    }

    /// The names in a folder that are numbers, so many of them at most; none if it cannot be read.
    static func numbers(in folder: String, limit: Int = .max) -> [UInt32] {
        guard let stream = opendir(folder) else { return [] }
        defer { closedir(stream) }
        var numbers: [UInt32] = []
        while numbers.count < limit, let entry = readdir(stream) {
            let number = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                UInt32(String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self))
            }
            if let number { numbers.append(number) }
        }
        return numbers
    }

    /// What a process or a thread is in each pid namespace that it is in, the outermost that this procfs shows first; none if it is gone.
    static func namespaceNumbers(_ status: String) -> [UInt32] {
        for line in (text(status) ?? "").split(separator: "\n") where line.hasPrefix("NSpid:") {
            return line.dropFirst(6).split(whereSeparator: \.isWhitespace).compactMap { UInt32($0) }
        }
        return []
    }

    /// The number that a file of one number holds.
    static func number(_ path: String) -> Int? {
        text(path).flatMap { Int($0.split(whereSeparator: \.isWhitespace).first ?? "") }
    }
}
