// SPDX-License-Identifier: Apache-2.0

enum Version {
    static let number = "0.1.0"
    static let text = "sensord \(number)"
}
