// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The programs. Each does nothing but hand its arguments to the concern that owns them. */
/* BPF_PROG() declares a context that not every program uses. */
#pragma clang diagnostic ignored "-Wunused-parameter"
#include "core.bpf.h"
#include "call.bpf.h"
#include "cgroup.bpf.h"
#include "dispatch.bpf.h"
#include "dns.bpf.h"
#include "process.bpf.h"
#include "socket.bpf.h"
#include "uring.bpf.h"

SEC("tp_btf/sys_exit")
int BPF_PROG(sys_exit, struct pt_regs *regs, long result)
{
	on_sys_exit(cast(pt_regs, regs), result);
	return 0;
}

SEC("tp_btf/cgroup_mkdir")
int BPF_PROG(cgroup_mkdir, struct cgroup *cgroup, const char *path)
{
	on_cgroup(cast(cgroup, cgroup), path, SENSOR_CGROUP_CREATED, SENSOR_HOOK_CGROUP_MKDIR);
	return 0;
}

SEC("tp_btf/cgroup_rmdir")
int BPF_PROG(cgroup_rmdir, struct cgroup *cgroup, const char *path)
{
	on_cgroup(cast(cgroup, cgroup), path, SENSOR_CGROUP_REMOVED, SENSOR_HOOK_CGROUP_RMDIR);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(sched_process_exec, struct task_struct *task, int old_pid, struct linux_binprm *binary)
{
	on_exec(cast(task_struct, task), old_pid, cast(linux_binprm, binary));
	return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(sched_process_fork, struct task_struct *creator, struct task_struct *child)
{
	on_fork(cast(task_struct, creator), cast(task_struct, child));
	return 0;
}

SEC("tp_btf/sched_process_exit")
int sched_process_exit(__u64 *context)
{
	struct task_struct *task = cast(task_struct, context[0]);

	if (!bpf_core_type_exists(btf_trace_sched_process_exit___last) || context[1])
		on_exit(task);
	forget_calls(task);
	return 0;
}

SEC("iter/task")
int iter_task(struct bpf_iter__task *context)
{
	return on_seen(context);
}

/* In process context or in softirq. */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(inet_sock_set_state, struct sock *sk, int old, int new)
{
	on_socket_state(cast(sock, sk), old, new);
	return 0;
}

SEC("cgroup/sock_release")
int sock_release(struct bpf_sock *context)
{
	return on_released(context);
}

SEC("cgroup/connect4")
int connect4(struct bpf_sock_addr *context)
{
	return on_destination(context, AF_INET, false);
}

SEC("cgroup/connect6")
int connect6(struct bpf_sock_addr *context)
{
	return on_destination(context, AF_INET6, false);
}

SEC("cgroup/sendmsg4")
int sendmsg4(struct bpf_sock_addr *context)
{
	return on_destination(context, AF_INET, true);
}

SEC("cgroup/sendmsg6")
int sendmsg6(struct bpf_sock_addr *context)
{
	return on_destination(context, AF_INET6, true);
}

/* Packets that reach a socket, in softirq. */
SEC("cgroup_skb/ingress")
int skb_ingress(struct __sk_buff *packet)
{
	return on_ingress(packet);
}

SEC("tp_btf/io_uring_submit_req")
int BPF_PROG(io_uring_submit_req, struct io_kiocb *request)
{
	on_submit((__u64)request, 0);
	return 0;
}

/* The same until 6.2; a kernel has one of the two. */
SEC("tp_btf/io_uring_submit_sqe")
int io_uring_submit_sqe(__u64 *context)
{
	if (bpf_core_type_exists(btf_trace_io_uring_submit_sqe___request))
		on_submit(context[0], 0);
	else if (bpf_core_type_exists(btf_trace_io_uring_submit_sqe___seven))
		on_submit(context[1], 0);
	else
		on_submit(0, context[1]);
	return 0;
}

SEC("tp_btf/io_uring_complete")
int io_uring_complete(__u64 *context)
{
	if (bpf_core_type_exists(btf_trace_io_uring_complete___cqe))
		on_complete(context[1], get(cast(io_uring_cqe, context[2]), res));
	else if (completion_has_request())
		on_complete(context[1], (__s32)context[3]);
	else
		on_complete_by_data(context[0], context[1], (__s32)context[2]);
	return 0;
}

/* Linux 5.10 refuses all types of an object whose .rodata has no variable, and the compiler puts constants there. */
const char rodata_has_a_variable[8] __attribute__((used)) = { 1 };

char LICENSE[] SEC("license") = "Dual BSD/GPL";
