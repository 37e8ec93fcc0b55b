/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which tool calls a task acts for: sets of open calls, which the daemon makes and children inherit. */
#ifndef SENSOR_CALL_BPF_H
#define SENSOR_CALL_BPF_H

#include "core.bpf.h"

/* Of a thread, by its id: what it announced, or what it was made within. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SENSOR_CALL_ENTRIES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct sensor_calls);
} call_threads SEC(".maps");

/* Of a process, by its id: what was announced for all of it, or what it was forked within. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SENSOR_CALL_ENTRIES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct sensor_calls);
} call_processes SEC(".maps");

/*
 * Sets of which a call is still open, each at its number's place. Numbers are never used again: what was inherited of one that is
 * settled means nothing, whichever set has its place by now.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SENSOR_CALL_SETS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u64);
} call_sets SEC(".maps");

/* What a workload's calls make of entries: whoever starts much within its own calls takes nobody else's room. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SENSOR_CALL_SHARES);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u64);
} call_shares SEC(".maps");

static __always_inline __u64 place_of(__u32 set)
{
	__u32 place = (set & SENSOR_CALLS_NUMBER) % SENSOR_CALL_SETS;
	__u64 *there = bpf_map_lookup_elem(&call_sets, &place);

	return there ? *there : 0;
}

static __always_inline bool is_open(__u32 set)
{
	return (__u32)place_of(set) == (set & SENSOR_CALLS_NUMBER);
}

static __always_inline void give_back(__u32 share)
{
	__u64 *entries = bpf_map_lookup_elem(&call_shares, &share);

	if (entries)
		add(entries, -1);
}

/* An entry goes, if it is still there. */
static __always_inline void forget_entry(void *map, __u32 id)
{
	struct sensor_calls *calls = bpf_map_lookup_elem(map, &id);
	__u32 share;

	if (!calls)
		return;
	share = calls->share;
	if (!bpf_map_delete_elem(map, &id))
		give_back(share);
}

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
	return is_open(set) ? set : 0;
}

/* What stands in the entries of a task: what it acts for itself, and what its process does; 0: nothing that is open. */
struct task_calls {
	__u32 own;
	__u32 base; /* of `own`: the process's set as it was when that was made, which is part of it; only its number counts */
	__u32 all;
};

static __always_inline void find_calls(struct task_calls *found, struct task_struct *task)
{
	__u32 tid = get(task, pid), tgid = get(task, tgid);
	struct sensor_calls *of_thread = bpf_map_lookup_elem(&call_threads, &tid);
	struct sensor_calls *of_process = bpf_map_lookup_elem(&call_processes, &tgid);

	found->own = open_set(of_thread, task);
	found->base = found->own ? of_thread->base : 0;
	found->all = open_set(of_process, get(task, group_leader));
}

/*
 * The set that the task acts for; 0: none. A thread's own set has all that is open for its process in it, as that was when the set
 * was made. Where the process has another by now, the daemon has not come to this thread yet: which of them it acts for is uncertain.
 */
static __always_inline __u32 set_of(const struct task_calls *found)
{
	if (!found->own)
		return found->all;
	return !found->all || !((found->all ^ found->base) & SENSOR_CALLS_NUMBER) ? found->own : SENSOR_CALLS_UNCERTAIN;
}

/* What a worker of io_uring acts for while it completes a request: what had been open for whoever submitted that. */
struct request_calls {
	__u32 worker; /* id of the thread; 0 none */
	__u32 calls;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct request_calls);
} request_calls SEC(".maps");

/* It does what others have asked for, and for whom cannot be told by looking at it. */
static __always_inline __u32 calls_of_worker(struct task_struct *task)
{
	__u32 zero = 0, set;
	struct request_calls *request = bpf_map_lookup_elem(&request_calls, &zero);

	if (!request || request->worker != (__u32)get(task, pid))
		return SENSOR_CALLS_UNCERTAIN;
	set = request->calls;
	return set == SENSOR_CALLS_UNCERTAIN || is_open(set) ? set : 0;
}

static __noinline __u32 open_calls(struct task_struct *task)
{
	struct task_calls found;

	if (get(task, flags) & PF_IO_WORKER)
		return calls_of_worker(task);
	find_calls(&found, task);
	return set_of(&found);
}

