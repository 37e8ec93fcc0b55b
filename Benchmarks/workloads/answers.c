// SPDX-License-Identifier: Apache-2.0
// answers SOCKET: answers each message with an `ack` and does nothing else, from one thread: what a round trip takes on this machine
// before anybody has looked at what was said. Prints a line when it listens.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define must(condition)                                                                     \
	do {                                                                                \
		if (!(condition)) {                                                         \
			fprintf(stderr, "answers: %s (%s)\n", #condition, strerror(errno)); \
			exit(1);                                                            \
		}                                                                           \
	} while (0)

static const char ack[] =
	"{\"type\":\"ack\",\"seq\":1,\"span\":\"00000000000000000000000000000000\",\"scope\":\"thread\"}\n";

/* The clients of this benchmark wait for each answer: what has come is one message. */
static int answer(int client)
{
	char message[8192];
	ssize_t count = recv(client, message, sizeof(message), 0);

	return count > 0 && send(client, ack, sizeof(ack) - 1, MSG_NOSIGNAL) == (ssize_t)sizeof(ack) - 1;
}

int main(int count, char **arguments)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), poll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event = { .events = EPOLLIN, .data.fd = listener };

	must(count == 2 && strlen(arguments[1]) < sizeof(address.sun_path));
	strcpy(address.sun_path, arguments[1]);
	must(listener >= 0 && bind(listener, (struct sockaddr *)&address, sizeof(address)) == 0 &&
	     listen(listener, 64) == 0);
	must(poll >= 0 && epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event) == 0);
	must(puts("listening") >= 0 && fflush(stdout) == 0);
	for (;;) {
		struct epoll_event ready[64];
		int found = epoll_wait(poll, ready, 64, -1);

		must(found >= 0 || errno == EINTR);
		for (int i = 0; i < found; i++) {
			int descriptor = ready[i].data.fd;

			if (descriptor != listener) {
				if (!answer(descriptor))
					close(descriptor);
				continue;
			}
			event.data.fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
			must(event.data.fd >= 0 && epoll_ctl(poll, EPOLL_CTL_ADD, event.data.fd, &event) == 0);
		}
	}
}
