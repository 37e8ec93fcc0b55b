/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * io_uring does what syscalls do without being one. Opens, connects and accepts are decoded when they complete; every other operation is
 * counted by cgroup and opcode, so that it can be named as blind. So are those that are asked to complete in silence.
 */
#ifndef SENSOR_URING_BPF_H
#define SENSOR_URING_BPF_H

#include "dispatch.bpf.h"

#define IORING_OP_ACCEPT 13
#define IORING_OP_CONNECT 16
#define IORING_OP_OPENAT 18
#define IORING_OP_OPENAT2 28
#define IOSQE_CQE_SKIP_SUCCESS 0x40 /* since 5.17 */
#define ECANCELED 125

/*
 * The tracepoints' arguments, which changed with the kernels. What is asked for is not the version but the list itself.
 */
typedef void (*btf_trace_io_uring_submit_sqe___request)(void *, struct io_kiocb *, bool); /* 6.0 ... 6.2 */
typedef void (*btf_trace_io_uring_submit_sqe___seven)(void *, void *, void *, __u8, __u64, __u32, bool,
						      bool); /* 5.15 ... 5.19 */
typedef void (*btf_trace_io_uring_complete___cqe)(void *, struct io_ring_ctx *, void *,
						  struct io_uring_cqe *);                     /* 6.14 on */
typedef void (*btf_trace_io_uring_complete___four)(void *, void *, __u64, int, unsigned int); /* 5.15, 5.16 */
typedef void (*btf_trace_io_uring_complete___three)(void *, void *, __u64, long);             /* 5.10 */

/* Operations under way whose completion will not tell what is needed. */
struct uring_request_key {
	__u64 context; /* of the ring; or the request, where a completion names it */
	__u64 user_data;
};

struct uring_request {
	__u64 request;
	__u64 argument; /* open: the caller's path */
	__u32 opcode;
	__u16 under_way; /* operations with this key */
	__u16 ambiguous; /* there were several at once: whose completion it is cannot be told */
	__u32 calls;     /* open for whoever submitted it */
	__s32 directory; /* open: that the path starts from */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct uring_request_key);
	__type(value, struct uring_request);
} uring_requests SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, struct sensor_uring_key);
	__type(value, __u64);
} uring_opcodes SEC(".maps");

static __noinline void count_blind(__u64 cgroup, __u32 opcode)
{
	struct sensor_uring_key key = { .cgroup = cgroup, .opcode = opcode };
	struct sensor_control *block = control_block();
	__u64 one = 1, *count;

	if (!block || is_unwatched(block, &key.cgroup))
		return;
	if (block->scope_only && !in_scope(block, get(current_task(), tgid), cgroup))
		return;
	count = bpf_map_lookup_elem(&uring_opcodes, &key);
	if (!count) {
		if (bpf_map_update_elem(&uring_opcodes, &key, &one, BPF_NOEXIST) == 0)
			return;
		count = bpf_map_lookup_elem(&uring_opcodes, &key);
	}
	if (count)
		add(count, 1);
	else
		lose(cgroup, SENSOR_HOOK_URING_SUBMIT, SENSOR_LOSS_MEMORY_FULL, 0);
}

static __always_inline bool is_uring_open(__u32 opcode)
{
	return opcode == IORING_OP_OPENAT || opcode == IORING_OP_OPENAT2;
}

static __always_inline bool is_decoded(__u32 opcode)
{
	return is_uring_open(opcode) || opcode == IORING_OP_CONNECT || opcode == IORING_OP_ACCEPT;
}

/* Do completions name their request? Since 5.17. Before that they also overwrite what the operation was asked for. */
static __always_inline bool completion_has_request(void)
{
	return !bpf_core_type_exists(btf_trace_io_uring_complete___four) &&
	       !bpf_core_type_exists(btf_trace_io_uring_complete___three);
}

/*
 * Before 5.17 all operations are remembered, lest a completion be taken for that of another with the same user data. Of decoded ones whose
 * completions cannot be told apart nothing can be told but that they were.
 */
static __noinline void remember_by_data(const struct uring_request_key *key, const struct uring_request *fresh)
{
	struct uring_request *pending = bpf_map_lookup_elem(&uring_requests, key);

	if (!pending) {
		bpf_map_update_elem(&uring_requests, key, fresh, BPF_ANY);
		return;
	}
	if (!pending->ambiguous && is_decoded(pending->opcode))
		count_blind(cgroup_of(current_task()), pending->opcode);
	if (is_decoded(fresh->opcode))
		count_blind(cgroup_of(current_task()), fresh->opcode);
	pending->ambiguous = 1;
	pending->under_way++;
}

