// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorTestSupport

@testable import SensorCore

/// A directory that is gone with the object.
final class ScratchDirectory {
    private let directory: TestDirectory
    var path: String { directory.path }
    /// What `log` opens; it does not exist yet.
    var state: String { path + "/state" }

    init() throws { directory = try TestDirectory() }

    static func names(_ path: String) -> [String] {
        guard let stream = opendir(path) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    static func read(_ path: String) -> [UInt8] {
        let file = open(path, O_RDONLY)
        guard file >= 0 else { return [] }
        defer { close(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while case let count = Glibc.read(file, &chunk, chunk.count), count > 0 { bytes += chunk[..<count] }
        return bytes
    }

    static func write(_ path: String, _ bytes: [UInt8]) {
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        guard file >= 0 else { return }
        defer { close(file) }
        _ = Glibc.write(file, bytes, bytes.count)
    }

    /// The segments and the lock of the state.
    var files: [String: [UInt8]] {
        Dictionary(uniqueKeysWithValues: Self.names(state).map { ($0, Self.read("\(state)/\($0)")) })
    }

    /// Makes these all that is in the state.
    func replace(_ files: [String: [UInt8]]) {
        mkdir(state, 0o700)
        for name in Self.names(state) where files[name] == nil { unlink("\(state)/\(name)") }
        for (name, bytes) in files { Self.write("\(state)/\(name)", bytes) }
    }

    func log(_ limits: StateLog.Limits = .init(), sync: StateLog.Sync = .never, boot: String = "b") throws -> StateLog {
        try StateLog(directory: state, boot: boot, limits: limits, sync: sync)
    }
}

extension StateLog {
    func commit(_ values: [String: String?]) -> Outcome {
        for key in values.keys { change(Array(key.utf8)) }
        return commit { key in (values[String(decoding: key, as: UTF8.self)] ?? nil).map { Array($0.utf8) } }
    }

    /// All that is kept.
    var entries: [String: String] {
        var entries: [String: String] = [:]
        for key in keys {
            guard let value = try? value(of: key) else { continue }
            entries[String(decoding: key, as: UTF8.self)] = String(decoding: value, as: UTF8.self)
        }
        return entries
    }

    /// Records that are to be told, and holes as their ranges.
    var kept: [Kept] {
        var kept: [Kept] = []
        var sequence = acknowledged
        while let next = try? next(after: sequence) {
            kept.append(next)
            switch next {
            case .record(let envelope): sequence = envelope.sequence
            case .hole(let range, _): sequence = range.upperBound
            }
        }
        return kept
    }
}
