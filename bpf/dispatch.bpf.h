/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The one program behind every syscall's exit: what is left to look at after the cheap questions, and who looks. */
#ifndef SENSOR_DISPATCH_BPF_H
#define SENSOR_DISPATCH_BPF_H

#include "network.bpf.h"
#include "process.bpf.h"
#include "syscall.bpf.h"

#define SYSCALL_LAST 511 /* above are x32's numbers on x86-64 */
#define SIGSYS 31
#define ERESTARTSYS 512
#define ERESTART_RESTARTBLOCK 516
#define O_CREAT 0100
#define AT_REMOVEDIR 0x200
#define RECEIVED_MAX 32
#define CONTROL_MESSAGES_MAX 4
#define RECEIVED_MESSAGES_MAX 8
#define PR_CAPBSET_DROP 24
#define PR_CAP_AMBIENT 47
#define SOL_SOCKET 1
#define SCM_RIGHTS 1
#define MAP_ANONYMOUS 0x20

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
static __noinline void on_open_by_name(struct sensor_control *block, const struct opened *opened, __u64 how,
				       __s64 result)
{
	struct naming naming = {
		.name = opened->argument,
		.directory = opened->directory,
		.access = wanted_access(how),
		.kind = SENSOR_FILE_OPEN,
		.hook = opened->hook,
	};

	on_name(block, &naming, result);
}

/* A function of its own: what it keeps over its calls would not fit beside sys_exit's on 5.10's 512 bytes of stack. */
static __noinline void on_opened(struct sensor_control *block, const struct opened *opened, __u64 how, __s64 result)
{
	if (!on_descriptor(block, opened) && opened->argument)
		on_open_by_name(block, opened, how, result);
}

/* A descriptor that came in a message: access without open. Global, so that it is verified once and not for each in a loop. */
__noinline int on_received_descriptor(__u32 descriptor)
{
	struct opened opened = {
		.descriptor = descriptor,
		.access = SENSOR_ACCESS_RECEIVED,
		.hook = SENSOR_HOOK_SYS_EXIT,
	};
	struct sensor_control *block = control_block();

	if (block)
		on_descriptor(block, &opened);
	return 0;
}

static __always_inline void on_received_descriptors(__u64 descriptors, __u32 length)
{
	for (__u32 i = 0; i < RECEIVED_MAX; i++) {
		__u32 descriptor;

		if (i * 4 + 4 > length)
			return;
		if (bpf_probe_read_user(&descriptor, sizeof(descriptor), (void *)(descriptors + i * 4)))
			return;
		on_received_descriptor(descriptor);
	}
	if (length > RECEIVED_MAX * 4)
		lose(cgroup_of(current_task()), SENSOR_HOOK_SYS_EXIT, SENSOR_LOSS_RECEIVED_TOO_MANY, SENSOR_FILE_OPEN);
}

/* The control messages of one struct msghdr (64-bit uapi: msg_control at 32, msg_controllen at 40). */
__noinline int on_received(__u64 message)
{
	struct {
		__u64 control, length;
	} where;
	struct {
		__u64 length;
		__u32 level, type;
	} head;

	if (bpf_probe_read_user(&where, sizeof(where), (void *)(message + 32)) || !where.control)
		return 0;
	/* Credentials and labels may stand before the descriptors. */
	for (__u32 i = 0; i < CONTROL_MESSAGES_MAX; i++) {
		if (where.length < sizeof(head) + 4 ||
		    bpf_probe_read_user(&head, sizeof(head), (void *)where.control) || head.length < sizeof(head))
			return 0;
		if (head.level == SOL_SOCKET && head.type == SCM_RIGHTS) {
			on_received_descriptors(where.control + sizeof(head), head.length - sizeof(head));
			return 0;
		}
		head.length = (head.length + 7) & ~7ULL;
		if (head.length > where.length)
			return 0;
		where.control += head.length;
		where.length -= head.length;
	}
	return 0;
}

/* recvmmsg: an array of struct mmsghdr, 64 bytes each. */
static __always_inline void on_received_many(__u64 messages, __u32 count)
{
	for (__u32 i = 0; i < RECEIVED_MESSAGES_MAX; i++) {
		if (i >= count)
			return;
		on_received(messages + i * 64);
	}
	if (count > RECEIVED_MESSAGES_MAX)
		lose(cgroup_of(current_task()), SENSOR_HOOK_SYS_EXIT, SENSOR_LOSS_RECEIVED_TOO_MANY, SENSOR_FILE_OPEN);
}

