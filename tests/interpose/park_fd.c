/*
 * park_fd.c - threads that read, write, accept and connect do not take their worker with them
 *
 * With one worker each of these would hang if they did: the other side runs on it, too.
 */
#include "park.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pty.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>

#define ROUNDS 300
#define BIG (1 << 20)
#define MANY 1000

/* --- links of all kinds: a to b and b to a ----------------------------------------------------- */

struct link {
	int a_in, a_out, b_in, b_out;
};

static struct link by_pipes(void)
{
	int to[2], from[2];

	CHECK_INT(pipe(to), ==, 0);
	CHECK_INT(pipe(from), ==, 0);
	return (struct link){ from[0], to[1], to[0], from[1] };
}

static struct link by_pair(int domain, int type)
{
	int fds[2];

	CHECK_INT(socketpair(domain, type, 0, fds), ==, 0);
	return (struct link){ fds[0], fds[0], fds[1], fds[1] };
}

static struct link by_local(void)
{
	return by_pair(AF_UNIX, SOCK_STREAM);
}

static struct link by_packets(void)
{
	return by_pair(AF_UNIX, SOCK_SEQPACKET);
}

static struct link by_datagrams(void)
{
	return by_pair(AF_UNIX, SOCK_DGRAM);
}

/* two that do not know each other */
static struct link by_udp(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int a = socket(AF_INET, SOCK_DGRAM, 0), b = socket(AF_INET, SOCK_DGRAM, 0);

	CHECK_INT(bind(a, (struct sockaddr *)&at, sizeof(at)), ==, 0);
	CHECK_INT(bind(b, (struct sockaddr *)&at, sizeof(at)), ==, 0);
	return (struct link){ a, a, b, b };
}

static int tcp_listener(struct sockaddr_in *at)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof(*at);

	CHECK_INT(fd, >=, 0);
	memset(at, 0, sizeof(*at));
	at->sin_family = AF_INET;
	at->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK_INT(bind(fd, (struct sockaddr *)at, sizeof(*at)), ==, 0);
	CHECK_INT(listen(fd, 128), ==, 0);
	CHECK_INT(getsockname(fd, (struct sockaddr *)at, &len), ==, 0);
	return fd;
}

static struct link by_tcp(void)
{
	struct sockaddr_in at;
	int listener = tcp_listener(&at), a = socket(AF_INET, SOCK_STREAM, 0), b;

	CHECK_INT(connect(a, (struct sockaddr *)&at, sizeof(at)), ==, 0);
	b = accept(listener, NULL, NULL);
	CHECK_INT(b, >=, 0);
	close(listener);
	return (struct link){ a, a, b, b };
}

static struct link by_terminal(void)
{
	int master, slave;
	struct termios raw;

	CHECK_INT(openpty(&master, &slave, NULL, NULL, NULL), ==, 0);
	CHECK_INT(tcgetattr(slave, &raw), ==, 0);
	cfmakeraw(&raw);
	CHECK_INT(tcsetattr(slave, TCSANOW, &raw), ==, 0);
	return (struct link){ master, master, slave, slave };
}

static struct link by_events(void)
{
	int to = eventfd(0, 0), from = eventfd(0, 0);

	CHECK_INT(to, >=, 0);
	CHECK_INT(from, >=, 0);
	return (struct link){ from, to, to, from };
}

static const struct kind {
	const char *name;
	struct link (*make)(void);
	bool socket, bytes;
} kinds[] = {
	{ "pipes", by_pipes, false, true },
	{ "a local stream", by_local, true, true },
	{ "local packets", by_packets, true, false },
	{ "tcp", by_tcp, true, true },
	{ "a terminal", by_terminal, false, true },
	{ "eventfd", by_events, false, false },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static void unlink_all(struct link l)
{
	close(l.a_in);
	close(l.b_in);
	if (l.a_out != l.a_in)
		close(l.a_out);
	if (l.b_out != l.b_in)
		close(l.b_out);
}

/* --- back and forth ---------------------------------------------------------------------------- */

enum style { PLAIN, VECTORS, MESSAGES };

struct player {
	int in, out;
	enum style style;
};

static void put8(const struct player *p, uint64_t v)
{
	struct iovec io = { &v, sizeof(v) };

	switch (p->style) {
	case PLAIN:
		CHECK_INT(write(p->out, &v, sizeof(v)), ==, sizeof(v));
		break;
	case VECTORS:
		CHECK_INT(writev(p->out, &io, 1), ==, sizeof(v));
		break;
	case MESSAGES:
		CHECK_INT(send(p->out, &v, sizeof(v), 0), ==, sizeof(v));
	}
}

static uint64_t get8(const struct player *p)
{
	uint64_t v = 0;
	struct iovec io = { &v, sizeof(v) };
	struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1 };

	switch (p->style) {
	case PLAIN:
		CHECK_INT(read(p->in, &v, sizeof(v)), ==, sizeof(v));
		break;
	case VECTORS:
		CHECK_INT(readv(p->in, &io, 1), ==, sizeof(v));
		break;
	case MESSAGES:
		if (v % 2)
			CHECK_INT(recv(p->in, &v, sizeof(v), 0), ==, sizeof(v));
		else
			CHECK_INT(recvmsg(p->in, &m, 0), ==, sizeof(v));
	}
	return v;
}

static void *serves(void *arg)
{
	const struct player *p = arg;

	for (int i = 1; i <= ROUNDS; i++) {
		put8(p, (uint64_t)i);
		CHECK_INT(get8(p), ==, i);
	}
	return NULL;
}

static void *returns(void *arg)
{
	const struct player *p = arg;

	for (int i = 1; i <= ROUNDS; i++)
		put8(p, get8(p));
	return NULL;
}

static void play(const struct kind *k, enum style style)
{
	struct link l = k->make();
	struct player a = { l.a_in, l.a_out, style }, b = { l.b_in, l.b_out, style };
	stint_thread_t *one = thread(serves, &a), *other = thread(returns, &b);

	joined(one);
	joined(other);
	unlink_all(l);
}

