/*
 * relieved.c - what waits in the C library, where no thread can be parked, takes its worker with it; but the others go on
 *
 * There is one worker, and who ends the wait is a thread behind the one that waits: without a relief it would never come to that.
 */
#include "park.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <resolv.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define ROUNDS 20               /* as many may miss it: who ends the wait was there before it began */

static int fds[2];
static int over;                /* the wait is */

/* --- who opens a FIFO, for the other end ----------------------------------------------------------- */

static char directory[] = "/tmp/stint-relieved-XXXXXX", fifo[sizeof(directory) + 5];

static void begin_fifo(void)
{
	strcpy(directory + sizeof(directory) - 7, "XXXXXX");
	CHECK(mkdtemp(directory));
	snprintf(fifo, sizeof(fifo), "%s/fifo", directory);
	CHECK_INT(mkfifo(fifo, 0600), ==, 0);
}

static void opens_fifo(void)
{
	FILE *f = fopen(fifo, "r");

	CHECK(f);
	CHECK_INT(fclose(f), ==, 0);
}

static void opens_other_end(void)
{
	int fd = open(fifo, O_WRONLY);

	CHECK_INT(fd, >=, 0);
	close(fd);
}

static void end_fifo(void)
{
	CHECK_INT(unlink(fifo), ==, 0);
	CHECK_INT(rmdir(directory), ==, 0);
}

/* --- a stream of the program's own making, for its functions --------------------------------------- */

static FILE *stream;

static ssize_t read_cookie(void *cookie, char *buf, size_t n)
{
	(void)cookie;
	return read(fds[0], buf, n);
}

static void begin_cookie(void)
{
	const cookie_io_functions_t io = { .read = read_cookie };

	CHECK_INT(pipe(fds), ==, 0);
	stream = fopencookie(NULL, "r", io);
	CHECK(stream);
}

static void reads_cookie(void)
{
	char line[64];

	CHECK(fgets(line, sizeof(line), stream));
	CHECK_STR(line, "line\n");
}

static void writes_line(void)
{
	CHECK_INT(write(fds[1], "line\n", 5), ==, 5);
}

static void end_stream(void)
{
	CHECK_INT(fclose(stream), ==, 0);
	close(fds[0]);
	close(fds[1]);
}

/* --- all streams, one of which has no room --------------------------------------------------------- */

static void begin_flush(void)
{
	char c = 'x';

	CHECK_INT(pipe2(fds, O_NONBLOCK), ==, 0);
	while (write(fds[1], &c, 1) == 1)
		;
	CHECK_INT(errno, ==, EAGAIN);
	CHECK_INT(fcntl(fds[0], F_SETFL, 0), ==, 0);
	CHECK_INT(fcntl(fds[1], F_SETFL, 0), ==, 0);
	stream = fdopen(dup(fds[1]), "w");
	CHECK(stream);
	CHECK_INT(fputs("last", stream), >=, 0);
}

static void flushes_all(void)
{
	CHECK_INT(fflush(NULL), ==, 0);
}

static void reads_all(void)
{
	char got[4096];
	ssize_t r;

	do {
		r = read(fds[0], got, sizeof(got));
		CHECK_INT(r, >, 0);
	} while (got[r - 1] != 't');
}

/* --- the resolver, for a server -------------------------------------------------------------------- */

static struct sockaddr_in server;
static bool asked;

static void begin_lookup(void)
{
	socklen_t len = sizeof(server);

	fds[0] = socket(AF_INET, SOCK_DGRAM, 0);
	server = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	CHECK_INT(bind(fds[0], (struct sockaddr *)&server, len), ==, 0);
	CHECK_INT(getsockname(fds[0], (struct sockaddr *)&server, &len), ==, 0);
	asked = false;
}

/* a thread's settings are its own */
static void looks_up(void)
{
	const struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM };
	struct addrinfo *list;

	CHECK_INT(res_init(), ==, 0);
	_res.nscount = 1;
	_res.nsaddr_list[0] = server;
	_res.retrans = 100;             /* seconds */
	CHECK_INT(getaddrinfo("stint.invalid.", NULL, &hints, &list), ==, EAI_NONAME);
}

/* that there is no such name; where the program's machine asks no server at all, the wait is over by itself */
static void answers(void)
{
	struct pollfd p = { .fd = fds[0], .events = POLLIN };
	struct sockaddr_in who;
	socklen_t len = sizeof(who);
	unsigned char message[512];
	ssize_t n;

	while (poll(&p, 1, 1) == 0)
		if (__atomic_load_n(&over, __ATOMIC_ACQUIRE))
			return;
	n = recvfrom(fds[0], message, sizeof(message), 0, (struct sockaddr *)&who, &len);
	CHECK_INT(n, >=, NS_HFIXEDSZ);
	message[2] |= 0x80;             /* an answer */
	message[3] = (unsigned char)(message[3] & 0xf0) | ns_r_nxdomain;
	CHECK_INT(sendto(fds[0], message, (size_t)n, 0, (struct sockaddr *)&who, len), ==, n);
	asked = true;
}

static void end_lookup(void)
{
	close(fds[0]);
}

/* --------------------------------------------------------------------------------------------------- */

static const struct wait {
	const char *name;
	void (*begin)(void), (*waits)(void), (*ends)(void), (*end)(void);
	const bool *happened;   /* NULL: always */
} waits[] = {
	{ "fopen() of a FIFO", begin_fifo, opens_fifo, opens_other_end, end_fifo, NULL },
	{ "fopencookie()", begin_cookie, reads_cookie, writes_line, end_stream, NULL },
	{ "fflush(NULL)", begin_flush, flushes_all, reads_all, end_stream, NULL },
	{ "getaddrinfo()", begin_lookup, looks_up, answers, end_lookup, &asked },
};

static int begun;

static void *is_first(void *arg)
{
	const struct wait *w = arg;

	__atomic_store_n(&begun, 1, __ATOMIC_RELEASE);
	w->waits();
	__atomic_store_n(&over, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void *comes_behind(void *arg)
{
	const struct wait *w = arg;

	while (!__atomic_load_n(&begun, __ATOMIC_ACQUIRE))
		stint_thread_yield();
	sleep_ns(3000000);
	w->ends();
	return NULL;
}

static void once(const struct wait *w)
{
	stint_thread_t *one, *other;

	begun = over = 0;
	w->begin();
	one = thread(is_first, (void *)w);
	other = thread(comes_behind, (void *)w);
	joined(one);
	joined(other);
	w->end();
}

static void others_go_on(const struct wait *w)
{
	uint64_t before = reliefs();

	puts(w->name);
	for (int i = 0; i < ROUNDS && reliefs() == before; i++) {
		once(w);
		if (w->happened && !*w->happened) {
			puts("left out: nothing waits here");
			return;
		}
	}
	CHECK_INT(reliefs(), >, before);
}

int main(void)
{
	test_watchdog();
	park_start(1);
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++)
		others_go_on(&waits[i]);
	park_stop_all();
	return 0;
}
