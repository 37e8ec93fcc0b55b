// SPDX-License-Identifier: Apache-2.0

import CSensorBPF
import Glibc
import SensorCore

/// What the pipeline costs for each record and each count, in nanoseconds: the best of several rounds.
///
/// Run by hand: `SENSORD_BENCHMARKS=1 swift run -c release --scratch-path .build-bench PipelineBenchmark`.
@main
struct PipelineBenchmark {
    /// Nobody to ask: what is measured is our own work.
    private final class Nothing: HostView {
        func answer(_ question: HostQuestion) -> HostAnswer { .failure(2) }
    }

    static func main() {
        let opens = (0..<20_000).map { open(number: $0) }
        measure("first sight of a file, remembered", opens)
        measure("a file streamed again", opens.map { flagged($0, UInt16(SENSOR_STREAMED)) })
        measure("fork and exit", (0..<10_000).flatMap { [fork(number: $0), exit(number: $0)] })
        counts(opens)
        identity()
    }

    private static func pipeline() -> Pipeline {
        let session = Session(
            bootID: "0b5e1c1e7d1f4b7e9a550123456789ab", streamID: Session.randomStreamID(),
            clock: ClockReading(boot: 1, wallOffset: 1_795_214_400_000_000_000))
        return Pipeline(session: session, host: Nothing())
    }

    private static func measure(_ name: String, _ records: [[UInt8]]) {
        let encoder = EventEncoder(stream: Session.randomStreamID())
        var (best, bestEncoded) = (Duration.seconds(1000), Duration.seconds(1000))
        for round in 0..<14 {
            var pipeline = pipeline()
            var buffer: [UInt8] = []
            let clock = ContinuousClock()
            let time = clock.measure {
                for record in records {
                    guard let view = try? RecordView(record.span.bytes) else { continue }
                    pipeline.record(view)
                    guard pipeline.eventCount >= 512 else { continue }
                    for event in pipeline.takeEvents() where round % 2 == 0 {
                        encoder.encode(event, into: &buffer)
                    }
                    buffer.removeAll(keepingCapacity: true)
                }
            }
            if round % 2 == 0 { bestEncoded = min(bestEncoded, time) } else { best = min(best, time) }
        }
        print(
            "\(name): \(nanoseconds(best, records.count)) ns, with JSON \(nanoseconds(bestEncoded, records.count)) ns")
    }

    private static func counts(_ records: [[UInt8]]) {
        var best = Duration.seconds(1000)
        var pipeline = pipeline()
        for record in records { pipeline.consume(.record(record)) }
        _ = pipeline.takeEvents()
        let keys = records.map { $0.withUnsafeBytes { $0.loadUnaligned(as: sensor_header.self).key } }
        for _ in 0..<10 {
            let time = ContinuousClock().measure {
                for key in keys {
                    pipeline.count(CountDelta(key: key, count: 3))
                    if pipeline.eventCount >= 512 { _ = pipeline.takeEvents() }
                }
            }
            best = min(best, time)
        }
        print("a count told as an event: \(nanoseconds(best, keys.count)) ns")
    }

    // MARK: Identity

    /// A full node: 250 pods of four containers each, with a cgroup below each container.
    private static func identity() {
        let (pods, containers) = (250, 4)
        let before = residentBytes()
        var table = CgroupTable(host: Nothing(), trustDomain: "example.test")
        _ = table.apply([.cluster(name: "c1", id: "")])
        var ids: [UInt64] = []
        for pod in 0..<pods {
            let uid = "00000000-0000-4000-8000-" + padded(pod, to: 12)
            var identity = PodIdentity(
                uid: uid, namespace: "agents", name: "app-\(pod)-7c9d-x2x",
                controller: .init(group: "apps", kind: "Deployment", name: "app-\(pod)", uid: "d-\(pod)"))
            identity.labels = ["app.kubernetes.io/name": "app-\(pod)", "team": "agents"]
            identity.serviceAccount = "app-\(pod)"
            for container in 0..<containers {
                let number = containers * pod + container
                let id = String(repeating: "a", count: 52) + padded(number, to: 12)
                identity.containers.append(
                    .init(
                        name: "c\(container)", role: .main, ids: [id], image: "registry.test/team/app:1.\(pod)",
                        imageDigest: "sha256:" + id))
                let path = "/kubepods/burstable/pod\(uid)/\(id)"
                for (index, below) in ["", "/init"].enumerated() {
                    ids.append(UInt64(1000 + 2 * number + index))
                    table.created(ids[ids.count - 1], path: ByteString(path + below))
                }
            }
            _ = table.apply([.pod(identity)])
        }
        let grown = residentBytes() - before
        var random = SystemRandomNumberGenerator()
        let order = (0..<200_000).map { _ in ids[Int.random(in: 0..<ids.count, using: &random)] }
        var best = Duration.seconds(1000)
        var known = 0
        for _ in 0..<10 {
            let time = ContinuousClock().measure {
                for id in order where table.workload(of: id, pid: 0).description.kind == "Deployment" { known += 1 }
            }
            best = min(best, time)
        }
        print("whose a cgroup is, \(ids.count) of them in any order: \(nanoseconds(best, order.count)) ns")
        precondition(known == 10 * order.count)
        print("\(pods) pods and \(ids.count) cgroups: \(grown >> 10) KiB more RSS")
    }

