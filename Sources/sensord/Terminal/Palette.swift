// SPDX-License-Identifier: Apache-2.0

import SensorCore

/// The colours of the sixteen that every terminal has, and its user has chosen.
struct Palette: Sendable {
    enum Colour: String, Sendable {
        case plain = ""
        case dim = "2"
        case red = "31"
        case green = "32"
        case yellow = "33"
        case blue = "34"
        case magenta = "35"
        case cyan = "36"
        case boldRed = "1;31"
        case boldYellow = "1;33"
    }

    /// False: nothing but text.
    let isOn: Bool

    func write(_ colour: Colour, to line: inout [UInt8]) {
        guard isOn, colour != .plain else { return }
        line += Array("\u{1b}[\(colour.rawValue)m".utf8)
    }

    func reset(after colour: Colour, in line: inout [UInt8]) {
        guard isOn, colour != .plain else { return }
        line += Array("\u{1b}[0m".utf8)
    }

    static func colour(of kind: EventKind) -> Colour {
        switch kind {
        case .processExec, .processFork, .processExit: .green
        case .fileOpen, .fileExecmap: .blue
        case .fileCreate, .fileDelete, .fileRename, .fileLink, .fileAttribute: .cyan
        case .networkConnect, .networkSend, .networkListen, .networkAccept, .networkClose, .dnsAnswer: .magenta
        case .toolCallBegin, .toolCallEnd, .context, .decision: .cyan
        case .anomalyState: .boldRed
        case .syscallNotable: .yellow
        case .identityChange: .boldYellow
        case .syscallFirst, .processSeen, .cgroupCreated, .cgroupRemoved: .dim
        }
    }
}
