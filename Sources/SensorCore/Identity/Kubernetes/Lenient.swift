// SPDX-License-Identifier: Apache-2.0

/// A field of a foreign object that may be missing, null or of a type that nobody expected, all of which read as nil.
///
/// The last of these is told to the `DecodingFaults` that the decoder carries: the rest of the object is of use still.
@propertyWrapper
struct Lenient<Value: Decodable & Sendable>: Decodable, Sendable {
    var wrappedValue: Value?

    init(wrappedValue: Value?) { self.wrappedValue = wrappedValue }

    init(from decoder: any Decoder) {
        do {
            wrappedValue = try Value(from: decoder)
        } catch {
            wrappedValue = nil
            DecodingFaults.of(decoder)?.add(decoder.codingPath)
        }
    }
}

extension KeyedDecodingContainer {
    /// What the compiler's own `init(from:)` calls for a `@Lenient` property.
    func decode<Value>(_ type: Lenient<Value>.Type, forKey key: Key) throws -> Lenient<Value> {
        try decodeIfPresent(type, forKey: key) ?? Lenient(wrappedValue: nil)
    }
}

/// An array whose elements are read each for itself: one that is malformed does not take the others along.
struct LenientList<Element: Decodable & Sendable>: Decodable, Sendable {
    var elements: [Element]

    init(from decoder: any Decoder) throws {
        elements = try [Lenient<Element>](from: decoder).compactMap(\.wrappedValue)
    }
}
