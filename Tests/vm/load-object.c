// SPDX-License-Identifier: Apache-2.0
//
// Usage: load-object [-o GLOB]... [-n LINES] [-a] OBJECT.bpf.o [PROGRAM-GLOB]
//
// Loads each program of an object by itself and attaches it where that needs no target beyond the root cgroup, and
// says for each one what the kernel answered; then loads all of them together, as the daemon does. For a refused
// program the errno, the last LINES (60) of the verifier's log and libbpf's own complaints are shown. Programs that
// match -o may be refused (backends that only some kernels have). -a leaves the joint load out.
//
// Exit status: 0 all accepted, 1 something was refused, 2 wrong usage or an unreadable object.
//
// Tests/vm/load builds it and runs it in a guest.

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define VERIFIER_LOG_SIZE (16u << 20)
#define COMPLAINTS_SIZE (64u << 10)
#define OPTIONAL_MAX 32

static char verifier_log[VERIFIER_LOG_SIZE];
static char complaints[COMPLAINTS_SIZE];
static size_t complaints_length;
static int log_lines = 60;
static const char *optional[OPTIONAL_MAX];
static int optional_count;

enum log_mode {
	// One line of statistics on success.
	LOG_STATISTICS = 4,
	// libbpf asks for the full log when the load has failed.
	LOG_ON_FAILURE = 0,
};

static int keep_complaint(enum libbpf_print_level level, const char *format, va_list arguments)
{
	if (level == LIBBPF_DEBUG || complaints_length >= sizeof(complaints) - 1)
		return 0;
	int length =
		vsnprintf(complaints + complaints_length, sizeof(complaints) - complaints_length, format, arguments);
	if (length > 0)
		complaints_length += (size_t)length;
	if (complaints_length > sizeof(complaints) - 1)
		complaints_length = sizeof(complaints) - 1;
	return length;
}

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static const char *error_name(int error)
{
	const char *name = strerrorname_np(error);
	// ENOTSUPP is the kernel's own and unknown to the C library.
	return name ? name : error == 524 ? "ENOTSUPP" : "unknown";
}

static bool is_optional(const char *name)
{
	for (int i = 0; i < optional_count; i++)
		if (fnmatch(optional[i], name, 0) == 0)
			return true;
	return false;
}

static void show_tail(const char *title, const char *text, int lines)
{
	size_t length = strlen(text);
	if (length == 0)
		return;
	const char *start = text + length - 1;
	for (int seen = 0; start > text; start--)
		if (start[-1] == '\n' && ++seen == lines)
			break;
	printf("--- %s%s\n%s", title, start > text ? " (its end)" : "", start);
	if (text[length - 1] != '\n')
		putchar('\n');
	puts("---");
}

// The line "processed N insns (limit 1000000) …" of the log; empty when there is none.
static void statistics(char *into, size_t size)
{
	into[0] = '\0';
	const char *line = strstr(verifier_log, "processed ");
	long count;
	if (line && sscanf(line, "processed %ld insns", &count) == 1)
		snprintf(into, size, "%ld instructions verified", count);
}

// Opens the object with only `name` to be loaded, or every program if that is NULL.
static struct bpf_object *open_for(const char *path, const char *name, enum log_mode mode)
{
	complaints_length = 0;
	complaints[0] = verifier_log[0] = '\0';
	struct bpf_object *object = bpf_object__open_file(path, NULL);
	if (!object)
		return NULL;
	struct bpf_program *program;
	bpf_object__for_each_program(program, object)
	{
		bool wanted =
			name ? strcmp(bpf_program__name(program), name) == 0 : !is_optional(bpf_program__name(program));
		bpf_program__set_autoload(program, wanted);
		if (wanted) {
			bpf_program__set_log_buf(program, verifier_log, sizeof(verifier_log));
			bpf_program__set_log_level(program, mode);
		}
	}
	return object;
}

