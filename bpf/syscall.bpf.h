/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What every syscall has in common: its number and arguments, the set of syscalls of a workload, changes of identity. */
#ifndef SENSOR_SYSCALL_BPF_H
#define SENSOR_SYSCALL_BPF_H

#include "credentials.bpf.h"
#include "file.bpf.h"
#include "numbers.bpf.h"

/* Arguments as they stand in the registers that the call saved. */
struct arguments {
	__u64 at[6];
};

#if defined(__TARGET_ARCH_x86)
#define syscall_number(regs) ((long)get(regs, orig_ax))
#define argument0(regs) get(regs, di)
#define argument1(regs) get(regs, si)
#define argument2(regs) get(regs, dx)
#define argument3(regs) get(regs, r10)
#define argument4(regs) get(regs, r8)
#define argument5(regs) get(regs, r9)
#define is_x32(number) ((number)&0x40000000) /* 64-bit machine, 32-bit pointers */
#elif defined(__TARGET_ARCH_arm64)
#define syscall_number(regs) ((long)get(regs, syscallno))
#define argument0(regs) get(regs, orig_x0)
#define argument1(regs) get(regs, regs[1])
#define argument2(regs) get(regs, regs[2])
#define argument3(regs) get(regs, regs[3])
#define argument4(regs) get(regs, regs[4])
#define argument5(regs) get(regs, regs[5])
#define is_x32(number) false
#endif

/* The set of the cgroup that ran last on this processor: saves the look-up for nearly every call. A set bit is always true. */
struct recent {
	__u64 cgroup;
	__u64 syscalls[8];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct recent);
} recent_workload SEC(".maps");

static __always_inline void fill_syscall(struct scratch *scratch, struct pt_regs *regs, __u32 number, __u32 flags)
{
	struct sensor_syscall *to = body(scratch, sensor_syscall);

	to->number = number;
	to->flags = flags;
	to->arguments[0] = argument0(regs);
	to->arguments[1] = argument1(regs);
	to->arguments[2] = argument2(regs);
	to->arguments[3] = argument3(regs);
	to->arguments[4] = argument4(regs);
	to->arguments[5] = argument5(regs);
}

/* A syscall that is not in this processor's copy of the set. */
static __noinline void on_unseen_syscall(struct sensor_control *block, struct pt_regs *regs, struct recent *recent,
					 __u32 number, __s64 result)
{
	struct scratch *scratch = scratch_at(SCRATCH_PROCESS);
	struct task_struct *task = current_task();
	__u64 cgroup = cgroup_of(task), bit = 1ULL << (number & 63);
	__u32 word = number >> 6, tgid = get(task, tgid);
	struct sensor_workload *workload;
	bool scoped;

	/* Here only for a tail, which wants calls; a set is kept of who is watched. */
	if (is_unwatched(block, &cgroup))
		return;
	workload = workload_of(&cgroup);
	/* The compiler knows from the caller that the mask changes nothing; 5.10 does not. */
	barrier_var(word);
	word &= 7;
	if (recent->cgroup != cgroup) {
		recent->cgroup = cgroup;
		if (workload)
			__builtin_memcpy(recent->syscalls, workload->syscalls, sizeof(recent->syscalls));
		else
			__builtin_memset(recent->syscalls, 0, sizeof(recent->syscalls));
	}
	if (recent->syscalls[word] & bit)
		return;
	recent->syscalls[word] |= bit;
	if (workload && workload->syscalls[word] & bit)
		return;
	scoped = block->stream && (block->stream_kinds >> SENSOR_SYSCALL_FIRST) & 1 && in_scope(block, tgid, cgroup);
	if (!scratch || !enabled(block, SENSOR_SYSCALL_FIRST) || (block->scope_only && !scoped))
		return;
	if (!workload) {
		/* No room for this cgroup's set: this processor's copy keeps it from being sent each time. */
		lose(cgroup, SENSOR_HOOK_SYS_EXIT, SENSOR_LOSS_MEMORY_FULL, SENSOR_SYSCALL_FIRST);
	}
	file_key(&scratch->header.key, block, task, SENSOR_SYSCALL_FIRST, SENSOR_HOOK_SYS_EXIT, 0);
	scratch->header.key.object = number;
	begin(scratch, task, scoped ? SENSOR_FIRST_SEEN | SENSOR_STREAMED : SENSOR_FIRST_SEEN, result);
	fill_syscall(scratch, regs, number, 0);
	scratch->header.size = sizeof(scratch->header) + sizeof(struct sensor_syscall);
	if (submit(&scratch->header, sizeof(scratch->header) + sizeof(struct sensor_syscall), block,
		   &scratch->header)) {
		/* Two processors may set bits of one word at once; what gets lost is told again. */
		if (workload)
			workload->syscalls[word] |= bit;
	} else {
		recent->syscalls[word] &= ~bit;
	}
}

