// SPDX-License-Identifier: Apache-2.0
//
// Usage: see-events OBJECT.bpf.o COMMAND...
//
// Loads and attaches the eBPF programs of an object that this kernel has a place for, runs a command, and says for each
// kind of event that came of it how many there were and which hook saw them: "event KIND HOOK COUNT". What sensord does
// with them is none of its business: it tells whether a kernel, or a kind of machine that there is no sensord for yet,
// gives the programs what they need.
//
// Exit status: 0 all attached and the command ended with 0, 1 otherwise, 2 wrong usage.

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "sensor_event.h"

#define PROGRAMS_MAX 64
#define RING_SIZE (16u << 20)
#define POLL_MILLISECONDS 100
#define TRACEPOINT "tp_btf/"

// As in the contract; what is not told as an event has none.
static const char *const kinds[SENSOR_KIND_LIMIT] = {
	[SENSOR_PROCESS_EXEC] = "process.exec",       [SENSOR_PROCESS_FORK] = "process.fork",
	[SENSOR_PROCESS_EXIT] = "process.exit",       [SENSOR_FILE_OPEN] = "file.open",
	[SENSOR_FILE_CREATE] = "file.create",         [SENSOR_FILE_DELETE] = "file.delete",
	[SENSOR_FILE_RENAME] = "file.rename",         [SENSOR_FILE_LINK] = "file.link",
	[SENSOR_FILE_ATTRIBUTE] = "file.attribute",   [SENSOR_FILE_EXECMAP] = "file.execmap",
	[SENSOR_NETWORK_CONNECT] = "network.connect", [SENSOR_NETWORK_SEND] = "network.send",
	[SENSOR_NETWORK_LISTEN] = "network.listen",   [SENSOR_NETWORK_ACCEPT] = "network.accept",
	[SENSOR_NETWORK_CLOSE] = "network.close",     [SENSOR_SYSCALL_FIRST] = "syscall.first",
	[SENSOR_SYSCALL_NOTABLE] = "syscall.notable", [SENSOR_IDENTITY_CHANGE] = "identity.change",
	[SENSOR_DNS_ANSWER] = "dns.answer",
};

static const char *const hooks[SENSOR_HOOK_LIMIT] = {
	[SENSOR_HOOK_SYS_EXIT] = "sys_exit",
	[SENSOR_HOOK_PROCESS_EXEC] = "sched_process_exec",
	[SENSOR_HOOK_PROCESS_FORK] = "sched_process_fork",
	[SENSOR_HOOK_PROCESS_EXIT] = "sched_process_exit",
	[SENSOR_HOOK_SOCKET_STATE] = "inet_sock_set_state",
	[SENSOR_HOOK_SKB_INGRESS] = "cgroup_skb",
	[SENSOR_HOOK_URING_COMPLETE] = "io_uring",
};

static unsigned long counts[SENSOR_KIND_LIMIT][SENSOR_HOOK_LIMIT];

static int count_record(void *context, void *data, size_t size)
{
	const struct sensor_header *header = data;
	(void)context;
	if (size >= sizeof(*header) && header->key.kind < SENSOR_KIND_LIMIT && header->key.hook < SENSOR_HOOK_LIMIT)
		counts[header->key.kind][header->key.hook]++;
	return 0;
}

static void fail(const char *what)
{
	fprintf(stderr, "see-events: %s: %s\n", what, strerror(errno));
	exit(1);
}

// Each kernel has one of several names for some tracepoints.
static void leave_out_what_is_absent(struct bpf_object *object)
{
	struct bpf_program *program;
	bpf_object__for_each_program(program, object)
	{
		const char *section = bpf_program__section_name(program);
		if (strncmp(section, TRACEPOINT, strlen(TRACEPOINT)) != 0)
			continue;
		if (libbpf_find_vmlinux_btf_id(section + strlen(TRACEPOINT), BPF_TRACE_RAW_TP) < 0) {
			printf("absent %s\n", section);
			bpf_program__set_autoload(program, false);
		}
	}
}

