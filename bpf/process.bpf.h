/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Processes: exec, fork, exit, and those that ran before. */
#ifndef SENSOR_PROCESS_BPF_H
#define SENSOR_PROCESS_BPF_H

#include "credentials.bpf.h"
#include "file.bpf.h"
#include "numbers.bpf.h"

#define SIGNAL_GROUP_EXIT 0x4

/* Executable, parent, credentials: what exec, fork and the iterator have in common. */
static __always_inline struct sensor_exec *fill_process(struct scratch *scratch, struct task_struct *task)
{
	struct sensor_exec *exec = body(scratch, sensor_exec);
	struct task_struct *parent = get(get(task, group_leader), real_parent);
	struct mm_struct *mm = get(task, mm);
	struct file *file = mm ? get(mm, exe_file) : NULL;

	exec->parent_tgid = get(parent, tgid);
	exec->parent_start = get(get(parent, group_leader), start_boottime);
	if (get(task, flags) & PF_KTHREAD)
		exec->flags |= SENSOR_EXEC_KERNEL_THREAD;
	fill_credentials(&exec->credentials, task);
	fill_namespaces(&exec->namespaces, task);
	if (file) {
		struct inode *inode = get(file, f_inode);

		exec->inode = get(inode, i_ino);
		exec->generation = get(inode, i_generation);
		exec->device = get(get(inode, i_sb), s_dev);
		if (!get(inode, i_nlink))
			exec->flags |= SENSOR_EXEC_MEMORY_FILE;
	}
	return exec;
}

static __always_inline void lifecycle_key(struct scratch *scratch, const struct sensor_control *block,
					  struct task_struct *task, __u8 kind, __u8 hook)
{
	struct sensor_key key = {
		.cgroup = cgroup_of(task),
		.executable = executable_of(task),
		.kind = kind,
		.hook = hook,
		.calls = calls_of(block, task),
	};

	scratch->header.key = key;
}

static __always_inline void append_file_path(struct task_struct *task, struct scratch *scratch, struct file *file,
					     __u32 tag)
{
	append_path_of(task, scratch, &file->f_path, tag);
}

/* The scratch's flags for a lifecycle record, or -1 when nobody wants it. */
static __always_inline int lifecycle_flags(const struct sensor_control *block, __u8 kind, __u32 tgid, __u64 cgroup)
{
	bool scoped = block->stream && (block->stream_kinds >> kind) & 1 && in_scope(block, tgid, cgroup);

	if (!enabled(block, kind) || (block->scope_only && !in_scope(block, tgid, cgroup)))
		return -1;
	return scoped ? SENSOR_FIRST_SEEN | SENSOR_STREAMED : SENSOR_FIRST_SEEN;
}

/* argv lies between arg_start and arg_end of the new image, a NUL after each. */
static __always_inline void append_arguments(struct scratch *scratch, struct task_struct *task,
					     struct sensor_exec *exec)
{
	struct mm_struct *mm = get(task, mm);
	__u64 from = get(mm, arg_start), length = get(mm, arg_end) - from;
	__u32 at = scratch->length;

	if (at > SECTION_START_MAX)
		return;
	exec->argument_bytes = length;
	if (length >= SENSOR_ARGUMENTS_MAX) {
		length = SENSOR_ARGUMENTS_MAX - 1;
		exec->flags |= SENSOR_EXEC_ARGUMENTS_CUT;
		lose_of(scratch, SENSOR_LOSS_ARGUMENTS_TOO_LONG);
	}
	length &= SENSOR_ARGUMENTS_MAX - 1;
	if (bpf_probe_read_user(&scratch->bytes[(at + sizeof(struct sensor_section)) & RECORD_MASK], length,
				(void *)from)) {
		lose_of(scratch, SENSOR_LOSS_READ_FAULT);
		return;
	}
	close_section(scratch, at, length, SENSOR_SECTION_ARGUMENTS, 0);
}

