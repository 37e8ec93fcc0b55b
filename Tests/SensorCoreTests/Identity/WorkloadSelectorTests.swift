// SPDX-License-Identifier: Apache-2.0

import SensorCore
import Testing

private struct Example: Sendable, CustomTestStringConvertible {
    var namespace = ""
    var kind: String
    var name: String
    var labels: [String: String] = [:]
    var testDescription: String { "\(namespace):\(kind)/\(name)" }

    static let planner = Example(
        namespace: "agents", kind: "Deployment", name: "planner", labels: ["app": "planner", "team.example/tier": ""])
    static let web = Example(namespace: "shop", kind: "StatefulSet", name: "web-1", labels: ["app": "web"])
    static let proxy = Example(namespace: "kube-system", kind: "DaemonSet", name: "kube-proxy")
    static let nginx = Example(kind: "SystemdUnit", name: "nginx.service")
    static let host = Example(kind: "Host", name: "")
    static let all = [planner, web, proxy, nginx, host]
}

@Suite struct WorkloadSelectorTests {
    private func selected(_ values: [String]) throws -> [String] {
        let selector = try WorkloadSelector(values)
        return Example.all.filter {
            selector.matches(namespace: $0.namespace, kind: $0.kind, name: $0.name, labels: $0.labels)
        }.map(\.testDescription)
    }

    @Test(
        arguments: [
            ([], Example.all),
            (["everything"], Example.all),
            (["namespace=agents"], [.planner]),
            (["namespace=a*,namespace=shop"], [.planner, .web]),
            (["namespace=*"], [.planner, .web, .proxy]),
            (["Deployment/planner"], [.planner]),
            (["deployment/pl*"], [.planner]),
            (["deploy/*", "sts/web-?"], [.planner, .web]),
            (["*/web-*"], [.web]),
            (["Deployment/Planner"], []),
            (["SystemdUnit/nginx.service", "Host/*"], [.nginx, .host]),
            (["label:app"], [.planner, .web]),
            (["label:app=web"], [.web]),
            (["label:app=[pw]*"], [.planner, .web]),
            (["label:team.example/tier"], [.planner]),
            (["label:team.example/tier="], [.planner]),
            (["label:team.example/tier=x"], []),
            (["label:none"], []),
            (["!namespace=kube-system"], [.planner, .web, .nginx, .host]),
            (["!namespace=kube-*", "everything"], [.planner, .web, .nginx, .host]),
            (["everything,!label:app"], [.proxy, .nginx, .host]),
            (["!Deployment/*", "Deployment/planner", "namespace=shop"], [.web]),
            (["namespace=agents+label:app=planner"], [.planner]),
            (["namespace=shop+label:app=planner"], []),
            (["everything, !namespace=agents+label:app=web"], Example.all),
            (["everything, ! namespace=agents + label:app=planner "], [.web, .proxy, .nginx, .host]),
            (["!everything"], []),
        ] as [([String], [Example])])
    fileprivate func `selectors add up, and what is taken out stays out`(_ values: [String], _ expected: [Example])
        throws
    {
        #expect(try selected(values) == expected.map(\.testDescription))
    }

    @Test(arguments: [
        ([""], "a selector is expected, not \"\""),
        (["everything,"], "a selector is expected, not \"\" of \"everything,\""),
        (["!"], "a selector is expected, not \"!\""),
        (["all"], "\"all\": one of everything, namespace=NAME"),
        (["everything", "namespace="], "\"namespace=\": a namespace's name is expected"),
        (["namespace=a/Deployment/b"], "join conditions with \"+\""),
        (["agents/Deployment/web"], "\"agents/Deployment/web\": KIND/NAME is expected"),
        (["/web"], "\"/web\": a kind is expected"),
        (["Deployment/"], "\"Deployment/\": a name is expected"),
        (["label:"], "\"label:\": a label's key is expected"),
        (["label:=x"], "\"label:=x\": a label's key is expected"),
        (["label:app*"], "\"app*\" can be none"),
        (["namespace=a+what"], "\"what\" in \"namespace=a+what\": one of"),
        (["namespace=a+"], "\"\" in \"namespace=a+\": one of"),
        (["namespace=a+!label:x"], "\"!\" stands before the whole selector"),
    ])
    func `what cannot be read is named`(_ values: [String], _ reason: String) {
        let fault = #expect(throws: SettingFault.self) { try WorkloadSelector(values) }
        #expect(fault?.reason.contains(reason) == true, "\(fault?.reason ?? "")")
    }

    @Test func `everything is known as such`() throws {
        #expect(WorkloadSelector().isEverything)
        #expect(try WorkloadSelector(["namespace=a", "everything"]).isEverything)
        #expect(try !WorkloadSelector(["everything,!namespace=a"]).isEverything)
        #expect(try !WorkloadSelector(["namespace=*"]).isEverything)
    }
}
