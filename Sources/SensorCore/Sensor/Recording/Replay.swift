// SPDX-License-Identifier: Apache-2.0

/// Feeds a recording through the pipeline.
package enum Replay {
    /// Reads to the end and finishes the sinks.
    ///
    /// - Parameters:
    ///   - descriptor: an open recording, which is closed.
    ///   - isStopped: asked between batches.
    ///   - prepare: told the session before the first event, since sinks write its stream id.
    /// - Returns: how it went, and what ended it before its end. Everything before that has been handed on.
    package static func run(
        descriptor: Int32, configuration: PipelineConfiguration = .init(), batch: Int = 512,
        isStopped: () -> Bool = { false }, sinks makeSinks: (Session) -> [any EventSink]
    ) -> (summary: CollectorSummary, error: RecordingError?) {
        let reader: RecordingReader
        do throws(RecordingError) { reader = try RecordingReader(descriptor: descriptor) } catch {
            return (CollectorSummary(), error)
        }
        let sinks = makeSinks(reader.session)
        var pipeline = Pipeline(session: reader.session, host: reader.host, configuration: configuration)
        var failure: RecordingError?
        do throws(RecordingError) {
            while let input = try reader.next() {
                pipeline.consume(input)
                guard pipeline.eventCount >= batch else { continue }
                let events = pipeline.takeEvents()
                for sink in sinks { sink.receive(events) }
                if isStopped() { break }
            }
        } catch {
            failure = error
            // What waited for its workload to become known would have been told after the cut.
            pipeline.consume(.settle(.max))
        }
        let events = pipeline.takeEvents()
        let records = pipeline.takeCallRecords()
        for sink in sinks {
            if !events.isEmpty { sink.receive(events) }
            if !records.isEmpty { sink.receive(records) }
            sink.finish()
        }
        var summary = CollectorSummary()
        summary.losses = pipeline.ledger
        summary.statistics = pipeline.statistics
        summary.uringOperations = pipeline.uringOperations
        return (summary, failure)
    }
}