static __always_inline void on_exec(struct task_struct *task, __u32 old_pid, struct linux_binprm *binary)
{
	struct scratch *scratch = scratch_at(SCRATCH_PROCESS);
	struct sensor_control *block = control_block();
	struct sensor_exec *exec;
	struct mm_struct *mm;
	__u64 cgroup = cgroup_of(task);
	__u32 tgid = get(task, tgid);
	const char *name, *interpreter;
	int flags, length;

	if (!scratch || !block || is_self(block, tgid))
		return;
	if (block->has_calls)
		start_calls(task, old_pid);
	flags = lifecycle_flags(block, SENSOR_PROCESS_EXEC, tgid, cgroup);
	if (flags < 0)
		return;
	lifecycle_key(scratch, block, task, SENSOR_PROCESS_EXEC, SENSOR_HOOK_PROCESS_EXEC);
	begin(scratch, task, flags, 0);
	exec = fill_process(scratch, task);
	if (BPF_CORE_READ_BITFIELD_PROBED(binary, secureexec))
		exec->flags |= SENSOR_EXEC_SECURE;
	if (old_pid != tgid)
		exec->flags |= SENSOR_EXEC_FROM_THREAD;
	append_arguments(scratch, task, exec);
	mm = get(task, mm);
	append_file_path(task, scratch, get(mm, exe_file), SENSOR_SECTION_EXECUTABLE);
	/* The kernel points `interp` elsewhere when an interpreter takes over; `filename` stays what was asked for. */
	name = get(binary, filename);
	interpreter = get(binary, interp);
	if (name != interpreter && scratch->length <= SECTION_START_MAX) {
		__u32 at = scratch->length;

		length = bpf_probe_read_kernel_str(&scratch->bytes[(at + sizeof(struct sensor_section)) & RECORD_MASK],
						   SENSOR_PATH_MAX, name);
		if (length > 0) {
			close_section(scratch, at, (length - 1) & (SENSOR_PATH_MAX - 1), SENSOR_SECTION_SCRIPT, 0);
			exec->flags |= SENSOR_EXEC_SCRIPT;
		}
	}
	append_path_of(task, scratch, &get(task, fs)->pwd, SENSOR_SECTION_DIRECTORY);
	dispatch_lifecycle(scratch, block);
	if (!is_unwanted(block, task))
		on_exec_mappings(task, block);
}

/* A pid namespace is another where the levels differ: who asked for one by unshare or setns is not in it himself. */
static __always_inline bool has_other_namespaces(struct task_struct *creator, struct task_struct *child)
{
	return address_of(get(creator, nsproxy)) != address_of(get(child, nsproxy)) ||
	       address_of(get(get(creator, cred), user_ns)) != address_of(get(get(child, cred), user_ns)) ||
	       get(get(creator, thread_pid), level) != get(get(child, thread_pid), level);
}

/* The child, a process or a thread, came to life in other namespaces: clone with CLONE_NEW*, which has no exit of unshare's. */
static __noinline void on_cloned_identity(struct sensor_control *block, struct task_struct *creator,
					  struct task_struct *child)
{
	struct scratch *scratch = scratch_at(SCRATCH_PROCESS);
	struct sensor_identity *to;
	struct sensor_key key = {};
	__u16 flags;

	if (!scratch || !enabled(block, SENSOR_IDENTITY_CHANGE) || !has_other_namespaces(creator, child) ||
	    is_unwanted(block, child))
		return;
	file_key(&key, block, child, SENSOR_IDENTITY_CHANGE, SENSOR_HOOK_PROCESS_FORK, 0);
	scratch->header.key = key;
	begin(scratch, child, 0, 0);
	to = body(scratch, sensor_identity);
	to->number = SYS_clone;
	to->creator_tgid = get(creator, tgid);
	fill_credentials(&to->credentials, child);
	fill_namespaces(&to->namespaces, child);
	to->thread_start = get(child, start_boottime);
	to->creator_start = get(creator, start_boottime);
	to->creator_tid = get(creator, pid);
	/* Each child is news of its own. */
	key.object = mix(mix(config.seed, get(child, start_boottime)), get(child, pid));
	key.object = finish(key.object);
	flags = recall(&memory, &key, block, get(child, tgid), 0, 0);
	if (!flags)
		return;
	scratch->header.key = key;
	scratch->header.flags = flags;
	dispatch(scratch, block, false);
}

/* `creator` called clone: the parent too, but for CLONE_PARENT, with which the child has the creator's parent. */
static __always_inline void on_fork(struct task_struct *creator, struct task_struct *child)
{
	struct scratch *scratch = scratch_at(SCRATCH_PROCESS);
	struct sensor_control *block = control_block();
	__u32 creator_tgid = get(creator, tgid), tgid = get(child, tgid);
	__u32 *scope, inherited;
	struct sensor_exec *exec;
	int flags;

	if (!scratch || !block)
		return;
	if (block->has_calls)
		inherit_calls(creator, child);
	if (tgid == creator_tgid) { /* a thread */
		if (!is_self(block, tgid))
			on_cloned_identity(block, creator, child);
		return;
	}
	scope = bpf_map_lookup_elem(&scope_processes, &creator_tgid);
	if (scope && *scope & SENSOR_SCOPE_DESCENDANTS) {
		inherited = *scope;
		if (bpf_map_update_elem(&scope_processes, &tgid, &inherited, BPF_ANY))
			lose(cgroup_of(child), SENSOR_HOOK_PROCESS_FORK, SENSOR_LOSS_SCOPE_FULL, SENSOR_PROCESS_FORK);
	}
	if (is_self(block, creator_tgid) && !scope)
		return;
	flags = lifecycle_flags(block, SENSOR_PROCESS_FORK, tgid, cgroup_of(child));
	if (flags >= 0) {
		lifecycle_key(scratch, block, child, SENSOR_PROCESS_FORK, SENSOR_HOOK_PROCESS_FORK);
		/* The fork itself is its creator's deed. */
		scratch->header.key.calls = calls_of(block, creator);
		begin(scratch, child, flags, 0);
		exec = fill_process(scratch, child);
		exec->creator_tgid = creator_tgid;
		dispatch_lifecycle(scratch, block);
	}
	on_cloned_identity(block, creator, child);
}

