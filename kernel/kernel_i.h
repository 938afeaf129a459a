/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shared by the files that fetch and build kernels only.
 *
 *	get.c     a series: packages, download, kernel or tree
 *	build.c   a tree: configuration, make, kernel
 *	take.c    unpacked files: a directory of the cache
 *	resolve.c a word: a kernel
 *	apt.c     private lists from the machine's own archives
 *	apt_run.c apt-get and apt-cache, their complaints in our words
 *	modules.c which modules a guest needs, decompressed
 *	modinfo.c what a module says of itself
 *	facts.c   what a configuration says
 *	cache.c   directories that appear whole
 *	spawn.c   child processes
 */
#ifndef NWB_KERNEL_I_H
#define NWB_KERNEL_I_H

#include "nwb/kernel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KERNEL_PATH 4096
/* of a path that others are made of, so that these still fit */
#define KERNEL_DIR 3072

/* --- spawn.c -------------------------------------------------------------- */

/**
 * struct kernel_cmd - one child process, waited for.
 * @argv: NULL-terminated, argv[0] is looked up in PATH
 * @dir: to run in, NULL: ours
 * @log: its stdout and stderr are appended there, NULL: /dev/null
 * @out, @out_size: its stdout goes there instead, cut, NUL-terminated
 * @out_fd: or there, when it is greater than 0
 * @line: each line that it writes to stdout, or, with @has_status, to its file
 *	descriptor 3; cut at 511 bytes
 * @has_status: it writes its progress to file descriptor 3
 * @tick: about once a second, and after each @line
 * @arg: for @line and @tick
 *
 * It runs with LC_ALL=C, without stdin, and ends when we do.
 */
struct kernel_cmd {
	const char *const *argv;
	const char *dir;
	const char *log;
	char *out;
	size_t out_size;
	int out_fd;
	bool has_status;
	void (*line)(void *arg, const char *line);
	void (*tick)(void *arg);
	void *arg;
};

/** kernel_run() - Return: its exit code (128 + signal), 127 when it could not
 * be started, negative errno when no process could be made. */
int kernel_run(const struct kernel_cmd *c) nwb_must_check;
/** kernel_tool() - is there such a program? -ENOEXEC, and @err says what to
 * install: @package. */
int kernel_tool(const char *name, const char *package,
		struct nwb_err *err) nwb_must_check;
/** kernel_say() - progress; @p and its callback may be NULL. */
void kernel_say(const struct nwb_kernel_progress *p, int percent,
		const char *fmt, ...) nwb_printf(3, 4);

/* --- cache.c -------------------------------------------------------------- */

/** kernel_path() - "@dir/..." into @ret. -ENAMETOOLONG, @ret is empty then. */
int kernel_path(char *ret, size_t size, const char *fmt, ...)
	nwb_printf(3, 4) nwb_must_check;
/** kernel_mkdirs() - @path and what is above it, mode 0700. */
int kernel_mkdirs(const char *path) nwb_must_check;
/** kernel_rmtree() - all of it, if it is there; links are not followed. */
int kernel_rmtree(const char *path);
/** kernel_copy() - the content of @from in the new file @to. */
int kernel_copy(const char *from, const char *to,
		unsigned int mode) nwb_must_check;
/** kernel_space() - are there @bytes free where @dir is? -ENOSPC, with text. */
int kernel_space(const char *dir, uint64_t bytes,
		 struct nwb_err *err) nwb_must_check;
/** kernel_lock() - wait for the lock file @path, which is held until we and the
 * children that we start have ended or closed it. @what: that another one does.
 * Return: file descriptor, to be closed; -errno. */
int kernel_lock(const char *path, const struct nwb_kernel_progress *p,
		const char *what) nwb_must_check;
/**
 * kernel_stage() - a new directory "@base/.new-..." to fill; what dead
 * processes have left there is removed.
 */
int kernel_stage(const char *base, char *ret_path, size_t size,
		 struct nwb_err *err) nwb_must_check;
/** kernel_commit() - the filled directory @stage becomes "@base/@name". */
int kernel_commit(const char *base, const char *stage, const char *name,
		  struct nwb_err *err) nwb_must_check;
/** kernel_about_write() - @k as "@dir/about". */
int kernel_about_write(const char *dir, const struct nwb_kernel *k,
		       struct nwb_err *err) nwb_must_check;
