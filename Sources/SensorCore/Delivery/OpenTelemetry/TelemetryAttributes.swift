// SPDX-License-Identifier: Apache-2.0

/// What OpenTelemetry says of a thing beside its name: names, by its semantic conventions where they have one, else below
/// `sensord.`, with their values. What is empty is left out.
struct TelemetryAttributes: Hashable {
    private enum Value: Hashable {
        case text(String)
        case number(Int64)
        case truth(Bool)
        case texts([String])
    }

    private var pairs: [Pair] = []

    private struct Pair: Hashable {
        var name: String
        var value: Value
    }

    mutating func add(_ name: String, _ value: String) {
        if !value.isEmpty { pairs.append(Pair(name: name, value: .text(value))) }
    }

    mutating func add(_ name: String, _ value: UInt64) {
        if value != 0 { pairs.append(Pair(name: name, value: .number(Int64(clamping: value)))) }
    }

    mutating func add(_ name: String, _ values: [String]) {
        if !values.isEmpty { pairs.append(Pair(name: name, value: .texts(values))) }
    }

    /// - Parameter value: false is left out.
    mutating func add(_ name: String, _ value: Bool) {
        if value { pairs.append(Pair(name: name, value: .truth(true))) }
    }

    /// As `KeyValue` and `AnyValue` of opentelemetry/proto/common/v1/common.proto.
    ///
    /// - Parameter number: of the field in the message that has them.
    func write(to message: inout WireWriter, _ number: UInt64) {
        for pair in pairs {
            message.message(number) { message in
                message.text(1, pair.name)
                message.message(2) { Self.write(pair.value, to: &$0) }
            }
        }
    }

    private static func write(_ value: Value, to message: inout WireWriter) {
        switch value {
        case .text(let text): message.text(1, text)
        case .number(let number): message.varint(3, UInt64(bitPattern: number))
        case .truth(let truth): message.varint(2, truth ? 1 : 0)
        case .texts(let texts):
            message.message(5) { array in for text in texts { array.message(1) { $0.text(1, text) } } }
        }
    }
}