/* The tracepoint's second argument, where it has one (6.16 on): is this the last thread? */
typedef void (*btf_trace_sched_process_exit___last)(void *, struct task_struct *, bool);

static __always_inline void on_exit(struct task_struct *task)
{
	struct scratch *scratch = scratch_at(SCRATCH_PROCESS);
	struct sensor_control *block = control_block();
	struct signal_struct *signal = get(task, signal);
	__u32 tgid = get(task, tgid);
	struct sensor_exit *exit;
	int flags, code;

	/*
	 * The process ends with its last thread, whichever that is, not with its leader. Where the tracepoint does not say which that
	 * is, several that end at once may each take itself for it.
	 */
	if (!scratch || !block || get(signal, live.counter) != 0)
		return;
	if (is_self(block, tgid)) {
		/* The programs may outlive it, and its number comes back. */
		block->self_tgid = 0;
		return;
	}
	flags = lifecycle_flags(block, SENSOR_PROCESS_EXIT, tgid, cgroup_of(task));
	if (flags >= 0) {
		lifecycle_key(scratch, block, task, SENSOR_PROCESS_EXIT, SENSOR_HOOK_PROCESS_EXIT);
		begin(scratch, task, flags, 0);
		exit = body(scratch, sensor_exit);
		code = get(signal, flags) & SIGNAL_GROUP_EXIT ? get(signal, group_exit_code)
							      : get(get(task, group_leader), exit_code);
		exit->code = (code >> 8) & 0xff;
		exit->signal = code & 0x7f;
		exit->core_dumped = (code >> 7) & 1;
		dispatch_lifecycle(scratch, block);
	}
	bpf_map_delete_elem(&scope_processes, &tgid);
}

/* May the thread have other credentials or namespaces than its leader? */
static __always_inline bool is_unlike_leader(struct task_struct *task)
{
	struct task_struct *leader = get(task, group_leader);

	return address_of(get(task, cred)) != address_of(get(leader, cred)) ||
	       address_of(get(task, nsproxy)) != address_of(get(leader, nsproxy));
}

/*
 * One record for each process that runs already, and for each thread that is not what its leader is, written to the iterator's file
 * in the ring's layout.
 */
static __always_inline int on_seen(struct bpf_iter__task *context)
{
	struct scratch *scratch = scratch_at(SCRATCH_ITERATOR);
	struct sensor_control *block = control_block();
	struct task_struct *task = context->task;
	struct seq_file *file = context->meta->seq;
	struct sensor_exec *exec;
	struct mm_struct *mm;
	struct fs_struct *fs;
	__u32 size;

	if (!scratch || !block || !task)
		return 0;
	task = cast(task_struct, task);
	if (is_self(block, get(task, tgid)) || (get(task, pid) != get(task, tgid) && !is_unlike_leader(task)))
		return 0;
	scratch->slot = SCRATCH_ITERATOR;
	lifecycle_key(scratch, block, task, SENSOR_PROCESS_SEEN, SENSOR_HOOK_ITER_TASK);
	begin(scratch, task, SENSOR_FIRST_SEEN, 0);
	exec = fill_process(scratch, task);
	(void)exec;
	mm = get(task, mm);
	fs = get(task, fs);
	if (mm && fs) {
		struct file *executable = get(mm, exe_file);

		if (executable)
			append_file_path(task, scratch, executable, SENSOR_SECTION_EXECUTABLE);
		append_path_of(task, scratch, &fs->pwd, SENSOR_SECTION_DIRECTORY);
	}
	size = sizeof(scratch->header) + scratch->length;
	if (size > SENSOR_RECORD_MAX) {
		lose_of(scratch, SENSOR_LOSS_BAD_RECORD);
		return 0;
	}
	scratch->header.size = size;
	bpf_seq_write(file, &scratch->header, size);
	return 0;
}

#endif