static void back_and_forth(void)
{
	for (size_t i = 0; i < KINDS; i++) {
		printf("  %s\n", kinds[i].name);
		play(&kinds[i], PLAIN);
		play(&kinds[i], VECTORS);
		if (kinds[i].socket)
			play(&kinds[i], MESSAGES);
	}
}

/* --- more than fits: a blocking write writes all, and in order ---------------------------------- */

static unsigned char big[BIG], got[BIG];

static void *writes_big(void *arg)
{
	const struct player *p = arg;
	struct iovec io[3] = { { big, 100 }, { big + 100, BIG / 2 }, { big + 100 + BIG / 2, BIG - 100 - BIG / 2 } };

	switch (p->style) {
	case PLAIN:
		CHECK_INT(write(p->out, big, BIG), ==, BIG);
		break;
	case VECTORS:
		CHECK_INT(writev(p->out, io, 3), ==, BIG);
		break;
	case MESSAGES:
		CHECK_INT(send(p->out, big, BIG, 0), ==, BIG);
	}
	return NULL;
}

static void *reads_big(void *arg)
{
	const struct player *p = arg;
	size_t n = 0;

	if (p->style == MESSAGES) {
		CHECK_INT(recv(p->in, got, BIG, MSG_WAITALL), ==, BIG);
		return NULL;
	}
	while (n < BIG) {
		ssize_t r = read(p->in, got + n, n % 7777 + 1 < BIG - n ? n % 7777 + 1 : BIG - n);

		CHECK_INT(r, >, 0);
		n += (size_t)r;
	}
	return NULL;
}

static void big_ones(struct rng *r)
{
	for (size_t i = 0; i < KINDS; i++) {
		if (!kinds[i].bytes)
			continue;
		for (enum style style = PLAIN; style <= (kinds[i].socket ? MESSAGES : VECTORS); style++) {
			struct link l = kinds[i].make();
			struct player a = { l.a_in, l.a_out, style }, b = { l.b_in, l.b_out, style };
			stint_thread_t *one, *other;

			for (size_t at = 0; at < BIG; at++)
				big[at] = (unsigned char)rng_next(r);
			memset(got, 0, BIG);
			one = thread(writes_big, &a);
			other = thread(reads_big, &b);
			joined(one);
			joined(other);
			CHECK(!memcmp(big, got, BIG));
			unlink_all(l);
		}
	}
}

/* --- many ---------------------------------------------------------------------------------------- */

static int many_fds[MANY][2];

static void *reads_one(void *arg)
{
	int *fds = arg;
	char c = 0;

	CHECK_INT(read(fds[0], &c, 1), ==, 1);
	CHECK_INT(write(fds[0], &c, 1), ==, 1);
	return NULL;
}

static void many(void)
{
	static stint_thread_t *t[MANY];
	struct rlimit lim;
	int n = MANY;

	CHECK_INT(getrlimit(RLIMIT_NOFILE, &lim), ==, 0);
	lim.rlim_cur = lim.rlim_max;
	CHECK_INT(setrlimit(RLIMIT_NOFILE, &lim), ==, 0);
	if (lim.rlim_cur < 2 * MANY + 100)
		n = (int)(lim.rlim_cur - 100) / 2;
	for (int i = 0; i < n; i++) {
		CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, many_fds[i]), ==, 0);
		t[i] = thread(reads_one, many_fds[i]);
	}
	settle();
	for (int i = n; i-- > 0;)
		CHECK_INT(write(many_fds[i][1], "x", 1), ==, 1);
	for (int i = 0; i < n; i++) {
		char c;

		CHECK_INT(read(many_fds[i][1], &c, 1), ==, 1);
		joined(t[i]);
		close(many_fds[i][0]);
		close(many_fds[i][1]);
	}
}

/* --- connections ---------------------------------------------------------------------------------- */

struct server {
	int fd;
	struct sockaddr_storage at;
	socklen_t len;
	int clients;
};

static void *echoes(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char buf[64];
	ssize_t n;

	while ((n = recv(fd, buf, sizeof(buf), 0)) > 0)
		CHECK_INT(send(fd, buf, (size_t)n, 0), ==, n);
	CHECK_INT(n, ==, 0);
	close(fd);
	return NULL;
}

static void *accepts(void *arg)
{
	struct server *server = arg;

	for (int i = 0; i < server->clients; i++) {
		struct sockaddr_storage from;
		socklen_t len = sizeof(from);
		int fd = i % 2 ? accept(server->fd, (struct sockaddr *)&from, &len) :
		                 accept4(server->fd, NULL, NULL, SOCK_CLOEXEC);

		CHECK_INT(fd, >=, 0);
		if (i % 2)
			CHECK_INT(from.ss_family, ==, server->at.ss_family);
		else
			CHECK_INT(fcntl(fd, F_GETFD), ==, FD_CLOEXEC);
		CHECK_INT(fcntl(fd, F_GETFL) & O_NONBLOCK, ==, 0);
		CHECK_INT(stint_go(echoes, (void *)(intptr_t)fd), ==, 0);
	}
	return NULL;
}

static void *asks(void *arg)
{
	struct server *server = arg;
	int fd = socket(server->at.ss_family, SOCK_STREAM, 0);
	char buf[64];

	CHECK_INT(connect(fd, (struct sockaddr *)&server->at, server->len), ==, 0);
	CHECK_INT(fcntl(fd, F_GETFL) & O_NONBLOCK, ==, 0);
	for (int i = 0; i < 10; i++) {
		int n = snprintf(buf, sizeof(buf), "request %d", i);

		CHECK_INT(write(fd, buf, (size_t)n), ==, n);
		memset(buf, 0, sizeof(buf));
		CHECK_INT(read(fd, buf, sizeof(buf)), ==, n);
		CHECK_INT(strncmp(buf, "request ", 8), ==, 0);
	}
	close(fd);
	return NULL;
}

static void serve(struct server *server)
{
	stint_thread_t *acceptor, *client[50];

	server->clients = 50;
	acceptor = thread(accepts, server);
	settle();
	for (int i = 0; i < 50; i++)
		client[i] = thread(asks, server);
	for (int i = 0; i < 50; i++)
		joined(client[i]);
	joined(acceptor);
	close(server->fd);
}

