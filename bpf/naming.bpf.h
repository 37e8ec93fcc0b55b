/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The calls that name a file: which of their arguments are names, and what is done to it. */
#ifndef SENSOR_NAMING_BPF_H
#define SENSOR_NAMING_BPF_H

#include "syscall.bpf.h"

#define AT_SYMLINK_NOFOLLOW 0x100
#define AT_REMOVEDIR 0x200
#define AT_SYMLINK_FOLLOW 0x400
#define RENAME_EXCHANGE 0x2

#define naming_of(kind_, directory_, name_, access_) \
	((struct naming){ .kind = kind_, .directory = (int)(directory_), .name = name_, .access = access_ })
/* A change goes where a link leads, unless the call is one for the link itself. */
#define change_of(directory_, name_, access_, is_followed_) \
	((struct naming){ .kind = SENSOR_FILE_ATTRIBUTE,    \
			  .directory = (int)(directory_),   \
			  .name = name_,                    \
			  .access = access_,                \
			  .is_followed = is_followed_ })
#define pair_of(kind_, directory_, name_, new_directory_, new_name_, access_) \
	((struct naming){ .kind = kind_,                                      \
			  .directory = (int)(directory_),                     \
			  .name = name_,                                      \
			  .new_directory = (int)(new_directory_),             \
			  .new_name = new_name_,                              \
			  .access = access_ })

/*
 * An absent name means the descriptor itself (futimens), and so does an empty one (AT_EMPTY_PATH). But for AT_FDCWD, and where another
 * thread could have emptied the string since.
 */
static __always_inline bool is_descriptor_itself(const struct naming *naming, __s64 result)
{
	struct task_struct *task = current_task();
	char first = 1;

	if (!naming->name)
		return true;
	return result >= 0 && naming->directory >= 0 && get(get(task, mm), mm_users.counter) == 1 &&
	       !bpf_probe_read_user(&first, sizeof(first), (void *)naming->name) && !first;
}

