// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore
import SensorTestSupport
import Testing

/// Names made, changed and taken away: what the kernel leaves no object of.
@Suite(.tags(.kernel), .needsKernel) struct NameTests {
    private let directory: TestDirectory

    init() throws { directory = try TestDirectory() }

    /// Kind, names below the test's directory, and access: one line for each event there.
    private func transcript(_ seen: Observation) -> [String] {
        seen.files(under: directory.path, .fileCreate, .fileDelete, .fileRename, .fileLink, .fileAttribute).map {
            event in
            guard let file = event.file else { return "" }
            let names = [file.path, file.newPath].compactMap { $0?.text.replacing(directory.path + "/", with: "") }
            let error = event.errorNumber == 0 ? [] : ["error \(event.errorNumber)"]
            return ([event.kind.name] + names + file.access.names + error).joined(separator: " ")
        }
    }

    @Test func `names are told as they come, change and go, with links on the way followed`() throws {
        let seen = try Observation.of("names-changed", directory.path)
        #expect(
            transcript(seen) == [
                "file.create made CREATE DIRECTORY",
                "file.create fifo CREATE NODE",
                "file.create one WRITE CREATE",
                "file.link one made/two",
                "file.link made alias SYMBOLIC",
                "file.attribute alias TIMES",
                "file.rename made/two three",
                "file.rename three made/four",
                "file.delete made/four",
                "file.delete fifo",
            ])
    }

    @Test func `a way that has gone by the time it is looked up is told as the caller's string`() throws {
        let seen = try Observation.of("names-gone", directory.path)
        #expect(
            transcript(seen).suffix(3) == [
                "file.delete alias/file", "file.delete alias", "file.delete made DIRECTORY",
            ])
        let sources = seen.files(under: directory.path, .fileDelete).map { $0.file?.pathSource }
        // A name in a directory that the kernel itself names needs no look.
        #expect(sources == [.argument, .resolved, .resolved])
    }

    @Test(arguments: ["memory", "descriptors", "root"])
    func `names that somebody else could have had a hand in since are told as unverified`(_ shared: String) throws {
        let seen = try Observation.of("names-shared", directory.path, shared)
        let changes = seen.files(under: directory.path, .fileRename, .fileDelete)
        #expect(changes.map(\.kind) == [.fileRename, .fileDelete])
        #expect(changes.map { $0.file?.path.text } == ["\(directory.path)/file", "\(directory.path)/moved"])
        #expect(changes.allSatisfy { $0.file?.pathSource == .unverified })
    }

    @Test func `a name that cannot be read has no path and no source`() throws {
        let seen = try Observation.of("names-unreadable")
        let failed = seen.events(.fileOpen, .fileDelete).filter { $0.errorNumber == EFAULT }
        #expect(failed.map(\.kind) == [.fileOpen, .fileDelete])
        #expect(failed.allSatisfy { $0.file?.path == "" && $0.file?.pathSource == .unknown })
    }

    @Test func `changes of attributes are told, by name or by descriptor`() throws {
        let seen = try Observation.of("names-attributes", directory.path)
        #expect(
            transcript(seen).filter { !$0.hasPrefix("file.create") } == [
                "file.attribute file MODE", "file.attribute file OWNER", "file.attribute file TIMES",
                "file.attribute file SIZE", "file.attribute file XATTR",
                "file.attribute file MODE", "file.attribute file OWNER", "file.attribute file TIMES",
                "file.attribute file SIZE", "file.attribute file XATTR",
            ])
        // By descriptor the kernel has the object.
        let inode = try seen.said("inode", as: UInt64.self)
        let changes = seen.files(under: directory.path, .fileAttribute)
        #expect(changes.suffix(5).allSatisfy { $0.file?.inode == inode && $0.file?.pathSource == .dentry })
    }

    @Test func `what a link leads to is changed where the call follows it, and the link where it does not`() throws {
        let seen = try Observation.of("names-followed", directory.path)
        let changes = seen.files(under: directory.path, .fileAttribute).map { $0.file?.pathSource }
        // The last link may have been there still when it was looked at, or gone.
        let isGone = changes.last == .argument
        #expect(
            transcript(seen).filter { !$0.hasPrefix("file.create") } == [
                "file.link target alias SYMBOLIC", "file.attribute alias TIMES",
                "file.attribute target MODE", "file.attribute target OWNER", "file.attribute alias OWNER",
                "file.attribute target TIMES", "file.attribute target SIZE", "file.attribute target XATTR",
                "file.link target hard", "file.link alias soft", "file.attribute target MODE",
                "file.rename one other EXCHANGE",
                "file.link target fleeting SYMBOLIC", "file.attribute fleeting TIMES",
                "file.attribute \(isGone ? "fleeting" : "target") MODE", "file.delete fleeting",
            ])
        #expect(changes.dropLast().allSatisfy { $0 == .resolved } && (isGone || changes.last == .resolved))
    }

    @Test func `the older calls are told like the newer ones`() throws {
        let seen = try Observation.of("names-old", directory.path)
        guard seen.lines.contains("supported") else { return }
        #expect(
            transcript(seen) == [
                "file.create made CREATE DIRECTORY",
                "file.create node CREATE NODE",
                "file.link node made/hard",
                "file.link node soft SYMBOLIC",
                "file.rename made/hard moved",
                "file.attribute moved MODE",
                "file.delete moved",
                "file.delete soft",
                "file.delete made DIRECTORY",
            ])
    }

    @Test func `attempts that fail are told with their error`() throws {
        let seen = try Observation.of("names-failing", directory.path)
        #expect(
            transcript(seen) == [
                "file.delete none error \(ENOENT)",
                "file.rename none other error \(ENOENT)",
                "file.create none/below CREATE DIRECTORY error \(ENOENT)",
                "file.link none other error \(ENOENT)",
                "file.attribute none MODE error \(ENOENT)",
            ])
    }

    @Test func `a name that is made and taken away again and again is told each time`() throws {
        let seen = try Observation.of("names-recycled", directory.path, "50")
        #expect(seen.files(under: directory.path, .fileCreate).count == 50)
        #expect(seen.files(under: directory.path, .fileDelete).count == 50)
    }
}