/* a socket that was refused may try again, and be let in */
static void *is_refused(void *arg)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr *to = (struct sockaddr *)&at;
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof(at);

	(void)arg;
	CHECK_INT(bind(listener, to, len), ==, 0);
	CHECK_INT(getsockname(listener, to, &len), ==, 0);
	for (int i = 0; i < 3; i++) {
		CHECK_INT(connect(fd, to, len), ==, -1);
		CHECK_INT(errno, ==, ECONNREFUSED);
	}
	CHECK_INT(listen(listener, 1), ==, 0);
	CHECK_INT(connect(fd, to, len), ==, 0);
	CHECK_INT(connect(fd, to, len), ==, -1);
	CHECK_INT(errno, ==, EISCONN);
	close(fd);
	close(listener);
	return NULL;
}

struct attempt {
	int fd;
	struct sockaddr_in at;
};

static void *is_shut_down(void *arg)
{
	struct attempt *a = arg;

	CHECK_INT(connect(a->fd, (struct sockaddr *)&a->at, sizeof(a->at)), ==, -1);
	CHECK_INT(errno, ==, ECONNRESET);
	return NULL;
}

/* one that is not let in is told by a shutdown() to give up; and does not begin another connection */
static void given_up(void)
{
	struct attempt a = { .fd = socket(AF_INET, SOCK_STREAM, 0) };
	int listener = tcp_listener(&a.at), before[8];
	stint_thread_t *t;

	CHECK_INT(listen(listener, 1), ==, 0);
	for (int i = 0; i < 8; i++) {
		before[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		connect(before[i], (struct sockaddr *)&a.at, sizeof(a.at));
	}
	t = thread(is_shut_down, &a);
	settle();
	CHECK_INT(shutdown(a.fd, SHUT_RDWR), ==, 0);
	joined(t);
	for (int i = 0; i < 8; i++)
		close(before[i]);
	close(a.fd);
	close(listener);
}

static void connections(void)
{
	struct server tcp = { .len = sizeof(struct sockaddr_in) }, local = { .len = sizeof(struct sockaddr_un) };
	struct sockaddr_un *at = (struct sockaddr_un *)&local.at;

	tcp.fd = tcp_listener((struct sockaddr_in *)&tcp.at);
	serve(&tcp);
	at->sun_family = AF_UNIX;
	snprintf(at->sun_path + 1, sizeof(at->sun_path) - 1, "stint-park-%d", getpid());
	local.fd = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK_INT(bind(local.fd, (struct sockaddr *)at, sizeof(*at)), ==, 0);
	CHECK_INT(listen(local.fd, 2), ==, 0);          /* so that some have to wait to be let in */
	serve(&local);
	joined(thread(is_refused, NULL));
	given_up();
}

/* --- ends that come with the data, or in place of it ---------------------------------------------- */

static void *reads_to_the_end(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char buf[100];
	long n = 0;
	ssize_t r;

	while ((r = read(fd, buf, sizeof(buf))) > 0)
		n += r;
	CHECK_INT(r, ==, 0);
	return (void *)n;
}

static void ends(void)
{
	for (int i = 0; i < 12; i++) {
		struct link l = i % 2 ? by_tcp() : by_pipes();
		stint_thread_t *t = thread(reads_to_the_end, (void *)(intptr_t)l.b_in);

		settle();
		CHECK_INT(write(l.a_out, "0123456789", 10), ==, 10);
		if (i % 4 < 2)
			sleep_ns(1000000);
		close(l.a_out);                 /* with the data, or a little later */
		CHECK_INT((long)joined(t), ==, 10);
		close(l.b_in);
		if (!(i % 2)) {
			close(l.a_in);
			close(l.b_out);
		}
	}
}

/* the writing end alone is for packets, because the other is no more or since it was made so while somebody waits at the other */
static void write_packets(int how)
{
	struct link l = by_pipes();
	stint_thread_t *t;
	int left;

	if (how < 2) {
		close(l.b_in);
		close(l.a_out);
		CHECK_INT(how ? pipe2(go, O_DIRECT) : (int)syscall(SYS_pipe2, go, O_DIRECT), ==, 0);
		l.b_in = go[0];
		l.a_out = go[1];
		CHECK_INT(fcntl(l.b_in, F_SETFL, 0), ==, 0);
	}
	t = thread(reads_to_the_end, (void *)(intptr_t)l.b_in);
	settle();
	if (how == 2)
		CHECK_INT(fcntl(l.a_out, F_SETFL, O_DIRECT), ==, 0);
	else if (how == 3)
		CHECK_INT((int)syscall(SYS_fcntl, l.a_out, F_SETFL, O_DIRECT), ==, 0);
	for (int i = 0; i < 3; i++) {
		CHECK_INT(write(l.a_out, "abc", 3), ==, 3);
		CHECK_INT(write(l.a_out, "defg", 4), ==, 4);
		settle();
	}
	do {                                    /* it takes all, not only when the end comes */
		sleep_ns(100000);
		CHECK_INT(ioctl(l.b_in, FIONREAD, &left), ==, 0);
	} while (left);
	close(l.a_out);
	CHECK_INT((long)joined(t), ==, 21);
	close(l.a_in);
	close(l.b_in);
	close(l.b_out);
}

/* a read that gives one packet leaves the next one there; each in a process that has not had any before */
static void packet_pipes(void)
{
	for (int how = 0; how < 4; how++) {
		pid_t child = fork();
		int status;

		if (!child) {
			park_start(1);
			write_packets(how);
			exit(0);
		}
		CHECK_INT(waitpid(child, &status, 0), ==, child);
		CHECK_INT(status, ==, 0);
	}
}

/* urgent data stops a read in front of it, with more behind */
static void urgent(void)
{
	struct link l = by_tcp();
	stint_thread_t *t = thread(reads_to_the_end, (void *)(intptr_t)l.b_in);

	for (int i = 0; i < 20; i++) {
		CHECK_INT(send(l.a_out, "abc", 3, 0), ==, 3);
		CHECK_INT(send(l.a_out, "!", 1, MSG_OOB), ==, 1);
		CHECK_INT(send(l.a_out, "def", 3, 0), ==, 3);
		if (i % 2)
			sleep_ns(1000000);
	}
	close(l.a_out);
	CHECK_INT((long)joined(t), >=, 120);     /* an urgent byte that another overtakes is an ordinary one */
	close(l.b_in);
}

enum { BY_READ, BY_RECVFROM, BY_RECVMSG, BY_RECVMMSG, WAYS_TO_READ };

struct reader {
	int fd, way;
};

static void *reads_until_shut(void *arg)
{
	const struct reader *reader = arg;
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	char c;
	struct iovec io = { &c, 1 };
	struct mmsghdr m = { .msg_hdr = { .msg_iov = &io, .msg_iovlen = 1 } };

	switch (reader->way) {
	case BY_READ:
		CHECK_INT(read(reader->fd, &c, 1), ==, 0);
		break;
	case BY_RECVFROM:
		CHECK_INT(recvfrom(reader->fd, &c, 1, 0, (struct sockaddr *)&from, &len), ==, 0);
		break;
	case BY_RECVMSG:
		CHECK_INT(recvmsg(reader->fd, &m.msg_hdr, 0), ==, 0);
		break;
	default:
		CHECK_INT(recvmmsg(reader->fd, &m, 1, 0, NULL), ==, 1);
		CHECK_INT(m.msg_len, ==, 0);
	}
	return NULL;
}

/* while it waits, and the next one afterwards, at once */
static void shut_down(void)
{
	static struct link (*const all[])(void) = { by_tcp, by_local, by_packets, by_datagrams, by_udp };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		for (int way = 0; way < WAYS_TO_READ; way++) {
			struct link l = all[i]();
			struct reader reader = { l.b_in, way };
			stint_thread_t *t = thread(reads_until_shut, &reader);

			settle();
			shutdown(l.b_in, SHUT_RD);      /* one that has no peer says so, and is shut down all the same */
			joined(t);
			joined(thread(reads_until_shut, &reader));
			unlink_all(l);
		}
	}
}