#define naming_of(kind_, directory_, name_, access_) \
	((struct naming){ .kind = kind_, .directory = (int)(directory_), .name = name_, .access = access_ })
#define pair_of(kind_, directory_, name_, new_directory_, new_name_, access_) \
	((struct naming){ .kind = kind_,                                      \
			  .directory = (int)(directory_),                     \
			  .name = name_,                                      \
			  .new_directory = (int)(new_directory_),             \
			  .new_name = new_name_,                              \
			  .access = access_ })

/* Calls that name a file and leave no object behind. Returns false if the call is none of them. */
static __noinline bool on_naming_call(struct sensor_control *block, struct pt_regs *regs, __u32 number, __s64 result)
{
	__u64 a0 = argument0(regs), a1 = argument1(regs), a2 = argument2(regs), a3 = argument3(regs);
	struct naming naming;

	switch (number) {
#if defined(__TARGET_ARCH_x86)
	case SYS_unlink:
		naming = naming_of(SENSOR_FILE_DELETE, AT_FDCWD, a0, 0);
		break;
	case SYS_rmdir:
		naming = naming_of(SENSOR_FILE_DELETE, AT_FDCWD, a0, SENSOR_ACCESS_DIRECTORY);
		break;
	case SYS_rename:
		naming = pair_of(SENSOR_FILE_RENAME, AT_FDCWD, a0, AT_FDCWD, a1, 0);
		break;
	case SYS_link:
		naming = pair_of(SENSOR_FILE_LINK, AT_FDCWD, a0, AT_FDCWD, a1, 0);
		break;
	case SYS_symlink:
		naming = pair_of(SENSOR_FILE_LINK, AT_FDCWD, a0, AT_FDCWD, a1, SENSOR_ACCESS_SYMBOLIC);
		break;
	case SYS_mkdir:
		naming = naming_of(SENSOR_FILE_CREATE, AT_FDCWD, a0, SENSOR_ACCESS_DIRECTORY | SENSOR_ACCESS_CREATE);
		break;
	case SYS_mknod:
		naming = naming_of(SENSOR_FILE_CREATE, AT_FDCWD, a0, SENSOR_ACCESS_NODE | SENSOR_ACCESS_CREATE);
		break;
	case SYS_chmod:
		naming = naming_of(SENSOR_FILE_ATTRIBUTE, AT_FDCWD, a0, SENSOR_ACCESS_MODE);
		break;
	case SYS_chown:
	case SYS_lchown:
		naming = naming_of(SENSOR_FILE_ATTRIBUTE, AT_FDCWD, a0, SENSOR_ACCESS_OWNER);
		break;
	case SYS_utime:
	case SYS_utimes:
		naming = naming_of(SENSOR_FILE_ATTRIBUTE, AT_FDCWD, a0, SENSOR_ACCESS_TIMES);
		break;
	case SYS_futimesat:
		naming = naming_of(SENSOR_FILE_ATTRIBUTE, a0, a1, SENSOR_ACCESS_TIMES);
		break;
#endif
	case SYS_renameat:
	case SYS_renameat2:
		naming = pair_of(SENSOR_FILE_RENAME, a0, a1, a2, a3, 0);
		break;
	case SYS_unlinkat:
		naming = naming_of(SENSOR_FILE_DELETE, a0, a1, a2 & AT_REMOVEDIR ? SENSOR_ACCESS_DIRECTORY : 0);
		break;
	case SYS_linkat:
		naming = pair_of(SENSOR_FILE_LINK, a0, a1, a2, a3, 0);
		break;
	case SYS_symlinkat:
		naming = pair_of(SENSOR_FILE_LINK, AT_FDCWD, a0, a1, a2, SENSOR_ACCESS_SYMBOLIC);
		break;
	case SYS_mkdirat:
		naming = naming_of(SENSOR_FILE_CREATE, a0, a1, SENSOR_ACCESS_DIRECTORY | SENSOR_ACCESS_CREATE);
		break;
	case SYS_mknodat:
		naming = naming_of(SENSOR_FILE_CREATE, a0, a1, SENSOR_ACCESS_NODE | SENSOR_ACCESS_CREATE);
		break;
	case SYS_fchmodat:
	case SYS_fchmodat2:
		naming = naming_of(SENSOR_FILE_ATTRIBUTE, a0, a1, SENSOR_ACCESS_MODE);
		break;
	case SYS_fchownat:
		naming = naming_of(SENSOR_FILE_ATTRIBUTE, a0, a1, SENSOR_ACCESS_OWNER);
		break;
	case SYS_utimensat:
		naming = naming_of(SENSOR_FILE_ATTRIBUTE, a0, a1, SENSOR_ACCESS_TIMES);
		break;
	case SYS_truncate:
		naming = naming_of(SENSOR_FILE_ATTRIBUTE, AT_FDCWD, a0, SENSOR_ACCESS_SIZE);
		break;
	case SYS_setxattr:
	case SYS_lsetxattr:
	case SYS_removexattr:
	case SYS_lremovexattr:
		naming = naming_of(SENSOR_FILE_ATTRIBUTE, AT_FDCWD, a0, SENSOR_ACCESS_XATTR);
		break;
	case SYS_setxattrat:
	case SYS_removexattrat:
		naming = naming_of(SENSOR_FILE_ATTRIBUTE, a0, a1, SENSOR_ACCESS_XATTR);
		break;
	default:
		return false;
	}
	/* An empty or absent name means the descriptor itself (AT_EMPTY_PATH, futimens). */
	if (!naming.name && naming.kind == SENSOR_FILE_ATTRIBUTE) {
		struct deed deed = {
			.file = (__u64)file_at(current_task(), naming.directory),
			.result = result,
			.access = naming.access,
			.kind = naming.kind,
			.hook = SENSOR_HOOK_SYS_EXIT,
		};

		on_file(block, &deed);
	} else {
		on_name(block, &naming, result);
	}
	return true;
}

