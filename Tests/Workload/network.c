// SPDX-License-Identifier: Apache-2.0
// Connections, with both ends in this process; nothing leaves the loopback interface.
#include "workload.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

union address {
	struct sockaddr any;
	struct sockaddr_in four;
	struct sockaddr_in6 six;
	struct sockaddr_un path;
	struct sockaddr_storage room;
};

static socklen_t loopback(union address *address, int family, int port)
{
	memset(address, 0, sizeof(*address));
	address->any.sa_family = family;
	if (family == AF_INET) {
		address->four.sin_port = htons(port);
		address->four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		return sizeof(address->four);
	}
	address->six.sin6_port = htons(port);
	address->six.sin6_addr = in6addr_loopback;
	return sizeof(address->six);
}

static int port_of(int descriptor)
{
	union address address;
	socklen_t length = sizeof(address);

	must(getsockname(descriptor, &address.any, &length));
	return ntohs(address.any.sa_family == AF_INET ? address.four.sin_port : address.six.sin6_port);
}

/* A socket bound to a port that nobody else has. */
static int bound(int family, int type, union address *address, socklen_t *length)
{
	int descriptor = must(socket(family, type | SOCK_CLOEXEC, 0));

	*length = loopback(address, family, 0);
	must(bind(descriptor, &address->any, *length));
	*length = loopback(address, family, port_of(descriptor));
	return descriptor;
}

static int family_of(const char *name)
{
	return name[0] == '6' ? AF_INET6 : AF_INET;
}

struct transfer {
	int descriptor;
	long bytes;
};

static void *receive(void *argument)
{
	struct transfer *transfer = argument;
	char buffer[65536];
	ssize_t count;

	for (transfer->bytes = 0; (count = read(transfer->descriptor, buffer, sizeof(buffer))) > 0;)
		transfer->bytes += count;
	return NULL;
}

/* tcp-transfer 4|6 BYTES: client and server, BYTES one way and half of it the other. */
static int tcp_transfer(char **arguments)
{
	int family = family_of(arguments[0]), listener, client, server;
	long bytes = atol(arguments[1]);
	struct transfer at_server, at_client;
	char *content = calloc(1, bytes);
	pthread_t server_thread, client_thread;
	union address address;
	socklen_t length;

	listener = bound(family, SOCK_STREAM, &address, &length);
	must(listen(listener, 1));
	say("server-port %d", port_of(listener));
	client = must(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
	must(connect(client, &address.any, length));
	say("client-port %d", port_of(client));
	server = must(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
	at_server.descriptor = server;
	at_client.descriptor = client;
	pthread_create(&server_thread, NULL, receive, &at_server);
	for (long sent = 0; sent < bytes;)
		sent += must(write(client, content + sent, bytes - sent));
	must(shutdown(client, SHUT_WR));
	pthread_join(server_thread, NULL);
	pthread_create(&client_thread, NULL, receive, &at_client);
	for (long sent = 0; sent < bytes / 2;)
		sent += must(write(server, content + sent, bytes / 2 - sent));
	close(server);
	pthread_join(client_thread, NULL);
	close(client);
	close(listener);
	say("forth %ld", at_server.bytes);
	say("back %ld", at_client.bytes);
	settle();
	return 0;
}

/* tcp-refused 4|6 blocking|waiting: nobody listens there. */
static int tcp_refused(char **arguments)
{
	int family = family_of(arguments[0]), waiting = arguments[1][0] == 'w', client, error = 0;
	union address address;
	socklen_t length, size = sizeof(error);

	bound(family, SOCK_STREAM, &address, &length);
	client = must(socket(family, SOCK_STREAM | (waiting ? SOCK_NONBLOCK : 0), 0));
	say("server-port %d", ntohs(address.four.sin_port));
	if (!connect(client, &address.any, length))
		give_up("a connect that had to fail");
	if (errno == EINPROGRESS) {
		struct pollfd poll_for = { .fd = client, .events = POLLOUT };

		must(poll(&poll_for, 1, 10000));
		must(getsockopt(client, SOL_SOCKET, SO_ERROR, &error, &size));
		say("error %d", error);
	} else {
		say("error %d", errno);
	}
	close(client);
	settle();
	return 0;
}

/* tcp-waiting 4|6: a connect that does not wait for its end. */
static int tcp_waiting(char **arguments)
{
	int family = family_of(arguments[0]), listener, client;
	union address address;
	struct pollfd poll_for = { .events = POLLOUT };
	socklen_t length;

	listener = bound(family, SOCK_STREAM, &address, &length);
	must(listen(listener, 1));
	say("server-port %d", port_of(listener));
	client = must(socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0));
	if (connect(client, &address.any, length) && errno != EINPROGRESS)
		give_up("connect");
	poll_for.fd = client;
	must(poll(&poll_for, 1, 10000));
	must(connect(client, &address.any, length)); /* how some programs ask for the outcome */
	say("client-port %d", port_of(client));
	close(client);
	settle();
	return 0;
}

/* In a network without any interface that is up. */
static int tcp_unreachable(char **arguments)
{
	union address address = { .four = { .sin_family = AF_INET, .sin_port = htons(4444) } };

	(void)arguments;
	enter_own_network();
	address.four.sin_addr.s_addr = inet_addr("192.0.2.7");
	if (!connect(must(socket(AF_INET, SOCK_STREAM, 0)), &address.any, sizeof(address.four)))
		give_up("a connect that had to fail");
	say("error %d", errno);
	settle();
	return 0;
}

static void set(const char *path, const char *value)
{
	int descriptor = must(open(path, O_WRONLY));

	must(write(descriptor, value, strlen(value)));
	close(descriptor);
}

/* A link, 10.9.0.1/24, on which nobody answers, and that is soon known. */
static void make_silent_link(void)
{
	struct ifreq request = { .ifr_name = "silent", .ifr_flags = IFF_TAP | IFF_NO_PI };
	struct sockaddr_in *address = (struct sockaddr_in *)&request.ifr_addr;
	int descriptor = must(socket(AF_INET, SOCK_DGRAM, 0));

	must(ioctl(must(open("/dev/net/tun", O_RDWR)), TUNSETIFF, &request));
	*address = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = inet_addr("10.9.0.1") };
	must(ioctl(descriptor, SIOCSIFADDR, &request));
	address->sin_addr.s_addr = inet_addr("255.255.255.0");
	must(ioctl(descriptor, SIOCSIFNETMASK, &request));
	request.ifr_flags = IFF_UP;
	must(ioctl(descriptor, SIOCSIFFLAGS, &request));
	close(descriptor);
	set("/proc/sys/net/ipv4/neigh/silent/mcast_solicit", "1");
	set("/proc/sys/net/ipv4/neigh/silent/retrans_time_ms", "50");
}

