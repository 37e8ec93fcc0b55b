// SPDX-License-Identifier: Apache-2.0
// Datagrams: with and without connect, and names asked of a server of our own.
#include "workload.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static struct sockaddr_in loopback(int host, int port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons(port),
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + host) };
}

static int port_of(int descriptor)
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);

	must(getsockname(descriptor, (struct sockaddr *)&address, &length));
	return ntohs(address.sin_port);
}

static int receiver(struct sockaddr_in *address)
{
	int descriptor = must(socket(AF_INET, SOCK_DGRAM, 0));

	*address = loopback(1, 0);
	must(bind(descriptor, (struct sockaddr *)address, sizeof(*address)));
	*address = loopback(1, port_of(descriptor));
	return descriptor;
}

/* udp-send connected|unconnected|message|written|file|pipe|vector COUNT: as many datagrams of ten bytes. */
static int udp_send(char **arguments)
{
	int client = must(socket(AF_INET, SOCK_DGRAM, 0)), count = atoi(arguments[1]);
	struct sockaddr_in address;
	struct iovec bytes = { "0123456789", 10 };
	struct msghdr message = { .msg_iov = &bytes, .msg_iovlen = 1 };
	int file = must(memfd_create("ten", 0)), ends[2];
	off_t start = 0;

	must(write(file, "0123456789", 10));
	must(pipe(ends));
	receiver(&address);
	say("server-port %d", ntohs(address.sin_port));
	if (arguments[0][0] != 'u' && arguments[0][0] != 'm') {
		must(connect(client, (struct sockaddr *)&address, sizeof(address)));
	} else {
		message.msg_name = &address;
		message.msg_namelen = sizeof(address);
	}
	for (int i = 0; i < count; i++) {
		switch (arguments[0][0]) {
		case 'c':
			must(send(client, "0123456789", 10, 0));
			break;
		case 'u':
			must(sendto(client, "0123456789", 10, 0, (struct sockaddr *)&address, sizeof(address)));
			break;
		case 'm':
			must(sendmsg(client, &message, 0));
			break;
		case 'f':
			start = 0;
			must(sendfile(client, file, &start, 10));
			break;
		case 'p':
			must(write(ends[1], "0123456789", 10));
			must(splice(ends[0], NULL, client, NULL, 10, 0));
			break;
		case 'v':
			must(pwritev2(client, &bytes, 1, -1, 0));
			break;
		default:
			must(write(client, "0123456789", 10));
		}
	}
	settle();
	return 0;
}

/* udp-many: one call sends a datagram to each of three addresses, and one to the first of them. */
static int udp_many(char **arguments)
{
	int client = must(socket(AF_INET, SOCK_DGRAM, 0));
	struct sockaddr_in addresses[3];
	struct iovec bytes = { "0123456789", 10 };
	struct mmsghdr messages[3] = { 0 };

	(void)arguments;
	for (int i = 0; i < 3; i++) {
		receiver(&addresses[i]);
		say("server-port %d", ntohs(addresses[i].sin_port));
		messages[i].msg_hdr = (struct msghdr){ .msg_name = &addresses[i],
						       .msg_namelen = sizeof(addresses[i]),
						       .msg_iov = &bytes,
						       .msg_iovlen = 1 };
	}
	must(sendmmsg(client, messages, 3, 0));
	must(sendmmsg(client, messages, 1, 0));
	settle();
	return 0;
}

/* A question for the address of `name`, as RFC 1035 has it. */
static size_t question(unsigned char *to, const char *name, int type)
{
	static const unsigned char head[12] = { 0x12, 0x34, 1, 0, 0, 1 };
	unsigned char *at = to + sizeof(head);

	memcpy(to, head, sizeof(head));
	while (*name) {
		size_t length = strcspn(name, ".");

		*at++ = length;
		memcpy(at, name, length);
		at += length;
		name += length + (name[length] == '.');
	}
	*at++ = 0;
	*at++ = 0;
	*at++ = type;
	*at++ = 0;
	*at++ = 1;
	return at - to;
}

