/*
 * cxx.cc - C++ in calls that are stopped at random, side by side and beside the caller: containers and strings, streams,
 * exceptions, thread_local objects, mutexes, threads; results are those of an undisturbed run. A call is not stopped in the
 * initialiser of a local static variable.
 */
#include "../test.h"

#include <algorithm>
#include <condition_variable>
#include <cxxabi.h>
#include <fstream>
#include <functional>
#include <iostream>
#include <locale>
#include <map>
#include <memory>
#include <mutex>
#include <search.h>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <stint.h>

static rng random_;
static long stops;

/* --- work: each returns a number that says all ------------------------------------------------- */

static std::string text_of(unsigned n)
{
	return "number " + std::to_string(n) + std::string(n % 50, 'x');
}

static unsigned long containers()
{
	std::map<std::string, std::unique_ptr<std::vector<int>>> m;
	unsigned long sum = 0;

	for (unsigned i = 0; i < 200; i++) {
		auto &v = m[text_of(i * 7 % 60)];

		if (!v)
			v = std::make_unique<std::vector<int>>();
		v->push_back(int(i));
	}
	for (auto &e : m) {
		std::sort(e.second->begin(), e.second->end(), std::greater<int>());
		sum = sum * 31 + e.first.size() * unsigned(e.second->front());
	}
	return sum;
}

static unsigned long streams()
{
	std::ostringstream out;
	std::string word;
	unsigned long sum = 0;
	double x = 0;

	for (int i = 0; i < 100; i++)
		out << "w" << i << ' ' << std::hex << i << std::dec << ' ' << i / 8.0 << '\n';
	std::istringstream in(out.str());
	std::ofstream null("/dev/null");
	std::ifstream self("/proc/self/cmdline");

	while (in >> word >> std::hex >> sum >> std::dec >> x)
		null << word << x << std::endl;
	CHECK(null.good());
	CHECK(self.get() != EOF);
	std::cerr << "";
	std::cout << "" << std::flush;
	return sum + (unsigned long)(x * 8);
}

struct counted {
	int *n;

	explicit counted(int *n) : n(n) { ++*n; }
	~counted() { --*n; }
};

static void throw_from(int depth, int *n)
{
	counted c(n);

	if (depth == 0)
		throw std::runtime_error(text_of(unsigned(*n)));
	try {
		throw_from(depth - 1, n);
	} catch (const std::logic_error &) {
		*n = -1000;
	}
}

static int throws_in_sort(const void *a, const void *b)
{
	if (*(const int *)a == 77 || *(const int *)b == 77)
		throw 77;
	return *(const int *)a - *(const int *)b;
}

static unsigned long exceptions()
{
	unsigned long sum = 0;
	std::vector<int> v(1000);
	int n = 0;

	for (int i = 0; i < 30; i++) {
		try {
			throw_from(i % 10, &n);
			return 0;
		} catch (std::exception &e) {
			sum = sum * 31 + strlen(e.what());
			CHECK_INT(n, ==, 0);
		}
	}
	for (int i = 0; i < 1000; i++)
		v[size_t(i)] = i;
	try {
		qsort(v.data(), v.size(), sizeof(int), throws_in_sort);
		return 0;
	} catch (int thrown) {
		sum += unsigned(thrown);
	}
	return sum;
}

static int on_object(struct dirent const *entry)
{
	throw std::string(entry->d_name);
}

/* out of a walk of libc's: preemption is as before, or the call would never be stopped again */
static unsigned long walks()
{
	struct dirent **list;

	for (int i = 0; i < 5; i++) {
		try {
			scandir("/proc/self", &list, on_object, nullptr);
			return 0;
		} catch (const std::string &name) {
			CHECK(!name.empty());
		}
	}
	return 5;
}

static std::mutex mutex;
static long guarded;

/* with try_lock: a call that is stopped with a lock keeps it, and its caller must not wait for that */
static unsigned long locks()
{
	std::once_flag flag;
	int ran = 0, got = 0;

	for (int i = 0; i < 100; i++) {
		std::unique_lock<std::mutex> l(mutex, std::try_to_lock);

		if (l.owns_lock()) {
			long before = guarded;

			guarded = before + 1;
			got++;
		}
		std::call_once(flag, [&] { ran++; });
	}
	CHECK(got >= 0);
	return unsigned(ran);
}

