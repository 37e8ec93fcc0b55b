// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials

/// Reads the bytes of runtimes' files. What they say was written by others: it is checked and clipped.
package enum RuntimeStateDocument {
    /// A container that a bundle's `config.json` or runc's `state.json` describes.
    package static func container(
        _ bytes: [UInt8], format: RuntimeStateFile.Format, runtime: CgroupPath.Runtime?, id: String
    ) throws(RuntimeStateFault) -> RuntimeContainer {
        switch format {
        case .bundle, .storage:
            let bundle: Bundle = try decode(bytes)
            return RuntimeContainer(annotations: bundle.annotations ?? [:], id: id, runtime: runtime)
        case .runc:
            let state: RuncState = try decode(bytes)
            guard state.id == nil || state.id == id else { throw .malformed }
            var annotations: [String: String] = [:]
            for label in state.config?.labels ?? [] {
                let halves = label.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                if halves.count == 2 { annotations[String(halves[0])] = String(halves[1]) }
            }
            return RuntimeContainer(annotations: annotations, id: id, runtime: runtime)
        case .docker:
            return try docker(bytes, id: id).container
        case .crun:
            throw .unsupported
        }
    }

    /// - Returns: the container and the driver that keeps its image.
    package static func docker(
        _ bytes: [UInt8], id: String
    ) throws(RuntimeStateFault) -> (container: RuntimeContainer, driver: String) {
        let file: DockerContainer = try decode(bytes)
        guard file.ID == nil || file.ID == id else { throw .malformed }
        let labels = file.Config?.Labels ?? [:]
        var container = RuntimeContainer(id: id, runtime: .docker)
        let name = file.Name ?? ""
        container.name = clipped(name.hasPrefix("/") ? String(name.dropFirst()) : name)
        container.image = clipped(file.Config?.Image)
        container.imageID = digest(file.Image)
        container.imageDigest = digest(file.ImageManifest?.digest)
        container.containerName = clipped(labels["io.kubernetes.container.name"])
        container.isSandbox = labels["io.kubernetes.docker.type"] == "podsandbox"
        container.pod = pod(
            uid: labels["io.kubernetes.pod.uid"], namespace: labels["io.kubernetes.pod.namespace"],
            name: labels["io.kubernetes.pod.name"])
        // Its sandbox is called "POD" there.
        if container.isSandbox { container.containerName = "" }
        container.takeDigestOfImage()
        return (container, clipped(file.Driver))
    }

    /// The absolute path of the bundle that crun's `status` leads to.
    package static func bundle(ofStatus bytes: [UInt8]) throws(RuntimeStateFault) -> String {
        let status: CrunStatus = try decode(bytes)
        guard let bundle = status.bundle, bundle.hasPrefix("/"), !bundle.utf8.contains(0), bundle.utf8.count < 4096
        else { throw .malformed }
        return bundle
    }

    /// Adds what containers/storage's list of containers knows. Leaves a container alone that it does not name.
    package static func complete(
        _ container: inout RuntimeContainer, storageContainers bytes: [UInt8]
    ) throws(RuntimeStateFault) {
        guard let entry: StorageContainer = try entry(container.id, in: bytes) else { return }
        let metadata = entry.metadata.flatMap {
            try? JSONDecoder().decode(StorageMetadata.self, from: Data($0.utf8))
        }
        if container.name.isEmpty { container.name = clipped(metadata?.name ?? entry.names?.first) }
        if container.image.isEmpty { container.image = clipped(metadata?.imageName) }
        if container.imageID.isEmpty { container.imageID = digest(metadata?.imageID ?? entry.image) }
        container.takeDigestOfImage()
    }

    /// Adds what containers/storage's list of images knows of the container's.
    package static func complete(
        _ container: inout RuntimeContainer, storageImages bytes: [UInt8]
    ) throws(RuntimeStateFault) {
        let id = String(container.imageID.dropFirst("sha256:".count))
        guard !id.isEmpty, let entry: StorageImage = try entry(id, in: bytes) else { return }
        if container.imageDigest.isEmpty { container.imageDigest = digest(entry.digest) }
        if container.image.isEmpty { container.image = clipped(entry.names?.first) }
    }

    /// Adds the digest that Docker pulled the container's image by.
    package static func complete(
        _ container: inout RuntimeContainer, repositories bytes: [UInt8]
    ) throws(RuntimeStateFault) {
        let file: DockerRepositories = try decode(bytes)
        guard container.imageDigest.isEmpty, !container.imageID.isEmpty else { return }
        var found: [String] = []
        for (name, references) in file.Repositories ?? [:] {
            for (reference, image) in references where image == container.imageID {
                let digest = digest(ofReference: reference)
                guard !digest.isEmpty else { continue }
                // The name that it was started by, where it has several.
                if container.image == name || container.image.hasPrefix(name + ":") {
                    container.imageDigest = digest
                    return
                }
                found.append(digest)
            }
        }
        container.imageDigest = found.min() ?? ""
    }

    // MARK: Formats

    private struct Bundle: Decodable {
        var annotations: [String: String]?
    }

    private struct RuncState: Decodable {
        struct Config: Decodable { var labels: [String]? }
        var id: String?
        var config: Config?
    }

    private struct CrunStatus: Decodable {
        var bundle: String?
    }

    // swift-format-ignore: AlwaysUseLowerCamelCase
    private struct DockerContainer: Decodable {
        struct Config: Decodable {
            var Image: String?
            var Labels: [String: String]?
        }
        struct Manifest: Decodable { var digest: String? }
        var ID: String?
        var Name: String?
        var Image: String?
        var Driver: String?
        var Config: Config?
        var ImageManifest: Manifest?
    }

    // swift-format-ignore: AlwaysUseLowerCamelCase
    private struct DockerRepositories: Decodable {
        var Repositories: [String: [String: String]]?
    }

    private protocol Entry: Decodable {
        var id: String { get }
    }

    private struct StorageContainer: Entry {
        var id: String
        var names: [String]?
        var image: String?
        var metadata: String?
    }

    private struct StorageMetadata: Decodable {
        var name: String?
        var imageName: String?
        var imageID: String?

        enum CodingKeys: String, CodingKey {
            case name
            case imageName = "image-name"
            case imageID = "image-id"
        }
    }

    private struct StorageImage: Entry {
        var id: String
        var digest: String?
        var names: [String]?
    }

    private static func decode<Document: Decodable>(_ bytes: some Collection<UInt8>) throws(RuntimeStateFault)
        -> Document
    {
        do {
            return try JSONDecoder().decode(Document.self, from: Data(bytes))
        } catch {
            throw .malformed
        }
    }

    /// The object with this id in a list of objects. Decodes those only that mention it: lists are long.
    private static func entry<Element: Entry>(_ id: String, in list: [UInt8]) throws(RuntimeStateFault) -> Element? {
        let mention = Array("\"\(id)\"".utf8)
        var depth = 0
        var start = 0
        var quote: Int?
        var isMentioned = false
        var index = 0
        while index < list.count {
            let byte = list[index]
            defer { index += 1 }
            if let opened = quote {
                if byte == UInt8(ascii: "\\") {
                    index += 1
                } else if byte == UInt8(ascii: "\"") {
                    isMentioned = isMentioned || list[opened...index].elementsEqual(mention)
                    quote = nil
                }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""): quote = index
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                if depth == 2 { (start, isMentioned) = (index, false) }
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                guard depth >= 0 else { throw .malformed }
                guard depth == 1, isMentioned else { continue }
                let element: Element = try decode(list[start...index])
                if element.id == id { return element }
            default: break
            }
        }
        guard depth == 0, quote == nil, list.first == UInt8(ascii: "[") else { throw .malformed }
        return nil
    }

    // MARK: Values

    /// Names are short: what is not is none.
    static func clipped(_ text: String?) -> String {
        guard let text, text.utf8.count <= 1024 else { return "" }
        return text
    }

    static func pod(uid: String?, namespace: String?, name: String?) -> RuntimeContainer.Pod? {
        let pod = RuntimeContainer.Pod(uid: clipped(uid), namespace: clipped(namespace), name: clipped(name))
        return pod.name.isEmpty && pod.uid.isEmpty ? nil : pod
    }

    /// `sha256:` and 64 digits, which alone do too; else empty.
    static func digest(_ text: String?) -> String {
        guard let text else { return "" }
        let digits = text.hasPrefix("sha256:") ? text.dropFirst(7) : text[...]
        let isDigest =
            digits.utf8.count == 64
            && digits.utf8.allSatisfy {
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                    || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
            }
        return isDigest ? "sha256:\(digits)" : ""
    }

    static func digest(ofReference reference: String) -> String {
        guard let at = reference.lastIndex(of: "@") else { return "" }
        return digest(String(reference[reference.index(after: at)...]))
    }
}

