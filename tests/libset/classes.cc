/*
 * classes.cc - see classes.h
 */
#include "classes.h"

#include <map>
#include <vector>

namespace {

struct registry {
	std::map<std::string, int> names;
	std::vector<std::string> order{ "a name that is too long to be kept without memory of its own" };
};

registry the_registry;

struct square : shape {
	int corners() const override { return 4; }
};

struct guard {
	void (*leave)();
	~guard() { leave(); }
};

int left;

} // namespace

template <class T> struct unique {
	static int value;
};
template <class T> int unique<T>::value;

inline int &local()
{
	static int n = 10;

	return n;
}

inline int began = 5;

struct beginner {
	beginner() { began += 2; }
};
static beginner the_beginner;

trouble::~trouble() = default;
shape::~shape() = default;

int classes_add(const std::string &name)
{
	the_registry.names[name]++;
	the_registry.order.push_back(name);
	return (int)the_registry.order.size() - 1;
}

int classes_unique_next()
{
	return ++unique<int>::value;
}

int classes_local_next()
{
	return ++local();
}

int classes_began()
{
	return began;
}

void classes_throw(int number)
{
	throw trouble(number);
}

void classes_call(void (*fn)(void *), void *arg)
{
	guard g{ [] { left++; } };

	fn(arg);
}

shape *classes_square()
{
	return new square;
}
