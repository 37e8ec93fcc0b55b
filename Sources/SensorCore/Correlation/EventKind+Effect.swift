// SPDX-License-Identifier: Apache-2.0

extension EventKind {
    /// Whether it is something that a call may have been made for. That sockets are closed and processes end follows from
    /// what came before.
    var isEffect: Bool {
        switch self {
        case .processFork, .processExit, .processSeen, .cgroupCreated, .cgroupRemoved, .networkClose, .syscallFirst,
            .toolCallBegin, .toolCallEnd, .context, .decision, .anomalyState:
            false
        case .processExec, .fileOpen, .fileCreate, .fileDelete, .fileRename, .fileLink, .fileAttribute, .fileExecmap,
            .networkConnect, .networkSend, .networkListen, .networkAccept, .syscallNotable, .identityChange,
            .dnsAnswer:
            true
        }
    }
}
