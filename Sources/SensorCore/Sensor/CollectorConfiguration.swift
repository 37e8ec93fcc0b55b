// SPDX-License-Identifier: Apache-2.0

/// All that a `Collector` can be told, with the defaults.
package struct CollectorConfiguration: Sendable {
    package var kernel = KernelSettings()
    /// By these settings, ahead; nil: nothing is.
    package var loaded: LoadedPrograms?
    package var pipeline = PipelineConfiguration()
    /// Between two readings of counts and losses, ns.
    package var tick: UInt64 = 10_000_000_000
    /// Whether the kernel's counts are told as events. Where everything is streamed they say nothing new.
    package var readsCounts = true
    /// First half of every event's id: random unless a stream is to go on.
    package var streamID = Session.randomStreamID()
    /// Name of the node in events; empty for none.
    package var node = ""
    /// The API server's side will tell of pods: their containers' events wait for that.
    package var followsCluster = false
    /// Selectors of the workloads that are watched; none: all are.
    package var watch: [String] = []
    /// What is streamed from the first moment on.
    package var stream = KernelSession.Stream.none
    /// Which kinds are streamed, one bit for each `enum sensor_kind`.
    package var streamedKinds: UInt64 = .max
    /// What the tool-call socket learns, where there is one.
    package var calls: CallInbox?
    /// Where to ask up to when what agents have sent is in there; nil: all is before anything that they do after it.
    package var hearing: CallHearing?
    /// Calls that OpenTelemetry spans tell of. There is no hurry with them: some are taken with each pass.
    package var spans: CallInbox?
    /// What keeps posture and tells of it; nil: none is learned. Finished with the collector.
    package var journal: PostureJournal?
    /// Which events travel as records; nil: nobody takes any.
    package var deliveredEvents: EventChoice?
    /// What the sensor itself may use; nil: whatever it takes.
    package var overload: OverloadLimits?
    /// Where all is streamed: of which workloads; none: of all.
    package var streamedWorkloads: [WorkloadFilter] = []
    /// Which kinds are reported at all, one bit for each `enum sensor_kind`.
    package var enabledKinds: UInt64 = .max
    package var scope = Scope()
    /// File to record into; it is made anew, for its owner only.
    package var recording: String?
    /// All capabilities that the collecting thread keeps once the programs are attached; nil: it keeps what it has.
    package var keptCapabilities: [Privileges.Capability]?
    /// Events handed to the sinks at once, about.
    package var batch = 512

    /// What is streamed, where not all is.
    package struct Scope: Sendable {
        /// Processes, as the initial pid namespace has them.
        package var processes: Set<UInt32> = []
        /// Processes with everything that they fork from now on.
        package var roots: Set<UInt32> = []
        /// Cgroups by their ids in the tracked hierarchy.
        package var cgroups: Set<UInt64> = []

        package init() {}
    }

    package init() {}
}

/// Why a collector could not start.
package enum CollectorError: Error, CustomStringConvertible {
    case kernel(KernelError)
    /// The recording cannot be written.
    case recording(path: String, errno: Int32)
    case system(SystemError)

    package var description: String {
        switch self {
        case .kernel(let error): error.description
        case .recording(let path, let number):
            "cannot record to \(path): \(SystemError("open", number: number))"
        case .system(let error): "\(error)"
        }
    }
}
