/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The calls that matter by themselves: which they are, and which of their arguments say what they were about. */
#ifndef SENSOR_NOTABLE_BPF_H
#define SENSOR_NOTABLE_BPF_H

#include "syscall.bpf.h"

#define EFAULT 14
#define FSCONFIG_SET_STRING 1
#define FSCONFIG_SET_PATH 3
#define FSCONFIG_SET_PATH_EMPTY 4
#define PTRACE_TRACEME 0
#define KEXEC_FILE_UNLOAD 0x1 /* linux/kexec.h: neither kernel nor command line */

/* Stages a string of the call that is in scratch->notable as the next section, and returns the object's hash with it. */
static __always_inline __u64 add_string(struct scratch *scratch, __u64 object, __u32 index, __u16 tag, __s64 result)
{
	__u64 address = scratch->notable.strings[index];
	__u32 at = scratch->length + sizeof(struct sensor_section);
	int length;

	if (!address)
		return object;
	length = stage_user_string(address, SCRATCH_PROCESS);
	if (length < 0) {
		/* The kernel could not read it either. */
		if (result != -EFAULT)
			lose_of(scratch, SENSOR_LOSS_READ_FAULT);
		return object;
	}
	if (!index && scratch->notable.limit && (__u32)length > scratch->notable.limit)
		length = scratch->notable.limit;
	object = mix(object ^ tag, hash_bytes(at, length, SCRATCH_PROCESS));
	close_section(scratch, scratch->length, length & (SENSOR_PATH_MAX - 1), tag, 0);
	return object;
}

/* Tells of the call in scratch->notable. The strings are the caller's, read after the call: what they lead to is not looked up. */
static __noinline void on_notable(struct sensor_control *block, struct pt_regs *regs, __s64 result)
{
	struct scratch *scratch = scratch_at(SCRATCH_PROCESS);
	struct task_struct *task = current_task();
	__u32 number = syscall_number(regs);
	struct sensor_key *key;
	struct file *file;
	__u64 object;
	__u16 flags;

	if (!scratch || !enabled(block, SENSOR_SYSCALL_NOTABLE))
		return;
	key = &scratch->header.key;
	file_key(key, block, task, SENSOR_SYSCALL_NOTABLE, SENSOR_HOOK_SYS_EXIT, result < 0 ? -result : 0);
	begin(scratch, task, 0, result);
	fill_syscall(scratch, regs, number, 0);
	object = mix(mix(config.seed ^ number, scratch->notable.detail), scratch->notable.target);
	object = add_string(scratch, object, 0, SENSOR_SECTION_ARGUMENT, result);
	object = add_string(scratch, object, 1, SENSOR_SECTION_NEW_ARGUMENT, result);
	object = add_string(scratch, object, 2, SENSOR_SECTION_THIRD_ARGUMENT, result);
	file = cast(file, scratch->notable.file);
	if (scratch->notable.file)
		object = mix_inode(object, get(file, f_inode));
	key->object = finish(object);
	flags = recall(&memory, key, block, get(task, tgid), 0, 0);
	if (!flags)
		return;
	scratch->header.flags = flags;
	if (scratch->notable.file)
		append_path_of(task, scratch, &file->f_path, SENSOR_SECTION_PATH);
	dispatch(scratch, block, false);
}

/*
 * The process or namespace behind a descriptor. Each has an inode of its own, but for processes before 6.9, whose descriptors share one and
 * lead to the process themselves.
 */
static __always_inline __u64 target_of(__u32 descriptor)
{
	struct file *file = file_at(current_task(), descriptor);

	return file ? mix(mix_inode(config.seed, get(file, f_inode)), address_of(get(file, private_data))) : 0;
}

/* Calls that are notable by themselves. Returns false if the call is none of them. */
static __noinline bool on_notable_call(struct sensor_control *block, struct pt_regs *regs, __u32 number, __s64 result)
{
	__u64 a0 = argument0(regs), a1 = argument1(regs), a2 = argument2(regs), a3 = argument3(regs);
	struct scratch *scratch = scratch_at(SCRATCH_PROCESS);
	struct notable *call;

	if (!scratch)
		return false;
	call = &scratch->notable;
	__builtin_memset(call, 0, sizeof(*call));
	switch (number) {
	case SYS_ptrace:
		call->detail = a0;
		call->target = a0 == PTRACE_TRACEME ? 0 : a1;
		break;
	case SYS_bpf:
	case SYS_keyctl:
	case SYS_reboot:
	case SYS_personality:
	case SYS_process_vm_readv:
	case SYS_process_vm_writev:
	case SYS_unshare:
		call->detail = a0;
		break;
	case SYS_io_uring_register:
		call->detail = a1;
		break;
	case SYS_setns:
	case SYS_pidfd_getfd:
		call->detail = a1;
		call->target = target_of(a0);
		break;
	case SYS_perf_event_open:
		call->target = a1;
		break;
	case SYS_mount:
		call->strings[0] = a0;
		call->strings[1] = a1;
		call->strings[2] = a2;
		call->detail = a3;
		break;
	case SYS_sethostname:
		/* No NUL at its end. */
		call->limit = a1;
		call->strings[0] = a1 ? a0 : 0;
		break;
	case SYS_umount2:
	case SYS_chroot:
	case SYS_swapon:
	case SYS_swapoff:
	case SYS_acct:
	case SYS_memfd_create:
	case SYS_fsopen:
	case SYS_delete_module:
	case SYS_execve:
		call->strings[0] = a0;
		break;
	case SYS_pivot_root:
	case SYS_add_key:
	case SYS_request_key:
		call->strings[0] = a0;
		call->strings[1] = a1;
		break;
	case SYS_open_tree:
	case SYS_fspick:
	case SYS_mount_setattr:
	case SYS_execveat:
		call->strings[0] = a1;
		break;
	case SYS_move_mount:
		call->strings[0] = a1;
		call->strings[1] = a3;
		break;
	case SYS_fsconfig:
		call->detail = a1;
		call->strings[0] = a2;
		if (a1 == FSCONFIG_SET_STRING || a1 == FSCONFIG_SET_PATH || a1 == FSCONFIG_SET_PATH_EMPTY)
			call->strings[1] = a3;
		break;
	case SYS_init_module:
		call->strings[0] = a2;
		break;
	case SYS_finit_module:
		call->strings[0] = a1;
		call->file = address_of(file_at(current_task(), a0));
		break;
	case SYS_kexec_file_load:
		if (argument4(regs) & KEXEC_FILE_UNLOAD)
			break;
		call->strings[0] = a3;
		call->limit = a2;
		call->file = address_of(file_at(current_task(), a0));
		break;
#if defined(__TARGET_ARCH_x86)
	case SYS_iopl:
	case SYS_ioperm:
#endif
	case SYS_kexec_load:
	case SYS_userfaultfd:
	case SYS_memfd_secret:
	case SYS_io_uring_setup:
	case SYS_fsmount:
	case SYS_quotactl:
	case SYS_fanotify_init:
	case SYS_open_by_handle_at:
		break;
	default:
		return false;
	}
	on_notable(block, regs, result);
	return true;
}

#endif
