/*
 * registers.c - vector, mask and x87 registers and the control words survive being stopped anywhere
 *
 * Each part fills its registers, spins in one asm block so that the compiler has no say in between, and
 * stores them again; the caller fills the same registers with other values between the slices.
 */
#include "../test.h"

#include <fenv.h>

#include <stint.h>

#define SPINS 20000

#define EACH16(op) op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7) op(8) op(9) op(10) op(11) op(12) \
	op(13) op(14) op(15)
#define EACH16_HIGH(op) op(16) op(17) op(18) op(19) op(20) op(21) op(22) op(23) op(24) op(25) op(26) \
	op(27) op(28) op(29) op(30) op(31)
#define CLOBBER16 "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", \
	"xmm11", "xmm12", "xmm13", "xmm14", "xmm15"
#define CLOBBER16_HIGH "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", \
	"xmm25", "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31"
#define SPIN "1: dec %0\n jnz 1b\n"

static void sse(uint8_t *in, uint8_t *out, long spins)
{
#define LOAD(n) "movups " #n "*16(%1), %%xmm" #n "\n"
#define STORE(n) "movups %%xmm" #n ", " #n "*16(%2)\n"
	__asm__ volatile(EACH16(LOAD) SPIN EACH16(STORE)
	                 : "+r"(spins) : "r"(in), "r"(out) : "memory", "cc", CLOBBER16);
#undef LOAD
#undef STORE
}

__attribute__((target("avx"))) static void avx(uint8_t *in, uint8_t *out, long spins)
{
#define LOAD(n) "vmovups " #n "*32(%1), %%ymm" #n "\n"
#define STORE(n) "vmovups %%ymm" #n ", " #n "*32(%2)\n"
	__asm__ volatile(EACH16(LOAD) SPIN EACH16(STORE) "vzeroupper\n"
	                 : "+r"(spins) : "r"(in), "r"(out) : "memory", "cc", CLOBBER16);
#undef LOAD
#undef STORE
}

__attribute__((target("avx512f"))) static void avx512(uint8_t *in, uint8_t *out, long spins)
{
#define LOAD(n) "vmovups " #n "*64(%1), %%zmm" #n "\n"
#define STORE(n) "vmovups %%zmm" #n ", " #n "*64(%2)\n"
#define LOAD_K(n) "kmovw 2048+2*" #n "(%1), %%k" #n "\n"
#define STORE_K(n) "kmovw %%k" #n ", 2048+2*" #n "(%2)\n"
#define EACH_K(op) op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7)
	__asm__ volatile(EACH16(LOAD) EACH16_HIGH(LOAD) EACH_K(LOAD_K) SPIN
	                 EACH16(STORE) EACH16_HIGH(STORE) EACH_K(STORE_K) "vzeroupper\n"
	                 : "+r"(spins) : "r"(in), "r"(out)
	                 : "memory", "cc", CLOBBER16, CLOBBER16_HIGH, "k1", "k2", "k3", "k4", "k5", "k6", "k7");
#undef LOAD
#undef STORE
}

static void x87(uint8_t *in, uint8_t *out, long spins)
{
#define LOAD(n) "fildll " #n "*8(%1)\n"
#define STORE(n) "fistpll " #n "*8(%2)\n"
	__asm__ volatile(LOAD(0) LOAD(1) LOAD(2) LOAD(3) LOAD(4) LOAD(5) LOAD(6) LOAD(7) SPIN
	                 STORE(7) STORE(6) STORE(5) STORE(4) STORE(3) STORE(2) STORE(1) STORE(0)
	                 : "+r"(spins) : "r"(in), "r"(out)
	                 : "memory", "cc", "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)");
#undef LOAD
#undef STORE
}

/* rbx, rbp and the rest as one sum that goes wrong if any is lost */
static void general(uint8_t *in, uint8_t *out, long spins)
{
	__asm__ volatile("sub $128, %%rsp\n push %%rbp\n"         /* past the red zone */
	                 "mov 0(%1), %%rbp\n mov 8(%1), %%rbx\n mov 16(%1), %%r8\n mov 24(%1), %%r9\n"
	                 "mov 32(%1), %%r10\n mov 40(%1), %%r11\n mov 48(%1), %%r12\n mov 56(%1), %%r13\n"
	                 "mov 64(%1), %%r14\n mov 72(%1), %%r15\n" SPIN
	                 "mov %%rbp, 0(%2)\n mov %%rbx, 8(%2)\n mov %%r8, 16(%2)\n mov %%r9, 24(%2)\n"
	                 "mov %%r10, 32(%2)\n mov %%r11, 40(%2)\n mov %%r12, 48(%2)\n mov %%r13, 56(%2)\n"
	                 "mov %%r14, 64(%2)\n mov %%r15, 72(%2)\n"
	                 "pop %%rbp\n add $128, %%rsp\n"
	                 : "+c"(spins) : "S"(in), "D"(out)
	                 : "memory", "cc", "rbx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15");
}

typedef void fill_fn(uint8_t *in, uint8_t *out, long spins);

