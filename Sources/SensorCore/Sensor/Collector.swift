// SPDX-License-Identifier: Apache-2.0

internal import Glibc
import NIOConcurrencyHelpers

/// Collects on a thread of its own: kernel, pipeline, sinks.
///
/// All methods may be called from any thread but the collecting one, so not from a sink. They wait until that thread
/// has done what they say, milliseconds as a rule: what they change holds when they return.
package final class Collector: Sendable {
    private typealias Command = @Sendable (CollectorLoop) -> Void

    private struct Mailbox: Sendable {
        var commands: [Command] = []
        var isStopping = false
        /// How starting went; nil while it goes on.
        var started: Result<Waker, CollectorError>?
        /// Set when the thread has ended; nothing is carried out any more.
        var summary: CollectorSummary?
    }

    private let mailbox = NIOLockedValueBox(Mailbox())
    private let latest = NIOLockedValueBox<(summary: CollectorSummary, time: UInt64)?>(nil)
    private let ready: WakeUp

    /// Loads, attaches, seeds, and returns when every event from now on is seen.
    ///
    /// - Parameter sinks: called on the collecting thread only.
    package init(
        _ configuration: CollectorConfiguration, sinks: [any EventSink & Sendable]
    ) throws(CollectorError) {
        do throws(SystemError) { ready = try WakeUp() } catch { throw .system(error) }
        do throws(SystemError) {
            _ = try Worker(name: "collector") { [self] in run(configuration, sinks) }
        } catch { throw .system(error) }
        while true {
            if let started = mailbox.withLockedValue({ $0.started }) {
                if case .failure(let error) = started { throw error }
                return
            }
            ready.wait(milliseconds: -1)
        }
    }

    // MARK: While it collects

    /// What has been lost and done until now; after `stop`, until the end.
    package func summary() -> CollectorSummary {
        perform { loop in
            loop.readLosses()
            return loop.summary()
        } ?? lastSummary
    }

    /// As `summary`, with what the kernel side takes up, so many nanoseconds old at most: however often it is asked for, the collecting thread does not
    /// answer oftener than that.
    package func recentSummary(maximumAge: UInt64 = 1_000_000_000) -> CollectorSummary {
        latest.withLockedValue { latest in
            if let latest, KernelSession.bootTime() &- latest.time < maximumAge { return latest.summary }
            let summary =
                perform { loop in
                    loop.readLosses()
                    var summary = loop.summary()
                    summary.kernel = loop.kernel.use()
                    return summary
                } ?? lastSummary
            latest = (summary, KernelSession.bootTime())
            return summary
        }
    }

    /// How it went, once all that the kernel had written before this call was handed to the sinks.
    package func drained() -> CollectorSummary {
        perform { loop in
            loop.catchUp()
            loop.readLosses()
            return loop.summary()
        } ?? lastSummary
    }

    /// What is streamed besides first sights. Does not change the scope.
    ///
    /// - Parameter workloads: where all is streamed, that of which; none: of all. Who is not known yet is streamed until it is.
    package func setStream(_ stream: KernelSession.Stream, kinds: UInt64 = .max, workloads: [WorkloadFilter] = []) {
        _ = perform { $0.setStream(stream, kinds: kinds, workloads: workloads) }
    }

    /// Which kinds are reported at all.
    package func setEnabledKinds(_ kinds: UInt64) {
        _ = perform { $0.kernel.setEnabledKinds(kinds) }
    }

    package func addScope(process: UInt32, descendants: Bool) throws(KernelError) {
        try tryPerform { loop throws(KernelError) in
            try loop.kernel.addScope(process: process, descendants: descendants)
        }
    }

    package func removeScope(process: UInt32) throws(KernelError) {
        try tryPerform { loop throws(KernelError) in try loop.kernel.removeScope(process: process) }
    }

    /// - Parameter cgroup: id in the tracked hierarchy.
    package func addScope(cgroup: UInt64) throws(KernelError) {
        try tryPerform { loop throws(KernelError) in try loop.kernel.addScope(cgroup: cgroup) }
    }

    package func removeScope(cgroup: UInt64) throws(KernelError) {
        try tryPerform { loop throws(KernelError) in try loop.kernel.removeScope(cgroup: cgroup) }
    }

    /// Hands on what the API server's side has told, in order. Does not wait: it may be called from any thread.
    package func apply(_ changes: [ClusterChange]) {
        let waker: Waker? = mailbox.withLockedValue { mailbox in
            guard mailbox.summary == nil, case .success(let waker) = mailbox.started else { return nil }
            mailbox.commands.append { $0.apply(changes) }
            return waker
        }
        waker?.wake()
    }

    /// From now on these workloads are watched; none: all of them.
    ///
    /// - Parameter selectors: as `WorkloadSelector` reads them, which it can.
    package func watch(_ selectors: [String]) {
        _ = perform { $0.watch(selectors) }
    }

    /// Where the kernel looks for tool calls, and the tree whose ids name workloads. Good for as long as this collects.
    package func calls() throws(KernelError) -> (calls: KernelCalls, hierarchy: CgroupHierarchy) {
        let answer = perform { loop -> Result<(KernelCalls, CgroupHierarchy), KernelError> in
            do throws(KernelError) { return .success((try loop.kernel.calls(), loop.kernel.cgroups)) } catch {
                return .failure(error)
            }
        }
        guard let answer else { throw KernelError(.systemCall, "the collector has stopped", errorNumber: ESRCH) }
        return try answer.get()
    }

    /// From now on the programs look for tool calls.
    package func lookForCalls() { _ = perform { $0.kernel.lookForCalls() } }

    /// Has the collecting thread look at what waits for it. From any thread.
    package func wake() {
        mailbox.withLockedValue { mailbox in mailbox.summary == nil ? try? mailbox.started?.get() : nil }?.wake()
    }

    /// From now on the sink takes events, too.
    package func add(_ sink: any EventSink & Sendable) {
        _ = perform { $0.sinks.append(sink) }
    }

    /// When this returns, the sink is not called any more; it is not told that it has finished.
    package func remove(_ sink: any EventSink & Sendable) {
        _ = perform { loop in loop.sinks.removeAll { $0 === sink } }
    }

    // MARK: The end

    /// Takes the programs off, hands on what is left with the last counts, and finishes the sinks. May be called again.
    @discardableResult
    package func stop() -> CollectorSummary {
        let waker = mailbox.withLockedValue { mailbox in
            mailbox.isStopping = true
            return mailbox.started.flatMap { try? $0.get() }
        }
        waker?.wake()
        while true {
            if let summary = mailbox.withLockedValue({ $0.summary }) { return summary }
            ready.wait(milliseconds: 50)
        }
    }

    private var lastSummary: CollectorSummary { mailbox.withLockedValue { $0.summary } ?? CollectorSummary() }

    // MARK: The thread

    private func run(_ configuration: CollectorConfiguration, _ sinks: [any EventSink & Sendable]) {
        let loop: CollectorLoop
        do throws(CollectorError) {
            loop = try CollectorLoop(configuration, sinks: sinks)
        } catch {
            mailbox.withLockedValue {
                $0.started = .failure(error)
                $0.summary = CollectorSummary()
            }
            ready.signal()
            return
        }
        mailbox.withLockedValue { $0.started = .success(loop.kernel.waker) }
        ready.signal()
        loop.run { loop in
            let (commands, isStopping) = mailbox.withLockedValue { mailbox in
                defer { mailbox.commands = [] }
                return (mailbox.commands, mailbox.isStopping)
            }
            for command in commands { command(loop) }
            return isStopping
        }
        let summary = loop.finish()
        let left = mailbox.withLockedValue { mailbox in
            mailbox.summary = summary
            defer { mailbox.commands = [] }
            return mailbox.commands
        }
        // Whoever still waits gets an answer, of a kernel side without programs.
        for command in left { command(loop) }
        ready.signal()
    }

    /// Has `body` done on the thread; nil if that has ended.
    private func perform<Result: Sendable>(_ body: @escaping @Sendable (CollectorLoop) -> Result) -> Result? {
        let answer = Answer<Result>()
        let waker: Waker? = mailbox.withLockedValue { mailbox in
            guard mailbox.summary == nil, case .success(let waker) = mailbox.started else { return nil }
            mailbox.commands.append { answer.give(body($0)) }
            return waker
        }
        guard let waker else { return nil }
        waker.wake()
        return answer.wait()
    }

    private func tryPerform(
        _ body: @escaping @Sendable (CollectorLoop) throws(KernelError) -> Void
    ) throws(KernelError) {
        let failure = perform { loop -> KernelError? in
            do throws(KernelError) {
                try body(loop)
                return nil
            } catch {
                return error
            }
        }
        if let error = failure ?? nil { throw error }
    }

    /// Without a descriptor, which there may be none left of just when somebody wants to take something back.
    private final class Answer<Value: Sendable>: Sendable {
        private let value = NIOLockedValueBox<Value?>(nil)
        private let isGiven = ConditionLock(value: false)

        func give(_ value: Value) {
            self.value.withLockedValue { $0 = value }
            isGiven.lock()
            isGiven.unlock(withValue: true)
        }

        func wait() -> Value? {
            isGiven.lock(whenValue: true)
            isGiven.unlock()
            return value.withLockedValue { $0 }
        }
    }
}
