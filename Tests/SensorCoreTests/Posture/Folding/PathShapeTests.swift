// SPDX-License-Identifier: Apache-2.0

@testable import SensorCore
import Testing

@Suite struct PathShapeTests {
    @Test(arguments: [
        ("/proc/4242/stat", "/proc/{pid}/stat"),
        ("/proc/4242/task/4243/comm", "/proc/{pid}/task/{tid}/comm"),
        ("/proc/1/fd/17", "/proc/{pid}/fd/{fd}"),
        ("/proc/self/fd/3", "/proc/self/fd/{fd}"),
        ("/proc/self/map_files/7f00-7f01", "/proc/self/map_files/{range}"),
        ("/data/part-00012", "/data/part-{n}"),
        ("/data/part-3", "/data/part-{n}"),
        ("/data/segment-000123.log", "/data/segment-{n}.log"),
        (
            "/data/part-00000-3f2504e0-4f89-11d3-9a0c-0305e82c3301-c000.snappy.parquet",
            "/data/part-{n}-{uuid}-c{n}.snappy.parquet"
        ),
        ("/models/model-00001-of-00005.safetensors", "/models/model-{n}-of-{n}.safetensors"),
        ("/out/checkpoint-500/state.pt", "/out/checkpoint-{n}/state.pt"),
        ("/app/uploads/3f2504e0-4f89-11d3-9a0c-0305e82c3301", "/app/uploads/{uuid}"),
        ("/app/session-3F2504E0-4F89-11D3-9A0C-0305E82C3301.json", "/app/session-{uuid}.json"),
        (
            "/sys/fs/cgroup/kubepods-pod3f2504e0_4f89_11d3_9a0c_0305e82c3301.slice/cpu.max",
            "/sys/fs/cgroup/kubepods-pod{uuid}.slice/cpu.max"
        ),
        ("/cache/9f86d081884c7d65", "/cache/{hex}"),
        ("/cache/9f86d081", "/cache/{hex}"),
        ("/cache/chrome-ae123456.css", "/cache/chrome-{hex}.css"),
        ("/cache/abcdefabcdefabcd.bin", "/cache/abcdefabcdefabcd.bin"),
        ("/cache/abcdefabcdefabc1.bin", "/cache/{hex}.bin"),
        ("/repo/.git/objects/4b/825dc642cb6eb9a060e54bf8d69288fbee4904", "/repo/.git/objects/{hex}/{hex}"),
        ("/c/sha512/12/f4/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b", "/c/sha512/{hex}/{hex}/{hex}"),
        ("/var/lib/x/sha256:9f86d081884c7d659a2feaa0c55ad015", "/var/lib/x/sha256:{hex}"),
        ("/srv/blobs/dGhpcyBpcyBhIHRva2VuIDE5Mz", "/srv/blobs/{token}"),
        ("/srv/k/Xk9fP2mQ7vR4tW1z", "/srv/k/{token}"),
        ("/logs/2026-11-22.log", "/logs/{date}.log"),
        ("/logs/app-20261122.log.gz", "/logs/app-{date}.log.gz"),
        ("/logs/20261122T101500Z", "/logs/{time}"),
        ("/logs/2026-11-22T10:15:00.123Z.json", "/logs/{time}.json"),
        ("/logs/2026-11-22T10:15:00+01:00", "/logs/{time}"),
        ("/logs/20261122-101500.txt", "/logs/{time}.txt"),
        ("/logs/20261122101500", "/logs/{time}"),
        ("/logs/2026/11/22/x", "/logs/{n}/{n}/{n}/x"),
        ("/lake/dt=2026-11-22/hour=07/f", "/lake/dt={date}/hour={n}/f"),
        ("/lake/year=2026/month=11/x", "/lake/year={n}/month={n}/x"),
        ("/logs/app.log.1", "/logs/app.log.{n}"),
        ("/logs/app.log.12.gz", "/logs/app.log.{n}.gz"),
        ("/out/img00042.png", "/out/img{n}.png"),
        ("/out/1700000000.json", "/out/{n}.json"),
        ("/tmp/tmp.AbC123", "/tmp/tmp.{tmp}"),
        ("/home/x/tmp.Zk29fQw1Pd", "/home/x/tmp.{tmp}"),
        ("/tmp/tmpabcd1234", "/tmp/tmp{tmp}"),
        ("/tmp/tmpqwertyui", "/tmp/tmp{tmp}"),
        ("/tmp/tmp_x8k2j1p.json", "/tmp/tmp{tmp}.json"),
        ("/project/tmp3k2_j1px/out", "/project/tmp{tmp}/out"),
        ("/home/x/.goutputstream-K4XW71", "/home/x/.goutputstream-{tmp}"),
        ("/tmp/pip-install-x8k2j1p_", "/tmp/pip-install-{tmp}"),
        ("/tmp/pip-build-env-qwertyui/site", "/tmp/pip-build-env-{tmp}/site"),
        ("/var/lib/php/sessions/sess_8n2k4j6h8g0f2d4s6a8p0o2i4u", "/var/lib/php/sessions/sess_{token}"),
        ("/data/.nfs000000000a1b2c3d00000012", "/data/.nfs{hex}"),
        ("/tmp/ssh-XXXXbR3kq9ZL/agent.1234", "/tmp/ssh-{tmp}/agent.{n}"),
        ("/tmp/go-build1234567890/b001/x", "/tmp/go-build{n}/b{n}/x"),
        ("/tmp/hsperfdata_root/1234", "/tmp/hsperfdata_root/{n}"),
        ("/tmp/.java_pid77", "/tmp/.java_pid{n}"),
        (
            "/tmp/systemd-private-9f86d081884c7d659a2feaa0c55ad015-ntp.service-x7K2pQ/tmp",
            "/tmp/systemd-private-{hex}-ntp.service-{tmp}/tmp"
        ),
        ("/dev/shm/pymp-k2j1p_x8", "/dev/shm/pymp-{tmp}"),
        ("/dev/pts/12", "/dev/pts/{n}"),
        ("/vol/..2026_11_22_10_15_00.123456789/key", "/vol/..{time}/key"),
        (
            "/var/log/pods/agents_planner-7c9d8f6b5-x2x4q_u/main/0.log",
            "/var/log/pods/agents_planner-{pod}_u/main/0.log"
        ),
        (
            "/usr/lib/python3/__pycache__/a.cpython-311.pyc.139872381793",
            "/usr/lib/python3/__pycache__/a.cpython-311.pyc.{n}"
        ),
        (
            "/usr/lib/debug/.build-id/ab/cdef0123456789abcdef0123456789abcdef01.debug",
            "/usr/lib/debug/.build-id/{hex}/{hex}.debug"
        ),
        ("pipe:[1234567]", "pipe:[{n}]"),
        ("/run/user/1000/bus", "/run/user/{n}/bus"),
    ])
    func `what is made up anew is left open`(_ path: String, _ pattern: String) {
        #expect(PathShape.pattern(of: ByteString(path)).text == pattern)
    }

