/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's first and only root: our program, the modules, the job.
 */
#include "cpio.h"
#include "machine_i.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int copy_modules(struct nwb_cpio *c, const char *dir,
			struct nwb_err *err)
{
	char path[sizeof(((struct nwb_kernel *)0)->modules) + 300];
	char line[256], name[300];
	FILE *f;
	int rc;

	snprintf(path, sizeof(path), "%s/order", dir);
	rc = nwb_cpio_copy(c, "lib/modules/order", 0644, path, err);
	if (rc)
		return rc;
	f = fopen(path, "re");
	if (!f)
		return nwb_err_set(err, -errno, "%s: %s", path,
				   nwb_errno_name(errno));
	while (!rc && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (!*line)
			continue;
		if (strchr(line, '/')) {
			rc = nwb_err_set(err, -EINVAL,
					 "%s: \"%s\" is no file's name", path,
					 line);
			break;
		}
		snprintf(name, sizeof(name), "lib/modules/%s", line);
		snprintf(path, sizeof(path), "%s/%s", dir, line);
		rc = nwb_cpio_copy(c, name, 0644, path, err);
		snprintf(path, sizeof(path), "%s/order", dir);
	}
	fclose(f);
	return rc;
}

int nwb_initrd_write(int fd, const struct nwb_kernel *kernel,
		     const char *program, const char *conf, const char *job,
		     struct nwb_err *err)
{
	static const char *const dirs[] = {"dev", "proc", "sys", "tmp",
					   "run", "etc",  "lib", "lib/modules"};
	struct nwb_cpio c;
	int rc;

	nwb_cpio_init(&c, fd);
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(dirs); i++)
		nwb_cpio_dir(&c, dirs[i]);
	rc = nwb_cpio_copy(&c, "init", 0755, program, err);
	if (!rc && kernel->modules[0])
		rc = copy_modules(&c, kernel->modules, err);
	if (rc)
		return rc;
	nwb_cpio_file(&c, "nwb.conf", 0644, conf, strlen(conf));
	nwb_cpio_file(&c, "job", 0644, job, strlen(job));
	rc = nwb_cpio_end(&c);
	return rc ? nwb_err_set(err, rc, "write the guest's first root: %s",
				nwb_errno_name(rc))
		  : 0;
}
