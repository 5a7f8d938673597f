/*
 * callee.c - the libraries that libset.c calls; compiled for each with the name of its function
 */
#ifdef CALLEE_HUNDRED

#define TEN(prefix) F(prefix##0) F(prefix##1) F(prefix##2) F(prefix##3) F(prefix##4) \
	F(prefix##5) F(prefix##6) F(prefix##7) F(prefix##8) F(prefix##9)
#define F(number) int callee_##number(void); int callee_##number(void) { return number; }
TEN(10) TEN(11) TEN(12) TEN(13) TEN(14) TEN(15) TEN(16) TEN(17) TEN(18) TEN(19)

#else

long CALLEE(long n);

long CALLEE(long n)
{
	return n + 1;
}

#endif
