// SPDX-License-Identifier: Apache-2.0
// System calls as such: notable ones, denied and killed ones, and those of another machine's table.
#include "workload.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void tried(const char *name, long result)
{
	say("call %s %ld", name, result < 0 ? (long)-errno : result);
}

static int syscall_notable(char **arguments)
{
	char word[8] = "before", other[8] = "after";
	struct iovec from = { other, 8 }, to = { word, 8 };

	enter_own_mounts();
	must(chdir(arguments[0]));
	must(mkdir("point", 0755));
	tried("ptrace", syscall(SYS_ptrace, PTRACE_ATTACH, 0, 0, 0));
	tried("memfd_create", syscall(SYS_memfd_create, "notable", 0));
	tried("mount", syscall(SYS_mount, "none", "point", "tmpfs", 0, NULL));
	tried("umount2", syscall(SYS_umount2, "point", 0));
	tried("unshare", syscall(SYS_unshare, CLONE_NEWUTS));
	tried("setns", syscall(SYS_setns, -1, 0));
	tried("bpf", syscall(SYS_bpf, 9999, NULL, 0));
	tried("process_vm_writev", syscall(SYS_process_vm_writev, getpid(), &from, 1, &to, 1, 0));
	tried("init_module", syscall(SYS_init_module, NULL, 0, NULL));
	tried("finit_module", syscall(SYS_finit_module, -1, "", 0));
	tried("delete_module", syscall(SYS_delete_module, "none-such", 0));
	tried("kexec_load", syscall(SYS_kexec_load, 0, 99999, NULL, 0));
	tried("perf_event_open", syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0));
	tried("io_uring_setup", syscall(SYS_io_uring_setup, 0, NULL));
	tried("chroot", syscall(SYS_chroot, "none-such"));
	tried("pivot_root", syscall(SYS_pivot_root, "none-such", "none-such"));
	tried("open_tree", syscall(SYS_open_tree, AT_FDCWD, ".", 0));
	tried("move_mount", syscall(SYS_move_mount, AT_FDCWD, ".", AT_FDCWD, ".", 0));
	tried("fsopen", syscall(SYS_fsopen, "none-such", 0));
	settle();
	return 0;
}

/* syscall-strings DIRECTORY: calls that say with strings what they are about. */
static int syscall_strings(char **arguments)
{
	int configured, module;

	enter_own_mounts();
	must(unshare(CLONE_NEWUTS));
	must(chdir(arguments[0]));
	must(mkdir("point", 0755));
	must(mkdir("other", 0755));
	make_file("module");
	tried("mount", syscall(SYS_mount, "none", "point", "tmpfs", 0, NULL));
	tried("mount", syscall(SYS_mount, "none", "point", "tmpfs", 0, NULL));
	tried("mount", syscall(SYS_mount, "none", "other", "tmpfs", 0, NULL));
	tried("mount", syscall(SYS_mount, "none", "missing", "tmpfs", 0, NULL));
	tried("chroot", syscall(SYS_chroot, "/none-such"));
	tried("memfd_create", syscall(SYS_memfd_create, "odd\377", 0));
	/* What stands behind is nobody's business. */
	tried("sethostname", syscall(SYS_sethostname, "host-and-more", 4));
	module = must(open("module", O_RDONLY | O_CLOEXEC));
	tried("finit_module", syscall(SYS_finit_module, module, "answer=42 password=hunter2hunter2", 0));
	configured = must(syscall(SYS_fsopen, "tmpfs", 0));
	tried("fsconfig", syscall(SYS_fsconfig, configured, 1, "size", "1M", 0));
	tried("fsconfig", syscall(SYS_fsconfig, configured, 1, "password", "hunter2hunter2", 0));
	tried("execve", syscall(SYS_execve, "module", (char *[]){ "module", NULL }, NULL));
	settle();
	return 0;
}

/* Calls that are about one of three processes, twice each. */
static int syscall_targets(char **arguments)
{
	pid_t children[3];

	(void)arguments;
	for (int i = 0; i < 3; i++) {
		children[i] = must(fork());
		if (!children[i])
			for (;;)
				pause();
		say("child %d", children[i]);
	}
	for (int i = 0; i < 6; i++)
		syscall(SYS_ptrace, PTRACE_SEIZE, children[i / 2], 0, 0);
	for (int i = 0; i < 6; i++) {
		int descriptor = must(syscall(SYS_pidfd_open, children[i / 2], 0));

		close(must(syscall(SYS_pidfd_getfd, descriptor, STDOUT_FILENO, 0)));
		close(descriptor);
	}
	for (int i = 0; i < 3; i++) {
		must(kill(children[i], SIGKILL));
		must(waitpid(children[i], NULL, 0));
	}
	settle();
	return 0;
}

