/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Guarded stacks and the switch between them.
 *
 *	map  [ guard page | ............... stack ............... ]
 *	       PROT_NONE    ^ lo                    sp starts here ^
 *
 * A stopped flow of control is its stack pointer: the registers that a called
 * function must preserve lie on top of its stack. On x86-64 that is 20 lines of
 * assembly; elsewhere ucontext(3), which also saves the signal mask and so
 * costs two system calls a switch. NWB_SIM_UCONTEXT asks for it (tests).
 *
 * AddressSanitizer is told before and after each switch which stack is in use,
 * else it would take the frames of the other one for overflows.
 */
#include "sim_i.h"

#include "nwb/mem.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define HAVE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAVE_ASAN 1
#endif
#endif
#ifndef HAVE_ASAN
#define HAVE_ASAN 0
#endif

#if HAVE_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define STACK_BYTES (1024u * 1024) /* red zones make frames larger */
#else
#define STACK_BYTES (256u * 1024)
#endif

#if defined(__x86_64__) && !defined(NWB_SIM_UCONTEXT)

/* Saves into *@save_sp, continues at @to_sp. System V AMD64 ABI, 3.2.1. */
void nwb_sim_switch_sp(void **save_sp, void *to_sp);
/* Where a fresh stack begins: calls r13 with r12. */
void nwb_sim_thunk(void);

__asm__(".text\n"
	".globl nwb_sim_switch_sp\n"
	".hidden nwb_sim_switch_sp\n"
	".type nwb_sim_switch_sp, @function\n"
	"nwb_sim_switch_sp:\n"
	"	pushq %rbp\n"
	"	pushq %rbx\n"
	"	pushq %r12\n"
	"	pushq %r13\n"
	"	pushq %r14\n"
	"	pushq %r15\n"
	"	movq %rsp, (%rdi)\n"
	"	movq %rsi, %rsp\n"
	"	popq %r15\n"
	"	popq %r14\n"
	"	popq %r13\n"
	"	popq %r12\n"
	"	popq %rbx\n"
	"	popq %rbp\n"
	"	ret\n"
	".size nwb_sim_switch_sp, . - nwb_sim_switch_sp\n"
	".globl nwb_sim_thunk\n"
	".hidden nwb_sim_thunk\n"
	".type nwb_sim_thunk, @function\n"
	"nwb_sim_thunk:\n"
	"	.cfi_startproc\n"
	"	.cfi_undefined rip\n"
	"	movq %r12, %rdi\n"
	"	call *%r13\n"
	"	ud2\n"
	"	.cfi_endproc\n"
	".size nwb_sim_thunk, . - nwb_sim_thunk\n");

static int context_init(struct sim_coro *c, sim_entry_fn entry, void *arg)
{
	/* As nwb_sim_switch_sp() leaves it: r15 r14 r13 r12 rbx rbp, return
	 * address; after its ret the stack pointer is 16-byte aligned. */
	void *top = (char *)c->map + c->map_size;
	uintptr_t *frame = (uintptr_t *)top - 7;

	memset(frame, 0, 7 * sizeof(*frame));
	frame[2] = (uintptr_t)entry;
	frame[3] = (uintptr_t)arg;
	frame[6] = (uintptr_t)nwb_sim_thunk;
	c->context = frame;
	return 0;
}

static void context_switch(struct sim_coro *from, struct sim_coro *to)
{
	nwb_sim_switch_sp(&from->context, to->context);
}

static void context_fini(struct sim_coro *c)
{
	c->context = NULL;
}

#else

#include <ucontext.h>

/* makecontext(3) passes ints only: two halves of a pointer each. */
static void ucontext_entry(unsigned int fn_hi, unsigned int fn_lo,
			   unsigned int arg_hi, unsigned int arg_lo)
{
	sim_entry_fn entry =
		(sim_entry_fn)(uintptr_t)((uint64_t)fn_hi << 32 | fn_lo);

	entry((void *)(uintptr_t)((uint64_t)arg_hi << 32 | arg_lo));
}

static int context_init(struct sim_coro *c, sim_entry_fn entry, void *arg)
{
	uint64_t fn = (uintptr_t)entry, a = (uintptr_t)arg;
	ucontext_t *uc;

	if (!c->context)
		c->context = nwb_zalloc(sizeof(*uc));
	if (!c->context)
		return -ENOMEM;
	/* set once: getcontext() returns twice as far as the compiler knows */
	uc = c->context;
	nwb_assert(!getcontext(uc));
	uc->uc_stack.ss_sp = (void *)c->lo;
	uc->uc_stack.ss_size = c->size;
	uc->uc_link = NULL;
	makecontext(uc, (void (*)(void))ucontext_entry, 4,
		    (unsigned int)(fn >> 32), (unsigned int)fn,
		    (unsigned int)(a >> 32), (unsigned int)a);
	return 0;
}

static void context_switch(struct sim_coro *from, struct sim_coro *to)
{
	ucontext_t here, *save = from->context;

	/* The caller's own flow keeps its context in its stopped frame. */
	if (!save)
		from->context = save = &here;
	nwb_assert(!swapcontext(save, to->context));
	if (save == &here)
		from->context = NULL;
}

static void context_fini(struct sim_coro *c)
{
	nwb_free(c->context);
	c->context = NULL;
}

#endif

int nwb_sim_coro_init(struct sim_coro *c, sim_entry_fn entry, void *arg)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (!c->map) {
		size_t size = STACK_BYTES + page;
		void *map = mmap(NULL, size, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE |
					 MAP_STACK,
				 -1, 0);

		if (map == MAP_FAILED)
			return -ENOMEM;
		if (mprotect(map, page, PROT_NONE)) {
			(void)munmap(map, size);
			return -ENOMEM;
		}
		c->map = map;
		c->map_size = size;
		c->lo = (char *)map + page;
		c->size = STACK_BYTES;
	}
#if HAVE_ASAN
	/* Frames of the former user that never returned left red zones. */
	__asan_unpoison_memory_region(c->lo, c->size);
#endif
	c->shadow = NULL;
	return context_init(c, entry, arg);
}

void nwb_sim_coro_fini(struct sim_coro *c)
{
	if (!c->map)
		return;
#if HAVE_ASAN
	__asan_unpoison_memory_region(c->lo, c->size);
#endif
	context_fini(c);
	(void)munmap(c->map, c->map_size);
	memset(c, 0, sizeof(*c));
}

/*
 * Who switched last: the arriving side learns the extent of that stack, which
 * matters for the caller's own. One simulated world runs on one thread, but
 * several threads may have one each.
 */
static _Thread_local struct sim_coro *left nwb_unused;

static void arrived_on(struct sim_coro *self nwb_unused)
{
#if HAVE_ASAN
	const void *lo;
	size_t size;

	__sanitizer_finish_switch_fiber(self->shadow, &lo, &size);
	if (!left->map) {
		left->lo = lo;
		left->size = size;
	}
#endif
}

void nwb_sim_coro_arrived(struct sim_coro *self)
{
	arrived_on(self);
}

void nwb_sim_coro_switch(struct sim_coro *from, struct sim_coro *to,
			 bool is_last nwb_unused)
{
	left = from;
#if HAVE_ASAN
	__sanitizer_start_switch_fiber(is_last ? NULL : &from->shadow, to->lo,
				       to->size);
#endif
	context_switch(from, to);
	arrived_on(from);
}
