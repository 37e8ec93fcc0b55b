// SPDX-License-Identifier: Apache-2.0

internal import Crypto
internal import Glibc

/// What is pinned, and for whom: a daemon takes over only what it would have loaded itself.
struct PinManifest: Equatable {
    struct Program: Equatable {
        var name: String
        var section: String
        var state: ProgramStatus.State
    }

    var image: ObjectImage
    /// Of the image and of all that is fixed when it is loaded.
    var digest: String
    /// In the object's order.
    var programs: [Program]
    var maps: [String]

    /// - Parameter subsystem: as `sensor_config` has it.
    static func digest(_ image: ObjectImage, _ settings: KernelSettings, subsystem: Int32) -> String {
        let fixed: [Int] = [
            settings.lifecycleRingBytes, settings.activityRingBytes, Int(settings.memoryEntries),
            Int(settings.failureEntries), Int(settings.workloadEntries), Int(settings.lossEntries),
            Int(settings.scopeProcesses), Int(settings.scopeCgroups), Int(settings.unwatchedCgroups),
            Int(settings.ringBudget), Int(settings.entryBudget), Int(settings.failedEntryBudget),
            Int(settings.wakeBytes), Int(subsystem),
        ]
        var hash = SHA256()
        hash.update(data: image.bytes())
        hash.update(data: Array(fixed.map(String.init).joined(separator: " ").utf8))
        return Hexadecimal.text(hash.finalize())
    }

    init(image: ObjectImage, digest: String, programs: [ProgramStatus], maps: [String]) {
        self.maps = maps
        self.image = image
        self.digest = digest
        self.programs = programs.map { Program(name: $0.name, section: $0.section, state: $0.state) }
    }

    // MARK: As text

    /// Nil if it is not one that this version writes.
    init?(_ text: String) {
        let lines = text.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        guard let head = lines.first, head.count == 3, head[0] == "sensord", let image = ObjectImage(rawValue: head[1])
        else { return nil }
        self.image = image
        digest = head[2]
        (programs, maps) = ([], [])
        for line in lines.dropFirst() {
            if line.count == 2, line[0] == "map" {
                maps.append(line[1])
                continue
            }
            guard line.count == 4, let number = Int32(line[3]), let state = Self.state(line[2], number) else {
                return nil
            }
            programs.append(Program(name: line[0], section: line[1], state: state))
        }
    }

    var text: String {
        var lines = ["sensord \(image.rawValue) \(digest)"]
        for program in programs {
            let (word, number) = Self.word(program.state)
            lines.append("\(program.name) \(program.section) \(word) \(number)")
        }
        lines += maps.map { "map \($0)" }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func word(_ state: ProgramStatus.State) -> (String, Int32) {
        switch state {
        case .loaded: ("loaded", 0)
        case .attached: ("attached", 0)
        case .absent: ("absent", 0)
        case .refused(let number): ("refused", number)
        case .detached(let number): ("detached", number)
        }
    }

    private static func state(_ word: String, _ number: Int32) -> ProgramStatus.State? {
        switch word {
        case "loaded": .loaded
        case "attached": .attached
        case "absent": .absent
        case "refused": .refused(number)
        case "detached": .detached(number)
        default: nil
        }
    }
}
