/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What reaches storage: pwrite, fsync, truncate, recorded around the system
 * call, with what rules do to them and with the request they belong to.
 *
 *	link to the open request ─ rules ─ park ─┬─ begin ─ runs ─ pwrite ─ end
 *	                                         └─ error: no system call
 *	                              (and "drop" of an fsync: it lies)
 *
 * A park comes before the begin: a parked write has not happened yet. The
 * payload is decoded between begin and system call, so that a writer that is
 * killed in it leaves behind what it may have written.
 */
#include "shim_i.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define KILLS (NWB_FC_DO_KILL | NWB_FC_DO_RESTART | NWB_FC_DO_KILL_CHILD)

static pthread_mutex_t files_lock = PTHREAD_MUTEX_INITIALIZER;
static struct sh_file *files;

/* is_wanted() - is the file the run's, or one that a rule names? Of the
 * server's own databases nothing is recorded and nothing is broken. */
static bool is_wanted(uint16_t id, const char *name)
{
	size_t len = strlen(name);

	if (id)
		return true;
	for (unsigned int i = 0; i < sh.page->nr_rules; i++) {
		const struct nwb_fc_rule *r = &sh.page->rule[i];

		if ((r->filters & NWB_FC_IF_FILE) && sh_glob(r->file, name))
			return true;
	}
	return !sh.ledger && (len < 4 || strcmp(name + len - 4, ".tdb"));
}

/* sh_file_intern() - the file at @path, or NULL: not of interest. Lives for
 * ever; there are as many as names. */
const struct sh_file *sh_file_intern(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	struct sh_file *f;
	uint16_t id;

	if (strlen(name) >= SH_NAME)
		return NULL;
	id = sh.ledger ? nwb_ledger_find_file(sh.ledger, name) : 0;
	if (!is_wanted(id, name))
		return NULL;
	pthread_mutex_lock(&files_lock);
	for (f = files; f && strcmp(f->name, name); f = f->next)
		;
	if (!f) {
		f = calloc(1, sizeof(*f));
		if (f) {
			f->id = id;
			strcpy(f->name, name);
			f->next = files;
			files = f;
		}
	}
	pthread_mutex_unlock(&files_lock);
	return f;
}

struct runs {
	uint16_t file;
	uint32_t parent;
};

static int one_run(void *arg, const struct nwb_stamp_run *run)
{
	const struct runs *rs = arg;
	struct nwb_lrec rec = nwb_lrec_run(rs->file, rs->parent, run);

	/* a cut lane of cipher text says nothing */
	if (sh.key.unit && run->kind == NWB_STAMP_PARTIAL &&
	    run->len < NWB_LANE)
		return 0;
	sh_rec_point(&rec);
	return 0;
}

static void decode(const struct nwb_lrec *parent, const void *buf, size_t len,
		   uint64_t off)
{
	struct runs rs;

	if (!parent || sh.ledger->hdr->level < 1)
		return;
	rs.file = parent->file;
	rs.parent = (uint32_t)(parent - sh.ledger->hdr->slot) + 1;
	nwb_stamp_scan(&sh.key, off, buf, len, one_run, &rs);
}

static void describe(const struct sh_file *f, enum nwb_fc_event what,
		     const struct sh_link *l, struct sh_ev *ev)
{
	*ev = (struct sh_ev){
		.ev = what,
		.cmd = l->cmd,
		.file = f->id,
		.is_attached = true,
		.conn = l->conn,
		.mid = l->mid,
		.name = f->name,
	};
}

static struct nwb_lrec *begin(const struct sh_file *f, uint16_t kind,
			      const struct sh_link *l, uint64_t off,
			      uint64_t len, uint64_t parked)
{
	return sh_rec_begin(&(struct nwb_lrec){
		.kind = kind,
		.file = f->id,
		.off = off,
		.len = len,
		.aux = parked,
		.conn = l->conn,
		.mid = l->mid,
		.cmd = l->cmd,
		.fid = l->fid,
		.instance = sh_instance(),
	});
}

/* ask() - rules of the event, and the marks that came with the request. */
static void ask(const struct sh_ev *ev, const struct sh_link *l,
		struct sh_take *t)
{
	memset(t, 0, sizeof(*t));
	if (sh_wants(ev->ev))
		sh_rules_eval(ev, t);
	if (l->take.rules_mark && !atomic_load(&sh.page->healed)) {
		t->before |= l->take.mark;
		t->rules_before |= l->take.rules_mark;
		t->delay_ns = nwb_max(t->delay_ns, l->take.delay_ns);
		if (l->take.mark & NWB_FC_DO_ERROR)
			t->error = l->take.error;
		if (l->take.mark & NWB_FC_DO_SHORT)
			t->short_len = l->take.short_len;
	}
	sh_rules_hit(t->rules_before, ev);
	if (t->before & KILLS)
		sh_die(t->before);
}

