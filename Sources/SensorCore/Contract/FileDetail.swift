// SPDX-License-Identifier: Apache-2.0

/// The file that something was done to.
package struct FileDetail: Sendable, Equatable {
    /// Absolute, as the process's own root shows it; how far that can be trusted is `pathSource`.
    package var path: ByteString
    /// The new name, for `file.rename` and `file.link`.
    package var newPath: ByteString?
    /// The string that the process gave, where it disagrees with the object (`pathSource` is then `contested` or `unverified`).
    package var argumentPath: ByteString?
    package var pathSource: PathSource
    package var access: FileAccess
    /// As `stat(2)` tells it; `nil` if no object was to be had.
    package var device: DeviceNumber?
    /// As `stat(2)` tells it, 0 if unknown.
    package var inode: UInt64
    /// `st_mode`, 0 if unknown.
    package var mode: UInt32
    /// The name was already gone from its directory.
    package var isDeleted: Bool

    package init(
        path: ByteString, newPath: ByteString? = nil, argumentPath: ByteString? = nil,
        pathSource: PathSource = .dentry, access: FileAccess = [], device: DeviceNumber? = nil,
        inode: UInt64 = 0, mode: UInt32 = 0, isDeleted: Bool = false
    ) {
        self.path = path
        self.newPath = newPath
        self.argumentPath = argumentPath
        self.pathSource = pathSource
        self.access = access
        self.device = device
        self.inode = inode
        self.mode = mode
        self.isDeleted = isDeleted
    }
}
