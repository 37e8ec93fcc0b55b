// SPDX-License-Identifier: Apache-2.0

package import Logging
internal import NIOPosix
package import NIOCore
package import ServiceLifecycle
import NIOConcurrencyHelpers

/// What runs beside the collecting thread, on Swift concurrency and one network thread, for a caller who waits for neither.
package final class BackgroundServices: Sendable {
    /// The one network thread that all of them share.
    package let group: any EventLoopGroup
    private let services: NIOLockedValueBox<ServiceGroup?>
    /// Those that have not ended.
    private let running = NIOLockedValueBox<[String]>([])
    private let ended: WakeUp
    private let log: Logger

    /// - Parameter group: the network thread of others, to share it; nil: a new one.
    package init(log: Logger, group: (any EventLoopGroup)? = nil) throws(SystemError) {
        self.log = log
        ended = try WakeUp()
        self.group = group ?? MultiThreadedEventLoopGroup(numberOfThreads: 1)
        services = NIOLockedValueBox(nil)
    }

    /// To be called once. One that fails does not take the others along.
    package func start(_ services: [any Service]) {
        guard !services.isEmpty else { return }
        var quiet = log
        quiet.logLevel = .error
        let group = ServiceGroup(
            configuration: .init(
                services: services.map {
                    .init(
                        service: Tracked(service: $0, running: running), successTerminationBehavior: .ignore,
                        failureTerminationBehavior: .ignore)
                }, logger: quiet))
        self.services.withLockedValue { $0 = group }
        running.withLockedValue { $0 = services.map(Tracked.name) }
        let (ended, log) = (ended, log)
        Task {
            do {
                try await group.run()
            } catch {
                log.error("a service has failed", metadata: ["error": "\(error)"])
            }
            ended.signal()
        }
    }

    /// Waits until they have stopped, but no longer than so many milliseconds.
    package func stop(milliseconds: Int32 = 5000) {
        guard let services = services.withLockedValue({ $0.take() }) else { return }
        Task { await services.triggerGracefulShutdown() }
        if !ended.wait(milliseconds: milliseconds) {
            let left = running.withLockedValue { $0.joined(separator: ",") }
            log.warning("services have not stopped in time", metadata: ["services": "\(left)"])
        }
        // The network thread is left to the end of the process: what still closes on it would find nobody to do that.
    }
}

/// A service that says when it has ended.
private struct Tracked: Service {
    let service: any Service
    let running: NIOLockedValueBox<[String]>

    static func name(_ service: any Service) -> String { "\(type(of: service))" }

    func run() async throws {
        defer {
            running.withLockedValue { names in
                if let index = names.firstIndex(of: Self.name(service)) { names.remove(at: index) }
            }
        }
        try await service.run()
    }
}
