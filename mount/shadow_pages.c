/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bytes of a shadow's files: pages of one pool, holes where there are
 * none. */
#include "shadow_i.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint8_t *page_at(const struct nwb_shadow *sh, uint32_t index)
{
	return sh->pool + (uint64_t)index * SHADOW_PAGE;
}

/* Return: 0: the pool is empty. */
static uint32_t page_alloc(struct nwb_shadow *sh)
{
	uint32_t index;

	pthread_mutex_lock(&sh->lock);
	index = sh->free_page;
	if (index)
		memcpy(&sh->free_page, page_at(sh, index), sizeof(uint32_t));
	else if (sh->next_page < sh->pool_pages)
		index = (uint32_t)sh->next_page++;
	pthread_mutex_unlock(&sh->lock);
	return index;
}

static void page_free(struct nwb_shadow *sh, uint32_t index)
{
	pthread_mutex_lock(&sh->lock);
	memcpy(page_at(sh, index), &sh->free_page, sizeof(uint32_t));
	sh->free_page = index;
	pthread_mutex_unlock(&sh->lock);
}

static uint32_t *slot_find(const struct nwb_snode *n, uint64_t off)
{
	uint64_t c = off / SHADOW_CHUNK;

	if (c >= n->nr_chunks || !n->chunk[c])
		return NULL;
	return &n->chunk[c]->page[off % SHADOW_CHUNK / SHADOW_PAGE];
}

uint8_t *pages_find(const struct nwb_shadow *sh, const struct nwb_snode *n,
		    uint64_t off)
{
	const uint32_t *slot = slot_find(n, off);

	return slot && *slot ? page_at(sh, *slot) : NULL;
}

static uint32_t *slot_make(struct nwb_snode *n, uint64_t off)
{
	uint64_t c = off / SHADOW_CHUNK;

	if (c >= n->nr_chunks) {
		uint64_t nr = c + 1 + c / 2;
		struct chunk **v = realloc(n->chunk, nr * sizeof(*v));

		if (!v)
			return NULL;
		memset(v + n->nr_chunks, 0, (nr - n->nr_chunks) * sizeof(*v));
		n->chunk = v;
		n->nr_chunks = nr;
	}
	if (!n->chunk[c])
		n->chunk[c] = calloc(1, sizeof(struct chunk));
	return slot_find(n, off);
}

bool pages_write(struct nwb_shadow *sh, struct nwb_snode *n, const void *buf,
		 uint64_t len, uint64_t off)
{
	const uint8_t *from = buf;

	if (len > NWB_SHADOW_FILE_MAX || off > NWB_SHADOW_FILE_MAX - len)
		return false;
	while (len) {
		uint64_t in = off % SHADOW_PAGE;
		uint64_t part = nwb_min(len, SHADOW_PAGE - in);
		uint32_t *slot = slot_make(n, off);

		if (!slot)
			return false;
		if (!*slot) {
			*slot = page_alloc(sh);
			if (!*slot)
				return false;
			/* used before, perhaps */
			if (part < SHADOW_PAGE)
				memset(page_at(sh, *slot), 0, SHADOW_PAGE);
		}
		memcpy(page_at(sh, *slot) + in, from, part);
		from += part;
		off += part;
		len -= part;
	}
	return true;
}

static void chunk_cut(struct nwb_shadow *sh, struct nwb_snode *n, uint64_t c,
		      unsigned int first)
{
	struct chunk *ch = n->chunk[c];

	for (unsigned int i = first; ch && i < SHADOW_PER; i++) {
		if (ch->page[i])
			page_free(sh, ch->page[i]);
		ch->page[i] = 0;
	}
	if (first)
		return;
	free(ch);
	n->chunk[c] = NULL;
}

void pages_cut(struct nwb_shadow *sh, struct nwb_snode *n, uint64_t size)
{
	uint8_t *page = pages_find(sh, n, size);
	uint64_t up = (size + SHADOW_PAGE - 1) / SHADOW_PAGE;

	if (page && size % SHADOW_PAGE)
		memset(page + size % SHADOW_PAGE, 0,
		       SHADOW_PAGE - size % SHADOW_PAGE);
	for (uint64_t c = up / SHADOW_PER; c < n->nr_chunks; c++)
		chunk_cut(sh, n, c,
			  c == up / SHADOW_PER ? (unsigned int)(up % SHADOW_PER)
					       : 0);
}

static int hex_line(char *buf, size_t size, const char *name, const uint8_t *p,
		    uint64_t len, uint64_t off)
{
	int n = snprintf(buf, size, "  %-8s %08llx ", name,
			 (unsigned long long)off);

	for (uint64_t i = 0; i < len && n > 0 && (size_t)n < size; i++)
		n += snprintf(buf + n, size - (size_t)n, " %02x", p[i]);
	if (n > 0 && (size_t)n < size)
		n += snprintf(buf + n, size - (size_t)n, "\n");
	return n;
}

void shadow_hexdump(char *buf, size_t size, const char *a_name,
		    const uint8_t *a, const char *b_name, const uint8_t *b,
		    uint64_t len, uint64_t off)
{
	int n;

	len = nwb_min(len, 16u);
	n = hex_line(buf, size, a_name, a, len, off);
	if (n > 0 && (size_t)n < size)
		hex_line(buf + n, size - (size_t)n, b_name, b, len, off);
}
