/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which of a distribution's modules a guest needs.
 *
 *	wanted ──► there? ──► decompressed ──► "depends", "softdep" of its
 *	              │                         .modinfo: those first ──► order
 *	              └─ built in (modules.builtin): nothing to do
 *
 * The client of SMB asks for its ciphers when a mount begins, by the names of
 * algorithms, which nothing in a guest would look up: they are in the list.
 */
#include "kernel_i.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define MODULES_MAX 8192
#define ORDER_MAX   256
#define DEPTH_MAX   16

static const struct {
	const char *name;
	bool is_needed; /* without it there is no lane */
} wanted[] = {
	{"virtio_pci", true},
	{"virtio_net", true},
	{"virtio_console", true},
	{"virtio_rng", false},
	{"netfs", true},
	{"fuse", true},
	{"9pnet_fd", true},
	{"9pnet_virtio", false},
	{"9p", true},
	{"cifs", true},
	{"cachefiles", false},
	{"nls_utf8", false},
	{"nls_ascii", false},
	{"sha256_generic", false},
	{"sha512_generic", false},
	{"aes_generic", false},
	{"md4", false},
	{"md5", false},
	{"hmac", false},
	{"cmac", false},
	{"ccm", false},
	{"gcm", false},
	{"ctr", false},
	{"ghash_generic", false},
	{"ecb", false},
	{"crc32c_generic", false},
};

/* UML has its own network and console. */
static const char *const not_in_uml[] = {"virtio_pci", "virtio_net",
					 "virtio_console"};

struct file {
	char name[64]; /* with '_' for '-', as the kernel has it */
	char *path;
};

struct set {
	struct file *file;
	unsigned int nr_files;
	char *builtin;
	char order[ORDER_MAX][64];
	unsigned int nr_order;
	const char *from, *to;
	bool is_uml;
	struct nwb_err *err;
};

/* "kernel/fs/smb/client/cifs.ko.xz": "cifs". false: not a module. */
static bool module_name(const char *path, char *ret, size_t size)
{
	const char *base = strrchr(path, '/');
	const char *end;
	size_t len;

	base = base ? base + 1 : path;
	end = strstr(base, ".ko");
	if (!end || (end[3] && strcmp(end + 3, ".xz") &&
		     strcmp(end + 3, ".zst") && strcmp(end + 3, ".gz")))
		return false;
	len = (size_t)(end - base);
	if (!len || len >= size)
		return false;
	for (size_t i = 0; i < len; i++)
		ret[i] = base[i] == '-' ? '_' : base[i];
	ret[len] = 0;
	return true;
}

static struct set *walked; /* nftw() has no argument of the caller's */

static int add_file(const char *path, const struct stat *st, int flag,
		    struct FTW *ftw)
{
	struct file *f = &walked->file[walked->nr_files];

	(void)st;
	(void)ftw;
	if (flag != FTW_F || !module_name(path, f->name, sizeof(f->name)))
		return 0;
	f->path = strdup(path);
	if (!f->path)
		return -1;
	return ++walked->nr_files == MODULES_MAX;
}

static const struct file *find_file(const struct set *s, const char *name)
{
	for (unsigned int i = 0; i < s->nr_files; i++)
		if (!strcmp(s->file[i].name, name))
			return &s->file[i];
	return NULL;
}

static bool is_builtin(const struct set *s, const char *name)
{
	for (const char *p = s->builtin; p && *p; p += *p == '\n') {
		char line[256], mod[64];
		size_t len = strcspn(p, "\n");

		snprintf(line, sizeof(line), "%.*s", (int)len, p);
		p += len;
		if (module_name(line, mod, sizeof(mod)) && !strcmp(mod, name))
			return true;
	}
	return false;
}

static bool is_loaded(const struct set *s, const char *name)
{
	for (unsigned int i = 0; i < s->nr_order; i++)
		if (!strcmp(s->order[i], name))
			return true;
	return false;
}

static int decompress(const struct set *s, const struct file *f, const char *to)
{
	static const struct {
		const char *suffix, *tool, *package;
	} how[] = {{".xz", "xz", "xz-utils"},
		   {".zst", "zstd", "zstd"},
		   {".gz", "gzip", "gzip"}};
	const char *argv[] = {NULL, "-dc", f->path, NULL};
	const char *suffix = strrchr(f->path, '.');
	struct kernel_cmd c = {.argv = argv};
	int rc;

	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(how); i++) {
		if (strcmp(suffix, how[i].suffix))
			continue;
		rc = kernel_tool(how[i].tool, how[i].package, s->err);
		if (rc)
			return rc;
		argv[0] = how[i].tool;
	}
	if (!argv[0]) {
		rc = kernel_copy(f->path, to, 0600);
		return rc ? nwb_err_set(s->err, rc, "%.300s: %s", to,
					strerror(-rc))
			  : 0;
	}
	c.out_fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (c.out_fd < 0)
		return nwb_err_set(s->err, -errno, "%.300s: %s", to,
				   strerror(errno));
	rc = kernel_run(&c);
	if (close(c.out_fd) && !rc)
		rc = -errno;
	if (rc)
		return nwb_err_set(s->err, -ENOEXEC,
				   "module %s cannot be decompressed (%s ends "
				   "with %d; disk full?)",
				   f->name, argv[0], rc);
	return 0;
}

static int add(struct set *s, const char *name, unsigned int depth,
	       bool is_soft);

/* Each word of a value of its .modinfo; "pre:" and "post:" are not names. */
static int add_words(struct set *s, char *words, unsigned int depth,
		     bool is_soft)
{
	int rc = 0;

	for (char *save = NULL, *w = strtok_r(words, ", ", &save); w && !rc;
	     w = strtok_r(NULL, ", ", &save))
		if (!strchr(w, ':'))
			rc = add(s, w, depth + 1, is_soft);
	return rc;
}