/* --- modes --------------------------------------------------------------------------------------- */

static void *finds_nothing(void *arg)
{
	struct link *l = arg;
	struct timeval span = { 0, 30000 };
	char c;
	int64_t before;
	int on = 1, off = 0;

	CHECK_INT(fcntl(l->b_in, F_SETFL, O_NONBLOCK), ==, 0);
	for (int i = 0; i < 3; i++) {
		CHECK_INT(read(l->b_in, &c, 1), ==, -1);
		CHECK_INT(errno, ==, EAGAIN);
	}
	CHECK_INT(fcntl(l->b_in, F_SETFL, 0), ==, 0);
	CHECK_INT(ioctl(l->b_in, FIONBIO, &on), ==, 0);
	CHECK_INT(recv(l->b_in, &c, 1, 0), ==, -1);
	CHECK_INT(errno, ==, EAGAIN);
	CHECK_INT(ioctl(l->b_in, FIONBIO, &off), ==, 0);
	CHECK_INT(recv(l->b_in, &c, 1, MSG_DONTWAIT), ==, -1);
	CHECK_INT(errno, ==, EAGAIN);
	for (int i = 0; i < 2; i++) {
		CHECK_INT(setsockopt(l->b_in, SOL_SOCKET, SO_RCVTIMEO, &span, sizeof(span)), ==, 0);
		before = now_ns();
		CHECK_INT(read(l->b_in, &c, 1), ==, -1);
		CHECK_INT(errno, ==, EAGAIN);
		CHECK_INT(now_ns() - before, >=, span.tv_usec * 1000);
		span.tv_usec += 20000;          /* what was remembered is old */
	}
	CHECK_INT(setsockopt(l->b_out, SOL_SOCKET, SO_SNDTIMEO, &span, sizeof(span)), ==, 0);
	before = now_ns();
	CHECK_INT(write(l->b_out, big, BIG), <, BIG);   /* a part, before the time was over */
	CHECK_INT(now_ns() - before, >=, span.tv_usec * 1000);
	CHECK_INT(write(l->b_out, big, 1000), ==, -1);
	CHECK_INT(errno, ==, EAGAIN);
	return NULL;
}

static void modes(void)
{
	struct link l = by_local();

	joined(thread(finds_nothing, &l));
	unlink_all(l);
}

/* for so many bytes a read waits, unless it asks for fewer or no more come */
static void *reads_no_less(void *arg)
{
	const struct reader *reader = arg;
	char c[20];

	about_to_wait();
	if (reader->way == BY_READ)
		CHECK_INT(read(reader->fd, c, sizeof(c)), ==, 9);
	else
		CHECK_INT(recv(reader->fd, c, sizeof(c), 0), ==, 9);
	waited();
	CHECK_INT(memcmp(c, "abcdefghi", 9), ==, 0);
	CHECK_INT(write(go[1], "m", 1), ==, 1);
	CHECK_INT(recv(reader->fd, c, 2, 0), ==, 2);
	CHECK_INT(read(reader->fd, c, 1), ==, 1);
	CHECK_INT(recv(reader->fd, c, sizeof(c), 0), ==, 2);
	CHECK_INT(recv(reader->fd, c, sizeof(c), 0), ==, 0);
	return NULL;
}

static void *writes_rest(void *arg)
{
	int fd = *(int *)arg;
	char c;

	after_it_waits();
	CHECK_INT(write(fd, "defghi", 6), ==, 6);
	CHECK_INT(read(go[0], &c, 1), ==, 1);
	CHECK_INT(write(fd, "jklmn", 5), ==, 5);
	CHECK_INT(shutdown(fd, SHUT_WR), ==, 0);
	return NULL;
}

static void at_least(void)
{
	for (int i = 0; i < 4; i++) {
		struct link l = i % 2 ? by_tcp() : by_local();
		struct reader reader = { l.b_in, i / 2 };
		int least = 6;

		CHECK_INT(setsockopt(l.b_in, SOL_SOCKET, SO_RCVLOWAT, &least, sizeof(least)), ==, 0);
		CHECK_INT(write(l.a_out, "abc", 3), ==, 3);
		together(reads_no_less, writes_rest, &reader, &l.a_out);
		unlink_all(l);
	}
}

