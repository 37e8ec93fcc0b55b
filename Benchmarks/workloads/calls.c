// SPDX-License-Identifier: Apache-2.0
// calls SOCKET CLIENTS CALLS RATE: CLIENTS threads, each a client of its own, begin and end CALLS tool calls each, RATE a second all
// together, and wait for each answer. Prints one line of JSON; `ack_ns` is the time from sending `begin` to having its answer.
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define must(condition)                                                                   \
	do {                                                                              \
		if (!(condition)) {                                                       \
			fprintf(stderr, "calls: %s (%s)\n", #condition, strerror(errno)); \
			exit(1);                                                          \
		}                                                                         \
	} while (0)

static const char *path;
static int clients, calls, rate;
static unsigned long long *samples;
static int refused;
static unsigned long long started;

static unsigned long long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000ULL + time.tv_nsec;
}

static void ask(int socket, const char *message)
{
	char answer[4096];
	size_t length = 0;

	must(write(socket, message, strlen(message)) == (ssize_t)strlen(message));
	do {
		ssize_t count = read(socket, answer + length, sizeof(answer) - length - 1);

		must(count > 0);
		length += count;
	} while (answer[length - 1] != '\n');
	answer[length] = 0;
	if (!strstr(answer, "\"ack\"")) {
		if (!__atomic_fetch_add(&refused, 1, __ATOMIC_RELAXED))
			fprintf(stderr, "calls: %s", answer);
	}
}

static void *client(void *argument)
{
	int index = (int)(long)argument, descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	unsigned long long interval = 1000000000ULL * clients / rate, next = started + interval * index / clients;
	char begin[512], end[512];

	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	must(descriptor >= 0 && connect(descriptor, (struct sockaddr *)&address, sizeof(address)) == 0);
	snprintf(begin, sizeof(begin), "{\"type\":\"hello\",\"seq\":0,\"protocol\":1,\"session\":\"bench-%d\"}\n",
		 index);
	ask(descriptor, begin);
	for (int i = 0; i < calls; i++, next += interval) {
		struct timespec until = { .tv_sec = next / 1000000000, .tv_nsec = next % 1000000000 };
		unsigned long long before;

		snprintf(begin, sizeof(begin),
			 "{\"type\":\"begin\",\"seq\":%d,\"session\":\"bench-%d\",\"call\":{\"id\":\"%d\",\"name\":"
			 "\"read_file\","
			 "\"arguments\":{\"path\":\"/data/%d\"}},\"scope\":\"thread\",\"threadId\":%ld}\n",
			 2 * i + 1, index, i, i, syscall(SYS_gettid));
		snprintf(end, sizeof(end),
			 "{\"type\":\"end\",\"seq\":%d,\"session\":\"bench-%d\",\"call\":{\"id\":\"%d\"},\"status\":"
			 "\"ok\"}\n",
			 2 * i + 2, index, i);
		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
			;
		before = now();
		ask(descriptor, begin);
		samples[(size_t)index * calls + i] = now() - before;
		ask(descriptor, end);
	}
	close(descriptor);
	return NULL;
}

static int compare(const void *left, const void *right)
{
	unsigned long long a = *(const unsigned long long *)left, b = *(const unsigned long long *)right;

	return (a > b) - (a < b);
}

int main(int count, char **arguments)
{
	pthread_t threads[1024];
	struct rusage usage;
	unsigned long long wall;
	size_t all;

	must(count == 5);
	path = arguments[1];
	clients = atoi(arguments[2]);
	calls = atoi(arguments[3]);
	rate = atoi(arguments[4]);
	must(clients > 0 && clients <= 1024 && calls > 0 && rate > 0);
	all = (size_t)clients * calls;
	samples = calloc(all, sizeof(*samples));
	must(samples);
	started = now() + 20000000;
	for (long i = 0; i < clients; i++)
		must(pthread_create(&threads[i], NULL, client, (void *)i) == 0);
	for (int i = 0; i < clients; i++)
		pthread_join(threads[i], NULL);
	wall = now() - started;
	qsort(samples, all, sizeof(*samples), compare);
	getrusage(RUSAGE_SELF, &usage);
	printf("{\"calls\":%zu,\"refused\":%d,\"wall_ns\":%llu,\"cpu_ns\":%llu,\"ack_ns\":{\"median\":%llu,\"p90\":%"
	       "llu,\"p99\":%llu}}\n",
	       all, refused, wall,
	       (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000ULL +
		       (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000ULL,
	       samples[all / 2], samples[all * 9 / 10], samples[all * 99 / 100]);
	return 0;
}