extension RuntimeContainer {
    /// From the annotations that an engine gave its runtime.
    init(annotations: [String: String], id: String, runtime: CgroupPath.Runtime?) {
        self.init(id: id, runtime: runtime)
        func text(_ key: String) -> String { RuntimeStateDocument.clipped(annotations[key]) }

        // Whoever starts a container may annotate it: an engine's words count only in that engine's own state.
        switch annotations["io.container.manager"] {
        case "cri-o" where runtime == nil: self.runtime = .crio
        case "libpod" where runtime == nil: self.runtime = .podman
        default: break
        }
        // Whoever drives containerd or runc by hand names containers by their id.
        let isDrivenByHand = [.containerd, .runc, .crun].contains(self.runtime)
        if self.runtime == .containerd, annotations["io.kubernetes.cri.container-type"] != nil {
            isSandbox = text("io.kubernetes.cri.container-type") == "sandbox"
            containerName = text("io.kubernetes.cri.container-name")
            image = text("io.kubernetes.cri.image-name")
            var uid = text("io.kubernetes.cri.sandbox-uid")
            if uid.isEmpty {
                // Before 1.6 the sandbox's alone, in the name of its logs' directory: <namespace>_<name>_<uid>.
                let directory = text("io.kubernetes.cri.sandbox-log-directory").split(separator: "/").last ?? ""
                let parts = directory.split(separator: "_", omittingEmptySubsequences: false)
                if parts.count == 3 { uid = String(parts[2]) }
            }
            pod = RuntimeStateDocument.pod(
                uid: uid, namespace: text("io.kubernetes.cri.sandbox-namespace"),
                name: text("io.kubernetes.cri.sandbox-name"))
        } else if self.runtime == .crio, annotations["io.kubernetes.cri-o.ContainerType"] != nil {
            isSandbox = text("io.kubernetes.cri-o.ContainerType") == "sandbox"
            containerName = isSandbox ? "" : text("io.kubernetes.container.name")
            image = text("io.kubernetes.cri-o.ImageName")
            imageDigest = RuntimeStateDocument.digest(ofReference: text("io.kubernetes.cri-o.ImageRef"))
            imageID = RuntimeStateDocument.digest(text("io.kubernetes.cri-o.Image"))
            name = text("io.kubernetes.cri-o.Name")
            pod = RuntimeStateDocument.pod(
                uid: text("io.kubernetes.pod.uid"), namespace: text("io.kubernetes.pod.namespace"),
                name: text("io.kubernetes.pod.name"))
        } else if isDrivenByHand {
            name = text("nerdctl/name")
        }
        if name.isEmpty, isDrivenByHand, RuntimeStateDocument.digest(id).isEmpty { name = id }
        takeDigestOfImage()
    }

    /// An image may be named by its digest.
    mutating func takeDigestOfImage() {
        if imageDigest.isEmpty { imageDigest = RuntimeStateDocument.digest(ofReference: image) }
    }
}
