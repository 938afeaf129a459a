/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is printed to be pasted is read by a shell as it was meant. */
#include "nwb/shell.h"
#include "nwb/util.h"

#include "nwb_test.h"

#include <stdio.h>
#include <string.h>

/* ask_shell() - what a shell makes of @command, "printf %s WORD". */
static void ask_shell(const char *command, char *buf, size_t size)
{
	FILE *f = popen(command, "re");
	size_t n;

	nwb_check(f);
	n = fread(buf, 1, size - 1, f);
	buf[n] = '\0';
	nwb_check_eq(pclose(f), 0);
}

NWB_TEST(shell, a_shell_reads_the_word_that_was_meant)
{
	static const char *const words[] = {
		"",
		"plain-1.2_3:4,5=6/7+8%9@",
		"cut: on server.write nth=5 after do drop, rst",
		"it's",
		"'",
		"''a''",
		"a\nb",
		"$HOME `id` $(id) \"x\" \\ * ? [a] {a,b} ~ ! # & | ; < > ( )",
		"~",
		"--x=\t",
	};
	char command[512], said[256];

	for (size_t i = 0; i < NWB_ARRAY_SIZE(words); i++) {
		size_t at = (size_t)snprintf(command, sizeof(command),
					     "printf %%s");

		at = nwb_shell_word(command, sizeof(command), at, words[i]);
		nwb_check_eq(at, strlen(command));
		ask_shell(command, said, sizeof(said));
		nwb_check_streq(said, words[i]);
	}
}

NWB_TEST(shell, what_needs_no_quotes_has_none)
{
	char command[64] = "x";
	size_t at = 1;

	at = nwb_shell_word(command, sizeof(command), at, "--seed");
	at = nwb_shell_word(command, sizeof(command), at, "17");
	at = nwb_shell_word(command, sizeof(command), at, "a b");
	nwb_check_streq(command, "x --seed 17 'a b'");
	nwb_check_eq(at, strlen(command));
}

NWB_TEST(shell, what_is_cut_is_told_and_terminated)
{
	char command[8] = "x";
	size_t at = nwb_shell_word(command, sizeof(command), 1, "it's");

	nwb_check_eq(at, strlen("x 'it'\\''s'"));
	nwb_check_streq(command, "x 'it'\\");
	nwb_check_eq(nwb_shell_word(command, sizeof(command), at, "y"), at + 2);
	nwb_check_streq(command, "x 'it'\\");
}