    private static func padded(_ number: Int, to width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: width - digits.count) + digits
    }

    /// Of this process, now.
    private static func residentBytes() -> Int {
        guard let file = fopen("/proc/self/statm", "re") else { return 0 }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 128)
        guard fgets(&line, Int32(line.count), file) != nil else { return 0 }
        let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let pages = text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
    }

    private static func nanoseconds(_ duration: Duration, _ count: Int) -> Int {
        Int(duration / .nanoseconds(1)) / count
    }

    // MARK: Records

    private static func open(number: Int) -> [UInt8] {
        var file = sensor_file()
        file.inode = UInt64(number)
        file.device = 8 << 20 | 1
        file.access = 1
        file.mode = 0o100644
        let path = Array("module\(number).py/package/site-packages/python3.11/lib/usr/".utf8)
        var header = header(SENSOR_FILE_OPEN, pid: 4242)
        header.key.object = UInt64(number) &* 0x9e37_79b9_7f4a_7c15
        header.flags = UInt16(SENSOR_FIRST_SEEN | SENSOR_REMEMBERED)
        return record(header, file, sections: [(SENSOR_SECTION_PATH, path)])
    }

    private static func fork(number: Int) -> [UInt8] {
        var exec = sensor_exec()
        exec.parent_tgid = 4242
        exec.parent_start = 1
        return record(header(SENSOR_PROCESS_FORK, pid: UInt32(10_000 + number)), exec)
    }

    private static func exit(number: Int) -> [UInt8] {
        record(header(SENSOR_PROCESS_EXIT, pid: UInt32(10_000 + number)), sensor_exit())
    }

    private static func header(_ kind: sensor_kind, pid: UInt32) -> sensor_header {
        var header = sensor_header()
        header.flags = UInt16(SENSOR_FIRST_SEEN)
        header.key.kind = UInt8(kind.rawValue)
        header.key.hook = 1
        header.key.cgroup = 42
        header.time = 1_000_000
        header.start = 1
        (header.tgid, header.tid) = (pid, pid)
        return header
    }

    private static func record(
        _ header: sensor_header, _ body: some BitwiseCopyable, sections: [(sensor_section_tag, [UInt8])] = []
    ) -> [UInt8] {
        var bytes = withUnsafeBytes(of: header) { Array($0) } + withUnsafeBytes(of: body) { Array($0) }
        for (tag, content) in sections {
            let section = sensor_section(tag: UInt16(tag.rawValue), flags: 0, length: UInt32(content.count))
            bytes += withUnsafeBytes(of: section) { Array($0) }
            bytes += content
            bytes += Array(repeating: 0, count: (8 - content.count % 8) % 8)
        }
        var sealed = header
        sealed.size = UInt32(bytes.count)
        sealed.sections = UInt16(sections.count)
        bytes.withUnsafeMutableBytes { $0.storeBytes(of: sealed, as: sensor_header.self) }
        return bytes
    }

    private static func flagged(_ record: [UInt8], _ flags: UInt16) -> [UInt8] {
        var record = record
        record.withUnsafeMutableBytes {
            var header = $0.loadUnaligned(as: sensor_header.self)
            header.flags = flags
            $0.storeBytes(of: header, as: sensor_header.self)
        }
        return record
    }
}
