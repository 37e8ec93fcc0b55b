// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Logging
import NIOConcurrencyHelpers

/// A file of tokens, read again when it has changed. One that cannot be read, or is wrong, leaves those before it in force.
package final class TokenFile: Sendable {
    private struct Mark: Equatable, Sendable {
        var inode: UInt64
        var size: Int64
        var seconds: Int
        var nanoseconds: Int
    }

    private struct State: Sendable {
        var tokens: NodeTokens
        var mark: Mark?
    }

    private let path: String
    private let state: NIOLockedValueBox<State>

    /// - Throws: why it cannot be used, with its path.
    package init(_ path: String) throws(TokenFileError) {
        self.path = path
        let mark = Self.mark(path)
        state = NIOLockedValueBox(State(tokens: try Self.read(path), mark: mark))
    }

    /// - Parameter log: is told if the file has changed and cannot be used.
    func name(of token: some Sequence<UInt8>, log: Logger) -> String? {
        let mark = Self.mark(path)
        let tokens = state.withLockedValue { state in
            if mark != state.mark {
                state.mark = mark
                do throws(TokenFileError) { state.tokens = try Self.read(path) } catch {
                    log.error("the tokens before stay in force", metadata: ["error": "\(error)"])
                }
            }
            return state.tokens
        }
        return tokens.name(of: token)
    }

    private static func read(_ path: String) throws(TokenFileError) -> NodeTokens {
        let bytes: [UInt8]
        do throws(EndpointError) { bytes = try SmallFile.read(path, limit: 16 << 20) } catch {
            throw TokenFileError(description: "\(path): \(error)")
        }
        do throws(ReceiverRefusal) { return try NodeTokens(bytes) } catch {
            throw TokenFileError(description: "\(path), \(error.message)")
        }
    }

    private static func mark(_ path: String) -> Mark? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return Mark(
            inode: UInt64(status.st_ino), size: Int64(status.st_size), seconds: status.st_mtim.tv_sec,
            nanoseconds: status.st_mtim.tv_nsec)
    }
}

/// Why a file of tokens cannot be used.
package struct TokenFileError: Error, Equatable, CustomStringConvertible {
    package var description: String
}
