// SPDX-License-Identifier: Apache-2.0
/*
 * Connects over loopback TCP and closes. Client and server are one thread, so no scheduler stands between them: the whole
 * handshake runs inside connect(), accept() finds its socket waiting. The client closes first and in order (FIN), the server
 * aborts what is left (linger 0, which accepted sockets take over from the listener): no TIME_WAIT stays behind, and the
 * local ports never run out.
 */
#include "round.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int count, char **arguments)
{
	int first = round_options(count, arguments, 1, "CONNECTIONS");
	long connections = round_number(arguments[first]), failed = 0;
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct linger abort_at_close = { .l_onoff = 1, .l_linger = 0 };
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct round round;

	if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_LINGER, &abort_at_close, sizeof(abort_at_close)) ||
	    bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 16) ||
	    getsockname(listener, (struct sockaddr *)&address, &length))
		round_fail("cannot listen on loopback");
	round_begin(&round);
	for (long done = 0; done < connections; done++) {
		int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), server;

		if (client < 0 || connect(client, (struct sockaddr *)&address, sizeof(address))) {
			failed++;
			close(client);
			continue;
		}
		server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		close(client);
		if (server < 0)
			failed++;
		else
			close(server);
	}
	round_end(&round, connections, failed);
	return failed != 0;
}
