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
        let before = sink.status.trouble
        switch (body, batch.records.last) {
        case (.bytes(let bytes), _):
            let outcome = await client.post(bytes, of: batch)
            tell(outcome)
            sink.finish(outcome)
        case (.nothing, let last?):
            sink.finish(.acknowledged(stream: last.stream.description, sequence: last.sequence))
        default: sink.finish(.tooLarge(ReconcilerRefusal("the batch cannot be written")))
        }
        if !Task.isCancelled { tell(before, batch) }
    }

    private func tell(_ before: String?, _ batch: ReconcilerDelivery.Batch) {
        let after = sink.status.trouble
        guard before != after else { return }
        var metadata: Logger.Metadata = ["sink": "\(sink.name)", "url": "\(settings.urls[batch.endpoint])"]
        guard let after else {
            log.notice("records reach the reconciler again", metadata: metadata)
            return
        }
        metadata["error"] = "\(after)"
        log.warning("records do not reach the reconciler, they are kept and sent again", metadata: metadata)
    }

    /// Once: more is counted.
    private func tell(_ outcome: ReconcilerOutcome) {
        guard case .acknowledged(_, _, let refused) = outcome, refused > 0, sink.status.counters.refusedRecords == 0
        else { return }
        log.warning(
            "records are taken but for some: see sensord_delivery_refused_records_total",
            metadata: ["sink": "\(sink.name)", "refused": "\(refused)"])
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
        sink.replace(with: envelope)
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