/* Calls that are notable by themselves. Returns false if the call is none of them. */
static __noinline bool on_notable_call(struct sensor_control *block, struct pt_regs *regs, __u32 number, __s64 result)
{
	__u64 a0 = argument0(regs), a1 = argument1(regs), a2 = argument2(regs), detail = 0;
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
	(void)a2;
	on_notable(block, regs, &names, detail, result);
	return true;
}

static __always_inline void on_sys_exit(struct pt_regs *regs, long result)
{
	struct task_struct *task = current_task();
	struct sensor_control *block = control_block();
	long number = syscall_number(regs);
	struct opened opened = { .hook = SENSOR_HOOK_SYS_EXIT, .directory = AT_FDCWD };
	struct deed deed = { .hook = SENSOR_HOOK_SYS_EXIT, .result = result, .kind = SENSOR_FILE_ATTRIBUTE };
	__u64 how = 0;

	if (!block || number < 0 || (__u32)get(task, tgid) == config.self_tgid)
		return;
	if (block->scope_only && !in_scope(block, get(task, tgid), cgroup_of(task)))
		return;
	/* A 32-bit call's number means another syscall: counted as blind, never decoded as what it is not. */
	if (is_compat(task) || number > SYSCALL_LAST) {
		lose(cgroup_of(task), SENSOR_HOOK_SYS_EXIT, SENSOR_LOSS_COMPAT, 0);
		return;
	}
	/* A call that seccomp killed never ran; its "result" is its own number. */
	if (result == number && get(task, pending.signal.sig[0]) & (1UL << (SIGSYS - 1)))
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
	case SYS_bind:
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
		if (!(argument2(regs) & PROT_EXEC) || argument3(regs) & MAP_ANONYMOUS || result < 0)
			return;
		deed.kind = SENSOR_FILE_EXECMAP;
		deed.access = SENSOR_ACCESS_EXECUTE;
		deed.result = 0;
		deed.file = (__u64)file_at(task, argument4(regs));
		goto file;
	case SYS_mprotect:
	case SYS_pkey_mprotect:
		if (!(argument2(regs) & PROT_EXEC) || result < 0)
			return;
		deed.kind = SENSOR_FILE_EXECMAP;
		deed.access = SENSOR_ACCESS_EXECUTE | SENSOR_ACCESS_PROTECT;
		deed.file = file_mapped_at(task, argument0(regs));
		goto file;
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
		return on_send(task, block, regs, number, result);
	case SYS_recvmmsg:
		if (result > 0)
			on_received_many(argument1(regs), result);
		return;
	case SYS_prctl:
		if (argument0(regs) == PR_CAPBSET_DROP || argument0(regs) == PR_CAP_AMBIENT)
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
		return on_open_by_name(block, &opened, how, result);
	opened.access = open_access(how);
descriptor:
	if (result < 0)
		return;
	opened.descriptor = result;
	return on_opened(block, &opened, how, result);

attribute:
	deed.file = (__u64)file_at(task, argument0(regs));
file:
	on_file(block, &deed);
}

#endif
