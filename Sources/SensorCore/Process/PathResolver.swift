// SPDX-License-Identifier: Apache-2.0

/// Finds what the kernel could not tell: where a caller's string led to, as far as that can be seen afterwards.
///
/// Best effort by nature: the process may be gone and the links may be others by now. Looks at the machine are bounded
/// for each tick.
package struct PathResolver: ~Copyable {
    private let host: any HostView
    private let limit: Int
    private var left: Int
    /// Looks that the limit did not allow.
    package private(set) var refused: UInt64 = 0

    /// - Parameter limit: looks at the machine between two ticks.
    package init(host: any HostView, limit: Int) {
        self.host = host
        self.limit = limit
        left = limit
    }

    package mutating func tick() { left = limit }

    /// What a call named.
    ///
    /// - Parameter isFollowed: whether what a link leads to is meant, should the last name be one. Of names that were made
    ///   or taken away it is the link itself.
    package mutating func entry(
        _ argument: [UInt8], base: AssembledPath?, of process: TrackedProcess?, isFollowed: Bool = false
    ) -> (path: ByteString, source: PathSource) {
        let isWhole = base.map(\.isWhole) ?? false
        let text = PathAssembler.joined(base?.path, argument)
        if !isFollowed, isWhole, let base, let (directory, name) = PathAssembler.split(argument), directory.isEmpty {
            // A name in a directory that the kernel named: no link can be on the way.
            return (ByteString(PathAssembler.joined(base.path, name)), .resolved)
        }
        let isAnchored = argument.first == UInt8(ascii: "/") || isWhole
        if isAnchored, !isFollowed, let (directory, name) = PathAssembler.split(text) {
            if let real = resolve(directory, of: process) {
                return (ByteString(PathAssembler.joined(ByteString(real), name)), .resolved)
            }
        } else if isAnchored, let real = resolve(text, of: process) {
            return (ByteString(real), .resolved)
        }
        return (PathAssembler.normalized(text), .argument)
    }

    /// Whether the caller's string leads to `path` when all links are followed; nil if that could not be seen.
    ///
    /// - Parameter thread: which of the process's it was, as the initial pid namespace has it.
    package mutating func leads(
        _ argument: [UInt8], base: AssembledPath?, to path: ByteString, of process: TrackedProcess?, thread: UInt32
    ) -> Bool? {
        let text = PathAssembler.joined(base?.path, argument)
        guard text.first == UInt8(ascii: "/") else { return nil }
        let name = PathAssembler.normalized(text)
        if name == path { return true }
        if let process, Self.own(name, process.key.tgid, thread) == path { return true }
        // A name that leads nowhere led somewhere when it was opened.
        guard let real = resolve(text, of: process) else { return nil }
        return real == path.bytes
    }

    /// What /proc shows to whoever looks, as the host's shows it of this process, without a look; nil: it is none of that.
    private static func own(_ name: ByteString, _ process: UInt32, _ thread: UInt32) -> ByteString? {
        for (link, own) in [
            ("/proc/self", "/proc/\(process)"), ("/proc/thread-self", "/proc/\(process)/task/\(thread)"),
        ] {
            guard name.bytes.starts(with: link.utf8) else { continue }
            let rest = name.bytes.dropFirst(link.utf8.count)
            if rest.isEmpty || rest.first == UInt8(ascii: "/") { return ByteString(Array(own.utf8) + rest) }
        }
        return nil
    }

    /// Through the root of the process. If it is gone, through that of the closest ancestor that has the same. Nil: the
    /// path leads nowhere, or the look could not be made: nobody left to ask, no looks left, or what is on the way is in no
    /// cache.
    private mutating func resolve(_ path: [UInt8], of process: TrackedProcess?) -> [UInt8]? {
        guard let process else { return nil }
        var roots = process.sameRoots.makeIterator()
        while let pid = roots.next() {
            guard left > 0 else {
                refused += 1
                return nil
            }
            left -= 1
            let isItself = pid == process.key.tgid
            switch host.answer(.resolve(pid: pid, path: ByteString(path), isItself: isItself)) {
            case .bytes(let real): return real
            case .failure(HostQuestion.noProcess): continue
            case .failure: return nil
            }
        }
        return nil
    }
}

extension TrackedProcess {
    /// The process, then ancestors that may still live and whose root is the one it had: a root is inherited, and who
    /// changes his has been seen to.
    fileprivate var sameRoots: some Sequence<UInt32> {
        sequence(state: (process: self as TrackedProcess?, steps: 0)) { state in
            while let process = state.process, state.steps < 16 {
                state.steps += 1
                state.process = process.parentWithSameRoot
                if state.steps == 1 || !process.hasEnded { return process.key.tgid }
            }
            return nil
        }
    }

    private var parentWithSameRoot: TrackedProcess? {
        guard rootChangedAt == 0, let parent, parent.rootChangedAt < key.start,
            let ours = identity?.namespaces.mount, ours != 0, parent.identity?.namespaces.mount == ours
        else { return nil }
        return parent
    }
}
