// SPDX-License-Identifier: Apache-2.0

/// How far a path may be put together with others.
package enum PathSensitivity: Sendable, Hashable {
    case ordinary
    /// Each such path says something of its own: configuration of the system, what is run, secrets and their neighbours,
    /// the kernel's switches, other processes' memory. It stands alone in every view.
    case guarded
    case credential

    package init(of path: ByteString, _ credentials: CredentialPaths = CredentialPaths()) {
        self = path.bytes.withUnsafeBufferPointer { PathSensitivity(of: $0, credentials) }
    }

    init(of path: ByteSlice, _ credentials: CredentialPaths) {
        if credentials.contains(path) {
            self = .credential
        } else {
            self = Self.isGuarded(path) ? .guarded : .ordinary
        }
    }

    /// The pattern under which the path stands alone, `nil` if it is an ordinary one.
    static func exactPattern(of path: ByteString, _ credentials: CredentialPaths) -> PathPattern? {
        guard PathSensitivity(of: path, credentials) != .ordinary else { return nil }
        // A pattern of the operator's may mean one process and not another.
        let isConfigured = path.bytes.withUnsafeBufferPointer { credentials.isConfigured($0) }
        return isConfigured ? PathPattern(literal: path) : PathShape.exactPattern(of: path)
    }

    private static func isGuarded(_ path: ByteSlice) -> Bool {
        var start = 0
        var index = 0
        var top = Top.other
        var isBelowKube = false
        while start <= path.count {
            let end = path.segmentEnd(from: start)
            let name = path.slice(start..<end)
            switch (index, top) {
            case (0, _): top = name.isEmpty ? .root : .other
            case (1, .root): top = Top(name)
            case (2, .etc): if !(name.equals("ssl") || name.equals("pki")) { return true }
            case (3, .etc): return !(name.equals("certs") || name.equals("ca-trust"))
            case (2, .dev): return !name.isOne(of: devices)
            case (2, .sys): if name.isOne(of: switches) { return true }
            case (2, .proc):
                if !(name.isNumber || name.equals("self") || name.equals("thread-self")) { return true }
            case (3, .proc): if name.isOne(of: reaches) { return true }
            case (2, .usr): if name.equals("bin") || name.equals("sbin") { return true }
            case (3, .usr): if name.equals("bin") || name.equals("sbin") { return true }
            // The host's, mounted somewhere.
            case (2, .other): if name.equals("etc") { return true }
            case (2, .run), (3, .run): if name.hasSuffix(".sock") { return true }
            default: break
            }
            if top == .whole { return true }
            if isBelowKube { return !name.equals("cache") }
            isBelowKube = name.equals(".kube")
            if !isBelowKube, isGuardedName(name) { return true }
            (start, index) = (end + 1, index + 1)
        }
        return isBelowKube
    }

    /// Names that guard what is below them, and themselves, wherever they are.
    private static func isGuardedName(_ name: ByteSlice) -> Bool {
        guard let first = name.first else { return false }
        switch first {
        case UInt8(ascii: "."): return name.count <= 16 && name.isOne(of: dotNames)
        case UInt8(ascii: "s"): return name.equals("secrets") || name.equals("secret") || name.equals("secrets-store")
        case UInt8(ascii: "k"): return name.hasPrefix("kubernetes.io~") || name.equals("keyrings")
        case UInt8(ascii: "g"): return name.equals("gcloud")
        case UInt8(ascii: "a"): return name.equals("authorized_keys")
        case UInt8(ascii: "r"): return name.equals("release_agent")
        case UInt8(ascii: "c"):
            return name.equals("containerd.sock") || name.equals("crio.sock") || name.equals("crontabs")
        case UInt8(ascii: "d"): return name.equals("docker.sock")
        default: return false
        }
    }

    /// Devices that anybody may use.
    private static let devices: [StaticString] = [
        "pts", "shm", "fd", "char", "null", "zero", "full", "tty", "urandom", "random", "stdin", "stdout", "stderr",
    ]
    private static let switches: [StaticString] = ["kernel", "firmware", "module", "power"]
    /// What reaches from `/proc/<pid>` into the process.
    private static let reaches: [StaticString] = ["mem", "root", "cwd", "maps", "exe"]

    private static let dotNames: [StaticString] = [
        ".ssh", ".aws", ".azure", ".gnupg", ".docker", ".oci", ".secrets", ".password-store", ".pki", ".terraform.d",
        ".IdentityService", ".bashrc", ".bash_profile", ".bash_login", ".bash_logout", ".bash_history", ".profile",
        ".zshrc", ".zshenv", ".zprofile", ".gitconfig", ".env",
    ]

    private enum Top {
        case other
        case root
        case whole
        case etc
        case dev
        case sys
        case proc
        case usr
        case run

        init(_ name: ByteSlice) {
            switch name.count {
            case 3:
                if name.equals("etc") {
                    self = .etc
                } else if name.equals("dev") {
                    self = .dev
                } else if name.equals("sys") {
                    self = .sys
                } else if name.equals("usr") {
                    self = .usr
                } else {
                    self = name.equals("run") ? .run : name.equals("bin") ? .whole : .other
                }
            case 4: self = name.equals("proc") ? .proc : name.equals("boot") || name.equals("sbin") ? .whole : .other
            default: self = .other
            }
        }
    }
}