struct part {
	const char *name;
	fill_fn *fn;
	size_t size;
	uint8_t seed;
	volatile long rounds;
	volatile int leave;
};

static void pattern(uint8_t *in, size_t size, unsigned seed)
{
	for (size_t i = 0; i < size; i++)
		in[i] = (uint8_t)(seed + i * 7 + (i >> 8));
	/* x87: keep them within 63 bits, and away from what is not a number */
	for (size_t i = 7; i < size; i += 8)
		in[i] &= 0x3f;
}

static void one_round(struct part *p, unsigned seed, long spins)
{
	uint8_t in[2048 + 16], out[2048 + 16];

	pattern(in, p->size, seed);
	memset(out, 0, sizeof(out));
	p->fn(in, out, spins);
	if (memcmp(in, out, p->size))
		test_fail(__FILE__, __LINE__, "%s: registers changed after %ld rounds", p->name, p->rounds);
}

static void *fill_and_compare(void *arg)
{
	struct part *p = arg;

	while (!p->leave) {
		one_round(p, p->seed + p->rounds, SPINS);
		p->rounds++;
	}
	return p;
}

static void run(struct part *p)
{
	struct part second = *p;
	stint_t *s[2];

	p->seed = 1;
	second.seed = 100;
	s[0] = stint_launch(fill_and_compare, p, STINT_US(20));
	s[1] = stint_launch(fill_and_compare, &second, STINT_US(20));
	CHECK(s[0] && s[1]);
	for (int i = 0; i < 3000 || p->rounds < 20 || second.rounds < 20; i++) {
		CHECK_INT(stint_resume(s[i % 2], STINT_US(1 + i % 50)), ==, ETIMEDOUT);
		one_round(p, 200 + i, 1);
	}
	p->leave = second.leave = true;
	for (int i = 0; i < 2; i++) {
		CHECK_INT(stint_resume(s[i], STINT_S(100)), ==, 0);
		stint_free(s[i]);
	}
	printf("%s: %ld rounds\n", p->name, p->rounds + second.rounds);
}

/* the rounding mode, in mxcsr and in the x87 control word, is the call's own */
static unsigned get_mxcsr(void)
{
	unsigned mxcsr;

	__asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
	return mxcsr & ~0x3fu;          /* without the sticky flags */
}

static unsigned short get_cw(void)
{
	unsigned short cw;

	__asm__ volatile("fnstcw %0" : "=m"(cw));
	return cw;
}

static volatile int leave_rounding;

static void *rounds_up(void *arg)
{
	unsigned mxcsr;
	unsigned short cw;

	CHECK_INT(fesetround(FE_UPWARD), ==, 0);
	mxcsr = get_mxcsr();
	cw = get_cw();
	stint_pause();
	while (!leave_rounding) {
		CHECK_INT(get_mxcsr(), ==, mxcsr);
		CHECK_INT(get_cw(), ==, cw);
		CHECK_INT(fegetround(), ==, FE_UPWARD);
	}
	return arg;
}

static void *rounds_as_given(void *arg)
{
	CHECK_INT(fegetround(), ==, FE_DOWNWARD);
	return arg;
}

static void control_words(void)
{
	unsigned mxcsr = get_mxcsr();
	unsigned short cw = get_cw();
	stint_t *s = stint_launch(rounds_up, NULL, STINT_S(100));

	CHECK(s);
	for (int i = 0; i < 1000; i++) {
		CHECK_INT(get_mxcsr(), ==, mxcsr);
		CHECK_INT(get_cw(), ==, cw);
		CHECK_INT(fegetround(), ==, FE_TONEAREST);
		CHECK_INT(stint_resume(s, STINT_US(20)), ==, ETIMEDOUT);
	}
	leave_rounding = true;
	CHECK_INT(stint_resume(s, STINT_S(100)), ==, 0);
	CHECK_INT(get_mxcsr(), ==, mxcsr);
	CHECK_INT(get_cw(), ==, cw);
	stint_free(s);

	/* inherited at the launch, as by a new thread */
	CHECK_INT(fesetround(FE_DOWNWARD), ==, 0);
	s = stint_launch(rounds_as_given, NULL, STINT_S(100));
	CHECK(s);
	CHECK_INT(fegetround(), ==, FE_DOWNWARD);
	CHECK_INT(fesetround(FE_TONEAREST), ==, 0);
	stint_free(s);
}

int main(void)
{
	struct part parts[] = {
		{ .name = "general", .fn = general, .size = 80 },
		{ .name = "x87", .fn = x87, .size = 64 },
		{ .name = "sse", .fn = sse, .size = 256 },
		{ .name = "avx", .fn = avx, .size = 512 },
		{ .name = "avx512", .fn = avx512, .size = 2048 + 16 },
	};
	size_t n = sizeof(parts) / sizeof(parts[0]);

	test_watchdog();
	if (!__builtin_cpu_supports("avx512f"))
		n--;
	if (!__builtin_cpu_supports("avx"))
		n--;
	for (size_t i = 0; i < n; i++)
		run(&parts[i]);
	control_words();
	return 0;
}
