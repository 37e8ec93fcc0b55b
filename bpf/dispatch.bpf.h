/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The one program behind every syscall's exit: what is left to look at after the cheap questions, and who looks. */
#ifndef SENSOR_DISPATCH_BPF_H
#define SENSOR_DISPATCH_BPF_H

#include "naming.bpf.h"
#include "network.bpf.h"
#include "notable.bpf.h"
#include "process.bpf.h"
#include "received.bpf.h"
#include "syscall.bpf.h"

#define SYSCALL_LAST 511 /* no kernel has more */
#define SIGSYS 31
#define ERESTARTSYS 512
#define ERESTART_RESTARTBLOCK 516
#define O_CREAT 0100
#define PROT_READ 0x1
#define READ_IMPLIES_EXEC 0x0400000
#define PR_SET_KEEPCAPS 8
#define PR_CAPBSET_DROP 24
#define PR_SET_SECUREBITS 28
#define PR_CAP_AMBIENT 47
#define PR_CAP_AMBIENT_IS_SET 1
#define MAP_ANONYMOUS 0x20
#define EBADF 9
#define AREAS_MAX 8 /* of one mprotect: more than loaders and compilers of code make */

/* What a call "returns" that seccomp killed or trapped: the register that its result would be in keeps what it had. */
#if defined(__TARGET_ARCH_x86)
#define rolled_back(regs) syscall_number(regs)
#elif defined(__TARGET_ARCH_arm64)
#define rolled_back(regs) ((long)argument0(regs))
#endif

enum fate { CALL_RAN, CALL_DOUBTFUL, CALL_KILLED };

/*
 * Of a call that returned what a killed one would. Only the mode that a kill leaves proves one; kernels without that mode do not get as far
 * as the exit of the call. A SIGSYS that is pending may be a trap's, or anybody's (a timer's, say), who arranged the call's result. The
 * kernel's own is never blocked.
 */
static __noinline __u32 fate_of_call(struct task_struct *task)
{
	if (bpf_core_field_exists(task->seccomp.mode) && get(task, seccomp.mode) == SECCOMP_MODE_DEAD)
		return CALL_KILLED;
	if (!in_filter_mode(task) || !(get(task, pending.signal.sig[0]) & (1UL << (SIGSYS - 1))) ||
	    get(task, blocked.sig[0]) & (1UL << (SIGSYS - 1)))
		return CALL_RAN;
	return CALL_DOUBTFUL;
}

static __always_inline __u32 open_access(__u64 flags)
{
	__u32 access = 0;

	if (flags & O_TRUNC)
		access |= SENSOR_ACCESS_TRUNCATE;
	if ((flags & O_TMPFILE_BIT) == O_TMPFILE_BIT)
		access |= SENSOR_ACCESS_TEMPORARY;
	return access;
}

/* What a failed open wanted: there is no file to ask. */
static __always_inline __u32 wanted_access(__u64 flags)
{
	__u32 access = open_access(flags), mode = flags & 3;

	access |= mode == 0   ? SENSOR_ACCESS_READ
		  : mode == 1 ? SENSOR_ACCESS_WRITE
			      : SENSOR_ACCESS_READ | SENSOR_ACCESS_WRITE;
	if (flags & O_CREAT)
		access |= SENSOR_ACCESS_CREATE;
	return access;
}

/* An open that failed, or whose descriptor is gone again: the caller's string is all there is to tell. */
static __noinline void on_open_by_name(const struct opened *opened, __u64 how, __s64 result)
{
	struct naming naming = {
		.name = opened->argument,
		.result = result,
		.directory = opened->directory,
		.access = wanted_access(how),
		.kind = SENSOR_FILE_OPEN,
		.hook = opened->hook,
	};

	on_name(&naming);
}

/* A function of its own: what it keeps over its calls would not fit beside sys_exit's on 5.10's 512 bytes of stack. */
static __noinline void on_opened(struct sensor_control *block, const struct opened *opened, __u64 how, __s64 result)
{
	if (!on_descriptor(block, opened) && opened->argument)
		on_open_by_name(opened, how, result);
}

/* Is it about who the process is, and more than a question? */
static __always_inline bool changes_identity(__u32 option, __u64 argument)
{
	return option == PR_CAPBSET_DROP || option == PR_SET_SECUREBITS || option == PR_SET_KEEPCAPS ||
	       (option == PR_CAP_AMBIENT && argument != PR_CAP_AMBIENT_IS_SET);
}

