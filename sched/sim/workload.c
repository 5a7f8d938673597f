/*
 * workload.c - workloads for the simulator: from text, and some that are built in
 *
 * One group to a line: a name, then key=value in any order. "#" begins a comment. Spans of time have a unit,
 * ranges are MIN..MAX.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

#define LINE  512
#define TASKS 1000000           /* of one group */

static const struct {
	const char *name, *text;
} builtin[] = {
	{ "hogs",
	  "one    weight=1024 run=forever\n"
	  "two    weight=2048 run=forever\n"
	  "three  weight=3072 run=forever\n" },
	{ "sleepers",
	  "hog      n=16 run=forever\n"
	  "sleeper  n=4  run=20us sleep=1ms\n" },
	{ "periodic",
	  "fast    run=1ms period=4ms  deadline=4ms  priority=3\n"
	  "medium  run=2ms period=6ms  deadline=6ms  priority=2\n"
	  "slow    run=4ms period=12ms deadline=12ms priority=1\n" },
	{ "server",
	  "light  n=40 run=10us..30us sleep=1ms..3ms\n"
	  "heavy  n=2  run=5ms sleep=10ms..30ms\n" },
	{ "mixed",
	  "hog       n=2 run=forever\n"
	  "batch     weight=256 run=50ms sleep=5ms..50ms\n"
	  "light     n=20 run=10us..30us sleep=1ms..3ms\n"
	  "periodic  run=1ms period=10ms deadline=10ms priority=10\n"
	  "polite    run=forever yield=20us\n" },
};

const char *sim_workload_name(size_t index)
{
	return index < sizeof(builtin) / sizeof(*builtin) ? builtin[index].name : NULL;
}

const char *sim_workload_text(size_t index)
{
	return index < sizeof(builtin) / sizeof(*builtin) ? builtin[index].text : NULL;
}