static void configure(struct bpf_object *object)
{
	struct bpf_map *map = bpf_object__find_map_by_name(object, ".rodata.config");
	struct sensor_config config = {
		.seed = 0x9e3779b97f4a7c15,
		.cgroup_subsystem = -1,
		.ring_budget = RING_SIZE,
		.ring_size = RING_SIZE,
		.lifecycle_ring_size = RING_SIZE,
		.wake_bytes = RING_SIZE / 4,
		.entry_budget = 32768,
		.failed_entry_budget = 4096,
	};
	size_t size = 0;
	const void *initial = map ? bpf_map__initial_value(map, &size) : NULL;
	char *section = malloc(size);
	if (!initial || !section || size < sizeof(config))
		fail(".rodata.config");
	memcpy(section, initial, size);
	memcpy(section, &config, sizeof(config));
	if (bpf_map__set_initial_value(map, section, size))
		fail(".rodata.config");
	free(section);
	for (int i = 0; i < 2; i++) {
		map = bpf_object__find_map_by_name(object, i ? "activity" : "lifecycle");
		if (!map || bpf_map__set_max_entries(map, RING_SIZE))
			fail("rings");
	}
}

// Returns how many could not be attached.
static int attach(struct bpf_object *object)
{
	int failures = 0;
	int cgroup = open("/sys/fs/cgroup", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct bpf_program *program;
	bpf_object__for_each_program(program, object)
	{
		const char *section = bpf_program__section_name(program);
		if (!bpf_program__autoload(program))
			continue;
		// Links end with this process.
		struct bpf_link *link = strncmp(section, "cgroup", strlen("cgroup")) == 0
						? bpf_program__attach_cgroup(program, cgroup)
						: bpf_program__attach(program);
		if (link) {
			printf("attached %s\n", section);
		} else {
			printf("refused %s: %s\n", section, strerror(errno));
			failures++;
		}
	}
	return failures;
}

static void enable_all_kinds(struct bpf_object *object)
{
	struct sensor_control control = {
		.stream = SENSOR_STREAM_ALL,
		.stream_kinds = ~0ull,
		.enabled_kinds = ~0ull,
		.self_tgid = (__u32)getpid(),
	};
	__u32 zero = 0;
	if (bpf_map_update_elem(bpf_object__find_map_fd_by_name(object, "control"), &zero, &control, BPF_ANY))
		fail("control");
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "usage: see-events OBJECT.bpf.o COMMAND...\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	struct bpf_object *object = bpf_object__open_file(argv[1], NULL);
	if (!object)
		fail(argv[1]);
	leave_out_what_is_absent(object);
	configure(object);
	if (bpf_object__load(object))
		fail("load");
	enable_all_kinds(object);
	int failures = attach(object);

	struct ring_buffer *rings =
		ring_buffer__new(bpf_object__find_map_fd_by_name(object, "lifecycle"), count_record, NULL, NULL);
	if (!rings || ring_buffer__add(rings, bpf_object__find_map_fd_by_name(object, "activity"), count_record, NULL))
		fail("rings");
	pid_t child = fork();
	if (child < 0)
		fail("fork");
	if (child == 0) {
		dup2(STDERR_FILENO, STDOUT_FILENO);
		execvp(argv[2], argv + 2);
		_exit(127);
	}
	int status = 0;
	while (waitpid(child, &status, WNOHANG) == 0)
		if (ring_buffer__poll(rings, POLL_MILLISECONDS) < 0 && errno != EINTR)
			fail("poll");
	ring_buffer__consume(rings);
	for (int kind = 0; kind < SENSOR_KIND_LIMIT; kind++)
		for (int hook = 0; hook < SENSOR_HOOK_LIMIT; hook++)
			if (counts[kind][hook] && kinds[kind] && hooks[hook])
				printf("event %s %s %lu\n", kinds[kind], hooks[hook], counts[kind][hook]);
	if (status)
		fprintf(stderr, "see-events: the command ended with %#x\n", (unsigned)status);
	return failures || status;
}