/* A personality of old programs lets them execute all that they can read. */
static __always_inline bool maps_code(struct task_struct *task, __u64 protection)
{
	return protection & PROT_EXEC || (protection & PROT_READ && get(task, personality) & READ_IMPLIES_EXEC);
}

/*
 * The file that was mapped at an address. The area has it; the descriptor, which another thread may have swapped since, stands in where
 * areas cannot be looked at.
 */
static __noinline __u64 mapped_file(struct task_struct *task, __u64 address, __s32 descriptor)
{
	struct area area = {};

#ifdef SENSOR_DIRECT
	find_area(task, address, &area);
#endif
	return area.file ? area.file : address_of(file_at(task, descriptor));
}

/* Mapped code that mprotect made. Global, so that it is verified once and not for each area in a loop. */
__noinline int on_protected_area(__u64 file)
{
	struct sensor_control *block = control_block();
	struct deed deed = {
		.file = file,
		.access = SENSOR_ACCESS_EXECUTE | SENSOR_ACCESS_PROTECT,
		.kind = SENSOR_FILE_EXECMAP,
		.hook = SENSOR_HOOK_SYS_EXIT,
	};

	if (block)
		on_file(block, &deed);
	return 0;
}

/* mprotect succeeds only if there is an area everywhere. */
static __noinline void on_protected(struct task_struct *task, __u64 address, __u64 length)
{
	__u64 end = address + length;

	for (__u32 i = 0; i < AREAS_MAX && address < end; i++) {
		struct area area;

		find_area(task, address, &area);
		if (!area.end)
			break;
		if (area.file)
			on_protected_area(area.file);
		address = area.end;
	}
	if (address < end)
		lose(cgroup_of(task), SENSOR_HOOK_SYS_EXIT, SENSOR_LOSS_UNREADABLE, SENSOR_FILE_EXECMAP);
}