static __always_inline __u32 calls_of(const struct sensor_control *block, struct task_struct *task)
{
	return block->has_calls ? open_calls(task) : 0;
}

/* What is made within a set has it, too. Until it executes a program of its own it may be there for others as well. */
static __always_inline __u32 made_within(__u32 set)
{
	return !set || set & (SENSOR_CALLS_SHARED | SENSOR_CALLS_STARTED) ? set : set | SENSOR_CALLS_SHARED;
}

static __always_inline long note_calls(void *map, __u32 id, __u32 set, __u32 base, struct task_struct *task)
{
	struct sensor_calls calls = { .set = set, .base = base, .start = start_ticks(task) };
	__u64 *entries;
	long error;

	if (!set)
		return 0;
	calls.share = place_of(set) >> 32;
	entries = bpf_map_lookup_elem(&call_shares, &calls.share);
	if (!entries || *entries >= SENSOR_CALL_SHARE)
		return -1;
	/* An earlier task's of that id, whose end was not seen. */
	forget_entry(map, id);
	add(entries, 1);
	error = bpf_map_update_elem(map, &id, &calls, BPF_ANY);
	if (error)
		give_back(calls.share);
	return error;
}

/* A thread or a process comes to life within what its creator acts for. What is uncertain of the creator is so of the child. */
static __noinline void inherit_calls(struct task_struct *creator, struct task_struct *child)
{
	__u32 id = get(child, pid), set;
	struct task_calls found;
	long error;

	find_calls(&found, creator);
	set = set_of(&found);
	if (get(child, tgid) == get(creator, tgid)) {
		error = note_calls(&call_threads, id, made_within(found.own), found.base, child);
	} else if (set != SENSOR_CALLS_UNCERTAIN) {
		error = note_calls(&call_processes, id, made_within(set), 0, child);
	} else {
		error = note_calls(&call_processes, id, made_within(found.all), 0, child);
		error |= note_calls(&call_threads, id, made_within(found.own), found.base, child);
	}
	if (error)
		lose(cgroup_of(child), SENSOR_HOOK_PROCESS_FORK, SENSOR_LOSS_CALLS_FULL, SENSOR_PROCESS_FORK);
}

/*
 * A thread that was not the leader has executed: the others are gone, and it has the leader's id and start from now on. What it acts for
 * goes with it.
 */
static __noinline void move_calls(struct task_struct *task, __u32 old_id)
{
	__u32 id = get(task, pid);
	struct sensor_calls *calls;
	struct sensor_calls moved;

	if (old_id == id)
		return;
	calls = bpf_map_lookup_elem(&call_threads, &old_id);
	if (!calls)
		return;
	moved = *calls;
	forget_entry(&call_threads, old_id);
	if (note_calls(&call_threads, id, moved.set, moved.base, task))
		lose(cgroup_of(task), SENSOR_HOOK_PROCESS_EXEC, SENSOR_LOSS_CALLS_FULL, SENSOR_PROCESS_EXEC);
}

static __always_inline void start_within(void *map, __u32 id, struct task_struct *task)
{
	struct sensor_calls *calls = bpf_map_lookup_elem(map, &id);

	if (calls && calls->set && calls->start == start_ticks(task))
		calls->set = (calls->set & SENSOR_CALLS_NUMBER) | SENSOR_CALLS_STARTED;
}

/* A program has been executed: whoever made the task has no hold on what it does any more. */
static __noinline void start_calls(struct task_struct *task, __u32 old_id)
{
	move_calls(task, old_id);
	start_within(&call_threads, get(task, pid), task);
	start_within(&call_processes, get(task, tgid), get(task, group_leader));
}

/* A thread has ended, and its process with it if it was the last. */
static __noinline void forget_calls(struct task_struct *task)
{
	struct sensor_control *block = control_block();
	__u32 tid = get(task, pid), tgid = get(task, tgid);

	if (!block || !block->has_calls)
		return;
	forget_entry(&call_threads, tid);
	if (get(get(task, signal), live.counter) == 0)
		forget_entry(&call_processes, tgid);
}

#endif