/* syscall-rare COUNT: calls that nothing else here makes, COUNT times each. */
static int syscall_rare(char **arguments)
{
	for (int i = 0; i < atoi(arguments[0]); i++) {
		syscall(SYS_sched_get_priority_max, 0);
		syscall(SYS_getitimer, 9, NULL);
		syscall(SYS_timer_getoverrun, 9999);
	}
	settle();
	return 0;
}

/* From here on every such call ends like this. */
static void filter(unsigned int number, unsigned int action)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = sizeof(code) / sizeof(*code), .filter = code };

	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	must(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
}

static void ignore_signal(int number)
{
	(void)number;
}

/* seccomp-openat DIRECTORY errno|kill|kill-thread|trap: where the call kills, in a child. A file lies under its number. */
static int seccomp_openat(char **arguments)
{
	char *path = join(arguments[0], "file"), *other = join(arguments[0], "other");
	struct sigaction action = { .sa_handler = ignore_signal };
	pid_t child;

	make_file(path);
	must(dup2(must(open(other, O_RDWR | O_CREAT, 0600)), SYS_openat));
	say("path %s", path);
	say("other %s", other);
	if (!strcmp(arguments[1], "errno")) {
		filter(SYS_openat, SECCOMP_RET_ERRNO | EPERM);
		say("result %ld", syscall(SYS_openat, AT_FDCWD, path, O_RDONLY) < 0 ? (long)-errno : 0L);
	} else if (!strcmp(arguments[1], "trap")) {
		must(sigaction(SIGSYS, &action, NULL));
		filter(SYS_openat, SECCOMP_RET_TRAP);
		syscall(SYS_openat, AT_FDCWD, path, O_RDONLY);
	} else {
		child = must(fork());
		if (!child) {
			filter(SYS_openat,
			       !strcmp(arguments[1], "kill") ? SECCOMP_RET_KILL_PROCESS : SECCOMP_RET_KILL_THREAD);
			syscall(SYS_openat, AT_FDCWD, path, O_RDONLY);
			_exit(1);
		}
		say("child %d", child);
		reap(child);
	}
	settle();
	return 0;
}

/*
 * Lets a traced child run to its end. While it is in an openat it gets a SIGSYS, which never reaches it; or, if it is let go of then, kills
 * it at the end of the call.
 */
