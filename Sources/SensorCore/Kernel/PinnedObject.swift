// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF
internal import Glibc

/// What another daemon has loaded and pinned, by descriptors of our own. Letting it go changes nothing of what is pinned.
final class PinnedObject {
    let manifest: PinManifest
    private let maps: [String: Int32]
    private let programs: [String: Int32]

    /// Nil if part of it is missing.
    init?(_ directory: PinDirectory, _ manifest: PinManifest) {
        var maps: [String: Int32] = [:]
        var programs: [String: Int32] = [:]
        for name in directory.names(in: .maps) { maps[name] = directory.descriptor(of: name, in: .maps) }
        for name in directory.names(in: .programs) { programs[name] = directory.descriptor(of: name, in: .programs) }
        let links = Set(directory.names(in: .links))
        self.manifest = manifest
        self.maps = maps
        self.programs = programs
        let isWhole = manifest.programs.allSatisfy { program in
            switch program.state {
            case .attached: programs[program.name] != nil && links.contains(program.name)
            case .loaded, .detached: programs[program.name] != nil
            case .absent, .refused: true
            }
        }
        guard isWhole, manifest.maps.allSatisfy({ maps[$0] != nil }) else { return nil }
    }

    deinit {
        for descriptor in maps.values { close(descriptor) }
        for descriptor in programs.values { close(descriptor) }
    }

    /// They live as long as this does.
    func map(_ name: String) -> Int32? { maps[name] }
    func program(_ name: String) -> Int32? { programs[name] }

    var statuses: [ProgramStatus] {
        manifest.programs.map { ProgramStatus(name: $0.name, section: $0.section, state: $0.state, log: nil) }
    }
}
