/*
 * steady.c - no system call on the way of a launch once things are steady: counted by strace
 *
 * The program runs itself under "strace -f" with --steady, which launches and frees empty calls, and then
 * pauses and resumes one, between markers: writes to a descriptor that cannot exist. Every line of the
 * trace between two markers that is a system call is counted, of whatever thread, and every signal beside
 * them. What is left is the lazy deadline's own: at most one signal for each timeout that passes, with
 * its return and re-arming. Tracing stretches time (each signal stops the program twice), so there are
 * more of them per launch than in earnest, never fewer.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stint.h>

#include "bench.h"
#include "work.h"

#define LAUNCHES 100000UL
#define WARM_UP 1000UL
#define NAMES 96
#define MARK "stint-bench-mark"

enum part { PART_NONE, PART_LAUNCH, PART_RESUME, PARTS };

struct counts {
	unsigned long calls[PARTS], signals[PARTS];
	char names[PARTS][NAMES];       /* what was called */
	bool complete;
};

/* In vain on purpose: a line in the trace is all it is for. */
static void mark(enum part part)
{
	char text[64];
	int n = snprintf(text, sizeof(text), MARK " %d", (int)part);

	if (write(-1, text, (size_t)n) >= 0)
		abort();
}

static int launches(unsigned long n)
{
	while (n-- > 0) {
		stint_t *s = stint_launch(work_empty, NULL, STINT_MS(5));

		if (!s)
			return EXIT_FAILURE;
		stint_free(s);
	}
	return EXIT_SUCCESS;
}

int steady_run(void)
{
	stint_t *s = stint_launch(work_pause_forever, NULL, STINT_MS(5));
	unsigned long i;

	if (!s || launches(WARM_UP))
		return EXIT_FAILURE;
	mark(PART_LAUNCH);
	if (launches(LAUNCHES))
		return EXIT_FAILURE;
	mark(PART_RESUME);
	for (i = 0; i < LAUNCHES; i++)
		stint_resume(s, STINT_MS(5));
	mark(PART_NONE);
	stint_cancel(s);
	stint_free(s);
	return EXIT_SUCCESS;
}

/*
 * A line of strace -f: "PID name(args) = result", "PID --- SIGNAL ---", "PID <... name resumed>...", "PID
 * +++ ...".
 */
/* To the list of those seen, while there is room. */
static void add_name(char names[NAMES], const char *name)
{
	if (strstr(names, name) || strlen(names) + strlen(name) + 2 > NAMES)
		return;
	if (*names)
		strcat(names, " ");
	strcat(names, name);
}

static void count_line(struct counts *c, enum part *part, const char *line)
{
	const char *at = strstr(line, MARK), *open;
	char name[32];

	if (at) {
		*part = (enum part)(at[strlen(MARK) + 1] - '0');
		if (*part < PART_NONE || *part >= PARTS)
			*part = PART_NONE;
		c->complete = c->complete || *part == PART_NONE;
		return;
	}
	if (*part == PART_NONE)
		return;
	line += strspn(line, "0123456789 ");
	if (!strncmp(line, "--- ", 4))
		c->signals[*part]++;
	open = strchr(line, '(');
	if (!islower((unsigned char)*line) || !open || (size_t)(open - line) >= sizeof(name))
		return;
	c->calls[*part]++;
	snprintf(name, sizeof(name), "%.*s", (int)(open - line), line);
	add_name(c->names[*part], name);
}

static int count_trace(struct counts *c, const char *path)
{
	enum part part = PART_NONE;
	char line[1024];
	FILE *f = fopen(path, "re");

	if (!f)
		return errno;
	while (fgets(line, sizeof(line), f))
		count_line(c, &part, line);
	fclose(f);
	return 0;
}

/* The exit status of "strace -f -o @trace this-program --steady", or -1. 127: there is no strace. */
static int run_traced(const char *trace, const char *program)
{
	char cpu[32] = "--no-pin";
	int status;
	pid_t child = fork();

	if (child < 0)
		return -1;
	if (child == 0) {
		if (options.cpu >= 0)
			snprintf(cpu, sizeof(cpu), "--cpu=%d", options.cpu);
		execlp("strace", "strace", "-f", "-qq", "-o", trace, program, "--steady", cpu, (char *)NULL);
		_exit(127);
	}
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void report_part(const struct subject *s, const struct counts *c, enum part part, const char *what)
{
	struct row row = ROW_EMPTY;
	char note[192];

	snprintf(note, sizeof(note), "%lu in %lu%s%s; %lu signals", c->calls[part], LAUNCHES,
		 *c->names[part] ? ": " : "", c->names[part], c->signals[part]);
	row.what = what;
	row.unit = "";
	row.value = (double)c->calls[part] / (double)LAUNCHES;
	row.aim = (struct aim){ AIM_AT_MOST, 0.01 };
	row.note = note;
	report_row(s, &row);
}

static int steady(const struct subject *s)
{
	char trace[] = "/tmp/stint-bench-XXXXXX", program[4096];
	struct counts c;
	ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);
	int fd, status;

	if (length < 0)
		return errno;
	program[length] = '\0';
	fd = mkstemp(trace);
	if (fd < 0)
		return errno;
	close(fd);
	memset(&c, 0, sizeof(c));
	status = run_traced(trace, program);
	if (!status)
		count_trace(&c, trace);
	unlink(trace);
	if (status == 127)
		report_skip(s, "there is no strace");
	else if (status || !c.complete)
		report_skip(s, "strace could not watch this program");
	if (status || !c.complete)
		return 0;
	report_part(s, &c, PART_LAUNCH, "system calls per launch");
	report_part(s, &c, PART_RESUME, "system calls per pause + resume");
	return 0;
}

const struct subject subject_steady = {
	"steady", "system calls per launch, counted by strace", steady
};
