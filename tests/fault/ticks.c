/*
 * ticks.c - a tick before the n-th instruction of what threads do on their way off the CPU and on to it, for n = 0, 1, 2...
 *
 * A window begins where a thread is about to wake another, to wait, to yield, to make a thread, to join it or to end. It is over
 * where a thread, the same or another, is back in its own code. It is recorded first, step by step, with the processor's flag for
 * that, which stays with the kernel thread across a switch. Then it is run again and again, each time with a trap planted at another
 * of the instructions; the trap's handler sends the runtime's own signal, which is delivered when that handler returns, there.
 * (To take steps each time would be simpler; on a virtual machine each costs ten times what a planted trap does.) There is no other
 * tick: the worker's timer has been deleted.
 *
 *      over    the turn of whoever runs has come to its end
 *      twice   the same, and before, where a thread may not be stopped for the first time, too: so also while that is being taken
 *      kick    somebody has become ready elsewhere, and is in the inbox
 *
 * Who is back in its own code looks whether all is as it must be there (look()): no lock is held, nobody is half gone, each thread
 * is in one place, nothing is left to be taken, and where something is due a tick is on its way for it. A turn that was over has
 * ended, at the latest by now. The threads have control words of their own, so that these are exchanged at each switch.
 *
 * All of it once more where the kernel has to be asked to set the thread pointer; with a director that has a signal mask of its
 * own; and with one that does what it does in a call.
 */
#define _LGPL_SOURCE
#include "../steps.h"
#include "../test.h"

#include <link.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>

#include <stint.h>

#include "clock.h"
#include "monitor.h"
#include "park.h"
#include "runq.h"
#include "settings.h"
#include "sys.h"
#include "tick.h"
#include "worker.h"

#define BREAKPOINT 0xcc                 /* the instruction that traps */
#define STEPS_MAX 5000                  /* that a window may have */
#define TRIES 3
#define SOON_NS 200000                  /* a tick that was refused comes again within that */
#define PATIENCE 1000                   /* times that the one who is always ready runs while a round makes no headway */

enum mode { OVER, TWICE, KICK, MODES };
static const char *const mode_names[MODES] = { "over", "twice", "kick" };

enum place { HERE, ASKING, MASKED, IN_CALL, PLACES };
static const char *const place_names[PLACES] = { "as it is", "the kernel sets the thread pointer", "with a mask", "in a call" };

void __asan_init(void) __attribute__((weak));
void __tsan_init(void) __attribute__((weak));

static struct worker *w;                /* the only one */
static struct kthread *kt;
static pid_t pid;

/* this round */
static const char *op_name;
static enum mode mode;
static enum place place;
static unsigned window, at;
static bool armed, open, landed;        /* the window is still to begin; is not over; its tick has come */
static struct stint_thread *over;       /* whose turn is over */
static uint64_t over_turns;             /* turns when that was so */

static uintptr_t code[STEPS_MAX + 2];     /* of the window, but for repetitions of one instruction */
extern const char __executable_start[];

