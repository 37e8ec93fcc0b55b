// SPDX-License-Identifier: Apache-2.0

/// When a file of lines is put aside and another begun.
package struct FileRotation: Sendable, Equatable {
    /// Bytes of a file; 0: as many as there come.
    package var bytes = 0
    /// Seconds since a file was begun; 0: however long.
    package var seconds = 0
    /// Files that are kept beside the one that is written.
    package var files = 5

    package init() {}
}