static __always_inline void on_sys_exit(struct pt_regs *regs, long result)
{
	struct task_struct *task = current_task();
	struct sensor_control *block = control_block();
	long number = syscall_number(regs);
	struct opened opened = { .hook = SENSOR_HOOK_SYS_EXIT, .directory = AT_FDCWD };
	struct deed deed = { .hook = SENSOR_HOOK_SYS_EXIT, .result = result, .kind = SENSOR_FILE_ATTRIBUTE };
	__u32 fate = CALL_RAN;
	__u64 how = 0;

	if (!block || number < 0 || is_self(block, get(task, tgid)))
		return;
	if (block->scope_only && !in_scope(block, get(task, tgid), cgroup_of(task)))
		return;
	if (is_unwanted(block, task))
		return;
	/* A 32-bit call's number means another syscall: counted as blind, never decoded as what it is not. */
	if (is_compat(task) || is_x32(number)) {
		lose(cgroup_of(task), SENSOR_HOOK_SYS_EXIT, SENSOR_LOSS_COMPAT, 0);
		return;
	}
	if (number > SYSCALL_LAST)
		return;
	if (result == rolled_back(regs))
		fate = fate_of_call(task);
	if (fate == CALL_KILLED)
		return;
	note_syscall(block, regs, cgroup_of(task), number, result);
	if (result <= -ERESTARTSYS && result >= -ERESTART_RESTARTBLOCK)
		return;

	switch (number) {
	/* The most frequent calls that nothing is looked for in: not through all the questions below. */
	case SYS_close:
	case SYS_futex:
	case SYS_fstat:
	case SYS_newfstatat:
	case SYS_lseek:
	case SYS_fcntl:
	case SYS_ppoll:
	case SYS_epoll_pwait:
	case SYS_clock_nanosleep:
	case SYS_rt_sigaction:
	case SYS_rt_sigprocmask:
	case SYS_getpid:
	case SYS_munmap:
	case SYS_madvise:
	case SYS_pread64:
	case SYS_socket:
	case SYS_shutdown:
	case SYS_getsockname:
	case SYS_getpeername:
	case SYS_setsockopt:
	case SYS_getsockopt:
#if defined(__TARGET_ARCH_x86)
	case SYS_poll:
	case SYS_epoll_wait:
	case SYS_stat:
	case SYS_lstat:
	case SYS_access:
#endif
		return;
	case SYS_openat:
		opened.directory = argument0(regs);
		opened.argument = argument1(regs);
		how = argument2(regs);
		goto open;
#if defined(__TARGET_ARCH_x86)
	case SYS_open:
		opened.argument = argument0(regs);
		how = argument1(regs);
		goto open;
	case SYS_creat:
		opened.argument = argument0(regs);
		how = O_CREAT | O_TRUNC | 1;
		goto open;
#endif
	case SYS_openat2:
		opened.directory = argument0(regs);
		opened.argument = argument1(regs);
		if (bpf_probe_read_user(&how, sizeof(how), (void *)argument2(regs)))
			how = 0;
		goto open;
	case SYS_open_by_handle_at:
		on_notable_call(block, regs, number, result);
		opened.access = SENSOR_ACCESS_HANDLE;
		goto descriptor;
	case SYS_pidfd_getfd:
		on_notable_call(block, regs, number, result);
		opened.access = SENSOR_ACCESS_RECEIVED;
		goto descriptor;
	case SYS_mmap:
		if (argument3(regs) & MAP_ANONYMOUS || result < 0 || !maps_code(task, argument2(regs)))
			return;
		deed.kind = SENSOR_FILE_EXECMAP;
		deed.access = SENSOR_ACCESS_EXECUTE;
		deed.result = 0;
		deed.file = mapped_file(task, result, argument4(regs));
		goto file;
	case SYS_mprotect:
	case SYS_pkey_mprotect:
		if (result < 0 || !maps_code(task, argument2(regs)))
			return;
		return on_protected(task, argument0(regs), argument1(regs));
	case SYS_fchmod:
		deed.access = SENSOR_ACCESS_MODE;
		goto attribute;
	case SYS_fchown:
		deed.access = SENSOR_ACCESS_OWNER;
		goto attribute;
	case SYS_ftruncate:
		deed.access = SENSOR_ACCESS_SIZE;
		goto attribute;
	case SYS_fsetxattr:
	case SYS_fremovexattr:
		deed.access = SENSOR_ACCESS_XATTR;
		goto attribute;
	case SYS_recvmsg:
		if (result >= 0)
			on_received(argument1(regs));
		return;
	case SYS_connect:
		return on_connect(task, regs, result);
	case SYS_bind:
		return on_bind(task, block, regs, result);
	case SYS_listen:
		return on_listen(task, block, regs, result);
	case SYS_accept:
	case SYS_accept4:
		return on_accept(task, result);
	case SYS_write:
	case SYS_writev:
	case SYS_sendto:
	case SYS_sendmsg:
	case SYS_sendmmsg:
	case SYS_pwritev2:
	case SYS_sendfile:
	case SYS_splice:
		return on_send(task, block, regs, number, result);
	case SYS_recvmmsg:
		if (result > 0)
			on_received_many(argument1(regs), result);
		return;
	case SYS_prctl:
		if (changes_identity(argument0(regs), argument1(regs)))
			on_identity(block, number, result);
		return;
	case SYS_execve:
	case SYS_execveat:
		/* One that succeeded was seen by the scheduler's hook; ENOENT is a search along PATH. */
		if (result >= 0 || result == -ENOENT)
			return;
		break;
	case SYS_setuid:
	case SYS_setgid:
	case SYS_setreuid:
	case SYS_setregid:
	case SYS_setresuid:
	case SYS_setresgid:
	case SYS_setfsuid:
	case SYS_setfsgid:
	case SYS_setgroups:
	case SYS_capset:
		return on_identity(block, number, result);
	case SYS_setns:
	case SYS_unshare:
		on_identity(block, number, result);
		break;
	}
	if (!on_naming_call(block, regs, number, result))
		on_notable_call(block, regs, number, result);
	return;

open:
	if (result < 0)
		return on_open_by_name(&opened, how, result);
	opened.access = open_access(how);
descriptor:
	if (result < 0)
		return;
	opened.descriptor = result;
	opened.doubtful = fate == CALL_DOUBTFUL;
	/* Trapped, and not run: nobody else could have emptied the slot. */
	if (opened.doubtful && !file_at(task, result) && get(get(task, files), count.counter) == 1)
		return;
	return on_opened(block, &opened, how, result);

attribute:
	deed.file = (__u64)file_at(task, argument0(regs));
file:
	if (!deed.file && result != -EBADF)
		lose(cgroup_of(task), SENSOR_HOOK_SYS_EXIT, SENSOR_LOSS_UNREADABLE, deed.kind);
	on_file(block, &deed);
}

#endif
