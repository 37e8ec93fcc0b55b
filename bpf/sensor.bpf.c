// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The programs. Each does nothing but hand its arguments to the concern that owns them. */
/* Not every image needs every parameter. */
#pragma clang diagnostic ignored "-Wunused-parameter"
#include "core.bpf.h"
#include "again.bpf.h"
#include "call.bpf.h"
#include "cgroup.bpf.h"
#include "dispatch.bpf.h"
#include "dns.bpf.h"
#include "process.bpf.h"
#include "socket.bpf.h"
#include "uring.bpf.h"

TRACEPOINT(sys_exit, SENSOR_HOOK_SYS_EXIT, on_sys_exit(cast(pt_regs, context[0]), context[1]))

TRACEPOINT(cgroup_mkdir, SENSOR_HOOK_CGROUP_MKDIR,
	   on_cgroup(cast(cgroup, context[0]), (const char *)context[1], SENSOR_CGROUP_CREATED,
		     SENSOR_HOOK_CGROUP_MKDIR))

TRACEPOINT(cgroup_rmdir, SENSOR_HOOK_CGROUP_RMDIR,
	   on_cgroup(cast(cgroup, context[0]), (const char *)context[1], SENSOR_CGROUP_REMOVED,
		     SENSOR_HOOK_CGROUP_RMDIR))

TRACEPOINT(sched_process_exec, SENSOR_HOOK_PROCESS_EXEC,
	   on_exec(cast(task_struct, context[0]), context[1], cast(linux_binprm, context[2])))

TRACEPOINT(sched_process_fork, SENSOR_HOOK_PROCESS_FORK,
	   on_fork(cast(task_struct, context[0]), cast(task_struct, context[1])))

static __always_inline void on_end(__u64 *context)
{
	struct task_struct *task = cast(task_struct, context[0]);

	if (!bpf_core_type_exists(btf_trace_sched_process_exit___last) || context[1])
		on_exit(task);
	forget_calls(task);
}

TRACEPOINT(sched_process_exit, SENSOR_HOOK_PROCESS_EXIT, on_end(context))

SEC("iter/task")
int iter_task(struct bpf_iter__task *context)
{
	return on_seen(context);
}

/* In process context or in softirq. */
TRACEPOINT(inet_sock_set_state, SENSOR_HOOK_SOCKET_STATE,
	   on_socket_state(cast(sock, context[0]), context[1], context[2]))

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

TRACEPOINT(io_uring_submit_req, SENSOR_HOOK_URING_SUBMIT, on_submit(context[0], 0))

#ifndef SENSOR_HELD
static __always_inline void on_submit_before_6_3(__u64 *context)
{
	if (bpf_core_type_exists(btf_trace_io_uring_submit_sqe___request))
		on_submit(context[0], 0);
	else if (bpf_core_type_exists(btf_trace_io_uring_submit_sqe___seven))
		on_submit(context[1], 0);
	else
		on_submit(0, context[1]);
}

/* The same until 6.2; a kernel has one of the two. */
TRACEPOINT(io_uring_submit_sqe, SENSOR_HOOK_URING_SUBMIT, on_submit_before_6_3(context))
#endif

static __always_inline void on_completion(__u64 *context)
{
	if (bpf_core_type_exists(btf_trace_io_uring_complete___cqe))
		on_complete(context[1], get(cast(io_uring_cqe, context[2]), res));
	else if (completion_has_request())
		on_complete(context[1], (__s32)context[3]);
	else
		on_complete_by_data(context[0], context[1], (__s32)context[2]);
}

TRACEPOINT(io_uring_complete, SENSOR_HOOK_URING_COMPLETE, on_completion(context))

/* Linux 5.10 refuses all types of an object whose .rodata has no variable, and the compiler puts constants there. */
const char rodata_has_a_variable[8] __attribute__((used)) = { 1 };

char LICENSE[] SEC("license") = "Dual BSD/GPL";
