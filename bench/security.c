/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dialect, signatures and encryption: words of a plan or of the command line
 * to options of client and server.
 */
#include "bench_i.h"

#include <stdio.h>
#include <string.h>

struct word {
	const char *word;
	unsigned int value;
};

static const struct word dialects[] = {
	{"2.0.2", 0x0202},
	{"2.1", 0x0210},
	{"3.0.2", 0x0302},
	{"3.1.1", 0x0311},
	{"any", NWB_SMB2_DIALECT_ANY},
};

static const struct word signings[] = {
	{"hmac", NWB_SIGNING_HMAC},
	{"cmac", NWB_SIGNING_CMAC},
	{"gmac", NWB_SIGNING_GMAC},
};

static const struct word encryptions[] = {
	{"auto", NWB_ENCRYPT_AUTO},
	{"on", NWB_ENCRYPT_ON},
	{"off", NWB_ENCRYPT_OFF},
};

static const struct word *find(const struct word *w, size_t nr,
			       const char *word)
{
	for (size_t i = 0; i < nr; i++)
		if (!strcmp(w[i].word, word))
			return &w[i];
	return NULL;
}

static const char *word_of(const struct word *w, size_t nr, unsigned int value)
{
	for (size_t i = 0; i < nr; i++)
		if (w[i].value == value)
			return w[i].word;
	return "?";
}

#define FIND(tab, word)	    find(tab, NWB_ARRAY_SIZE(tab), word)
#define WORD_OF(tab, value) word_of(tab, NWB_ARRAY_SIZE(tab), value)

int bench_set_dialect(struct bench_run_opts *o, const char *word,
		      const char **ret_want)
{
	const struct word *w = FIND(dialects, word);

	*ret_want = "2.0.2, 2.1, 3.0.2, 3.1.1 or any";
	if (!w)
		return -EINVAL;
	o->dialect = (uint16_t)w->value;
	return 0;
}

int bench_set_sign(struct bench_run_opts *o, const char *word,
		   const char **ret_want)
{
	const struct word *w = word ? FIND(signings, word) : NULL;

	*ret_want = "hmac, cmac or gmac";
	if (word && !w)
		return -EINVAL;
	o->sign = true;
	o->signing = w ? (enum nwb_smb2_signing)w->value : NWB_SIGNING_BEST;
	return 0;
}

int bench_set_encrypt(struct bench_run_opts *o, const char *word,
		      const char **ret_want)
{
	const struct word *w = FIND(encryptions, word ? word : "on");

	*ret_want = "auto, on or off";
	if (!w)
		return -EINVAL;
	o->encryption = (enum nwb_smb2_encryption)w->value;
	return 0;
}

void bench_security_args(const struct bench_run_opts *o, char *buf, size_t size)
{
	int n = 0;

	buf[0] = '\0';
	if (o->dialect)
		n += snprintf(buf + n, size - (size_t)n, " --dialect %s",
			      WORD_OF(dialects, o->dialect));
	if (o->sign)
		n += snprintf(buf + n, size - (size_t)n, " --sign");
	if (o->sign && o->signing)
		n += snprintf(buf + n, size - (size_t)n, "=%s",
			      WORD_OF(signings, o->signing));
	if (o->encryption)
		n += snprintf(buf + n, size - (size_t)n, " --encrypt=%s",
			      WORD_OF(encryptions, o->encryption));
	nwb_assert((size_t)n < size);
}

void bench_server_security(const struct nwb_plan *plan,
			   struct nwb_server_security *ret)
{
	const char *sign = nwb_plan_server_opt(plan, "sign");
	uint64_t dialect = nwb_plan_server_opt_nr(plan, "dialect", 0);

	*ret = (struct nwb_server_security){
		.signing = (enum nwb_server_signing)nwb_plan_server_opt_nr(
			plan, "signing", 0),
		.encrypt = (enum nwb_server_encrypt)nwb_plan_server_opt_nr(
			plan, "encrypt", 0),
		.min_dialect = (uint16_t)nwb_plan_server_opt_nr(
			plan, "min-dialect", dialect),
		.max_dialect = (uint16_t)nwb_plan_server_opt_nr(
			plan, "max-dialect", dialect),
		.sign_alg = (unsigned int)nwb_plan_server_opt_nr(plan,
								 "sign-alg", 0),
		.cipher =
			(unsigned int)nwb_plan_server_opt_nr(plan, "cipher", 0),
	};
	if (sign && !strcmp(sign, "mandatory"))
		ret->signing = NWB_SERVER_SIGNING_MANDATORY;
}

void bench_client_security(const struct bench_run_opts *o,
			   struct nwb_subject_opts *so)
{
	const struct nwb_plan *plan = o->plan;
	const char *of_server;
	uint64_t sign;

	so->sign = o->sign;
	so->dialect = o->dialect;
	so->signing = o->signing;
	so->encryption = o->encryption;
	if (!plan)
		return;
	so->dialect =
		(uint16_t)nwb_plan_client_opt_nr(plan, "dialect", o->dialect);
	so->encryption = (enum nwb_smb2_encryption)nwb_plan_client_opt_nr(
		plan, "encrypt", o->encryption);
	/* "server ... sign" says it for both of them */
	of_server = nwb_plan_server_opt(plan, "sign");
	if (of_server && strcmp(of_server, "off"))
		so->sign = true;
	if (!nwb_plan_client_opt(plan, "sign"))
		return;
	sign = nwb_plan_client_opt_nr(plan, "sign", 0);
	so->sign = sign != NWB_PLAN_SIGN_OFF;
	so->signing = so->sign ? (enum nwb_smb2_signing)sign : NWB_SIGNING_BEST;
}

bool bench_signs(const struct bench_run_opts *o)
{
	struct nwb_server_security sec = {0};
	struct nwb_subject_opts so = {0};

	bench_client_security(o, &so);
	if (o->plan)
		bench_server_security(o->plan, &sec);
	return so.encryption != NWB_ENCRYPT_ON &&
	       (so.sign || sec.signing == NWB_SERVER_SIGNING_MANDATORY);
}