/* finish() - the after side; returns the errno to report instead, or 0. */
static int finish(const struct sh_ev *ev, const struct sh_take *t)
{
	if (!t->rules_after)
		return 0;
	sh_rules_hit(t->rules_after, ev);
	if (t->after & KILLS)
		sh_die(t->after);
	if (t->after & NWB_FC_DO_DELAY)
		sh_sleep(t->delay_ns);
	return t->after & NWB_FC_DO_ERROR ? t->error : 0;
}

ssize_t sh_pwrite(const struct sh_file *f, int fd, const void *buf, size_t len,
		  off_t off, sh_pwrite_fn real)
{
	uint64_t parked = 0;
	struct nwb_lrec *rec;
	struct sh_link l;
	struct sh_take t;
	struct sh_ev ev;
	ssize_t n;
	int err;

	sh_count(&sh.page->nr_pwrites);
	sh_count_op(NWB_OP_PWRITE);
	sh_link_write(buf, (uint64_t)off, len, f->id, &l);
	describe(f, NWB_FC_EV_PWRITE, &l, &ev);
	ev.has_extent = true;
	ev.off = (uint64_t)off;
	ev.len = len;
	if (sh_wants(NWB_FC_EV_PWRITE))
		ev.eof_extends = ev.off + len > sh.ops->file_size(fd);
	ask(&ev, &l, &t);
	if (t.before & NWB_FC_DO_DELAY)
		parked = sh_sleep(t.delay_ns);
	if (t.before & NWB_FC_DO_SHORT)
		len = nwb_min(len, (size_t)t.short_len);
	rec = begin(f, NWB_L_EFFECT_WRITE, &l, ev.off, len, parked);
	if (t.before & NWB_FC_DO_ERROR) {
		n = -1;
		errno = t.error;
	} else {
		decode(rec, buf, len, ev.off);
		n = real(fd, buf, len, off);
	}
	err = errno;
	if (rec)
		rec->result = n < 0 ? -err : n;
	sh_rec_end(rec);
	if (n >= 0) {
		err = finish(&ev, &t);
		if (err)
			n = -1;
	}
	if (n < 0)
		errno = err;
	return n;
}

int sh_fsync(const struct sh_file *f, int fd, int (*real)(int fd))
{
	uint64_t parked = 0;
	struct nwb_lrec *rec;
	struct sh_link l;
	struct sh_take t;
	struct sh_ev ev;
	int rc, err;

	sh_count(&sh.page->nr_fsyncs);
	sh_count_op(NWB_OP_FSYNC);
	sh_link_flush(f->id, &l);
	describe(f, NWB_FC_EV_FSYNC, &l, &ev);
	ask(&ev, &l, &t);
	if (t.before & NWB_FC_DO_DELAY)
		parked = sh_sleep(t.delay_ns);
	rec = begin(f, NWB_L_EFFECT_FSYNC, &l, 0, 0, parked);
	if (t.before & NWB_FC_DO_ERROR) {
		rc = -1;
		errno = t.error;
	} else if (t.before & NWB_FC_DO_DROP) {
		rc = 0; /* the disk lies */
	} else {
		rc = real(fd);
		/* What was promised must be there before the promise is. */
		if (!rc && sh.durable_fd >= 0)
			rc = sh_durable_copy(fd, f->name);
	}
	err = errno;
	if (rec)
		rec->result = rc ? -err : 0;
	sh_rec_end(rec);
	if (!rc) {
		err = finish(&ev, &t);
		rc = err ? -1 : 0;
	}
	if (rc)
		errno = err;
	return rc;
}

void sh_trunc_begin(const struct sh_file *f, off_t size,
		    struct nwb_lrec **ret_rec)
{
	static const struct sh_link none;

	*ret_rec = begin(f, NWB_L_EFFECT_TRUNCATE, &none, (uint64_t)size, 0, 0);
}

/* sh_trunc_end() - @result: 0 or -errno. */
void sh_trunc_end(struct nwb_lrec *rec, int result)
{
	if (rec)
		rec->result = result;
	sh_rec_end(rec);
}
