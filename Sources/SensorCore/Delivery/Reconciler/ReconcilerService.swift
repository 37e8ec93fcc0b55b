// SPDX-License-Identifier: Apache-2.0

package import Logging
package import NIOCore
internal import ServiceLifecycle

/// Sends records to a reconciler until each is acknowledged, whatever breaks.
package struct ReconcilerService: Service {
    private let settings: ReconcilerSettings
    private let sink: ReconcilerSink
    private let node: String
    private let gaps: GapRecord
    private let aside: SetAsideFiles
    private let group: any EventLoopGroup
    private let log: Logger

    /// - Parameters:
    ///   - node: what batches say.
    ///   - gaps: takes the place of what the reconciler refuses.
    ///   - aside: keeps that.
    package init(
        _ settings: ReconcilerSettings, sink: ReconcilerSink, node: String, gaps: GapRecord, aside: SetAsideFiles,
        group: any EventLoopGroup, log: Logger
    ) {
        self.settings = settings
        self.sink = sink
        self.node = node
        self.gaps = gaps
        self.aside = aside
        self.group = group
        self.log = log
    }

    /// Until it is told to stop: what is not acknowledged by then is kept, and sent by the next run.
    package func run() async throws {
        let client = try ReconcilerClient(settings, group: group)
        await cancelWhenGracefulShutdown { await deliver(client) }
        await client.shutdown()
    }

    private func deliver(_ client: ReconcilerClient) async {
        while !Task.isCancelled {
            switch sink.next() {
            case .send(let batch): await send(batch, client)
            case .setAside(let records, let why): await setAside(records, why)
            case .wait(let time): await sink.wait(until: time)
            }
        }
    }

    private func send(_ batch: ReconcilerDelivery.Batch, _ client: ReconcilerClient) async {
        let (settings, node) = (settings, node)
        // Packing takes a while, which threads of Swift concurrency do not have.
        let body =
            await Worker.value("delivery") { () -> DeliveryForm.Encoded in
                let body = settings.form.encode(batch.records, node: node)
                guard case .bytes(let bytes) = body else { return body }
                return Gzip.pack(bytes).map { .bytes($0) } ?? .impossible
            } ?? .impossible
        let before = sink.status
        switch body {
        case .bytes(let bytes): sink.finish(await client.post(bytes, of: batch))
        case .nothing: sink.finish(.needless)
        case .impossible: sink.finish(.tooLarge(ReconcilerRefusal("the batch cannot be written")))
        }
        if !Task.isCancelled { tell(before, batch) }
    }

    private func tell(_ before: ReconcilerStatus, _ batch: ReconcilerDelivery.Batch) {
        let status = sink.status
        var metadata: Logger.Metadata = ["sink": "\(sink.name)", "url": "\(settings.urls[batch.endpoint])"]
        if let reason = status.leftOutReason, reason != before.leftOutReason {
            var metadata = metadata
            metadata["leftOut"] = "\(status.counters.leftOut)"
            metadata["answer"] = "\(reason.prefix(256))"
            log.warning(
                "what was sent was not taken wholly, and what was left out is not sent again", metadata: metadata)
        }
        let after = status.trouble
        guard before.trouble != after else { return }
        guard let after else {
            log.notice("records reach the reconciler again", metadata: metadata)
            return
        }
        metadata["error"] = "\(after)"
        log.warning("records do not reach the reconciler, they are kept and sent again", metadata: metadata)
    }

    private func setAside(_ records: [RecordEnvelope], _ refusal: ReconcilerRefusal) async {
        guard let first = records.first, let last = records.last else { return }
        let (aside, gaps) = (aside, gaps)
        let clock = ClockReading.now()
        let kept = await Worker.value("delivery") { () -> Result<SetAsideFiles.Kept, SystemError> in
            do throws(SystemError) {
                return .success(try aside.keep(records, why: refusal, time: clock.wall / 1_000_000_000))
            } catch { return .failure(error) }
        }
        // The reconciler may have some of them, of answers that were lost: which payload it has before the gap is not known.
        let gap = Self.gap(in: first, last)
        guard case .success(let file)? = kept,
            let envelope = gaps.envelope(for: gap, in: first.stream, previous: nil, clock: clock)
        else {
            var why = "no thread is to be had"
            if case .failure(let error)? = kept { why = "\(error)" }
            sink.keep("what the reconciler refuses (\(refusal.reason)) cannot be set aside: \(why)")
            return
        }
        sink.replace(with: envelope, droppedFiles: file.dropped)
        log.error(
            "the reconciler refuses records: they were set aside, and a gap takes their place: see sensord spool",
            metadata: [
                "sink": "\(sink.name)", "reason": "\(refusal.reason)", "answer": "\(refusal.answer.prefix(256))",
                "from": "\(first.sequence)", "to": "\(last.sequence)", "file": "\(file.path)",
                "droppedFiles": "\(file.dropped)",
            ])
    }

    /// In the place of records from one to another, which may be gaps already.
    private static func gap(in first: RecordEnvelope, _ last: RecordEnvelope) -> RecordGap {
        let end = last.replaced
        return RecordGap(
            (first.replaced?.range.lowerBound ?? first.sequence)...last.sequence, reason: "set_aside",
            digest: end == nil ? PayloadDigest(of: last.payload) : end?.digest)
    }
}
