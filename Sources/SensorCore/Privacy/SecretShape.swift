// SPDX-License-Identifier: Apache-2.0

/// Tokens that tell by themselves what they are, since those who issue them gave them a prefix to be found by.
enum SecretShape {
    /// Whether a word of letters, digits, `_`, `-` and `.` is such a token.
    static func matches(_ word: Span<UInt8>) -> Bool {
        guard word.count >= 15 else { return false }
        switch word[0] {
        case UInt8(ascii: "A"):
            // AWS access keys, permanent and temporary; Google API keys.
            if starts(word, "AKIA") || starts(word, "ASIA") { return word.count == 20 && isUppercaseOrDigits(word) }
            return starts(word, "AIza") && word.count == 39 || starts(word, "AGE-SECRET-KEY-1")
        case UInt8(ascii: "G"): return starts(word, "GOCSPX-")
        case UInt8(ascii: "S"): return starts(word, "SG.") && word.count >= 40
        case UInt8(ascii: "d"): return starts(word, "dop_v1_") || starts(word, "dckr_pat_")
        case UInt8(ascii: "e"): return isWebToken(word)
        case UInt8(ascii: "g"):
            if starts(word, "gh"), word[3] == UInt8(ascii: "_") {
                // Personal, OAuth, user-to-server, server-to-server and refresh tokens.
                return word.count >= 24 && "pousr".utf8.contains(word[2])
            }
            return starts(word, "github_pat_") || starts(word, "glpat-") || starts(word, "glptt-")
                || starts(word, "gldt-") || starts(word, "glrt-")
        case UInt8(ascii: "h"):
            return starts(word, "hf_") && word.count >= 24 || starts(word, "hvs.") || starts(word, "hvb.")
        case UInt8(ascii: "n"): return starts(word, "npm_") && word.count >= 30
        case UInt8(ascii: "p"): return starts(word, "pypi-") && word.count >= 40
        case UInt8(ascii: "r"): return starts(word, "rk_live_") || starts(word, "rk_test_")
        case UInt8(ascii: "s"):
            return starts(word, "sk_live_") || starts(word, "sk_test_") || starts(word, "shpat_")
                || starts(word, "sk-ant-") || starts(word, "sk-proj-")
                || starts(word, "sk-") && SecretValue.isRandom(word)
        case UInt8(ascii: "t"): return starts(word, "tskey-")
        case UInt8(ascii: "x"):
            return starts(word, "xapp-") || starts(word, "xox") && word[4] == UInt8(ascii: "-")
        case UInt8(ascii: "y"): return starts(word, "ya29.")
        default: return false
        }
    }

    /// A JSON Web Token: two or three parts of base64, of which the first is an object.
    private static func isWebToken(_ word: Span<UInt8>) -> Bool {
        guard starts(word, "eyJ") else { return false }
        var dots = 0
        var first = 0
        for index in word.indices where word[index] == UInt8(ascii: ".") {
            if dots == 0 { first = index }
            dots += 1
        }
        return (1...4).contains(dots) && first >= 10
    }

    private static func isUppercaseOrDigits(_ word: Span<UInt8>) -> Bool {
        for index in word.indices
        where !SecretName.isLetterOrDigit(word[index]) || word[index] >= UInt8(ascii: "a") {
            return false
        }
        return true
    }

    private static func starts(_ word: Span<UInt8>, _ prefix: StaticString) -> Bool {
        guard prefix.utf8CodeUnitCount <= word.count else { return false }
        return prefix.withUTF8Buffer { bytes in
            for index in 0..<bytes.count where word[index] != bytes[index] { return false }
            return true
        }
    }
}
