/* SPDX-License-Identifier: Apache-2.0 */
/* System calls that the Glibc module does not show to Swift. */
#ifndef SENSOR_SYSTEM_H
#define SENSOR_SYSTEM_H

#include <signal.h>
#include <sys/types.h>

/* eventfd(2), close-on-exec and non-blocking. */
int sensor_eventfd(void);

/* pipe2(2), close-on-exec: no child of another thread can hold an end open. 0 or -1 with errno set. */
int sensor_pipe(int ends[2]);

/* signalfd(2), close-on-exec and non-blocking. */
int sensor_signalfd(const sigset_t *signals);

/* What one read of a signalfd says. */
struct sensor_signal {
	int number;
	int from_kernel; /* the terminal sent it, to the whole foreground group */
};

/* Takes one signal; 1 taken, 0 none there, -1 with errno set. */
int sensor_signalfd_read(int descriptor, struct sensor_signal *signal);

/* Names the calling thread, 15 bytes at most. */
void sensor_thread_name(const char *name);

/* Orphaned descendants become this process's children, so that it can wait for all of them. 0 or -1 with errno set. */
int sensor_become_subreaper(void);

/* Id of the calling thread, in its own pid namespace. */
pid_t sensor_thread_id(void);

/* Columns of the terminal behind the descriptor; 0 if there is none. */
int sensor_terminal_columns(int descriptor);

/*
 * Looks at what has come on a stream socket with SO_PASSCRED: what one process has sent, and which. It stays there until it is discarded.
 * Returns as recv(2) does; *process is 0 if the kernel did not say.
 */
ssize_t sensor_peek_from(int descriptor, void *bytes, size_t capacity, pid_t *process, uid_t *user, gid_t *group);

/* Takes out what has been looked at. */
void sensor_discard(int descriptor, size_t count);

/* From now on what is received says who sent it; connections that a listening socket accepts take it over. 0 or -1 with errno set. */
int sensor_pass_credentials(int descriptor);

/* The peer of a connected Unix socket, as it was at connect(2). 0 or -1 with errno set. */
int sensor_peer_credentials(int descriptor, pid_t *process, uid_t *user, gid_t *group);

/*
 * pidfd_open(2) of a process, or of any thread (since 6.9; EINVAL before), close-on-exec: readable from its end on. -1 with errno set.
 */
int sensor_pidfd_open(pid_t process);
int sensor_pidfd_open_thread(pid_t thread);

/*
 * Keeps malloc from holding on to what a burst needed. Left alone it raises its threshold for mappings of their own to the
 * largest that was freed (a queue of lines, 16 MiB), keeps twice that at the top of each heap, and makes a heap for each thread.
 */
void sensor_bound_heap(void);

/* Gives back what is free between pieces in use. Takes the heap's locks for a moment. */
void sensor_trim_heap(void);

/* Bytes that malloc has given out, and that it holds on to besides. Walks what is free, under the heap's locks. */
struct sensor_heap {
	size_t used;
	size_t unused;
};
struct sensor_heap sensor_heap(void);

#endif
