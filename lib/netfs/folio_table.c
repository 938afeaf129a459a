/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From a page's index to the leaf that holds its slot: a radix tree, as deep as
 * the largest offset so far needs (the kernel's xarray).
 *
 *	offset  63    59      53      47      41      35      29     21     12
 *	        |.....|.......|.......|.......|.......|.......|.......|  9   |page|
 *	               node    node    node    node    node    node    leaf
 *
 * A node has 64 slots. A tree of height h holds leaves 0 .. 64^h - 1; it grows
 * at the root and never shrinks there. Nodes that became empty go back to the
 * pool. The leaf found last is remembered, so that walking through a file costs
 * one comparison a page.
 *
 * Context: inode->lock held; making and dropping also nf->lock.
 */
#include "internal.h"

static uint64_t capacity(unsigned int height)
{
	unsigned int bits = height * NWB_NODE_SHIFT;

	return bits >= 64 ? UINT64_MAX : 1ull << bits;
}

static unsigned int slot_of(uint64_t nr, unsigned int level)
{
	return (unsigned int)(nr >> ((level - 1) * NWB_NODE_SHIFT)) &
	       (NWB_NODE_SLOTS - 1);
}

/** nwb_leaf_lookup() - leaf @nr, which is not the one found last, or NULL. */
struct nwb_leaf *nwb_leaf_lookup(struct nwb_inode *inode, uint64_t nr)
{
	void *p = inode->table.root;

	if (nr >= capacity(inode->table.height))
		return NULL;
	for (unsigned int level = inode->table.height; p && level; level--)
		p = ((struct nwb_node *)p)->slot[slot_of(nr, level)];
	if (p) {
		inode->table.last = p;
		inode->table.last_nr = nr;
	}
	return p;
}

/* The first leaf at or behind @nr within @p, which covers from @base on. */
static struct nwb_leaf *next_in(void *p, unsigned int level, uint64_t base,
				uint64_t nr, uint64_t *ret_nr)
{
	struct nwb_node *node = p;
	uint64_t step;

	if (!level) {
		*ret_nr = base;
		return p;
	}
	step = capacity(level - 1);
	for (unsigned int i = nr > base ? slot_of(nr, level) : 0;
	     i < NWB_NODE_SLOTS; i++) {
		struct nwb_leaf *leaf;

		if (!node->slot[i])
			continue;
		leaf = next_in(node->slot[i], level - 1, base + i * step, nr,
			       ret_nr);
		if (leaf)
			return leaf;
	}
	return NULL;
}

/** nwb_leaf_next() - the first leaf at or behind @nr, and its number; NULL: none. */
struct nwb_leaf *nwb_leaf_next(struct nwb_inode *inode, uint64_t nr,
			       uint64_t *ret_nr)
{
	struct nwb_leaf *leaf = nwb_leaf_find(inode, nr);

	*ret_nr = nr;
	if (leaf)
		return leaf;
	if (!inode->table.root || nr >= capacity(inode->table.height))
		return NULL;
	return next_in(inode->table.root, inode->table.height, 0, nr, ret_nr);
}

static struct nwb_node *node_new(struct nwb_netfs *nf)
{
	struct nwb_node *node = nwb_pool_get(&nf->node_pool);

	if (node)
		memset(node, 0, sizeof(*node));
	return node;
}

/* Height 1 at first; a root of one slot above what there is. */
static int grow(struct nwb_inode *inode)
{
	struct nwb_node *node = node_new(inode->nf);

	if (!node)
		return -ENOMEM;
	if (inode->table.root) {
		node->slot[0] = inode->table.root;
		node->nr_used = 1;
	}
	inode->table.root = node;
	inode->table.height++;
	return 0;
}

/** nwb_leaf_make() - leaf @nr, made if there is none. NULL: no memory. */
struct nwb_leaf *nwb_leaf_make(struct nwb_inode *inode, uint64_t nr)
{
	struct nwb_leaf *leaf = nwb_leaf_find(inode, nr);
	struct nwb_node *node;

	if (leaf)
		return leaf;
	while (nr >= capacity(inode->table.height) || !inode->table.root)
		if (grow(inode))
			return NULL;
	node = inode->table.root;
	for (unsigned int level = inode->table.height; level > 1; level--) {
		void **slot = &node->slot[slot_of(nr, level)];

		if (!*slot) {
			*slot = node_new(inode->nf);
			if (!*slot)
				return NULL; /* what was made stays, empty */
			node->nr_used++;
		}
		node = *slot;
	}
	leaf = nwb_pool_get(&inode->nf->leaf_pool);
	if (!leaf)
		return NULL;
	memset(leaf, 0, sizeof(*leaf));
	node->slot[slot_of(nr, 1)] = leaf;
	node->nr_used++;
	return leaf;
}

/* Take leaf @nr out below @node. Return: is @node empty now? */
static bool drop_in(struct nwb_netfs *nf, struct nwb_node *node,
		    unsigned int level, uint64_t nr)
{
	void **slot = &node->slot[slot_of(nr, level)];

	nwb_assert(*slot);
	if (level > 1) {
		if (!drop_in(nf, *slot, level - 1, nr))
			return false;
		nwb_pool_put(&nf->node_pool, *slot);
	} else {
		nwb_pool_put(&nf->leaf_pool, *slot);
	}
	*slot = NULL;
	return --node->nr_used == 0;
}

/** nwb_leaf_drop() - leaf @nr, which has no folios, goes back to the pool. */
void nwb_leaf_drop(struct nwb_inode *inode, uint64_t nr)
{
	if (inode->table.last_nr == nr)
		inode->table.last = NULL;
	(void)drop_in(inode->nf, inode->table.root, inode->table.height, nr);
}

static void free_in(struct nwb_netfs *nf, struct nwb_node *node,
		    unsigned int level)
{
	for (unsigned int i = 0; i < NWB_NODE_SLOTS; i++) {
		if (!node->slot[i])
			continue;
		nwb_assert(level > 1); /* no leaf is left */
		free_in(nf, node->slot[i], level - 1);
	}
	nwb_pool_put(&nf->node_pool, node);
}

/** nwb_table_free() - every folio is gone. */
void nwb_table_free(struct nwb_inode *inode)
{
	if (inode->table.root)
		free_in(inode->nf, inode->table.root, inode->table.height);
	memset(&inode->table, 0, sizeof(inode->table));
}
