// SPDX-License-Identifier: Apache-2.0

import Foundation
import PackagePlugin

/// Compiles `bpf/sensor.bpf.c` with the Swift toolchain's own clang and hands the objects to the target as a
/// Swift source.
///
/// A Swift source, because it is the only plugin output that SwiftPM follows all the way into a product with
/// any build folder and configuration: C sources and headers made by a plugin do not reach a C target, its
/// location cannot be named in `Package.swift`, and a resource would bring Foundation in.
/// One command makes everything: what it leaves between its steps is no output SwiftPM has to know of.
@main
struct BPFObject: BuildToolPlugin {
    func createBuildCommands(context: PluginContext, target: any Target) throws -> [Command] {
        let root = context.package.directoryURL
        let programs = root.appending(path: "bpf")
        let layout = root.appending(path: "Sources/CSensorBPF/include")
        let script = root.appending(path: "Plugins/BPFObject/embed.sh")
        let clang = try context.tool(named: "clang").url
        let output = context.pluginWorkDirectoryURL.appending(path: "EmbeddedObjects.swift")

        let inputs = try sources(in: programs) + sources(in: layout)
        return [
            .buildCommand(
                displayName: "Compiling the eBPF programs",
                executable: URL(filePath: "/bin/sh"),
                arguments: [script.path, clang.path, root.path, output.path],
                inputFiles: inputs + [script, clang],
                outputFiles: [output])
        ]
    }

    private func sources(in directory: URL) throws -> [URL] {
        try FileManager.default.contentsOfDirectory(at: directory, includingPropertiesForKeys: nil)
            .filter { ["c", "h"].contains($0.pathExtension) }
            .sorted { $0.path < $1.path }
    }
}
