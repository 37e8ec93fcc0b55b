// SPDX-License-Identifier: Apache-2.0
#include "sensor_system.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Headers before 6.9 have no PIDFD_THREAD. */
#define OF_THREAD O_EXCL

int sensor_eventfd(void)
{
	return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

int sensor_pipe(int ends[2])
{
	return pipe2(ends, O_CLOEXEC);
}

int sensor_signalfd(const sigset_t *signals)
{
	return signalfd(-1, signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

int sensor_signalfd_read(int descriptor, struct sensor_signal *signal)
{
	struct signalfd_siginfo info;
	ssize_t got;

	do {
		got = read(descriptor, &info, sizeof(info));
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return errno == EAGAIN ? 0 : -1;
	if (got != sizeof(info))
		return 0;
	signal->number = (int)info.ssi_signo;
	signal->from_kernel = info.ssi_code == SI_KERNEL;
	return 1;
}

void sensor_thread_name(const char *name)
{
	prctl(PR_SET_NAME, name, 0, 0, 0);
}

int sensor_become_subreaper(void)
{
	return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

int sensor_terminal_columns(int descriptor)
{
	struct winsize size;

	return ioctl(descriptor, TIOCGWINSZ, &size) < 0 ? 0 : size.ws_col;
}

pid_t sensor_thread_id(void)
{
	return gettid();
}

int sensor_pass_credentials(int descriptor)
{
	int on = 1;

	return setsockopt(descriptor, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
}

ssize_t sensor_peek_from(int descriptor, void *bytes, size_t capacity, pid_t *process, uid_t *user, gid_t *group)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec vector = { .iov_base = bytes, .iov_len = capacity };
	struct msghdr message = {
		.msg_iov = &vector,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t length = recvmsg(descriptor, &message, MSG_PEEK | MSG_CMSG_CLOEXEC);

	*process = 0;
	if (length < 0)
		return length;
	for (struct cmsghdr *head = CMSG_FIRSTHDR(&message); head; head = CMSG_NXTHDR(&message, head)) {
		if (head->cmsg_level != SOL_SOCKET)
			continue;
		if (head->cmsg_type == SCM_CREDENTIALS) {
			struct ucred credentials;

			memcpy(&credentials, CMSG_DATA(head), sizeof(credentials));
			*process = credentials.pid;
			*user = credentials.uid;
			*group = credentials.gid;
		} else if (head->cmsg_type == SCM_RIGHTS) {
			/* Nobody asked for them. */
			for (size_t at = 0; CMSG_LEN(at + sizeof(int)) <= head->cmsg_len; at += sizeof(int)) {
				int given;

				memcpy(&given, CMSG_DATA(head) + at, sizeof(given));
				close(given);
			}
		}
	}
	return length;
}

void sensor_discard(int descriptor, size_t count)
{
	char bytes[8192];

	while (count > 0) {
		ssize_t length = recv(descriptor, bytes, count < sizeof(bytes) ? count : sizeof(bytes), MSG_DONTWAIT);

		if (length < 0 && errno == EINTR)
			continue;
		if (length <= 0)
			return;
		count -= length;
	}
}

int sensor_peer_credentials(int descriptor, pid_t *process, uid_t *user, gid_t *group)
{
	struct ucred credentials;
	socklen_t length = sizeof(credentials);

	if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &length) < 0)
		return -1;
	*process = credentials.pid;
	*user = credentials.uid;
	*group = credentials.gid;
	return 0;
}

int sensor_pidfd_open(pid_t process)
{
	return (int)syscall(SYS_pidfd_open, process, 0);
}

int sensor_pidfd_open_thread(pid_t thread)
{
	return (int)syscall(SYS_pidfd_open, thread, OF_THREAD);
}

void sensor_bound_heap(void)
{
	mallopt(M_ARENA_MAX, 2);
	mallopt(M_MMAP_THRESHOLD, 1 << 20);
	mallopt(M_TRIM_THRESHOLD, 1 << 20);
}

void sensor_trim_heap(void)
{
	malloc_trim(0);
}

struct sensor_heap sensor_heap(void)
{
	struct mallinfo2 heap = mallinfo2();

	return (struct sensor_heap){ .used = heap.uordblks + heap.hblkhd, .unused = heap.fordblks };
}