/* Calls that name a file and leave no object behind. Returns false if the call is none of them. */
static __noinline bool on_naming_call(struct sensor_control *block, struct pt_regs *regs, __u32 number, __s64 result)
{
	__u64 a0 = argument0(regs), a1 = argument1(regs), a2 = argument2(regs), a3 = argument3(regs);
	struct scratch *scratch = scratch_at(SCRATCH_PROCESS);
	struct naming *naming;

	if (!scratch)
		return false;
	/* Where observe_name() looks for it: on the stack it would be too much for arm64's verifiers before 6.2. */
	naming = &scratch->naming;
	switch (number) {
#if defined(__TARGET_ARCH_x86)
	case SYS_unlink:
		*naming = naming_of(SENSOR_FILE_DELETE, AT_FDCWD, a0, 0);
		break;
	case SYS_rmdir:
		*naming = naming_of(SENSOR_FILE_DELETE, AT_FDCWD, a0, SENSOR_ACCESS_DIRECTORY);
		break;
	case SYS_rename:
		*naming = pair_of(SENSOR_FILE_RENAME, AT_FDCWD, a0, AT_FDCWD, a1, 0);
		break;
	case SYS_link:
		*naming = pair_of(SENSOR_FILE_LINK, AT_FDCWD, a0, AT_FDCWD, a1, 0);
		break;
	case SYS_symlink:
		*naming = pair_of(SENSOR_FILE_LINK, AT_FDCWD, a0, AT_FDCWD, a1, SENSOR_ACCESS_SYMBOLIC);
		break;
	case SYS_mkdir:
		*naming = naming_of(SENSOR_FILE_CREATE, AT_FDCWD, a0, SENSOR_ACCESS_DIRECTORY | SENSOR_ACCESS_CREATE);
		break;
	case SYS_mknod:
		*naming = naming_of(SENSOR_FILE_CREATE, AT_FDCWD, a0, SENSOR_ACCESS_NODE | SENSOR_ACCESS_CREATE);
		break;
	case SYS_chmod:
		*naming = change_of(AT_FDCWD, a0, SENSOR_ACCESS_MODE, true);
		break;
	case SYS_chown:
	case SYS_lchown:
		*naming = change_of(AT_FDCWD, a0, SENSOR_ACCESS_OWNER, number == SYS_chown);
		break;
	case SYS_utime:
	case SYS_utimes:
		*naming = change_of(AT_FDCWD, a0, SENSOR_ACCESS_TIMES, true);
		break;
	case SYS_futimesat:
		*naming = change_of(a0, a1, SENSOR_ACCESS_TIMES, true);
		break;
#endif
	case SYS_renameat:
		*naming = pair_of(SENSOR_FILE_RENAME, a0, a1, a2, a3, 0);
		break;
	case SYS_renameat2:
		*naming = pair_of(SENSOR_FILE_RENAME, a0, a1, a2, a3,
				  argument4(regs) & RENAME_EXCHANGE ? SENSOR_ACCESS_EXCHANGE : 0);
		break;
	case SYS_unlinkat:
		*naming = naming_of(SENSOR_FILE_DELETE, a0, a1, a2 & AT_REMOVEDIR ? SENSOR_ACCESS_DIRECTORY : 0);
		break;
	case SYS_linkat:
		*naming = pair_of(SENSOR_FILE_LINK, a0, a1, a2, a3, 0);
		naming->is_followed = argument4(regs) & AT_SYMLINK_FOLLOW;
		break;
	case SYS_symlinkat:
		*naming = pair_of(SENSOR_FILE_LINK, AT_FDCWD, a0, a1, a2, SENSOR_ACCESS_SYMBOLIC);
		break;
	case SYS_mkdirat:
		*naming = naming_of(SENSOR_FILE_CREATE, a0, a1, SENSOR_ACCESS_DIRECTORY | SENSOR_ACCESS_CREATE);
		break;
	case SYS_mknodat:
		*naming = naming_of(SENSOR_FILE_CREATE, a0, a1, SENSOR_ACCESS_NODE | SENSOR_ACCESS_CREATE);
		break;
	case SYS_fchmodat:
	case SYS_fchmodat2:
		*naming = change_of(a0, a1, SENSOR_ACCESS_MODE, number == SYS_fchmodat || !(a3 & AT_SYMLINK_NOFOLLOW));
		break;
	case SYS_fchownat:
		*naming = change_of(a0, a1, SENSOR_ACCESS_OWNER, !(argument4(regs) & AT_SYMLINK_NOFOLLOW));
		break;
	case SYS_utimensat:
		*naming = change_of(a0, a1, SENSOR_ACCESS_TIMES, !(a3 & AT_SYMLINK_NOFOLLOW));
		break;
	case SYS_truncate:
		*naming = change_of(AT_FDCWD, a0, SENSOR_ACCESS_SIZE, true);
		break;
	case SYS_setxattr:
	case SYS_lsetxattr:
	case SYS_removexattr:
	case SYS_lremovexattr:
		*naming = change_of(AT_FDCWD, a0, SENSOR_ACCESS_XATTR,
				    number == SYS_setxattr || number == SYS_removexattr);
		break;
	case SYS_setxattrat:
	case SYS_removexattrat:
		*naming = change_of(a0, a1, SENSOR_ACCESS_XATTR, !(a2 & AT_SYMLINK_NOFOLLOW));
		break;
	default:
		return false;
	}
	if (naming->kind == SENSOR_FILE_ATTRIBUTE && is_descriptor_itself(naming, result)) {
		struct deed deed = {
			.file = (__u64)file_at(current_task(), naming->directory),
			.result = result,
			.access = naming->access,
			.kind = naming->kind,
			.hook = SENSOR_HOOK_SYS_EXIT,
		};

		on_file(block, &deed);
	} else {
		naming->result = result;
		observe_name();
	}
	return true;
}

#endif