/** kernel_about_read() - -ENOENT: no kernel; -EBADMSG: not understood. */
int kernel_about_read(const char *base, const char *name,
		      struct nwb_kernel *ret) nwb_must_check;
/** kernel_text() - a whole small file, to be freed; NULL: not there, or above
 * 4 MiB. */
char *kernel_text(const char *path);

/* --- facts.c -------------------------------------------------------------- */

/** kernel_facts() - NWB_KERNEL_HAS_* of the text of a configuration. */
uint32_t kernel_facts(const char *config);
/** kernel_config_has() - is "@name=@value" a line of it? */
bool kernel_config_has(const char *config, const char *name, const char *value);
/**
 * kernel_config_missing() - options of a fragment that a configuration has not.
 * @fragment: its lines "CONFIG_X=y" after a line "# @optional" may be missing,
 *	those after "# @required" may not
 * @ret, @size: the names that are missing, with spaces between
 *
 * Return: how many.
 */
unsigned int kernel_config_missing(const char *fragment, const char *config,
				   char *ret, size_t size);

/* --- modinfo.c ------------------------------------------------------------ */

/**
 * kernel_modinfo() - what a module says of itself.
 * @elf, @len: the file, decompressed
 * @key: "depends", "softdep", "vermagic"
 * @nth: the how manyth of that key, from 0
 * @ret, @size: its value
 *
 * Return: 0; -ENOENT: no such value; -EBADMSG: not a 64-bit little-endian ELF
 * file, or a damaged one; -ENOSPC: longer than @size.
 */
int kernel_modinfo(const uint8_t *elf, size_t len, const char *key,
		   unsigned int nth, char *ret, size_t size) nwb_must_check;

/* --- modules.c ------------------------------------------------------------ */

/**
 * kernel_modules_pack() - what a guest needs of a distribution's modules.
 * @from: directory lib/modules/RELEASE
 * @to: new directory: modules and "order"
 * @is_uml: which has no virtio network and console
 * @ret_nr: how many modules; NULL is fine
 *
 * Return: 0; -ENOENT: one that the lane cannot do without is neither there nor
 * built in; -ENOEXEC: it cannot be decompressed; -EBADMSG.
 */
int kernel_modules_pack(const char *from, const char *to, bool is_uml,
			unsigned int *ret_nr,
			struct nwb_err *err) nwb_must_check;

/* --- take.c --------------------------------------------------------------- */

/**
 * kernel_unpack() - a package's files below @stage/files.
 */
int kernel_unpack(const char *deb, const char *stage,
		  struct nwb_err *err) nwb_must_check;
/**
 * kernel_take() - a directory of the cache from unpacked packages.
 * @base: the cache
 * @stage: of kernel_stage(); its "root" has what the packages hold; given away
 * @from: struct nwb_kernel.from
 */
int kernel_take(const char *base, const char *stage, const char *from,
		const struct nwb_kernel_progress *p, struct nwb_kernel *ret,
		struct nwb_err *err) nwb_must_check;
/** kernel_take_uml() - an installed image of UML, with its modules when it has
 * such: as a kernel of the cache then, else as it lies there. */
int kernel_take_uml(const char *image, const struct nwb_kernel_progress *p,
		    struct nwb_kernel *ret, struct nwb_err *err) nwb_must_check;
/** kernel_take_deb() - a file X.deb, and what it needs beside it. */
int kernel_take_deb(const char *deb, const struct nwb_kernel_progress *p,
		    struct nwb_kernel *ret, struct nwb_err *err) nwb_must_check;
/** kernel_uml_ask() - release and configuration that an image tells; the text
 * is to be freed. -EINVAL: no image of UML. */
int kernel_uml_ask(const char *image, char *ret_release, size_t size,
		   char **ret_config, struct nwb_err *err) nwb_must_check;

/* --- apt.c ---------------------------------------------------------------- */

#define KERNEL_SUITES_MAX 4

/**
 * kernel_apt_line() - a line of sources.list for other suites.
 * @line: "deb [options] uri suite component..."
 * @home: the machine's own suite: lines of others are not for us
 * @suite: instead of it
 * @ret, @size: the new line, without a newline
 *
 * Return: whether it is an archive of Debian's main component for @home.
 */
