// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials
internal import SwiftProtobuf

extension PostureToolCallRecord {
    /// The message for what can take its time or wants the binary form.
    package init(_ record: ToolCallRecord) {
        self.init()
        state = record.state.rawValue
        call = PostureToolCall(record.call)
        if let process = record.process { self.process = PostureProcess(process, threadID: 0) }
        workload = PostureWorkload(record.workload)
        began = Google_Protobuf_Timestamp(nanosecondsSince1970: record.began)
        if let time = record.ended { ended = Google_Protobuf_Timestamp(nanosecondsSince1970: time) }
        effects = record.effects.map(PostureToolCallEffect.init)
        counts = record.sortedCounts.map { entry in
            PostureToolCallEffectCount.with { ($0.kind, $0.count) = (entry.kind.name, entry.count) }
        }
        leftOut = record.leftOut
        effectsIncomplete = record.isIncomplete
        outlivedBy = record.outlivedBy.map { process in
            PostureOutlivingProcess.with {
                ($0.id, $0.pid) = (process.id, process.pid)
                ($0.executable, $0.method) = (process.executable, process.method.rawValue)
            }
        }
        outlivedByLeftOut = record.outlivedByLeftOut
    }
}

extension ToolCallRecord {
    private static let beginning = Array("{\"toolCall\":".utf8)

    /// Reads one line of the records; nil if it is no tool call's.
    package init?(json line: ArraySlice<UInt8>) {
        guard line.starts(with: Self.beginning), let end = line.lastIndex(of: UInt8(ascii: "}")) else { return nil }
        var options = JSONDecodingOptions()
        options.ignoreUnknownFields = true
        let body = Data(line[(line.startIndex + Self.beginning.count)..<end])
        guard let message = try? PostureToolCallRecord(jsonUTF8Data: body, options: options) else { return nil }
        self.init(message)
    }

    /// nil: it has a state that this version does not know.
    package init?(_ message: PostureToolCallRecord) {
        guard let state = State(rawValue: message.state) else { return nil }
        self.init(
            state: state, call: ToolCallDetail(message.call),
            process: message.hasProcess ? ProcessDescription(message.process) : nil,
            workload: WorkloadDescription(message.workload), began: message.began.nanosecondsSince1970,
            ended: message.hasEnded ? message.ended.nanosecondsSince1970 : nil)
        effects = message.effects.compactMap(ToolCallEffects.Effect.init)
        for entry in message.counts {
            guard let kind = EventKind.allCases.first(where: { $0.name == entry.kind }) else { continue }
            counts[kind, default: 0] &+= entry.count
        }
        leftOut = message.leftOut
        isIncomplete = message.effectsIncomplete
        outlivedBy = message.outlivedBy.compactMap { process in
            ToolCallReference.Method(rawValue: process.method).map {
                Outliving(id: process.id, pid: process.pid, executable: process.executable, method: $0)
            }
        }
        outlivedByLeftOut = message.outlivedByLeftOut
    }
}