/* Answers every question with the address 127.0.0.`host`. */
static void serve(int server, int host)
{
	unsigned char message[512];

	for (;;) {
		static const unsigned char answer[] = { 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0 };
		struct sockaddr_in client;
		socklen_t size = sizeof(client);
		ssize_t length = must(recvfrom(server, message, 256, 0, (struct sockaddr *)&client, &size));

		message[2] |= 0x80;
		message[7] = 1;
		memcpy(message + length, answer, sizeof(answer));
		message[length + sizeof(answer)] = host;
		must(sendto(server, message, length + sizeof(answer) + 1, 0, (struct sockaddr *)&client, size));
	}
}

/* dns-connect NAME connected|unconnected|read: asks for NAME, then connects to the address it was told. */
static int dns_connect(char **arguments)
{
	unsigned char message[512];
	size_t length = question(message, arguments[0], 1);
	struct sockaddr_in server_address = loopback(1, 53), address;
	int server, client, listener;
	ssize_t received;
	pid_t child;

	enter_own_network();
	server = must(socket(AF_INET, SOCK_DGRAM, 0));
	must(bind(server, (struct sockaddr *)&server_address, sizeof(server_address)));
	child = must(fork());
	if (!child)
		serve(server, 7);
	say("child %d", child);
	close(server);
	client = must(socket(AF_INET, SOCK_DGRAM, 0));
	if (arguments[1][0] == 'u') {
		must(sendto(client, message, length, 0, (struct sockaddr *)&server_address, sizeof(server_address)));
		received = must(recvfrom(client, message, sizeof(message), 0, NULL, NULL));
	} else {
		must(connect(client, (struct sockaddr *)&server_address, sizeof(server_address)));
		must(send(client, message, length, 0));
		received = must(arguments[1][0] == 'r' ? read(client, message, sizeof(message))
						       : recv(client, message, sizeof(message), 0));
	}
	address = loopback(message[received - 1], 0);
	listener = must(socket(AF_INET, SOCK_STREAM, 0));
	must(bind(listener, (struct sockaddr *)&address, sizeof(address)));
	must(listen(listener, 1));
	address.sin_port = htons(port_of(listener));
	say("server-port %d", port_of(listener));
	must(connect(must(socket(AF_INET, SOCK_STREAM, 0)), (struct sockaddr *)&address, sizeof(address)));
	must(kill(child, SIGKILL));
	reap(child);
	settle();
	return 0;
}

/* dns-unasked NAME: who has sent elsewhere, and who has sent nothing, are told of NAME; then one who asked for "asked". */
static int dns_unasked(char **arguments)
{
	unsigned char message[512], question_of[512];
	size_t length = question(message, arguments[0], 1), asked = question(question_of, "asked", 1);
	struct sockaddr_in server_address = loopback(1, 53), elsewhere = loopback(1, 9), address = loopback(1, 0);
	static const unsigned char answer[] = { 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 8 };
	socklen_t size = sizeof(address);
	int server, client;

	message[2] |= 0x80;
	message[7] = 1;
	memcpy(message + length, answer, sizeof(answer));
	length += sizeof(answer);
	enter_own_network();
	server = must(socket(AF_INET, SOCK_DGRAM, 0));
	must(bind(server, (struct sockaddr *)&server_address, sizeof(server_address)));
	for (int sends = 0; sends < 2; sends++) {
		address = loopback(1, 0);
		client = must(socket(AF_INET, SOCK_DGRAM, 0));
		must(bind(client, (struct sockaddr *)&address, sizeof(address)));
		must(getsockname(client, (struct sockaddr *)&address, &size));
		if (sends)
			must(sendto(client, "x", 1, 0, (struct sockaddr *)&elsewhere, sizeof(elsewhere)));
		must(sendto(server, message, length, 0, (struct sockaddr *)&address, sizeof(address)));
		must(recv(client, message + 256, 256, 0));
	}
	/* Asking is remembered for the socket, whomever it talks to in between. */
	must(sendto(client, question_of, asked, 0, (struct sockaddr *)&server_address, sizeof(server_address)));
	must(sendto(client, "x", 1, 0, (struct sockaddr *)&elsewhere, sizeof(elsewhere)));
	question_of[2] |= 0x80;
	question_of[7] = 1;
	memcpy(question_of + asked, answer, sizeof(answer));
	must(sendto(server, question_of, asked + sizeof(answer), 0, (struct sockaddr *)&address, sizeof(address)));
	must(recv(client, message, sizeof(message), 0));
	settle();
	return 0;
}

