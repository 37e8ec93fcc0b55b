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

    /// The name that was made or taken away: links are followed but for the last one.
    package mutating func entry(
        _ argument: [UInt8], base: AssembledPath?, of process: TrackedProcess?
    ) -> (path: ByteString, source: PathSource) {
        let whole = base.map(\.isWhole) ?? false
        let text = PathAssembler.joined(base?.path, argument)
        if whole, let base, let (directory, name) = PathAssembler.split(argument), directory.isEmpty {
            // A name in a directory that the kernel named: no link can be on the way.
            return (ByteString(PathAssembler.joined(base.path, name)), .resolved)
        }
        let isAnchored = argument.first == UInt8(ascii: "/") || whole
        if isAnchored, let (directory, name) = PathAssembler.split(text),
            case .found(let real) = resolve(directory, of: process)
        {
            return (ByteString(PathAssembler.joined(ByteString(real), name)), .resolved)
        }
        if isAnchored, PathAssembler.split(text) == nil, case .found(let real) = resolve(text, of: process) {
            return (ByteString(real), .resolved)
        }
        return (PathAssembler.normalized(text), .argument)
    }

    /// Whether the caller's string leads to `path` when all links are followed; nil if that could not be seen.
    package mutating func leads(
        _ argument: [UInt8], base: AssembledPath?, to path: ByteString, of process: TrackedProcess?
    ) -> Bool? {
        let text = PathAssembler.joined(base?.path, argument)
        guard text.first == UInt8(ascii: "/") else { return nil }
        if PathAssembler.normalized(text) == path { return true }
        return switch resolve(text, of: process) {
        case .found(let real): real == path.bytes
        case .nothing: false
        case .unseen: nil
        }
    }

    private enum Look {
        case found([UInt8])
        /// The path leads nowhere.
        case nothing
        /// The look could not be made: nobody left to ask, no looks left, or what is on the way is in no cache.
        case unseen

        /// What an errno of openat2(2) says of the path: ENOENT, ENOTDIR, ELOOP.
        init(_ error: Int32) { self = [2, 20, 40].contains(error) ? .nothing : .unseen }
    }

    /// Through the root of the process. If it is gone, through that of the closest ancestor that has the same.
    private mutating func resolve(_ path: [UInt8], of process: TrackedProcess?) -> Look {
        guard let process else { return .unseen }
        var roots = process.sameRoots.makeIterator()
        while let pid = roots.next() {
            guard left > 0 else {
                refused += 1
                return .unseen
            }
            left -= 1
            switch host.answer(.resolve(pid: pid, path: ByteString(path), followLast: true)) {
            case .bytes(let real): return .found(real)
            case .failure(HostQuestion.noProcess): continue
            case .failure(let error): return Look(error)
            }
        }
        return .unseen
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
