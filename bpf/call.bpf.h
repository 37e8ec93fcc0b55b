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
 * Sets of which a call is still open, each at its number's place. A number is not used again while an entry names any of its place:
 * what was inherited of one that is settled means nothing, whichever set has its place by now.
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
	__uint(max_entries, SENSOR_CALL_SHARES + 1);
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
	__u32 behind = SENSOR_CALL_SHARES;
	__u64 *entries = bpf_map_lookup_elem(&call_shares, &share);
	__u64 *all = bpf_map_lookup_elem(&call_shares, &behind);

	if (!entries || !all)
		return;
	add(entries, -1);
	add(all, -1);
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
	__u32 own_program, all_program; /* of whoever announced them, as in sensor_calls */
};

static __always_inline void find_calls(struct task_calls *found, struct task_struct *task)
{
	__u32 tid = get(task, pid), tgid = get(task, tgid);
	struct sensor_calls *of_thread = bpf_map_lookup_elem(&call_threads, &tid);
	struct sensor_calls *of_process = bpf_map_lookup_elem(&call_processes, &tgid);

	found->own = open_set(of_thread, task);
	found->base = found->own ? of_thread->base : 0;
	found->own_program = found->own ? of_thread->program : 0;
	found->all = open_set(of_process, get(task, group_leader));
	found->all_program = found->all ? of_process->program : 0;
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

/* What a task acts for while it completes a request of io_uring: what had been open for whoever submitted that. */
struct request_calls {
	__u32 task; /* id of the thread; 0 none */
	__u32 calls;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct request_calls);
} request_calls SEC(".maps");

static __noinline __u32 open_calls(struct task_struct *task)
{
	__u32 zero = 0, set;
	struct request_calls *request = bpf_map_lookup_elem(&request_calls, &zero);
	struct task_calls found;

	/* Whoever submits requests completes some of them itself, and may do so within its next call. */
	if (request && request->task == (__u32)get(task, pid)) {
		set = request->calls;
		return set == SENSOR_CALLS_UNCERTAIN || is_open(set) ? set : 0;
	}
	/* It does what others have asked for, and for whom cannot be told by looking at it. */
	if (get(task, flags) & PF_IO_WORKER)
		return SENSOR_CALLS_UNCERTAIN;
	find_calls(&found, task);
	return set_of(&found);
}

static __always_inline __u32 calls_of(const struct sensor_control *block, struct task_struct *task)
{
	return block->has_calls ? open_calls(task) : 0;
}

/* A program is told apart from others by the lower half of its key. */
static __always_inline __u32 program_of(struct task_struct *task)
{
	return executable_of(task);
}

/*
 * A process that is made within a set has it, too. It may be there for others as well, until it executes a program of its own; whatever is
 * made by such a one may be theirs for good.
 */
static __always_inline struct sensor_calls made_within(__u32 set, __u32 program, struct task_struct *creator)
{
	struct sensor_calls made = { .set = set, .program = program };

	if (!(set & SENSOR_CALLS_MADE)) {
		made.set = set | SENSOR_CALLS_SHARED;
		made.program = program_of(creator);
	} else if (set & SENSOR_CALLS_SHARED) {
		made.set = set | SENSOR_CALLS_MADE;
	}
	return made;
}

/* A thread is no program, and what it starts is asked for by whoever gives it work. */
static __always_inline struct sensor_calls thread_within(const struct task_calls *found, struct task_struct *creator)
{
	struct sensor_calls made = made_within(found->own, found->own_program, creator);

	if (made.set & SENSOR_CALLS_SHARED)
		made.set |= SENSOR_CALLS_MADE;
	made.base = found->base;
	return made;
}

static __always_inline long note_calls(void *map, __u32 id, struct sensor_calls *calls, struct task_struct *task)
{
	__u32 share, behind = SENSOR_CALL_SHARES;
	__u64 *entries, *all;
	long error;

	calls->start = start_ticks(task);
	share = place_of(calls->set) >> 32;
	calls->share = share;
	entries = bpf_map_lookup_elem(&call_shares, &share);
	all = bpf_map_lookup_elem(&call_shares, &behind);
	if (!entries || !all || !sensor_call_has_room(*entries, *all))
		return -1;
	/* An earlier task's of that id, whose end was not seen. */
	forget_entry(map, id);
	add(entries, 1);
	add(all, 1);
	error = bpf_map_update_elem(map, &id, calls, BPF_ANY);
	if (error)
		give_back(share);
	return error;
}

/* A thread or a process comes to life within what its creator acts for. What is uncertain of the creator is so of the child. */
static __noinline void inherit_calls(struct task_struct *creator, struct task_struct *child)
{
	bool is_thread = get(child, tgid) == get(creator, tgid), is_uncertain;
	__u32 id = get(child, pid), set;
	struct task_calls found;
	struct sensor_calls made;
	long error = 0;

	find_calls(&found, creator);
	set = set_of(&found);
	is_uncertain = set == SENSOR_CALLS_UNCERTAIN;
	if (found.own && (is_thread || is_uncertain)) {
		made = thread_within(&found, creator);
		error = note_calls(&call_threads, id, &made, child);
	}
	if (!is_thread && set) {
		if (is_uncertain || !found.own)
			made = made_within(found.all, found.all_program, creator);
		else
			made = made_within(found.own, found.own_program, creator);
		error |= note_calls(&call_processes, id, &made, child);
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
	if (note_calls(&call_threads, id, &moved, task))
		lose(cgroup_of(task), SENSOR_HOOK_PROCESS_EXEC, SENSOR_LOSS_CALLS_FULL, SENSOR_PROCESS_EXEC);
}

static __always_inline void start_within(void *map, __u32 id, __u32 program, struct task_struct *task)
{
	struct sensor_calls *calls = bpf_map_lookup_elem(map, &id);
	__u32 made;

	if (!calls || !calls->set || calls->start != start_ticks(task))
		return;
	made = calls->set & SENSOR_CALLS_MADE;
	/* A worker, too, begins by executing the program of whoever it works for. */
	if (made && calls->program == program)
		made = SENSOR_CALLS_MADE;
	calls->set = (calls->set & SENSOR_CALLS_NUMBER) |
		     (made == SENSOR_CALLS_MADE ? SENSOR_CALLS_MADE : SENSOR_CALLS_STARTED);
}

/* A program has been executed: if the task was made for one call alone, it is that call's whatever else is open. */
static __noinline void start_calls(struct task_struct *task, __u32 old_id)
{
	__u32 program = program_of(task);

	move_calls(task, old_id);
	start_within(&call_threads, get(task, pid), program, task);
	start_within(&call_processes, get(task, tgid), program, get(task, group_leader));
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
