// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF
internal import Synchronization

/// Programs that are in the kernel and on no hook yet: what takes longest of a start, so that it can be done ahead. For whoever has
/// it, one at a time.
package final class LoadedPrograms: Sendable {
    private let plan: LoadPlan
    private let object: Mutex<BPFObject?>

    /// Loads the programs that this kernel accepts.
    ///
    /// - Throws: as `KernelSession.init`.
    package init(settings: KernelSettings) throws(KernelError) {
        plan = try LoadPlan(settings)
        object = Mutex(try plan.load())
    }

    /// Whether they would not be used after what is pinned there: it is the same, and goes on.
    package func isPinned(in directory: String) -> Bool {
        let pins = PinDirectory(path: directory)
        return pins.readManifest().map { plan.wouldLoad($0) } ?? false
    }

    /// They are the caller's from now on, to be used or not; nil: they were taken, or are of other settings.
    func take(_ wanted: LoadPlan) -> BPFObject? {
        let object = object.withLock { $0.take() }
        return plan.isSame(as: wanted) ? object : nil
    }
}

/// What is to be loaded, with all that is fixed by then.
struct LoadPlan {
    private let settings: KernelSettings
    private let config: sensor_config
    /// Programs whose hooks this kernel does not have.
    private let absent: Set<String>
    /// As `sensor_config` has it.
    var subsystem: Int32 { config.cgroup_subsystem }

    /// - Throws: `notPermitted` without the capabilities, or in another pid namespace than the host's.
    init(_ settings: KernelSettings) throws(KernelError) {
        try settings.check()
        try Privileges.current().requireLoading()
        try PidNamespace.requireInitial()
        var config = sensor_config()
        var generator = SystemRandomNumberGenerator()
        config.seed = generator.next()
        config.cgroup_subsystem = -1
        config.ring_budget = settings.ringBudget
        config.ring_size = UInt32(settings.activityRingBytes)
        config.lifecycle_ring_size = UInt32(settings.lifecycleRingBytes)
        config.wake_bytes = settings.wakeBytes
        config.entry_budget = settings.entryBudget
        config.failed_entry_budget = settings.failedEntryBudget
        var absent: Set<String> = []
        if let types = KernelTypes() {
            config.cgroup_subsystem = CgroupHierarchy.current().subsystem(in: types)
            for image in settings.images { absent.formUnion(try BPFObject.absentPrograms(of: image, types)) }
        }
        (self.settings, self.config, self.absent) = (settings, config, absent)
    }

    func load() throws(KernelError) -> BPFObject {
        try BPFObject.load(settings: settings, config: config, absent: absent)
    }

    /// What is pinned is what would be loaded.
    func wouldLoad(_ manifest: PinManifest) -> Bool { manifest.digest == digest(of: manifest.image) }

    func digest(of image: ObjectImage) -> String {
        PinManifest.digest(image, settings, subsystem: subsystem)
    }

    func isSame(as other: LoadPlan) -> Bool {
        settings.images == other.settings.images && absent == other.absent
            && settings.images.allSatisfy { digest(of: $0) == other.digest(of: $0) }
    }
}
