/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kernels to be judged: where they come from, what they are, where they lie.
 *
 *	apt (private lists)    ──get──►   ┌─ kernel/ in the cache ─────────┐
 *	a tree                 ──build──► │ NAME/ about config image mod/  │
 *	a .deb, a UML image    ──take──►  └───────────────┬────────────────┘
 *	the running kernel     ───────────────resolve─────┴─► struct nwb_kernel
 *
 * The cache is $XDG_CACHE_HOME/netwb/kernel (else ~/.cache/netwb/kernel), mode
 * 0700. A kernel is one directory of it; it appears by rename(2), whole, or not
 * at all, and what a killed call has left is removed by the next one. Nothing of
 * the machine's own package manager or of a tree is written to.
 *
 *	NAME/about	"key value" lines, what struct nwb_kernel says
 *	NAME/config	the kernel's configuration
 *	NAME/image	vmlinuz (QEMU) or the program "linux" (UML)
 *	NAME/mod/	modules that a guest needs, decompressed, and "order":
 *			their file names, one a line, in the order of loading
 *
 * What takes long says so through struct nwb_kernel_progress. Everything here
 * blocks, starts child processes, and is for one thread; two processes may do
 * it at the same time.
 */
#ifndef NWB_KERNEL_H
#define NWB_KERNEL_H

#include "nwb/err.h"

enum nwb_kernel_kind {
	NWB_KERNEL_UML,	 /* a program: image runs by itself */
	NWB_KERNEL_QEMU, /* a distribution's vmlinuz, under QEMU TCG */
	NWB_KERNEL_HOST, /* the running kernel; no image */
};

/* What the configuration says, bits of nwb_kernel.has. */
#define NWB_KERNEL_HAS_CIFS	0x001u
#define NWB_KERNEL_HAS_9P	0x002u
#define NWB_KERNEL_HAS_FUSE	0x004u
#define NWB_KERNEL_HAS_TRACE	0x008u /* tracepoints can be read */
#define NWB_KERNEL_HAS_NETFS	0x010u /* netfs library and its tracepoints */
#define NWB_KERNEL_HAS_FSSTATS	0x020u /* /proc/fs/netfs/stats has figures */
#define NWB_KERNEL_HAS_KASAN	0x040u
#define NWB_KERNEL_HAS_LOCKDEP	0x080u
#define NWB_KERNEL_HAS_SMP	0x100u
#define NWB_KERNEL_HAS_HUNGTASK 0x200u /* it reports tasks that hang */
#define NWB_KERNEL_HAS_CONSOLE	0x400u /* virtio_console, built in or module */
#define NWB_KERNEL_HAS_VIRTIO9P 0x800u /* 9P over virtio */

/**
 * struct nwb_kernel - one kernel, ready to be booted.
 * @kind: how it runs
 * @name: of the directory in the cache; "host"; for an image that is not in the
 *	cache the last part of its path
 * @release: as uname -r says, "6.12.95+deb13-amd64"
 * @flavour: reference client and policy that predict it: "linux-6.12" for all
 *	before 6.16 (FUSE still has temporary pages), "linux-7.2" for 6.16 on
 * @image: absolute path of the file to boot; "" for the host
 * @modules: absolute path of the directory with "order" in it; "" when nothing
 *	has to be loaded
 * @config: absolute path of the configuration; "" when it is not known
 * @from: where it came from, for people: "linux-image-... 6.12.95-1", a tree
 * @has: NWB_KERNEL_HAS_*
 * @is_config_known: @has was read from a configuration; when false, all that a
 *	client of the lane needs is supposed to be there
 * @size: bytes on disk, of all of it
 * @made: seconds since the epoch, when it was got or built; 0: not known
 */
struct nwb_kernel {
	enum nwb_kernel_kind kind;
	char name[128];
	char release[96];
	char flavour[16];
	char image[4096];
	char modules[4096];
	char config[4096];
	char from[512];
	uint32_t has;
	bool is_config_known;
	uint64_t size;
	int64_t made;
};

/**
 * struct nwb_kernel_progress - who wants to know how far it is.
 * @say: called for each step and about once a second inside one. @step: what is
 *	done now, one short line; up to a colon the same all through a step.
 *	@percent: of this step, -1: not known
 * @arg: for @say
 */
struct nwb_kernel_progress {
	void (*say)(void *arg, const char *step, int percent);
	void *arg;
};

/**
 * nwb_kernel_kind_name() - "uml", "qemu", "host".
 */
const char *nwb_kernel_kind_name(enum nwb_kernel_kind kind);

/**
 * nwb_kernel_flavour() - which flavour predicts a release.
 * @release: "7.2.12+deb13-amd64"
 *
 * Return: static string, see struct nwb_kernel.
 */
const char *nwb_kernel_flavour(const char *release);