static void set_waits(int fd, int least, int tenths)
{
	struct termios t;

	CHECK_INT(tcgetattr(fd, &t), ==, 0);
	t.c_cc[VMIN] = (cc_t)least;
	t.c_cc[VTIME] = (cc_t)tenths;
	CHECK_INT(tcsetattr(fd, TCSANOW, &t), ==, 0);
}

static void *polls_keyboard(void *arg)
{
	struct link *l = arg;
	FILE *f = fdopen(dup(l->b_in), "r");
	char c[8];

	set_waits(l->b_in, 0, 0);
	CHECK_INT(read(l->b_in, c, 8), ==, 0);
	CHECK_INT(fgetc(f), ==, EOF);
	CHECK(feof(f));
	CHECK_INT(write(l->a_out, "key", 3), ==, 3);
	while (poll(&(struct pollfd){ l->b_in, POLLIN, 0 }, 1, -1) != 1)
		continue;
	CHECK_INT(read(l->b_in, c, 8), ==, 3);
	CHECK_INT(read(l->b_in, c, 8), ==, 0);
	CHECK_INT(fcntl(l->b_in, F_SETFL, O_NONBLOCK), ==, 0);
	CHECK_INT(read(l->b_in, c, 8), ==, 0);
	set_waits(l->b_in, 0, 1);
	CHECK_INT(read(l->b_in, c, 8), ==, -1);
	CHECK_INT(errno, ==, EAGAIN);
	CHECK_INT(fcntl(l->b_in, F_SETFL, 0), ==, 0);
	fclose(f);
	return NULL;
}

static void *waits_for_key(void *arg)
{
	struct link *l = arg;
	int64_t before = now_ns();
	char c[8];

	set_waits(l->b_in, 0, 1);
	CHECK_INT(read(l->b_in, c, 8), ==, 0);
	CHECK_INT(now_ns() - before, >=, 100000000);
	set_waits(l->b_in, 0, 255);
	about_to_wait();
	CHECK_INT(read(l->b_in, c, 8), ==, 1);
	waited();
	set_waits(l->b_in, 1, 0);
	about_to_wait();
	CHECK_INT(read(l->b_in, c, 8), ==, 1);
	waited();
	return NULL;
}

static void *presses_keys(void *arg)
{
	struct link *l = arg;

	for (int i = 0; i < 2; i++) {
		after_it_waits();
		CHECK_INT(write(l->a_out, "k", 1), ==, 1);
	}
	return NULL;
}

/* terminals of which a read waits for nothing, or for so long */
static void keyboards(void)
{
	struct link l = by_terminal();

	joined(thread(polls_keyboard, &l));
	together(waits_for_key, presses_keys, &l, &l);
	unlink_all(l);
}

/* --- descriptors that go away under who waits for them ------------------------------------------- */

static void *finds_it_closed(void *arg)
{
	char c;

	CHECK_INT(read((int)(intptr_t)arg, &c, 1), ==, -1);
	CHECK_INT(errno, ==, EBADF);
	return NULL;
}

static void *finds_another(void *arg)
{
	char c = 0;

	CHECK_INT(read((int)(intptr_t)arg, &c, 1), ==, 1);
	CHECK_INT(c, ==, 'n');
	return NULL;
}

static void gone(void)
{
	for (int how = 0; how < 4; how++) {
		struct link l = how % 2 ? by_pipes() : by_tcp(), next = by_pipes();
		stint_thread_t *t = thread(how == 3 ? finds_another : finds_it_closed, (void *)(intptr_t)l.b_in);

		settle();
		if (how == 0)
			close(l.b_in);
		else if (how == 1)
			CHECK_INT(close_range((unsigned)l.b_in, (unsigned)l.b_in, 0), ==, 0);
		else if (how == 2)
			CHECK_INT(fclose(fdopen(l.b_in, "r")), ==, 0);
		else
			CHECK_INT(dup2(next.b_in, l.b_in), ==, l.b_in);
		CHECK_INT(write(next.a_out, "n", 1), ==, 1);
		joined(t);
		unlink_all(next);
		close(l.a_in);
		close(l.a_out);
		close(l.b_out);
		close(l.b_in);
	}
}

/* the number is used again at once, for another kind, by one who waits for that */
static void reused(void)
{
	for (int i = 0; i < 50; i++) {
		struct link l = i % 3 == 0 ? by_tcp() : i % 3 == 1 ? by_pipes() : by_events();
		uint64_t v = 1;
		stint_thread_t *t = thread(i % 3 == 2 ? reads_to_the_end : finds_another, (void *)(intptr_t)l.b_in);

		if (i % 2)
			sleep_ns(500000);
		if (i % 3 == 2) {
			CHECK_INT(stint_thread_cancel(t), ==, 0);
			joined(t);
			CHECK_INT(write(l.a_out, &v, sizeof(v)), ==, sizeof(v));
		} else {
			CHECK_INT(write(l.a_out, "n", 1), ==, 1);
			joined(t);
		}
		unlink_all(l);
	}
}

/* --- being stopped -------------------------------------------------------------------------------- */

static void *reads_byte(void *arg)
{
	char c = 0;

	CHECK_INT(read((int)(intptr_t)arg, &c, 1), ==, 1);
	return (void *)(intptr_t)c;
}

static void *calls_one_that_reads(void *arg)
{
	struct link *l = arg;
	stint_t *call;

	for (int i = 0; i < 3; i++) {
		int64_t before = now_ns();

		call = stint_launch(reads_byte, (void *)(intptr_t)l->b_in, STINT_MS(10));
		CHECK(call);
		CHECK_INT(stint_state(call), ==, STINT_TIMED_OUT);
		CHECK_INT(now_ns() - before, >=, 10000000);
		CHECK_INT(stint_resume(call, STINT_MS(5)), ==, ETIMEDOUT);
		CHECK_INT(write(l->a_out, "r", 1), ==, 1);
		CHECK_INT(stint_resume(call, STINT_S(100)), ==, 0);
		CHECK_INT((intptr_t)stint_result(call), ==, 'r');
		stint_free(call);
		call = stint_launch(reads_byte, (void *)(intptr_t)l->b_in, STINT_MS(1));
		CHECK_INT(stint_state(call), ==, STINT_TIMED_OUT);
		CHECK_INT(stint_cancel(call), ==, 0);
		stint_free(call);
	}
	return NULL;
}