static unsigned long threads()
{
	std::condition_variable changed;
	std::mutex m;
	unsigned long sum = 0;

	std::thread t([&] {
		std::lock_guard<std::mutex> l(m);

		sum = containers();
		changed.notify_one();
	});
	{
		std::unique_lock<std::mutex> l(m);

		changed.wait(l, [&] { return sum != 0; });
	}
	t.join();
	return sum;
}

static const std::function<unsigned long()> works[] = { containers, streams, exceptions, walks, locks, threads };
static unsigned long wanted[sizeof(works) / sizeof(works[0])];
#define WORKS (sizeof(works) / sizeof(works[0]))

/* --- in calls ---------------------------------------------------------------------------------- */

static long constructed, destroyed;     /* atomic: a call may be stopped while it counts */

struct tracked {
	std::string text;

	tracked() : text(text_of(40)) { __atomic_add_fetch(&constructed, 1, __ATOMIC_RELAXED); }
	~tracked() { __atomic_add_fetch(&destroyed, 1, __ATOMIC_RELAXED); }
};

static thread_local tracked object;

static void *runs(void *arg)
{
	size_t i = size_t(arg);

	object.text += "more";
	CHECK_INT(works[i](), ==, wanted[i]);
	CHECK(object.text == text_of(40) + "more");
	return arg;
}

static void side_by_side(int64_t span)
{
	const int N = 3;
	stint_t *s[N] = {};
	int64_t end = now_ns() + span;

	for (size_t i = 0; i < WORKS; i++)
		wanted[i] = works[i]();
	while (now_ns() < end) {
		int i = int(rng_below(&random_, N));

		if (!s[i])
			s[i] = stint_launch(runs, (void *)size_t(rng_below(&random_, WORKS)), STINT_US(1 + rng_below(&random_, 99)));
		else if (stint_resume(s[i], STINT_US(1 + rng_below(&random_, 99))) == ETIMEDOUT)
			stops++;
		CHECK(s[i]);
		if (stint_is_complete(s[i])) {
			stint_free(s[i]);
			s[i] = nullptr;
		}
		if (rng_below(&random_, 20) == 0) {
			size_t w = rng_below(&random_, WORKS - 1);      /* not threads: a few calls wait for them already */

			CHECK_INT(works[w](), ==, wanted[w]);
		}
	}
	for (stint_t *left : s) {
		if (!left)
			continue;
		CHECK_INT(stint_resume(left, STINT_S(100)), ==, 0);
		stint_free(left);
	}
	CHECK_INT(constructed, ==, destroyed);
	printf("%ld stops, %ld objects of threads\n", stops, destroyed);
	CHECK_INT(stops, >, 0);
}

static void *never_ends(void *)
{
	object.text += "more";
	for (size_t i = 0;; i++)
		works[i % (WORKS - 1)]();
}

/* cancelled anywhere: thread_local objects are destroyed, memory comes back, and everybody else goes on */
static void cancelled()
{
	long before = destroyed;
	size_t heap = 0;
	int n = 0;

	for (int i = 0; i < 300; i++) {
		stint_t *s = stint_launch(never_ends, nullptr, STINT_US(200 + rng_below(&random_, 500)));

		CHECK(s);
		CHECK_INT(stint_cancel(s), ==, 0);
		stint_free(s);
		CHECK_INT(works[1](), ==, wanted[1]);
		if (i == 150)
			heap = heap_in_use();
		n++;
	}
	CHECK_INT(constructed, ==, destroyed);
	CHECK_INT(destroyed, >, before);
	CHECK_INT(long(heap_in_use() - heap), <, 150 * 1000);
	CHECK(mutex.try_lock());
	mutex.unlock();
}

/* --- local static variables -------------------------------------------------------------------- */

static volatile int making, made;

struct slow {
	slow()
	{
		making++;
		spin_ns(STINT_MS(5));
		made++;
	}
};

