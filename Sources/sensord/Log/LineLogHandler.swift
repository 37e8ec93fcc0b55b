// SPDX-License-Identifier: Apache-2.0

import Glibc
import Logging
import SensorCore

/// Writes log events to standard error, one a line, as text or as JSON.
struct LineLogHandler: LogHandler {
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]
    private let label: String
    private let format: Settings.LogFormat

    init(label: String, level: Settings.LogLevel, format: Settings.LogFormat) {
        self.label = label
        self.format = format
        logLevel = Logger.Level(rawValue: level.rawValue) ?? .info
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        let time = UInt64(clamping: now.tv_sec) &* 1_000_000_000 &+ UInt64(clamping: now.tv_nsec)
        let fields = metadata.merging(event.metadata ?? [:]) { _, later in later }.sorted { $0.key < $1.key }
            .map { (key: $0.key, value: "\($0.value)") }
        let line = Self.line(
            time: String(timestamp: time), level: event.level.rawValue, message: "\(event.message)", fields: fields,
            format: format)
        // One write, so that lines of several threads do not mix.
        StandardStream.write(line, to: STDERR_FILENO)
    }

    static func line(
        time: String, level: String, message: String, fields: [(key: String, value: String)], format: Settings.LogFormat
    ) -> String {
        switch format {
        case .text:
            let told = fields.map { " \(shown($0.key))=\(quoted($0.value))" }.joined()
            return "\(time) \(level) \(shown(message))\(told)\n"
        case .json:
            // The fields of the line itself win over what a caller calls the same.
            let own = [("time", time), ("level", level), ("message", message)]
            let others = fields.filter { field in !own.contains { $0.0 == field.key } }.map { ($0.key, $0.value) }
            let members = (own + others).map { "\($0.quotedForJSON):\($1.quotedForJSON)" }
            return "{\(members.joined(separator: ","))}\n"
        }
    }

    private static func shown(_ text: String) -> String {
        String(decoding: TerminalText(text).bytes, as: UTF8.self)
    }

    private static func quoted(_ value: String) -> String {
        let text = shown(value)
        guard text.isEmpty || text.utf8.contains(where: { $0 == 0x20 || $0 == 0x22 || $0 == 0x3d }) else { return text }
        return "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }
}
