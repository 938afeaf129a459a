/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Intrusive circular doubly linked list. A head is a node that is no entry;
 * a node that is in no list points to itself.
 */
#ifndef NWB_LIST_H
#define NWB_LIST_H

#include "nwb/util.h"

struct nwb_list {
	struct nwb_list *next;
	struct nwb_list *prev;
};

/** nwb_list_init() - an empty head, or a node that is in no list. What @l was
 * linked to is not looked at. */
static inline void nwb_list_init(struct nwb_list *l)
{
	l->next = l;
	l->prev = l;
}

/** nwb_list_empty() - of a head: has it no entry? Of a node: is it in no list?
 * Nobody changes the list meanwhile. */
static inline bool nwb_list_empty(const struct nwb_list *l)
{
	return l->next == l;
}

/** nwb_list_add() - insert @n right behind @at (at the front of head @at). */
static inline void nwb_list_add(struct nwb_list *at, struct nwb_list *n)
{
	n->next = at->next;
	n->prev = at;
	at->next->prev = n;
	at->next = n;
}

/** nwb_list_add_tail() - insert @n right before @at (at the end of head @at). */
static inline void nwb_list_add_tail(struct nwb_list *at, struct nwb_list *n)
{
	nwb_list_add(at->prev, n);
}

/** nwb_list_del() - take @n out and leave it pointing to itself. */
static inline void nwb_list_del(struct nwb_list *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	nwb_list_init(n);
}

/** nwb_list_splice_tail() - move all of @from to the end of @to. */
static inline void nwb_list_splice_tail(struct nwb_list *to,
					struct nwb_list *from)
{
	if (nwb_list_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	nwb_list_init(from);
}

#define nwb_list_entry(ptr, type, member) nwb_container_of(ptr, type, member)
#define nwb_list_first(head, type, member)                                     \
	nwb_list_entry((head)->next, type, member)
#define nwb_list_last(head, type, member)                                      \
	nwb_list_entry((head)->prev, type, member)
/* Where @pos has its @member. At the end of a walk @pos stands for the head,
 * which is part of no entry and need not be aligned as one: the way to it is
 * arithmetic, and nothing else of @pos is looked at. */
#define nwb_list_node(pos, member)                                             \
	((struct nwb_list *)(void *)((char *)(pos) +                           \
				     offsetof(__typeof__(*(pos)), member)))
#define nwb_list_next(pos, member)                                             \
	nwb_list_entry(nwb_list_node(pos, member)->next, __typeof__(*(pos)),   \
		       member)

#define nwb_list_for_each_entry(pos, head, member)                             \
	for (pos = nwb_list_first(head, __typeof__(*pos), member);             \
	     nwb_list_node(pos, member) != (head);                             \
	     pos = nwb_list_next(pos, member))

#define nwb_list_for_each_entry_safe(pos, n, head, member)                     \
	for (pos = nwb_list_first(head, __typeof__(*pos), member),             \
	    n = nwb_list_next(pos, member);                                    \
	     nwb_list_node(pos, member) != (head);                             \
	     pos = n, n = nwb_list_next(n, member))

#endif