/* one span at the beginning of @text; what follows it, or NULL */
static const char *read_span(const char *text, stint_ns *span)
{
	static const struct {
		const char *name;
		double ns;
	} units[] = { { "ns", 1 }, { "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 } };
	double value;
	char *end;

	if (!strncmp(text, "forever", 7)) {
		*span = STINT_FOREVER;
		return text + 7;
	}
	if (!strchr("0123456789", *text))
		return NULL;
	value = strtod(text, &end);
	if (end - text >= 2 && end[-1] == '.' && *end == '.')
		end--;                          /* "5..6": the first dot was taken for a decimal point */
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (strncmp(end, units[i].name, strlen(units[i].name)))
			continue;
		if (value * units[i].ns > 9e18)
			return NULL;
		*span = (stint_ns)(value * units[i].ns + 0.5);
		return end + strlen(units[i].name);
	}
	return NULL;
}

bool sim_span(const char *text, stint_ns *span)
{
	const char *end = read_span(text, span);

	return end && !*end;
}

static bool read_range(const char *text, stint_ns *min, stint_ns *max)
{
	const char *end = read_span(text, min);

	if (!end)
		return false;
	*max = *min;
	if (!*end)
		return true;
	return !strncmp(end, "..", 2) && sim_span(end + 2, max) && *max >= *min;
}

static bool read_number(const char *text, long long min, long long max, long long *value)
{
	char *end;

	errno = 0;
	*value = strtoll(text, &end, 10);
	return !errno && end != text && !*end && *value >= min && *value <= max;
}

/* NULL, or what is wrong with the value */
static const char *set(struct sim_group *g, const char *key, const char *value)
{
	static const char no_span[] = "not a span of time such as 50us, 1.5ms or forever";
	static const char no_number[] = "not a number in the range for this key";
	stint_ns ignored;
	long long n;

	if (!strcmp(key, "run"))
		return read_range(value, &g->run_min, &g->run_max) && g->run_min > 0 ? NULL :
		       "not a span above 0 or a range MIN..MAX";
	if (!strcmp(key, "sleep"))
		return read_range(value, &g->sleep_min, &g->sleep_max) ? NULL : "not a span or a range MIN..MAX";
	if (!strcmp(key, "period"))
		return sim_span(value, &g->period) && g->period > 0 ? NULL : no_span;
	if (!strcmp(key, "deadline"))
		return sim_span(value, &g->deadline) ? NULL : no_span;
	if (!strcmp(key, "start"))
		return read_range(value, &g->start, &ignored) && g->start == ignored ? NULL : no_span;
	if (!strcmp(key, "stagger"))
		return sim_span(value, &g->stagger) && g->stagger < STINT_S(1000) ? NULL : no_span;
	if (!strcmp(key, "yield"))
		return sim_span(value, &g->yield_after) && g->yield_after > 0 ? NULL : no_span;
	if (!strcmp(key, "n") && read_number(value, 1, TASKS, &n))
		g->count = (unsigned)n;
	else if (!strcmp(key, "weight") && read_number(value, STINT_WEIGHT_MIN, STINT_WEIGHT_MAX, &n))
		g->weight = (unsigned)n;
	else if (!strcmp(key, "priority") && read_number(value, STINT_PRIORITY_MIN, STINT_PRIORITY_MAX, &n))
		g->priority = (int)n;
	else if (!strcmp(key, "jobs") && read_number(value, 1, INT64_MAX, &n))
		g->jobs = (uint64_t)n;
	else if (!strcmp(key, "n") || !strcmp(key, "weight") || !strcmp(key, "priority") || !strcmp(key, "jobs"))
		return no_number;
	else
		return "not a key; they are n, weight, priority, deadline, start, stagger, run, sleep, period, jobs, "
		       "yield";
	return NULL;
}

struct parser {
	struct sim_group *groups;
	size_t n, room;
	unsigned line;
	char *why;
	size_t size;
};

static int __attribute__((format(printf, 2, 3))) wrong(struct parser *p, const char *format, ...)
{
	size_t used = 0;
	va_list ap;

	if (!p->size)
		return EINVAL;
	if (p->line)
		used = (size_t)snprintf(p->why, p->size, "line %u: ", p->line);
	if (used < p->size) {
		va_start(ap, format);
		vsnprintf(p->why + used, p->size - used, format, ap);
		va_end(ap);
	}
	return EINVAL;
}

static struct sim_group *new_group(struct parser *p)
{
	struct sim_group *groups;

	if (p->n == p->room) {
		p->room = p->room ? 2 * p->room : 8;
		groups = realloc(p->groups, p->room * sizeof(*groups));
		if (!groups)
			return NULL;
		p->groups = groups;
	}
	p->groups[p->n] = (struct sim_group){ .count = 1, .weight = STINT_WEIGHT_NORMAL };
	return &p->groups[p->n++];
}

static int parse_line(struct parser *p, char *line)
{
	static const char blanks[] = " \t\r";
	struct sim_group *g;
	const char *complaint;
	char *word, *rest, *value;

	line[strcspn(line, "#")] = '\0';
	word = strtok_r(line, blanks, &rest);
	if (!word)
		return 0;
	g = new_group(p);
	if (!g)
		return ENOMEM;
	if (strchr(word, '=') || strlen(word) >= sizeof(g->name))
		return wrong(p, "%s: a line begins with a name of at most %zu characters", word, sizeof(g->name) - 1);
	strcpy(g->name, word);
	while ((word = strtok_r(NULL, blanks, &rest))) {
		value = strchr(word, '=');
		if (!value)
			return wrong(p, "%s: neither key=value nor a comment", word);
		*value++ = '\0';
		complaint = set(g, word, value);
		if (complaint)
			return wrong(p, "%s=%s: %s", word, value, complaint);
	}
	return g->run_min ? 0 : wrong(p, "%s: run=... is missing", g->name);
}

int sim_workload_parse(const char *text, struct sim_group **groups, size_t *n, char *why, size_t size)
{
	struct parser p = { .why = why, .size = size };
	char line[LINE];
	size_t length;
	int err = 0;

	while (*text && !err) {
		p.line++;
		length = strcspn(text, "\n");
		if (length >= sizeof(line)) {
			err = wrong(&p, "longer than %zu characters", sizeof(line) - 1);
			break;
		}
		memcpy(line, text, length);
		line[length] = '\0';
		text += length + (text[length] != '\0');
		err = parse_line(&p, line);
	}
	p.line = 0;
	if (!err && !p.n)
		err = wrong(&p, "there is no group in it");
	if (err) {
		free(p.groups);
		return err;
	}
	*groups = p.groups;
	*n = p.n;
	return 0;
}
