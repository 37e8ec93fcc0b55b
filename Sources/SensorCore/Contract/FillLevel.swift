// SPDX-License-Identifier: Apache-2.0

/// How full something of a fixed size is.
package struct FillLevel: Sendable, Equatable {
    package var name: String
    package var used: Int
    package var size: Int

    package init(name: String, used: Int, size: Int) { (self.name, self.used, self.size) = (name, used, size) }
}