static void stopped(void)
{
	for (size_t i = 0; i < KINDS; i++) {
		struct link l = kinds[i].make();

		if (kinds[i].bytes)
			joined(thread(calls_one_that_reads, &l));
		unlink_all(l);
	}
}

static void ran(void *arg)
{
	++*(int *)arg;
}

struct victim {
	int fd, other;
	int begun, cleanups;
	void (*waits)(struct victim *v);
};

static void in_read(struct victim *v)
{
	char c[8];

	(void)!read(v->fd, c, sizeof(c));
}

static void in_recvmsg(struct victim *v)
{
	struct msghdr m = { .msg_iov = NULL };

	recvmsg(v->fd, &m, 0);
}

static void in_write(struct victim *v)
{
	for (;;)
		(void)!write(v->fd, big, BIG);
}

static void in_accept(struct victim *v)
{
	struct sockaddr_in at;

	accept(tcp_listener(&at), NULL, NULL);
	(void)v;
}

static void in_poll(struct victim *v)
{
	struct pollfd p[20];

	for (int i = 0; i < 20; i++)
		p[i] = (struct pollfd){ v->fd, POLLIN, 0 };
	poll(p, 20, -1);
}

static void in_select(struct victim *v)
{
	fd_set in;

	FD_ZERO(&in);
	FD_SET(v->fd, &in);
	select(v->fd + 1, &in, NULL, NULL, NULL);
}

static void in_epoll(struct victim *v)
{
	struct epoll_event e = { .events = EPOLLIN };
	int set = epoll_create1(0);

	CHECK_INT(epoll_ctl(set, EPOLL_CTL_ADD, v->fd, &e), ==, 0);
	epoll_wait(set, &e, 1, -1);
}

static void *is_cancelled(void *arg)
{
	struct victim *v = arg;

	stint_defer(ran, &v->cleanups);
	__atomic_store_n(&v->begun, 1, __ATOMIC_RELEASE);
	v->waits(v);
	test_fail(__FILE__, __LINE__, "it went on");
}

static void cancelled(void)
{
	static void (*const all[])(struct victim *) = {
		in_read, in_recvmsg, in_write, in_accept, in_poll, in_select, in_epoll
	};
	struct link l = by_local();
	int fds = count_fds();

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct victim v = { l.a_in, l.b_in, 0, 0, all[i] };
		stint_thread_t *t = thread(is_cancelled, &v);

		while (!__atomic_load_n(&v.begun, __ATOMIC_ACQUIRE))
			sleep_ns(50000);
		if (i % 2)
			settle();
		CHECK_INT(stint_thread_cancel(t), ==, 0);
		CHECK(joined(t) == NULL);
		CHECK_INT(v.cleanups, ==, 1);
	}
	CHECK_INT(count_fds(), ==, fds);        /* also those that they had opened */
	unlink_all(l);
}

/* --- messages ------------------------------------------------------------------------------------- */

static void *sends_descriptor(void *arg)
{
	struct link *l = arg;
	char room[CMSG_SPACE(sizeof(int))], c = 'd';
	struct iovec io = { &c, 1 };
	struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room) };
	struct cmsghdr *head = CMSG_FIRSTHDR(&m);
	int fd = eventfd(7, 0);

	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(head), &fd, sizeof(fd));
	CHECK_INT(sendmsg(l->a_out, &m, 0), ==, 1);
	close(fd);
	return NULL;
}

static void *gets_descriptor(void *arg)
{
	struct link *l = arg;
	char room[CMSG_SPACE(sizeof(int))], c = 0;
	struct iovec io = { &c, 1 };
	struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room) };
	uint64_t v = 0;
	int fd;

	CHECK_INT(recvmsg(l->b_in, &m, 0), ==, 1);
	CHECK_INT(c, ==, 'd');
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
	CHECK_INT(read(fd, &v, sizeof(v)), ==, sizeof(v));
	CHECK_INT(v, ==, 7);
	return NULL;                    /* its end closes nothing: that is for a cancel */
}

static void *gets_datagrams(void *arg)
{
	struct link *l = arg;
	struct mmsghdr m[4];
	struct iovec io[4];
	char buf[4][16];

	memset(m, 0, sizeof(m));
	for (int i = 0; i < 4; i++) {
		io[i] = (struct iovec){ buf[i], sizeof(buf[i]) };
		m[i].msg_hdr.msg_iov = &io[i];
		m[i].msg_hdr.msg_iovlen = 1;
	}
	CHECK_INT(recvmmsg(l->b_in, m, 4, 0, NULL), ==, 4);
	for (int i = 0; i < 4; i++) {
		CHECK_INT(m[i].msg_len, ==, i + 1);
		CHECK_INT(buf[i][0], ==, 'a' + i);
	}
	return NULL;
}

static void *sends_datagrams(void *arg)
{
	struct link *l = arg;
	char text[4][4] = { "a", "bb", "ccc", "dddd" };

	for (int i = 0; i < 4; i++) {
		CHECK_INT(send(l->a_out, text[i], (size_t)i + 1, 0), ==, i + 1);
		stint_thread_yield();
	}
	return NULL;
}

/* local datagrams: the other side takes only so many, and poll() does not tell when it takes more */
static void *floods(void *arg)
{
	struct link *l = arg;

	for (int i = 0; i < 200; i++)
		CHECK_INT(send(l->a_out, &i, sizeof(i), 0), ==, sizeof(i));
	return NULL;
}

