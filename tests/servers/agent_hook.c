/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Linked into every test program that starts servers: lets it be the agent.
 * A constructor, because main() is the test framework's.
 */
#include "nwb/server.h"

__attribute__((constructor)) static void agent_hook(int argc, char **argv)
{
	nwb_server_maybe_agent(argc, argv);
}