/* tcp-late: a connect that does not wait and fails later, then, with the same socket, one that fails at once. */
static int tcp_late(char **arguments)
{
	union address address = { .four = { .sin_family = AF_INET, .sin_port = htons(98) } };
	int client, error;
	socklen_t length = sizeof(error);

	(void)arguments;
	if (access("/dev/net/tun", R_OK | W_OK)) {
		say("late 0");
		settle();
		return 0;
	}
	enter_own_network();
	make_silent_link();
	address.four.sin_addr.s_addr = inet_addr("10.9.0.2");
	client = must(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
	if (!connect(client, &address.any, sizeof(address.four)) || errno != EINPROGRESS)
		give_up("a connect that had to wait");
	if (must(poll(&(struct pollfd){ .fd = client, .events = POLLOUT }, 1, 15000)) != 1)
		give_up("a connect that had to fail");
	must(getsockopt(client, SOL_SOCKET, SO_ERROR, &error, &length));
	say("late %d", error);
	/* The kernel ends the first attempt with this one. */
	if (!connect(client, &address.any, sizeof(address.four)) || errno != ECONNABORTED)
		give_up("a connect that had to be aborted");
	address.four.sin_addr.s_addr = inet_addr("192.0.2.7");
	if (!connect(client, &address.any, sizeof(address.four)))
		give_up("a connect that had to fail at once");
	say("early %d", errno);
	settle();
	return 0;
}

/* tcp-open: a connection that is still there when the workload ends. */
static int tcp_open(char **arguments)
{
	union address address;
	socklen_t length;
	int listener = bound(AF_INET, SOCK_STREAM, &address, &length), client;

	(void)arguments;
	must(listen(listener, 1));
	say("server-port %d", port_of(listener));
	client = must(socket(AF_INET, SOCK_STREAM, 0));
	must(connect(client, &address.any, length));
	must(write(client, "0123456789", 10));
	settle();
	return 0;
}

/* tcp-handed-on: the socket's owner is who connected, not who closes last. */
static int tcp_handed_on(char **arguments)
{
	union address address;
	socklen_t length;
	int listener = bound(AF_INET, SOCK_STREAM, &address, &length), client, server;
	char bytes[16];
	pid_t child;

	(void)arguments;
	must(listen(listener, 1));
	say("server-port %d", port_of(listener));
	client = must(socket(AF_INET, SOCK_STREAM, 0));
	must(connect(client, &address.any, length));
	server = must(accept4(listener, NULL, NULL, 0));
	child = must(fork());
	if (!child) {
		close(server);
		close(listener);
		must(write(client, "0123456789", 10));
		_exit(0);
	}
	close(client);
	reap(child);
	while (must(read(server, bytes, sizeof(bytes))))
		;
	close(server);
	settle();
	return 0;
}

static socklen_t unix_address(union address *address, const char *path)
{
	memset(address, 0, sizeof(*address));
	address->any.sa_family = AF_UNIX;
	if (path[0] != '@') {
		strncpy(address->path.sun_path, path, sizeof(address->path.sun_path) - 1);
		return sizeof(address->path);
	}
	/* Abstract: a NUL first, and as long as the length says. */
	memcpy(address->path.sun_path + 1, path + 1, strlen(path) - 1);
	return offsetof(struct sockaddr_un, sun_path) + strlen(path);
}

/* unix-stream PATH [NAME]: @… is abstract. NAME is another way to the same path. */
static int unix_stream(char **arguments)
{
	int listener = must(socket(AF_UNIX, SOCK_STREAM, 0)), client = must(socket(AF_UNIX, SOCK_STREAM, 0));
	union address address;
	socklen_t length = unix_address(&address, arguments[0]);

	must(bind(listener, &address.any, length));
	must(listen(listener, 1));
	if (arguments[1])
		length = unix_address(&address, arguments[1]);
	must(connect(client, &address.any, length));
	must(accept4(listener, NULL, NULL, 0));
	must(write(client, "x", 1));
	settle();
	return 0;
}

/* unix-failing PATH: nobody is there. */
static int unix_failing(char **arguments)
{
	union address address;
	socklen_t length = unix_address(&address, arguments[0]);

	if (!connect(must(socket(AF_UNIX, SOCK_STREAM, 0)), &address.any, length))
		give_up("a connect that had to fail");
	say("error %d", errno);
	settle();
	return 0;
}

/* Sent to, or connected to, by whatever name it is given; twice. */
static void use_twice(int type, const char *path)
{
	union address address;
	socklen_t length = unix_address(&address, path);

	for (int i = 0; i < 2; i++) {
		int descriptor = must(socket(AF_UNIX, type, 0));

		if (type == SOCK_DGRAM)
			must(sendto(descriptor, "x", 1, 0, &address.any, length));
		else if (connect(descriptor, &address.any, length) && errno != ENOENT)
			give_up("connect");
		close(descriptor);
	}
}

/*
 * unix-places DIRECTORY: a name in two directories, which a socket has and which none has; then a socket whose file gets another name, and is
 * seen from another root. Each is used twice.
 */
static int unix_places(char **arguments)
{
	char *places[] = { join(arguments[0], "one"), join(arguments[0], "two") };
	char *first = join(arguments[0], "first"), *second = join(arguments[0], "second");
	int listener = must(socket(AF_UNIX, SOCK_STREAM, 0));
	union address address;
	socklen_t length = unix_address(&address, first);

	must(bind(listener, &address.any, length));
	must(listen(listener, 16));
	length = unix_address(&address, "socket");
	for (int i = 0; i < 2; i++) {
		must(mkdir(places[i], 0755));
		must(chdir(places[i]));
		must(bind(must(socket(AF_UNIX, SOCK_DGRAM, 0)), &address.any, length));
		use_twice(SOCK_DGRAM, "socket");
		use_twice(SOCK_STREAM, "none");
	}
	use_twice(SOCK_STREAM, first);
	must(rename(first, second));
	use_twice(SOCK_STREAM, second);
	must(chroot(arguments[0]));
	use_twice(SOCK_STREAM, "/second");
	settle();
	return 0;
}

/* Binds a socket to a path, which may fill the address to its end, without a NUL. */
static void bind_to(int type, const char *path, size_t length)
{
	struct {
		struct sockaddr_un address;
		char behind[32];
	} name = { .address.sun_family = AF_UNIX };
	int result;

	memset(name.address.sun_path, 'x', sizeof(name.address.sun_path));
	memset(name.behind, 'y', sizeof(name.behind) - 1);
	memcpy(name.address.sun_path, path, length);
	result = bind(must(socket(AF_UNIX, type, 0)), (struct sockaddr *)&name.address,
		      offsetof(struct sockaddr_un, sun_path) + length);
	say("bound %d", result ? -errno : 0);
}

/* unix-files DIRECTORY: sockets that are bound to files there, from there, and to none. */
static int unix_files(char **arguments)
{
	union address address = { .any.sa_family = AF_UNIX };
	char *stream = join(arguments[0], "stream"), *none = join(arguments[0], "none/socket");

	must(chdir(arguments[0]));
	bind_to(SOCK_STREAM, stream, strlen(stream) + 1);
	bind_to(SOCK_DGRAM, "datagram", strlen("datagram"));
	bind_to(SOCK_SEQPACKET, "./packets", strlen("./packets") + 1);
	/* Again; in a directory that is not there; abstract; by the kernel's choice. */
	bind_to(SOCK_STREAM, "datagram", strlen("datagram"));
	bind_to(SOCK_STREAM, none, strlen(none) + 1);
	bind_to(SOCK_STREAM, "\0abstract-bind", strlen("abstract-bind") + 1);
	must(bind(must(socket(AF_UNIX, SOCK_STREAM, 0)), &address.any, sizeof(sa_family_t)));
	settle();
	return 0;
}

const struct activity network_activities[] = {
	{ "tcp-transfer", 2, tcp_transfer },   { "tcp-refused", 2, tcp_refused },
	{ "tcp-waiting", 1, tcp_waiting },     { "tcp-unreachable", 0, tcp_unreachable },
	{ "tcp-late", 0, tcp_late },           { "tcp-open", 0, tcp_open },
	{ "tcp-handed-on", 0, tcp_handed_on }, { "unix-stream", 1, unix_stream },
	{ "unix-failing", 1, unix_failing },   { "unix-places", 1, unix_places },
	{ "unix-files", 1, unix_files },       { 0 },
};