static void *drains(void *arg)
{
	struct link *l = arg;
	int v;

	for (int i = 0; i < 200; i++) {
		CHECK_INT(recv(l->b_in, &v, sizeof(v), 0), ==, sizeof(v));
		CHECK_INT(v, ==, i);
	}
	return NULL;
}

static void two(stint_fn *a, stint_fn *b, struct link l)
{
	stint_thread_t *one = thread(a, &l), *other = thread(b, &l);

	joined(one);
	joined(other);
	unlink_all(l);
}

static void messages(void)
{
	two(gets_descriptor, sends_descriptor, by_local());
	two(gets_datagrams, sends_datagrams, by_pair(AF_UNIX, SOCK_DGRAM));
	two(floods, drains, by_pair(AF_UNIX, SOCK_DGRAM));
}

/* --- poll and its kin ----------------------------------------------------------------------------- */

static void *polls(void *arg)
{
	struct link *l = arg;
	struct timespec span = { 0, 20000000 };
	struct timeval tv;
	struct pollfd p[2] = { { l->b_in, POLLIN, 0 }, { -1, POLLIN, 0 } };
	struct epoll_event e = { .events = EPOLLIN, .data.u32 = 42 };
	int set = epoll_create1(0), n;
	fd_set in, out;
	int64_t before;
	char c;

	/* nothing comes: not before the time is over */
	before = now_ns();
	CHECK_INT(poll(p, 2, 20), ==, 0);
	CHECK_INT(now_ns() - before, >=, 20000000);
	before = now_ns();
	CHECK_INT(ppoll(p, 2, &span, NULL), ==, 0);
	CHECK_INT(now_ns() - before, >=, 20000000);
	CHECK_INT(epoll_ctl(set, EPOLL_CTL_ADD, l->b_in, &e), ==, 0);
	before = now_ns();
	CHECK_INT(epoll_wait(set, &e, 1, 20), ==, 0);
	CHECK_INT(now_ns() - before, >=, 20000000);
	FD_ZERO(&in);
	FD_SET(l->b_in, &in);
	tv = (struct timeval){ 0, 20000 };
	before = now_ns();
	CHECK_INT(select(l->b_in + 1, &in, NULL, NULL, &tv), ==, 0);
	CHECK_INT(now_ns() - before, >=, 20000000);
	CHECK(!FD_ISSET(l->b_in, &in));
	CHECK_INT(tv.tv_sec + tv.tv_usec, ==, 0);
	before = now_ns();
	CHECK_INT(poll(NULL, 0, 20), ==, 0);
	CHECK_INT(now_ns() - before, >=, 20000000);
	/* what is there is told, of whatever kind */
	FD_ZERO(&out);
	FD_SET(l->b_out, &out);
	CHECK_INT(select(l->b_out + 1, NULL, &out, NULL, NULL), ==, 1);
	p[0].events = POLLIN | POLLOUT;
	CHECK_INT(poll(p, 2, -1), ==, l->b_in == l->b_out);
	p[0].events = POLLIN;
	/* and what comes ends the wait */
	for (int i = 0; i < 30; i++) {
		CHECK_INT(write(l->b_out, "g", 1), ==, 1);
		switch (i % 3) {
		case 0:
			CHECK_INT(poll(p, 2, i % 2 ? -1 : 100000), ==, 1);
			CHECK_INT(p[0].revents, ==, POLLIN);
			break;
		case 1:
			FD_ZERO(&in);
			FD_SET(l->b_in, &in);
			tv = (struct timeval){ 100, 0 };
			CHECK_INT(select(l->b_in + 1, &in, NULL, NULL, i % 2 ? NULL : &tv), ==, 1);
			CHECK(FD_ISSET(l->b_in, &in));
			break;
		default:
			n = epoll_wait(set, &e, 1, i % 2 ? -1 : 100000);
			CHECK_INT(n, ==, 1);
			CHECK_INT(e.data.u32, ==, 42);
		}
		CHECK_INT(read(l->b_in, &c, 1), ==, 1);
	}
	CHECK_INT(poll(&(struct pollfd){ 12345, POLLIN, 0 }, 1, -1), ==, 1);
	close(set);
	return NULL;
}

static void *answers(void *arg)
{
	struct link *l = arg;
	char c;

	for (int i = 0; i < 30; i++) {
		CHECK_INT(read(l->a_in, &c, 1), ==, 1);
		if (i % 2)
			stint_thread_sleep(STINT_MS(1));
		CHECK_INT(write(l->a_out, "a", 1), ==, 1);
	}
	return NULL;
}

static void sets(void)
{
	two(polls, answers, by_local());
	two(polls, answers, by_tcp());
}

static void *polls_all(void *arg)
{
	struct pollfd p[100];
	int left = 100;

	(void)arg;
	for (int i = 0; i < 100; i++)
		p[i] = (struct pollfd){ many_fds[i][0], POLLIN, 0 };
	while (left) {
		int n = poll(p, 100, -1);

		CHECK_INT(n, >, 0);
		for (int i = 0; i < 100; i++) {
			if (!p[i].revents)
				continue;
			n--;
			left--;
			p[i].fd = -1 - p[i].fd;
			p[i].revents = 0;
		}
		CHECK_INT(n, ==, 0);
	}
	return NULL;
}

static void one_of_many(struct rng *r)
{
	stint_thread_t *t;

	for (int i = 0; i < 100; i++)
		CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, many_fds[i]), ==, 0);
	t = thread(polls_all, NULL);
	for (int i = 0; i < 100; i++) {
		int at = i * 37 % 100;

		CHECK_INT(write(many_fds[at][1], "x", 1), ==, 1);
		if (!rng_below(r, 4))
			sleep_ns(300000);
	}
	joined(t);
	for (int i = 0; i < 100; i++) {
		close(many_fds[i][0]);
		close(many_fds[i][1]);
	}
}

/* --- other kinds ----------------------------------------------------------------------------------- */

