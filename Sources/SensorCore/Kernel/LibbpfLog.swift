// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF

/// What libbpf says while it does something on this thread.
final class LibbpfLog {
    private(set) var warnings: [String] = []

    /// Runs `body` with libbpf's warnings on this thread collected here.
    func collect<Result>(_ body: () -> Result) -> Result {
        sensor_set_libbpf_log(
            { level, text, length, context in
                guard level == LIBBPF_WARN.rawValue, let text, let context else { return }
                let bytes = UnsafeRawBufferPointer(start: text, count: length)
                let log = Unmanaged<LibbpfLog>.fromOpaque(context).takeUnretainedValue()
                log.warnings.append(String(decoding: bytes, as: UTF8.self))
            }, Unmanaged.passUnretained(self).toOpaque())
        defer { sensor_set_libbpf_log(nil, nil) }
        return body()
    }

    /// The program that the last warning about a program names.
    var program: String? {
        for warning in warnings.reversed() {
            guard let start = warning.ranges(of: "prog '").last?.upperBound else { continue }
            let rest = warning[start...]
            if let end = rest.firstIndex(of: "'") { return String(rest[..<end]) }
        }
        return nil
    }

    /// Whether what the program is to be attached to does not exist in this kernel.
    var saysNoAttachPoint: Bool {
        warnings.contains { $0.contains("failed to find kernel BTF type ID") }
    }

    /// The last lines that tell something: of the verifier if it spoke, else of libbpf.
    func lastLines(_ count: Int = 12) -> String {
        let verifier = warnings.last { $0.contains("BEGIN PROG LOAD LOG") }
        let lines = (verifier ?? warnings.joined(separator: "\n")).split(separator: "\n")
            .filter { line in
                !line.contains("PROG LOAD LOG --") && !line.hasPrefix("processed ")
                    && !line.contains("failed to load object") && !line.contains(": failed to load: ")
            }
            .map { $0.hasPrefix("libbpf: ") ? $0.dropFirst("libbpf: ".count) : $0 }
        return lines.suffix(count).joined(separator: "\n")
    }
}