/* An operation is submitted. `request` is 0 where the kernel does not say: then nothing but TCP connects can be decoded. */
static __noinline void on_submit(__u64 request, __u32 opcode)
{
	struct task_struct *task = current_task();
	struct sensor_control *block = control_block();
	struct uring_request_key key = {};
	struct uring_request fresh = { .under_way = 1 };
	struct io_kiocb *kiocb;

	if (!block || is_self(block, get(task, tgid)) || is_unwanted(block, task))
		return;
	if (!request)
		return count_blind(cgroup_of(task), opcode);
	kiocb = cast(io_kiocb, request);
	opcode = get(kiocb, opcode);
	if (!is_decoded(opcode))
		count_blind(cgroup_of(task), opcode);
	fresh.request = request;
	fresh.opcode = opcode;
	if (is_decoded(opcode))
		fresh.calls = calls_of(block, task);
	if (is_uring_open(opcode)) {
		struct io_open *open = cast(io_open, request);

		/* The kernel's copy is gone at completion; the caller's is still there, if only as a hint. 7.2 does not say where. */
		if (bpf_core_field_exists(struct filename, uptr)) {
			struct filename *name = get(open, filename);

			fresh.argument = name ? (__u64)get(name, uptr) : 0;
		}
		fresh.directory = get(open, dfd);
	}
	if (completion_has_request()) {
		/* A success completes without a trace; a failure clears the flag and is told as well. */
		if (is_decoded(opcode) && get(kiocb, flags) & IOSQE_CQE_SKIP_SUCCESS)
			count_blind(cgroup_of(task), opcode);
		if (!is_uring_open(opcode))
			return;
		key.context = request;
		bpf_map_update_elem(&uring_requests, &key, &fresh, BPF_ANY);
	} else {
		key.context = (__u64)get(kiocb, ctx);
		read_member(&key.user_data, 8, kiocb, user_data);
		remember_by_data(&key, &fresh);
	}
}

static __always_inline void on_uring_open(struct sensor_control *block, struct task_struct *task, __u64 request,
					  __u32 opcode, __u64 argument, __s32 directory, __s64 result)
{
	struct io_open *open = cast(io_open, request);
	__u64 how = get(open, how.flags);
	struct opened opened = {
		.descriptor = result,
		.argument = argument,
		.directory = directory,
		.access = open_access(how),
		.hook = SENSOR_HOOK_URING_COMPLETE,
	};

	if (result == -ECANCELED)
		return;
	if (result < 0) {
		on_open_by_name(&opened, how, result);
	} else if (bpf_core_field_exists(struct io_open, file_slot) && get(open, file_slot)) {
		/* Into the ring's own table: the result is no descriptor, so the caller's string is all there is to tell. */
		if (argument)
			on_open_by_name(&opened, how, 0);
		else
			count_blind(cgroup_of(task), opcode | SENSOR_URING_DIRECT);
	} else {
		on_opened(block, &opened, how, result);
	}
}

static __noinline void on_completed(__u64 request, __u64 argument, __s32 directory, __s64 result)
{
	struct io_kiocb *kiocb = cast(io_kiocb, request);
	struct task_struct *task = current_task();
	struct sensor_control *block = control_block();
	__u32 opcode = get(kiocb, opcode);

	if (!block || is_self(block, get(task, tgid)) || is_unwanted(block, task))
		return;
	if (is_uring_open(opcode)) {
		on_uring_open(block, task, request, opcode, argument, directory, result);
	} else if (opcode == IORING_OP_CONNECT && result != -ECANCELED) {
		struct io_connect *connect = cast(io_connect, request);

		observe(socket_of(cast(file, get(kiocb, file))), SENSOR_NETWORK_CONNECT,
			completion_has_request() ? (__u64)get(connect, addr) : 0, get(connect, addr_len), result,
			SENSOR_HOOK_URING_COMPLETE);
	} else if (opcode == IORING_OP_ACCEPT && result >= 0) {
		struct io_accept *accept = cast(io_accept, request);

		if (bpf_core_field_exists(struct io_accept, file_slot) && get(accept, file_slot))
			count_blind(cgroup_of(task), opcode | SENSOR_URING_DIRECT);
		else
			observe(socket_of(file_at(task, result)), SENSOR_NETWORK_ACCEPT, 0, 0, result,
				SENSOR_HOOK_URING_COMPLETE);
	}
}

/* It is completed on behalf of whoever has submitted it, in whichever task and whenever that is. */
static __always_inline void complete_for(const struct uring_request *of, __u64 request, __s64 result)
{
	struct request_calls *acting;
	__u32 zero = 0;

	acting = bpf_map_lookup_elem(&request_calls, &zero);
	if (acting) {
		acting->calls = of->calls;
		acting->task = get(current_task(), pid);
	}
	on_completed(request, of->argument, of->directory, result);
	if (acting)
		acting->task = 0;
}

/* Completions that name their request. */
static __always_inline void on_complete(__u64 request, __s64 result)
{
	struct uring_request_key key = { .context = request };
	struct uring_request *pending, found;
	__u32 opcode;

	if (!request)
		return;
	opcode = get(cast(io_kiocb, request), opcode);
	if (!is_decoded(opcode))
		return;
	if (is_uring_open(opcode)) {
		pending = bpf_map_lookup_elem(&uring_requests, &key);
		if (pending) {
			found = *pending;
			bpf_map_delete_elem(&uring_requests, &key);
			return complete_for(&found, request, result);
		}
	}
	on_completed(request, 0, AT_FDCWD, result);
}

/* Those that name only the ring and what the caller gave the operation to be known by. */
static __always_inline void on_complete_by_data(__u64 context, __u64 user_data, __s64 result)
{
	struct uring_request_key key = { .context = context, .user_data = user_data };
	struct uring_request *pending = bpf_map_lookup_elem(&uring_requests, &key);
	struct uring_request found;

	if (!pending)
		return;
	found = *pending;
	if (found.under_way > 1) {
		pending->under_way--;
		return;
	}
	bpf_map_delete_elem(&uring_requests, &key);
	if (!found.ambiguous && is_decoded(found.opcode))
		complete_for(&found, found.request, result);
}

#endif