static __always_inline void note_syscall(struct sensor_control *block, struct pt_regs *regs, __u64 cgroup, __u32 number,
					 __s64 result)
{
	__u32 zero = 0, word = number >> 6;
	struct recent *recent = bpf_map_lookup_elem(&recent_workload, &zero);

	if (!recent || number > 511)
		return;
	/* The comparison above may be with another copy of the number, which tells 5.10 nothing of this one. */
	barrier_var(word);
	word &= 7;
	if (recent->cgroup == cgroup && (recent->syscalls[word] >> (number & 63)) & 1)
		return;
	on_unseen_syscall(block, regs, recent, number, result);
}

/* Credentials or namespaces after the call; what they were before, the daemon knows. */
static __noinline void on_identity(struct sensor_control *block, __u32 number, __s64 result)
{
	struct scratch *scratch = scratch_at(SCRATCH_PROCESS);
	struct task_struct *task = current_task();
	struct sensor_identity *to;
	struct sensor_key key = {};
	__u16 flags;

	if (!scratch || !enabled(block, SENSOR_IDENTITY_CHANGE))
		return;
	file_key(&key, block, task, SENSOR_IDENTITY_CHANGE, SENSOR_HOOK_SYS_EXIT, result < 0 ? -result : 0);
	scratch->header.key = key;
	begin(scratch, task, 0, result);
	to = body(scratch, sensor_identity);
	to->number = number;
	fill_credentials(&to->credentials, task);
	fill_namespaces(&to->namespaces, task);
	to->thread_start = get(task, start_boottime);
	/* Each thread's change is news of its own: who it was before differs. */
	key.object = mix(mix(config.seed ^ number, to->thread_start), get(task, pid));
	key.object = mix(mix(key.object, ((__u64)to->credentials.euid << 32) | to->credentials.egid),
			 to->credentials.effective);
	key.object = mix(mix(key.object, ((__u64)to->credentials.uid << 32) | to->credentials.gid),
			 to->credentials.permitted);
	key.object = mix(mix(key.object, ((__u64)to->credentials.securebits << 32) | to->credentials.group_count),
			 to->credentials.ambient);
	for (__u32 i = 0; i < SENSOR_GROUPS_MAX; i += 2)
		key.object = mix(key.object, ((__u64)to->credentials.groups[i] << 32) | to->credentials.groups[i + 1]);
	/* Not the bounding set: runtimes drop it one by one, forty times, and what matters is left in the next change. */
	key.object = mix(mix(key.object, ((__u64)to->namespaces.mount << 32) | to->namespaces.network),
			 ((__u64)to->namespaces.user << 32) | to->namespaces.pid);
	key.object =
		mix(mix(key.object, ((__u64)to->namespaces.uts << 32) | to->namespaces.ipc), to->namespaces.cgroup);
	key.object = finish(key.object);
	flags = recall(&memory, &key, block, get(task, tgid), 0, 0);
	if (!flags)
		return;
	scratch->header.key = key;
	scratch->header.flags = flags;
	dispatch(scratch, block, false);
}

#endif
