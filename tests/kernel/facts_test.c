/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Releases, configurations, fragments. */
#include "tree.h"

NWB_TEST(kernel_facts, flavour_changes_where_fuse_did)
{
	nwb_check_streq(nwb_kernel_flavour("6.1.0-37-amd64"), "linux-6.12");
	nwb_check_streq(nwb_kernel_flavour("6.12.95+deb12-amd64"),
			"linux-6.12");
	nwb_check_streq(nwb_kernel_flavour("6.15.9"), "linux-6.12");
	nwb_check_streq(nwb_kernel_flavour("6.16.0-uml"), "linux-7.2");
	nwb_check_streq(nwb_kernel_flavour("7.2.12+deb13-amd64"), "linux-7.2");
	nwb_check_streq(nwb_kernel_flavour("10.0.1"), "linux-7.2");
	nwb_check_streq(nwb_kernel_flavour("?"), "linux-7.2");
}

NWB_TEST(kernel_facts, modules_count_and_names_are_whole)
{
	uint32_t has = kernel_facts("# CONFIG_KASAN is not set\n"
				    "CONFIG_CIFS=m\nCONFIG_CIFS_STATS2=y\n"
				    "CONFIG_9P_FS=y\nCONFIG_FUSE_FSX=y\n"
				    "CONFIG_SMP=n\nXCONFIG_SMP=y\n");

	nwb_check_eq(has, NWB_KERNEL_HAS_CIFS | NWB_KERNEL_HAS_9P);
	nwb_check_eq(kernel_facts(""), 0);
}

NWB_TEST(kernel_facts, value_is_compared_whole)
{
	static const char config[] = "CONFIG_A=y\nCONFIG_B=\"fd:0,fd:1\"\n"
				     "CONFIG_C=10";

	nwb_check(kernel_config_has(config, "CONFIG_A", "y"));
	nwb_check(kernel_config_has(config, "CONFIG_B", "\"fd:0,fd:1\""));
	nwb_check(!kernel_config_has(config, "CONFIG_B", "\"fd:0\""));
	nwb_check(!kernel_config_has(config, "CONFIG_C", "1"));
	nwb_check(kernel_config_has(config, "CONFIG_C", "10"));
	nwb_check(!kernel_config_has(config, "CONFIG_D", "y"));
}

NWB_TEST(kernel_facts, only_required_options_are_missed)
{
	static const char fragment[] =
		"# a comment\nCONFIG_A=y\n# @optional\nCONFIG_B=y\n"
		"# @required again\nCONFIG_C=y\nCONFIG_D=\"x\"\n";
	char missing[64];

	nwb_check_eq(kernel_config_missing(fragment, "CONFIG_A=y\nCONFIG_C=m\n",
					   missing, sizeof(missing)),
		     2);
	nwb_check_streq(missing, "CONFIG_C CONFIG_D");
	nwb_check_eq(kernel_config_missing(
			     fragment,
			     "CONFIG_A=y\nCONFIG_C=y\nCONFIG_D=\"x\"\n",
			     missing, sizeof(missing)),
		     0);
	nwb_check_streq(missing, "");
	/* a short buffer cuts the names, not the count */
	nwb_check_eq(kernel_config_missing(fragment, "", missing, 12), 3);
	nwb_check_eq(strlen(missing), 11);
}

NWB_TEST(kernel_facts, own_fragment_asks_for_the_clients)
{
	char missing[2048];

	nwb_check(kernel_config_missing(kernel_uml_config, "", missing,
					sizeof(missing)) > 30);
	nwb_check(strstr(missing, "CONFIG_CIFS ") != NULL);
	nwb_check(strstr(missing, "CONFIG_9P_FS ") != NULL);
	nwb_check(strstr(missing, "CONFIG_FUSE_FS ") != NULL);
	nwb_check(strstr(missing, "CONFIG_FAILSLAB") == NULL);
	/* its network panics on more than one processor */
	nwb_check(strstr(kernel_uml_config, "CONFIG_SMP=") == NULL);
}
