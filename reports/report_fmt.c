/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text that keeps within its columns, whatever it is given. */
#include "report_i.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/*
 * To printable ASCII in place: '?' for a character beyond ASCII (one, however
 * many bytes of UTF-8 it has) or a control, a space for white space.
 */
static void to_ascii(char *s)
{
	char *to = s;

	for (; *s; s++) {
		unsigned char ch = (unsigned char)*s;

		if ((ch & 0xc0) == 0x80)
			continue;
		if (ch == '\t' || ch == '\n' || ch == '\r')
			*to++ = ' ';
		else
			*to++ = ch < 0x20 || ch > 0x7e ? '?' : *s;
	}
	*to = '\0';
}

static void spaces(struct rep_out *o, int n)
{
	fprintf(o->f, "%*s", n, "");
}

static void wrap_words(struct rep_out *o, int indent, int hang, char *text)
{
	int col = indent;
	bool is_first = true; /* on this line */
	size_t len;

	spaces(o, indent);
	for (char *w = text + strspn(text, " "); *w; w += strspn(w, " ")) {
		len = strcspn(w, " ");
		if (!is_first && col + 1 + (int)len > NWB_REPORT_COLUMNS) {
			fputc('\n', o->f);
			spaces(o, hang);
			col = hang;
			is_first = true;
		}
		if (!is_first) {
			fputc(' ', o->f);
			col++;
		}
		/* Longer than a whole line: as much as fits, again below. */
		if ((int)len > NWB_REPORT_COLUMNS - col)
			len = (size_t)(NWB_REPORT_COLUMNS - col);
		fwrite(w, 1, len, o->f);
		col += (int)len;
		is_first = false;
		w += len;
	}
	fputc('\n', o->f);
}

void rep_wrap(struct rep_out *o, int indent, int hang, const char *fmt, ...)
{
	char *text;
	va_list ap;
	int r;

	nwb_assert(indent >= 0 && indent < NWB_REPORT_COLUMNS);
	nwb_assert(hang >= 0 && hang < NWB_REPORT_COLUMNS);
	va_start(ap, fmt);
	r = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (r < 0) {
		o->err = -ENOMEM;
		return;
	}
	to_ascii(text);
	wrap_words(o, indent, hang, text);
	free(text);
}

void rep_heading(struct rep_out *o, const char *text)
{
	fprintf(o->f, "\n%s\n", text);
	for (size_t i = strlen(text); i; i--)
		fputc('-', o->f);
	fputc('\n', o->f);
}

void rep_name(struct rep_out *o, int width, const char *name)
{
	char *copy = strdup(name);

	if (!copy) {
		o->err = -ENOMEM;
		return;
	}
	to_ascii(copy);
	if (strlen(copy) <= (size_t)width) {
		fprintf(o->f, "%-*s", width, copy);
	} else {
		wrap_words(o, 0, 2, copy);
		spaces(o, width);
	}
	free(copy);
}

/* ---- commands ---- */

/* Where in a line of shell we are. */
struct shell {
	char quote; /* ' or " or 0 */
	bool is_escaped;
};

static void shell_step(struct shell *sh, char ch)
{
	if (sh->is_escaped)
		sh->is_escaped = false;
	else if (ch == '\\' && sh->quote != '\'')
		sh->is_escaped = true;
	else if (!sh->quote && (ch == '\'' || ch == '"'))
		sh->quote = ch;
	else if (ch == sh->quote)
		sh->quote = 0;
}

/* Length of the word at @s: up to a space that separates for the shell. */
static size_t shell_word(const char *s)
{
	struct shell sh = {0};
	size_t n = 0;

	for (; s[n]; n++) {
		if (s[n] == ' ' && !sh.quote && !sh.is_escaped)
			break;
		shell_step(&sh, s[n]);
	}
	return n;
}

/*
 * A word longer than a line. Between single quotes a backslash is itself, so
 * there the quotes are closed before the line's end and opened after it; the
 * shell puts the halves together.
 */
static int cut_word(struct rep_out *o, int col, const char *w, size_t len)
{
	struct shell sh = {0};

	for (size_t i = 0; i < len; i++) {
		/* Room for a character, a closing quote and the backslash. */
		if (col > NWB_REPORT_COLUMNS - 3 && !sh.is_escaped) {
			bool is_single = sh.quote == '\'';

			fputs(is_single ? "'\\\n'" : "\\\n", o->f);
			col = is_single;
		}
		fputc(w[i], o->f);
		col++;
		shell_step(&sh, w[i]);
	}
	return col;
}

void rep_command(struct rep_out *o, const char *cmd)
{
	const int last = NWB_REPORT_COLUMNS - 2; /* " \" */
	char *copy = strdup(cmd);
	int col = 2;

	if (!copy) {
		o->err = -ENOMEM;
		return;
	}
	to_ascii(copy);
	spaces(o, 2);
	for (char *w = copy + strspn(copy, " "); *w; w += strspn(w, " ")) {
		size_t len = shell_word(w);

		if (col > 4 && (size_t)col + 1 + len > (size_t)last) {
			fputs(" \\\n    ", o->f);
			col = 4;
		} else if (col > 2) {
			fputc(' ', o->f);
			col++;
		}
		col = cut_word(o, col, w, len);
		w += len;
	}
	fputc('\n', o->f);
	free(copy);
}

/* ---- numbers ---- */

/* At most @width (6 or more) characters whatever the value. */
static const char *fit(char *buf, double v, int decimals, int width)
{
	if (snprintf(buf, REP_FIELD, "%.*f", decimals, v) <= width)
		return buf;
	if (snprintf(buf, REP_FIELD, "%.0f", v) <= width)
		return buf;
	snprintf(buf, REP_FIELD, "%.0e", v);
	return buf;
}

const char *rep_fmt_num(char *buf, double v)
{
	return isfinite(v) ? fit(buf, v, 1, 8) : REP_NM;
}

const char *rep_fmt_rate(char *buf, double v)
{
	return isfinite(v) ? fit(buf, v, 1, 6) : REP_NM;
}

const char *rep_fmt_count(char *buf, double v)
{
	return isfinite(v) ? fit(buf, v, v == floor(v) ? 0 : 1, 8) : REP_NM;
}

const char *rep_fmt_ratio(char *buf, double v)
{
	int decimals = v < 9.995 ? 2 : v < 99.95 ? 1 : 0;

	if (!isfinite(v))
		return REP_NM;
	if (v > 9999)
		return ">9999";
	snprintf(buf, REP_FIELD, "%.*f", decimals, v);
	return buf;
}

static const char *scaled(char *buf, double v, double step,
			  const char *const *unit, size_t nr)
{
	size_t i = 0;

	while (i + 1 < nr && v >= step) {
		v /= step;
		i++;
	}
	if (v >= 9999)
		snprintf(buf, REP_FIELD, "%.0e%s", v, unit[i]);
	else
		snprintf(buf, REP_FIELD, "%.*f%s", i ? 1 : 0, v, unit[i]);
	return buf;
}

const char *rep_fmt_ns(char *buf, double v)
{
	static const char *const unit[] = {"ns", "us", "ms", "s"};

	if (!isfinite(v))
		return REP_NM;
	return scaled(buf, v, 1000, unit, NWB_ARRAY_SIZE(unit));
}

const char *rep_fmt_bytes(char *buf, double v)
{
	static const char *const unit[] = {"B", "K", "M", "G"};

	if (!isfinite(v))
		return REP_NM;
	return scaled(buf, v, 1024, unit, NWB_ARRAY_SIZE(unit));
}
