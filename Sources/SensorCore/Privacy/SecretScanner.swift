// SPDX-License-Identifier: Apache-2.0

/// Finds secrets in one pass over a command line, whose arguments are parted by NUL, or over any other text.
///
/// It goes from word to word, a word being letters, digits, `_`, `-` and `.`: each may be a token, the scheme of a
/// URL, or a name with a value behind it.
struct SecretScanner: ~Escapable {
    let text: Span<UInt8>
    let patterns: RedactionPatterns
    /// Where the secrets are: ascending, apart from each other, never across a NUL.
    private(set) var secrets: [Range<Int>] = []
    /// Everything before it has been looked at.
    private var place = 0
    /// What is known of the last command before `commandPlace`, and whether the word `login` followed it.
    private var commandOptions: [CommandOption] = []
    private var isLogin = false
    private var commandPlace = 0

    @_lifetime(copy text)
    init(_ text: Span<UInt8>, patterns: RedactionPatterns) {
        self.text = text
        self.patterns = patterns
    }

    /// Letters, digits, `_`, `-` and `.`: what names and most tokens are made of.
    static func isNameByte(_ byte: UInt8) -> Bool {
        // One bit a byte: 0-9, `-` and `.` in the first word, letters and `_` in the second.
        let mask: UInt64 = byte < 64 ? 0x03ff_6000_0000_0000 : 0x07ff_fffe_87ff_fffe
        return byte < 128 && mask >> UInt64(byte & 63) & 1 != 0
    }

    /// Everything that is known to be a secret in a command line.
    mutating func findAll() {
        while let word = nextWord() {
            if isToken(word) {
                add(word)
            } else if !lookAtOption(word) {
                lookBehind(word)
            }
        }
    }

    /// Tokens only, for text in which names and values mean nothing.
    mutating func findTokens() {
        if text.withUnsafeBufferPointer({ $0.contains(Redactor.mask) }) {
            while let word = nextWord() {
                if isToken(word) { add(word) }
            }
            return
        }
        // What parts words is looked for from where a token that begins here would have to have its last byte: most of the
        // text is then never looked at.
        while place + Self.shortestToken <= text.count {
            var last = place + Self.shortestToken - 1
            while last >= place, Self.isNameByte(text[last]) { last -= 1 }
            if last >= place {
                place = last + 1
                continue
            }
            if let word = nextWord(), isToken(word) { add(word) }
        }
    }

    private static let shortestToken = 15

    private mutating func nextWord() -> Range<Int>? {
        var start = place
        while start < text.count, !Self.isNameByte(text[start]) {
            let mask = start
            while start < text.count, text[start] == Redactor.mask { start += 1 }
            if start > mask { add(mask..<start) } else { start += 1 }
        }
        guard start < text.count else { return nil }
        var end = start + 1
        while end < text.count, Self.isNameByte(text[end]) { end += 1 }
        place = end
        return start..<end
    }

    private func isToken(_ word: Range<Int>) -> Bool {
        word.count >= Self.shortestToken && SecretShape.matches(text.extracting(word))
    }

    private mutating func add(_ secret: Range<Int>) {
        place = max(place, secret.upperBound)
        if !secret.isEmpty { secrets.append(secret) }
    }

    // MARK: Names with a value behind them

