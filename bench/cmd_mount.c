/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netwb mount: the command line; see mount_i.h and serve_i.h. */
#include "mount_i.h"
#include "serve_i.h"

static const char about[] =
	"  netwb mount SERVER [OPTIONS] -- COMMAND [ARGUMENTS]\n"
	"  netwb mount SERVER [OPTIONS] --dir DIR\n\n"
	"The reference client as a file system, over a real server with the "
	"plan's\n"
	"faults armed. COMMAND runs in it, any program will do:\n\n"
	"  netwb mount smbd -e 'cut: on server.write nth=5 after do rst' \\\n"
	"      -- sh -c 'cp -r /usr/include . && git init && git add .'\n\n"
	"SERVER is smbd or diod. COMMAND sees the mount, nobody else does; it "
	"begins\n"
	"in it, NWB_MNT names it. When it has ended, the mount is taken away, "
	"all is\n"
	"made durable, and what COMMAND was told that it did is compared byte "
	"by byte\n"
	"with what lies on the server (docs/mount.md). Without COMMAND it is "
	"mounted\n"
	"on DIR of the host until ^C: as root, or with fusermount3.\n"
	"Exit: the verdict's; 1 also when COMMAND fails.";

int bench_cmd_mount(int argc, char **argv)
{
	static struct bench_mount m;

	m = (struct bench_mount){.fd = -1, .place = NWB_INSIDE_NONE};
	return serve_command(argc, argv, BENCH_CLI_MOUNT, about, &m);
}