#define HOLD(cond)                                                                                                      \
	do {                                                                                                            \
		if (!(cond))                                                                                            \
			test_fail(__FILE__, __LINE__, "%s, %s, window %u, %s, instruction %u, at %#lx: not true: %s", \
			          op_name, place_names[place], window, mode_names[mode], at,                            \
			          code[at] - (uintptr_t)__executable_start, #cond);                                     \
	} while (0)

/* --- who takes part ---------------------------------------------------------------------------- */

enum role { DIRECTOR, PARTNER, BYSTANDER, GUEST, CHILD, ROLES };

static stint_thread_t *threads[ROLES];
static struct { unsigned mxcsr; unsigned short fcw; } words[ROLES];
static bool all_over, op_over;
static int finished;
static bool masked;                     /* SIGUSR2, by the director and whom it makes */
static uint64_t live;                   /* of them, between rounds */
static unsigned idle_turns;             /* of the bystander, since the director has got on */

static struct stint_waiter guest;
static unsigned guest_calls, guest_runs;

static bool is_waiting(const struct stint_thread *t)
{
	return t->park_state == PARK_WAITS || t->park_state == PARK_WAITS_HARD;
}

/* --- ticks -------------------------------------------------------------------------------------- */

static void send_tick(void)
{
	siginfo_t info;

	memset(&info, 0, sizeof(info));
	info.si_code = SI_TIMER;
	info.si_value.sival_ptr = kt;
	HOLD(!sys_raw(SYS_rt_tgsigqueueinfo, pid, kt->tid, settings.signo, &info));
}

/*
 * Time has passed. Not where the next one has been chosen and does not run yet: its turn is just being set, and what of that is
 * in registers, time does not change.
 */
static void let_turn_be_over(void)
{
	struct stint *s = self();

	if (!kt->current || kt->current == s) {
		if (w->turn_end != NEVER) {
			w->turn_end = 1;
			w->turn_of = w->turns;
		}
		if (kt->turn_end != NEVER)
			kt->turn_end = 1;
	}
	if (s && kt->current == s && !w->inside && !w->lock && w->ready && kt->turn_end == 1) {
		over = w->running;
		over_turns = w->turns;
	}
	send_tick();
}

static void call_guest(void)
{
	if (is_waiting(threads[GUEST])) {
		guest_calls++;
		unpark_insig(&guest);
	}
}

static void tick(void)
{
	if (mode == KICK)
		call_guest();
	else
		let_turn_be_over();
}

/* --- the instructions of a window --------------------------------------------------------------- */

static unsigned ncode;
static unsigned noted_at;               /* with TWICE, where the first tick comes; STEPS_MAX: nowhere */
static bool recording;
static bool blocked;                    /* not all could be recorded */

/* signals are going to be blocked; a trap would end the process then */
static bool will_block(const greg_t *regs)
{
	const unsigned char *next = (const unsigned char *)regs[REG_RIP];

	return next[0] == 0x0f && next[1] == 0x05 && regs[REG_RAX] == SYS_rt_sigprocmask && regs[REG_RSI] &&
	       regs[REG_RDI] != SIG_UNBLOCK && (*(const uint64_t *)regs[REG_RSI] & (uint64_t)1 << (SIGTRAP - 1));
}

static bool to_be_noted(void)
{
	struct stint *s = self();

	return mode == TWICE && noted_at == STEPS_MAX && s && s->depth && kt->current == s && kt->turn_end != NEVER;
}

/* In the kernel's own code, which reads the clock on some machines: no trap can be planted there. */
static uintptr_t kernels_begin, kernels_end;

static void find_kernels_code(void)
{
	const ElfW(Ehdr) *elf = (const ElfW(Ehdr) *)getauxval(AT_SYSINFO_EHDR);
	const ElfW(Phdr) *part = elf ? (const ElfW(Phdr) *)((const char *)elf + elf->e_phoff) : NULL;

	kernels_begin = (uintptr_t)elf;
	for (unsigned i = 0; elf && i < elf->e_phnum; i++)
		if (part[i].p_type == PT_LOAD)
			kernels_end = kernels_begin + part[i].p_vaddr + part[i].p_memsz;
}

static void record(greg_t *regs)
{
	uintptr_t pc = (uintptr_t)regs[REG_RIP];

	blocked |= will_block(regs) || ncode == STEPS_MAX;
	if (blocked) {
		regs[REG_EFL] &= ~STEP_FLAG;
		return;
	}
	if ((ncode && code[ncode - 1] == pc) || (pc >= kernels_begin && pc < kernels_end))
		return;
	if (to_be_noted()) {
		noted_at = ncode;
		tick();
	}
	code[ncode++] = pc;
}

/* --- the trap ------------------------------------------------------------------------------------ */

static unsigned char *trap, replaced;
static unsigned trap_at, passes;        /* the index of it, and how often it is to be passed before that */
static bool again;                      /* it has just been passed */

static void pull_trap(void)
{
	if (trap)
		*(volatile unsigned char *)trap = replaced;
	trap = NULL;
}

static void plant_trap(void)
{
	HOLD(!trap);
	trap = (unsigned char *)code[trap_at];
	replaced = *trap;
	*(volatile unsigned char *)trap = BREAKPOINT;
}

/* the one at index @i, from index @from on */
static void set_trap(unsigned i, unsigned from)
{
	trap_at = i;
	passes = 0;
	for (unsigned j = from; j < i; j++)
		passes += code[j] == code[i];
	plant_trap();
}

static void land(void)
{
	landed = true;
	tick();
}

/* Pulled before anything else: what follows may go there. */
static void trapped(greg_t *regs)
{
	pull_trap();
	regs[REG_RIP]--;
	again = passes > 0;
	if (again) {
		passes--;
	} else if (trap_at == at) {
		land();
		return;
	} else {
		tick();
	}
	regs[REG_EFL] |= STEP_FLAG;
}

/* Behind the one that was passed, or behind the first tick: its handler has been, with all signals blocked, so with no trap. */
static void passed(greg_t *regs)
{
	regs[REG_EFL] &= ~STEP_FLAG;
	if (again)
		plant_trap();
	else if (at == noted_at + 1)
		land();
	else
		set_trap(at, noted_at + 1);
}

/* On whatever stack and identity, and past the library, which would take this for a handler of the program's. */
static void on_trap(int signo, siginfo_t *info, void *uc)
{
	greg_t *regs = ((ucontext_t *)uc)->uc_mcontext.gregs;

	(void)signo;
	HOLD((trap != NULL) == (info->si_code == SI_KERNEL));
	if (recording)
		record(regs);
	else if (trap)
		trapped(regs);
	else
		passed(regs);
}

static __attribute__((noinline)) void open_window(void)
{
	armed = false;
	open = true;
	if (!recording)
		set_trap(noted_at < at ? noted_at : at, 0);
}

/* a window begins here; the same instructions, whether it is recorded or not */
static inline __attribute__((always_inline)) void begin(unsigned which)
{
	if (!armed || which != window)
		return;
	open_window();
	set_step_flag(recording);
}

static __attribute__((noinline)) void close_window(void)
{
	set_step_flag(false);
	pull_trap();
	open = false;
}

/* of our own: libc's may have a trap planted */
void leave_trap(void);
__asm__(".text\n"
        "leave_trap:\n\t"
        "mov	$15, %eax\n\t"          /* SYS_rt_sigreturn */
        "syscall\n");

/* as the kernel takes it, past the library */
static void take_traps(void)
{
	struct {
		void (*handler)(int, siginfo_t *, void *);
		unsigned long flags;
		void (*restorer)(void);
		uint64_t mask;
	} act = { on_trap, SA_SIGINFO | 0x04000000 /* SA_RESTORER */, leave_trap, ~UINT64_C(0) };

	CHECK(!sys_raw(SYS_rt_sigaction, SIGTRAP, &act, NULL, sizeof(act.mask)));
}

/* --- back in one's own code ---------------------------------------------------------------------- */

static void look_at_others(const struct stint_thread *me)
{
	unsigned ready = 0;

	for (int i = 0; i < ROLES; i++) {
		const struct stint_thread *t = threads[i];

		if (!t || t == me || t->ended)
			continue;
		HOLD(!t->on_cpu);
		ready += !is_waiting(t);
	}
	if (cds_wfcq_empty(&w->inbox_head, &w->inbox_tail))
		HOLD(w->ready == ready);
}

/* What is due is on its way: the next tick is not later than that, or than one which was refused is sent again. */
static void look_at_due(const struct stint *s)
{
	uint64_t due = kthread_due(kt, s), soon = clock_now() + clock_cycles(SOON_NS);
	bool coming = kt->armed <= soon;

	HOLD(due == NEVER || kt->armed <= due || coming);
	HOLD(!s->pending || coming);
	HOLD(!w->post.kicked || coming);
	HOLD(cds_wfcq_empty(&w->inbox_head, &w->inbox_tail) || coming);
	if (over == w->running) {
		HOLD(w->turns != over_turns || coming);
		over = NULL;
	}
}

static void look_at_words(enum role role)
{
	unsigned short fcw;

	__asm__ volatile("fnstcw %0" : "=m"(fcw));
	HOLD(__builtin_ia32_stmxcsr() == words[role].mxcsr);
	HOLD(fcw == words[role].fcw);
}

static void look_at_mask(enum role role)
{
	uint64_t mask = 0;

	HOLD(!sys_raw(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &mask, sizeof(mask)));
	HOLD(mask == (masked && role != BYSTANDER && role != GUEST ? UINT64_C(1) << (SIGUSR2 - 1) : 0));
}

static __attribute__((noinline)) void look(enum role role)
{
	struct stint *s;

	close_window();
	s = self();
	HOLD(!w->inside && !w->lock && !w->wanted);
	HOLD(!w->heir && !w->prev && !w->gone && !w->handed);
	HOLD(kt->current == s && s->kt == kt && s->depth == 0);
	HOLD(w->running == thread_of(root_of(s)) && w->running == threads[role]);
	HOLD(w->running->on_cpu && w->running->park_state == PARK_NOT && !w->running->timer.in);
	look_at_words(role);
	look_at_mask(role);
	look_at_due(s);
	look_at_others(w->running);
}

/* --- operations: what the director does, and its partner, again and again --------------------------- */

static stint_sem_t sems[2] = { STINT_SEM_INIT(0), STINT_SEM_INIT(0) };
static stint_mutex_t mutex = STINT_MUTEX_INIT;
static stint_cond_t cond = STINT_COND_INIT;
static stint_chan_t *chans[2];
static unsigned there, back;            /* rounds; the partner's follows */
static bool inside;                     /* somebody has the mutex */

static void until_waits(enum role role)
{
	while (!is_waiting(threads[role]))
		stint_thread_yield();
}

static void sem_director(void)
{
	until_waits(PARTNER);
	there++;
	begin(0);
	HOLD(!stint_sem_post(&sems[0]));
	look(DIRECTOR);
	begin(1);
	HOLD(!stint_sem_wait(&sems[1]));
	look(DIRECTOR);
	HOLD(back == there);
}

static void sem_partner(void)
{
	begin(2);
	HOLD(!stint_sem_wait(&sems[0]));
	look(PARTNER);
	HOLD(++back == there);
	begin(3);
	HOLD(!stint_sem_post(&sems[1]));
	look(PARTNER);
}

static void timed_director(void)
{
	until_waits(PARTNER);
	there++;
	HOLD(!stint_sem_post(&sems[0]));
	begin(0);
	HOLD(!stint_sem_wait_timed(&sems[1], STINT_S(3600)));
	look(DIRECTOR);
	HOLD(back == there);
}

static void timed_partner(void)
{
	begin(1);
	HOLD(!stint_sem_wait_timed(&sems[0], STINT_S(3600)));
	look(PARTNER);
	HOLD(++back == there);
	HOLD(!stint_sem_post(&sems[1]));
}

/* from round to round the director has it, and the partner waits for it */
static void mutex_director(void)
{
	if (!inside)
		HOLD(!stint_mutex_lock(&mutex));
	inside = true;
	until_waits(PARTNER);
	there++;
	inside = false;
	begin(0);
	HOLD(!stint_mutex_unlock(&mutex));
	look(DIRECTOR);
	begin(1);
	HOLD(!stint_mutex_lock(&mutex));
	look(DIRECTOR);
	HOLD(!inside && back == there);
	inside = !op_over;
	if (op_over)
		HOLD(!stint_mutex_unlock(&mutex));
}

static void mutex_partner(void)
{
	while (!inside)
		stint_thread_yield();   /* or it would have it twice */
	begin(2);
	HOLD(!stint_mutex_lock(&mutex));
	look(PARTNER);
	HOLD(!inside);
	inside = true;
	HOLD(++back == there);
	inside = false;
	begin(3);
	HOLD(!stint_mutex_unlock(&mutex));
	look(PARTNER);
}

static void chan_director(void)
{
	unsigned answer = 0;

	until_waits(PARTNER);
	there++;
	begin(0);
	HOLD(!stint_chan_send(chans[0], &there));
	look(DIRECTOR);
	begin(1);
	HOLD(!stint_chan_recv(chans[1], &answer));
	look(DIRECTOR);
	HOLD(answer == ~there && back == there);
}

static void chan_partner(void)
{
	unsigned word = 0;

	begin(2);
	HOLD(!stint_chan_recv(chans[0], &word));
	look(PARTNER);
	HOLD(++back == there && word == there);
	word = ~word;
	begin(3);
	HOLD(!stint_chan_send(chans[1], &word));
	look(PARTNER);
}

static void cond_director(void)
{
	until_waits(PARTNER);
	HOLD(!stint_mutex_lock(&mutex));
	there++;
	begin(0);
	HOLD(!stint_cond_signal(&cond));
	look(DIRECTOR);
	while (back != there) {
		begin(1);
		HOLD(!stint_cond_wait(&cond, &mutex));
		look(DIRECTOR);
	}
	HOLD(!stint_mutex_unlock(&mutex));
}

static void cond_partner(void)
{
	HOLD(!stint_mutex_lock(&mutex));
	while (back == there) {
		begin(2);
		HOLD(!stint_cond_wait(&cond, &mutex));
		look(PARTNER);
	}
	HOLD(++back == there);
	HOLD(!stint_cond_signal(&cond));
	begin(3);
	HOLD(!stint_mutex_unlock(&mutex));
	look(PARTNER);
}

static void yield_director(void)
{
	begin(0);
	stint_thread_yield();
	look(DIRECTOR);
}

/* its own code is where it is stopped; the bystander's yield leads to the end of the handler */
static void stopped_director(void)
{
	uint64_t turns = w->turns;

	let_turn_be_over();
	HOLD(w->turns != turns);
	look(DIRECTOR);
}

/* it goes as soon as it may, and comes back there */
static void deferred_director(void)
{
	uint64_t turns = w->turns;

	stint_preempt_disable();
	let_turn_be_over();
	HOLD(w->turns == turns && self()->pending);
	stint_preempt_enable();
	HOLD(w->turns != turns);
	look(DIRECTOR);
}

/* A tick was deferred, and it turns out that the turn goes on. */
static void goes_on_director(void)
{
	stint_preempt_disable();
	__atomic_store_n(&w->post.kicked, 1, __ATOMIC_SEQ_CST);
	send_tick();
	HOLD(self()->pending);
	begin(0);
	stint_preempt_enable();
	look(DIRECTOR);
}

/* how often it was said, in this round, that somebody waits for the child to begin; the policy is rr but for that */
static unsigned told;

static void is_told(void *rq, struct stint_task *t, stint_ns now)
{
	(void)now;
	HOLD(rq == w->rq && t == &threads[CHILD]->task);
	HOLD(threads[CHILD]->fresh_in == w && !threads[CHILD]->started && !threads[CHILD]->on_cpu);
	HOLD(!w->running && w->prev == threads[DIRECTOR] && w->prev->joins == threads[CHILD]);
	told++;
}

static void have_it_told(void)
{
	static struct stint_policy policy;
	const struct stint_policy *rr;

	CHECK_INT(stint_policy_load("rr", &rr, NULL, 0), ==, 0);
	policy = *rr;
	policy.yield_to = is_told;
	CHECK_INT(stint_policy_set(&policy), ==, 0);
	CHECK(workers[0]->yield_to == is_told);
}

static void *child(void *arg)
{
	look(CHILD);
	HOLD(told == is_waiting(threads[DIRECTOR]));
	++*(unsigned *)arg;
	begin(2);
	return arg;
}

/* the child, which has counted in @ran, has been joined */
static void check_joined(const unsigned *ran, const void *result)
{
	look(DIRECTOR);
	threads[CHILD] = NULL;
	HOLD(*ran == 1 && result == ran);
	HOLD(threads_live() == live);
}

static void child_director(void)
{
	unsigned ran = 0;
	void *result = NULL;

	told = 0;
	begin(0);
	HOLD(!stint_thread_create(&threads[CHILD], NULL, child, &ran));
	look(DIRECTOR);
	begin(1);
	HOLD(!stint_thread_join(threads[CHILD], &result));
	check_joined(&ran, result);
}

static void timed_child_director(void)
{
	unsigned ran = 0;
	void *result = NULL;

	told = 0;
	HOLD(!stint_thread_create(&threads[CHILD], NULL, child, &ran));
	begin(0);
	HOLD(!stint_thread_join_timed(threads[CHILD], &result, STINT_S(3600)));
	check_joined(&ran, result);
}

static void *early_child(void *arg)
{
	++*(unsigned *)arg;
	return arg;
}

static void ended_director(void)
{
	unsigned ran = 0;
	void *result = NULL;

	HOLD(!stint_thread_create(&threads[CHILD], NULL, early_child, &ran));
	while (!threads[CHILD]->ended)
		stint_thread_yield();
	begin(0);
	HOLD(!stint_thread_join(threads[CHILD], &result));
	check_joined(&ran, result);
}

static void *loose_child(void *arg)
{
	++*(unsigned *)arg;
	begin(1);
	return arg;
}

/* nobody looks for it in the books: it is not known when it will be gone */
static void loose_director(void)
{
	static unsigned ran;

	ran = 0;
	begin(0);
	HOLD(!stint_go(loose_child, &ran));
	close_window();
	while (threads_live() > live)
		stint_thread_yield();
	look(DIRECTOR);
	HOLD(ran == 1);
}

static const struct op {
	const char *name;
	void (*director)(void), (*partner)(void);
	unsigned windows;               /* of these two; one more is the bystander's */
	bool books;                     /* the bystander may look while it is under way */
	bool by_rounds;                 /* nobody has anything from one round to the next */
} ops[] = {
	{ "semaphore", sem_director, sem_partner, 4, true, true },
	{ "timed wait", timed_director, timed_partner, 2, true, true },
	{ "mutex", mutex_director, mutex_partner, 4, true, false },
	{ "channel", chan_director, chan_partner, 4, true, true },
	{ "condition", cond_director, cond_partner, 4, true, true },
	{ "yield", yield_director, NULL, 1, true, true },
	{ "stopped", stopped_director, NULL, 0, true, true },
	{ "stopped later", deferred_director, NULL, 0, true, true },
	{ "not stopped", goes_on_director, NULL, 1, true, true },
	{ "create, end and join", child_director, NULL, 3, true, true },
	{ "timed join", timed_child_director, NULL, 1, true, true },
	{ "join of what has ended", ended_director, NULL, 1, true, true },
	{ "detached", loose_director, NULL, 2, false, true },
};
static const struct op *op;

/* --- rounds ------------------------------------------------------------------------------------- */

static void settle_down(enum role role)
{
	unsigned short fcw = words[role].fcw;

	__builtin_ia32_ldmxcsr(words[role].mxcsr);
	__asm__ volatile("fldcw %0" : : "m"(fcw));
}

/* always ready, so turns have an end */
static void *stands_by(void *arg)
{
	settle_down(BYSTANDER);
	while (!all_over) {
		HOLD(++idle_turns < PATIENCE);
		begin(op ? op->windows : 0);
		stint_thread_yield();
		if (op && op->books)
			look(BYSTANDER);
		else
			close_window();
	}
	return arg;
}

/* comes from elsewhere when it is called */
static void *visits(void *arg)
{
	struct stint *s = self();

	settle_down(GUEST);
	while (!all_over) {
		park_begin(s);
		waiter_init(&guest, s, PARK_OTHER, NULL);
		HOLD(!park(s, &guest, NEVER));
		park_end(s, NULL);
		guest_runs++;
		if (op && op->books)
			look(GUEST);
	}
	return arg;
}

static void *partner(void *arg)
{
	settle_down(PARTNER);
	while (!op_over)
		op->partner();
	return arg;
}

static void *one_round(void *arg)
{
	op->director();
	return arg;
}

static void make_round(void)
{
	stint_t *call;

	idle_turns = 0;
	if (place != IN_CALL) {
		op->director();
		return;
	}
	call = stint_launch(one_round, NULL, STINT_FOREVER);
	HOLD(call && stint_is_complete(call));
	stint_free(call);
}

static void run_window(void)
{
	stint_thread_yield();           /* whoever was stopped in close_window() goes on with it */
	until_waits(GUEST);
	landed = false;
	over = NULL;
	armed = true;
	make_round();
	while (armed || open || guest_runs != guest_calls)      /* others' turn is still to come */
		stint_thread_yield();
	HOLD(!trap);
}

/* into the code: one that was never written to is shared with the file */
static void open_page(uintptr_t pc)
{
	static uintptr_t last;
	uintptr_t page = pc & ~(uintptr_t)(ARCH_PAGE_SIZE - 1);

	if (page != last && mprotect((void *)page, ARCH_PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC))
		test_skip("code may not be written to here");
	last = page;
}

static void record_window(void)
{
	ncode = 0;
	noted_at = STEPS_MAX;
	blocked = false;
	recording = true;
	run_window();
	recording = false;
	HOLD(!blocked && ncode);
	for (unsigned i = 0; i < ncode; i++)
		open_page(code[i]);
}

/*
 * The tick comes one instruction later each time. Where the window goes another way than when it was recorded (a pool is empty) it is
 * recorded once more.
 */
static unsigned walk_through(void)
{
	unsigned n = 0, tries = 0, missed = 0;

	record_window();
	at = mode == TWICE ? noted_at + 1 : 0;
	while (at < ncode) {
		run_window();
		n += landed;
		if (landed || ++tries == TRIES) {
			missed += !landed;
			tries = 0;
			at++;
		} else {
			record_window();
		}
	}
	HOLD(missed * 20 <= ncode);
	return n;
}

static unsigned long run_op(const struct op *o)
{
	unsigned long n = 0;

	op = o;
	op_name = o->name;
	op_over = false;
	there = back = 0;
	if (o->partner)
		CHECK_INT(stint_thread_create(&threads[PARTNER], NULL, partner, NULL), ==, 0);
	live = threads_live();
	for (mode = OVER; mode < MODES; mode++)
		for (window = 0; window <= o->windows; window++)
			n += walk_through();
	mode = OVER;
	if (o->partner) {
		until_waits(PARTNER);
		op_over = true;
		make_round();
		CHECK_INT(stint_thread_join(threads[PARTNER], NULL), ==, 0);
		threads[PARTNER] = NULL;
	}
	op = NULL;
	return n;
}

static void run_ops(enum place p)
{
	unsigned long n = 0;

	place = p;
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (p != IN_CALL || ops[i].by_rounds)
			n += run_op(&ops[i]);
	printf("%s: %lu ticks\n", place_names[p], n);
}

static void mask_it(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	CHECK_INT(pthread_sigmask(how, &set, NULL), ==, 0);
	masked = how == SIG_BLOCK;
}

static void *directs(void *arg)
{
	struct stint *s = self();

	settle_down(DIRECTOR);
	CHECK_INT(stint_thread_create(&threads[BYSTANDER], NULL, stands_by, NULL), ==, 0);
	CHECK_INT(stint_thread_create(&threads[GUEST], NULL, visits, NULL), ==, 0);
	run_ops(HERE);
	if (arch_user_tp) {
		arch_user_tp = 0;
		run_ops(ASKING);
		arch_user_tp = 1;
	}
	mask_it(SIG_BLOCK);
	run_ops(MASKED);
	mask_it(SIG_UNBLOCK);
	run_ops(IN_CALL);
	all_over = true;
	park_begin(s);
	unpark(&guest);
	park_end(s, NULL);
	CHECK_INT(stint_thread_join(threads[GUEST], NULL), ==, 0);
	CHECK_INT(stint_thread_join(threads[BYSTANDER], NULL), ==, 0);
	__atomic_store_n(&finished, 1, __ATOMIC_RELEASE);
	sys_wake(&finished);
	return arg;
}

static void have_words(void)
{
	unsigned mxcsr = __builtin_ia32_stmxcsr();
	unsigned short fcw;

	__asm__ volatile("fnstcw %0" : "=m"(fcw));
	for (int i = 0; i < ROLES; i++) {
		words[i].mxcsr = mxcsr;
		words[i].fcw = fcw;
	}
	words[PARTNER].mxcsr ^= 0x2000;         /* rounds to another side */
	words[BYSTANDER].fcw ^= 0x400;
	words[GUEST].mxcsr ^= 0x4000;
	words[GUEST].fcw ^= 0x800;
}

int main(void)
{
	struct stint_config config = { .size = sizeof(config), .workers = 1, .policy = "rr", .quantum = STINT_S(10) };

	test_watchdog();
	pid = getpid();
	if (__asan_init || __tsan_init)
		test_skip("the sanitizer's own code would be trapped");
	setenv("STINT_TICK", "timer", 1);
	CHECK(!stint_unsupported());
	chans[0] = stint_chan_create(sizeof(unsigned), 0);
	chans[1] = stint_chan_create(sizeof(unsigned), 0);
	CHECK(chans[0] && chans[1]);
	have_words();
	CHECK_INT(stint_start(&config), ==, 0);
	have_it_told();
	find_kernels_code();
	take_traps();
	monitor_stop();         /* so that nobody else wakes or relieves the worker */
	w = workers[0];
	kt = w->kt;
	clock_refine_at = UINT64_MAX;   /* which would be another way */
	CHECK_INT(sys_raw(SYS_timer_delete, kt->timer, 0, 0, 0), ==, 0);
	CHECK_INT(stint_thread_create(&threads[DIRECTOR], NULL, directs, NULL), ==, 0);
	sys_wait(&finished, 0); /* and not in code that may have a trap planted */
	CHECK_INT(stint_thread_join(threads[DIRECTOR], NULL), ==, 0);
	CHECK_INT(stint_stop(), ==, 0);
	return 0;
}