/**
 * nwb_kernel_cache() - the directory of all kernels; made when it is missing.
 * @ret_path, @size: where to; at least 256 bytes
 *
 * Return: 0; -ENOENT: neither XDG_CACHE_HOME nor HOME; -ENAMETOOLONG; -EPERM:
 * somebody else's, or open to others; another -errno of mkdir(2).
 */
int nwb_kernel_cache(char *ret_path, size_t size,
		     struct nwb_err *err) nwb_must_check;

/**
 * nwb_kernel_get() - have the distribution's kernel of a series.
 * @series: "6.12", "7.2", or a release's beginning, "6.12.95"
 * @update: ask the archives for the newest; else one of the series that the
 *	cache has already will do, without any network
 * @p: or NULL
 * @ret: the kernel; of what was there already too
 *
 * The packages come through apt from the archives that the machine's own
 * configuration names (kernel/apt.c), verified as apt verifies them. No root.
 * Return: 0; -EINVAL: not a series; -ENOENT: no such kernel in the archives;
 * -ENETUNREACH, -ENOSPC, -EKEYREJECTED, -ESTALE (index expired), -ENOEXEC (a
 * tool is missing, or failed): one sentence in @err says what and the remedy.
 */
int nwb_kernel_get(const char *series, bool update,
		   const struct nwb_kernel_progress *p, struct nwb_kernel *ret,
		   struct nwb_err *err) nwb_must_check;

/**
 * nwb_kernel_get_source() - have the source package of a series, unpacked.
 * @series, @update, @p: see nwb_kernel_get()
 * @ret_tree, @size: path of the tree in the cache, at least 4096 bytes
 *
 * Return: as nwb_kernel_get().
 */
int nwb_kernel_get_source(const char *series, bool update,
			  const struct nwb_kernel_progress *p, char *ret_tree,
			  size_t size, struct nwb_err *err) nwb_must_check;

/**
 * struct nwb_kernel_build - how a tree is built.
 * @jobs: of make; 0: as many as there are processors
 * @kasan: with KASAN, in a directory of its own
 * @seconds: out: how long make took
 * @log: out: path of make's output
 */
struct nwb_kernel_build {
	unsigned int jobs;
	bool kasan;
	double seconds;
	char log[4096];
};

/**
 * nwb_kernel_build() - build UML from a tree, incrementally.
 * @tree: directory of a kernel's source; nothing is written to it
 * @b: in and out
 *
 * Return: 0; -ENOTDIR: not a kernel's tree; -EBUSY: the tree itself holds a
 * build, kbuild then refuses another; -ENODATA: options that the lane cannot do
 * without are not to be had in this tree, named in @err; -ENOEXEC: make failed,
 * the first error is in @err.
 */
int nwb_kernel_build(const char *tree, struct nwb_kernel_build *b,
		     const struct nwb_kernel_progress *p,
		     struct nwb_kernel *ret,
		     struct nwb_err *err) nwb_must_check;

/**
 * nwb_kernel_resolve() - the kernel that a word means.
 * @word: the first that fits:
 *	"host"			the running kernel
 *	a name of the cache	`netwb kernel list`
 *	"6.12", "7.2.12"	newest package of that series in the cache
 *	"6.12-uml"		newest UML build of that series in the cache
 *	a directory		a kernel's tree: built first, incrementally; or
 *				the directory of a build, with "linux" in it
 *	a file X.deb		its packages beside it are taken too
 *	a package's name	"linux-image-6.12.95+deb13-amd64", of the cache
 *	a file			an image of UML
 * @b: how to build a tree, NULL: by default
 *
 * Nothing is downloaded. Return: 0; -ENOENT: not there, @err says by what
 * command it can be had; -EINVAL: a file that is no kernel; of a tree, what
 * nwb_kernel_build() returns.
 */
int nwb_kernel_resolve(const char *word, struct nwb_kernel_build *b,
		       const struct nwb_kernel_progress *p,
		       struct nwb_kernel *ret,
		       struct nwb_err *err) nwb_must_check;

/**
 * nwb_kernel_list() - all of the cache, by name.
 * @each: called with each; a negative return ends it
 *
 * Return: 0, what @each returned, or -errno.
 */
int nwb_kernel_list(int (*each)(void *arg, const struct nwb_kernel *k),
		    void *arg, struct nwb_err *err) nwb_must_check;

/**
 * nwb_kernel_list_sources() - the trees that nwb_kernel_get_source() unpacked.
 * @each: name, path, when it was made in seconds since the epoch
 */
int nwb_kernel_list_sources(int (*each)(void *arg, const char *name,
					const char *path, int64_t made),
			    void *arg, struct nwb_err *err) nwb_must_check;

/**
 * nwb_kernel_size() - bytes on disk of a tree; takes as long as walking it.
 */
uint64_t nwb_kernel_size(const char *path);

/**
 * nwb_kernel_remove() - take a kernel or a source tree out of the cache.
 * @name: as listed
 *
 * Return: 0; -ENOENT: there is none of that name; -errno.
 */
int nwb_kernel_remove(const char *name, struct nwb_err *err) nwb_must_check;

#endif