static void *reaches(void *arg)
{
	static slow variable;

	(void)variable;
	spin_ns(STINT_MS(1));
	return arg;
}

/* stopped after the initialiser, not in it; else we would wait for ever here */
static void local_static()
{
	stint_t *s = stint_launch(reaches, nullptr, STINT_MS(1));

	CHECK(s);
	CHECK_INT(stint_state(s), ==, STINT_TIMED_OUT);
	while (!making)
		CHECK_INT(stint_resume(s, STINT_MS(1)), ==, ETIMEDOUT);
	CHECK_INT(made, ==, 1);
	reaches(nullptr);
	CHECK_INT(making, ==, 1);
	CHECK_INT(stint_resume(s, STINT_S(100)), ==, 0);
	stint_free(s);
}

static volatile int attempts;

struct fails_once {
	fails_once()
	{
		attempts = attempts + 1;
		if (attempts == 1)
			throw 1;
	}
};

static void *tries(void *arg)
{
	static fails_once variable;

	(void)variable;
	spin_ns(STINT_MS(50));
	return arg;
}

static void *tries_and_catches(void *arg)
{
	try {
		tries(arg);
		CHECK(0);
	} catch (int n) {
		CHECK_INT(n, ==, 1);
	}
	return tries(arg);
}

/* a failed initialiser is tried again, and calls can be stopped afterwards */
static void failing_static()
{
	stint_t *s = stint_launch(tries_and_catches, nullptr, STINT_MS(1));

	CHECK(s);
	CHECK_INT(stint_state(s), ==, STINT_TIMED_OUT);
	while (attempts < 2)    /* the first throw may take long */
		CHECK_INT(stint_resume(s, STINT_MS(1)), ==, ETIMEDOUT);
	CHECK_INT(stint_resume(s, STINT_S(100)), ==, 0);
	stint_free(s);
	CHECK_INT(attempts, ==, 2);
}

static volatile int entered, may_finish;

struct held_up {
	held_up()
	{
		entered = 1;
		while (!may_finish)
			sleep_ns(STINT_MS(1));
	}
};

static void *waits(void *arg)
{
	static held_up variable;

	(void)variable;
	return arg;
}

/* who waits for another thread's initialiser can be stopped, cancelled, and goes on when it is over */
static void waiting_for_static()
{
	std::thread t(waits, nullptr);
	stint_t *s[2];

	while (!entered)
		sleep_ns(STINT_MS(1));
	for (stint_t *&call : s) {
		call = stint_launch(waits, nullptr, STINT_MS(2));
		CHECK(call);
		CHECK_INT(stint_state(call), ==, STINT_TIMED_OUT);
		CHECK_INT(stint_resume(call, STINT_MS(2)), ==, ETIMEDOUT);
	}
	CHECK_INT(stint_cancel(s[0]), ==, 0);
	may_finish = 1;
	t.join();
	CHECK_INT(stint_resume(s[1], STINT_S(100)), ==, 0);
	stint_free(s[0]);
	stint_free(s[1]);
}

/* the C++ library's own locks: with a global locale of the program's it takes one each time, and so does the caller */
static void *asks_for_locale(void *arg)
{
	for (;;) {
		std::locale l;

		CHECK(l != std::locale::classic());
	}
	return arg;
}

static void own_locks(int64_t span)
{
	int64_t end = now_ns() + span;
	stint_t *s;

	std::locale::global(std::locale(std::locale(), new std::numpunct<char>));
	s = stint_launch(asks_for_locale, nullptr, STINT_US(10));
	while (now_ns() < end) {
		std::locale l;

		CHECK_INT(stint_resume(s, STINT_US(1 + rng_below(&random_, 50))), ==, ETIMEDOUT);
	}
	CHECK_INT(stint_cancel(s), ==, 0);
	stint_free(s);
	std::locale l;
}

int main()
{
	test_watchdog();
	rng_seed(&random_, test_seed());
	local_static();
	failing_static();
	waiting_for_static();
	side_by_side(STINT_S(test_seconds(4)) / 2);
	cancelled();
	own_locks(STINT_S(test_seconds(4)) / 4);
	side_by_side(STINT_S(test_seconds(4)) / 4);
	return 0;
}