bool kernel_apt_line(const char *line, const char *home, const char *suite,
		     char *ret, size_t size) nwb_must_check;
/**
 * kernel_apt_stanza() - the same for a stanza of a .sources file.
 * @suites: with spaces between
 */
bool kernel_apt_stanza(const char *stanza, const char *home, const char *suites,
		       char *ret, size_t size) nwb_must_check;
/**
 * kernel_apt_setup() - a directory with a configuration and lists of its own.
 * @dir: made when it is missing
 * @suites: of the same archives, NULL-terminated
 *
 * Return: 0; -ENOENT: no archive of Debian's is configured here; -ENOEXEC: no
 * apt; -errno.
 */
int kernel_apt_setup(const char *dir, const char *const *suites,
		     struct nwb_err *err) nwb_must_check;
/** kernel_apt_home() - the machine's suite, "bookworm". */
void kernel_apt_home(char *ret, size_t size);

/* --- apt_run.c ------------------------------------------------------------ */

#define KERNEL_PKGS_MAX 8

/**
 * struct kernel_pkg - one package of the archives.
 */
struct kernel_pkg {
	char name[128];
	char version[96];
	char depends[1024];
	char sha256[65];
	uint64_t size;	    /* of the file */
	uint64_t installed; /* bytes, unpacked */
};

/** kernel_pkg_parse() - a paragraph of `apt-cache show` or dpkg-deb -f.
 * -EBADMSG: no package. */
int kernel_pkg_parse(const char *text, struct kernel_pkg *ret) nwb_must_check;
/** kernel_pkg_needs() - @nth of its dependencies that belong to @release.
 * -ENOENT: so many it has not. */
int kernel_pkg_needs(const struct kernel_pkg *pkg, const char *release,
		     unsigned int nth, char *ret, size_t size) nwb_must_check;
/**
 * kernel_pkg_release() - is a package a plain kernel of that series?
 * @name: "linux-image-6.12.95+deb13-amd64"
 * @series: "6.12", "6.12.95"
 * @ret: "6.12.95+deb13-amd64"
 *
 * Real-time, cloud, unsigned and debug ones are not.
 */
bool kernel_pkg_release(const char *name, const char *series, char *ret,
			size_t size) nwb_must_check;
/** kernel_series_ok() - "6.12", "7.2.12"; nothing that a shell or a path would
 * trip over. */
bool kernel_series_ok(const char *series);
/** kernel_apt_why() - apt's complaint, the text of its log, in our words.
 * Return: -errno as nwb_kernel_get() says. */
int kernel_apt_why(const char *log, const char *what, struct nwb_err *err);
int kernel_apt_update(const char *dir, const struct nwb_kernel_progress *p,
		      struct nwb_err *err) nwb_must_check;
/** kernel_apt_names() - names that begin so, one a line; to be freed. */
int kernel_apt_names(const char *dir, const char *prefix, char **ret,
		     struct nwb_err *err) nwb_must_check;
/** kernel_apt_show() - -ENOENT: there is no such package. */
int kernel_apt_show(const char *dir, const char *name, struct kernel_pkg *ret,
		    struct nwb_err *err) nwb_must_check;
/** kernel_apt_download() - into @dir/debs; what is there already, and is what
 * the archive's index says, stays. */
int kernel_apt_download(const char *dir, const struct kernel_pkg *pkgs,
			unsigned int nr, const struct nwb_kernel_progress *p,
			struct nwb_err *err) nwb_must_check;
/** kernel_apt_deb() - the file that a package was downloaded to. */
int kernel_apt_deb(const char *dir, const struct kernel_pkg *pkg, char *ret,
		   size_t size, struct nwb_err *err) nwb_must_check;

/* --- get.c ---------------------------------------------------------------- */

/** kernel_find() - fill @pkg through the private lists in @dir, which are made;
 * -ENOENT: the archives have none. @pick: the newest name of it. */
int kernel_find(const char *dir, const char *prefix,
		bool (*pick)(void *arg, const char *name, char *best,
			     size_t size),
		void *arg, const struct nwb_kernel_progress *p,
		struct kernel_pkg *ret, struct nwb_err *err) nwb_must_check;

/* The fragment of the configuration that UML is built with (uml.config). */
extern const char kernel_uml_config[];

#endif
