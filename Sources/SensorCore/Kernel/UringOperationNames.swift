// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF

/// The names of io_uring's operations: those of `enum io_uring_op` in the kernel's `include/uapi/linux/io_uring.h`,
/// without `IORING_OP_`. Numbers are the kernel's ABI, so they never change.
package enum UringOperationNames {
    /// Stands for operations that the kernel had no room to tell apart.
    package static let others = UInt32.max

    /// As what no event tells of.
    package static func blind(_ opcode: UInt32) -> String { "io_uring \(name(of: opcode))" }

    /// - Parameter opcode: as `sensor_uring_key` has it. "openat direct" is one whose file went into the ring's own table.
    package static func name(of opcode: UInt32) -> String {
        if opcode == others { return "others" }
        let number = opcode & ~UInt32(SENSOR_URING_DIRECT)
        let name = number < UInt32(all.count) ? String(all[Int(number)]) : "\(number)"
        return number == opcode ? name : name + " direct"
    }

    // In the order of their numbers; up to Linux 6.17.
    private static let all = """
        nop readv writev fsync read_fixed write_fixed poll_add poll_remove sync_file_range sendmsg recvmsg timeout \
        timeout_remove accept async_cancel link_timeout connect fallocate openat close files_update statx read write \
        fadvise madvise send recv openat2 epoll_ctl splice provide_buffers remove_buffers tee shutdown renameat \
        unlinkat mkdirat symlinkat linkat msg_ring fsetxattr setxattr fgetxattr getxattr socket uring_cmd send_zc \
        sendmsg_zc read_multishot waitid futex_wait futex_wake futex_waitv fixed_fd_install ftruncate bind listen \
        recv_zc epoll_wait readv_fixed writev_fixed pipe
        """.split(separator: " ")
}
