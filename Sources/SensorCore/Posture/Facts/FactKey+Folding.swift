// SPDX-License-Identifier: Apache-2.0

extension FactKey {
    /// It stands for all whose paths have one shape: the path is a `PathPattern`. Such a key has a field more than its kind, an empty
    /// one, so that it is the key of no path.
    package var isFolded: Bool {
        guard bytes.last == 0, kind != .sequence else { return false }
        return bytes.count { $0 == 0 } == kind.fields.count
    }

    /// The path that it may be folded by.
    var foldingPath: ByteString? {
        guard let field = foldingField else { return nil }
        return self[field]
    }

    /// The key of all whose paths have the same shape (see `PathShape`), which depends on nothing but the path; itself if it is one.
    /// nil: it is about no path, or about one in which nothing is made up anew each time, or that folds with no other.
    ///
    /// - Parameter credentials: paths that are never folded, beside all others that are not.
    func folded(_ credentials: CredentialPaths = CredentialPaths()) -> FactKey? {
        if isFolded { return self }
        guard let field = foldingField else { return nil }
        let (path, values) = (self[field], values)
        guard path.bytes.count < Self.foldedLimit, PathSensitivity(of: path, credentials) == .ordinary else {
            return nil
        }
        var shaped = ShapedPath()
        path.bytes.withUnsafeBufferPointer { shaped.read($0) }
        guard shaped.isShaped, shaped.text.count < Self.foldedLimit else { return nil }
        let parts = zip(kind.fields, values).map { $0 == field ? shaped.text : $1.bytes }
        return FactKey(kind, bytes: parts.reduce(into: []) { $0 += $1 + [0] })
    }

    /// Longer ones are cut, so that they may have lost what they are told apart by.
    private static let foldedLimit = 1000

    private var foldingField: Field? {
        switch kind {
        case .file, .library: .path
        case .effect where ["file", "library"].contains(self[.type].text): .what
        default: nil
        }
    }
}
