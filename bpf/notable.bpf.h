/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The calls that matter by themselves: which they are, and which of their arguments say what they were about. */
#ifndef SENSOR_NOTABLE_BPF_H
#define SENSOR_NOTABLE_BPF_H

#include "syscall.bpf.h"

/*
 * Calls that matter by themselves. `name` and `new_name` are user addresses of strings that say what they were about (a path, a type), and
 * `detail` is the argument that makes one call differ from another.
 */
static __noinline void on_notable(struct sensor_control *block, struct pt_regs *regs, const struct naming *names,
				  __u64 detail, __s64 result)
{
	struct scratch *scratch = scratch_at(SCRATCH_PROCESS);
	struct task_struct *task = current_task();
	struct sensor_key key = {};
	__u32 number = syscall_number(regs), at;
	int length;
	__u16 flags;

	if (!scratch || !enabled(block, SENSOR_SYSCALL_NOTABLE))
		return;
	file_key(&key, block, task, SENSOR_SYSCALL_NOTABLE, SENSOR_HOOK_SYS_EXIT, result < 0 ? -result : 0);
	scratch->header.key = key;
	begin(scratch, task, 0, result);
	fill_syscall(scratch, regs, number, 0);
	key.object = mix(config.seed ^ number, detail);
	if (names->name) {
		at = scratch->length + sizeof(struct sensor_section);
		length = stage_user_string(names->name, SCRATCH_PROCESS);
		if (length >= 0) {
			key.object = mix(key.object, hash_bytes(at, length, SCRATCH_PROCESS));
			close_section(scratch, scratch->length, length & (SENSOR_PATH_MAX - 1), SENSOR_SECTION_ARGUMENT,
				      0);
		}
	}
	if (names->new_name) {
		at = scratch->length + sizeof(struct sensor_section);
		length = stage_user_string(names->new_name, SCRATCH_PROCESS);
		if (length >= 0) {
			key.object = mix(key.object, hash_bytes(at, length, SCRATCH_PROCESS));
			close_section(scratch, scratch->length, length & (SENSOR_PATH_MAX - 1),
				      SENSOR_SECTION_NEW_ARGUMENT, 0);
		}
	}
	key.object = finish(key.object);
	flags = recall(&memory, &key, block, get(task, tgid), 0, 0);
	if (!flags)
		return;
	scratch->header.key = key;
	scratch->header.flags = flags;
	dispatch(scratch, block, false);
}

/* Calls that are notable by themselves. Returns false if the call is none of them. */
static __noinline bool on_notable_call(struct sensor_control *block, struct pt_regs *regs, __u32 number, __s64 result)
{
	__u64 a0 = argument0(regs), a1 = argument1(regs), detail = 0;
	struct naming names = {};

	switch (number) {
	case SYS_ptrace:
	case SYS_bpf:
	case SYS_keyctl:
	case SYS_reboot:
	case SYS_personality:
	case SYS_io_uring_register:
		detail = number == SYS_io_uring_register ? a1 : a0;
		break;
	case SYS_unshare:
	case SYS_setns:
		detail = number == SYS_unshare ? a0 : a1;
		break;
	case SYS_mount:
		names.name = a0;
		names.new_name = a1;
		break;
	case SYS_umount2:
	case SYS_chroot:
	case SYS_swapon:
	case SYS_acct:
	case SYS_memfd_create:
	case SYS_fsopen:
	case SYS_sethostname:
		names.name = a0;
		break;
	case SYS_pivot_root:
		names.name = a0;
		names.new_name = a1;
		break;
	case SYS_open_tree:
	case SYS_fspick:
	case SYS_mount_setattr:
		names.name = a1;
		break;
	case SYS_move_mount:
		names.name = a1;
		names.new_name = argument3(regs);
		break;
	case SYS_finit_module:
		names.name = a1;
		break;
	case SYS_add_key:
	case SYS_request_key:
		names.name = a0;
		names.new_name = a1;
		break;
	case SYS_process_vm_readv:
	case SYS_process_vm_writev:
		detail = a0;
		break;
	case SYS_delete_module:
	case SYS_execve:
		names.name = a0;
		break;
	case SYS_execveat:
		names.name = a1;
		break;
#if defined(__TARGET_ARCH_x86)
	case SYS_iopl:
	case SYS_ioperm:
#endif
	case SYS_kexec_load:
	case SYS_kexec_file_load:
	case SYS_init_module:
	case SYS_swapoff:
	case SYS_perf_event_open:
	case SYS_userfaultfd:
	case SYS_memfd_secret:
	case SYS_io_uring_setup:
	case SYS_pidfd_getfd:
	case SYS_fsmount:
	case SYS_fsconfig:
	case SYS_quotactl:
	case SYS_fanotify_init:
	case SYS_open_by_handle_at:
		break;
	default:
		return false;
	}
	on_notable(block, regs, &names, detail, result);
	return true;
}

#endif