static int add_needed(struct set *s, const struct file *f, const uint8_t *elf,
		      size_t len, unsigned int depth)
{
	static const char *const keys[] = {"depends", "softdep"};
	int rc = 0;

	for (unsigned int k = 0; k < NWB_ARRAY_SIZE(keys); k++)
		for (unsigned int nth = 0; !rc; nth++) {
			char words[2048];

			rc = kernel_modinfo(elf, len, keys[k], nth, words,
					    sizeof(words));
			if (rc == -ENOENT) {
				rc = 0;
				break;
			}
			if (rc)
				return nwb_err_set(s->err, rc,
						   "module %s is damaged",
						   f->name);
			rc = add_words(s, words, depth, k == 1);
		}
	return rc;
}

static int add_file_of(struct set *s, const struct file *f, unsigned int depth)
{
	char to[KERNEL_PATH];
	struct stat st;
	void *elf;
	int fd, rc;

	rc = kernel_path(to, sizeof(to), "%s/%s.ko", s->to, f->name);
	if (rc)
		return nwb_err_set(s->err, rc, "%.300s: too long", s->to);
	/* on the way to it already: a circle of soft dependencies */
	if (!access(to, F_OK))
		return 0;
	rc = decompress(s, f, to);
	if (rc)
		return rc;
	fd = open(to, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) || !st.st_size) {
		if (fd >= 0)
			close(fd);
		return nwb_err_set(s->err, -EBADMSG, "module %s is empty",
				   f->name);
	}
	elf = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (elf == MAP_FAILED)
		return nwb_err_set(s->err, -ENOMEM, "module %s: no memory",
				   f->name);
	rc = add_needed(s, f, elf, (size_t)st.st_size, depth);
	munmap(elf, (size_t)st.st_size);
	if (!rc && s->nr_order == ORDER_MAX)
		rc = nwb_err_set(s->err, -E2BIG, "too many modules");
	if (!rc)
		snprintf(s->order[s->nr_order++], sizeof(s->order[0]), "%s",
			 f->name);
	return rc;
}

static int add(struct set *s, const char *word, unsigned int depth,
	       bool is_soft)
{
	const struct file *f;
	char name[64];

	if (kernel_path(name, sizeof(name), "%s", word))
		return 0;
	for (char *p = name; *p; p++)
		*p = *p == '-' ? '_' : *p;
	if (is_loaded(s, name))
		return 0;
	f = find_file(s, name);
	if (!f && (is_soft || is_builtin(s, name)))
		return 0;
	if (!f)
		return nwb_err_set(s->err, -ENOENT,
				   "there is no module %s in %.200s", name,
				   s->from);
	if (depth > DEPTH_MAX)
		return nwb_err_set(s->err, -EBADMSG,
				   "module %s: dependencies without an end",
				   name);
	return add_file_of(s, f, depth);
}

static bool is_needed(const struct set *s, unsigned int i)
{
	if (s->is_uml)
		for (unsigned int k = 0; k < NWB_ARRAY_SIZE(not_in_uml); k++)
			if (!strcmp(wanted[i].name, not_in_uml[k]))
				return false;
	return wanted[i].is_needed;
}

static int write_order(const struct set *s)
{
	char path[KERNEL_PATH];
	int rc = kernel_path(path, sizeof(path), "%s/order", s->to);
	FILE *f = rc ? NULL : fopen(path, "we");

	for (unsigned int i = 0; f && i < s->nr_order; i++)
		fprintf(f, "%s.ko\n", s->order[i]);
	if (!f || ferror(f))
		rc = -EIO;
	if (f && fclose(f) && !rc)
		rc = -errno;
	return rc ? nwb_err_set(s->err, rc, "%.300s: %s", path, strerror(-rc))
		  : 0;
}

static int pack(struct set *s)
{
	int rc = 0;

	walked = s;
	rc = nftw(s->from, add_file, 32, FTW_PHYS);
	walked = NULL;
	if (rc)
		return nwb_err_set(s->err, -ENOENT,
				   "%.300s: no modules, or too many", s->from);
	if (mkdir(s->to, 0700) && errno != EEXIST)
		return nwb_err_set(s->err, -errno, "%.300s: %s", s->to,
				   strerror(errno));
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(wanted) && !rc; i++)
		rc = add(s, wanted[i].name, 0, !is_needed(s, i));
	return rc ? rc : write_order(s);
}

int kernel_modules_pack(const char *from, const char *to, bool is_uml,
			unsigned int *ret_nr, struct nwb_err *err)
{
	struct set *s = calloc(1, sizeof(*s));
	char path[KERNEL_PATH];
	int rc = -ENOMEM;

	if (s)
		s->file = calloc(MODULES_MAX, sizeof(*s->file));
	if (s && s->file) {
		s->from = from;
		s->to = to;
		s->is_uml = is_uml;
		s->err = err;
		rc = kernel_path(path, sizeof(path), "%s/modules.builtin",
				 from);
		s->builtin = rc ? NULL : kernel_text(path);
		rc = rc ? rc : pack(s);
	}
	if (!rc && ret_nr)
		*ret_nr = s->nr_order;
	for (unsigned int i = 0; s && i < s->nr_files; i++)
		free(s->file[i].path);
	if (s) {
		free(s->file);
		free(s->builtin);
	}
	free(s);
	if (rc == -ENOMEM)
		return nwb_err_set(err, rc, "no memory for the modules");
	return rc;
}
