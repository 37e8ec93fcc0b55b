// SPDX-License-Identifier: Apache-2.0

/// What the name of an option, variable, header or field says about its value.
enum SecretName {
    enum Kind: Sendable {
        /// Whatever the value is, it is secret.
        case password
        /// The value is secret unless it is a small number or a switch: `--max-token=4096`.
        case token
        /// The value is secret, or the path of a file that holds it.
        case key
        /// Names a secret about as often as something else: hidden only if the value looks random.
        case ambiguous
    }

    /// Decides by the end of the name, where English has its noun: `db-password` is one, `password-file` is none.
    static func kind(_ name: Span<UInt8>) -> Kind? {
        guard let last = name.indices.last else { return nil }
        // Most names are none, and their last letter tells.
        switch lowercased(name[last]) {
        case UInt8(ascii: "d"):
            if ends(name, "password") || ends(name, "passwd") { return .password }
            if endsInWord(name, "pwd") { return isWorkingDirectory(name) ? nil : .password }
            if endsInWord(name, "sid") || ends(name, "sessionid") || endsInWord(name, "session-id")
                || endsInWord(name, "session_id") || endsInWord(name, "cred")
            {
                return .ambiguous
            }
        case UInt8(ascii: "e"):
            if ends(name, "passphrase") || ends(name, "passcode") { return .password }
            if endsInWord(name, "cookie") { return .token }
            if endsInWord(name, "signature") { return .ambiguous }
        case UInt8(ascii: "g"):
            if endsInWord(name, "sig") { return .ambiguous }
        case UInt8(ascii: "h"):
            if endsInWord(name, "auth") { return .ambiguous }
        case UInt8(ascii: "k"):
            if endsInWord(name, "psk") { return .password }
        case UInt8(ascii: "l"):
            if endsInWord(name, "credential") { return .key }
        case UInt8(ascii: "n"):
            if endsInWord(name, "token") || compounds.contains(where: { ends(name, $0) }) { return .token }
            if endsInWord(name, "authorization") { return .token }
            if endsInWord(name, "passin") { return .password }
            if endsInWord(name, "session") { return .ambiguous }
        case UInt8(ascii: "r"):
            if endsInWord(name, "bearer") { return .token }
        case UInt8(ascii: "s"):
            if endsInWord(name, "pass") { return .password }
            if endsInWord(name, "credentials") || endsInWord(name, "creds") { return .key }
        case UInt8(ascii: "t"):
            if ends(name, "secret") || endsInWord(name, "passout") { return .password }
            if endsInWord(name, "jwt") { return .token }
        case UInt8(ascii: "w"):
            if endsInWord(name, "pw") { return .password }
        case UInt8(ascii: "y"):
            if ends(name, "key") { return kindOfKey(name) }
        default: break
        }
        return nil
    }

    /// `Authorization` and the like: a scheme may stand before the secret.
    static func takesScheme(_ name: Span<UInt8>) -> Bool { endsInWord(name, "authorization") }

    static func isCookie(_ name: Span<UInt8>) -> Bool { endsInWord(name, "cookie") }

    /// An option that only speaks of a secret: `--ask-password`, `--no-token`. Its next argument is none.
    static func isSwitch(_ option: Span<UInt8>) -> Bool {
        switches.contains { starts(option, $0) }
    }

    private static let compounds: [StaticString] = [
        "apitoken", "authtoken", "accesstoken", "refreshtoken", "sessiontoken", "bearertoken", "idtoken", "bottoken",
    ]
    private static let switches: [StaticString] = [
        "no-", "ask-", "use-", "show-", "hide-", "with-", "without-", "skip-", "require-", "prompt-", "generate-",
        "random-", "allow-", "disable-", "enable-", "force-", "change-", "reset-", "print-", "get-",
    ]
    /// What makes a key of this kind a secret, unlike a primary, public or cache key.
    private static let keyKinds: [StaticString] = [
        "api", "private", "auth", "account", "master", "encryption", "encrypt", "signing",
        "license", "client", "consumer", "deploy", "webhook",
    ]

    private static func kindOfKey(_ name: Span<UInt8>) -> Kind? {
        var count = name.count - 3
        guard count > 0 else { return .ambiguous }
        let isSeparated = !isLetterOrDigit(name[count - 1])
        if isSeparated { count -= 1 }
        let before = name.extracting(0..<count)
        if ends(before, "secret") || ends(before, "access") { return .token }
        if keyKinds.contains(where: { ends(before, $0) }) { return .key }
        return isSeparated || isUppercase(name[name.count - 3]) ? .ambiguous : nil
    }

    /// `PWD` and `OLDPWD` of a shell.
    private static func isWorkingDirectory(_ name: Span<UInt8>) -> Bool {
        name.count == 3 && isUppercase(name[0]) && isUppercase(name[1]) || name.count == 6 && ends(name, "oldpwd")
    }

    static func lowercased(_ byte: UInt8) -> UInt8 {
        isUppercase(byte) ? byte | 0x20 : byte
    }

    static func isUppercase(_ byte: UInt8) -> Bool {
        byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z")
    }

    static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        let folded = byte | 0x20
        return folded >= UInt8(ascii: "a") && folded <= UInt8(ascii: "z")
            || byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
    }

    /// `text` is lower case.
    private static func ends(_ name: Span<UInt8>, _ text: StaticString) -> Bool {
        let start = name.count - text.utf8CodeUnitCount
        return start >= 0 && equal(name, at: start, text)
    }

    private static func starts(_ name: Span<UInt8>, _ text: StaticString) -> Bool {
        text.utf8CodeUnitCount <= name.count && equal(name, at: 0, text)
    }

    private static func equal(_ name: Span<UInt8>, at start: Int, _ text: StaticString) -> Bool {
        text.withUTF8Buffer { bytes in
            for index in 0..<bytes.count where lowercased(name[start + index]) != bytes[index] { return false }
            return true
        }
    }

    /// A word begins at the start, behind what is no letter, and at a capital behind a small letter.
    private static func endsInWord(_ name: Span<UInt8>, _ word: StaticString) -> Bool {
        guard ends(name, word) else { return false }
        let start = name.count - word.utf8CodeUnitCount
        if start == 0 || !isLetterOrDigit(name[start - 1]) { return true }
        return isUppercase(name[start]) && !isUppercase(name[start - 1])
    }
}
