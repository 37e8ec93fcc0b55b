/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which tool calls a task acts for: sets of open calls, which the daemon makes and children inherit. */
#ifndef SENSOR_CALL_BPF_H
#define SENSOR_CALL_BPF_H

#include "core.bpf.h"

/* Of a thread, by its id: what it announced, or what it was made within. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct sensor_calls);
} call_threads SEC(".maps");

/* Of a process, by its id: what was announced for all of it, or what it was forked within. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct sensor_calls);
} call_processes SEC(".maps");

/* Sets of which a call is still open. Their numbers are never used again: what was inherited of one that is settled means nothing. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 32768);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, __u32);
} call_sets SEC(".maps");

/* The start of a task as /proc tells it, which is all that the daemon can know: an id comes back, but not within a tick. */
static __always_inline __u64 start_ticks(struct task_struct *task)
{
	return get(task, start_boottime) / SENSOR_CLOCK_TICK;
}

/* The set that stands in an entry; 0 if the entry is another task's or all of its calls have ended. */
static __always_inline __u32 open_set(const struct sensor_calls *calls, struct task_struct *task)
{
	__u32 set;

	if (!calls || calls->start != start_ticks(task))
		return 0;
	set = calls->set;
	return set == SENSOR_CALLS_UNCERTAIN || bpf_map_lookup_elem(&call_sets, &set) ? set : 0;
}

/*
 * The set that the task acts for now; 0: none. A thread's own set has all that is open for its process in it, as that was when the set
 * was made. Where the process has another by now, the daemon has not come to this thread yet: which of them it acts for is uncertain.
 */
static __noinline __u32 open_calls(struct task_struct *task)
{
	__u32 tid = get(task, pid), tgid = get(task, tgid), own, all;
	struct sensor_calls *of_thread = bpf_map_lookup_elem(&call_threads, &tid);
	struct sensor_calls *of_process = bpf_map_lookup_elem(&call_processes, &tgid);

	own = open_set(of_thread, task);
	all = open_set(of_process, get(task, group_leader));
	if (!own)
		return all;
	return !all || all == of_thread->base ? own : SENSOR_CALLS_UNCERTAIN;
}

static __always_inline __u32 calls_of(const struct sensor_control *block, struct task_struct *task)
{
	return block->has_calls ? open_calls(task) : 0;
}

/* A thread or a process comes to life within what its creator acts for. */
static __noinline void inherit_calls(struct task_struct *creator, struct task_struct *child)
{
	__u32 id = get(child, pid), creator_id = get(creator, pid);
	struct sensor_calls inherited = { .start = start_ticks(child) };
	struct sensor_calls *calls;
	long error;

	if (get(child, tgid) == get(creator, tgid)) {
		calls = bpf_map_lookup_elem(&call_threads, &creator_id);
		inherited.set = open_set(calls, creator);
		if (!inherited.set)
			return;
		inherited.base = calls->base;
		error = bpf_map_update_elem(&call_threads, &id, &inherited, BPF_ANY);
	} else {
		inherited.set = open_calls(creator);
		if (!inherited.set)
			return;
		error = bpf_map_update_elem(&call_processes, &id, &inherited, BPF_ANY);
	}
	if (error)
		lose(cgroup_of(child), SENSOR_HOOK_PROCESS_FORK, SENSOR_LOSS_CALLS_FULL, SENSOR_PROCESS_FORK);
}

/* A thread has ended, and its process with it if it was the last. */
static __noinline void forget_calls(struct task_struct *task)
{
	struct sensor_control *block = control_block();
	__u32 tid = get(task, pid), tgid = get(task, tgid);

	if (!block || !block->has_calls)
		return;
	bpf_map_delete_elem(&call_threads, &tid);
	if (get(get(task, signal), live.counter) == 0)
		bpf_map_delete_elem(&call_processes, &tgid);
}

#endif