    @Test(arguments: [
        "/usr/bin/python3.11", "/usr/lib/x86_64-linux-gnu/libfoo.so.6", "/usr/lib/x86_64-linux-gnu/libstdc++.so.6.0.30",
        "/api/v1", "/api/v2beta1/x", "/usr/bin/sha256sum", "/usr/bin/md5sum", "/words/deadbeef", "/words/facade",
        "/words/cafebabe", "/usr/bin/2to3", "/usr/bin/7z", "/usr/lib/x86_64-linux-gnu/libabsl_hash.so.20220623.0.0",
        "/usr/share/doc/libabsl20220623",
        "/usr/lib/gcc/x86_64-linux-gnu/12/include/avx512fp16intrin.h", "/app/src/avx512fp16intrin.h",
        "/usr/bin/x86_64-linux-gnu-gcc-12",
        "/lib64/ld-linux-x86-64.so.2",
        "/usr/lib/gcc/x86_64-linux-gnu/12/cc1", "/usr/lib/postgresql/16/bin/postgres", "/usr/lib/llvm-18/bin/clang",
        "/usr/lib/locale/en_US.UTF-8/LC_CTYPE", "/usr/lib/x86_64-linux-gnu/gconv/ISO8859-1.so",
        "/usr/lib/x86_64-linux-gnu/gconv/GB18030.so", "/usr/share/zoneinfo/Etc/GMT+5",
        "/usr/share/i18n/charmaps/CP1252.gz",
        "/lib/modules/6.8.0-40-generic/kernel", "/opt/node-v18.17.0-linux-x64/bin/node", "/opt/jdk-17.0.9/bin/java",
        "/opt/libc-2.31.so", "/opt/openssl-3.0.2/x", "/opt/jquery-3.7.1.min.js", "/etc/sysctl.d/99-sysctl.conf",
        "/etc/apache2/sites-enabled/000-default.conf", "/etc/X11/rgb.txt", "/dev/tty1", "/dev/sda1", "/dev/loop0",
        "/sys/class/net/eth0/mtu", "/sys/devices/system/cpu/cpu12/online", "/opt/qt/libQt5WebEngineWidgets5.so",
        "/opt/lib/python3.11/site-packages/numpy-1.26.4.dist-info/RECORD",
        "/venv/lib/python3.11/site-packages/certifi/cacert.pem",
        "/venv/lib/python3.11/site-packages/pytz-2024.1.dist-info",
        "/venv/lib/python3.11/site-packages/certifi-2024.07.04.dist-info", "/app/src/base64.py", "/app/src/h264.c",
        "/app/node_modules/@babel/helper-plugin-utils/lib/index.js", "/app/web-0/data", "/app/tmp/tmpfiles.conf",
        "/app/tmpdownload", "/app/utf8.txt", "/app/i18n/de.json", "/app/rfc5246.txt", "/app/Dockerfile",
        "/app/README.md",
        "/app/mp4/clip.mp4", "/proc/self/status", "/proc/thread-self/attr", "/proc/cpuinfo",
        "/usr/share/man/man1/ls.1.gz",
        "/var/lib/dpkg/status", "/home/user1/notes", "/home/x/.config/Code", "/tmp/hsperfdata_root",
        "/tmp/.X11-unix/X0",
        "/app/NotoSansCJKjp-Regular.otf", "/app/aes-256-gcm.txt", "/app/some-quite-long-file-name-with-words.txt",
        "/app/my-App-V2-Release-Candidate-Notes.md", "/app/pip-23.0.1-py3-none-any.whl", "/app/sess_x", "/app/..data",
    ])
    func `what is a name stays one`(_ path: String) {
        #expect(PathShape.pattern(of: ByteString(path)).text == path)
    }

