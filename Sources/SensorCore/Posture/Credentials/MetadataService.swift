// SPDX-License-Identifier: Apache-2.0

/// A cloud's metadata service, or an agent on the node that hands out its credentials: where a workload gets an identity
/// that no file shows.
///
/// 169.254.169.254 is used by most clouds, so it names none.
package enum MetadataService: UInt8, Sendable, CaseIterable {
    /// 169.254.169.254: AWS, Google Cloud, Azure, Oracle, OpenStack, DigitalOcean, Hetzner, IBM and others.
    case instance
    /// fd00:ec2::254, `instance-data.ec2.internal`. Amazon EC2 User Guide, "Use the Instance Metadata Service".
    case ec2
    /// 169.254.170.2. Amazon ECS Developer Guide, "Task IAM role".
    case ecsTask
    /// 169.254.170.23, fd00:ec2::23. Amazon EKS User Guide, "Set up the Amazon EKS Pod Identity Agent".
    case eksPodIdentity
    /// `metadata.google.internal`, `metadata.goog`, fd20:ce::254. Compute Engine, "About VM metadata".
    case google
    /// 169.254.169.252, where a GKE node redirects port 988 to. GKE, "About Workload Identity Federation for GKE".
    case gke
    /// 168.63.129.16. Azure Virtual Network, "What is IP address 168.63.129.16?".
    case azureWireServer
    /// `metadata.azure.internal`, the name of 169.254.169.254 in Azure's platform images.
    case azure
    /// 100.100.100.200. Alibaba Cloud ECS, "Instance metadata".
    case alibaba
    /// fd00:c1::a9fe:a9fe. Oracle Cloud Infrastructure SDKs, instance principals.
    case oracle
    /// fe80::a9fe:a9fe. OpenStack Neutron, "Metadata service over IPv6".
    case openStack
    /// 169.254.0.23, `metadata.tencentyun.com`. Tencent Cloud CVM, "Querying instance metadata".
    case tencent
    /// 169.254.42.42, fd00:42::42. cloud-init documentation, data source Scaleway.
    case scaleway
    /// fd00:a9fe:a9fe::1. cloud-init documentation, data source Akamai.
    case akamai
    /// `api.metadata.cloud.ibm.com`. IBM Cloud VPC, "About instance metadata".
    case ibm

    package var name: String {
        switch self {
        case .instance: "instance"
        case .ec2: "aws_ec2"
        case .ecsTask: "aws_ecs_task"
        case .eksPodIdentity: "aws_eks_pod_identity"
        case .google: "google"
        case .gke: "google_gke"
        case .azureWireServer: "azure_wire_server"
        case .azure: "azure"
        case .alibaba: "alibaba"
        case .oracle: "oracle"
        case .openStack: "openstack"
        case .tencent: "tencent"
        case .scaleway: "scaleway"
        case .akamai: "akamai"
        case .ibm: "ibm"
        }
    }

    package init?(_ address: IPAddress) {
        let address = address.unmapped
        switch (address.family, address.high, address.low) {
        case (.ipv4, _, 0xa9fe_a9fe): self = .instance
        case (.ipv4, _, 0xa9fe_aa02): self = .ecsTask
        case (.ipv4, _, 0xa9fe_aa17): self = .eksPodIdentity
        case (.ipv4, _, 0xa9fe_a9fc): self = .gke
        case (.ipv4, _, 0xa83f_8110): self = .azureWireServer
        case (.ipv4, _, 0x6464_64c8): self = .alibaba
        case (.ipv4, _, 0xa9fe_0017): self = .tencent
        case (.ipv4, _, 0xa9fe_2a2a): self = .scaleway
        case (.ipv6, 0xfd00_0ec2_0000_0000, 0x254): self = .ec2
        case (.ipv6, 0xfd00_0ec2_0000_0000, 0x23): self = .eksPodIdentity
        case (.ipv6, 0xfd20_00ce_0000_0000, 0x254): self = .google
        case (.ipv6, 0xfd00_00c1_0000_0000, 0xa9fe_a9fe): self = .oracle
        case (.ipv6, 0xfe80_0000_0000_0000, 0xa9fe_a9fe): self = .openStack
        case (.ipv6, 0xfd00_0042_0000_0000, 0x42): self = .scaleway
        case (.ipv6, 0xfd00_a9fe_a9fe_0000, 0x1): self = .akamai
        default: return nil
        }
    }

    /// - Parameter name: in lower case, without a dot at the end.
    package init?(name: String) {
        switch name {
        case "metadata.google.internal", "metadata.goog", "metadata": self = .google
        case "instance-data", "instance-data.ec2.internal": self = .ec2
        case "metadata.azure.internal": self = .azure
        case "metadata.tencentyun.com": self = .tencent
        case "api.metadata.cloud.ibm.com": self = .ibm
        default: return nil
        }
    }
}