static void *uses_files(void *arg)
{
	FILE *f = tmpfile();
	int fd, null = open("/dev/null", O_RDWR), timer = timerfd_create(CLOCK_MONOTONIC, 0);
	struct itimerspec when = { .it_value = { 0, 10000000 } };
	uint64_t v = 0;
	char buf[16];
	int64_t before;
	struct link *l = arg;
	off_t at = 0;

	CHECK(f);
	fd = fileno(f);
	CHECK_INT(write(fd, "0123456789", 10), ==, 10);
	CHECK_INT(lseek(fd, 2, SEEK_SET), ==, 2);
	CHECK_INT(read(fd, buf, sizeof(buf)), ==, 8);
	CHECK_INT(memcmp(buf, "23456789", 8), ==, 0);
	CHECK_INT(read(fd, buf, sizeof(buf)), ==, 0);
	CHECK_INT(sendfile(l->b_out, fd, &at, 10), ==, 10);
	CHECK_INT(at, ==, 10);
	fclose(f);
	CHECK_INT(write(null, big, BIG), ==, BIG);
	CHECK_INT(read(null, buf, 1), ==, 0);
	close(null);
	before = now_ns();
	CHECK_INT(timerfd_settime(timer, 0, &when, NULL), ==, 0);
	CHECK_INT(read(timer, &v, sizeof(v)), ==, sizeof(v));
	CHECK_INT(v, ==, 1);
	CHECK_INT(now_ns() - before, >=, 10000000);
	close(timer);
	CHECK_INT(read(timer, &v, sizeof(v)), ==, -1);
	CHECK_INT(errno, ==, EBADF);
	CHECK_INT(write(-1, &v, sizeof(v)), ==, -1);
	CHECK_INT(errno, ==, EBADF);
	CHECK_INT(recv(0x7fffffff, &v, sizeof(v), 0), ==, -1);
	CHECK_INT(errno, ==, EBADF);
	return NULL;
}

static void others(void)
{
	struct link l = by_local();
	char buf[16];

	joined(thread(uses_files, &l));
	CHECK_INT(read(l.a_in, buf, sizeof(buf)), ==, 10);
	unlink_all(l);
}

static void *writes_late(void *arg)
{
	int fd = open(arg, O_WRONLY);

	sleep_ns(1000000);
	CHECK_INT(write(fd, "l", 1), ==, 1);
	close(fd);
	return NULL;
}

/* a FIFO is at its end before anybody has opened it for writing, and after the last has closed it */
static void *reads_fifo(void *arg)
{
	int fd = open(arg, O_RDONLY | O_NONBLOCK), out[2], other;
	char c;

	CHECK_INT(pipe(out), ==, 0);
	CHECK_INT(read(fd, &c, 1), ==, 0);
	CHECK_INT(fcntl(fd, F_SETFL, 0), ==, 0);
	CHECK_INT(read(fd, &c, 1), ==, 0);
	CHECK_INT(splice(fd, NULL, out[1], NULL, 1, 0), ==, 0);
	other = open(arg, O_WRONLY);
	CHECK_INT(fcntl(fd, F_SETFL, O_NONBLOCK), ==, 0);
	CHECK_INT(read(fd, &c, 1), ==, -1);
	CHECK_INT(errno, ==, EAGAIN);
	CHECK_INT(fcntl(fd, F_SETFL, 0), ==, 0);
	CHECK_INT(write(other, "f", 1), ==, 1);
	close(other);
	CHECK_INT(stint_go(writes_late, arg), ==, 0);
	CHECK_INT(read(fd, &c, 1), ==, 1);
	CHECK_INT(c, ==, 'f');
	while (!read(fd, &c, 1))                /* until it has been opened again */
		sleep_ns(100000);
	CHECK_INT(c, ==, 'l');
	CHECK_INT(read(fd, &c, 1), ==, 0);
	close(fd);
	close(out[0]);
	close(out[1]);
	return NULL;
}

static void *writes_both_ways(void *arg)
{
	int fd = open(arg, O_RDWR);
	char c;

	CHECK_INT(write(fd, "w", 1), ==, 1);
	CHECK_INT(read(fd, &c, 1), ==, 1);
	CHECK_INT(c, ==, 'w');
	close(fd);
	return NULL;
}

/* system calls that write, of all threads; -1: not counted here */
static long writes_so_far(void)
{
	FILE *f = fopen("/proc/self/io", "r");
	char line[64];
	long n = -1;

	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "syscw: %ld", &n);
	if (f)
		fclose(f);
	return n;
}

/* what the kernel cannot do with a FIFO it is still asked to do with a pipe: to take as much as there is room for, at once */
static void pipes_after_fifo(void)
{
	struct link l = by_pipes();
	struct player p = { l.b_in, l.a_out, PLAIN };
	long before;

	if (fcntl(l.a_out, F_SETPIPE_SZ, BIG) == BIG) {
		before = writes_so_far();
		joined(thread(writes_big, &p));
		CHECK_INT(writes_so_far() - before, <, BIG / 4096 / 2);
	}
	unlink_all(l);
}

static void fifos(void)
{
	char directory[] = "/tmp/stint-park-XXXXXX", path[64];

	CHECK(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/fifo", directory);
	CHECK_INT(mkfifo(path, 0600), ==, 0);
	joined(thread(reads_fifo, path));
	joined(thread(writes_both_ways, path));
	pipes_after_fifo();
	unlink(path);
	rmdir(directory);
}

int main(void)
{
	struct rng r;

	test_watchdog();
	rng_seed(&r, test_seed());
	packet_pipes();
	for (size_t i = 0; i < sizeof(park_workers) / sizeof(park_workers[0]); i++) {
		printf("%u workers\n", park_workers[i]);
		park_start(park_workers[i]);
		back_and_forth();
		puts("big");
		big_ones(&r);
		puts("many");
		many();
		puts("connections");
		connections();
		puts("ends");
		ends();
		urgent();
		shut_down();
		puts("modes");
		modes();
		at_least();
		keyboards();
		puts("gone");
		gone();
		reused();
		puts("stopped");
		stopped();
		cancelled();
		puts("messages");
		messages();
		puts("sets");
		sets();
		one_of_many(&r);
		puts("others");
		others();
		fifos();
		while (stint_stop())            /* those that were let go */
			sleep_ns(1000000);
	}
	return 0;
}
