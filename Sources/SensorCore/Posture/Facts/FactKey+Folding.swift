// SPDX-License-Identifier: Apache-2.0

extension FactKey {
    /// It stands for many: the path is a `PathPattern`. Such a key has a field more than its kind, an empty one, so that it is the key
    /// of no path.
    package var isFolded: Bool {
        guard bytes.last == 0, kind != .sequence else { return false }
        return bytes.count { $0 == 0 } == kind.fields.count
    }

    /// The path that it may be folded by; nil: it is about none.
    var foldingPath: ByteString? { foldingField.map { self[$0] } }

    /// Keys that it may be counted under, the one that says most first: that of all whose paths have the same shape (see
    /// `PathShape`), if something is made up in this one, and that of all in its directory whose names end alike. They depend on
    /// nothing but the key. Of one that is folded, what it is, and what it may be folded to.
    ///
    /// Empty: it folds with no other.
    ///
    /// - Parameter credentials: paths that are never folded, beside all others that are not.
    func folds(_ credentials: CredentialPaths = CredentialPaths()) -> [FactKey] {
        guard let field = foldingField else { return [] }
        let path = self[field]
        if isFolded {
            let wide = replacing(field, with: Self.widened(path.bytes))
            return wide.map { $0 == self ? [self] : [self, $0] } ?? [self]
        }
        guard path.bytes.count < Self.lengthLimit, PathSensitivity(of: path, credentials) == .ordinary else {
            return []
        }
        var shaped = ShapedPath()
        path.bytes.withUnsafeBufferPointer { shaped.read($0) }
        guard shaped.text.count < Self.lengthLimit else { return [] }
        let shape = shaped.isShaped ? replacing(field, with: shaped.text) : nil
        let wide = replacing(field, with: Self.widened(shaped.text))
        return [shape, wide == shape ? nil : wide].compactMap(\.self)
    }

    /// Longer ones are cut, so that they may have lost what they are told apart by.
    private static let lengthLimit = 1000

    private var foldingField: Field? {
        switch kind {
        case .file, .library: .path
        case .effect where ["file", "library"].contains(self[.type].text): .what
        default: nil
        }
    }

    private func replacing(_ field: Field, with pattern: [UInt8]?) -> FactKey? {
        guard let pattern else { return nil }
        let parts = zip(kind.fields, values).map { $0 == field ? pattern : $1.bytes }
        return FactKey(kind, bytes: parts.reduce(into: []) { $0 += $1 + [0] })
    }

    /// With any name in the place of the last, but for what it ends in: `/app/cache/*.json`. nil: it is in no directory.
    private static func widened(_ pattern: [UInt8]) -> [UInt8]? {
        let slash = UInt8(ascii: "/")
        guard pattern.first == slash, let last = pattern.lastIndex(of: slash), last > 0 else { return nil }
        let name = pattern[(last + 1)...]
        if name.elementsEqual("**".utf8) { return pattern }
        var wide = Array(pattern[...last])
        if name.first == UInt8(ascii: ".") { wide.append(UInt8(ascii: ".")) }
        wide.append(UInt8(ascii: "*"))
        if let dot = name.dropFirst().lastIndex(of: UInt8(ascii: ".")) {
            let ending = name[(dot + 1)...]
            if (1...8).contains(ending.count), ending.allSatisfy({ $0.isLetter || $0.isDigit }),
                !ending.allSatisfy(\.isDigit)
            {
                wide += name[dot...]
            }
        }
        return wide
    }
}
