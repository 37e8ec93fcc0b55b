// SPDX-License-Identifier: Apache-2.0
/*
 * Does one kind of thing over and over: for the time that each kind takes inside the eBPF programs. `kinds list` prints what
 * there is: a line each, the name and how many system calls one operation makes.
 */
#include "round.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static int descriptor = -1, server = -1;
static struct sockaddr_in peer;
static unsigned char answer[] = {
	0x12, 0x34, 0x81, 0x80, 0,   1,   0, 1,   0,   0,   0,   0, /* one question, one answer */
	5,    'b',  'e',  'n',  'c', 'h', 4, 't', 'e', 's', 't', 0, 0,   1, 0, 1,
	0xc0, 12,   0,    1,    0,   1,   0, 0,   0,   60,  0,   4, 192, 0, 2, 1,
};

static void make_file(const char *name)
{
	descriptor = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0755);
	if (descriptor < 0 || ftruncate(descriptor, 4096))
		round_fail(name);
}

static int bound_socket(const char *address, uint16_t port)
{
	int bound = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	peer = (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons(port),
				     .sin_addr.s_addr = inet_addr(address) };
	if (bound < 0 || bind(bound, (struct sockaddr *)&peer, sizeof(peer)))
		round_fail("cannot bind on loopback");
	return bound;
}

static void open_sockets(const char *address, uint16_t port)
{
	socklen_t length = sizeof(peer);

	server = bound_socket(address, port);
	getsockname(server, (struct sockaddr *)&peer, &length);
	descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

static void set_up_file(void)
{
	make_file("file");
}

static void set_up_send(void)
{
	open_sockets("127.0.0.1", 0);
}

static void set_up_dns(void)
{
	open_sockets("127.83.67.53", 53);
}

static struct sockaddr_un unix_address = { .sun_family = AF_UNIX, .sun_path = "socket" };

static void set_up_unix(void)
{
	server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	unlink(unix_address.sun_path);
	if (bind(server, (struct sockaddr *)&unix_address, sizeof(unix_address)) || listen(server, 16))
		round_fail("cannot listen on a Unix socket");
}

static int do_syscall(void)
{
	return syscall(SYS_getppid) < 0;
}

static int do_open(void)
{
	int file = open("file", O_RDONLY | O_CLOEXEC);

	return file < 0 || close(file);
}

static int do_failed_open(void)
{
	return open("missing", O_RDONLY | O_CLOEXEC) != -1;
}

static int do_create(void)
{
	int file = open("created", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	return file < 0 || close(file) || unlink("created");
}

static int do_rename(void)
{
	return rename("file", "renamed") || rename("renamed", "file");
}

static int do_link(void)
{
	return link("file", "linked") || unlink("linked");
}

static int do_attribute(void)
{
	return fchmod(descriptor, 0755);
}

static int do_execmap(void)
{
	void *mapped = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, descriptor, 0);

	return mapped == MAP_FAILED || munmap(mapped, 4096);
}

static int do_send(void)
{
	char byte;

	return sendto(descriptor, "x", 1, 0, (struct sockaddr *)&peer, sizeof(peer)) != 1 ||
	       recv(server, &byte, 1, 0) != 1;
}

static int do_dns(void)
{
	unsigned char message[512];
	struct sockaddr_in client;
	socklen_t length = sizeof(client);

	/* The question is the answer's first 28 bytes without the answer's flag and count. */
	memcpy(message, answer, 28);
	message[2] = 1, message[3] = 0, message[7] = 0;
	if (sendto(descriptor, message, 28, 0, (struct sockaddr *)&peer, sizeof(peer)) != 28 ||
	    recvfrom(server, message, sizeof(message), 0, (struct sockaddr *)&client, &length) != 28)
		return 1;
	return sendto(server, answer, sizeof(answer), 0, (struct sockaddr *)&client, length) != sizeof(answer) ||
	       recv(descriptor, message, sizeof(message), 0) != sizeof(answer);
}

static int do_listen(void)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return bind(listener, (struct sockaddr *)&any, sizeof(any)) || listen(listener, 1) || close(listener);
}

static int do_unix(void)
{
	int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return connect(client, (struct sockaddr *)&unix_address, sizeof(unix_address)) || close(client) ||
	       close(accept4(server, NULL, NULL, SOCK_CLOEXEC));
}

static int do_identity(void)
{
	return syscall(SYS_setresuid, -1, 65534, -1) || syscall(SYS_setresuid, -1, 0, -1);
}

static const struct kind {
	const char *name;
	int syscalls;
	void (*set_up)(void);
	int (*perform)(void);
} kinds[] = {
	{ "syscall", 1, NULL, do_syscall },
	{ "open+close", 2, set_up_file, do_open },
	{ "failed-open", 1, NULL, do_failed_open },
	{ "create+close+delete", 3, NULL, do_create },
	{ "rename-twice", 2, set_up_file, do_rename },
	{ "link+delete", 2, set_up_file, do_link },
	{ "attribute", 1, set_up_file, do_attribute },
	{ "execmap+unmap", 2, set_up_file, do_execmap },
	{ "identity-twice", 2, NULL, do_identity },
	{ "udp-send+receive", 2, set_up_send, do_send },
	{ "dns-exchange", 4, set_up_dns, do_dns },
	{ "listen+close", 4, NULL, do_listen },
	{ "unix-connect+accept+close", 5, set_up_unix, do_unix },
};

int main(int count, char **arguments)
{
	int first;
	size_t index;
	long operations, failed = 0;
	struct round round;

	if (count == 2 && !strcmp(arguments[1], "list")) {
		for (index = 0; index < sizeof(kinds) / sizeof(kinds[0]); index++)
			printf("%s %d\n", kinds[index].name, kinds[index].syscalls);
		return 0;
	}
	first = round_options(count, arguments, 3, "DIRECTORY KIND OPERATIONS");
	operations = round_number(arguments[first + 2]);
	if (chdir(arguments[first]))
		round_fail(arguments[first]);
	for (index = 0; index < sizeof(kinds) / sizeof(kinds[0]); index++)
		if (!strcmp(kinds[index].name, arguments[first + 1]))
			break;
	if (index == sizeof(kinds) / sizeof(kinds[0])) {
		fprintf(stderr, "workload: no kind %s\n", arguments[first + 1]);
		return 2;
	}
	if (kinds[index].set_up)
		kinds[index].set_up();
	failed += kinds[index].perform(); /* the first sight */
	round_begin(&round);
	for (long done = 0; done < operations; done++)
		failed += kinds[index].perform();
	round_end(&round, operations, failed);
	return failed != 0;
}
