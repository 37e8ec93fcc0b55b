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
        let fields = metadata.merging(event.metadata ?? [:]) { _, later in later }.sorted { $0.key < $1.key }
            .map { (key: $0.key, value: "\($0.value)") }
        let line = Self.line(
            time: Self.timestamp(now), level: event.level.rawValue, message: "\(event.message)", fields: fields,
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
            let members = (own + others).map { "\(JSONString.of($0)):\(JSONString.of($1))" }
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

    /// RFC 3339 in UTC, with milliseconds.
    private static func timestamp(_ now: timespec) -> String {
        var seconds = now.tv_sec
        var parts = tm()
        gmtime_r(&seconds, &parts)
        func padded(_ number: Int, _ width: Int) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
        }
        let date = [
            padded(Int(parts.tm_year) + 1900, 4), padded(Int(parts.tm_mon) + 1, 2), padded(Int(parts.tm_mday), 2),
        ].joined(separator: "-")
        let time = [parts.tm_hour, parts.tm_min, parts.tm_sec].map { padded(Int($0), 2) }.joined(separator: ":")
        return "\(date)T\(time).\(padded(now.tv_nsec / 1_000_000, 3))Z"
    }
}

/// Text as a JSON string, quotes included.
enum JSONString {
    static func of(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case _ where scalar.value < 0x20 || scalar.value == 0x7f:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