/* dns-late NAME connected|unconnected: has connected, or asked, when the test is told; has its answer when the test lets it go on. */
static int dns_late(char **arguments)
{
	int server, client, is_connected = arguments[1][0] == 'c';
	unsigned char message[512];
	size_t length = question(message, arguments[0], 1);
	struct sockaddr_in address = loopback(1, 53);
	pid_t child;
	char byte;

	enter_own_network();
	server = must(socket(AF_INET, SOCK_DGRAM, 0));
	must(bind(server, (struct sockaddr *)&address, sizeof(address)));
	client = must(socket(AF_INET, SOCK_DGRAM, 0));
	if (is_connected)
		must(connect(client, (struct sockaddr *)&address, sizeof(address)));
	else
		must(sendto(client, message, length, 0, (struct sockaddr *)&address, sizeof(address)));
	say("done");
	must(read(STDIN_FILENO, &byte, 1));
	child = must(fork());
	if (!child)
		serve(server, 7);
	if (is_connected)
		must(send(client, message, length, 0));
	must(recv(client, message, sizeof(message), 0));
	must(kill(child, SIGKILL));
	reap(child);
	settle();
	return 0;
}

static void ask(int client, const char *name)
{
	unsigned char message[512];

	must(send(client, message, question(message, name, 1), 0));
	must(recv(client, message, sizeof(message), 0));
}

/* dns-calls: a socket that is connected, and then asks for a name each time that the test lets it go on. */
static int dns_calls(char **arguments)
{
	struct sockaddr_in address = loopback(1, 53);
	int server, client;
	pid_t child;

	(void)arguments;
	enter_own_network();
	server = must(socket(AF_INET, SOCK_DGRAM, 0));
	must(bind(server, (struct sockaddr *)&address, sizeof(address)));
	child = must(fork());
	if (!child)
		serve(server, 7);
	settle();
	client = must(socket(AF_INET, SOCK_DGRAM, 0));
	must(connect(client, (struct sockaddr *)&address, sizeof(address)));
	ask(client, "one.test");
	settle();
	ask(client, "two.test");
	settle();
	ask(client, "three.test");
	must(kill(child, SIGKILL));
	reap(child);
	settle();
	return 0;
}

/* dns-many COUNT: as many sockets that have asked, and are all there at the end. */
static int dns_many(char **arguments)
{
	unsigned char message[512];
	size_t length = question(message, "many.test", 1);
	struct sockaddr_in address = loopback(1, 53);
	struct rlimit limit;

	must(getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = limit.rlim_max;
	must(setrlimit(RLIMIT_NOFILE, &limit));
	enter_own_network();
	for (int i = atoi(arguments[0]); i > 0; i--)
		must(sendto(must(socket(AF_INET, SOCK_DGRAM, 0)), message, length, 0, (struct sockaddr *)&address,
			    sizeof(address)));
	settle();
	return 0;
}

/* unix-datagram PATH: sent to without a connection. */
static int unix_datagram(char **arguments)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int server = must(socket(AF_UNIX, SOCK_DGRAM, 0));

	strncpy(address.sun_path, arguments[0], sizeof(address.sun_path) - 1);
	must(bind(server, (struct sockaddr *)&address, sizeof(address)));
	must(sendto(must(socket(AF_UNIX, SOCK_DGRAM, 0)), "x", 1, 0, (struct sockaddr *)&address, sizeof(address)));
	settle();
	return 0;
}

const struct activity datagram_activities[] = {
	{ "udp-send", 2, udp_send },       { "udp-many", 0, udp_many },           { "dns-connect", 2, dns_connect },
	{ "dns-unasked", 1, dns_unasked }, { "unix-datagram", 1, unix_datagram }, { "dns-late", 2, dns_late },
	{ "dns-many", 1, dns_many },       { "dns-calls", 0, dns_calls },         { 0 },
};
