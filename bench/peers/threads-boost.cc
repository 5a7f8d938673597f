/*
 * threads-boost.cc - fibers of Boost.Fiber, measured as peer.h says
 *
 * With one worker its round-robin, with more its work stealing, whose idle workers spin. A fiber has no thread-local
 * variables of its own: those of its kernel thread.
 */
#include <boost/fiber/all.hpp>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <memory>
#include <new>
#include <thread>
#include <vector>

namespace fibers = boost::fibers;

#define STACK 65536

struct lib_thread_t {
	fibers::fiber fiber;
	void *result;
};

static inline lib_thread_t *lib_threads(unsigned long n)
{
	return new (std::nothrow) lib_thread_t[n];
}

static inline int lib_create(lib_thread_t *thread, void *(*fn)(void *), void *arg)
{
	try {
		thread->fiber = fibers::fiber(std::allocator_arg, fibers::fixedsize_stack(STACK),
					      [=] { thread->result = fn(arg); });
	} catch (const std::bad_alloc &) {
		return ENOMEM;
	}
	return 0;
}

static inline void *lib_join(lib_thread_t *thread)
{
	thread->fiber.join();
	return thread->result;
}

static inline void lib_yield()
{
	boost::this_fiber::yield();
}

static inline void lib_sleep(long ns)
{
	boost::this_fiber::sleep_for(std::chrono::nanoseconds(ns));
}

typedef fibers::mutex lib_mutex_t;
#define LIB_MUTEX_INIT

static inline void lib_lock(lib_mutex_t *mutex)
{
	mutex->lock();
}

static inline void lib_unlock(lib_mutex_t *mutex)
{
	mutex->unlock();
}

typedef fibers::unbuffered_channel<std::uint64_t> lib_channel_t;

static lib_channel_t *lib_channel()
{
	return new (std::nothrow) lib_channel_t;
}

static inline void lib_send(lib_channel_t *c, std::uint64_t word)
{
	c->push(word);
}

static inline std::uint64_t lib_recv(lib_channel_t *c)
{
	return c->value_pop();
}

static fibers::mutex gate_mutex;
static fibers::condition_variable gate;
static bool gate_open;

static void lib_gate_wait()
{
	std::unique_lock<fibers::mutex> lock(gate_mutex);

	gate.wait(lock, [] { return gate_open; });
}

static void lib_gate_open()
{
	std::unique_lock<fibers::mutex> lock(gate_mutex);

	gate_open = true;
	gate.notify_all();
}

/* A worker works while its first fiber waits; it ends with the rest. */
static int lib_run(unsigned workers, void *(*fn)(void *), void *arg)
{
	std::vector<std::thread> others;
	fibers::mutex mutex;
	fibers::condition_variable_any changed;
	bool finished = false;
	lib_thread_t thread;
	int error;

	for (unsigned i = 1; i < workers; i++)
		others.emplace_back([&, workers] {
			fibers::use_scheduling_algorithm<fibers::algo::work_stealing>(workers);
			std::unique_lock<fibers::mutex> lock(mutex);
			changed.wait(lock, [&] { return finished; });
		});
	if (workers > 1)
		fibers::use_scheduling_algorithm<fibers::algo::work_stealing>(workers);
	error = lib_create(&thread, fn, arg);
	if (!error)
		lib_join(&thread);
	{
		std::unique_lock<fibers::mutex> lock(mutex);
		finished = true;
		changed.notify_all();
	}
	for (std::thread &other : others)
		other.join();
	return error;
}

#include "measures.h"
