/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * UTF-8 <-> UTF-16LE, strict both ways: overlong forms, surrogates in UTF-8
 * and lone surrogates in UTF-16 are errors (RFC 3629, RFC 2781).
 */
#include "smb2_le.h"

/* One code point at @s (NUL-terminated). Returns its bytes, or -EILSEQ. */
static int utf8_get(const uint8_t *s, uint32_t *ret_cp)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	uint32_t cp;
	int n;

	if (s[0] < 0x80) {
		*ret_cp = s[0];
		return 1;
	}
	if ((s[0] & 0xe0) == 0xc0)
		n = 2;
	else if ((s[0] & 0xf0) == 0xe0)
		n = 3;
	else if ((s[0] & 0xf8) == 0xf0)
		n = 4;
	else
		return -EILSEQ;
	cp = s[0] & (0x7fu >> n);
	for (int i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return -EILSEQ;
		cp = cp << 6 | (s[i] & 0x3fu);
	}
	if (cp < least[n] || cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000))
		return -EILSEQ;
	*ret_cp = cp;
	return n;
}

int nwb_smb2_utf16_encode(uint8_t *buf, size_t size, const char *s)
{
	const uint8_t *in = (const uint8_t *)s;
	size_t used = 0;

	while (*in) {
		uint32_t cp;
		int n = utf8_get(in, &cp);

		if (n < 0)
			return n;
		in += n;
		if (size - used < (cp >= 0x10000 ? 4u : 2u))
			return -ENOSPC;
		if (cp >= 0x10000) {
			cp -= 0x10000;
			put16(buf + used, 0xd800 | cp >> 10);
			used += 2;
			cp = 0xdc00 | (cp & 0x3ff);
		}
		put16(buf + used, cp);
		used += 2;
	}
	return (int)used;
}

/* Writes @cp and returns its bytes, or -ENOSPC. */
static int utf8_put(uint8_t *out, size_t room, uint32_t cp)
{
	int n = cp < 0x80 ? 1 : cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
	static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};

	if (room < (size_t)n)
		return -ENOSPC;
	for (int i = n - 1; i > 0; i--) {
		out[i] = (uint8_t)(0x80 | (cp & 0x3f));
		cp >>= 6;
	}
	out[0] = (uint8_t)(lead[n] | cp);
	return n;
}

int nwb_smb2_utf16_decode(char *buf, size_t size, const uint8_t *s, size_t len)
{
	size_t used = 0;

	if (len % 2)
		return -EILSEQ;
	for (size_t i = 0; i < len; i += 2) {
		uint32_t cp = get16(s + i);
		int n;

		if (cp == 0 || (cp >= 0xdc00 && cp < 0xe000))
			return -EILSEQ;
		if (cp >= 0xd800 && cp < 0xdc00) {
			uint32_t low;

			if (len - i < 4)
				return -EILSEQ;
			low = get16(s + i + 2);
			if (low < 0xdc00 || low >= 0xe000)
				return -EILSEQ;
			cp = 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00);
			i += 2;
		}
		n = utf8_put((uint8_t *)buf + used, size - used, cp);
		if (n < 0)
			return n;
		used += (size_t)n;
	}
	if (used >= size)
		return -ENOSPC;
	buf[used] = '\0';
	return (int)used;
}
