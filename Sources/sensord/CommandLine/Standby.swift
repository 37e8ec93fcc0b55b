// SPDX-License-Identifier: Apache-2.0

import Glibc
import Logging
import SensorCore

/// Has daemons that pin follow each other: one that is started while another runs waits until that one has ended, and serves HTTP
/// meanwhile. For the main thread, while it is the only one.
struct Standby {
    /// Whom the HTTP server asks: this, until somebody else is to be.
    let health: HealthBoard
    /// Why nothing is pinned that was to be; nil: it is, or was not to be.
    let pinsError: String?
    /// Where programs are pinned; nil: nowhere.
    var pinDirectory: String? { lease == nil ? nil : settings.pinDirectory }
    /// What serves HTTP since it had to wait.
    private(set) var services: BackgroundServices?
    /// It was told to read its settings again while it waited.
    private(set) var isToReload = false

    /// Held to the end of the process.
    private let lease: PinLease?
    private let settings: Settings
    private let log: Logger

    /// A node where nothing can be pinned is not left without a sensor: that is told, and programs end with the daemon then.
    init(_ settings: Settings, _ log: Logger) {
        self.settings = settings
        self.log = log
        var lease: PinLease?
        var pinsError: String?
        if let directory = settings.pinDirectory {
            do throws(KernelError) { lease = try PinLease(directory) } catch {
                pinsError = "\(error)"
                log.warning(
                    "nothing is pinned, so what is done while no daemon runs is not seen: see --pin-dir",
                    metadata: ["pinDir": "\(directory)", "error": "\(error)"])
            }
        }
        self.lease = lease
        self.pinsError = pinsError
        health = HealthBoard(Self.report(.waiting, pinsError))
    }

    /// The run directory's socket, once nobody else has it, nor the lease; nil: the daemon was told to end before.
    ///
    /// - Parameter rehearse: throws what would keep the daemon from collecting: done before it says that it is ready to take over,
    ///   since whoever hears that ends the one that runs.
    /// - Throws: also where another daemon has the run directory, unless they are to follow each other (`--pin-dir`).
    mutating func listener(
        _ signals: borrowing SignalSource, _ restriction: Restriction, rehearse: () throws -> Void
    ) throws -> ControlListener? {
        while true {
            if let listener = try take() {
                health.ask(Self.report(.takingOver, pinsError))
                return listener
            }
            if services == nil {
                log.notice(
                    "waiting for the daemon that runs to end",
                    metadata: ["pinDir": "\(settings.pinDirectory ?? "")", "runDir": "\(settings.runDirectory)"])
                try rehearse()
                services = try serve(restriction)
            }
            var entry = pollfd(fd: signals.descriptor, events: Int16(POLLIN), revents: 0)
            // The kernel tells nobody when a lock is free.
            _ = poll(&entry, 1, 20)
            while let signal = signals.take() {
                if signal.number == SIGHUP {
                    isToReload = true
                    continue
                }
                services?.stop()
                return nil
            }
        }
    }

    /// First the lease, so that a daemon takes nothing from the one that has it.
    private func take() throws -> ControlListener? {
        guard lease?.take() ?? true else { return nil }
        do {
            return try ControlListener(runDirectory: settings.runDirectory)
        } catch let refusal as ControlListener.Refusal where refusal.isTaken && settings.pinDirectory != nil {
            return nil
        }
    }

    /// With threads that have no more privileges than they will need.
    private func serve(_ restriction: Restriction) throws -> BackgroundServices {
        let (address, health, log) = (settings.listen, health, log)
        return try restriction.began {
            let services = try BackgroundServices(log: log)
            if let address {
                services.start([HealthServer(address, group: services.group, log: log) { await health.report() }])
            }
            return services
        }
    }

    private static func report(_ standby: HealthReport.Standby, _ pinsError: String?) -> HealthBoard.Report {
        var report = HealthReport(collector: CollectorSummary(), identity: ClusterStatus())
        report.version = Version.number
        report.standby = standby
        report.pinsError = pinsError
        return { [report] in report }
    }
}