static void send_signal(pid_t child, bool lets_go)
{
	struct __ptrace_syscall_info info;
	int status, pass = 0;

	must(waitpid(child, &status, 0));
	must(ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL));
	for (;;) {
		must(ptrace(PTRACE_SYSCALL, child, 0, pass));
		must(waitpid(child, &status, 0));
		if (!WIFSTOPPED(status))
			break;
		pass = WSTOPSIG(status) & 0x80 || WSTOPSIG(status) == SIGSYS ? 0 : WSTOPSIG(status);
		must(ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof(info), &info));
		if (info.op == PTRACE_SYSCALL_INFO_ENTRY && info.entry.nr == SYS_openat)
			must(syscall(SYS_tgkill, child, child, SIGSYS));
		else
			continue;
		if (lets_go) {
			must(ptrace(PTRACE_DETACH, child, 0, 0));
			must(waitpid(child, &status, 0));
			break;
		}
	}
	say("signal %d", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

/*
 * sigsys-number DIRECTORY plain|filter|traced|deadly: an open whose descriptor is the call's number, while a SIGSYS waits that is not seccomp's.
 * The process itself has blocked and sent it, or a tracer sends it, and swallows it or not.
 */
static int sigsys_number(char **arguments)
{
	char *path = join(arguments[0], "hidden");
	bool is_deadly = !strcmp(arguments[1], "deadly"), is_traced = is_deadly || !strcmp(arguments[1], "traced");
	pid_t child = 0;
	sigset_t set;

	make_file(path);
	say("path %s", path);
	/* What the test's own process has open may be here, too. */
	must(close_range(3, ~0U, 0));
	while (must(dup(STDIN_FILENO)) < SYS_openat - 1)
		;
	if (is_traced) {
		child = must(fork());
		if (child) {
			send_signal(child, is_deadly);
			settle();
			return 0;
		}
	}
	if (strcmp(arguments[1], "plain"))
		filter(SYS_getpgid, SECCOMP_RET_ERRNO | EPERM);
	if (is_traced) {
		must(ptrace(PTRACE_TRACEME, 0, 0, 0));
		must(raise(SIGSTOP));
	} else {
		sigemptyset(&set);
		sigaddset(&set, SIGSYS);
		must(sigprocmask(SIG_BLOCK, &set, NULL));
		must(syscall(SYS_tgkill, getpid(), gettid(), SIGSYS));
	}
	say("descriptor %ld", syscall(SYS_openat, AT_FDCWD, path, O_RDONLY));
	if (is_traced)
		_exit(0);
	settle();
	return 0;
}

/* seccomp-faked DIRECTORY open|delete: a filter has a call succeed that it keeps from running. */
static int seccomp_faked(char **arguments)
{
	char *path = join(arguments[0], "kept");

	make_file(path);
	say("path %s", path);
	if (arguments[1][0] == 'o') {
		filter(SYS_openat, SECCOMP_RET_ERRNO | 0);
		say("result %ld", syscall(SYS_openat, AT_FDCWD, path, O_RDWR));
	} else {
		filter(SYS_unlinkat, SECCOMP_RET_ERRNO | 0);
		say("result %ld", syscall(SYS_unlinkat, AT_FDCWD, path, 0));
	}
	settle();
	return 0;
}

/* seccomp-true DIRECTORY: under a filter that lets all of this through, an open that returns 0. */
static int seccomp_true(char **arguments)
{
	char *path = join(arguments[0], "file"), *link = join(arguments[0], "link");
	int saved = must(dup(STDIN_FILENO));

	make_file(path);
	must(symlink("file", link));
	say("path %s", path);
	filter(SYS_getpgid, SECCOMP_RET_ERRNO | EPERM);
	close(STDIN_FILENO);
	say("result %ld", syscall(SYS_openat, AT_FDCWD, link, O_RDONLY));
	must(dup2(saved, STDIN_FILENO));
	settle();
	return 0;
}

/* 32-bit calls of a 64-bit program. Their numbers mean other calls in the 64-bit table. */
static int compat_calls(char **arguments)
{
#ifdef __x86_64__
	char *low = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int result, bound = must(socket(AF_UNIX, SOCK_STREAM, 0));
	struct stat status;

	if (low == MAP_FAILED)
		give_up("mmap");
	strcpy(low, arguments[0]);
	strcat(low, "/compat");
	make_file(low);
	/* open: number 5, fstat's; getpid: 20, writev's; unlink: 10, mprotect's */
	asm volatile("int $0x80"
		     : "=a"(result)
		     : "a"(5), "b"(low), "c"(0), "d"(0)
		     : "r8", "r9", "r10", "r11", "memory");
	say("opened %d", result);
	asm volatile("int $0x80"
		     : "=a"(result)
		     : "a"(10), "b"(low), "c"(0), "d"(4)
		     : "r8", "r9", "r10", "r11", "memory");
	say("unlinked %d", result);
	say("there %d", stat(low, &status) == 0);
	/* geteuid: bind's number. Where that has its descriptor lies a socket that has a file. */
	strncpy(address.sun_path, join(arguments[0], "socket"), sizeof(address.sun_path) - 1);
	must(bind(bound, (struct sockaddr *)&address, sizeof(address)));
	asm volatile("int $0x80" : "=a"(result) : "a"(49), "D"(bound) : "r8", "r9", "r10", "r11", "memory");
	say("user %d", result);
#else
	(void)arguments;
	say("opened -38");
#endif
	settle();
	return 0;
}

const struct activity syscall_activities[] = {
	{ "syscall-notable", 1, syscall_notable }, { "syscall-rare", 1, syscall_rare },
	{ "seccomp-openat", 2, seccomp_openat },   { "sigsys-number", 2, sigsys_number },
	{ "seccomp-faked", 2, seccomp_faked },     { "seccomp-true", 1, seccomp_true },
	{ "compat-calls", 1, compat_calls },       { "syscall-strings", 1, syscall_strings },
	{ "syscall-targets", 0, syscall_targets }, { 0 },
};
