/*
 * unwind.c - see unwind.h
 *
 * The part of DWARF call frame information that C compilers and libc's assembly use: where the caller's frame
 * lies as an offset from rsp or rbp, and where rbp was saved. Expressions occur in PLTs and signal trampolines
 * only, and end the walk. libgcc's unwinder does all of it, but takes locks.
 */
#include <string.h>

#include "unwind.h"

enum { RBP = 6, RSP = 7 };
#define ROWS_SAVED 4

struct row {
	unsigned cfa_reg;
	intptr_t cfa_offset;
	intptr_t bp_at;                 /* from the CFA; 0: not saved */
};

struct machine {
	const unsigned char *p, *end;
	intptr_t data_align;
	uintptr_t code_align, loc;
	struct row row, initial, saved[ROWS_SAVED];
	unsigned nsaved;
};

static uintptr_t uleb(struct machine *m)
{
	uintptr_t v = 0;
	unsigned shift = 0;

	while (m->p < m->end) {
		unsigned char c = *m->p++;

		if (shift < 64)
			v |= (uintptr_t)(c & 0x7f) << shift;
		shift += 7;
		if (!(c & 0x80))
			break;
	}
	return v;
}

static intptr_t sleb(struct machine *m)
{
	intptr_t v = 0;
	unsigned shift = 0;
	unsigned char c = 0;

	while (m->p < m->end) {
		c = *m->p++;
		if (shift < 64)
			v |= (intptr_t)((uintptr_t)(c & 0x7f) << shift);
		shift += 7;
		if (!(c & 0x80))
			break;
	}
	if (shift < 64 && (c & 0x40))
		v |= -((intptr_t)1 << shift);
	return v;
}

static uintptr_t fixed(struct machine *m, size_t n)
{
	uintptr_t v = 0;

	if ((size_t)(m->end - m->p) < n)
		n = (size_t)(m->end - m->p);
	memcpy(&v, m->p, n);
	m->p += n;
	return v;
}

static uint32_t word(const unsigned char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static void saved_at(struct machine *m, uintptr_t reg, intptr_t offset)
{
	if (reg == RBP)
		m->row.bp_at = offset;
}

/* DW_CFA_... that are not packed into two bits */
static bool extended(struct machine *m, unsigned op)
{
	uintptr_t reg;

	switch (op) {
	case 0x00:      /* nop */
		return true;
	case 0x02:      /* advance_loc1, 2, 4 */
	case 0x03:
	case 0x04:
		m->loc += fixed(m, op == 0x04 ? 4 : op - 1) * m->code_align;
		return true;
	case 0x05:      /* offset_extended */
		reg = uleb(m);
		saved_at(m, reg, (intptr_t)uleb(m) * m->data_align);
		return true;
	case 0x11:      /* offset_extended_sf */
		reg = uleb(m);
		saved_at(m, reg, sleb(m) * m->data_align);
		return true;
	case 0x06:      /* restore_extended, undefined, same_value */
	case 0x07:
	case 0x08:
		saved_at(m, uleb(m), 0);
		return true;
	case 0x0a:      /* remember_state */
		if (m->nsaved == ROWS_SAVED)
			return false;
		m->saved[m->nsaved++] = m->row;
		return true;
	case 0x0b:      /* restore_state */
		if (!m->nsaved)
			return false;
		m->row = m->saved[--m->nsaved];
		return true;
	case 0x0c:      /* def_cfa */
		m->row.cfa_reg = (unsigned)uleb(m);
		m->row.cfa_offset = (intptr_t)uleb(m);
		return true;
	case 0x0d:      /* def_cfa_register */
		m->row.cfa_reg = (unsigned)uleb(m);
		return true;
	case 0x0e:      /* def_cfa_offset */
		m->row.cfa_offset = (intptr_t)uleb(m);
		return true;
	case 0x2e:      /* GNU_args_size */
		uleb(m);
		return true;
	}
	return false;
}

/* up to the row that covers @pc */
static bool run(struct machine *m, uintptr_t pc)
{
	while (m->p < m->end) {
		unsigned char op = *m->p++;
		unsigned low = op & 0x3f;
		uintptr_t before = m->loc;
		struct row row = m->row;

		switch (op >> 6) {
		case 1:
			m->loc += low * m->code_align;
			break;
		case 2:
			saved_at(m, low, (intptr_t)uleb(m) * m->data_align);
			break;
		case 3:
			saved_at(m, low, low == RBP ? m->initial.bp_at : 0);
			break;
		default:
			if (!extended(m, op))
				return false;
		}
		if (m->loc != before && m->loc > pc) {
			m->row = row;
			return true;
		}
	}
	return true;
}

/* the common entry: sets the alignments and the initial row, and leaves data of the augmentation to be skipped */
static bool start(struct machine *m, const unsigned char *cie)
{
	const char *augmentation = (const char *)cie + 9;

	m->p = cie + 9 + strlen(augmentation) + 1;
	m->end = cie + 4 + word(cie);
	if (augmentation[0] != 'z')
		return false;
	m->code_align = uleb(m);
	m->data_align = sleb(m);
	uleb(m);                /* the return address' column */
	m->p += uleb(m);
	if (!run(m, UINTPTR_MAX))
		return false;
	m->initial = m->row;
	return true;
}

static bool read_stack(const struct frame *f, uintptr_t at, uintptr_t *v)
{
	if (at < f->stack_lo || at > f->stack_hi - sizeof(*v))
		return false;
	memcpy(v, (const void *)at, sizeof(*v));
	return true;
}

bool unwind_step(struct frame *f, const unsigned char *fde)
{
	struct machine m = { .p = NULL };
	uintptr_t cfa;

	if (!start(&m, fde + 4 - word(fde + 4)))
		return false;
	m.loc = (uintptr_t)(fde + 8) + (uintptr_t)(intptr_t)(int32_t)word(fde + 8);
	m.p = fde + 16;
	m.end = fde + 4 + word(fde);
	m.p += uleb(&m);
	if (!run(&m, f->pc) || (m.row.cfa_reg != RSP && m.row.cfa_reg != RBP))
		return false;
	cfa = (m.row.cfa_reg == RSP ? f->sp : f->bp) + (uintptr_t)m.row.cfa_offset;
	if (m.row.bp_at && !read_stack(f, cfa + (uintptr_t)m.row.bp_at, &f->bp))
		return false;
	f->sp = cfa;
	return read_stack(f, cfa - sizeof(uintptr_t), &f->pc);
}