    @Test func `a pattern reads like no path`() {
        let placeholder = PathShape.pattern(of: "/proc/17/stat")
        let literal = PathShape.pattern(of: "/proc/{pid}/stat")
        #expect(literal.text == "/proc/\\{pid\\}/stat")
        #expect(literal != placeholder && literal.isLiteral && !placeholder.isLiteral)
        #expect(PathPattern(literal: "/a/*").text == "/a/\\*")
        #expect(PathPattern(literal: "/a/\\*").text == "/a/\\\\\\*")
        #expect(PathPattern(literal: "/a/\u{1}é").text == "/a/\\x01é")
        #expect(PathPattern(literal: "/a/\\x01").text == "/a/\\\\x01")
    }

    @Test func `bytes that are no UTF-8 survive`() {
        let broken: [[UInt8]] = [
            [0xff], [0xc3], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xe2, 0x82],
        ]
        let patterns = broken.map { PathPattern(literal: ByteString(Array("/a/".utf8) + $0)) }
        #expect(Set(patterns).count == broken.count)
        for pattern in patterns { #expect(Array(pattern.text.utf8) == pattern.bytes && pattern.isLiteral) }
        #expect(PathShape.pattern(of: ByteString(Array("/a/é-00012-".utf8) + [0xfe])).text == "/a/é-{n}-\\xfe")
    }

    @Test func `no two paths have one literal pattern`() {
        var generator = SplitMix(seed: 7)
        let alphabet: [UInt8] = [0x2a, 0x5c, 0x7b, 0x7d, 0x78, 0x66, 0x30, 0x2f, 0xff, 0xc3, 0xa9, 0x01]
        var seen: [PathPattern: [UInt8]] = [:]
        for _ in 0..<3_000 {
            let path = (0..<Int.random(in: 0...5, using: &generator)).map { _ in
                alphabet[Int.random(in: 0..<alphabet.count, using: &generator)]
            }
            let pattern = PathPattern(literal: ByteString(path))
            #expect(seen.updateValue(path, forKey: pattern).map { $0 == path } ?? true)
            #expect(pattern.isLiteral && pattern.covers(ByteString(path)))
        }
    }

    @Test func `a path covers its own shape, whatever it is`() {
        var generator = SplitMix(seed: 11)
        for _ in 0..<1_000 {
            let path = ByteString(
                (0..<Int.random(in: 0...40, using: &generator)).map { _ in
                    UInt8("/.-_0123abTZ{*".utf8.randomElement(using: &generator) ?? 0x2f)
                })
            let pattern = PathShape.pattern(of: path)
            if PathSensitivity(of: path) == .ordinary { #expect(pattern.covers(path)) }
        }
    }

    @Test func `what lies too deep is left open`() {
        let deep = ByteString(String(repeating: "/a", count: 500))
        let pattern = PathShape.pattern(of: deep)
        #expect(pattern.text == String(repeating: "/a", count: PathShape.depthLimit) + "/**")
        #expect(pattern.covers(deep))
    }
}
