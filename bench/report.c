/*
 * report.c - the machine, the table on stdout, the CSV file
 *
 * Rows are printed as they come: a run takes about a minute and whoever watches wants to see it move. So
 * the widths of the columns are fixed. The CSV file has every figure at full precision, and one line per
 * row, so that two runs can be compared by a program.
 */
#include "bench.h"

#include <errno.h>
#include <gnu/libc-version.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <stint.h>

static FILE *csv;
static unsigned met, missed;
static double steal_at_start, total_at_start;

/*
 * The value of the first line of @path that begins with @key, behind its colon; all of the line where
 * @key is NULL.
 */
static void read_line(const char *path, const char *key, char *out, size_t size)
{
	char line[512];
	FILE *f = fopen(path, "r");

	snprintf(out, size, "unknown");
	if (!f)
		return;
	while (fgets(line, sizeof(line), f)) {
		const char *from = line;

		line[strcspn(line, "\n")] = '\0';
		if (key && strncmp(line, key, strlen(key)))
			continue;
		if (key && strchr(line, ':'))
			from = strchr(line, ':') + 1;
		snprintf(out, size, "%.*s", (int)size - 1, from + strspn(from, " \t"));
		break;
	}
	fclose(f);
}

/* Time that the hypervisor gave to others, and all time, in ticks, over all CPUs. */
static void read_steal(double *steal, double *total)
{
	char line[256];
	double v[8] = { 0 };
	int i, n;

	*steal = *total = 0;
	read_line("/proc/stat", "cpu ", line, sizeof(line));
	n = sscanf(line, "cpu %lf %lf %lf %lf %lf %lf %lf %lf", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5],
		   &v[6], &v[7]);
	for (i = 0; i < n; i++)
		*total += v[i];
	*steal = v[7];
}

static void print_machine(void)
{
	char cpu[128], clocksource[64], load[64];
	struct utsname u;

	uname(&u);
	read_line("/proc/cpuinfo", "model name", cpu, sizeof(cpu));
	read_line("/sys/devices/system/clocksource/clocksource0/current_clocksource", NULL, clocksource,
		  sizeof(clocksource));
	read_line("/proc/loadavg", NULL, load, sizeof(load));
	printf("stint %s on %s, %ld CPUs", stint_version(), cpu, sysconf(_SC_NPROCESSORS_ONLN));
	if (options.cpu >= 0)
		printf(", pinned to CPU %d", options.cpu);
	printf("\n%s %s %s, glibc %s, clock source %s\n", u.sysname, u.release, u.machine, 
	       gnu_get_libc_version(), clocksource);
	printf("load %s at start; %u turns of %.0f ms for each side%s\n\n", load, options.rounds,
	       options.run_ns / 1e6, options.quick ? " (--quick: the figures mean little)" : "");
}

int report_open(void)
{
	if (options.csv) {
		csv = fopen(options.csv, "we");
		if (!csv)
			return errno;
		fputs("subject,what,unit,value,spread,reference,reference_value,reference_spread,ratio,aim,"
		      "mark,note\n", csv);
	}
	read_steal(&steal_at_start, &total_at_start);
	print_machine();
	printf("%-42s %13s %5s  %-32s %13s %5s %7s  %-13s %-6s  note\n", "what", "measured", "+-",
	       "reference", "its figure", "+-", "ratio", "aim", "mark");
	fflush(stdout);
	return 0;
}

static void format_aim(const struct row *row, char *out, size_t size)
{
	switch (row->aim.kind) {
	case AIM_NONE:
		snprintf(out, size, "%s", "");
		break;
	case AIM_AT_MOST:
		snprintf(out, size, "<= %g %s", row->aim.limit, row->unit);
		break;
	case AIM_AT_LEAST:
		snprintf(out, size, ">= %g %s", row->aim.limit, row->unit);
		break;
	case AIM_MORE_AT_MOST:
		snprintf(out, size, "<= +%g %s", row->aim.limit, row->unit);
		break;
	case AIM_RATIO_AT_MOST:
		snprintf(out, size, "<= %g x", row->aim.limit);
		break;
	case AIM_RATIO_AT_LEAST:
		snprintf(out, size, ">= %g x", row->aim.limit);
		break;
	}
}

