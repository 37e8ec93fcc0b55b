// SPDX-License-Identifier: Apache-2.0

/// What a value looks like, for names that do not settle it.
enum SecretValue {
    /// Whether the value of a name of this kind is to be hidden.
    static func isSecret(_ value: Span<UInt8>, of kind: SecretName.Kind) -> Bool {
        if value.isEmpty || isReference(value) { return false }
        switch kind {
        case .password: return true
        case .token: return !isSwitch(value) && !isSmallNumber(value)
        case .key: return !isSwitch(value) && !isPath(value)
        case .ambiguous: return isRandom(value)
        }
    }

    /// Whether it looks drawn at random and is none of the usual names for things: not a hash, UUID, path or version.
    ///
    /// Asks for small and capital letters and digits, and for little repetition: hashes and UUIDs lack one of the cases.
    static func isRandom(_ value: Span<UInt8>) -> Bool {
        guard value.count >= 20 else { return false }
        var small = 0
        var capital = 0
        var digit = 0
        var slashes = 0
        var seen: (UInt64, UInt64) = (0, 0)
        for index in value.indices {
            let byte = value[index]
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"): small += 1
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): capital += 1
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit += 1
            case UInt8(ascii: "/"): slashes += 1
            case UInt8(ascii: "+"), UInt8(ascii: "="), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."),
                UInt8(ascii: "~"), UInt8(ascii: "%"):
                break
            default: return false
            }
            if byte < 64 { seen.0 |= 1 << UInt64(byte) } else { seen.1 |= 1 << UInt64(byte & 63) }
        }
        let different = seen.0.nonzeroBitCount + seen.1.nonzeroBitCount
        return small > 0 && capital > 1 && digit > 1 && !isPath(value) && slashes * 12 <= value.count
            && different >= min(14, value.count * 2 / 3)
    }

    /// `$NAME`, `${…}`, `$(…)`, `{{…}}`: where the value is to come from.
    private static func isReference(_ value: Span<UInt8>) -> Bool {
        let last = value[value.count - 1]
        guard value.count > 1 else { return false }
        switch (value[0], value[1]) {
        case (UInt8(ascii: "$"), UInt8(ascii: "{")), (UInt8(ascii: "{"), UInt8(ascii: "{")):
            return last == UInt8(ascii: "}")
        case (UInt8(ascii: "$"), UInt8(ascii: "(")): return last == UInt8(ascii: ")")
        case (UInt8(ascii: "$"), _):
            for index in 1..<value.count {
                let byte = value[index]
                let isDigit = byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") && index > 1
                guard isDigit || SecretName.isUppercase(byte) || byte == UInt8(ascii: "_") else { return false }
            }
            return true
        default: return false
        }
    }

    private static func isSmallNumber(_ value: Span<UInt8>) -> Bool {
        guard value.count <= 7 else { return false }
        for index in value.indices where value[index] < UInt8(ascii: "0") || value[index] > UInt8(ascii: "9") {
            return false
        }
        return true
    }

    private static func isSwitch(_ value: Span<UInt8>) -> Bool {
        guard value.count <= 5 else { return false }
        var word: UInt64 = 0
        for index in value.indices { word = word << 8 | UInt64(SecretName.lowercased(value[index])) }
        return switches.contains(word)
    }

    private static let switches: [UInt64] = ["true", "false", "yes", "no", "on", "off", "none", "null"].map {
        $0.utf8.reduce(0) { word, byte in word << 8 | UInt64(byte) }
    }

    private static func isPath(_ value: Span<UInt8>) -> Bool {
        let slash = UInt8(ascii: "/")
        let dot = UInt8(ascii: ".")
        switch value[0] {
        case slash, UInt8(ascii: "@"): return true
        case dot: return value.count > 1 && (value[1] == slash || value[1] == dot)
        case UInt8(ascii: "~"): return value.count > 1 && value[1] == slash
        default: return hasFileEnding(value)
        }
    }

    /// `key.pem`, `creds.json`: a short ending of letters behind the only dot.
    private static func hasFileEnding(_ value: Span<UInt8>) -> Bool {
        var dot: Int?
        for index in value.indices where value[index] == UInt8(ascii: ".") {
            if dot != nil { return false }
            dot = index
        }
        guard let dot, dot > 0, (2...4).contains(value.count - dot - 1) else { return false }
        for index in dot + 1..<value.count {
            let letter = value[index]
            guard letter >= UInt8(ascii: "a"), letter <= UInt8(ascii: "z") else { return false }
        }
        return true
    }
}