    /// Looks at what follows a word and decides by it what the word is.
    private mutating func lookBehind(_ word: Range<Int>) {
        var end = word.upperBound
        switch byte(at: end) {
        case UInt8(ascii: "="):
            if byte(at: end + 1) != UInt8(ascii: "=") { lookAtValue(of: word, from: end + 1, isHeader: false) }
        case UInt8(ascii: ":"):
            if byte(at: end + 1) == UInt8(ascii: "/"), byte(at: end + 2) == UInt8(ascii: "/") {
                lookAtAuthority(from: end + 3)
            } else {
                lookAtValue(of: word, from: end + 1, isHeader: true)
            }
        case UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "\\"):
            // The name of a JSON member, perhaps within a string of a shell.
            while Self.isQuote(byte(at: end)) || byte(at: end) == UInt8(ascii: "\\") { end += 1 }
            while byte(at: end) == UInt8(ascii: " ") { end += 1 }
            if byte(at: end) == UInt8(ascii: ":") { lookAtValue(of: word, from: end + 1, isHeader: true) }
        case UInt8(ascii: " "):
            if isKeyHeader(word) { hideKey(from: word.lowerBound) } else { lookAtScheme(word) }
        default: break
        }
    }

    private mutating func lookAtValue(of word: Range<Int>, from start: Int, isHeader: Bool) {
        let name = text.extracting(withoutDashes(word))
        guard let kind = patterns.contain(name: name) ? .password : SecretName.kind(name) else { return }
        var start = start
        if isHeader {
            while byte(at: start) == UInt8(ascii: " ") { start += 1 }
            // `image:tag` is no name with a value; `password:value` still is.
            if byte(at: start - 1) == UInt8(ascii: ":"), !Self.isQuote(byte(at: start)),
                byte(at: start) != UInt8(ascii: "\\"), kind != .password, !SecretName.takesScheme(name),
                !isHeaderOption(word)
            {
                return
            }
        }
        var value = start..<start
        if let quoted = quotedValue(from: start) {
            value = quoted
        } else if isHeader {
            let isWholeLine = SecretName.takesScheme(name) || SecretName.isCookie(name)
            value = start..<end(from: start, where: isWholeLine ? Self.endsLine : Self.endsMember)
        } else if isWholeArgument(word) {
            value = start..<endOfArgument(from: start)
        } else {
            value = start..<endOfValue(from: start)
        }
        if SecretName.takesScheme(name) { value = withoutScheme(value) }
        if SecretValue.isSecret(text.extracting(value), of: kind) { add(value) }
    }

    /// `Bearer TOKEN` where no header's name stands before it.
    private mutating func lookAtScheme(_ word: Range<Int>) {
        let scheme = text.extracting(word)
        guard word.count == 6 || word.count == 5 else { return }
        var letters: UInt64 = 0
        for index in scheme.indices { letters = letters << 8 | UInt64(SecretName.lowercased(scheme[index])) }
        guard letters == 0x6265_6172_6572 || letters == 0x62_6173_6963 else { return }  // bearer, basic
        let start = word.upperBound + 1
        let value = start..<end(from: start, where: Self.endsWord)
        if value.count >= 16 { add(value) }
    }

    private func withoutScheme(_ value: Range<Int>) -> Range<Int> {
        var index = value.lowerBound
        while index < value.upperBound, Self.isNameByte(text[index]) { index += 1 }
        guard index > value.lowerBound, index < value.upperBound, text[index] == UInt8(ascii: " ") else { return value }
        while index < value.upperBound, text[index] == UInt8(ascii: " ") { index += 1 }
        return index == value.upperBound ? value : index..<value.upperBound
    }

    // MARK: URLs

    /// `user:secret@host`, of which the secret is hidden; a secret alone before the `@` is if it looks random.
    private mutating func lookAtAuthority(from start: Int) {
        var end = start
        while end < text.count, !Self.endsAuthority(text[end]) { end += 1 }
        var at = lastAt(in: start..<end)
        if at == nil, byte(at: start) != UInt8(ascii: "["), !isHostAndPort(start..<end) {
            // A secret with a slash in it. The bound keeps a line of many such from costing its square.
            let limit = end + 256
            while end < min(limit, text.count), !Self.endsWord(text[end]) { end += 1 }
            at = lastAt(in: start..<end)
        }
        guard let at else { return }
        var colon = start
        while colon < at, text[colon] != UInt8(ascii: ":") { colon += 1 }
        if colon < at {
            let secret = colon + 1..<at
            if SecretValue.isSecret(text.extracting(secret), of: .password) { add(secret) }
        } else if SecretValue.isRandom(text.extracting(start..<at)) || isToken(start..<at) {
            add(start..<at)
        }
        place = max(place, at)
    }

    private func lastAt(in range: Range<Int>) -> Int? {
        range.last { text[$0] == UInt8(ascii: "@") }
    }

    private func isHostAndPort(_ range: Range<Int>) -> Bool {
        guard let colon = range.last(where: { text[$0] == UInt8(ascii: ":") }) else { return true }
        return (colon + 1..<range.upperBound).allSatisfy {
            text[$0] >= UInt8(ascii: "0") && text[$0] <= UInt8(ascii: "9")
        }
    }

    // MARK: Options

    /// Looks at a word that is an option. Returns whether it was one, and its value is settled.
    private mutating func lookAtOption(_ word: Range<Int>) -> Bool {
        guard text[word.lowerBound] == UInt8(ascii: "-"), isAtStartOfWord(word.lowerBound) else { return false }
        if isKeyHeader(word) { return false }
        let bare = withoutDashes(word)
        guard let first = bare.first else { return false }
        let isLong = first - word.lowerBound > 1
        if isLong ? isUser(bare) : CommandOption.isOfInterest(letter: text[first]) {
            if lookAtCommandOption(word, bare: bare, isLong: isLong) { return true }
        }
        guard isSpaceOrEnd(byte(at: word.upperBound)), word.upperBound < text.count, bare.count > 1 else {
            return false
        }
        let name = text.extracting(bare)
        let kind: SecretName.Kind
        if patterns.contain(name: name) {
            kind = .password
        } else if let known = SecretName.kind(name), !SecretName.isSwitch(name) {
            kind = known
        } else {
            return false
        }
        guard let value = nextValue(after: word.upperBound) else { return true }
        if SecretValue.isSecret(text.extracting(value), of: kind) {
            add(SecretName.takesScheme(name) ? withoutScheme(value) : value)
        }
        return true
    }

    /// The only long options that `CommandOption` knows.
    private func isUser(_ bare: Range<Int>) -> Bool {
        bare.count == 4 && (matches("user", at: bare.lowerBound) || matches("cert", at: bare.lowerBound))
            || bare.count == 10 && matches("proxy-user", at: bare.lowerBound)
    }

    private mutating func lookAtCommandOption(_ word: Range<Int>, bare: Range<Int>, isLong: Bool) -> Bool {
        findCommand(before: word.lowerBound)
        for option in commandOptions where isLogin || !option.isOfLogin {
            let length = option.name.utf8CodeUnitCount
            guard isLong == (length > 1), matches(option.name, at: bare.lowerBound) else { continue }
            let end = bare.lowerBound + length
            var value: Range<Int>?
            if isLong {
                guard bare.count == length else { continue }
                value =
                    byte(at: end) == UInt8(ascii: "=")
                    ? end + 1..<endOfArgument(from: end + 1) : nextValue(after: word.upperBound)
            } else if isSpaceOrEnd(byte(at: end)) {
                if option.place != .attached { value = nextValue(after: end) }
            } else if option.place != .next {
                value = end..<self.end(from: end, where: isShellText(at: end) ? Self.endsWord : { $0 == 0 })
            }
            guard var secret = value else { continue }
            if option.value != .secret {
                let mark = option.value == .user ? UInt8(ascii: ":") : UInt8(ascii: "%")
                guard let split = secret.first(where: { text[$0] == mark }) else { return true }
                secret = split + 1..<secret.upperBound
            }
            if SecretValue.isSecret(text.extracting(secret), of: .password) { add(secret) }
            return true
        }
        return false
    }

    /// Looks for commands in what stands before `end`, from where it last stopped: so all options together cost no more
    /// than one pass, whoever wrote the command line.
    private mutating func findCommand(before end: Int) {
        var index = commandPlace
        while index < end {
            while index < end, Self.endsWord(text[index]) { index += 1 }
            var start = index
            while index < end, !Self.endsWord(text[index]) {
                if text[index] == UInt8(ascii: "/") { start = index + 1 }
                index += 1
            }
            guard start < index, text[start] != UInt8(ascii: "-") else { continue }
            if let known = CommandOption.options(of: text.extracting(start..<index)) {
                commandOptions = known
                isLogin = false
            } else if index - start == 5, matches("login", at: start) {
                isLogin = true
            }
        }
        commandPlace = max(commandPlace, end)
    }

    /// The argument or word behind an option; nil if there is none, or if it is an option itself.
    private func nextValue(after end: Int) -> Range<Int>? {
        var start = end + 1
        if byte(at: end) == 0 {
            guard end < text.count, start < text.count else { return nil }
            let value = start..<endOfArgument(from: start)
            return isOption(value) ? nil : value
        }
        while byte(at: start) == UInt8(ascii: " ") { start += 1 }
        if let quoted = quotedValue(from: start) { return quoted }
        let value = start..<endOfValue(from: start)
        return isOption(value) ? nil : value
    }

    private func isOption(_ value: Range<Int>) -> Bool {
        guard value.count > 1, text[value.lowerBound] == UInt8(ascii: "-") else { return false }
        let second = text[value.lowerBound + 1]
        if value.count == 2 { return SecretName.isLetterOrDigit(second) }
        return second == UInt8(ascii: "-") && SecretName.isLetterOrDigit(text[value.lowerBound + 2])
    }

    // MARK: Private keys

    /// `-----BEGIN RSA PRIVATE KEY-----`, at whose first word we are.
    private func isKeyHeader(_ word: Range<Int>) -> Bool {
        guard word.count == 10, matches("-----begin", at: word.lowerBound) else { return false }
        var index = word.upperBound
        let limit = min(index + 40, text.count)
        while index < limit, text[index] != 0 {
            if text[index] | 0x20 == UInt8(ascii: "p"), matches("private key", at: index) { return true }
            index += 1
        }
        return false
    }

    private mutating func hideKey(from start: Int) {
        let limit = endOfArgument(from: start)
        var index = start + 10
        while index < limit {
            if text[index] == UInt8(ascii: "-"), matches("-----end", at: index) {
                index += 8
                while index < limit, text[index] != UInt8(ascii: "-") { index += 1 }
                while index < limit, text[index] == UInt8(ascii: "-") { index += 1 }
                break
            }
            index += 1
        }
        add(start..<index)
    }
}
