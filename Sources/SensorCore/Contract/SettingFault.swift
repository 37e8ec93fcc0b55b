// SPDX-License-Identifier: Apache-2.0

/// Why a value is none for its setting.
package struct SettingFault: Error, Sendable, Equatable {
    package var reason: String
    init(_ reason: String) { self.reason = reason }
}
