// SPDX-License-Identifier: Apache-2.0
#include "sensor_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Headers before 5.7 have no INET_DIAG_CGROUP_ID. */
#define CGROUP_ID 21
/* include/net/tcp_states.h */
#define STATE_LISTEN 10

static int ask(int descriptor, const struct sensor_connection *connection)
{
	struct {
		struct nlmsghdr head;
		struct inet_diag_req_v2 request;
	} message = {
		.head = {
			.nlmsg_len = sizeof(message),
			.nlmsg_type = SOCK_DIAG_BY_FAMILY,
			.nlmsg_flags = NLM_F_REQUEST,
			.nlmsg_seq = 1,
		},
		.request = {
			.sdiag_family = connection->is_ipv6 ? AF_INET6 : AF_INET,
			.sdiag_protocol = IPPROTO_TCP,
			.idiag_states = ~0u,
			.id = {
				.idiag_sport = htons(connection->local_port),
				.idiag_dport = htons(connection->remote_port),
				.idiag_cookie = { INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE },
			},
		},
	};
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

	memcpy(message.request.id.idiag_src, connection->local, sizeof(connection->local));
	memcpy(message.request.id.idiag_dst, connection->remote, sizeof(connection->remote));
	return sendto(descriptor, &message, sizeof(message), 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0 ? -1
														: 0;
}

/* The kernel gives the listener where there is no such connection: that is not who was asked for. */
static int take(const struct nlmsghdr *head, const struct sensor_connection *connection, struct sensor_socket *found)
{
	const struct inet_diag_msg *told = NLMSG_DATA(head);
	int left = (int)head->nlmsg_len - (int)NLMSG_LENGTH(sizeof(*told));

	if (left < 0 || told->idiag_state == STATE_LISTEN || !told->idiag_inode)
		return 0;
	if (told->id.idiag_sport != htons(connection->local_port) ||
	    told->id.idiag_dport != htons(connection->remote_port))
		return 0;
	found->inode = told->idiag_inode;
	found->user = told->idiag_uid;
	for (const struct rtattr *field = (const void *)(told + 1); RTA_OK(field, left); field = RTA_NEXT(field, left))
		if (field->rta_type == CGROUP_ID && RTA_PAYLOAD(field) == sizeof(found->cgroup))
			memcpy(&found->cgroup, RTA_DATA(field), sizeof(found->cgroup));
	return 1;
}

static int answer(int descriptor, const struct sensor_connection *connection, struct sensor_socket *found)
{
	union {
		struct nlmsghdr head;
		char bytes[4096];
	} message;
	const struct nlmsgerr *told = NLMSG_DATA(&message.head);
	ssize_t length;

	do {
		length = recv(descriptor, &message, sizeof(message), 0);
	} while (length < 0 && errno == EINTR);
	if (length < 0)
		return -1;
	errno = EPROTO;
	if (!NLMSG_OK(&message.head, (size_t)length))
		return -1;
	if (message.head.nlmsg_type == SOCK_DIAG_BY_FAMILY)
		return take(&message.head, connection, found);
	if (message.head.nlmsg_type != NLMSG_ERROR || message.head.nlmsg_len < NLMSG_LENGTH(sizeof(*told)))
		return -1;
	errno = -told->error;
	return errno == ENOENT ? 0 : -1;
}

int sensor_find_socket(const struct sensor_connection *connection, struct sensor_socket *found)
{
	struct timeval patience = { .tv_sec = 1 };
	int descriptor = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	int result, number;

	memset(found, 0, sizeof(*found));
	if (descriptor < 0)
		return -1;
	setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	result = ask(descriptor, connection);
	if (result == 0)
		result = answer(descriptor, connection, found);
	number = errno;
	close(descriptor);
	errno = number;
	return result;
}
