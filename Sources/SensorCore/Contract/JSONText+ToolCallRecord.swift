// SPDX-License-Identifier: Apache-2.0

extension ToolCallRecord {
    /// A line of JSON, newline included.
    package var line: [UInt8] {
        var json = JSONText()
        json.append(self)
        return json.bytes.array
    }
}

extension JSONText {
    fileprivate mutating func append(_ record: ToolCallRecord) {
        append("{\"toolCall\":{\"state\":\"")
        append(text: record.state)
        append("\"")
        append(record.call, as: ",\"call\":")
        if let process = record.process {
            append(",")
            append(fragment: process.fragment)
        }
        append(",")
        append(fragment: record.workload.fragment)
        append(time: ",\"began\":\"", record.began)
        append(time: ",\"ended\":\"", record.ended)
        append(record.effects)
        for (index, entry) in record.sortedCounts.enumerated() {
            append(index == 0 ? ",\"counts\":[{\"kind\":\"" : ",{\"kind\":\"")
            append(entry.kind.nameText)
            append("\",\"count\":")
            append(quoted: entry.count)
            append("}")
        }
        if !record.counts.isEmpty { append("]") }
        if record.leftOut != 0 {
            append(",\"leftOut\":")
            append(quoted: record.leftOut)
        }
        if record.isIncomplete { append(",\"effectsIncomplete\":true") }
        append(record.outlivedBy)
        if record.outlivedByLeftOut != 0 {
            append(",\"outlivedByLeftOut\":")
            append(quoted: record.outlivedByLeftOut)
        }
        append("}}\n")
    }

    private mutating func append(text state: ToolCallRecord.State) {
        switch state {
        case .open: append("open")
        case .finished: append("finished")
        }
    }

    private mutating func append(_ processes: [ToolCallRecord.Outliving]) {
        if processes.isEmpty { return }
        append(",\"outlivedBy\":[")
        for (index, process) in processes.enumerated() {
            if index > 0 { append(",") }
            let start = bytes.count
            append(text: ",\"id\":", process.id)
            if process.pid != 0 {
                append(",\"pid\":")
                append(decimal: UInt64(process.pid))
            }
            append(text: ",\"executable\":", process.executable)
            append(text: ",\"method\":", process.method.rawValue)
            closeObject(startedAt: start)
        }
        append("]")
    }
}