/* A figure that could not be had is no aim met. */
static const char *mark_of(const struct row *row)
{
	bool ok = false;

	switch (row->aim.kind) {
	case AIM_NONE:
		return "";
	case AIM_AT_MOST:
		ok = row->value <= row->aim.limit;
		break;
	case AIM_AT_LEAST:
		ok = row->value >= row->aim.limit;
		break;
	case AIM_MORE_AT_MOST:
		ok = row->value - row->ref_value <= row->aim.limit;
		break;
	case AIM_RATIO_AT_MOST:
		ok = row->ratio <= row->aim.limit;
		break;
	case AIM_RATIO_AT_LEAST:
		ok = row->ratio >= row->aim.limit;
		break;
	}
	if (ok)
		met++;
	else
		missed++;
	return ok ? "met" : "MISSED";
}

static void format_figure(double value, const char *unit, char *out, size_t size)
{
	double amount = fabs(value);
	int decimals = amount >= 1000 || value == floor(value) ? 0 : amount >= 10 ? 1 : amount >= 0.1 ? 2 : 5;

	if (isnan(value))
		snprintf(out, size, "%s", "");
	else
		snprintf(out, size, "%.*f %s", decimals, value, unit);
}

static void format_spread(double spread, char *out, size_t size)
{
	if (isnan(spread))
		snprintf(out, size, "%s", "");
	else
		snprintf(out, size, "%.0f%%", spread * 100);
}

static void format_ratio(double ratio, char *out, size_t size)
{
	if (isnan(ratio))
		snprintf(out, size, "%s", "");
	else
		snprintf(out, size, "%.*f", ratio < 0.1 ? 4 : ratio < 100 ? 3 : 0, ratio);
}

static void csv_text(const char *text, char after)
{
	fputc('"', csv);
	for (; text && *text; text++) {
		if (*text == '"')
			fputc('"', csv);
		fputc(*text, csv);
	}
	fputc('"', csv);
	fputc(after, csv);
}

static void csv_number(double value)
{
	if (!isnan(value))
		fprintf(csv, "%.9g", value);
	fputc(',', csv);
}

static void csv_row(const struct subject *s, const struct row *row, const char *aim, const char *mark)
{
	csv_text(s->name, ',');
	csv_text(row->what, ',');
	csv_text(row->unit, ',');
	csv_number(row->value);
	csv_number(row->spread);
	csv_text(row->reference, ',');
	csv_number(row->ref_value);
	csv_number(row->ref_spread);
	csv_number(row->ratio);
	csv_text(aim, ',');
	csv_text(mark, ',');
	csv_text(row->note, '\n');
}

void report_row(const struct subject *s, const struct row *row)
{
	char line[512], value[32], spread[16], ref_value[32], ref_spread[16], ratio[16], aim[32];
	const char *mark = mark_of(row);
	bool again = row->same_again;

	format_figure(row->value, row->unit, value, sizeof(value));
	format_spread(row->spread, spread, sizeof(spread));
	format_figure(row->ref_value, row->unit, ref_value, sizeof(ref_value));
	format_spread(row->ref_spread, ref_spread, sizeof(ref_spread));
	format_ratio(row->ratio, ratio, sizeof(ratio));
	format_aim(row, aim, sizeof(aim));
	snprintf(line, sizeof(line), "%-42s %13s %5s  %-32s %13s %5s %7s  %-13s %-6s  %s",
		 again ? "" : row->what, again ? "" : value, again ? "" : spread,
		 row->reference ? row->reference : "", ref_value, ref_spread, ratio, aim, mark,
		 row->note ? row->note : "");
	while (*line && line[strlen(line) - 1] == ' ')
		line[strlen(line) - 1] = '\0';
	puts(line);
	fflush(stdout);
	if (csv)
		csv_row(s, row, aim, mark);
}

void report_skip(const struct subject *s, const char *why)
{
	struct row row = ROW_EMPTY;

	printf("%-42s skipped: %s\n", s->name, why);
	fflush(stdout);
	row.what = s->what;
	row.unit = "";
	row.note = why;
	if (csv)
		csv_row(s, &row, "", "skipped");
}

int report_close(void)
{
	double steal, total;

	read_steal(&steal, &total);
	printf("\n%u aims met, %u missed", met, missed);
	if (total > total_at_start)
		printf("; %.1f%% of the CPUs' time was stolen by the host meanwhile",
		       100 * (steal - steal_at_start) / (total - total_at_start));
	putchar('\n');
	if (fflush(stdout) || ferror(stdout))
		return EIO;
	if (csv) {
		bool bad = ferror(csv) != 0;

		if (fclose(csv) || bad)
			return EIO;
	}
	return 0;
}
