// SPDX-License-Identifier: Apache-2.0

extension PostureDiff {
    /// All of it on one line. Names are as the contract has them; 64-bit numbers are strings.
    package var json: String {
        var text = JSONText()
        text.append(#"{"subject":"#)
        text.append(before.subject)
        text.append(#","before":"#)
        text.append(before, hours: hours.before)
        text.append(#","after":"#)
        text.append(after, hours: hours.after)
        text.append(#","isContinuation":"#)
        text.append(isContinuation)
        text.append(#","hasUnknownFacts":"#)
        text.append(hasUnknownFacts)
        text.append(#","changes":["#)
        for (index, change) in changes.enumerated() {
            if index > 0 { text.append(",") }
            text.append(change)
        }
        text.append(#"],"overflows":["#)
        for (index, overflow) in overflows.enumerated() {
            text.append(index > 0 ? #",{"kind":"# : #"{"kind":"#)
            text.append(string: overflow.kind.name)
            text.append(#","before":"#)
            text.append(quoted: overflow.before)
            text.append(#","after":"#)
            text.append(quoted: overflow.after)
            text.append("}")
        }
        text.append("]}")
        return text.string
    }
}

extension JSONText {
    var string: String { String(decoding: bytes.contents, as: UTF8.self) }

    mutating func append(_ subject: SubjectKey) {
        let start = bytes.count
        append(text: #","cluster":"#, subject.cluster)
        append(text: #","namespace":"#, subject.namespace)
        append(text: #","group":"#, subject.group)
        append(text: #","kind":"#, subject.kind)
        append(text: #","name":"#, subject.name)
        append(text: #","container":"#, subject.container)
        append(text: #","containerType":"#, subject.containerType)
        closeObject(startedAt: start)
    }

    fileprivate mutating func append(_ view: PostureView, hours: Int) {
        append(#"{"label":"#)
        append(string: view.label)
        append(text: #","revision":"#, view.revision ?? "")
        append(#","nodes":"#)
        append(strings: view.nodes)
        append(#","time":""#)
        append(time: view.time)
        append(#"","observedHours":"#)
        append(decimal: UInt64(max(0, hours)))
        append("}")
    }

    fileprivate mutating func append(_ change: PostureChange) {
        append(#"{"change":"#)
        append(string: change.nature.name)
        append(#","sensitivity":"#)
        append(string: change.sensitivity.name)
        append(#","kind":"#)
        append(string: change.line.kind.name)
        append(#","what":"#)
        append(string: change.line.text)
        if change.nature != .altered {
            append(#","qualifiers":"#)
            append(change.line.qualifiers)
        } else {
            append(text: #","qualifiersBefore":["#, change.qualifiersBefore)
            append(text: #"],"qualifiersAfter":["#, change.qualifiersAfter)
            append("]")
        }
        append(#","factsBefore":"#)
        append(decimal: UInt64(change.factsBefore))
        append(#","factsAfter":"#)
        append(decimal: UInt64(change.factsAfter))
        append(#","countBefore":"#)
        append(quoted: change.countBefore)
        append(#","countAfter":"#)
        append(quoted: change.countAfter)
        append(#","firstSeen":""#)
        append(time: change.line.firstSeen)
        append(#"","lastSeen":""#)
        append(time: change.line.lastSeen)
        append("\"")
        if !change.line.exemplars.isEmpty {
            append(#","exemplars":"#)
            append(strings: change.line.exemplars)
        }
        if let rates = change.rates {
            append(#","hourlyBefore":"#)
            append(thousandths: rates.before)
            append(#","hourlyAfter":"#)
            append(thousandths: rates.after)
        }
        if let absence = change.absence {
            append(#","absence":"#)
            append(string: absence.name)
            if case .notWhollyWatched(let state) = absence { append(text: #","coverage":"#, state) }
        }
        append("}")
    }

    private mutating func append(thousandths value: Double) {
        let thousandths = UInt64(min(max(0, value * 1000), 1e15))
        append(decimal: thousandths / 1000)
        append(".")
        append(padded: thousandths % 1000, places: 3)
    }

    private mutating func append(text name: StaticString, _ qualifiers: [FactQualifiers]) {
        append(name)
        for (index, one) in qualifiers.enumerated() {
            if index > 0 { append(",") }
            append(one)
        }
    }

    private mutating func append(_ qualifiers: FactQualifiers) {
        append(#"{"outcome":"#)
        append(string: qualifiers.outcome.name)
        append(text: #","serviceAccount":"#, qualifiers.serviceAccount)
        append(text: #","initiatorKind":"#, qualifiers.initiatorKind)
        append(text: #","agent":"#, qualifiers.agent)
        append("}")
    }
}

extension PostureSummary.Line {
    package var qualifiers: FactQualifiers {
        FactQualifiers(
            outcome: outcome, serviceAccount: serviceAccount, initiatorKind: initiatorKind, agent: agent)
    }
}