// Attaches what needs no target of its own; NULL with `why` set when there is nothing to attach to.
static struct bpf_link *attach(struct bpf_program *program, const char **why)
{
	*why = NULL;
	switch (bpf_program__type(program)) {
	case BPF_PROG_TYPE_CGROUP_SKB:
	case BPF_PROG_TYPE_CGROUP_SOCK:
	case BPF_PROG_TYPE_CGROUP_SOCK_ADDR:
	case BPF_PROG_TYPE_CGROUP_SOCKOPT:
	case BPF_PROG_TYPE_CGROUP_SYSCTL:
	case BPF_PROG_TYPE_CGROUP_DEVICE:
	case BPF_PROG_TYPE_SOCK_OPS: {
		int cgroup = open("/sys/fs/cgroup", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (cgroup < 0)
			return NULL;
		struct bpf_link *link = bpf_program__attach_cgroup(program, cgroup);
		int error = errno;
		close(cgroup);
		errno = error;
		return link;
	}
	case BPF_PROG_TYPE_TRACEPOINT:
	case BPF_PROG_TYPE_RAW_TRACEPOINT:
	case BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE:
	case BPF_PROG_TYPE_TRACING:
	case BPF_PROG_TYPE_LSM:
		return bpf_program__attach(program);
	case BPF_PROG_TYPE_KPROBE: {
		const char *section = bpf_program__section_name(program);
		// A section without a function ("uprobe", "kprobe") leaves the target to the program that loads it.
		if (strchr(section, '/'))
			return bpf_program__attach(program);
		break;
	}
	default:
		break;
	}
	*why = "needs a target";
	return NULL;
}

// Returns whether the kernel took the program.
static bool try_program(const char *path, const char *name, const char *section)
{
	char details[64] = "";
	bool accepted = false;

	struct bpf_object *object = open_for(path, name, LOG_STATISTICS);
	if (!object) {
		printf("refused  %-32s %-36s open: %s\n", name, section, error_name(errno));
		return false;
	}
	double start = now();
	int error = bpf_object__load(object);
	double milliseconds = (now() - start) * 1000;
	if (error) {
		bpf_object__close(object);
		object = open_for(path, name, LOG_ON_FAILURE);
		error = object ? bpf_object__load(object) : -errno;
	}
	if (error) {
		printf("refused  %-32s %-36s load: %s (%d)%s\n", name, section, error_name(-error), -error,
		       is_optional(name) ? ", optional" : "");
		show_tail("libbpf", complaints, 20);
		show_tail("verifier", verifier_log, log_lines);
		bpf_object__close(object);
		return false;
	}
	statistics(details, sizeof(details));

	struct bpf_program *program = bpf_object__find_program_by_name(object, name);
	const char *why = NULL;
	errno = 0;
	struct bpf_link *link = attach(program, &why);
	if (link) {
		printf("attached %-32s %-36s %s, %.0f ms\n", name, section, details, milliseconds);
		accepted = true;
	} else if (why) {
		printf("loaded   %-32s %-36s %s, %.0f ms; %s\n", name, section, details, milliseconds, why);
		accepted = true;
	} else {
		error = errno;
		printf("refused  %-32s %-36s attach: %s (%d)%s\n", name, section, error_name(error), error,
		       is_optional(name) ? ", optional" : "");
		show_tail("libbpf", complaints, 20);
	}
	bpf_link__destroy(link);
	bpf_object__close(object);
	return accepted;
}

static bool try_together(const char *path)
{
	struct bpf_object *object = open_for(path, NULL, LOG_ON_FAILURE);
	double start = now();
	int error = object ? bpf_object__load(object) : -errno;
	if (error) {
		printf("refused  all together: %s (%d)\n", error_name(-error), -error);
		show_tail("libbpf", complaints, 20);
		show_tail("verifier", verifier_log, log_lines);
	} else {
		printf("loaded   all together in %.0f ms\n", (now() - start) * 1000);
	}
	bpf_object__close(object);
	return !error;
}

int main(int argc, char **argv)
{
	bool together = true;
	for (int option; (option = getopt(argc, argv, "o:n:a")) != -1;) {
		if (option == 'o' && optional_count < OPTIONAL_MAX) {
			optional[optional_count++] = optarg;
		} else if (option == 'n' && atoi(optarg) > 0) {
			log_lines = atoi(optarg);
		} else if (option == 'a') {
			together = false;
		} else {
			fprintf(stderr,
				"usage: load-object [-o GLOB]... [-n LINES] [-a] OBJECT.bpf.o [PROGRAM-GLOB]\n");
			return 2;
		}
	}
	if (argc - optind < 1 || argc - optind > 2) {
		fprintf(stderr, "usage: load-object [-o GLOB]... [-n LINES] [-a] OBJECT.bpf.o [PROGRAM-GLOB]\n");
		return 2;
	}
	const char *path = argv[optind];
	const char *wanted = argc - optind == 2 ? argv[optind + 1] : "*";
	setvbuf(stdout, NULL, _IOLBF, 0);
	libbpf_set_print(keep_complaint);

	// Only read for the names of its programs: each is tried on an object of its own.
	struct bpf_object *names = bpf_object__open_file(path, NULL);
	if (!names) {
		fprintf(stderr, "load-object: %s: %s\n%s", path, error_name(errno), complaints);
		return 2;
	}
	int tried = 0, refused = 0, excused = 0;
	struct bpf_program *program;
	bpf_object__for_each_program(program, names)
	{
		const char *name = bpf_program__name(program);
		if (fnmatch(wanted, name, 0) != 0)
			continue;
		tried++;
		if (try_program(path, name, bpf_program__section_name(program)))
			continue;
		if (is_optional(name))
			excused++;
		else
			refused++;
	}
	bpf_object__close(names);
	if (tried == 0) {
		fprintf(stderr, "load-object: %s: no program matches %s\n", path, wanted);
		return 2;
	}
	if (together && strcmp(wanted, "*") == 0 && !try_together(path))
		refused++;
	printf("%d programs, %d refused, %d optional ones refused\n", tried, refused, excused);
	return refused ? 1 : 0;
}
