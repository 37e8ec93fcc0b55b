// SPDX-License-Identifier: Apache-2.0
#include "sensor_call_filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define OWN_ARCHITECTURE AUDIT_ARCH_X86_64
/* Numbers from here on are calls of the x32 ABI, under the same architecture. */
#define FIRST_OF_X32 0x40000000
#elif defined(__aarch64__)
#define OWN_ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "no system call filter for this architecture"
#endif

/* removexattrat(2), of 6.13: what came later is not known here. */
#define NEWEST_CALL 466

static const uint32_t refused_calls[] = {
	/* Starting programs. */
	SYS_execve,
	SYS_execveat,
#ifdef SYS_fork
	SYS_fork,
	SYS_vfork,
#endif
	/* Getting into other processes. */
	SYS_ptrace,
	SYS_process_vm_readv,
	SYS_process_vm_writev,
	SYS_process_madvise,
	SYS_pidfd_getfd,
	SYS_kcmp,
	SYS_pidfd_send_signal,
	SYS_rt_sigqueueinfo,
	SYS_rt_tgsigqueueinfo,
	SYS_tkill,
	SYS_move_pages,
	SYS_migrate_pages,
	/* Namespaces and mounts. */
	SYS_setns,
	SYS_unshare,
	SYS_chroot,
	SYS_pivot_root,
	SYS_mount,
	SYS_umount2,
	SYS_move_mount,
	SYS_open_tree,
	SYS_fsopen,
	SYS_fsconfig,
	SYS_fsmount,
	SYS_fspick,
	SYS_mount_setattr,
	/* With CAP_DAC_READ_SEARCH a way out of any mount namespace. */
	SYS_open_by_handle_at,
	SYS_name_to_handle_at,
	/* The kernel itself. */
	SYS_init_module,
	SYS_finit_module,
	SYS_delete_module,
	SYS_kexec_load,
#ifdef SYS_kexec_file_load
	SYS_kexec_file_load,
#endif
#ifdef SYS_iopl
	SYS_iopl,
	SYS_ioperm,
	SYS_modify_ldt,
#endif
	SYS_perf_event_open,
	SYS_userfaultfd,
	SYS_io_uring_setup,
	SYS_io_uring_enter,
	SYS_io_uring_register,
	SYS_fanotify_init,
	SYS_personality,
	SYS_syslog,
	/* Keys. */
	SYS_add_key,
	SYS_request_key,
	SYS_keyctl,
	/* The machine. */
	SYS_reboot,
	SYS_swapon,
	SYS_swapoff,
	SYS_acct,
	SYS_quotactl,
	SYS_quotactl_fd,
	SYS_sethostname,
	SYS_setdomainname,
	SYS_settimeofday,
	SYS_clock_settime,
	SYS_clock_adjtime,
	SYS_adjtimex,
	SYS_mknodat,
#ifdef SYS_mknod
	SYS_mknod,
#endif
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

long sensor_refused_call(size_t index)
{
	return index < COUNT(refused_calls) ? (long)refused_calls[index] : -1;
}

/* What uses maps, and runs an iterator again. */
static const uint32_t allowed_bpf_commands[] = {
	BPF_MAP_LOOKUP_ELEM,
	BPF_MAP_UPDATE_ELEM,
	BPF_MAP_DELETE_ELEM,
	BPF_MAP_GET_NEXT_KEY,
	BPF_MAP_LOOKUP_BATCH,
	BPF_MAP_LOOKUP_AND_DELETE_ELEM,
	BPF_MAP_LOOKUP_AND_DELETE_BATCH,
	BPF_MAP_UPDATE_BATCH,
	BPF_MAP_DELETE_BATCH,
	BPF_OBJ_GET_INFO_BY_FD,
	BPF_LINK_CREATE,
	BPF_LINK_DETACH,
	BPF_ITER_CREATE,
};

static const uint32_t allowed_families[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK };

#define NAMESPACES \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

/* A filter in the making: two instructions for each call or value, and a few around them. */
#define INSTRUCTIONS (2 * (COUNT(refused_calls) + COUNT(allowed_bpf_commands) + COUNT(allowed_families)) + 64)

struct filter {
	struct sock_filter instructions[INSTRUCTIONS];
	unsigned short length;
};

static void emit(struct filter *filter, struct sock_filter instruction)
{
	filter->instructions[filter->length++] = instruction;
}

static void load(struct filter *filter, size_t offset)
{
	emit(filter, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

/* Ends with VERDICT where the accumulator compares so to VALUE. */
static void end_if(struct filter *filter, unsigned short comparison, uint32_t value, uint32_t verdict)
{
	emit(filter, (struct sock_filter)BPF_JUMP(BPF_JMP | comparison | BPF_K, value, 0, 1));
	emit(filter, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, verdict));
}

/*
 * CALL is allowed only where its first argument, masked, is one of VALUES. The lower half of the argument says it all: int in all of these calls, and
 * there are no flags of clone(2) in the upper one. Both architectures have that half first.
 */
static void allow_only(struct filter *filter, long call, uint32_t mask, const uint32_t *values, size_t count)
{
	emit(filter,
	     (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, (uint8_t)(2 * count + 3)));
	load(filter, offsetof(struct seccomp_data, args[0]));
	emit(filter, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask));
	for (size_t at = 0; at < count; at++)
		end_if(filter, BPF_JEQ, values[at], SECCOMP_RET_ALLOW);
	emit(filter, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM));
}

int sensor_refuse_calls(bool all_threads)
{
	const uint32_t refuse = SECCOMP_RET_ERRNO | EPERM, unknown = SECCOMP_RET_ERRNO | ENOSYS;
	const uint32_t thread = CLONE_THREAD, self = (uint32_t)getpid();
	struct filter filter = { .length = 0 };
	struct sock_fprog program = { .filter = filter.instructions };
	long status;

	load(&filter, offsetof(struct seccomp_data, arch));
	emit(&filter, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OWN_ARCHITECTURE, 1, 0));
	emit(&filter, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, refuse));
	load(&filter, offsetof(struct seccomp_data, nr));
#ifdef FIRST_OF_X32
	end_if(&filter, BPF_JGE, FIRST_OF_X32, refuse);
#endif
	end_if(&filter, BPF_JGT, NEWEST_CALL, unknown);
	end_if(&filter, BPF_JEQ, SYS_clone3, unknown);
	/* Before the long list: these are called all the time. */
	allow_only(&filter, SYS_bpf, UINT32_MAX, allowed_bpf_commands, COUNT(allowed_bpf_commands));
	allow_only(&filter, SYS_clone, thread | NAMESPACES, &thread, 1);
	allow_only(&filter, SYS_socket, UINT32_MAX, allowed_families, COUNT(allowed_families));
	allow_only(&filter, SYS_kill, UINT32_MAX, &self, 1);
	allow_only(&filter, SYS_tgkill, UINT32_MAX, &self, 1);
	for (size_t at = 0; at < COUNT(refused_calls); at++)
		end_if(&filter, BPF_JEQ, refused_calls[at], refuse);
	emit(&filter, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
	program.len = filter.length;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	status = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, all_threads ? SECCOMP_FILTER_FLAG_TSYNC : 0, &program);
	/* The id of a thread that has another filter, which this one cannot be put on top of. */
	if (status > 0)
		errno = EBUSY;
	return status == 0 ? 0 : -1;
}
